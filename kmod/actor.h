/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An actor: one open of /dev/caps.
 *
 * It owns ports and a table of capabilities, and belongs to the process image
 * that opened the file: the pair of address space and thread group. Nobody
 * else may use it (caps_actor_is_mine).
 *
 * Death. An actor dies at the first of
 *   - the end of its address space (exit and exec, whoever holds the file),
 *   - a flush of the file by its own thread group when that has no live thread
 *     left (an exit while something else shares the address space),
 *   - the release of the file.
 * Dying sets @dead under the lock, at which moment its service names are free
 * and nothing can enter it any more, and queues the teardown, which ends or
 * hands back everything it holds. One that is to be kept is orphaned instead, by all
 * but the last; see keep.h.
 *
 * Lifetime: the file holds one reference, each message sent by the actor and
 * each capability to it one, the queued teardown one. Memory goes by RCU, so
 * that a sender may lock a port's owner that it found under RCU. Once torn down
 * it has no tables any more, and its maker does not pay for it.
 *
 * Locking: @lock guards what is grouped below it, everything about the actor's
 * ports except their reference counts, and every message queued, claimed or
 * held here (see message.h).
 *
 * Lock order of the module, outermost first:
 *
 *	services_lock		mutex (service.c)
 *	  caps_actor.lock	spinlock; two in order of address
 *	    users_lock		spinlock, leaf (account.c)
 *	caps_group.change	mutex, taken without others (group.c)
 *	images_lock		spinlock, leaf, likewise (image.c)
 *	caps_direct.lock	likewise
 *	caps_body.lock		likewise
 *
 * With a spinlock held nobody pins or unpins, puts files, allocates with reclaim
 * or wakes a task; nor touches user memory, but for the last two, with page
 * faults off.
 */
#ifndef _CAPS_ACTOR_H
#define _CAPS_ACTOR_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "capability.h"
#include "caps.h"
#include "table.h"

#define CAPS_SPARES	4	/* chains of messages kept for the next sends */
#define CAPS_MANY_SPARES 64	/* so many in each; and parked commands */

struct caps_chain;
struct caps_message;
struct caps_port;
struct file;

struct caps_actor {
	refcount_t refs;
	struct mm_struct *mm;		/* compared, never followed; see keep.h */
	struct pid *tgid;		/* likewise; put after a grace period */
	u64 image;			/* counts images that it outlived */
	const struct cred *cred;	/* of the open */
	struct caps_chain *chain;	/* pays for ports and capabilities */
	struct list_head image_link;	/* images_lock */
	struct list_head services;	/* services_lock */
	struct work_struct teardown;
	struct rcu_head rcu;

	wait_queue_head_t poll;
	struct caps_message *spares[CAPS_SPARES];	/* taken by xchg */

	atomic_long_t pinned_bodies;
	atomic_long_t pinned_bytes;
	atomic_long_t sent_copies;
	atomic_long_t sent_copy_bytes;
	atomic_long_t read_copies;
	atomic_long_t read_copy_bytes;

	struct caps_capability self;	/* CAPS_DEFAULT_PORT */

	spinlock_t lock;		/* guards all below */
	bool dead;			/* read without, too */
	bool kept;			/* likewise */
	bool charged;			/* to @chain, until its teardown */
	u8 life;			/* enum caps_life, see keep.h */
	struct caps_table capabilities;
	struct caps_table messages;	/* held here, or sent and pending */
	struct list_head ports;		/* the enabled ones first */
	unsigned long port_count;
	unsigned long enabled_count;
	struct rb_root_cached ready;	/* enabled ports with something */
	struct list_head waiters;	/* receivers from any port */
	struct list_head parked;	/* commands, see park.h */
	struct list_head spare_parked;	/* for the next ones */
	unsigned int spare_parked_count;
	u64 arrivals;
};

int caps_actors_init(void);
void caps_actors_exit(void);

struct caps_actor *caps_actor_create(void);
void caps_actor_kill(struct caps_actor *actor);
void caps_actor_queue_teardown(struct caps_actor *actor);
void caps_actor_end_messages(struct caps_actor *actor);
void __caps_actor_free(struct caps_actor *actor);

static inline struct caps_actor *caps_actor_get(struct caps_actor *actor)
{
	refcount_inc(&actor->refs);
	return actor;
}

static inline bool caps_actor_tryget(struct caps_actor *actor)
{
	return refcount_inc_not_zero(&actor->refs);
}

static inline void caps_actor_put(struct caps_actor *actor)
{
	if (refcount_dec_and_test(&actor->refs))
		__caps_actor_free(actor);
}

/**
 * caps_actor_is_mine - may the current task use an actor?
 * @actor: the actor of a file that it got hold of
 *
 * Kernel workers that act for the process pass; a child, whether it shares the
 * address space or not, and a receiver of the file do not.
 */
static inline bool caps_actor_is_mine(const struct caps_actor *actor)
{
	return current->mm == READ_ONCE(actor->mm) &&
	       task_tgid(current) == READ_ONCE(actor->tgid) &&
	       !READ_ONCE(actor->dead);
}

/* Has its process image ended, while it was to be kept? */
static inline bool caps_actor_is_orphan(const struct caps_actor *actor)
{
	return !READ_ONCE(actor->mm);
}

/* Are two in the same process image now? An orphan is in none. */
static inline bool caps_actors_are_close(const struct caps_actor *one,
					 const struct caps_actor *other)
{
	const struct mm_struct *mm = READ_ONCE(one->mm);

	return mm && mm == READ_ONCE(other->mm) &&
	       READ_ONCE(one->tgid) == READ_ONCE(other->tgid);
}

/* A reference to the process; an adoption puts its own after a grace period. */
static inline struct pid *caps_actor_tgid(const struct caps_actor *actor)
{
	struct pid *tgid;

	rcu_read_lock();
	tgid = get_pid(READ_ONCE(actor->tgid));
	rcu_read_unlock();
	return tgid;
}

/* Lock two in order of address; @other may be NULL, or the same. */
static inline void caps_actors_lock(struct caps_actor *actor,
				    struct caps_actor *other)
{
	if (other && other < actor)
		swap(actor, other);
	spin_lock(&actor->lock);
	if (other && other != actor)
		spin_lock_nested(&other->lock, SINGLE_DEPTH_NESTING);
}

static inline void caps_actors_unlock(struct caps_actor *actor,
				      struct caps_actor *other)
{
	if (other && other != actor)
		spin_unlock(&other->lock);
	spin_unlock(&actor->lock);
}

/**
 * caps_capability_find - what a handle stands for
 * @actor: whose handle
 * @handle: any value
 *
 * The caller is in an RCU reader section.
 *
 * Return: the capability, or NULL.
 */
static inline struct caps_capability *
caps_capability_find(struct caps_actor *actor, u64 handle)
{
	struct caps_capability *capability;

	capability = caps_table_find(&actor->capabilities, handle);
	if (!capability && handle == CAPS_DEFAULT_PORT)
		capability = &actor->self;
	return capability;
}

bool caps_actor_died_with(const struct caps_actor *actor);
bool caps_file_is_actor(const struct file *file);

#endif
