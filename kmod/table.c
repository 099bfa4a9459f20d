// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of handles; see table.h.
 */
#include <linux/slab.h>

#include "account.h"
#include "table.h"

void caps_table_init(struct caps_table *table, spinlock_t *lock)
{
	memset(table, 0, sizeof(*table));
	table->lock = lock;
	table->free = CAPS_NO_SLOT;
}

/**
 * caps_table_clear - give the memory of a table back, if nothing is in it
 * @table: the table, locked; nothing will be published any more
 *
 * Those who look up, or grow it once more only to find that, may still come.
 */
void caps_table_clear(struct caps_table *table)
{
	struct caps_chunk *chunk;
	unsigned int i;

	lockdep_assert_held(table->lock);

	if (table->used)
		return;
	for (i = 0; i < CAPS_TABLE_CHUNKS; i++) {
		chunk = table->chunks[i];
		if (!chunk)
			continue;
		WRITE_ONCE(table->chunks[i], NULL);
		kvfree_rcu(chunk, rcu);
		caps_gone(CAPS_LIVE_CHUNKS);
	}
	table->free = CAPS_NO_SLOT;
	table->size = 0;
}

/**
 * caps_table_destroy - give back what there is of a table
 * @table: the table, which nobody can find any more
 */
void caps_table_destroy(struct caps_table *table)
{
	unsigned int i;

	WARN_ON_ONCE(table->used);
	for (i = 0; i < CAPS_TABLE_CHUNKS; i++) {
		if (!table->chunks[i])
			continue;
		kvfree(table->chunks[i]);
		caps_gone(CAPS_LIVE_CHUNKS);
	}
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
	unsigned int n = fls(READ_ONCE(table->size) / CAPS_TABLE_FIRST);
	struct caps_chunk *chunk;
	u32 i, size, first;

	if (n >= CAPS_TABLE_CHUNKS)
		return -EMFILE;
	size = caps_table_chunk_size(n);
	chunk = kvzalloc(struct_size(chunk, slots, size), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -ENOMEM;

	spin_lock(table->lock);
	/* Whoever was faster has made room, or cleared it and wants none. */
	first = table->size;
	if (table->free == CAPS_NO_SLOT && !table->chunks[n] &&
	    fls(first / CAPS_TABLE_FIRST) == n) {
		for (i = 0; i < size; i++) {
			chunk->slots[i].generation = 1;
			chunk->slots[i].next = first + i + 1;
		}
		chunk->slots[size - 1].next = CAPS_NO_SLOT;
		/* Pairs with caps_table_slot(): the slots are made. */
		smp_store_release(&table->chunks[n], chunk);
		table->free = first;
		table->size = first + size;
		chunk = NULL;
		caps_born(CAPS_LIVE_CHUNKS);
	}
	spin_unlock(table->lock);
	kvfree(chunk);
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
