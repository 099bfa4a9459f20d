/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A watch: an event that is made and charged in advance, and comes when a port
 * or its owner dies.
 *
 * It is a message of kind PORT_DEAD: in its maker's table by @sent_id until it
 * has been received, and, while armed, also in the list of the port that it
 * watches, which its @port names; @holder is NULL then. To watch an actor is to
 * watch its default port, which lives as long and stays where it is. The list is
 * under the lock of the port's owner, so it goes wherever the port goes.
 *
 * The end of the port takes the whole list away at the moment it takes the
 * owner away. So one that is withdrawn is either still in the list, or comes:
 *
 *	arming			withdrawing		caps_port_end()
 *	lock(port's owner)	lock(port's owner)	lock(owner)
 *	none? it comes now	none? it comes		owner = NULL
 *	add to the list		armed? off the list	take the list
 *	unlock			unlock			unlock
 *							queue each of them
 *
 * One that is on its way names the port where its maker gets it instead. Who
 * withdraws it may lock the owner of that, and finds a holder.
 */
#ifndef _CAPS_WATCH_H
#define _CAPS_WATCH_H

#include <linux/types.h>

struct caps_actor;
struct caps_message;
struct caps_watch;
struct list_head;

int caps_watch(struct caps_actor *actor, struct caps_watch *args);
bool caps_watch_withdraw(struct caps_message *watch);
void caps_watches_end(struct list_head *watches);

#endif
