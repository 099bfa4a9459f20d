/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of handles: generation(32) | slot(32).
 *
 * A handle is never reused: giving a slot back raises its generation, and a
 * slot whose generation wraps is retired. Generations begin at 1, so no handle
 * is below 2^32 and 0 is none.
 *
 * Slots live in chunks that double in size, never move and go only with the
 * table, so a look-up needs nothing but RCU for the object it finds. All
 * changes are made under the spinlock of the table's owner; caps_table_grow()
 * alone sleeps and takes that lock itself.
 *
 * A look-up without the lock can race a slot's reuse:
 *
 *	reader				writer
 *	object = load-acquire(object)	object = NULL		(remove)
 *	compare generation		generation++		(release)
 *					store-release(object)	(publish)
 *
 * A reader that sees the new object sees the new generation too, and fails.
 */
#ifndef _CAPS_TABLE_H
#define _CAPS_TABLE_H

#include <linux/spinlock.h>
#include <linux/types.h>

#define CAPS_TABLE_CHUNKS	16
#define CAPS_TABLE_FIRST	32	/* slots of chunk 0, and of chunk 1 */

struct caps_slot {
	void *object;
	u32 generation;
	u32 next;		/* of the free list */
};

struct caps_table {
	spinlock_t *lock;
	struct caps_slot *chunks[CAPS_TABLE_CHUNKS];
	u32 size;		/* slots that exist */
	u32 free;		/* head of the free list */
	u32 used;		/* slots reserved or published */
};

void caps_table_init(struct caps_table *table, spinlock_t *lock);
void caps_table_destroy(struct caps_table *table);
int caps_table_grow(struct caps_table *table);

u64 caps_table_reserve(struct caps_table *table);
void caps_table_publish(struct caps_table *table, u64 handle, void *object);
void *caps_table_remove(struct caps_table *table, u64 handle);
void caps_table_release(struct caps_table *table, u64 handle);

void *caps_table_find(struct caps_table *table, u64 handle);
void *caps_table_next(struct caps_table *table, u32 *slot, u64 *handle);

#endif
