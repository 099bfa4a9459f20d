/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of commands, one variant each: how large its struct is, which parts
 * are read and written, and what fills it.
 */
#ifndef ABI_COMMANDS_H
#define ABI_COMMANDS_H

#include "abi_arguments.h"

struct span {
	size_t from, to;
};

#define AT(type, field)	offsetof(struct type, field)
#define SPAN(type, from, to)	{ AT(type, from), AT(type, to) }
#define GROUP_FLAGS	(CAPS_TO_ANY | CAPS_TO_NEAR | CAPS_TO_ALL | \
			 CAPS_EXCLUDE_PORT | CAPS_EXCLUDE_ACTOR)
#define REST(type, from)	{ AT(type, from), sizeof(struct type) }

FIXTURE(command)
{
	struct world world;
};

FIXTURE_VARIANT(command)
{
	unsigned int nr;
	size_t size;
	void (*prepare)(struct world *w, void *arg);
	struct span out[2];	/* written on success, ignored as input */
	struct span both;	/* read and written */
	struct span always;	/* may be written on failure */
	size_t flags[2];
	__u32 known[2];
	size_t reserved[2];
};

FIXTURE_SETUP(command)
{
	self->world.fd = actor_open();
}

FIXTURE_TEARDOWN(command)
{
	if (self->world.server.pid)
		child_kill(&self->world.server);
}

FIXTURE_VARIANT_ADD(command, query) {
	CAPS_QUERY, CAPS_QUERY_SIZE_VER0, zero,
	.out = { SPAN(caps_query, features, flags) },
	.flags = { AT(caps_query, flags) },
	.reserved = { AT(caps_query, reserved) },
};

FIXTURE_VARIANT_ADD(command, actor_info) {
	CAPS_ACTOR_INFO, CAPS_ACTOR_INFO_SIZE_VER0, zero,
	.out = { SPAN(caps_actor_info, ports, flags) },
	.flags = { AT(caps_actor_info, flags) },
	.reserved = { AT(caps_actor_info, reserved) },
};

FIXTURE_VARIANT_ADD(command, actor_self) {
	CAPS_ACTOR_SELF, CAPS_ACTOR_SELF_SIZE_VER0, zero,
	.out = { REST(caps_actor_self, capability) },
	.flags = { AT(caps_actor_self, flags) },
	.reserved = { AT(caps_actor_self, reserved) },
};

FIXTURE_VARIANT_ADD(command, keep) {
	CAPS_KEEP, CAPS_KEEP_SIZE_VER0, zero,
	.flags = { AT(caps_keep, flags) },
	.reserved = { AT(caps_keep, reserved) },
};

FIXTURE_VARIANT_ADD(command, adopt) {
	CAPS_ADOPT, CAPS_KEEP_SIZE_VER0, orphan,
	.flags = { AT(caps_keep, flags) },
	.reserved = { AT(caps_keep, reserved) },
};

FIXTURE_VARIANT_ADD(command, unpark) {
	CAPS_UNPARK, CAPS_UNPARK_SIZE_VER0, zero,
	.out = { REST(caps_unpark, ended) },
	.flags = { AT(caps_unpark, flags) },
};

FIXTURE_VARIANT_ADD(command, duplicate) {
	CAPS_DUPLICATE, CAPS_DUPLICATE_SIZE_VER0, duplicate,
	.out = { REST(caps_duplicate, result) },
	.flags = { AT(caps_duplicate, flags) },
	.known = { CAPS_DUP_BADGE | CAPS_DUP_DISCONNECTED },
};

FIXTURE_VARIANT_ADD(command, close) {
	CAPS_CLOSE, CAPS_CLOSE_SIZE_VER0, handle,
	.flags = { AT(caps_close, flags) },
	.reserved = { AT(caps_close, reserved) },
};

FIXTURE_VARIANT_ADD(command, capability_info) {
	CAPS_CAPABILITY_INFO, CAPS_CAPABILITY_INFO_SIZE_VER0, capability_info,
	.out = { SPAN(caps_capability_info, operations, flags) },
	.flags = { AT(caps_capability_info, flags) },
};

FIXTURE_VARIANT_ADD(command, export) {
	CAPS_EXPORT, CAPS_EXPORT_SIZE_VER0, export,
	.out = { REST(caps_export, fd) },
	.flags = { AT(caps_export, flags) },
};

FIXTURE_VARIANT_ADD(command, port_file) {
	CAPS_PORT_FILE, CAPS_EXPORT_SIZE_VER0, export,
	.out = { REST(caps_export, fd) },
	.flags = { AT(caps_export, flags) },
};

FIXTURE_VARIANT_ADD(command, import) {
	CAPS_IMPORT, CAPS_IMPORT_SIZE_VER0, import,
	.out = { REST(caps_import, capability) },
	.flags = { AT(caps_import, flags) },
};

FIXTURE_VARIANT_ADD(command, place) {
	CAPS_PLACE, CAPS_PLACE_SIZE_VER0, place_in,
	.flags = { AT(caps_place, flags) },
};

FIXTURE_VARIANT_ADD(command, watch) {
	CAPS_WATCH, CAPS_WATCH_SIZE_VER0, watch_of,
	.out = { REST(caps_watch, id) },
	.flags = { AT(caps_watch, flags) },
	.reserved = { AT(caps_watch, reserved) },
};

FIXTURE_VARIANT_ADD(command, port_create) {
	CAPS_PORT_CREATE, CAPS_PORT_CREATE_SIZE_VER0, zero,
	.out = { REST(caps_port_create, capability) },
	.flags = { AT(caps_port_create, flags) },
	.known = { CAPS_PORT_UNIX_SOCKETS },
};

FIXTURE_VARIANT_ADD(command, port_delete) {
	CAPS_PORT_DELETE, CAPS_PORT_REF_SIZE_VER0, handle,
	.flags = { AT(caps_port_ref, flags) },
	.reserved = { AT(caps_port_ref, reserved) },
};

FIXTURE_VARIANT_ADD(command, port_enable) {
	CAPS_PORT_ENABLE, CAPS_PORT_ENABLE_SIZE_VER0, port_enable_of,
	.flags = { AT(caps_port_enable, flags) },
};

FIXTURE_VARIANT_ADD(command, port_disable) {
	CAPS_PORT_DISABLE, CAPS_PORT_REF_SIZE_VER0, handle,
	.flags = { AT(caps_port_ref, flags) },
	.reserved = { AT(caps_port_ref, reserved) },
};

FIXTURE_VARIANT_ADD(command, port_info) {
	CAPS_PORT_INFO, CAPS_PORT_INFO_SIZE_VER0, port_info_of,
	.out = { SPAN(caps_port_info, cookie, flags) },
	.flags = { AT(caps_port_info, flags) },
	.reserved = { AT(caps_port_info, reserved) },
};

FIXTURE_VARIANT_ADD(command, revoke) {
	CAPS_REVOKE, CAPS_REVOKE_SIZE_VER0, handle,
	.out = { REST(caps_revoke, dropped) },
	.flags = { AT(caps_revoke, flags) }, .known = { CAPS_REVOKE_BADGE },
	.reserved = { AT(caps_revoke, reserved) },
};

FIXTURE_VARIANT_ADD(command, signal) {
	CAPS_SIGNAL, CAPS_SIGNAL_SIZE_VER0, signal_to,
	.flags = { AT(caps_signal, flags) },
	.reserved = { AT(caps_signal, reserved) },
};

FIXTURE_VARIANT_ADD(command, port_migrate) {
	CAPS_PORT_MIGRATE, CAPS_PORT_MIGRATE_SIZE_VER0, migrate_to,
	.out = { REST(caps_port_migrate, sequence) },
	.flags = { AT(caps_port_migrate, flags) },
	.known = { CAPS_MIGRATE_DROP },
	.reserved = { AT(caps_port_migrate, reserved) },
};

FIXTURE_VARIANT_ADD(command, send) {
	CAPS_SEND, CAPS_SEND_SIZE_VER0, send_to,
	.out = { SPAN(caps_send, id, reserved) },
	.flags = { AT(caps_send, flags) },
	.known = { CAPS_COPY | CAPS_DEFER | GROUP_FLAGS },
	.reserved = { AT(caps_send, reserved), AT(caps_send, relative) },
};

FIXTURE_VARIANT_ADD(command, call) {
	CAPS_CALL, CAPS_CALL_SIZE_VER0, call_to,
	.out = { SPAN(caps_call, reply_body_len, reserved) },
	.always = SPAN(caps_call, result, reserved),
	.flags = { AT(caps_call, flags) },
	.known = { CAPS_COPY | CAPS_NOWAIT_QUEUE | CAPS_INTERRUPTIBLE |
		   CAPS_DIRECT_REPLY | GROUP_FLAGS },
	.reserved = { AT(caps_call, reserved), AT(caps_call, relative) },
};

FIXTURE_VARIANT_ADD(command, call_async) {
	CAPS_CALL_ASYNC, CAPS_SEND_SIZE_VER0, send_to,
	.out = { SPAN(caps_send, id, reserved) },
	.flags = { AT(caps_send, flags) },
	.known = { CAPS_COPY | CAPS_DEFER | GROUP_FLAGS },
	.reserved = { AT(caps_send, reserved), AT(caps_send, relative) },
};

FIXTURE_VARIANT_ADD(command, receive) {
	CAPS_RECEIVE, CAPS_RECEIVE_SIZE_VER0, receive_from,
	.out = { REST(caps_receive, header) },
	.flags = { AT(caps_receive, flags) }, .known = { CAPS_HOLD },
	.reserved = { AT(caps_receive, reserved) },
};

FIXTURE_VARIANT_ADD(command, receive_batch) {
	CAPS_RECEIVE_BATCH, CAPS_RECEIVE_BATCH_SIZE_VER0, receive_batch,
	.out = { SPAN(caps_receive_batch, received, reserved) },
	.flags = { AT(caps_receive_batch, flags) },
	.reserved = { AT(caps_receive_batch, reserved) },
};

FIXTURE_VARIANT_ADD(command, get_data) {
	CAPS_GET_DATA, CAPS_GET_DATA_SIZE_VER0, get_data_of,
	.out = { SPAN(caps_get_data, copied, flags) },
	.flags = { AT(caps_get_data, flags) },
	.reserved = { AT(caps_get_data, reserved) },
};

FIXTURE_VARIANT_ADD(command, reply) {
	CAPS_REPLY, CAPS_REPLY_SIZE_VER0, reply_to,
	.out = { REST(caps_reply, outcome) },
	.flags = { AT(caps_reply, flags) },
	.known = { CAPS_COPY | CAPS_DEFER | CAPS_RECEIPT },
};

FIXTURE_VARIANT_ADD(command, reply_receive) {
	CAPS_REPLY_RECEIVE, CAPS_REPLY_RECEIVE_SIZE_VER0, reply_receive,
	.out = { SPAN(caps_reply_receive, reply.outcome, receive),
		 REST(caps_reply_receive, receive.header) },
	.both = SPAN(caps_reply_receive, reply.id, reply.data),
	.always = SPAN(caps_reply_receive, reply.outcome, receive),
	.flags = { AT(caps_reply_receive, reply.flags),
		   AT(caps_reply_receive, receive.flags) },
	.known = { CAPS_COPY | CAPS_DEFER | CAPS_RECEIPT, CAPS_HOLD },
	.reserved = { AT(caps_reply_receive, receive.reserved) },
};

FIXTURE_VARIANT_ADD(command, discard) {
	CAPS_DISCARD, CAPS_DISCARD_SIZE_VER0, held_id,
	.flags = { AT(caps_discard, flags) },
	.reserved = { AT(caps_discard, reserved) },
};

FIXTURE_VARIANT_ADD(command, abort) {
	CAPS_ABORT, CAPS_ABORT_SIZE_VER0, abort_of,
	.out = { REST(caps_abort, outcome) },
	.flags = { AT(caps_abort, flags) },
};

FIXTURE_VARIANT_ADD(command, header) {
	CAPS_HEADER, CAPS_HEADER_SIZE_VER0, held_id,
	.out = { REST(caps_get_header, header) },
	.flags = { AT(caps_get_header, flags) },
	.reserved = { AT(caps_get_header, reserved) },
};

FIXTURE_VARIANT_ADD(command, identity) {
	CAPS_IDENTITY, CAPS_IDENTITY_SIZE_VER0, held_id,
	.out = { SPAN(caps_identity, effective, flags) },
	.both = SPAN(caps_identity, group_count, effective),
	.flags = { AT(caps_identity, flags) },
	.reserved = { AT(caps_identity, reserved) },
};

FIXTURE_VARIANT_ADD(command, forward) {
	CAPS_FORWARD, CAPS_FORWARD_SIZE_VER0, forward_to,
	.flags = { AT(caps_forward, flags) },
	.reserved = { AT(caps_forward, reserved) },
};

FIXTURE_VARIANT_ADD(command, register) {
	CAPS_REGISTER, CAPS_REGISTER_SIZE_VER0, register_as,
	.flags = { AT(caps_register, flags) },
	.known = { CAPS_REGISTER_USER | CAPS_REGISTER_GROUP |
		   CAPS_REGISTER_WORLD | CAPS_REGISTER_NEWEST |
		   CAPS_REGISTER_FIRST | CAPS_REGISTER_REPLACE |
		   CAPS_REGISTER_CONNECTED | CAPS_REGISTER_DISCONNECTED |
		   CAPS_REGISTER_ASK | CAPS_REGISTER_SINGLE |
		   CAPS_REGISTER_RESERVED },
	.reserved = { AT(caps_register, reserved) },
};

FIXTURE_VARIANT_ADD(command, unregister) {
	CAPS_UNREGISTER, CAPS_UNREGISTER_SIZE_VER0, unregister,
	.flags = { AT(caps_unregister, flags) },
};

FIXTURE_VARIANT_ADD(command, connect) {
	CAPS_CONNECT, CAPS_CONNECT_SIZE_VER0, connect_to,
	.out = { REST(caps_connect, capability) },
	.both = SPAN(caps_connect, operations, capability),
	.flags = { AT(caps_connect, flags) },
	.known = { CAPS_CONNECT_USER | CAPS_CONNECT_GROUP |
		   CAPS_CONNECT_WORLD | CAPS_CONNECT_NOWAIT },
	.reserved = { AT(caps_connect, reserved) },
};

FIXTURE_VARIANT_ADD(command, group_create) {
	CAPS_GROUP_CREATE, CAPS_GROUP_CREATE_SIZE_VER0, zero,
	.out = { REST(caps_group_create, capability) },
	.flags = { AT(caps_group_create, flags) },
	.reserved = { AT(caps_group_create, reserved) },
};

FIXTURE_VARIANT_ADD(command, group_insert) {
	CAPS_GROUP_INSERT, CAPS_GROUP_MEMBER_SIZE_VER0, group_insert_of,
	.flags = { AT(caps_group_member, flags) },
	.reserved = { AT(caps_group_member, reserved) },
};

FIXTURE_VARIANT_ADD(command, group_remove) {
	CAPS_GROUP_REMOVE, CAPS_GROUP_MEMBER_SIZE_VER0, group_remove_of,
	.flags = { AT(caps_group_member, flags) },
	.reserved = { AT(caps_group_member, reserved) },
};

FIXTURE_VARIANT_ADD(command, group_delete) {
	CAPS_GROUP_DELETE, CAPS_GROUP_REF_SIZE_VER0, group_of,
	.flags = { AT(caps_group_ref, flags) },
	.reserved = { AT(caps_group_ref, reserved) },
};

FIXTURE_VARIANT_ADD(command, group_info) {
	CAPS_GROUP_INFO, CAPS_GROUP_INFO_SIZE_VER0, group_of,
	.out = { SPAN(caps_group_info, members, flags) },
	.flags = { AT(caps_group_info, flags) },
};

FIXTURE_VARIANT_ADD(command, services) {
	CAPS_SERVICES, CAPS_SERVICES_SIZE_VER0, services,
	.both = SPAN(caps_services, cursor, flags),
	.flags = { AT(caps_services, flags) },
};

FIXTURE_VARIANT_ADD(command, generation_set) {
	CAPS_GENERATION_SET, CAPS_GENERATION_SET_SIZE_VER0, generation,
	.flags = { AT(caps_generation_set, flags) },
	.reserved = { AT(caps_generation_set, reserved) },
};

FIXTURE_VARIANT_ADD(command, generation) {
	CAPS_GENERATION, CAPS_GENERATION_SIZE_VER0, generation,
	.both = SPAN(caps_generation, generation, deadline),
	.flags = { AT(caps_generation, flags) },
	.known = { CAPS_GENERATION_WAIT },
	.reserved = { AT(caps_generation, reserved) },
};

#endif /* ABI_COMMANDS_H */
