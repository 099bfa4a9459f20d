/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A subject: a process with an actor, whose life and death the test watches
 * from an actor of its own.
 */
#ifndef CAPS_ACTOR_H
#define CAPS_ACTOR_H

#include "caps_state.h"

#include <sched.h>

#define SUBJECT_NAME	"subject"

struct subject {
	struct child child;
	int fd;			/* in the subject: its actor */
	__u64 port;		/* in the subject: its port */
	int me;			/* in the test: the watcher */
	__u64 cap;		/* in the test: to the port */
};

/*
 * True in the subject, which has opened the device, named its port and given
 * a capability to it to the test.
 */
static inline bool subject_start(struct subject *s)
{
	int from;

	s->me = actor_open();
	if (child_start(&s->child)) {
		close(s->me);
		s->fd = actor_open();
		s->port = port_new(s->fd);
		need(service_register(s->fd, s->port, SUBJECT_NAME, 0,
				      CAPS_ALL_OPERATIONS), "CAPS_REGISTER");
		from = cap_export(s->fd, s->port);
		need(from, "CAPS_EXPORT");
		say_fd(&s->child, from);
		close(from);
		return true;
	}
	from = hear_fd(&s->child);
	need(cap_import(s->me, from, &s->cap), "CAPS_IMPORT");
	close(from);
	return false;
}

/* In the subject: its actor does what it should. */
static inline void subject_works(struct __test_metadata *_metadata,
				 struct subject *s)
{
	struct message m;

	EXPECT_OK(send_text(s->fd, CAPS_DEFAULT_PORT, "to myself"));
	EXPECT_OK(receive_now(s->fd, CAPS_DEFAULT_PORT, &m));
	EXPECT_STREQ("to myself", m.body);
}

/* In the subject: tell the test that it is its turn; ends if a check failed. */
#define subject_pause(s) do {						\
	if (!_metadata->passed)						\
		_exit(1);						\
	say(&(s)->child, 0);						\
	for (;;)							\
		pause();						\
} while (0)

static inline bool subject_dead(struct subject *s)
{
	struct caps_capability_info info;

	need(cap_info(s->me, s->cap, &info), "CAPS_CAPABILITY_INFO");
	return info.status & CAPS_INFO_DEAD;
}

#define EXPECT_ALIVE(s) do {						\
	EXPECT_FALSE(subject_dead(s));					\
	EXPECT_OK(send_text((s)->me, (s)->cap, "alive?"));		\
} while (0)

#define EXPECT_DEAD(s) do {						\
	EXPECT_TRUE(eventually(subject_dead(s)));			\
	EXPECT_ERR(EPIPE, send_text((s)->me, (s)->cap, "dead?"));	\
} while (0)

/* A name is free the moment its actor is dead, before all else is gone. */
#define EXPECT_NAME_FREE(s) do {					\
	EXPECT_OK(service_register((s)->me, CAPS_DEFAULT_PORT,		\
				   SUBJECT_NAME, 0, CAPS_ALL_OPERATIONS)); \
	service_unregister((s)->me, SUBJECT_NAME);			\
} while (0)

#endif /* CAPS_ACTOR_H */
