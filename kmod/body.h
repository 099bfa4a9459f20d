/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A body too large for the message itself: bytes in pages.
 *
 * Copied: order-0 pages of the module's own, filled when the message was sent.
 * Pinned: the sender's (or, for a direct reply, the caller's) own pages, held
 * by long-term pins that were taken in the owner's context.
 *
 * A scattered body is a list of segments, each a run of bytes beginning at
 * @offset of page @first; the pages of a segment follow each other in @pages.
 *
 * Lifetime: @refs. The message holds one until it is answered, cancelled or
 * consumed, each reader one while it copies; the last one unpins. What was
 * charged is given back then, and the owner who asked is told (@dispose).
 * Puts sleep and are made without a lock.
 *
 * Lent: pages of a buffer that was registered with io_uring, which has pinned
 * and charged them. It is the command's while that lasts, so the body is revoked
 * before the command completes.
 *
 * Many messages may share one, see shared_body.c: @shared, once set, stays, and
 * what below is said of a message goes for the last of them.
 *
 * An owner who is not told gets the memory, and the charge for it, back when
 * the message has ended, and one who dies at once, whoever still reads:
 * caps_body_revoke() takes the pages away. Readers look whether they are there,
 * and copy with page faults off, under @lock:
 *
 *	reader				owner
 *	lock; pages gone? stop		lock; take the pages away
 *	copy some; unlock		unlock; unpin; use the memory
 *	fault own memory in; again
 */
#ifndef _CAPS_BODY_H
#define _CAPS_BODY_H

#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/uio.h>

#include "caps.h"

struct caps_actor;
struct caps_chain;
struct caps_message;
struct caps_parked;
struct io_uring_cmd;

struct caps_segment {
	u32 first;			/* index in pages */
	u32 offset;			/* in that page */
	u64 len;
};

struct caps_body {
	refcount_t refs;
	bool pinned;
	bool writable;			/* pinned for writing */
	bool lent;			/* pinned, but by io_uring */
	bool shared;			/* set before others can find it */
	spinlock_t lock;		/* guards page_count, once made */
	u32 page_count;			/* 0 once revoked */
	u32 segment_count;
	u64 len;
	long charged;			/* bytes, pinned or kernel */
	struct caps_chain *chain;
	struct mmpin locked;		/* RLIMIT_MEMLOCK, deferred only */
	struct caps_message *dispose;	/* or NULL; a reference */
	struct caps_parked *parked;	/* or NULL; see park.h */
	atomic_t sharers;		/* shared: messages that have it, */
	atomic_t payers;		/* and those that the sender pays for */
	struct caps_segment *segments;
	struct page **pages;
};

/* User memory to copy from or to, parsed and checked. */
struct caps_user_data {
	struct iov_iter iter;
	struct iovec *iov;		/* to free, or NULL */
	size_t len;
};

int caps_user_data_init(struct caps_user_data *data,
			const struct caps_data *user, unsigned int direction);

static inline void caps_user_data_free(struct caps_user_data *data)
{
	kvfree(data->iov);
}

/* What a command through io_uring has for the body that it sends. */
struct caps_lent {
	struct io_uring_cmd *cmd;	/* with a registered buffer, or NULL */
	struct caps_parked *parked;	/* until the body is free, or NULL */
	bool awaited;			/* it has such a body */
};

static inline bool caps_is_lent(const struct caps_lent *lent)
{
	return unlikely(lent) && lent->cmd;
}

struct caps_body *caps_body_lend(struct caps_chain *chain,
				 const struct caps_user_data *data,
				 struct io_uring_cmd *cmd, bool writable);
struct caps_body *caps_body_copy(struct caps_actor *actor,
				 struct caps_chain *chain,
				 struct caps_user_data *data);
struct caps_body *caps_body_pin(struct caps_actor *actor,
				struct caps_chain *chain,
				const struct caps_user_data *data,
				bool writable, bool locked);
void caps_body_charge_to(struct caps_body *body, struct caps_chain *chain);
void __caps_body_free(struct caps_body *body);
void __caps_body_revoke(struct caps_body *body);

static inline struct caps_body *caps_body_get(struct caps_body *body)
{
	refcount_inc(&body->refs);
	return body;
}

static inline void caps_body_put(struct caps_body *body)
{
	if (body && refcount_dec_and_test(&body->refs))
		__caps_body_free(body);
}

/* Without other references there is no reader. */
static inline void caps_body_revoke(struct caps_body *body)
{
	if (body && refcount_read(&body->refs) > 1)
		__caps_body_revoke(body);
}

static inline bool caps_body_revoked(const struct caps_body *body)
{
	return !READ_ONCE(body->page_count);
}

/* Is somebody to be told when it is free? */
static inline bool caps_body_is_awaited(const struct caps_body *body)
{
	return body->dispose || READ_ONCE(body->parked);
}

void caps_body_uncharge(struct caps_body *body);

size_t caps_body_read(struct caps_body *body, u64 offset, struct iov_iter *to);

/*
 * A caller's reply buffer, pinned for writing, which the replier fills.
 *
 * The replier writes one page at a time under @lock with page faults off; the
 * caller closes it under @lock before it leaves, which takes the pages away, so
 * nothing is written after that, nor kept by a replier that stands still.
 */
struct caps_direct {
	spinlock_t lock;		/* guards body */
	struct caps_body *body;		/* NULL once closed */
	u64 len;
};

struct caps_direct *caps_direct_create(struct caps_actor *actor,
				       struct caps_chain *chain,
				       const struct caps_data *user,
				       const struct caps_lent *lent);
void __caps_direct_close(struct caps_direct *direct);
void __caps_direct_free(struct caps_direct *direct);
int caps_direct_fill(struct caps_direct *direct, struct caps_user_data *data);

static inline void caps_direct_close(struct caps_direct *direct)
{
	if (direct)
		__caps_direct_close(direct);
}

static inline void caps_direct_free(struct caps_direct *direct)
{
	if (direct)
		__caps_direct_free(direct);
}

#endif
