/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of handles: generation(32) | slot(32).
 *
 * A handle is never reused: giving a slot back raises its generation, and a
 * slot whose generation wraps is retired. Generations begin at 1, so no handle
 * is below 2^32 and 0 is none.
 *
 * Slots live in chunks that double in size, never move and go by RCU, with the
 * table or when it is cleared, so a look-up needs nothing else. All changes are made under the
 * spinlock of the table's owner; caps_table_grow() alone sleeps and takes that
 * lock itself.
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

#include <linux/bitops.h>
#include <linux/lockdep.h>
#include <linux/nospec.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define CAPS_TABLE_CHUNKS	16
#define CAPS_TABLE_FIRST	32	/* slots of chunk 0, and of chunk 1 */

#define CAPS_NO_SLOT		U32_MAX

struct caps_slot {
	void *object;
	u32 generation;
	u32 next;		/* of the free list */
};

struct caps_chunk {
	struct rcu_head rcu;
	struct caps_slot slots[];
};

struct caps_table {
	spinlock_t *lock;	/* the owner's; guards all of this */
	struct caps_chunk *chunks[CAPS_TABLE_CHUNKS];
	u32 size;		/* slots that exist */
	u32 free;		/* head of the free list */
	u32 used;		/* slots reserved or published */
};

void caps_table_init(struct caps_table *table, spinlock_t *lock);
void caps_table_clear(struct caps_table *table);
void caps_table_destroy(struct caps_table *table);
int caps_table_grow(struct caps_table *table);
int caps_table_obtain(struct caps_table *table, u64 *handle);

void *caps_table_next(struct caps_table *table, u32 *slot, u64 *handle);

static inline u32 caps_table_chunk_size(unsigned int chunk)
{
	return CAPS_TABLE_FIRST << (chunk ? chunk - 1 : 0);
}

static inline struct caps_slot *caps_table_slot(struct caps_table *table,
						u32 slot)
{
	struct caps_chunk *chunk;
	unsigned int n;
	u32 size;

	if (likely(slot < CAPS_TABLE_FIRST)) {
		/* Pairs with caps_table_grow(). */
		chunk = smp_load_acquire(&table->chunks[0]);
		slot = array_index_nospec(slot, CAPS_TABLE_FIRST);
		return chunk ? &chunk->slots[slot] : NULL;
	}
	n = fls(slot / CAPS_TABLE_FIRST);
	if (n >= CAPS_TABLE_CHUNKS)
		return NULL;
	n = array_index_nospec(n, CAPS_TABLE_CHUNKS);
	chunk = smp_load_acquire(&table->chunks[n]); /* likewise */
	if (!chunk)
		return NULL;
	/* Chunk n > 0 holds the slots from its own size on. */
	size = caps_table_chunk_size(n);
	return &chunk->slots[array_index_nospec(slot - size, size)];
}

/**
 * caps_table_find - what a handle stands for
 * @table: the table, locked, or objects are freed by RCU and a reader section
 *	is open
 * @handle: any value
 *
 * Return: the object, or NULL.
 */
static inline void *caps_table_find(struct caps_table *table, u64 handle)
{
	struct caps_slot *slot = caps_table_slot(table, handle);
	void *object;

	if (!slot)
		return NULL;
	/* Pairs with caps_table_publish(): see the race above. */
	object = smp_load_acquire(&slot->object);
	if (READ_ONCE(slot->generation) != handle >> 32)
		return NULL;
	return object;
}

/**
 * caps_table_reserve - take a free slot
 * @table: the table, locked
 *
 * The handle finds nothing until something is published under it.
 *
 * Return: the handle, or 0 if the table must grow first.
 */
static inline u64 caps_table_reserve(struct caps_table *table)
{
	struct caps_slot *slot;
	u32 index = table->free;

	lockdep_assert_held(table->lock);

	if (index == CAPS_NO_SLOT)
		return 0;
	slot = caps_table_slot(table, index);
	table->free = slot->next;
	table->used++;
	return (u64)slot->generation << 32 | index;
}

static inline void caps_table_publish(struct caps_table *table, u64 handle,
				      void *object)
{
	lockdep_assert_held(table->lock);

	/* Pairs with caps_table_find(). */
	smp_store_release(&caps_table_slot(table, handle)->object, object);
}

/**
 * caps_table_suspend - make a handle find nothing for now
 * @table: the table, locked
 * @handle: any value
 *
 * It stays reserved: publish what it found again, or release it.
 *
 * Return: what it found until now, or NULL.
 */
static inline void *caps_table_suspend(struct caps_table *table, u64 handle)
{
	void *object = caps_table_find(table, handle);

	lockdep_assert_held(table->lock);

	if (object)
		WRITE_ONCE(caps_table_slot(table, handle)->object, NULL);
	return object;
}

static inline void caps_table_free_slot(struct caps_table *table,
					struct caps_slot *slot, u32 index)
{
	WRITE_ONCE(slot->generation, slot->generation + 1);
	table->used--;
	if (!slot->generation)
		return;		/* worn out */
	slot->next = table->free;
	table->free = index;
}

/**
 * caps_table_release - give back a slot under which nothing was published
 * @table: the table, locked
 * @handle: its handle, which never will find anything
 */
static inline void caps_table_release(struct caps_table *table, u64 handle)
{
	lockdep_assert_held(table->lock);

	caps_table_free_slot(table, caps_table_slot(table, handle), handle);
}

/**
 * caps_table_remove - make a handle find nothing ever again
 * @table: the table, locked
 * @handle: any value
 *
 * Return: what it found until now, or NULL.
 */
static inline void *caps_table_remove(struct caps_table *table, u64 handle)
{
	struct caps_slot *slot = caps_table_slot(table, handle);
	void *object;

	lockdep_assert_held(table->lock);

	if (!slot || slot->generation != handle >> 32 || !slot->object)
		return NULL;
	object = slot->object;
	WRITE_ONCE(slot->object, NULL);
	caps_table_free_slot(table, slot, handle);
	return object;
}

#endif
