// SPDX-License-Identifier: GPL-2.0
/*
 * Annex and body of one direction: from the sender's memory into the message,
 * and from there into the receiver's.
 */
#include <linux/sched/signal.h>

#include "actor.h"
#include "message.h"
#include "params.h"
#include "trace.h"
#include "usercopy.h"

static void count_sent_copy(struct caps_actor *actor, size_t len)
{
	atomic_long_inc(&actor->sent_copies);
	atomic_long_add(len, &actor->sent_copy_bytes);
}

/* Pin if asked to, else or if that is refused copy. */
static struct caps_body *load_pages(struct caps_actor *actor,
				    struct caps_chain *chain,
				    struct caps_user_data *data, u32 flags,
				    bool pin)
{
	struct caps_body *body, *pinned = ERR_PTR(-EMSGSIZE);

	if (pin) {
		pinned = caps_body_pin(actor, chain, data, false,
				       flags & CAPS_DEFER);
		if (!IS_ERR(pinned) || fatal_signal_pending(current))
			return pinned;
	}
	body = caps_body_copy(actor, chain, data);
	if (body == ERR_PTR(-EMSGSIZE) && pinned == ERR_PTR(-EDQUOT))
		return pinned;
	return body;
}

static int load_scattered(struct caps_actor *actor, struct caps_chain *chain,
			  struct caps_payload *payload,
			  const struct caps_data *from, u32 flags, bool pin)
{
	struct caps_user_data data;
	struct caps_body *body;
	int err;

	err = caps_user_data_init(&data, from, WRITE);
	if (err)
		goto out;
	payload->body_len = data.len;
	if (data.len <= CAPS_INLINE) {
		if (copy_from_iter(payload->data + CAPS_MAX_ANNEX, data.len,
				   &data.iter) != data.len)
			err = -EFAULT;
		else if (data.len)
			count_sent_copy(actor, data.len);
		goto out;
	}
	if (payload->direct) {
		err = caps_direct_fill(payload->direct, &data);
		payload->placed = true;
		goto out;
	}
	pin = pin && !(flags & CAPS_COPY) &&
	      data.len > READ_ONCE(caps_copy_break);
	body = load_pages(actor, chain, &data, flags, pin);
	if (IS_ERR(body))
		err = PTR_ERR(body);
	else
		payload->body = body;
out:
	caps_user_data_free(&data);
	return err;
}

/**
 * caps_payload_load - take annex and body from the current process
 * @actor: who sends
 * @chain: who pays
 * @payload: empty, but perhaps with a buffer for a direct reply
 * @from: kernel copy of the user's struct
 * @flags: CAPS_COPY, CAPS_DEFER
 * @pin: pin what is larger than the copy-break
 *
 * Return: 0; -EFAULT, -EINVAL, -EMSGSIZE, -EDQUOT, -ENOMEM; with a direct
 * reply -ECANCELED and -EINTR too. What was taken so far is given back by
 * caps_payload_drop().
 */
int caps_payload_load(struct caps_actor *actor, struct caps_chain *chain,
		      struct caps_payload *payload,
		      const struct caps_data *from, u32 flags, bool pin)
{
	if (from->annex_len > CAPS_MAX_ANNEX)
		return -EMSGSIZE;
	payload->annex_len = from->annex_len;
	if (from->annex_len &&
	    caps_copy_in(payload->data, u64_to_user_ptr(from->annex),
			 from->annex_len))
		return -EFAULT;

	if (from->iov_count || from->body_len > CAPS_INLINE)
		return load_scattered(actor, chain, payload, from, flags, pin);

	payload->body_len = from->body_len;
	if (!from->body_len)
		return 0;
	if (caps_copy_in(payload->data + CAPS_MAX_ANNEX,
			 u64_to_user_ptr(from->body), from->body_len))
		return -EFAULT;
	count_sent_copy(actor, from->body_len);
	return 0;
}

static ssize_t read_scattered(const struct caps_payload *payload, u64 offset,
			      size_t left, const struct caps_data *to)
{
	struct caps_user_data data;
	size_t done;
	ssize_t err;

	err = caps_user_data_init(&data, to, READ);
	if (err)
		goto out;
	left = min(left, data.len);
	iov_iter_truncate(&data.iter, left);
	if (payload->body)
		done = caps_body_read(payload->body, offset, &data.iter);
	else
		done = copy_to_iter(payload->data + CAPS_MAX_ANNEX + offset,
				    left, &data.iter);
	err = done == left ? done : -EFAULT;
out:
	caps_user_data_free(&data);
	return err;
}

/**
 * caps_payload_read - copy from a body into the current process
 * @actor: who reads
 * @payload: a payload whose body the caller keeps alive
 * @offset: where to begin
 * @to: kernel copy of the user's struct
 *
 * Return: bytes copied, or -EFAULT, -EINVAL, -EMSGSIZE, -ENOMEM.
 */
ssize_t caps_payload_read(struct caps_actor *actor,
			  const struct caps_payload *payload, u64 offset,
			  const struct caps_data *to)
{
	u64 len = payload->body_len;
	size_t left = len - min(offset, len);
	ssize_t n;

	if (payload->placed)
		return min(len, payload->direct->len);
	if (to->iov_count || (payload->body && to->body_len)) {
		n = read_scattered(payload, offset, left, to);
	} else {
		n = min_t(u64, left, to->body_len);
		if (n && caps_copy_out(u64_to_user_ptr(to->body),
				       payload->data + CAPS_MAX_ANNEX + offset,
				       n))
			return -EFAULT;
	}
	if (n > 0) {
		atomic_long_inc(&actor->read_copies);
		atomic_long_add(n, &actor->read_copy_bytes);
		trace_caps_copy(actor, offset, n);
	}
	return n;
}

/**
 * caps_payload_store - deliver annex and body to the current process
 * @actor: who reads
 * @payload: a payload whose body the caller keeps alive
 * @to: kernel copy of the user's struct
 *
 * Return: 0 if all of it was delivered, 1 if there is more, or -errno.
 */
int caps_payload_store(struct caps_actor *actor,
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
	return n < payload->body_len || annex < payload->annex_len;
}
