// SPDX-License-Identifier: GPL-2.0
/*
 * Revoked capabilities: worthless wherever they are, what came through them and
 * was not received is dropped and its sender told, and nothing else changes.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define BADGE	7

FIXTURE(revoke) {
	struct before before;
	struct pair p;
	__u64 own;		/* the server's, with the badge */
	__u64 badged;		/* the client's, with the badge */
};

FIXTURE_SETUP(revoke)
{
	before_take(&self->before);
	self->p = pair_open();
	need(cap_badge(self->p.server, self->p.port, BADGE, &self->own),
	     "a badge");
	self->badged = cap_give(self->p.server, self->own, self->p.client);
}

FIXTURE_TEARDOWN(revoke)
{
	close(self->p.server);
	close(self->p.client);
	before_check(_metadata, &self->before);
}

static long take_back(int fd, __u64 port, __u64 *dropped)
{
	struct caps_revoke r = { .capability = port };
	long ret = caps_ioctl(fd, CAPS_REVOKE, &r);

	if (dropped)
		*dropped = r.dropped;
	return ret;
}

static long take_badge(int fd, __u64 port, __u64 badge, __u64 *dropped)
{
	struct caps_revoke r = {
		.capability = port,
		.badge = badge,
		.flags = CAPS_REVOKE_BADGE,
	};
	long ret = caps_ioctl(fd, CAPS_REVOKE, &r);

	if (dropped)
		*dropped = r.dropped;
	return ret;
}

static long call_text(int fd, __u64 cap)
{
	struct caps_call call = call_of(cap, "question");

	return caps_ioctl(fd, CAPS_CALL, &call);
}

static __u32 status_of(int fd, __u64 cap)
{
	struct caps_capability_info info = { 0 };

	need(cap_info(fd, cap, &info), "CAPS_CAPABILITY_INFO");
	return info.status;
}

TEST_F(revoke, all)
{
	__u64 id, dropped = 1;

	EXPECT_OK(take_back(self->p.server, self->p.port, &dropped));
	EXPECT_EQ(0, dropped);
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.client, self->p.cap, "x"));
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.client, self->badged, "x"));
	EXPECT_ERR(EKEYREVOKED, call_text(self->p.client, self->p.cap));
	EXPECT_ERR(EKEYREVOKED, call_async(self->p.client, self->p.cap, 0,
					   "x", &id));
	EXPECT_EQ(CAPS_INFO_REVOKED, status_of(self->p.client, self->p.cap));
	EXPECT_EQ(0, port_info(self->p.server, self->p.port).queued);
}

TEST_F(revoke, one_badge)
{
	struct message m;

	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, NULL));
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.client, self->badged, "x"));
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.server, self->own, "x"));
	EXPECT_OK(send_text(self->p.client, self->p.cap, "other"));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_STREQ("other", m.body);
	EXPECT_ERR(ENOENT, take_badge(self->p.server, self->p.port, BADGE,
				      NULL));
	EXPECT_ERR(ENOENT, take_badge(self->p.server, self->p.port, BADGE + 1,
				      NULL));
}

/* The next badge with this value is another. */
TEST_F(revoke, badge_again)
{
	struct message m;
	__u64 own, given;

	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, NULL));
	EXPECT_OK(cap_badge(self->p.server, self->p.port, BADGE, &own));
	given = cap_give(self->p.server, own, self->p.client);
	EXPECT_OK(send_text(self->p.client, given, "new"));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_EQ(BADGE, m.header.badge);
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.client, self->badged, "x"));
	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, NULL));
	EXPECT_ERR(EKEYREVOKED, send_text(self->p.client, given, "x"));
}

/* The owner's handles stay good, and what it makes of them is new. */
TEST_F(revoke, owner_goes_on)
{
	struct message m;
	__u64 fresh;

	EXPECT_OK(take_back(self->p.server, self->p.port, NULL));
	EXPECT_OK(send_text(self->p.server, self->p.port, "own"));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_EQ(CAPS_INFO_OWN, status_of(self->p.server, self->p.port));
	fresh = cap_give(self->p.server, self->p.port, self->p.client);
	EXPECT_OK(send_text(self->p.client, fresh, "fresh"));
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_STREQ("fresh", m.body);
}

/* A copy does not bring it back to life, however it is made. */
TEST_F(revoke, copies)
{
	__u64 cap;
	int file = cap_export(self->p.client, self->p.cap);

	ASSERT_GE(file, 0);
	EXPECT_OK(take_back(self->p.server, self->p.port, NULL));
	EXPECT_ERR(EKEYREVOKED, cap_dup(self->p.client, self->p.cap,
					CAPS_RIGHT_SEND, 1, &cap));
	EXPECT_ERR(EKEYREVOKED, cap_export(self->p.client, self->p.cap));
	EXPECT_ERR(EKEYREVOKED, cap_import(self->p.client, file, &cap));
	EXPECT_OK(cap_close(self->p.client, self->p.cap));
	close(file);
}

TEST_F(revoke, takes_the_owner_and_the_right)
{
	struct caps_revoke r = { .capability = self->p.port, .badge = 1 };
	__u64 weak;

	EXPECT_ERR(EPERM, take_back(self->p.client, self->p.cap, NULL));
	EXPECT_OK(cap_dup(self->p.server, self->p.port, CAPS_RIGHT_SEND, 1,
			  &weak));
	EXPECT_ERR(EPERM, take_back(self->p.server, weak, NULL));
	EXPECT_ERR(EINVAL, caps_ioctl(self->p.server, CAPS_REVOKE, &r));
	EXPECT_OK(send_text(self->p.client, self->p.cap, "still good"));
	EXPECT_OK(port_delete(self->p.server, self->p.port));
	EXPECT_ERR(EPIPE, take_back(self->p.server, self->p.port, NULL));
}

/* What is queued: sends vanish, callers are told, others' messages stay. */
TEST_F(revoke, queued)
{
	struct caps_call call = call_of(self->badged, "question");
	struct background caller;
	struct message m;
	__u64 id, dropped;

	EXPECT_OK(send_text(self->p.client, self->p.cap, "first"));
	for (int i = 0; i < 9; i++)
		EXPECT_OK(send_text(self->p.client, self->badged, "gone"));
	EXPECT_OK(call_async(self->p.client, self->badged, 0, "gone", &id));
	background_start(&caller, self->p.client, CAPS_CALL, &call);
	background_settle(&caller);
	EXPECT_OK(send_text(self->p.client, self->p.cap, "last"));

	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, &dropped));
	EXPECT_EQ(11, dropped);
	EXPECT_ERR(EKEYREVOKED, background_join(&caller));
	EXPECT_EQ(0, call.result);
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(id, m.header.id);
	EXPECT_EQ(EKEYREVOKED, m.header.error);

	EXPECT_EQ(2, port_info(self->p.server, self->p.port).queued);
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_STREQ("first", m.body);
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_STREQ("last", m.body);
}

/* A sender that waits for room; its place is another's then. */
TEST_F(revoke, waiting_for_room)
{
	struct caps_send send = { .deadline = CAPS_FOREVER };
	struct background sender;
	__u64 port = port_new_limit(self->p.server, 2), cap;

	cap = cap_give(self->p.server, port, self->p.client);
	EXPECT_OK(send_text(self->p.client, cap, "full"));
	send.capability = cap;
	background_start(&sender, self->p.client, CAPS_SEND, &send);
	background_settle(&sender);
	EXPECT_EQ(1, port_info(self->p.server, port).waiting);
	EXPECT_OK(take_back(self->p.server, port, NULL));
	EXPECT_ERR(EKEYREVOKED, background_join(&sender));
	EXPECT_EQ(0, port_info(self->p.server, port).waiting);
	EXPECT_EQ(0, port_info(self->p.server, port).queued);
	EXPECT_EQ(0, port_info(self->p.server, port).users);
}

/* A call that was received goes on to its answer. */
TEST_F(revoke, received)
{
	struct caps_call call = call_of(self->badged, "question");
	struct background caller;
	struct message m;

	background_start(&caller, self->p.client, CAPS_CALL, &call);
	EXPECT_OK(receive(self->p.server, self->p.port, &m));
	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, NULL));
	EXPECT_OK(take_back(self->p.server, self->p.port, NULL));
	EXPECT_OK(reply_text(self->p.server, m.header.id, 5, "answer"));
	EXPECT_OK(background_join(&caller));
	EXPECT_EQ(5, call.status);
}

/* One that is being delivered is not: its receiver gets the next. */
TEST_F(revoke, claimed)
{
	struct region region;
	struct caps_receive r = { .port = self->p.port, .deadline = CAPS_FOREVER };
	struct caps_call call = call_of(self->badged, "question");
	struct background receiver, caller;

	if (!uffd_start(&region, 65536))
		SKIP(return, "no userfaultfd");
	r.buffer = data_of(region.map, 65536);
	background_start(&receiver, self->p.server, CAPS_RECEIVE, &r);
	background_settle(&receiver);
	background_start(&caller, self->p.client, CAPS_CALL, &call);
	EXPECT_TRUE(eventually(region_touched(&region)));
	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, NULL));
	EXPECT_OK(send_text(self->p.client, self->p.cap, "next"));
	region_answer(&region);
	EXPECT_OK(background_join(&receiver));
	EXPECT_EQ(CAPS_KIND_SEND, r.header.kind);
	EXPECT_EQ(0, memcmp("next", region.map, 4));
	EXPECT_ERR(EKEYREVOKED, background_join(&caller));
}

/* A deferred body that is dropped is free, and its sender hears of it. */
TEST_F(revoke, deferred)
{
	char *body = pages_filled(1 << 20, 0, 1);
	struct caps_send send = {
		.capability = self->badged,
		.flags = CAPS_DEFER,
		.data = data_of(body, 1 << 20),
	};
	struct message m;

	EXPECT_OK(caps_ioctl(self->p.client, CAPS_SEND, &send));
	EXPECT_OK(take_badge(self->p.server, self->p.port, BADGE, NULL));
	EXPECT_OK(receive(self->p.client, CAPS_DEFAULT_PORT, &m));
	EXPECT_EQ(CAPS_KIND_DISPOSE, m.header.kind);
	EXPECT_EQ(send.id, m.header.id);
	EXPECT_EQ(self->before.pinned, pages_pinned());
}

/* Once it has returned nothing comes through any more, whoever is sending. */
TEST_F(revoke, while_others_send)
{
	struct child senders[3];
	struct message m;
	__u64 cap;
	int i, n;

	for (n = 0; n < (int)test_scale(200); n++) {
		for (i = 0; i < 3; i++) {
			if (child_start(&senders[i])) {
				int fd = actor_open();
				long ret;

				need(cap_import(fd, hear_fd(&senders[i]), &cap),
				     "CAPS_IMPORT");
				say(&senders[i], 0);
				do
					ret = send_text(fd, cap, "x");
				while (!ret || ret == -EAGAIN);
				say(&senders[i], -ret);
				CHILD_END();
			}
			cap = cap_export(self->p.server, self->p.port);
			need(cap, "CAPS_EXPORT");
			say_fd(&senders[i], cap);
			close(cap);
		}
		for (i = 0; i < 3; i++)
			hear(&senders[i]);
		for (i = 0; i < 20; i++)
			EXPECT_OK(receive(self->p.server, self->p.port, &m));
		EXPECT_OK(take_back(self->p.server, self->p.port, NULL));
		EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port,
					       &m));
		for (i = 0; i < 3; i++) {
			EXPECT_EQ(EKEYREVOKED, hear(&senders[i]));
			EXPECT_EQ(0, child_wait(&senders[i]));
		}
		EXPECT_ERR(EAGAIN, receive_now(self->p.server, self->p.port,
					       &m));
	}
}

TEST_HARNESS_MAIN
