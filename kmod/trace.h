/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: events/caps. Actors and messages are told apart by pid and by
 * a cookie that is no kernel address.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM caps

#if !defined(_CAPS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _CAPS_TRACE_H

#include <linux/pid.h>
#include <linux/tracepoint.h>

#include "actor.h"
#include "message.h"
#include "port.h"

DECLARE_EVENT_CLASS(caps_port_event,
	TP_PROTO(const struct caps_actor *actor, const struct caps_port *port),
	TP_ARGS(actor, port),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(u64, cookie)
		__field(u32, limit)
	),
	TP_fast_assign(
		__entry->owner = pid_nr(actor->tgid);
		__entry->cookie = port->cookie;
		__entry->limit = port->limit;
	),
	TP_printk("owner=%d cookie=%#llx limit=%u", __entry->owner,
		  __entry->cookie, __entry->limit)
);

DEFINE_EVENT(caps_port_event, caps_create,
	TP_PROTO(const struct caps_actor *actor, const struct caps_port *port),
	TP_ARGS(actor, port)
);

DEFINE_EVENT(caps_port_event, caps_delete,
	TP_PROTO(const struct caps_actor *actor, const struct caps_port *port),
	TP_ARGS(actor, port)
);

TRACE_EVENT(caps_send,
	TP_PROTO(const struct caps_message *message),
	TP_ARGS(message),
	TP_STRUCT__entry(
		__field(pid_t, sender)
		__field(u32, kind)
		__field(u32, operation)
		__field(u64, body_len)
		__field(int, state)
	),
	TP_fast_assign(
		__entry->sender = pid_nr(message->tgid);
		__entry->kind = message->kind;
		__entry->operation = message->header.operation;
		__entry->body_len = message->request.body_len;
		__entry->state = message->state;
	),
	TP_printk("sender=%d kind=%u operation=%u body=%llu state=%d",
		  __entry->sender, __entry->kind, __entry->operation,
		  __entry->body_len, __entry->state)
);

TRACE_EVENT(caps_claim,
	TP_PROTO(const struct caps_actor *actor,
		 const struct caps_message *message),
	TP_ARGS(actor, message),
	TP_STRUCT__entry(
		__field(pid_t, receiver)
		__field(pid_t, sender)
		__field(u32, kind)
		__field(u64, cookie)
	),
	TP_fast_assign(
		__entry->receiver = pid_nr(actor->tgid);
		__entry->sender = pid_nr(message->tgid);
		__entry->kind = message->kind;
		__entry->cookie = message->port->cookie;
	),
	TP_printk("receiver=%d sender=%d kind=%u cookie=%#llx",
		  __entry->receiver, __entry->sender, __entry->kind,
		  __entry->cookie)
);

TRACE_EVENT(caps_copy,
	TP_PROTO(const struct caps_actor *actor, u64 offset, u64 bytes),
	TP_ARGS(actor, offset, bytes),
	TP_STRUCT__entry(
		__field(pid_t, reader)
		__field(u64, offset)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->reader = pid_nr(actor->tgid);
		__entry->offset = offset;
		__entry->bytes = bytes;
	),
	TP_printk("reader=%d offset=%llu bytes=%llu", __entry->reader,
		  __entry->offset, __entry->bytes)
);

TRACE_EVENT(caps_pin,
	TP_PROTO(const struct caps_actor *actor, u64 bytes, u64 pages),
	TP_ARGS(actor, bytes, pages),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(u64, bytes)
		__field(u64, pages)
	),
	TP_fast_assign(
		__entry->owner = pid_nr(actor->tgid);
		__entry->bytes = bytes;
		__entry->pages = pages;
	),
	TP_printk("owner=%d bytes=%llu pages=%llu", __entry->owner,
		  __entry->bytes, __entry->pages)
);

TRACE_EVENT(caps_reply,
	TP_PROTO(const struct caps_actor *actor, u64 id, int error),
	TP_ARGS(actor, id, error),
	TP_STRUCT__entry(
		__field(pid_t, replier)
		__field(u64, id)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->replier = pid_nr(actor->tgid);
		__entry->id = id;
		__entry->error = error;
	),
	TP_printk("replier=%d id=%#llx error=%d", __entry->replier,
		  __entry->id, __entry->error)
);

TRACE_EVENT(caps_cancel,
	TP_PROTO(const struct caps_message *message, int state),
	TP_ARGS(message, state),
	TP_STRUCT__entry(
		__field(pid_t, sender)
		__field(u32, kind)
		__field(int, state)
	),
	TP_fast_assign(
		__entry->sender = pid_nr(message->tgid);
		__entry->kind = message->kind;
		__entry->state = state;
	),
	TP_printk("sender=%d kind=%u state=%d", __entry->sender,
		  __entry->kind, __entry->state)
);

TRACE_EVENT(caps_die,
	TP_PROTO(const struct caps_actor *actor),
	TP_ARGS(actor),
	TP_STRUCT__entry(
		__field(pid_t, owner)
	),
	TP_fast_assign(
		__entry->owner = pid_nr(actor->tgid);
	),
	TP_printk("owner=%d", __entry->owner)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
