// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of handles; see table.h.
 */
#include <linux/bitops.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "table.h"

#define NO_SLOT		U32_MAX

static u32 chunk_size(unsigned int chunk)
{
	return CAPS_TABLE_FIRST << (chunk ? chunk - 1 : 0);
}

static struct caps_slot *slot_at(struct caps_table *table, u32 slot)
{
	unsigned int chunk = fls(slot / CAPS_TABLE_FIRST);
	struct caps_slot *slots;
	u32 size;

	if (chunk >= CAPS_TABLE_CHUNKS)
		return NULL;
	chunk = array_index_nospec(chunk, CAPS_TABLE_CHUNKS);
	slots = smp_load_acquire(&table->chunks[chunk]);
	if (!slots)
		return NULL;
	/* Chunk n > 0 holds the slots from its own size on. */
	size = chunk_size(chunk);
	return &slots[array_index_nospec(chunk ? slot - size : slot, size)];
}

void caps_table_init(struct caps_table *table, spinlock_t *lock)
{
	memset(table, 0, sizeof(*table));
	table->lock = lock;
	table->free = NO_SLOT;
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
	size = chunk_size(chunk);
	slots = kvcalloc(size, sizeof(*slots), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;

	spin_lock(table->lock);
	if (table->free == NO_SLOT && !table->chunks[chunk]) {
		first = table->size;
		for (i = 0; i < size; i++) {
			slots[i].generation = 1;
			slots[i].next = first + i + 1;
		}
		slots[size - 1].next = NO_SLOT;
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
 * caps_table_reserve - take a free slot
 * @table: the table, locked
 *
 * The handle finds nothing until something is published under it.
 *
 * Return: the handle, or 0 if the table must grow first.
 */
u64 caps_table_reserve(struct caps_table *table)
{
	struct caps_slot *slot;
	u32 index = table->free;

	lockdep_assert_held(table->lock);

	if (index == NO_SLOT)
		return 0;
	slot = slot_at(table, index);
	table->free = slot->next;
	table->used++;
	return (u64)slot->generation << 32 | index;
}

void caps_table_publish(struct caps_table *table, u64 handle, void *object)
{
	lockdep_assert_held(table->lock);

	smp_store_release(&slot_at(table, handle)->object, object);
}

/**
 * caps_table_remove - make a handle find nothing
 * @table: the table, locked
 * @handle: a handle; it stays reserved
 *
 * Return: what it found until now, or NULL.
 */
void *caps_table_remove(struct caps_table *table, u64 handle)
{
	void *object = caps_table_find(table, handle);

	lockdep_assert_held(table->lock);

	if (object)
		WRITE_ONCE(slot_at(table, handle)->object, NULL);
	return object;
}

/**
 * caps_table_release - give a reserved slot back
 * @table: the table, locked
 * @handle: its handle, which finds nothing now and never will again
 */
void caps_table_release(struct caps_table *table, u64 handle)
{
	struct caps_slot *slot = slot_at(table, handle);

	lockdep_assert_held(table->lock);

	WRITE_ONCE(slot->object, NULL);
	WRITE_ONCE(slot->generation, slot->generation + 1);
	table->used--;
	if (!slot->generation)
		return;		/* worn out */
	slot->next = table->free;
	table->free = (u32)handle;
}

/**
 * caps_table_find - what a handle stands for
 * @table: the table, locked, or objects are freed by RCU and a reader section
 *	is open
 * @handle: any value
 *
 * Return: the object, or NULL.
 */
void *caps_table_find(struct caps_table *table, u64 handle)
{
	struct caps_slot *slot = slot_at(table, handle);
	void *object;

	if (!slot)
		return NULL;
	object = smp_load_acquire(&slot->object);
	if (READ_ONCE(slot->generation) != handle >> 32)
		return NULL;
	return object;
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
		s = slot_at(table, *slot);
		if (!s->object)
			continue;
		*handle = (u64)s->generation << 32 | *slot;
		++*slot;
		return s->object;
	}
	return NULL;
}
