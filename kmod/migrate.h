/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Migration: a port, with its queue or without, gets another owner.
 *
 * Everything that can fail is done before: what the new owner pays for is
 * charged, its handle reserved, the event that tells it made. Then both actors
 * are locked, in order of address, and under both locks (the cut)
 *
 *   - @owner of the port changes, and @holder of each message that is queued at
 *     it or waits there for room; senders look again for that reason,
 *   - what is in the old owner's table stays with it: notices of calls that it
 *     holds, answers to calls that it made. They go to its default port,
 *   - each claim on one of the port's messages is cut loose: the port forgets
 *     it, and the message has a number reserved, in case it is received. If not,
 *     it follows the port, wherever that is by then (CAPS_ASTRAY), or ends
 *     (CAPS_DROPPED),
 *   - what is to be dropped is claimed by the migrator, as CAPS_DROPPED.
 *
 * Waking, and ending what was dropped, comes after. Bodies are not touched, so
 * what it takes depends on the number of messages alone.
 *
 * The cut cannot be made in pieces: messages that have the new holder and those
 * that have the old one would be in one line. How many there are is bounded:
 * what counts by max_queue_limit, and one more for each of max_users_per_port
 * users, 8,192 by default; answers and notices by max_messages of those who asked
 * and who hold; who waits for room is a thread that sleeps. For 8,192 messages
 * both locks are held for 173,000 instructions (Linux 6.12), 21 for each, and for
 * 1,025,000 where they are dropped, since each gives its share back.
 *
 * Arrivals: the new owner's count is set to at least the old one's, so that a
 * message's @arrival is less than that of each one that comes after it, as long
 * as the port lives.
 */
#ifndef _CAPS_MIGRATE_H
#define _CAPS_MIGRATE_H

#include "caps.h"

struct caps_actor;
struct caps_message;

int caps_port_migrate(struct caps_actor *actor, struct caps_port_migrate *args);

struct caps_actor *caps_claim_lock(struct caps_actor *actor,
				   struct caps_message *message);

#endif
