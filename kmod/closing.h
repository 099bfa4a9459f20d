/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Closing files that nobody has received.
 *
 * The last put of a file takes as long as whoever made the file wants: a socket
 * that lingers waits for its peer to read. Nobody is to wait for that but he: not
 * who discards a message, nor who passed the file on, nor others whose files are
 * to be closed. So it is done by workers, each for one user's files. It is not
 * done by fput(), which in a worker leaves it to the only one that the system has
 * for all.
 *
 * A file is its maker's, by the credentials that it was opened with, whoever sent
 * it. His user is the outermost one of his chain, so that one who makes namespaces
 * gets no more workers by that. Those inside have a worker of their own: what is
 * outside does not wait for them. Files are closed in turn.
 *
 * Until they are closed their maker pays for them, whoever did on the way, and
 * whatever his limit: while he is above it nobody sends files of his. So their
 * number is limited, and nobody else's share can be used up.
 *
 * Who sent files closes them himself if it is he who drops the message: then they
 * are no longer charged when a send that failed returns. AF_UNIX sockets, which
 * may hold other files, are closed by who drops them, too: what is inside would
 * come to fput() all the same. An actor's teardown cannot help that.
 *
 * Lifetime: a part of struct caps_user, which has a reference while its work is
 * queued or runs, as the module has. What is in the list belongs to the list. No
 * locks.
 */
#ifndef _CAPS_CLOSING_H
#define _CAPS_CLOSING_H

#include <linux/llist.h>
#include <linux/workqueue.h>

struct caps_user;

struct caps_closing {
	struct caps_user *user;		/* of whom this is a part */
	struct llist_head list;		/* of struct caps_attached_file */
	struct work_struct work;
};

int caps_closing_start(void);
void caps_closing_stop(void);
void caps_closing_init(struct caps_closing *closing, struct caps_user *user);

#endif
