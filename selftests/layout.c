// SPDX-License-Identifier: GPL-2.0
/*
 * The binary layout of every struct, as published. Built as a 64-bit and as a
 * 32-bit program from the same numbers: both agree with it, so with each other.
 */
#include "caps_test.h"

#define SIZE(type, size) \
	EXPECT_EQ(size, sizeof(struct type))
#define FIELD(type, field, offset) \
	EXPECT_EQ(offset, offsetof(struct type, field))

TEST(caps_query)
{
	SIZE(caps_query, 64);
	FIELD(caps_query, features, 0);
	FIELD(caps_query, max_body, 8);
	FIELD(caps_query, max_copied_body, 16);
	FIELD(caps_query, max_pinned, 24);
	FIELD(caps_query, copy_break, 32);
	FIELD(caps_query, max_annex, 36);
	FIELD(caps_query, max_iovecs, 40);
	FIELD(caps_query, max_batch, 44);
	FIELD(caps_query, default_queue_limit, 48);
	FIELD(caps_query, max_queue_limit, 52);
	FIELD(caps_query, flags, 56);
	FIELD(caps_query, reserved, 60);
}

TEST(caps_uring)
{
	SIZE(caps_uring, 16);
	FIELD(caps_uring, argument, 0);
	FIELD(caps_uring, flags, 8);
	FIELD(caps_uring, reserved, 12);
}

TEST(caps_unpark)
{
	SIZE(caps_unpark, 16);
	FIELD(caps_unpark, argument, 0);
	FIELD(caps_unpark, flags, 8);
	FIELD(caps_unpark, ended, 12);
}

TEST(caps_actor_info)
{
	SIZE(caps_actor_info, 88);
	FIELD(caps_actor_info, ports, 0);
	FIELD(caps_actor_info, capabilities, 8);
	FIELD(caps_actor_info, held, 16);
	FIELD(caps_actor_info, pending, 24);
	FIELD(caps_actor_info, pinned_bodies, 32);
	FIELD(caps_actor_info, pinned_bytes, 40);
	FIELD(caps_actor_info, sent_copies, 48);
	FIELD(caps_actor_info, sent_copy_bytes, 56);
	FIELD(caps_actor_info, read_copies, 64);
	FIELD(caps_actor_info, read_copy_bytes, 72);
	FIELD(caps_actor_info, flags, 80);
	FIELD(caps_actor_info, reserved, 84);
}

TEST(caps_actor_self)
{
	SIZE(caps_actor_self, 16);
	FIELD(caps_actor_self, flags, 0);
	FIELD(caps_actor_self, reserved, 4);
	FIELD(caps_actor_self, capability, 8);
}

TEST(caps_keep)
{
	SIZE(caps_keep, 8);
	FIELD(caps_keep, flags, 0);
	FIELD(caps_keep, reserved, 4);
}

TEST(caps_duplicate)
{
	SIZE(caps_duplicate, 40);
	FIELD(caps_duplicate, capability, 0);
	FIELD(caps_duplicate, operations, 8);
	FIELD(caps_duplicate, badge, 16);
	FIELD(caps_duplicate, rights, 24);
	FIELD(caps_duplicate, flags, 28);
	FIELD(caps_duplicate, result, 32);
}

TEST(caps_close)
{
	SIZE(caps_close, 16);
	FIELD(caps_close, capability, 0);
	FIELD(caps_close, flags, 8);
	FIELD(caps_close, reserved, 12);
}

TEST(caps_capability_info)
{
	SIZE(caps_capability_info, 40);
	FIELD(caps_capability_info, capability, 0);
	FIELD(caps_capability_info, operations, 8);
	FIELD(caps_capability_info, badge, 16);
	FIELD(caps_capability_info, type, 24);
	FIELD(caps_capability_info, rights, 28);
	FIELD(caps_capability_info, status, 32);
	FIELD(caps_capability_info, flags, 36);
}

TEST(caps_export)
{
	SIZE(caps_export, 16);
	FIELD(caps_export, capability, 0);
	FIELD(caps_export, flags, 8);
	FIELD(caps_export, fd, 12);
}

TEST(caps_import)
{
	SIZE(caps_import, 16);
	FIELD(caps_import, fd, 0);
	FIELD(caps_import, flags, 4);
	FIELD(caps_import, capability, 8);
}

TEST(caps_place)
{
	SIZE(caps_place, 32);
	FIELD(caps_place, capability, 0);
	FIELD(caps_place, operations, 8);
	FIELD(caps_place, actor, 16);
	FIELD(caps_place, rights, 24);
	FIELD(caps_place, flags, 28);
}

TEST(caps_watch)
{
	SIZE(caps_watch, 32);
	FIELD(caps_watch, capability, 0);
	FIELD(caps_watch, source, 8);
	FIELD(caps_watch, flags, 16);
	FIELD(caps_watch, reserved, 20);
	FIELD(caps_watch, id, 24);
}

TEST(caps_port_create)
{
	SIZE(caps_port_create, 24);
	FIELD(caps_port_create, cookie, 0);
	FIELD(caps_port_create, queue_limit, 8);
	FIELD(caps_port_create, flags, 12);
	FIELD(caps_port_create, capability, 16);
}

TEST(caps_port_ref)
{
	SIZE(caps_port_ref, 16);
	FIELD(caps_port_ref, capability, 0);
	FIELD(caps_port_ref, flags, 8);
	FIELD(caps_port_ref, reserved, 12);
}

TEST(caps_port_enable)
{
	SIZE(caps_port_enable, 16);
	FIELD(caps_port_enable, capability, 0);
	FIELD(caps_port_enable, priority, 8);
	FIELD(caps_port_enable, flags, 12);
}

TEST(caps_port_info)
{
	SIZE(caps_port_info, 56);
	FIELD(caps_port_info, capability, 0);
	FIELD(caps_port_info, cookie, 8);
	FIELD(caps_port_info, sequence, 16);
	FIELD(caps_port_info, queue_limit, 24);
	FIELD(caps_port_info, queued, 28);
	FIELD(caps_port_info, waiting, 32);
	FIELD(caps_port_info, users, 36);
	FIELD(caps_port_info, priority, 40);
	FIELD(caps_port_info, status, 44);
	FIELD(caps_port_info, flags, 48);
	FIELD(caps_port_info, reserved, 52);
}

TEST(caps_iovec)
{
	SIZE(caps_iovec, 16);
	FIELD(caps_iovec, base, 0);
	FIELD(caps_iovec, len, 8);
}

TEST(caps_revoke)
{
	SIZE(caps_revoke, 32);
	FIELD(caps_revoke, capability, 0);
	FIELD(caps_revoke, badge, 8);
	FIELD(caps_revoke, flags, 16);
	FIELD(caps_revoke, reserved, 20);
	FIELD(caps_revoke, dropped, 24);
}

TEST(caps_signal)
{
	SIZE(caps_signal, 24);
	FIELD(caps_signal, capability, 0);
	FIELD(caps_signal, bits, 8);
	FIELD(caps_signal, flags, 16);
	FIELD(caps_signal, reserved, 20);
}

TEST(caps_transfer)
{
	SIZE(caps_transfer, 24);
	FIELD(caps_transfer, capability, 0);
	FIELD(caps_transfer, operations, 8);
	FIELD(caps_transfer, rights, 16);
	FIELD(caps_transfer, flags, 20);
}

TEST(caps_attachments)
{
	SIZE(caps_attachments, 32);
	FIELD(caps_attachments, capabilities, 0);
	FIELD(caps_attachments, fds, 8);
	FIELD(caps_attachments, capability_count, 16);
	FIELD(caps_attachments, fd_count, 20);
	FIELD(caps_attachments, capabilities_put, 24);
	FIELD(caps_attachments, fds_put, 26);
	FIELD(caps_attachments, flags, 28);
}

TEST(caps_port_migrate)
{
	SIZE(caps_port_migrate, 40);
	FIELD(caps_port_migrate, capability, 0);
	FIELD(caps_port_migrate, actor, 8);
	FIELD(caps_port_migrate, flags, 16);
	FIELD(caps_port_migrate, reserved, 20);
	FIELD(caps_port_migrate, sequence, 24);
	FIELD(caps_port_migrate, dropped, 32);
}

TEST(caps_data)
{
	SIZE(caps_data, 40);
	FIELD(caps_data, annex, 0);
	FIELD(caps_data, body, 8);
	FIELD(caps_data, body_len, 16);
	FIELD(caps_data, annex_len, 24);
	FIELD(caps_data, iov_count, 28);
	FIELD(caps_data, attachments, 32);
}

TEST(caps_header)
{
	SIZE(caps_header, 96);
	FIELD(caps_header, id, 0);
	FIELD(caps_header, badge, 8);
	FIELD(caps_header, address, 16);
	FIELD(caps_header, cookie, 24);
	FIELD(caps_header, body_len, 32);
	FIELD(caps_header, annex_len, 40);
	FIELD(caps_header, kind, 44);
	FIELD(caps_header, operation, 48);
	FIELD(caps_header, flags, 52);
	FIELD(caps_header, status, 56);
	FIELD(caps_header, error, 60);
	FIELD(caps_header, pid, 64);
	FIELD(caps_header, uid, 68);
	FIELD(caps_header, euid, 72);
	FIELD(caps_header, gid, 76);
	FIELD(caps_header, egid, 80);
	FIELD(caps_header, capability_count, 84);
	FIELD(caps_header, fd_count, 86);
	FIELD(caps_header, sequence, 88);
}

TEST(caps_send)
{
	SIZE(caps_send, 112);
	FIELD(caps_send, capability, 0);
	FIELD(caps_send, source, 8);
	FIELD(caps_send, relative, 16);
	FIELD(caps_send, address, 24);
	FIELD(caps_send, deadline, 32);
	FIELD(caps_send, data, 40);
	FIELD(caps_send, operation, 80);
	FIELD(caps_send, flags, 84);
	FIELD(caps_send, id, 88);
	FIELD(caps_send, result, 96);
	FIELD(caps_send, reached, 100);
	FIELD(caps_send, full, 104);
	FIELD(caps_send, reserved, 108);
}

TEST(caps_call)
{
	SIZE(caps_call, 144);
	FIELD(caps_call, capability, 0);
	FIELD(caps_call, relative, 8);
	FIELD(caps_call, address, 16);
	FIELD(caps_call, deadline, 24);
	FIELD(caps_call, operation, 32);
	FIELD(caps_call, flags, 36);
	FIELD(caps_call, request, 40);
	FIELD(caps_call, reply, 80);
	FIELD(caps_call, reply_body_len, 120);
	FIELD(caps_call, reply_annex_len, 128);
	FIELD(caps_call, status, 132);
	FIELD(caps_call, result, 136);
	FIELD(caps_call, reserved, 140);
}

TEST(caps_receive)
{
	SIZE(caps_receive, 160);
	FIELD(caps_receive, port, 0);
	FIELD(caps_receive, deadline, 8);
	FIELD(caps_receive, buffer, 16);
	FIELD(caps_receive, flags, 56);
	FIELD(caps_receive, reserved, 60);
	FIELD(caps_receive, header, 64);
}

TEST(caps_receive_batch)
{
	SIZE(caps_receive_batch, 40);
	FIELD(caps_receive_batch, port, 0);
	FIELD(caps_receive_batch, deadline, 8);
	FIELD(caps_receive_batch, entries, 16);
	FIELD(caps_receive_batch, count, 24);
	FIELD(caps_receive_batch, flags, 28);
	FIELD(caps_receive_batch, received, 32);
	FIELD(caps_receive_batch, reserved, 36);
}

TEST(caps_get_data)
{
	SIZE(caps_get_data, 80);
	FIELD(caps_get_data, id, 0);
	FIELD(caps_get_data, offset, 8);
	FIELD(caps_get_data, buffer, 16);
	FIELD(caps_get_data, copied, 56);
	FIELD(caps_get_data, annex_copied, 64);
	FIELD(caps_get_data, result, 68);
	FIELD(caps_get_data, flags, 72);
	FIELD(caps_get_data, reserved, 76);
}

TEST(caps_reply)
{
	SIZE(caps_reply, 64);
	FIELD(caps_reply, id, 0);
	FIELD(caps_reply, data, 8);
	FIELD(caps_reply, status, 48);
	FIELD(caps_reply, flags, 52);
	FIELD(caps_reply, outcome, 56);
	FIELD(caps_reply, result, 60);
}

TEST(caps_reply_receive)
{
	SIZE(caps_reply_receive, 224);
	FIELD(caps_reply_receive, reply, 0);
	FIELD(caps_reply_receive, receive, 64);
}

TEST(caps_discard)
{
	SIZE(caps_discard, 16);
	FIELD(caps_discard, id, 0);
	FIELD(caps_discard, flags, 8);
	FIELD(caps_discard, reserved, 12);
}

TEST(caps_abort)
{
	SIZE(caps_abort, 16);
	FIELD(caps_abort, id, 0);
	FIELD(caps_abort, flags, 8);
	FIELD(caps_abort, outcome, 12);
}

TEST(caps_get_header)
{
	SIZE(caps_get_header, 112);
	FIELD(caps_get_header, id, 0);
	FIELD(caps_get_header, flags, 8);
	FIELD(caps_get_header, reserved, 12);
	FIELD(caps_get_header, header, 16);
}

TEST(caps_identity)
{
	SIZE(caps_identity, 80);
	FIELD(caps_identity, id, 0);
	FIELD(caps_identity, groups, 8);
	FIELD(caps_identity, label, 16);
	FIELD(caps_identity, group_count, 24);
	FIELD(caps_identity, label_len, 28);
	FIELD(caps_identity, effective, 32);
	FIELD(caps_identity, permitted, 40);
	FIELD(caps_identity, inheritable, 48);
	FIELD(caps_identity, user_namespace, 56);
	FIELD(caps_identity, pid_namespace, 64);
	FIELD(caps_identity, flags, 72);
	FIELD(caps_identity, reserved, 76);
}

TEST(caps_forward)
{
	SIZE(caps_forward, 24);
	FIELD(caps_forward, id, 0);
	FIELD(caps_forward, capability, 8);
	FIELD(caps_forward, flags, 16);
	FIELD(caps_forward, reserved, 20);
}

TEST(caps_register)
{
	SIZE(caps_register, 48);
	FIELD(caps_register, port, 0);
	FIELD(caps_register, name, 8);
	FIELD(caps_register, operations, 16);
	FIELD(caps_register, name_len, 24);
	FIELD(caps_register, uid, 28);
	FIELD(caps_register, gid, 32);
	FIELD(caps_register, flags, 36);
	FIELD(caps_register, in_flight, 40);
	FIELD(caps_register, reserved, 44);
}

TEST(caps_unregister)
{
	SIZE(caps_unregister, 24);
	FIELD(caps_unregister, name, 0);
	FIELD(caps_unregister, name_len, 8);
	FIELD(caps_unregister, uid, 12);
	FIELD(caps_unregister, gid, 16);
	FIELD(caps_unregister, flags, 20);
}

TEST(caps_connect)
{
	SIZE(caps_connect, 80);
	FIELD(caps_connect, name, 0);
	FIELD(caps_connect, name_len, 8);
	FIELD(caps_connect, uid, 12);
	FIELD(caps_connect, gid, 16);
	FIELD(caps_connect, flags, 20);
	FIELD(caps_connect, trusted, 24);
	FIELD(caps_connect, trusted_count, 32);
	FIELD(caps_connect, reserved, 36);
	FIELD(caps_connect, deadline, 40);
	FIELD(caps_connect, verdict, 48);
	FIELD(caps_connect, operations, 56);
	FIELD(caps_connect, capability, 64);
	FIELD(caps_connect, result, 72);
	FIELD(caps_connect, in_flight, 76);
}

TEST(caps_application)
{
	SIZE(caps_application, 56);
	FIELD(caps_application, service, 0);
	FIELD(caps_application, effective, 8);
	FIELD(caps_application, permitted, 16);
	FIELD(caps_application, inheritable, 24);
	FIELD(caps_application, user_namespace, 32);
	FIELD(caps_application, pid_namespace, 40);
	FIELD(caps_application, network_namespace, 48);
	SIZE(caps_verdict, 24);
	FIELD(caps_verdict, operations, 0);
	FIELD(caps_verdict, badge, 8);
	FIELD(caps_verdict, in_flight, 16);
	FIELD(caps_verdict, flags, 20);
}

TEST(caps_services)
{
	SIZE(caps_services, 24);
	FIELD(caps_services, entries, 0);
	FIELD(caps_services, cursor, 8);
	FIELD(caps_services, count, 16);
	FIELD(caps_services, flags, 20);
	SIZE(caps_service_entry, 96);
	FIELD(caps_service_entry, name, 0);
	FIELD(caps_service_entry, cursor, 64);
	FIELD(caps_service_entry, operations, 72);
	FIELD(caps_service_entry, uid, 80);
	FIELD(caps_service_entry, gid, 84);
	FIELD(caps_service_entry, pid, 88);
	FIELD(caps_service_entry, flags, 92);
}

TEST(caps_generation)
{
	SIZE(caps_generation, 32);
	FIELD(caps_generation, capability, 0);
	FIELD(caps_generation, generation, 8);
	FIELD(caps_generation, deadline, 16);
	FIELD(caps_generation, flags, 24);
	FIELD(caps_generation, reserved, 28);
	SIZE(caps_generation_set, 24);
	FIELD(caps_generation_set, capability, 0);
	FIELD(caps_generation_set, generation, 8);
	FIELD(caps_generation_set, flags, 16);
	FIELD(caps_generation_set, reserved, 20);
}

TEST(caps_group_create)
{
	SIZE(caps_group_create, 16);
	FIELD(caps_group_create, flags, 0);
	FIELD(caps_group_create, reserved, 4);
	FIELD(caps_group_create, capability, 8);
}

TEST(caps_group_member)
{
	SIZE(caps_group_member, 24);
	FIELD(caps_group_member, group, 0);
	FIELD(caps_group_member, port, 8);
	FIELD(caps_group_member, flags, 16);
	FIELD(caps_group_member, reserved, 20);
}

TEST(caps_group_ref)
{
	SIZE(caps_group_ref, 16);
	FIELD(caps_group_ref, capability, 0);
	FIELD(caps_group_ref, flags, 8);
	FIELD(caps_group_ref, reserved, 12);
}

TEST(caps_group_info)
{
	SIZE(caps_group_info, 16);
	FIELD(caps_group_info, capability, 0);
	FIELD(caps_group_info, members, 8);
	FIELD(caps_group_info, flags, 12);
}

/* The numbers of the commands, which encode the sizes. */
TEST(numbers)
{
	EXPECT_EQ(0xc0409c00, CAPS_QUERY);
	EXPECT_EQ(0xc0589c01, CAPS_ACTOR_INFO);
	EXPECT_EQ(0xc0109c05, CAPS_UNPARK);
	EXPECT_EQ(0xc0289c10, CAPS_DUPLICATE);
	EXPECT_EQ(0xc0109c11, CAPS_CLOSE);
	EXPECT_EQ(0xc0289c12, CAPS_CAPABILITY_INFO);
	EXPECT_EQ(0xc0109c13, CAPS_EXPORT);
	EXPECT_EQ(0xc0109c14, CAPS_IMPORT);
	EXPECT_EQ(0xc0209c15, CAPS_PLACE);
	EXPECT_EQ(0xc0189c20, CAPS_PORT_CREATE);
	EXPECT_EQ(0xc0109c21, CAPS_PORT_DELETE);
	EXPECT_EQ(0xc0109c22, CAPS_PORT_ENABLE);
	EXPECT_EQ(0xc0109c23, CAPS_PORT_DISABLE);
	EXPECT_EQ(0xc0389c24, CAPS_PORT_INFO);
	EXPECT_EQ(0xc0109c28, CAPS_PORT_FILE);
	EXPECT_EQ(0xc0709c30, CAPS_SEND);
	EXPECT_EQ(0xc0909c31, CAPS_CALL);
	EXPECT_EQ(0xc0709c32, CAPS_CALL_ASYNC);
	EXPECT_EQ(0xc0a09c33, CAPS_RECEIVE);
	EXPECT_EQ(0xc0289c34, CAPS_RECEIVE_BATCH);
	EXPECT_EQ(0xc0509c35, CAPS_GET_DATA);
	EXPECT_EQ(0xc0409c36, CAPS_REPLY);
	EXPECT_EQ(0xc0e09c37, CAPS_REPLY_RECEIVE);
	EXPECT_EQ(0xc0109c38, CAPS_DISCARD);
	EXPECT_EQ(0xc0109c39, CAPS_ABORT);
	EXPECT_EQ(0xc0709c3a, CAPS_HEADER);
	EXPECT_EQ(0xc0509c3b, CAPS_IDENTITY);
	EXPECT_EQ(0xc0309c40, CAPS_REGISTER);
	EXPECT_EQ(0xc0189c41, CAPS_UNREGISTER);
	EXPECT_EQ(0xc0509c42, CAPS_CONNECT);
	EXPECT_EQ(0xc0189c43, CAPS_SERVICES);
	EXPECT_EQ(0xc0189c44, CAPS_GENERATION_SET);
	EXPECT_EQ(0xc0209c45, CAPS_GENERATION);
	EXPECT_EQ(0xc0109c50, CAPS_GROUP_CREATE);
	EXPECT_EQ(0xc0189c51, CAPS_GROUP_INSERT);
	EXPECT_EQ(0xc0189c52, CAPS_GROUP_REMOVE);
	EXPECT_EQ(0xc0109c53, CAPS_GROUP_DELETE);
	EXPECT_EQ(0xc0109c54, CAPS_GROUP_INFO);
}

TEST_HARNESS_MAIN
