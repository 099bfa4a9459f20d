/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Annex, body and what goes along in one direction: from the sender's memory
 * into the message, and from there into the receiver's.
 *
 * What fits into the message and is one buffer in the program is copied here,
 * in place; payload.c has the rest.
 */
#ifndef _CAPS_PAYLOAD_H
#define _CAPS_PAYLOAD_H

#include <linux/minmax.h>

#include "actor.h"
#include "message.h"
#include "trace.h"
#include "usercopy.h"

/* What caps_payload_store() says. */
#define CAPS_MORE	1
#define CAPS_ATTACHED	2

int caps_payload_load_large(struct caps_actor *actor, struct caps_chain *pins,
			    struct caps_chain *copies,
			    struct caps_payload *payload,
			    const struct caps_data *from, u32 flags, bool pin);
ssize_t caps_payload_read_large(struct caps_actor *actor,
				const struct caps_payload *payload, u64 offset,
				const struct caps_data *to);

static inline void caps_count_sent_copy(struct caps_actor *actor, size_t len)
{
	atomic_long_inc(&actor->sent_copies);
	atomic_long_add(len, &actor->sent_copy_bytes);
}

static inline void caps_count_read_copy(struct caps_actor *actor, u64 offset,
					size_t len)
{
	atomic_long_inc(&actor->read_copies);
	atomic_long_add(len, &actor->read_copy_bytes);
	trace_caps_copy(actor, offset, len);
}

/* Does it fit into the message, come from one buffer, and nothing along? */
static inline bool caps_data_is_small(const struct caps_data *data)
{
	return !(data->iov_count | data->attachments) &&
	       data->body_len <= CAPS_INLINE;
}

static inline int caps_payload_load_small(struct caps_actor *actor,
					  struct caps_payload *payload,
					  const struct caps_data *from)
{
	if (!from->body_len)
		return 0;
	if (caps_copy_in(payload->data + CAPS_MAX_ANNEX,
			 u64_to_user_ptr(from->body), from->body_len))
		return -EFAULT;
	payload->body_len = from->body_len;
	caps_count_sent_copy(actor, from->body_len);
	return 0;
}

/**
 * caps_payload_load - take what is to be sent from the current process
 * @actor: who sends
 * @pins: who pays for what is pinned
 * @copies: who pays for what is copied, and for what goes along; may be NULL if
 *	the data is small
 * @payload: empty, but perhaps with a buffer for a direct reply
 * @from: kernel copy of the user's struct
 * @flags: CAPS_COPY, CAPS_DEFER
 * @pin: pin what is larger than the copy-break
 *
 * Return: 0; -EFAULT, -EINVAL, -EMSGSIZE, -EDQUOT, -ENOMEM; with a direct
 * reply -ECANCELED and -EINTR too; of what goes along as caps_attached_load().
 * What was taken so far is given back by caps_payload_drop() and
 * caps_attached_drop().
 */
static inline int caps_payload_load(struct caps_actor *actor,
				    struct caps_chain *pins,
				    struct caps_chain *copies,
				    struct caps_payload *payload,
				    const struct caps_data *from, u32 flags,
				    bool pin)
{
	if (from->annex_len) {
		if (from->annex_len > CAPS_MAX_ANNEX)
			return -EMSGSIZE;
		if (caps_copy_in(payload->data, u64_to_user_ptr(from->annex),
				 from->annex_len))
			return -EFAULT;
		payload->annex_len = from->annex_len;
	}
	if (!caps_data_is_small(from))
		return caps_payload_load_large(actor, pins, copies, payload,
					       from, flags, pin);
	return caps_payload_load_small(actor, payload, from);
}

/**
 * caps_payload_read - copy from a body into the current process
 * @actor: who reads
 * @payload: a payload whose body the caller keeps alive
 * @offset: where to begin
 * @to: kernel copy of the user's struct
 *
 * Return: bytes copied, or -EFAULT, -EINVAL, -EMSGSIZE, -ENOMEM, or -ECANCELED
 * if the body was revoked.
 */
static inline ssize_t caps_payload_read(struct caps_actor *actor,
					const struct caps_payload *payload,
					u64 offset, const struct caps_data *to)
{
	u64 len = payload->body_len;
	size_t n;

	if (payload->body || payload->placed || to->iov_count)
		return caps_payload_read_large(actor, payload, offset, to);
	n = min(len - min(offset, len), to->body_len);
	if (!n)
		return 0;
	if (caps_copy_out(u64_to_user_ptr(to->body),
			  payload->data + CAPS_MAX_ANNEX + offset, n))
		return -EFAULT;
	caps_count_read_copy(actor, offset, n);
	return n;
}

/**
 * caps_payload_store - deliver annex and body to the current process
 * @actor: who reads
 * @payload: a payload whose body the caller keeps alive
 * @to: kernel copy of the user's struct
 *
 * Return: 0 if all of it was delivered, CAPS_MORE and CAPS_ATTACHED if there is
 * more of it, or something along; or -errno.
 */
static inline int caps_payload_store(struct caps_actor *actor,
				     const struct caps_payload *payload,
				     const struct caps_data *to)
{
	u32 annex = min(payload->annex_len, to->annex_len);
	ssize_t n;

	if (annex && caps_copy_out(u64_to_user_ptr(to->annex), payload->data,
				   annex))
		return -EFAULT;
	n = caps_payload_read(actor, payload, 0, to);
	if (n < 0)
		return n;
	n = n < payload->body_len || annex < payload->annex_len;
	return unlikely(payload->attached) ? n | CAPS_ATTACHED : n;
}

#endif
