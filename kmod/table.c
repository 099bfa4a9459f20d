// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of handles; see table.h.
 */
#include <linux/slab.h>

#include "table.h"

void caps_table_init(struct caps_table *table, spinlock_t *lock)
{
	memset(table, 0, sizeof(*table));
	table->lock = lock;
	table->free = CAPS_NO_SLOT;
}

void caps_table_destroy(struct caps_table *table)
{
	unsigned int i;

	WARN_ON_ONCE(table->used);
	for (i = 0; i < CAPS_TABLE_CHUNKS; i++)
		kvfree(table->chunks[i]);
}

/**
 * caps_table_grow - make room in a full table
 * @table: the table, not locked
 *
 * Does nothing if somebody else has made room meanwhile.
 *
 * Return: 0, -ENOMEM, or -EMFILE when the table cannot grow any more.
 */
int caps_table_grow(struct caps_table *table)
{
	unsigned int chunk = fls(READ_ONCE(table->size) / CAPS_TABLE_FIRST);
	struct caps_slot *slots;
	u32 i, size, first;

	if (chunk >= CAPS_TABLE_CHUNKS)
		return -EMFILE;
	size = caps_table_chunk_size(chunk);
	slots = kvcalloc(size, sizeof(*slots), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;

	spin_lock(table->lock);
	if (table->free == CAPS_NO_SLOT && !table->chunks[chunk]) {
		first = table->size;
		for (i = 0; i < size; i++) {
			slots[i].generation = 1;
			slots[i].next = first + i + 1;
		}
		slots[size - 1].next = CAPS_NO_SLOT;
		/* Pairs with caps_table_slot(): the slots are made. */
		smp_store_release(&table->chunks[chunk], slots);
		table->free = first;
		table->size = first + size;
		slots = NULL;
	}
	spin_unlock(table->lock);
	kvfree(slots);
	return 0;
}

/**
 * caps_table_obtain - reserve a handle, in a table that grows if it must
 * @table: the table, locked; it is unlocked meanwhile to grow
 * @handle: the handle
 *
 * Return: 0, -EMFILE or -ENOMEM; the table is locked again in any case.
 */
int caps_table_obtain(struct caps_table *table, u64 *handle)
{
	int err;

	while (!(*handle = caps_table_reserve(table))) {
		spin_unlock(table->lock);
		err = caps_table_grow(table);
		spin_lock(table->lock);
		if (err)
			return err;
	}
	return 0;
}

/**
 * caps_table_next - walk a table
 * @table: the table, locked
 * @slot: where to begin; left behind what was found
 * @handle: the handle of what was found
 *
 * Return: the next object, or NULL at the end.
 */
void *caps_table_next(struct caps_table *table, u32 *slot, u64 *handle)
{
	struct caps_slot *s;

	lockdep_assert_held(table->lock);

	for (; *slot < table->size; ++*slot) {
		s = caps_table_slot(table, *slot);
		if (!s->object)
			continue;
		*handle = (u64)s->generation << 32 | *slot;
		++*slot;
		return s->object;
	}
	return NULL;
}
