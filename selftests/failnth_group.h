/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A part of failnth.c: commands about groups.
 */
#ifndef FAILNTH_GROUP_H
#define FAILNTH_GROUP_H

static long do_group_create(struct world *w)
{
	struct caps_group_create c = { 0 };

	return caps_ioctl(w->p.client, CAPS_GROUP_CREATE, &c);
}

static long do_group_insert(struct world *w)
{
	return group_insert(w->p.client, w->group, CAPS_DEFAULT_PORT);
}

static long do_group_remove(struct world *w)
{
	return group_remove(w->p.client, w->group, w->port);
}

static long group_body(struct world *w, __u32 flags, size_t len)
{
	struct caps_send s = {
		.capability = w->group, .flags = flags,
		.data = data_of(w->large, len),
	};

	return caps_ioctl(w->p.client, CAPS_SEND, &s);
}

static long do_broadcast_small(struct world *w)
{
	return group_body(w, 0, 10);
}

static long do_broadcast_copied(struct world *w)
{
	return group_body(w, CAPS_TO_ALL, LARGE);
}

static long do_broadcast_deferred(struct world *w)
{
	return group_body(w, CAPS_DEFER, LARGE);
}

static long do_all_deferred(struct world *w)
{
	return group_body(w, CAPS_TO_ALL | CAPS_DEFER, LARGE);
}

static long do_send_to_any(struct world *w)
{
	return group_body(w, CAPS_TO_ANY, 10);
}

MAKES(group_create)
COMMAND(group_insert)
COMMAND(group_remove)
MAKES(broadcast_small)
MAKES(broadcast_copied)
MAKES(broadcast_deferred)
MAKES(all_deferred)
MAKES(send_to_any)

#endif /* FAILNTH_GROUP_H */
