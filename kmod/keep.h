/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeping an actor over the end of its process image.
 *
 * One that was asked to be kept is orphaned by that: @mm becomes NULL, so it is
 * nobody's, and what the process alone could end or knew of is ended, in the
 * work that otherwise tears it down. All else goes on. The file's release kills
 * it as ever.
 *
 * An adoption waits for that work and then gives the actor to the current image:
 * into the list of its notifier, @tgid, and @mm last. @life keeps these steps
 * apart, and two adopters. @mm says which image an actor is in, so that the end of an
 * earlier one, which may be noticed twice, cannot take it from an adopter.
 *
 * @image counts the images that have ended, and messages have the number of the
 * one that sent them. What comes back later to one that has gone (an answer, a
 * notice that a body is free) goes nowhere, also if the same process has adopted
 * the actor after exec.
 *
 * An orphan takes no files, and gives up those in its queues, with what else
 * came with them: among them could be its own, which would hold it for ever.
 */
#ifndef _CAPS_KEEP_H
#define _CAPS_KEEP_H

struct caps_actor;
struct caps_port;
struct mm_struct;

enum caps_life {
	CAPS_OWNED,
	CAPS_ORPHANING,			/* the work is still to be done */
	CAPS_ORPHAN,
	CAPS_ADOPTING,
};

int caps_actor_keep(struct caps_actor *actor);
int caps_actor_adopt(struct caps_actor *actor);
void caps_actor_image_ends(struct caps_actor *actor,
			   const struct mm_struct *mm);
void caps_actor_orphaned(struct caps_actor *actor);
void caps_port_strip(struct caps_actor *actor, struct caps_port *port);

#endif
