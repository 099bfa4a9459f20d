/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Groups, for tests.
 */
#ifndef CAPS_GROUP_H
#define CAPS_GROUP_H

#include "caps_test.h"

static inline __u64 group_new(int fd)
{
	struct caps_group_create c = { 0 };

	need(caps_ioctl(fd, CAPS_GROUP_CREATE, &c), "CAPS_GROUP_CREATE");
	return c.capability;
}

static inline long group_insert(int fd, __u64 group, __u64 port)
{
	struct caps_group_member m = { .group = group, .port = port };

	return caps_ioctl(fd, CAPS_GROUP_INSERT, &m);
}

static inline long group_remove(int fd, __u64 group, __u64 port)
{
	struct caps_group_member m = { .group = group, .port = port };

	return caps_ioctl(fd, CAPS_GROUP_REMOVE, &m);
}

static inline long group_delete(int fd, __u64 group)
{
	struct caps_group_ref r = { .capability = group };

	return caps_ioctl(fd, CAPS_GROUP_DELETE, &r);
}

/* How many can be sent to, or a negative errno. */
static inline long group_count(int fd, __u64 group)
{
	struct caps_group_info i = { .capability = group };
	long ret = caps_ioctl(fd, CAPS_GROUP_INFO, &i);

	return ret ? ret : (long)i.members;
}

/* A port of @fd that is a member; its queue has room for @limit / 2 of a user. */
static inline __u64 member_new(int fd, __u64 group, __u32 limit)
{
	__u64 port = port_new_limit(fd, limit);

	need(group_insert(fd, group, port), "CAPS_GROUP_INSERT");
	return port;
}

static inline struct caps_send group_message(__u64 group, __u32 flags,
					     const char *text)
{
	return (struct caps_send){
		.capability = group, .flags = flags,
		.data = data_of(text, strlen(text)),
	};
}

/* To all that have room; how many got it, or a negative errno. */
static inline long group_send(int fd, __u64 group, __u32 flags,
			      const char *text)
{
	struct caps_send s = group_message(group, flags, text);
	long ret = caps_ioctl(fd, CAPS_SEND, &s);

	return ret ? ret : (long)s.reached;
}

static inline long group_send_relative(int fd, __u64 group, __u32 flags,
				       __u64 relative, const char *text)
{
	struct caps_send s = group_message(group, flags, text);
	long ret;

	s.relative = relative;
	ret = caps_ioctl(fd, CAPS_SEND, &s);
	return ret ? ret : (long)s.reached;
}

/* Does the next message of this port say so? */
static inline bool says(int fd, __u64 port, const char *text)
{
	struct message m;

	return !receive_now(fd, port, &m) && !strcmp(m.body, text);
}

static inline bool silent(int fd, __u64 port)
{
	struct message m;

	return receive_now(fd, port, &m) == -EAGAIN;
}

#endif /* CAPS_GROUP_H */
