/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What goes along with a message: capabilities and files.
 *
 * One object hangs off a payload that has any. Each message has its own, also
 * where a body is shared. No handle stands for the capabilities in it.
 *
 * @chain says whom it is charged to: as the message itself, who can end it. That
 * is the sender, but the holder of a one-way message, which its sender can never
 * take back: he could lose all that he may have to one who holds for ever. The
 * holder is charged with what comes to him though it be more than he may have, or
 * it would be in the way of others in his queue. Once he has more than that he is
 * refused what he would have to keep (EDQUOT), so he is never above his limit
 * by more than one message for each of his threads that receive, and ending what
 * he holds always helps.
 *
 * Sending. A handle that is moved is taken out of the sender's table when the
 * message is loaded, but keeps its slot: nobody else can use it, or move it.
 * What was taken out is remembered here, in fields that nobody but the sending
 * operation touches, since the rest may be with the receiver by now:
 * caps_moves_end() gives the slots back if the message was sent, else the
 * handles.
 *
 * Receiving. Who has claimed the message reserves handles in his own table, and
 * is charged for them, writes them to the program's memory, and only then,
 * under the lock that decides whether the message is his, publishes them:
 *
 *	caps_attached_offer()		no room, over a limit, bad address: nothing
 *					has happened
 *	lock; still there?
 *	  caps_attached_publish()
 *	unlock
 *	caps_attached_finish(), or caps_attached_withdraw() if it was not
 *
 * Files are got when the message is loaded and installed at the very end, since
 * that cannot be undone, into an array that has been written to before.
 *
 * A file in a queue must not keep alive, through whatever, the actor whose
 * queue that is: what holds files is refused. AF_UNIX sockets do, and are
 * collected only if nothing else holds them, so that a port must ask for them.
 * All the same a queue dies with its actor's process, whoever has the actor's
 * file, or loses its files then if the actor is kept, so that none of this lasts
 * longer than its owners.
 *
 * Lifetime: one owner, the payload, or who has taken it from there: who has
 * claimed the message, and CAPS_GET_DATA under the holder's lock. Freed without
 * a lock, but what has files that nobody received when they are closed; see
 * closing.h. The memory stays for the sending operation, if anything is moved.
 */
#ifndef _CAPS_ATTACH_H
#define _CAPS_ATTACH_H

#include <linux/llist.h>
#include <linux/net.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "actor.h"
#include "message.h"
#include "port.h"

struct caps_actor;
struct caps_capability;
struct caps_chain;
struct file;

struct caps_attached_capability {
	struct caps_capability *capability;	/* NULL once published */
	u64 handle;		/* reserved for it by the receiver */
	struct caps_capability *moved;	/* the sender's, or NULL */
	u64 from;		/* its handle; 0: it is not to be moved */
};

struct caps_attached_file {
	struct file *file;
	struct caps_chain *maker;	/* whose it is, see closing.h */
	struct llist_node closing;
	struct caps_attached *in;	/* what this is a part of */
};

struct caps_attached {
	refcount_t refs;	/* of the memory */
	bool unix_sockets;	/* among the files */
	struct caps_chain *chain;
	struct caps_actor *sender;	/* of files; a reference, or NULL */
	struct caps_attached_file *files;	/* behind the capabilities */
	s32 __user *fds;	/* where their numbers go, once offered */
	u16 capability_count;
	u16 fd_count;
	u16 move_count;		/* of the capabilities */
	struct caps_attached_capability capabilities[];
};

int caps_attached_load(struct caps_actor *actor, struct caps_chain *payer,
		       struct caps_payload *payload, u64 address);
void caps_moves_end(struct caps_actor *actor, struct caps_payload *payload,
		    bool sent);
void __caps_attached_drop(struct caps_payload *payload);
void caps_attached_free(struct caps_attached *attached);
void caps_attached_charge_to(struct caps_attached *attached,
			     struct caps_chain *chain);

int caps_attached_check_room(u64 address);
int caps_attached_expect(u64 address);
int caps_attached_offer(struct caps_actor *actor,
			struct caps_attached *attached, u64 address);
void caps_attached_publish(struct caps_actor *actor,
			   struct caps_attached *attached);
void caps_attached_withdraw(struct caps_actor *actor,
			    struct caps_attached *attached);
bool caps_attached_finish(struct caps_attached *attached);
int caps_attached_take(struct caps_actor *actor, struct caps_payload *payload,
		       u64 address, bool *lost);

int caps_message_offer(struct caps_actor *actor, struct caps_message *message,
		       struct caps_attached **offered, u64 address);
void caps_message_take_offered(struct caps_message *message,
			       struct caps_actor *actor);

static inline void caps_attached_put(struct caps_attached *attached)
{
	if (!refcount_dec_and_test(&attached->refs))
		return;
	kfree(attached);
	caps_gone(CAPS_LIVE_ATTACHED);
}

/* What was offered will not be received after all. */
static inline void caps_attached_undo(struct caps_actor *actor,
				      struct caps_attached **offered)
{
	if (unlikely(*offered))
		caps_attached_withdraw(actor, *offered);
	*offered = NULL;
}

static inline bool caps_file_is_unix_socket(struct file *file)
{
	const struct socket *socket = sock_from_file(file);

	return socket && socket->ops->family == PF_UNIX;
}

/*
 * May what goes along come to this port? NULL: no port, but a caller. An orphan
 * takes no files: one of them could hold it. Certain if the owner is locked.
 */
static inline bool caps_attached_may_come(const struct caps_attached *attached,
					  const struct caps_port *port)
{
	const struct caps_actor *owner;

	if (!port || !attached->fd_count)
		return true;
	if (attached->unix_sockets && !port->unix_sockets)
		return false;
	owner = rcu_access_pointer(port->owner);
	return !owner || !caps_actor_is_orphan(owner);
}

/*
 * What may not come to a port after all, to be freed after its owner has been
 * unlocked, or NULL.
 */
static inline struct caps_attached *
caps_attached_strip(struct caps_message *message, struct caps_payload *payload,
		    const struct caps_port *port)
{
	struct caps_attached *attached = payload->attached;

	if (likely(!attached) || caps_attached_may_come(attached, port))
		return NULL;
	payload->attached = NULL;
	message->header.capability_count = 0;
	message->header.fd_count = 0;
	return attached;
}

/* Nobody else uses the payload any more. */
static inline void caps_attached_drop(struct caps_payload *payload)
{
	if (unlikely(payload->attached))
		__caps_attached_drop(payload);
}

#endif
