// SPDX-License-Identifier: GPL-2.0
/*
 * *connected* comes before all else of its connection, though its delivery fails
 * while a message of it is on its way to another thread.
 */
#include "caps_memory.h"
#include "caps_names.h"

#define BADGES	0x100000

FIXTURE(race) {
	struct before before;
	struct pair p;
	void *read_only;
};

static __u64 began[BADGES], first[BADGES];
static bool over;

FIXTURE_SETUP(race)
{
	before_take(&self->before);
	self->p = pair_open();
	self->read_only = pages_map(4096);
}

FIXTURE_TEARDOWN(race)
{
	munmap(self->read_only, 4096);
	close(self->p.server);
	close(self->p.client);
	before_check(_metadata, &self->before);
}

/* It takes what is next, and puts it back. */
static void *receive_badly(void *arg)
{
	FIXTURE_DATA(race) *self = arg;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		caps_ioctl(self->p.server, CAPS_RECEIVE, self->read_only);
	return NULL;
}

static void *come_and_go(void *arg)
{
	FIXTURE_DATA(race) *self = arg;
	__u64 cap;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		if (service_connect(self->p.client, "race", 0,
				    CAPS_ALL_OPERATIONS, &cap))
			continue;
		send_text(self->p.client, cap, "x");
		cap_close(self->p.client, cap);
	}
	return NULL;
}

TEST_F(race, connected_is_first)
{
	struct caps_receive *r = self->read_only;
	__u64 until = in_ms(test_scale(4000)), at;
	int i, seen = 0, wrong = 0;
	struct message m;
	pthread_t t[4];

	r->port = self->p.port;
	r->deadline = CAPS_FOREVER;
	mprotect(r, 4096, PROT_READ);
	ASSERT_OK(service_register(self->p.server, self->p.port, "race",
				   CAPS_REGISTER_CONNECTED,
				   CAPS_ALL_OPERATIONS));
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i < 2 ? receive_badly : come_and_go,
			       self);
	while (now_ns() < until) {
		ASSERT_OK(receive(self->p.server, self->p.port, &m));
		at = m.header.badge % BADGES;
		if (m.header.kind == CAPS_KIND_CONNECTED)
			began[at] = m.header.sequence;
		else
			first[at] = m.header.sequence;
		if (began[at] && first[at]) {
			seen++;
			wrong += first[at] < began[at];
		}
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	ASSERT_OK(port_delete(self->p.server, self->p.port));
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	EXPECT_NE(0, seen);
	EXPECT_EQ(0, wrong) TH_LOG("%d of %d", wrong, seen);
}

TEST_HARNESS_MAIN
