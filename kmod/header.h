/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The header of a message that is being delivered, as its receiver is told it.
 *
 * A part of receive.c. The message is claimed, so what is filled in there is
 * nobody else's; a notice is told from a copy, since others may be looking at
 * the header of the call that it is about.
 */
#ifndef _CAPS_HEADER_H
#define _CAPS_HEADER_H

#include <linux/uaccess.h>

#include "badge.h"
#include "message.h"
#include "port.h"
#include "usercopy.h"

static inline u32 kind_of(const struct caps_message *message)
{
	return caps_message_is_notice(message) ? CAPS_KIND_CANCELLED :
						 message->kind;
}

static inline u64 id_of(const struct caps_message *message, bool hold,
			u64 reserved)
{
	if (message->held_id)
		return message->held_id;
	if (message->kind >= CAPS_KIND_REPLY && message->sent_id)
		return message->sent_id;
	return hold ? reserved : 0;
}

static inline u32 header_flags(const struct caps_message *message, u32 kind,
			       bool hold, bool more)
{
	const struct caps_body *body = caps_message_payload(message)->body;
	u32 flags = message->header.flags & CAPS_HEADER_IDENTITY;

	if (hold || kind == CAPS_KIND_CANCELLED)
		flags |= CAPS_HEADER_HELD;
	if (hold && (kind == CAPS_KIND_CALL ||
		     (kind == CAPS_KIND_SEND && message->source)))
		flags |= CAPS_HEADER_ANSWERABLE;
	if (more)
		flags |= CAPS_HEADER_TRUNCATED;
	if (body && body->pinned)
		flags |= CAPS_HEADER_PINNED;
	return flags;
}

/* The message is claimed: nobody else looks at its header. */
static inline void fill_header(struct caps_message *message, u32 kind)
{
	const struct caps_payload *payload = caps_message_payload(message);
	struct caps_header *header = &message->header;

	header->badge = message->badge ? message->badge->value : 0;
	header->cookie = message->port->cookie;
	header->body_len = payload->body_len;
	header->annex_len = payload->annex_len;
	header->kind = kind;
	if (unlikely(message->application))
		header->kind = CAPS_KIND_APPLICATION;
	if (kind == CAPS_KIND_REPLY) {
		header->badge = 0;
		header->status = message->status;
		header->error = -message->error;
	}
}

/* A notice is about a message whose own header others may be looking at. */
static inline int put_notice(const struct caps_message *message, u32 kind,
			     u64 id, struct caps_header __user *uheader)
{
	struct caps_header header = message->header;
	int left;

	header.id = id;
	/* A DISPOSE never had one; its memory may have. */
	header.badge = message->badge ? message->badge->value : 0;
	header.kind = kind;
	header.cookie = message->port->cookie;
	header.body_len = 0;
	header.annex_len = 0;
	header.capability_count = 0;
	header.fd_count = 0;
	header.flags = header_flags(message, kind, false, false);
	caps_header_translate(message, &header);
	left = copy_to_user(uheader, &header,
			    offsetof(struct caps_header, sequence));
	return left ? -EFAULT : 0;
}

static inline int put_header(struct caps_message *message, u32 kind, u64 id,
			     struct caps_header __user *uheader)
{
	struct caps_header header __uninitialized;
	const struct caps_header *shown = &message->header;

	fill_header(message, kind);
	message->header.id = id;
	if (caps_header_is_foreign()) {
		header = message->header;
		caps_header_translate(message, &header);
		shown = &header;
	}
	return caps_copy_out(uheader, shown,
			     offsetof(struct caps_header, sequence));
}

#endif
