// SPDX-License-Identifier: GPL-2.0
/*
 * Capabilities in messages: what arrives is what was sent or less, all of it or
 * none, and nothing is lost, doubled or left behind on the way.
 */
#include "caps_memory.h"
#include "caps_transfer.h"

/* It works where it arrives, with its badge, and still where it came from. */
TEST_F(transfer, arrives)
{
	load_add(&self->load, self->cap);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_all(self));
	EXPECT_STREQ("load", self->m.body);
	EXPECT_EQ(1, self->m.header.capability_count);
	EXPECT_EQ(0, self->m.header.fd_count);
	EXPECT_EQ(0, self->m.header.flags);
	EXPECT_EQ(1, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.server, self->room.handles[0]);
	expect_works(_metadata, self, self->p.client, self->cap);
	EXPECT_OK(cap_close(self->p.server, self->room.handles[0]));
}

/* With as little as the sender says. */
TEST_F(transfer, narrower)
{
	struct caps_capability_info i;
	struct caps_transfer *t = load_add(&self->load, self->cap);

	t->operations = 6;
	t = load_add(&self->load, self->cap);
	t->rights = CAPS_RIGHT_GRANT;
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_all(self));
	ASSERT_EQ(2, self->room.a.capabilities_put);
	ASSERT_OK(cap_info(self->p.server, self->room.handles[0], &i));
	EXPECT_EQ(CAPS_RIGHT_SEND, i.rights);
	EXPECT_EQ(6, i.operations);
	EXPECT_EQ(7, i.badge);
	ASSERT_OK(cap_info(self->p.server, self->room.handles[1], &i));
	EXPECT_EQ(CAPS_RIGHT_GRANT, i.rights);
	EXPECT_EQ(CAPS_ALL_OPERATIONS, i.operations);
}

/* All of it, so that an equal one need not be made. */
static struct caps_transfer *load_whole(FIXTURE_DATA(transfer) * self)
{
	struct caps_transfer *t = load_add(&self->load, self->cap);
	struct caps_capability_info i;

	need(cap_info(self->p.client, self->cap, &i), "CAPS_INFO");
	t->rights = i.rights;
	return t;
}

/* It outlives the one that it equals, and goes alone; less is less. */
TEST_F(transfer, as_it_is)
{
	long live = live_count("capabilities");
	struct caps_capability_info was, i;

	ASSERT_OK(cap_info(self->p.client, self->cap, &was));
	ASSERT_TRUE(was.rights & CAPS_RIGHT_GRANT);
	load_whole(self);
	load_whole(self)->operations = 6;
	load_whole(self)->flags = CAPS_TRANSFER_MOVE;
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	EXPECT_EQ(live + 2, live_count("capabilities"));
	EXPECT_ERR(EBADF, send_text(self->p.client, self->cap, "gone"));
	ASSERT_OK(receive_all(self));
	ASSERT_EQ(3, self->room.a.capabilities_put);
	ASSERT_OK(cap_info(self->p.server, self->room.handles[0], &i));
	EXPECT_EQ(was.rights, i.rights);
	EXPECT_EQ(was.operations, i.operations);
	EXPECT_EQ(7, i.badge);
	ASSERT_OK(cap_info(self->p.server, self->room.handles[1], &i));
	EXPECT_EQ(6, i.operations);
	EXPECT_OK(cap_close(self->p.server, self->room.handles[0]));
	expect_works(_metadata, self, self->p.server, self->room.handles[2]);
	EXPECT_OK(cap_close(self->p.server, self->room.handles[1]));
	EXPECT_OK(cap_close(self->p.server, self->room.handles[2]));
	EXPECT_EQ(live - 1, live_count("capabilities"));
}

/* What the owner gives away is good, also from what it has had for long. */
TEST_F(transfer, of_the_owner)
{
	struct caps_revoke r = { .capability = self->port };
	struct caps_capability_info i;
	__u64 way = cap_give(self->p.server, self->p.port, self->owner);

	ASSERT_OK(cap_info(self->owner, self->port, &i));
	load_add(&self->load, self->port)->rights = i.rights;
	ASSERT_OK(caps_ioctl(self->owner, CAPS_REVOKE, &r));
	ASSERT_OK(send_load(self->owner, way, &self->load));
	ASSERT_OK(receive_all(self));
	EXPECT_OK(send_text(self->p.server, self->room.handles[0], "new"));
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.client, self->cap, "old"));
}

/* To actors as to ports, and the default port's own name. */
TEST_F(transfer, of_any_type)
{
	struct caps_capability_info i;
	struct caps_transfer *t;

	t = load_add(&self->load, actor_self(self->p.client));
	t->rights = CAPS_RIGHT_ACCEPT;
	load_add(&self->load, CAPS_DEFAULT_PORT);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_all(self));
	ASSERT_OK(cap_info(self->p.server, self->room.handles[0], &i));
	EXPECT_EQ(CAPS_TYPE_ACTOR, i.type);
	EXPECT_EQ(CAPS_RIGHT_ACCEPT, i.rights);
	ASSERT_OK(send_text(self->p.server, self->room.handles[1], "back"));
	ASSERT_OK(receive_now(self->p.client, CAPS_DEFAULT_PORT, &self->m));
	EXPECT_STREQ("back", self->m.body);
}

/* 64 go along; 65 do not, and none of them. */
TEST_F(transfer, as_many_as_there_may_be)
{
	__u64 before = handles_of(self->p.server);
	int i;

	self->load = load_of(self->cap, CAPS_MAX_ATTACHED);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(CAPS_MAX_ATTACHED, self->m.header.capability_count);
	EXPECT_EQ(CAPS_MAX_ATTACHED, self->room.a.capabilities_put);
	EXPECT_EQ(before + CAPS_MAX_ATTACHED, handles_of(self->p.server));
	for (i = 0; i < (int)CAPS_MAX_ATTACHED; i++)
		expect_works(_metadata, self, self->p.server,
			     self->room.handles[i]);
	self->load = load_of(self->cap, MANY);
	EXPECT_ERR(EMSGSIZE, send_load(self->p.client, self->p.cap,
				       &self->load));
	EXPECT_ERR(EAGAIN, receive_all(self));
}

/* What was revoked cannot be sent; what is revoked on the way is no good. */
TEST_F(transfer, of_what_is_revoked)
{
	struct caps_revoke r = {
		.capability = self->port, .badge = 7,
		.flags = CAPS_REVOKE_BADGE,
	};

	load_whole(self);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(caps_ioctl(self->owner, CAPS_REVOKE, &r));
	EXPECT_ERR(EKEYREVOKED, send_load(self->p.client, self->p.cap,
					  &self->load));
	ASSERT_OK(receive_all(self));
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.server,
					  self->room.handles[0], "late"));
}

/* --- moving -------------------------------------------------------------- */

static void load_move(FIXTURE_DATA(transfer) * self, __u64 cap)
{
	load_add(&self->load, cap)->flags = CAPS_TRANSFER_MOVE;
}

/* It is with the receiver, and no longer with the sender. */
TEST_F(transfer, moved)
{
	__u64 before = handles_of(self->p.client);

	load_move(self, self->cap);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	EXPECT_EQ(before - 1, handles_of(self->p.client));
	EXPECT_ERR(EBADF, send_text(self->p.client, self->cap, "gone"));
	EXPECT_ERR(EBADF, cap_close(self->p.client, self->cap));
	ASSERT_OK(receive_all(self));
	expect_works(_metadata, self, self->p.server, self->room.handles[0]);
}

/* It stays where nothing was sent, for whatever reason. */
TEST_F(transfer, moved_only_if_sent)
{
	struct caps_call call = call_of(self->p.cap, "");
	__u64 before = handles_of(self->p.client);
	int client = self->p.client;
	__u64 full, port = port_new_limit(self->p.server, 2);

	full = cap_give(self->p.server, port, client);
	ASSERT_OK(send_text(client, full, "a"));
	load_move(self, self->cap);
	EXPECT_ERR(EAGAIN, send_load(client, full, &self->load));
	expect_works(_metadata, self, client, self->cap);

	call.request = load_data(&self->load);
	call.deadline = in_ms(20);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(client, CAPS_CALL, &call));
	expect_works(_metadata, self, client, self->cap);

	ASSERT_OK(port_delete(self->p.server, port));
	EXPECT_ERR(EPIPE, send_load(client, full, &self->load));
	expect_works(_metadata, self, client, self->cap);

	load_add(&self->load, 12345);
	EXPECT_ERR(EBADF, send_load(client, self->p.cap, &self->load));
	expect_works(_metadata, self, client, self->cap);
	EXPECT_ERR(EAGAIN, receive_all(self));
	EXPECT_EQ(before + 1, handles_of(client));
}

/* Nobody moves the same twice, nor what it is sent through, nor his name. */
TEST_F(transfer, moved_once)
{
	load_move(self, self->cap);
	load_move(self, self->cap);
	EXPECT_ERR(EBADF, send_load(self->p.client, self->p.cap, &self->load));
	expect_works(_metadata, self, self->p.client, self->cap);

	self->load.a.capability_count = 0;
	load_add(&self->load, self->cap);
	load_move(self, self->p.cap);
	self->load.transfers[1].rights = 0;
	EXPECT_ERR(EBADF, send_load(self->p.client, self->p.cap, &self->load));
	expect_works(_metadata, self, self->p.client, self->cap);
	self->load.a.capability_count = 0;
	load_move(self, CAPS_DEFAULT_PORT);
	EXPECT_ERR(EBUSY, send_load(self->p.client, self->p.cap, &self->load));
}

/* A call that the server had taken has moved it, also if no answer comes. */
TEST_F(transfer, moved_by_a_call_that_was_taken)
{
	struct caps_call call = call_of(self->p.cap, "");
	struct background b;

	load_move(self, self->cap);
	call.request = load_data(&self->load);
	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_TRUE(eventually(!receive_all(self)));
	EXPECT_ERR(EBADF, send_text(self->p.client, self->cap, "gone"));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_ERR(ECONNRESET, background_join(&b));
	EXPECT_ERR(EBADF, send_text(self->p.client, self->cap, "gone"));
	expect_works(_metadata, self, self->p.server, self->room.handles[0]);
}

/* --- no room ------------------------------------------------------------- */

/* Without room the message is held, and they can be taken once, later. */
TEST_F(transfer, held_for_lack_of_room)
{
	__u64 before = handles_of(self->p.server), id;
	struct caps_get_header h;

	self->load = load_of(self->cap, 3);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	room_init(&self->room, 2);
	self->room.a.capabilities_put = 99;
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(CAPS_HEADER_HELD | CAPS_HEADER_TRUNCATED,
		  self->m.header.flags);
	EXPECT_EQ(3, self->m.header.capability_count);
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_STREQ("load", self->m.body);
	id = self->m.header.id;
	h = (struct caps_get_header){ .id = id };
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_HEADER, &h));
	EXPECT_EQ(3, h.header.capability_count);

	self->room.a.capabilities_put = 99;
	EXPECT_OK(get_attached(self->p.server, id, (uintptr_t)&self->room.a));
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_EQ(before, handles_of(self->p.server));
	room_init(&self->room, 3);
	EXPECT_OK(get_attached(self->p.server, id, (uintptr_t)&self->room.a));
	ASSERT_EQ(3, self->room.a.capabilities_put);
	expect_works(_metadata, self, self->p.server, self->room.handles[2]);
	EXPECT_OK(get_attached(self->p.server, id, (uintptr_t)&self->room.a));
	EXPECT_EQ(0, self->room.a.capabilities_put);
	EXPECT_EQ(before + 3, handles_of(self->p.server));
	EXPECT_OK(discard(self->p.server, id));
}

/* Who has no place at all learns that there are some; they go with it. */
TEST_F(transfer, dropped_with_the_message)
{
	long live = live_count("capabilities");

	self->load = load_of(self->cap, 5);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	EXPECT_EQ(5, self->m.header.capability_count);
	EXPECT_EQ(live + 5, live_count("capabilities"));
	ASSERT_OK(discard(self->p.server, self->m.header.id));
	EXPECT_EQ(live, live_count("capabilities"));
	EXPECT_ERR(ENOMSG, get_attached(self->p.server, self->m.header.id,
					(uintptr_t)&self->room.a));
}

/* A caller that leaves takes along what had no room. */
TEST_F(transfer, gone_with_the_caller)
{
	struct caps_call call = call_of(self->p.cap, "");
	long live = live_count("capabilities");
	struct background b;

	self->load = load_of(self->cap, 2);
	call.request = load_data(&self->load);
	call.deadline = in_ms(300);
	background_start(&b, self->p.client, CAPS_CALL, &call);
	ASSERT_TRUE(eventually(!receive_now(self->p.server, self->p.port,
					    &self->m)));
	EXPECT_ERR(ETIMEDOUT, background_join(&b));
	EXPECT_EQ(live, live_count("capabilities"));
	EXPECT_ERR(ECANCELED, get_attached(self->p.server, self->m.header.id,
					   (uintptr_t)&self->room.a));
	EXPECT_EQ(0, self->room.a.capabilities_put);
}

/* In a batch each entry has its own room. */
TEST_F(transfer, in_a_batch)
{
	struct caps_receive entries[3] = {};
	struct caps_receive_batch b = {
		.port = self->p.port, .count = 3,
		.entries = (uintptr_t)entries,
	};
	struct room second;

	room_init(&second, 1);
	entries[0].buffer.attachments = (uintptr_t)&self->room.a;
	entries[1].buffer.attachments = (uintptr_t)&second.a;
	self->load = load_of(self->cap, 2);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(send_text(self->p.client, self->p.cap, ""));
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_RECEIVE_BATCH, &b));
	ASSERT_EQ(3, b.received);
	EXPECT_EQ(2, self->room.a.capabilities_put);
	EXPECT_EQ(0, second.a.capabilities_put);
	EXPECT_TRUE(entries[1].header.flags & CAPS_HEADER_TRUNCATED);
	EXPECT_EQ(0, entries[2].header.capability_count);
	expect_works(_metadata, self, self->p.server, self->room.handles[1]);
}

/* --- who is gone, and who pays ------------------------------------------- */

/* An aborted call has moved, but nobody gets it. */
TEST_F(transfer, aborted)
{
	long live = live_count("capabilities");
	struct caps_send s = { .capability = self->p.cap };

	load_move(self, self->cap);
	s.data = load_data(&self->load);
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_CALL_ASYNC, &s));
	EXPECT_EQ(live, live_count("capabilities"));
	EXPECT_EQ(CAPS_ABORT_BEFORE, abort_call(self->p.client, s.id));
	EXPECT_EQ(live - 1, live_count("capabilities"));
	EXPECT_ERR(EAGAIN, receive_all(self));
}

/* What was sent arrives, though its sender is dead. */
TEST_F(transfer, sender_dies)
{
	load_add(&self->load, self->cap);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	close(self->p.client);
	ASSERT_TRUE(eventually(!receive_all(self)));
	expect_works(_metadata, self, self->p.server, self->room.handles[0]);
}

/* What was not received goes with the receiver. */
TEST_F(transfer, receiver_dies)
{
	long live = live_count("capabilities");

	self->load = load_of(self->cap, 9);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	EXPECT_EQ(live + 9, live_count("capabilities"));
	close(self->p.server);
	EXPECT_TRUE(eventually(live_count("capabilities") <= live));
}

/* A process that is killed amid of it leaves nothing. */
TEST_F(transfer, killed)
{
	struct caps_call call = call_of(self->p.cap, "");
	struct child c;

	if (child_start(&c)) {
		int fd = actor_open();
		__u64 cap = cap_give(fd, port_new(fd), fd);

		call.capability = cap;
		self->load = load_of(cap_give(fd, port_new(fd), fd), 2);
		self->load.transfers[1].flags = CAPS_TRANSFER_MOVE;
		call.request = load_data(&self->load);
		say(&c, 1);
		caps_ioctl(fd, CAPS_CALL, &call);
		_exit(1);
	}
	hear(&c);
	ASSERT_TRUE(eventually(asleep(c.pid)));
	EXPECT_EQ(1, live_count("attached"));
	child_kill(&c);
	EXPECT_TRUE(eventually(!live_count("attached")));
}

/* The sender's user pays on the way, the receiver's from then on. */
TEST_F(transfer, over_the_limit)
{
	struct before *b = &self->before;
	long used = live_count("capabilities");
	__u64 handles = handles_of(self->p.server);

	self->load = load_of(self->cap, 4);
	parameter_set(b, "max_capabilities", used + 3);
	EXPECT_ERR(EDQUOT, send_load(self->p.client, self->p.cap, &self->load));
	EXPECT_EQ(used, live_count("capabilities"));
	parameter_set(b, "max_capabilities", used + 8);
	ASSERT_OK(send_load(self->p.client, self->p.cap, &self->load));
	ASSERT_OK(receive_all(self));
	EXPECT_EQ(handles + 4, handles_of(self->p.server));
	/* All that was charged on the way has been given back. */
	self->load = load_of(self->cap, 4);
	EXPECT_OK(send_load(self->p.client, self->p.cap, &self->load));
}

/* --- at the same time ---------------------------------------------------- */

static void *give_back(void *arg)
{
	FIXTURE_DATA(transfer) * self = arg;
	struct caps_reply r = {};
	struct load load;
	struct message m;
	struct room room;

	for (;;) {
		room_init(&room, 1);
		if (receive_room(self->p.server, self->p.port, &room, &m))
			continue;
		if (m.header.kind != CAPS_KIND_CALL)
			continue;
		if (!room.a.capabilities_put)
			break;
		load = load_of(room.handles[0], 1);
		load.transfers[0].rights |= CAPS_RIGHT_GRANT;
		load.transfers[0].operations = 1;
		load.transfers[0].flags = CAPS_TRANSFER_MOVE;
		r.id = m.header.id;
		r.data = load_data(&load);
		if (caps_ioctl(self->p.server, CAPS_REPLY, &r))
			cap_close(self->p.server, room.handles[0]);
	}
	reply_text(self->p.server, m.header.id, 0, "");
	return NULL;
}

/*
 * Calls that move a capability and get it back, with deadlines that pass at any
 * point: it is then still here, or with the server, but never at both.
 */
TEST_F(transfer, deadlines_at_any_moment)
{
	unsigned int i, n = test_scale(10000), kept = 0, lost = 0, back = 0;
	struct caps_call call;
	pthread_t thread;
	__u64 cap;
	long err;

	need(-pthread_create(&thread, NULL, give_back, self), "thread");
	for (i = 0; i < n; i++) {
		ASSERT_OK(cap_dup(self->p.client, self->cap, CAPS_RIGHT_SEND |
				  CAPS_RIGHT_GRANT, 1, &cap));
		self->load.a.capability_count = 0;
		load_move(self, cap);
		self->load.transfers[0].rights |= CAPS_RIGHT_GRANT;
		self->load.transfers[0].operations = 1;
		call = call_of(self->p.cap, "");
		call.request = load_data(&self->load);
		call.reply.attachments = (uintptr_t)&self->room.a;
		call.deadline = now_ns() + i % 512 * 4000;
		err = caps_ioctl(self->p.client, CAPS_CALL, &call);
		if (!err) {
			back += self->room.a.capabilities_put;
			ASSERT_ERR(EBADF, cap_close(self->p.client, cap));
			if (self->room.a.capabilities_put)
				ASSERT_OK(cap_close(self->p.client,
						    self->room.handles[0]));
		} else if (call.result & CAPS_RESULT_TAKEN) {
			lost++;
			ASSERT_ERR(EBADF, cap_close(self->p.client, cap));
		} else {
			kept++;
			ASSERT_OK(cap_close(self->p.client, cap));
		}
	}
	TH_LOG("%u kept, %u lost, %u came back", kept, lost, back);
	call = call_of(self->p.cap, "end");
	EXPECT_OK(caps_ioctl(self->p.client, CAPS_CALL, &call));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, live_count("attached"));
}

/* A call is not forwarded without what another thread may put back just now. */
TEST_F(transfer, stays_while_it_is_being_taken)
{
	struct caps_send s = { .capability = self->p.cap };
	struct caps_forward f = { .capability = port_new(self->p.server) };
	struct caps_get_data get = {};
	struct background taker;
	struct region region;

	if (!region_start(&region, false, 4096))
		SKIP(return, "no userfaultfd");
	load_add(&self->load, self->cap);
	s.data = load_data(&self->load);
	ASSERT_OK(caps_ioctl(self->p.client, CAPS_CALL_ASYNC, &s));
	ASSERT_OK(receive_now(self->p.server, self->p.port, &self->m));
	f.id = self->m.header.id;
	get.id = f.id;
	get.buffer.attachments = (uintptr_t)region.map;
	background_start(&taker, self->p.server, CAPS_GET_DATA, &get);
	ASSERT_TRUE(eventually(region_touched(&region)));
	EXPECT_ERR(EBUSY, caps_ioctl(self->p.server, CAPS_FORWARD, &f));
	/* What is there then describes no room. */
	region_answer(&region);
	EXPECT_ERR(EINVAL, background_join(&taker));
	ASSERT_OK(caps_ioctl(self->p.server, CAPS_FORWARD, &f));
	ASSERT_OK(receive_room(self->p.server, f.capability, &self->room,
			       &self->m));
	EXPECT_EQ(1, self->room.a.capabilities_put);
	region_end(&region);
}

TEST_HARNESS_MAIN
