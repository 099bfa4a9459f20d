// SPDX-License-Identifier: GPL-2.0
/*
 * Payloads that are large or scattered; see payload.h.
 */
#include <linux/sched/signal.h>

#include "actor.h"
#include "attach.h"
#include "message.h"
#include "params.h"
#include "payload.h"

/* Pin if asked to, else or if that is refused copy. */
static struct caps_body *load_pages(struct caps_actor *actor,
				    struct caps_chain *pins,
				    struct caps_chain *copies,
				    struct caps_user_data *data, u32 flags,
				    bool pin, const struct caps_lent *lent)
{
	struct caps_body *body, *pinned = ERR_PTR(-EMSGSIZE);

	if (pin && caps_is_lent(lent))
		return caps_body_lend(pins, data, lent->cmd, false);
	if (pin) {
		pinned = caps_body_pin(actor, pins, data, false,
				       flags & CAPS_DEFER);
		if (!IS_ERR(pinned) || fatal_signal_pending(current))
			return pinned;
	}
	body = caps_body_copy(actor, copies, data);
	if (body == ERR_PTR(-EMSGSIZE) && pinned == ERR_PTR(-EDQUOT))
		return pinned;
	return body;
}

static int load_body(struct caps_actor *actor, struct caps_chain *pins,
		     struct caps_chain *copies, struct caps_payload *payload,
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
			caps_count_sent_copy(actor, data.len);
		goto out;
	}
	if (payload->direct) {
		err = caps_direct_fill(payload->direct, &data);
		payload->placed = true;
		goto out;
	}
	pin = pin && !(flags & CAPS_COPY) &&
	      (caps_is_lent(payload->lent) ||
	       data.len > READ_ONCE(caps_copy_break));
	body = load_pages(actor, pins, copies, &data, flags, pin,
			  payload->lent);
	if (IS_ERR(body))
		err = PTR_ERR(body);
	else
		payload->body = body;
out:
	caps_user_data_free(&data);
	return err;
}

/* What caps_payload_load() does not do in place. */
int caps_payload_load_large(struct caps_actor *actor, struct caps_chain *pins,
			    struct caps_chain *copies,
			    struct caps_payload *payload,
			    const struct caps_data *from, u32 flags, bool pin)
{
	int err;

	if (!from->iov_count && from->body_len <= CAPS_INLINE)
		err = caps_payload_load_small(actor, payload, from);
	else
		err = load_body(actor, pins, copies, payload, from, flags, pin);
	if (err || !from->attachments)
		return err;
	return caps_attached_load(actor, copies, payload, from->attachments);
}

static ssize_t read_pages(const struct caps_payload *payload, u64 offset,
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
	if (done == left)
		err = done;
	else
		err = payload->body && caps_body_revoked(payload->body) ?
		      -ECANCELED : -EFAULT;
out:
	caps_user_data_free(&data);
	return err;
}

/* What caps_payload_read() does not do in place. */
ssize_t caps_payload_read_large(struct caps_actor *actor,
				const struct caps_payload *payload, u64 offset,
				const struct caps_data *to)
{
	u64 len = payload->body_len;
	ssize_t n;

	if (payload->placed)
		return min(len, payload->direct->len);
	if (!to->iov_count && !to->body_len)
		return 0;
	n = read_pages(payload, offset, len - min(offset, len), to);
	if (n > 0)
		caps_count_read_copy(actor, offset, n);
	return n;
}
