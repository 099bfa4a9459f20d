/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Closing files that nobody has received.
 *
 * The last put of a file takes as long as whoever made the file wants: a socket
 * that lingers waits for its peer to read. Nobody is to wait for that but who
 * sent it: not who discards a message, nor others whose files are to be closed.
 * So it is done by workers, each for one user. It is not done by fput(), which
 * in a worker leaves it to the only one that the system has for all.
 *
 * The user is the outermost one of the chain of who sent the files; those inside
 * of his namespaces count as him. His files are closed in turn, so that he has no
 * more than one worker.
 *
 * Until they are closed the sender pays for them again, whoever did on the way,
 * and whatever his limit: who is above it sends no more files. So their number is
 * limited, and nobody else's share can be used up.
 *
 * Who sent them closes them himself if it is he who drops the message: then they
 * are no longer charged when a send that failed returns.
 *
 * Lifetime: a part of struct caps_user, which has a reference while its work is
 * queued or runs. What is in the list belongs to the list. No locks.
 */
#ifndef _CAPS_CLOSING_H
#define _CAPS_CLOSING_H

#include <linux/llist.h>
#include <linux/workqueue.h>

struct caps_closing {
	struct llist_head list;		/* of struct caps_attached */
	struct work_struct work;
};

int caps_closing_start(void);
void caps_closing_stop(void);
void caps_closing_init(struct caps_closing *closing);

#endif
