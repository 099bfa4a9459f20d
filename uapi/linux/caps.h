/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * caps: ports, capabilities and messages with deferred copy
 *
 * Opening /dev/caps makes an *actor*: an owner of ports and of a table of
 * capabilities. It belongs to the process image that opened the file; any
 * other process that gets hold of the file is told ENOTCONN. Everything is
 * done by the ioctls below; poll reports EPOLLIN exactly when CAPS_RECEIVE
 * from any enabled port would return something. EPOLLOUT is always reported:
 * room is a property of a destination, not of this file.
 *
 * Objects
 *
 *   capability  A 64-bit handle, valid in one actor, never reused. It names a
 *               port, an actor or a group and carries rights, an operation mask
 *               and, if it names a port, perhaps a badge. 0 is no capability.
 *               CAPS_DEFAULT_PORT names the actor's default port, which always
 *               exists and has all rights.
 *   port        A bounded queue of messages with one owning actor, which alone
 *               receives. Born disabled. "Receive from any" looks at enabled
 *               ports only, lowest priority number first, then by arrival.
 *   badge       64 bits that the receiver sees with each message sent through
 *               a capability. Bit 63 is set in badges assigned by the kernel,
 *               and only there.
 *   group       A set of ports that are sent to as one, wherever they live.
 *   service     A name, bound to a port, that others connect to.
 *
 * Messages
 *
 * A message is a header made by the kernel, an *annex* of up to
 * CAPS_MAX_ANNEX bytes that is always copied, and a *body* of up to
 * CAPS_MAX_BODY bytes, gathered from and scattered to up to CAPS_MAX_IOVECS
 * pieces. Bodies up to the copy-break (see CAPS_QUERY) are copied when sent.
 * Larger ones are pinned in the sender's memory by a synchronous call, or on
 * request (CAPS_DEFER), and copied once, when the receiver reads them. What is
 * pinned is the content at the time of the read: a sender that lets another
 * thread write there changes what is read. Lengths, header and annex are
 * fixed when the message is sent.
 *
 * Up to CAPS_MAX_ATTACHED capabilities, and as many files, can go along with a
 * message. The capabilities are copies, with equal or narrower rights, made when
 * it is sent. The sender pays for all until they have been received.
 *
 * Order: messages from one sender through one port arrive in the order sent.
 *
 * Calling convention
 *
 * Every ioctl takes a pointer to the struct its number encodes. Structs may
 * grow at the end: the kernel takes the size from the number, treats what an
 * older caller does not send as zero, and refuses with E2BIG a non-zero tail
 * it does not know. Unknown flags and non-zero reserved fields are EINVAL.
 * Fields marked "out" are ignored as input and written on success only, unless
 * said otherwise; input fields are never written, save where said.
 *
 * Deadlines are absolute CLOCK_MONOTONIC nanoseconds; 0 means "do not wait",
 * CAPS_FOREVER means what it says.
 *
 * A failed ioctl had no effect, with these exceptions: ECONNRESET (the server
 * took the call, its outcome is unknown); ETIMEDOUT and EINTR (CAPS_RESULT_
 * TAKEN tells whether the server had taken the call); EFAULT with
 * CAPS_RESULT_ANSWERED (the answer came and could not be written).
 *
 *   EBADF         no such capability          EPERM      right is missing
 *   EACCES        operation not in the mask, or the service refuses this uid
 *   EPIPE         the port is gone, the server never saw this message
 *   ECONNRESET    the server died, or dropped the call, after taking it
 *   ETIMEDOUT     the deadline passed          EINTR      interrupted
 *   EAGAIN        queue full, or nothing there
 *   EDQUOT        this user's share is used up EMSGSIZE   over a limit
 *   ENOMSG        no such message, or answered already
 *   ECANCELED     the caller of this message has gone
 *   EIDRM         the port was deleted, or moved away, under a receiver
 *   ENOTCONN      another process's actor, or a dead one
 *   EKEYREVOKED   the capability was revoked
 *   ENOENT        no such service, badge or member
 *   EEXIST        name is taken
 *   EINVAL        unknown flag, reserved field set, bad name or value, or a
 *                 capability to another type of object than the command takes
 *   E2BIG         non-zero bytes beyond the struct this kernel knows
 *   ENOTTY        unknown command              EFAULT     bad address
 *   EBUSY         already so, or in use by another thread
 *   ENOMEM, EMFILE, ENFILE  as everywhere
 *
 * Each operation names two kinds of program that need it, in brackets.
 */
#ifndef _UAPI_LINUX_CAPS_H
#define _UAPI_LINUX_CAPS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Fixed limits; tunable ones are told by CAPS_QUERY. */
#define CAPS_MAX_ANNEX		128u
#define CAPS_MAX_BODY		(64u << 20)
#define CAPS_MAX_IOVECS		1024u
#define CAPS_MAX_NAME		63u
#define CAPS_MAX_BATCH		1024u
#define CAPS_OPERATIONS		64u
#define CAPS_MAX_ATTACHED	64u

#define CAPS_FOREVER		(~(__u64)0)
#define CAPS_DEFAULT_PORT	((__u64)1)
#define CAPS_ANY_PORT		((__u64)0)
#define CAPS_ALL_OPERATIONS	(~(__u64)0)
#define CAPS_BADGE_KERNEL	((__u64)1 << 63)

/*
 * Rights of a capability. Which of them mean something depends on its type.
 *
 *   SEND	send and call
 *   MANAGE	delete, enable, disable, register a name, choose badges; the
 *		operations of the owner also need the port to be the actor's own.
 *		Let a port be put into a group; delete a group
 *   INSERT	put ports into a group (groups only)
 *   ACCEPT	place ports and capabilities in an actor (actors only)
 *   GRANT	export the capability, or pass it in a message
 *   WATCH	be told when the port or its owner dies
 */
#define CAPS_RIGHT_SEND		(1u << 0)
#define CAPS_RIGHT_MANAGE	(1u << 1)
#define CAPS_RIGHT_INSERT	(1u << 2)
#define CAPS_RIGHT_ACCEPT	(1u << 3)
#define CAPS_RIGHT_GRANT	(1u << 4)
#define CAPS_RIGHT_WATCH	(1u << 5)
#define CAPS_RIGHTS_PORT	(CAPS_RIGHT_SEND | CAPS_RIGHT_MANAGE | \
				 CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH)
#define CAPS_RIGHTS_ACTOR	(CAPS_RIGHT_SEND | CAPS_RIGHT_ACCEPT | \
				 CAPS_RIGHT_GRANT | CAPS_RIGHT_WATCH)
#define CAPS_RIGHTS_GROUP	(CAPS_RIGHT_SEND | CAPS_RIGHT_MANAGE | \
				 CAPS_RIGHT_INSERT | CAPS_RIGHT_GRANT)
#define CAPS_RIGHTS_ALL		((1u << 6) - 1)

/* What a capability names. */
#define CAPS_TYPE_PORT		1u
#define CAPS_TYPE_ACTOR		2u
#define CAPS_TYPE_GROUP		3u

/* --- the device and the actor ------------------------------------------- */

/* Optional parts of this build. */
#define CAPS_FEATURE_URING	(1ull << 0) /* commands through io_uring */
#define CAPS_FEATURE_PARK	(1ull << 1) /* CAPS_URING_PARK */

/*
 * CAPS_QUERY: features and limits in force. [libraries choosing a path,
 * administrators checking a setting]
 */
struct caps_query {
	__u64 features;			/* out: CAPS_FEATURE_* */
	__u64 max_body;			/* out: bytes */
	__u64 max_copied_body;		/* out: bytes a copy at send may have */
	__u64 max_pinned;		/* out: bytes one user may have pinned */
	__u32 copy_break;		/* out: bytes, copied at send up to it */
	__u32 max_annex;		/* out: bytes */
	__u32 max_iovecs;		/* out */
	__u32 max_batch;		/* out */
	__u32 default_queue_limit;	/* out: messages */
	__u32 max_queue_limit;		/* out: messages */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_ACTOR_INFO: what this actor holds. [test suites, supervisors]
 */
struct caps_actor_info {
	__u64 ports;			/* out: live ports, default included */
	__u64 capabilities;		/* out: handles in the table */
	__u64 held;			/* out: received, not yet ended */
	__u64 pending;			/* out: async calls, deferred bodies, watches */
	__u64 pinned_bodies;		/* out: bodies this actor pinned */
	__u64 pinned_bytes;
	__u64 sent_copies;		/* out: bodies copied when sent */
	__u64 sent_copy_bytes;
	__u64 read_copies;		/* out: bodies this actor read */
	__u64 read_copy_bytes;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_ACTOR_SELF: a capability to this actor (CAPS_RIGHTS_ACTOR), to be given
 * to whoever may place things in it. It keeps nobody alive. [children that are
 * equipped by their parent, servers that take over ports]
 */
struct caps_actor_self {
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
	__u64 capability;		/* out */
};

/*
 * CAPS_KEEP: when the process image ends (exit, exec, kill) while somebody else
 * holds the file, this actor is *orphaned* and does not die. Its names stay, its
 * ports go on queueing, senders find room or not as before. What the process had
 * received ends: calls with ECONNRESET; so does what it was waiting for: its own
 * calls, deferred bodies, answers not yet received. Queued messages that carry
 * descriptors lose what came with them, and none are let in (EINVAL): they could
 * hold the orphan. With the last reference to the file it dies. Polling the file
 * from another process does not report an error, as it does for other actors,
 * before the actor is dead. [servers whose restart nobody shall notice,
 * supervisors that store files (FDSTORE)]
 *
 * CAPS_ADOPT: by whoever holds the file of an orphan and is all that its opener was
 * (else EPERM): the same real, effective and saved user and group ids, in the same
 * user namespace, and no permitted capability of capabilities(7) less. The actor is
 * this process's now, with the handles that it had. It stays to be kept. EBUSY if
 * it is no orphan; every other command on an orphan is ENOTCONN. [their successors]
 */
struct caps_keep {
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/* --- capabilities -------------------------------------------------------- */

/*
 * CAPS_DUPLICATE: a second handle, narrower or equal. Rights or operations the
 * original lacks are EPERM and EACCES. With CAPS_DUP_BADGE the new one carries
 * @badge (bit 63 clear); that takes MANAGE and an unbadged original. With
 * CAPS_DUP_DISCONNECTED as well, the port's owner gets DISCONNECTED when nobody
 * has the badge any more; not if @badge is chosen again before that has been
 * received. [servers telling their clients apart, programs handing out less than
 * they have]
 */
#define CAPS_DUP_BADGE		(1u << 0)
#define CAPS_DUP_DISCONNECTED	(1u << 1) /* with CAPS_DUP_BADGE only */

struct caps_duplicate {
	__u64 capability;
	__u64 operations;		/* bit n: operation n may be used */
	__u64 badge;			/* with CAPS_DUP_BADGE, else 0 */
	__u32 rights;			/* CAPS_RIGHT_* */
	__u32 flags;			/* CAPS_DUP_* */
	__u64 result;			/* out: the new handle */
};

/*
 * CAPS_CLOSE: give a handle up. Queued messages sent through it stay. The
 * default port's own name cannot be closed (EBUSY). [everybody]
 */
struct caps_close {
	__u64 capability;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_CAPABILITY_INFO: what a handle is. [libraries, debuggers]
 */
#define CAPS_INFO_DEAD		(1u << 0)	/* what it names is gone */
#define CAPS_INFO_OWN		(1u << 1)	/* it is this actor's, or this actor */
#define CAPS_INFO_BADGED	(1u << 2)
#define CAPS_INFO_REVOKED	(1u << 3)	/* worth nothing any more */

struct caps_capability_info {
	__u64 capability;
	__u64 operations;		/* out */
	__u64 badge;			/* out */
	__u32 type;			/* out: CAPS_TYPE_* */
	__u32 rights;			/* out */
	__u32 status;			/* out: CAPS_INFO_* */
	__u32 flags;			/* 0 */
};

/*
 * CAPS_EXPORT: put a copy of a capability into a new file descriptor (always
 * close-on-exec), to be inherited or passed with SCM_RIGHTS. Takes GRANT. The
 * file keeps nobody alive. [parents equipping children, brokers]
 *
 * CAPS_IMPORT: a handle from such a descriptor; the descriptor stays open.
 * EINVAL if it is not one. [their peers]
 */
struct caps_export {
	__u64 capability;
	__u32 flags;			/* 0 */
	__s32 fd;			/* out */
};

struct caps_import {
	__s32 fd;
	__u32 flags;			/* 0 */
	__u64 capability;		/* out */
};

/*
 * CAPS_PLACE: put a copy, with equal or narrower rights, into the table of the
 * actor that @actor (ACCEPT) names, which gets CAPABILITY_ARRIVED with the new
 * handle in @address, and the placer's identity. Takes GRANT. EPIPE if that
 * actor is dead, EDQUOT if its user may not have more; nothing else is told of
 * it. [parents equipping children, brokers introducing two clients]
 */
struct caps_place {
	__u64 capability;
	__u64 operations;		/* bit n: operation n may be used */
	__u64 actor;			/* whose table */
	__u32 rights;			/* CAPS_RIGHT_* */
	__u32 flags;			/* 0 */
};

/*
 * CAPS_WATCH: be told, by one message of kind PORT_DEAD with @id, when the port
 * dies that a capability names, or its owner; if it names an actor, when that
 * dies. Takes WATCH. The message arrives on @source, an own port (default port
 * if 0, and if that has gone), after the errors of what was queued at the port;
 * at once if it is dead already, perhaps before this returns. CAPS_ABORT
 * withdraws it: BEFORE_SERVER says that no message comes. Nothing else does:
 * neither closing the capability, nor its being revoked. [clients that hold a
 * session, supervisors]
 */
struct caps_watch {
	__u64 capability;
	__u64 source;			/* own port, or 0 */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
	__u64 id;			/* out */
};

/* --- ports --------------------------------------------------------------- */

/*
 * CAPS_PORT_CREATE: a new port, disabled. [servers, clients taking replies]
 */
#define CAPS_PORT_UNIX_SOCKETS	(1u << 2)	/* they may come along */

struct caps_port_create {
	__u64 cookie;			/* given back with each message */
	__u32 queue_limit;		/* messages; 0: the default */
	__u32 flags;			/* CAPS_PORT_UNIX_SOCKETS */
	__u64 capability;		/* out: CAPS_RIGHTS_PORT, all operations */
};

/*
 * CAPS_PORT_DELETE: queued calls end with EPIPE, queued sends are dropped,
 * received calls stay answerable, receivers waiting on the port get EIDRM.
 * The handle stays until closed. EBUSY for the default port. [servers closing
 * one of several doors, per-request reply ports]
 *
 * CAPS_PORT_DISABLE: out of "receive from any"; the port still queues and can
 * be received from by name. EBUSY if it is not enabled. [servers shedding
 * load, servers in maintenance]
 */
struct caps_port_ref {
	__u64 capability;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_PORT_ENABLE: into "receive from any" at @priority; enabling an enabled
 * port changes its priority. [servers]
 */
struct caps_port_enable {
	__u64 capability;
	__u32 priority;			/* low number first, up to 255 */
	__u32 flags;			/* 0 */
};

/*
 * CAPS_PORT_INFO, of an own port. [monitors, flow control]
 */
#define CAPS_PORT_ENABLED	(1u << 0)
#define CAPS_PORT_IS_DEFAULT	(1u << 1)

struct caps_port_info {
	__u64 capability;
	__u64 cookie;			/* out */
	__u64 sequence;			/* out: messages received so far */
	__u32 queue_limit;		/* out */
	__u32 queued;			/* out: messages not yet received */
	__u32 waiting;			/* out: senders waiting for room */
	__u32 users;			/* out: user ids with queued messages */
	__u32 priority;			/* out */
	__u32 status;			/* out: CAPS_PORT_* */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_REVOKE: capabilities to an own port, which others hold, are worth
 * nothing from now on, wherever they are: all of them, or with
 * CAPS_REVOKE_BADGE those with one badge (ENOENT if there is none). Sending
 * through them is EKEYREVOKED, and so is duplicating, exporting and importing
 * them. Messages that came through them and have not been received are dropped
 * and their senders told; calls that have been received go on to their answer.
 * The owner's own handles without the badge stay good, and duplicates that it
 * makes of them afterwards are new. [servers that close a session, hand-over of a service]
 */
#define CAPS_REVOKE_BADGE	(1u << 0)

struct caps_revoke {
	__u64 capability;
	__u64 badge;			/* with CAPS_REVOKE_BADGE, else 0 */
	__u32 flags;			/* CAPS_REVOKE_BADGE */
	__u32 reserved;			/* 0 */
	__u64 dropped;			/* out: messages */
};

/*
 * CAPS_SIGNAL: set bits in a port, which takes the right to send. Never waits
 * and needs no room. The owner receives all that are set at once, in the turn of
 * the first, as a message of kind SIGNAL with the bits in @address; only cookie
 * and sequence say more. [timers and doorbells, programs
 * that say "look again"]
 */
struct caps_signal {
	__u64 capability;
	__u64 bits;			/* not 0 */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_PORT_MIGRATE: an own port, not the default one, moves to another actor,
 * which is named by a capability with ACCEPT. Nobody's capability changes. The
 * port arrives disabled; all else comes along: messages in its queue and
 * senders that wait for room, cookie, priority, limit, signals, badges,
 * sequence number, and its names, if who opened the new owner's file is the
 * user that registered them (else they are free). With CAPS_MIGRATE_DROP what
 * others ask for does not: calls that are queued or wait for room end with
 * EPIPE, so do senders that wait, queued sends are dropped. Answers to one-way
 * messages that were sent with the port as source come along all the same, as
 * they would if they came later; they are not dropped, nor counted in @dropped.
 *
 * What was received before stays where it was received, can be answered there,
 * and its notices come to the old owner's default port, as do answers to its
 * asynchronous calls. @sequence divides: what has a number up to it was the old
 * owner's, all that comes after is the new one's. A message that is just being
 * received is the old owner's if that succeeds and stays with the port
 * otherwise, so a number may be missing. Threads that wait to receive from the
 * port get EIDRM.
 *
 * The new owner gets a message of kind PORT_ARRIVED on its default port, with a
 * new handle (CAPS_RIGHTS_PORT, all operations) in @address, and pays for both
 * from then on. The old owner's handles keep their rights, but those of an owner
 * are gone, so that one made before the last CAPS_REVOKE of all is worth nothing.
 * EBUSY for the default port, and to oneself; EPIPE if the new owner is dead; EDQUOT,
 * EMFILE, ENOMEM if it has no room. In all these cases nothing has moved.
 * [restarting a server without losing a request, moving load to another worker]
 */
#define CAPS_MIGRATE_DROP	(1u << 0)

struct caps_port_migrate {
	__u64 capability;		/* own port, MANAGE */
	__u64 actor;			/* ACCEPT */
	__u32 flags;			/* CAPS_MIGRATE_DROP */
	__u32 reserved;			/* 0 */
	__u64 sequence;			/* out: the last of the old owner's numbers */
	__u64 dropped;			/* out: messages */
};

/*
 * CAPS_PORT_FILE: a new file descriptor (always close-on-exec) that can be polled:
 * EPOLLIN exactly when receiving from this own port would not wait, whether it is
 * enabled or not; EPOLLHUP and EPOLLERR once it is gone or moved away, and in
 * other processes. It keeps nobody alive. [event loops with a handler for each
 * port, threads that serve one port each]
 *
 * It takes a struct caps_export.
 */

/* --- messages ------------------------------------------------------------ */

/* A piece of memory; the same layout for 32-bit programs. */
struct caps_iovec {
	__u64 base;
	__u64 len;
};

/*
 * A capability to send. That takes GRANT; rights or operations that the sender
 * lacks are EPERM and EACCES. With MOVE the sender's handle goes if the message
 * is sent, and while that is tried it is EBADF for everything else; not for
 * CAPS_DEFAULT_PORT (EBUSY).
 */
#define CAPS_TRANSFER_MOVE	(1u << 0)

struct caps_transfer {
	__u64 capability;
	__u64 operations;		/* bit n: operation n may be used */
	__u32 rights;			/* CAPS_RIGHT_* */
	__u32 flags;			/* CAPS_TRANSFER_MOVE */
};

/*
 * What goes along with a message, or the places to receive it. EMSGSIZE if a
 * count is above CAPS_MAX_ATTACHED, whatever comes. All of it is sent, or
 * nothing is.
 *
 * All of it is received at once, too. If there is no room for that, in the
 * arrays or under the receiver's limits, the message is held
 * (CAPS_HEADER_TRUNCATED), and CAPS_GET_DATA can take it (EDQUOT, EMFILE as
 * long as limits forbid it); it is given once. With the answer to a CAPS_CALL
 * there is no later: what has no room is dropped (CAPS_RESULT_TRUNCATED).
 *
 * Receivers are told in the header how many there are. What is "out" here is
 * written only if there are any, but by CAPS_CALL and CAPS_GET_DATA always.
 *
 * Files are installed last, close-on-exec. One that cannot be (EMFILE, a
 * security module) is lost: its entry is -1, and CAPS_HEADER_FDS_LOST, or with
 * CAPS_CALL and CAPS_GET_DATA CAPS_RESULT_FDS_LOST, is set. Actors and io_urings
 * cannot be sent (EINVAL), and AF_UNIX sockets only to ports made with
 * CAPS_PORT_UNIX_SOCKETS, or as the answer to a CAPS_CALL.
 */
struct caps_attachments {
	__u64 capabilities;		/* address: struct caps_transfer[] when
					 * sending, else __u64[], handles
					 */
	__u64 fds;			/* address: __s32[] */
	__u32 capability_count;		/* to send, or room */
	__u32 fd_count;			/* likewise */
	__u16 capabilities_put;		/* out, when receiving */
	__u16 fds_put;			/* out, when receiving */
	__u32 flags;			/* 0 */
};

/*
 * Annex and body to send, or the places to receive them.
 *
 * With iov_count 0 @body is the address of @body_len bytes. Otherwise @body is
 * the address of @iov_count struct caps_iovec, and @body_len is 0.
 */
struct caps_data {
	__u64 annex;			/* address */
	__u64 body;			/* address */
	__u64 body_len;			/* bytes */
	__u32 annex_len;		/* bytes */
	__u32 iov_count;
	__u64 attachments;		/* address of one, or 0 */
};

/* What a message is; the kernel's word, no sender can choose it. */
#define CAPS_KIND_SEND		1u	/* one-way */
#define CAPS_KIND_CALL		2u	/* an answer is expected */
#define CAPS_KIND_REPLY		3u	/* the answer to an async call or send */
#define CAPS_KIND_CANCELLED	4u	/* the caller of held message @id left */
#define CAPS_KIND_DISPOSE	5u	/* the deferred body of @id is free */
#define CAPS_KIND_SIGNAL	6u	/* @address is what CAPS_SIGNAL has set */
#define CAPS_KIND_PORT_ARRIVED	7u	/* @address is the handle of a new own port */
#define CAPS_KIND_CAPABILITY_ARRIVED 8u	/* @address is a handle: CAPS_PLACE */
#define CAPS_KIND_PORT_DEAD	9u	/* what CAPS_WATCH @id was about died */
#define CAPS_KIND_DISCONNECTED	10u	/* nobody has @badge any more */
#define CAPS_KIND_CONNECTED	11u	/* who connected has @badge */
#define CAPS_KIND_APPLICATION	12u	/* a CALL: may the sender connect? */

/* Header flags. */
#define CAPS_HEADER_IDENTITY	(1u << 0) /* sender changed ids since open */
#define CAPS_HEADER_HELD	(1u << 1) /* @id must be ended by the receiver */
#define CAPS_HEADER_ANSWERABLE	(1u << 2) /* CAPS_REPLY may be used on @id */
#define CAPS_HEADER_TRUNCATED	(1u << 3) /* more than was put */
#define CAPS_HEADER_PINNED	(1u << 4) /* body is in the sender's pages */
#define CAPS_HEADER_FDS_LOST	(1u << 5) /* some could not be installed */

/*
 * The header of a received message.
 *
 * @id		CAPS_HEADER_HELD: the receiver's name for the message in
 *		CAPS_REPLY, CAPS_GET_DATA, CAPS_DISCARD. CANCELLED: the name of
 *		the call whose caller left (it stays, until replied to or
 *		discarded). REPLY and DISPOSE: what CAPS_CALL_ASYNC or CAPS_SEND
 *		returned (0: the answer to a CAPS_SEND), for a deferred reply's
 *		DISPOSE the id replied to. PORT_DEAD: what CAPS_WATCH returned.
 *		Else 0.
 * @error	REPLY only: 0, or why the kernel ended the call, as a positive
 *		errno; @status is then 0.
 * @pid		the sender's process, in the receiver's pid namespace, 0 where
 *		it is not visible; likewise the user and group ids, in the
 *		receiver's user namespace, the overflow id where not mapped.
 *		CANCELLED and DISPOSE carry those of the actor concerned,
 *		PORT_DEAD those of who asked for it, CONNECTED and DISCONNECTED
 *		those of who connected, or chose the badge.
 */
struct caps_header {
	__u64 id;
	__u64 badge;
	__u64 address;
	__u64 cookie;			/* of the port it came through */
	__u64 body_len;			/* whole length, whatever was put */
	__u32 annex_len;		/* whole length */
	__u32 kind;			/* CAPS_KIND_* */
	__u32 operation;
	__u32 flags;			/* CAPS_HEADER_* */
	__s32 status;			/* of a reply: the server's word */
	__s32 error;			/* of a reply: the kernel's word */
	__u32 pid;
	__u32 uid;
	__u32 euid;
	__u32 gid;
	__u32 egid;
	__u16 capability_count;		/* that came along, put or not */
	__u16 fd_count;			/* likewise */
	__u64 sequence;			/* of receiving, per port, from 1 */
};

/*
 * Flags about a body, for CAPS_SEND, CAPS_CALL, CAPS_CALL_ASYNC, CAPS_REPLY.
 *
 *   COPY	copy now, whatever the size (EMSGSIZE above max_copied_body)
 *   DEFER	pin above the copy-break; the sender leaves the buffer alone
 *		until a DISPOSE message with the id arrives on its source port
 *		(default port if none). CAPS_RESULT_COPIED says that it was
 *		copied after all and no DISPOSE will come. Not for CAPS_CALL,
 *		which pins by itself.
 */
#define CAPS_COPY		(1u << 0)
#define CAPS_DEFER		(1u << 1)
/*
 * CAPS_REPLY only: tell by a DISPOSE message with the id, at the default port,
 * when the answer has been received, or nobody will any more; also where
 * CAPS_RESULT_COPIED says that the buffer is free already. Its header has the
 * ids of who was answered. The server pays for it until then. [servers that
 * follow what their clients have seen, the interface of DragonFly's caps]
 */
#define CAPS_RECEIPT		(1u << 5)
/*
 * Flags about who gets it, for CAPS_SEND, CAPS_CALL, CAPS_CALL_ASYNC through a
 * capability to a group; see there.
 */
#define CAPS_TO_ANY		(1u << 8)  /* one member, in turn */
#define CAPS_TO_NEAR		(1u << 9)  /* one member near @relative */
#define CAPS_TO_ALL		(1u << 10) /* all members or none */
#define CAPS_EXCLUDE_PORT	(1u << 11) /* not the port @relative */
#define CAPS_EXCLUDE_ACTOR	(1u << 12) /* no port of its owner */
/* CAPS_CALL only. */
#define CAPS_NOWAIT_QUEUE	(1u << 2) /* EAGAIN rather than wait for room */
#define CAPS_INTERRUPTIBLE	(1u << 3) /* EINTR also after it was taken */
#define CAPS_DIRECT_REPLY	(1u << 4) /* pin the reply body buffer */

/* Results. TAKEN and ANSWERED are told of calls that fail. */
#define CAPS_RESULT_TAKEN	(1u << 0) /* the server had taken the call */
#define CAPS_RESULT_ANSWERED	(1u << 1) /* the answer had come */
#define CAPS_RESULT_TRUNCATED	(1u << 2) /* reply larger than the buffers */
#define CAPS_RESULT_COPIED	(1u << 3) /* buffer is free, no DISPOSE comes */
#define CAPS_RESULT_FDS_LOST	(1u << 4) /* some could not be installed */
#define CAPS_RESULT_PARTIAL	(1u << 5) /* stopped before the last member */
#define CAPS_RESULT_REJECTED	(1u << 6) /* the error is what the server said */

/*
 * CAPS_SEND: one-way. Waits for room until @deadline (0: EAGAIN). With @source,
 * an own port, the receiver can answer and the answer arrives there. [event
 * sources, loggers]
 *
 * CAPS_CALL_ASYNC: the same, but the receiver is told that an answer is
 * expected; it arrives on @source (default port if 0) as a REPLY carrying @id,
 * exactly once, also when the server dies, unless aborted. [event loops,
 * proxies]
 */
struct caps_send {
	__u64 capability;
	__u64 source;			/* own port, or 0 */
	__u64 relative;			/* a port, see groups, or 0 */
	__u64 address;			/* passed through */
	__u64 deadline;
	struct caps_data data;
	__u32 operation;		/* 0 to 63 */
	__u32 flags;			/* CAPS_COPY, CAPS_DEFER, CAPS_TO_* ... */
	__u64 id;			/* out: async call, or deferred body */
	__u32 result;			/* out: CAPS_RESULT_COPIED, _PARTIAL */
	__u32 reached;			/* out: ports that got it */
	__u32 full;			/* out: ports that had no room for it */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_CALL: send and wait for the answer. @deadline 0 is EINVAL, a past one
 * ETIMEDOUT. A signal before the server took the call restarts it; after that
 * only a fatal one ends the wait, or any with CAPS_INTERRUPTIBLE. If the wait
 * ends after the call was taken, the server gets CANCELLED and its late answer
 * reaches nobody. @result is written on failure too. With CAPS_DIRECT_REPLY the
 * answer is copied straight into the reply buffer, whose content is undefined
 * if the call fails. [RPC clients, drivers' users]
 */
struct caps_call {
	__u64 capability;
	__u64 relative;			/* a port, see groups, or 0 */
	__u64 address;
	__u64 deadline;
	__u32 operation;
	__u32 flags;			/* CAPS_COPY ... CAPS_DIRECT_REPLY, CAPS_TO_* */
	struct caps_data request;
	struct caps_data reply;
	__u64 reply_body_len;		/* out: whole length */
	__u32 reply_annex_len;		/* out: whole length */
	__s32 status;			/* out: the server's word */
	__u32 result;			/* out: CAPS_RESULT_* */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_RECEIVE: take one message from @port (an own one), or from any enabled
 * port. What does not fit @buffer stays: the message is then held, as calls
 * always are and others with CAPS_HOLD, and ended by reply or discard. EAGAIN
 * if nothing is there and @deadline is 0. On EFAULT the message stays queued.
 * After a failure the contents of @buffer and @header are undefined.
 * EDQUOT for what would be held while this user is over a limit with messages
 * that it holds and never ended; CANCELLED, which tells what can be ended, comes
 * before whatever else is in the port. [servers, event loops]
 */
#define CAPS_HOLD		(1u << 0) /* hold one-way messages too */

struct caps_receive {
	__u64 port;			/* own port, or CAPS_ANY_PORT */
	__u64 deadline;
	struct caps_data buffer;
	__u32 flags;			/* CAPS_HOLD */
	__u32 reserved;			/* 0 */
	struct caps_header header;	/* out */
};

/*
 * CAPS_RECEIVE_BATCH: wait for one message, then take what else is there, up
 * to @count. Entries' port, deadline and reserved are 0. An error after the
 * first message ends the batch with success. [loggers, busy servers]
 */
struct caps_receive_batch {
	__u64 port;
	__u64 deadline;
	__u64 entries;			/* address of struct caps_receive[] */
	__u32 count;			/* 1 to CAPS_MAX_BATCH */
	__u32 flags;			/* 0 */
	__u32 received;			/* out */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_GET_DATA: read from the body of a held message at @offset into @buffer,
 * as often as wanted; the annex too where @buffer has a place for it, and what
 * came along if there is room for all of it. Reading at or past the end gives 0
 * bytes. ECANCELED once the caller has gone. [servers of large requests,
 * proxies]
 */
struct caps_get_data {
	__u64 id;
	__u64 offset;
	struct caps_data buffer;
	__u64 copied;			/* out: body bytes */
	__u32 annex_copied;		/* out: annex bytes */
	__u32 result;			/* out: CAPS_RESULT_FDS_LOST */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_REPLY: answer a held message; never waits for the caller. ENOMSG if it
 * is unknown or answered, ECANCELED (which ends it) if its caller has gone,
 * EINVAL if it is not answerable. An answer larger than the caller's buffers
 * is cut. [servers]
 */
struct caps_reply {
	__u64 id;
	struct caps_data data;
	__s32 status;			/* passed to the caller */
	__u32 flags;			/* CAPS_COPY, CAPS_DEFER, CAPS_RECEIPT */
	__s32 outcome;			/* out: CAPS_REPLY_RECEIVE only */
	__u32 result;			/* out: CAPS_RESULT_COPIED */
};

/*
 * CAPS_REPLY_RECEIVE: reply, then receive; a server's loop. First @reply.
 * outcome (0 or a negative errno) is written and, if 0, @reply.id cleared; if
 * the reply failed its error is the ioctl's and nothing is received. With
 * @reply.id 0 it only receives, so a restart does. [servers]
 */
struct caps_reply_receive {
	struct caps_reply reply;
	struct caps_receive receive;
};

/*
 * CAPS_DISCARD: end a held message without an answer; the caller of a call
 * gets ECONNRESET. [servers refusing, receivers of oversized messages]
 */
struct caps_discard {
	__u64 id;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_FORWARD: hand a held message, one-way or a call, on to another port. The
 * sender stays who it was, and annex, body, operation and address what they
 * were; badge and rights are those of @capability, whose operation mask applies.
 * Whoever receives it there answers the caller directly, and @id is no more.
 * Never waits: EAGAIN without room there, where a call counts for its caller, a
 * one-way message for who forwards it. EBUSY while another thread answers it or
 * takes what came along, ECANCELED (which ends it) if its caller has gone, EINVAL
 * for a REPLY. After any other error it is still held. The caller is told as of a
 * call that was taken, wherever it is now: ECONNRESET, never EPIPE, if the second
 * server never sees it, and AT_SERVER if it is aborted. [dispatchers in front of
 * workers, servers that open a session in a port of its own]
 */
struct caps_forward {
	__u64 id;
	__u64 capability;		/* SEND */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_ABORT: withdraw an async call. AT_SERVER: the server gets CANCELLED, or
 * had it once. After BEFORE_SERVER and AT_SERVER no answer comes. A watch that is
 * withdrawn is BEFORE_SERVER, one whose message is on its way ANSWERED. [event
 * loops, impatient clients]
 */
#define CAPS_ABORT_UNKNOWN	0u
#define CAPS_ABORT_ANSWERED	1u
#define CAPS_ABORT_BEFORE	2u
#define CAPS_ABORT_AT_SERVER	3u

struct caps_abort {
	__u64 id;
	__u32 flags;			/* 0 */
	__u32 outcome;			/* out: CAPS_ABORT_* */
};

/*
 * CAPS_HEADER: the header of a held message again, sequence number included.
 * [libraries saving and restoring messages, tests]
 */
struct caps_get_header {
	__u64 id;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
	struct caps_header header;	/* out */
};

/*
 * CAPS_IDENTITY: more about the sender of a held message, as it was when it
 * sent: supplementary groups in the receiver's namespace, capability sets,
 * namespaces, security label. Counts are in (room) and out (whole length);
 * what does not fit is not written. [authorising servers, auditors]
 */
struct caps_identity {
	__u64 id;
	__u64 groups;			/* address of __u32[] */
	__u64 label;			/* address of char[], not terminated */
	__u32 group_count;		/* in, out */
	__u32 label_len;		/* in, out */
	__u64 effective;		/* out: capability sets */
	__u64 permitted;		/* out */
	__u64 inheritable;		/* out */
	__u64 user_namespace;		/* out: inode number */
	__u64 pid_namespace;		/* out: inode number */
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/* --- services ------------------------------------------------------------ */

/*
 * A name is 1 to 63 of A-Z a-z 0-9 _ . -, qualified by a user and a group id.
 * CAPS_ANY_ID in place of one of them, not of both, stands for none when
 * registering, for any when connecting. Names are known in the caller's network
 * namespace only.
 */
#define CAPS_ANY_ID		(~0u)
#define CAPS_MAX_TRUSTED	16u
#define CAPS_MAX_NAMESAKES	1024u
#define CAPS_DEFAULT_IN_FLIGHT	128u
#define CAPS_MAX_IN_FLIGHT	65535u

/*
 * CAPS_REGISTER: bind a name to an own port. Under a user id other than the
 * caller's effective one takes CAP_SETUID, under a group id that the caller is
 * not in CAP_SETGID, over the caller's user namespace, where the id must be
 * mapped; a name beginning with '.' takes CAP_SYS_ADMIN over the network
 * namespace. It is free the moment the actor dies. [system services, test rigs]
 *
 * Who may connect: USER, processes with the effective user id; GROUP, those in
 * the group; WORLD, all. None of these means USER.
 *
 * EEXIST while a living actor has the name with both ids, unless
 *   NEWEST	that one, and this, let others have it as well: who connects gets
 *		the newest, and the one before if that goes
 *   FIRST	with NEWEST: EEXIST nevertheless if there is one already
 *   REPLACE	those that the same effective user id registered make way. Their
 *		connections stay.
 *
 * Of one name and user id there can be CAPS_MAX_NAMESAKES, whatever their group
 * ids; of one without a user id as many with its group id. One more is EMSGSIZE.
 *
 * A connection can have so many messages on their way as @in_flight says: sends
 * not received, calls not answered. One more waits like one without room in the
 * queue, or is EAGAIN. [servers with clients that do not read their answers]
 *
 * With CONNECTED each connection is told by a message of that kind, before any
 * with its badge. With DISCONNECTED its end is, once, after all else with its
 * badge: when no handle, no exported descriptor and no message that could reach
 * the server, or is held by it, has the badge. Neither needs room in the queue.
 * [servers with state for each client, access logs]
 *
 * With ASK, not together with CONNECTED, who may connect by the rules has to
 * wait for the server's verdict on its application, see below. [servers with a
 * policy of their own, login prompts]
 *
 * With SINGLE, together with ASK, the port is for one client, and under no
 * other name (EBUSY): it is *taken* while somebody's application is not decided,
 * free again if that comes to nothing, and taken for good once it was accepted.
 * Of several (NEWEST) the one is chosen that has been free for the longest
 * time; who finds all taken waits for one to become free, see CAPS_CONNECT.
 * RESERVED, with SINGLE: taken from the beginning; it keeps the name while there
 * is no port for more clients. [servers with one port for each client, consoles]
 */
#define CAPS_REGISTER_WORLD	(1u << 0)
#define CAPS_REGISTER_USER	(1u << 1)
#define CAPS_REGISTER_GROUP	(1u << 2)
#define CAPS_REGISTER_NEWEST	(1u << 3)
#define CAPS_REGISTER_FIRST	(1u << 4)
#define CAPS_REGISTER_REPLACE	(1u << 5)
#define CAPS_REGISTER_CONNECTED	(1u << 6)
#define CAPS_REGISTER_DISCONNECTED (1u << 7)
#define CAPS_REGISTER_ASK	(1u << 8)
#define CAPS_REGISTER_SINGLE	(1u << 9)
#define CAPS_REGISTER_RESERVED	(1u << 10)

struct caps_register {
	__u64 port;			/* MANAGE */
	__u64 name;			/* address */
	__u64 operations;		/* granted to connections */
	__u32 name_len;			/* bytes, without terminator */
	__u32 uid;			/* or CAPS_ANY_ID */
	__u32 gid;			/* or CAPS_ANY_ID */
	__u32 flags;			/* CAPS_REGISTER_* */
	__u32 in_flight;		/* 0: CAPS_DEFAULT_IN_FLIGHT */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_UNREGISTER: by the actor that registered it with these ids; if it did so
 * more than once, the newest. Connections stay. [servers shutting down, those
 * that only want no more clients]
 */
struct caps_unregister {
	__u64 name;
	__u32 name_len;
	__u32 uid;
	__u32 gid;
	__u32 flags;			/* 0 */
};

/*
 * CAPS_CONNECT: a capability (SEND, GRANT, WATCH) with a badge of its own to
 * what is registered as @name. Wanting operations that are not granted is
 * EACCES; CAPS_ALL_OPERATIONS takes what there is. Without such a name ENOENT,
 * or a wait until @deadline. [clients, programs started before their servers]
 *
 * @uid and @gid are those of the name. Any user can take any name under an id of
 * its own, so a client says whose it means: with CAPS_ANY_ID for both, @trusted
 * lists user ids, and the first of them that has the name is taken.
 *
 * USER, GROUP, WORLD: be let in only by one of these rules, so only by a server
 * of the own user, of an own group, or by any; none of them means all.
 *
 * Where the server is asked (CAPS_REGISTER_ASK), it has until @verdict to
 * answer; without that EAGAIN. ECONNREFUSED if it ends, or drops the
 * application, without an answer, or if that made no sense;
 * CAPS_RESULT_REJECTED marks an error that the server gave as its reason.
 * CAPS_RESULT_TAKEN: it was asked, so with EINTR, which ends the wait at any
 * time, or ETIMEDOUT it gets CANCELLED.
 *
 * Where all ports are taken (CAPS_REGISTER_SINGLE) it waits for a free one,
 * until @verdict as well, and those who wait get theirs in turn. ECONNREFUSED if
 * the name goes meanwhile. With NOWAIT: EAGAIN.
 *
 * EAGAIN, too, if its end is to be told, and the server's user is above its limit
 * of connections with ends that it has not received.
 */
#define CAPS_CONNECT_WORLD	CAPS_REGISTER_WORLD
#define CAPS_CONNECT_USER	CAPS_REGISTER_USER
#define CAPS_CONNECT_GROUP	CAPS_REGISTER_GROUP
#define CAPS_CONNECT_NOWAIT	(1u << 9)

struct caps_connect {
	__u64 name;
	__u32 name_len;
	__u32 uid;			/* or CAPS_ANY_ID */
	__u32 gid;			/* or CAPS_ANY_ID */
	__u32 flags;			/* CAPS_CONNECT_* */
	__u64 trusted;			/* address of __u32[], else 0 */
	__u32 trusted_count;		/* up to CAPS_MAX_TRUSTED */
	__u32 reserved;			/* 0 */
	__u64 deadline;			/* for the name; 0: ENOENT at once */
	__u64 verdict;			/* deadline for the server's */
	__u64 operations;		/* in: wanted, out: granted */
	__u64 capability;		/* out */
	__u32 result;			/* out: CAPS_RESULT_*, on failure too */
	__u32 in_flight;		/* out: see CAPS_REGISTER; 0: no limit */
};

/*
 * An application: a call of kind APPLICATION, which the kernel makes for who
 * wants to connect. The header is the client's, @badge the one that the
 * connection will have, @address the operations that it wants of those that are
 * registered. The annex is a struct caps_application; CAPS_IDENTITY tells
 * groups and security label. It needs room, counts and ends like a call; it
 * cannot be forwarded.
 *
 * The first answer is the verdict. Status 0 and a struct caps_verdict as annex:
 * accepted, with these operations at most, this limit (0: the registered one)
 * and, with CAPS_VERDICT_BADGE, another badge (bit 63 clear), perhaps one that
 * others have, whose limit then stays. Status 1 to 511 without an annex:
 * rejected with this errno. A body, capabilities, files, and all else is no
 * verdict: EBADMSG, and the client is rejected with ECONNREFUSED. ECANCELED: it
 * has gone. After 0 the connection exists; with DISCONNECTED its end is told.
 */
struct caps_application {
	__u64 service;			/* as @cursor in caps_service_entry */
	__u64 effective;		/* capability sets */
	__u64 permitted;
	__u64 inheritable;
	__u64 user_namespace;		/* inode numbers */
	__u64 pid_namespace;
	__u64 network_namespace;
};

#define CAPS_VERDICT_BADGE	(1u << 0)

struct caps_verdict {
	__u64 operations;		/* granted, of @address */
	__u64 badge;			/* with CAPS_VERDICT_BADGE, else 0 */
	__u32 in_flight;		/* 0: as registered */
	__u32 flags;			/* CAPS_VERDICT_* */
};

/*
 * CAPS_SERVICES: the names that the caller could connect to, and those of its
 * user; with CAP_SYS_ADMIN over the network namespace, all. Oldest first, from
 * behind @cursor, which is 0 to begin with and then what the call before gave.
 * @count 0 out: there are no more. [administrators' tools, programs that let
 * one choose]
 */
struct caps_service_entry {
	char name[CAPS_MAX_NAME + 1];	/* terminated */
	__u64 cursor;			/* of this one */
	__u64 operations;
	__u32 uid;			/* or CAPS_ANY_ID; overflow if unmapped */
	__u32 gid;
	__u32 pid;			/* of its server, 0 if not visible */
	__u32 flags;			/* CAPS_REGISTER_* */
};

struct caps_services {
	__u64 entries;			/* address of struct caps_service_entry[] */
	__u64 cursor;			/* in, out */
	__u32 count;			/* in: room, out: entries */
	__u32 flags;			/* 0 */
};

/*
 * A port's generation: 64 bits that its owner sets, with MANAGE, as it likes (0
 * to begin with), and whoever has a capability to it reads without a message:
 * what was fetched under another generation is not to be used any more.
 *
 * CAPS_GENERATION: read it; with CAPS_GENERATION_WAIT as soon as it is not
 * @generation, or EPIPE when the port goes, or ETIMEDOUT. [clients that cache,
 * programs whose settings change]
 * CAPS_GENERATION_SET: set it, and let those who wait know. [their servers]
 *
 * A descriptor from CAPS_EXPORT can be waited on as well: poll reports EPOLLIN
 * when the number is another than was read from this file last (or than when it
 * was made), and EPOLLHUP when the port has gone. read(2) never waits and gives
 * the number, as 8 bytes. EPIPE, EKEYREVOKED; EINVAL for less room, and if the
 * capability is not to a port. [event loops, programs without an actor]
 */
#define CAPS_GENERATION_WAIT	(1u << 0)

struct caps_generation {
	__u64 capability;
	__u64 generation;		/* in: with WAIT, the known one; out */
	__u64 deadline;			/* with WAIT, else 0 */
	__u32 flags;			/* CAPS_GENERATION_* */
	__u32 reserved;			/* 0 */
};

struct caps_generation_set {
	__u64 capability;
	__u64 generation;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/* --- groups --------------------------------------------------------------- */

/*
 * CAPS_GROUP_CREATE: a new group without members. It lasts as long as there are
 * capabilities to it, or until it is deleted. [publishers, pools of workers]
 */
struct caps_group_create {
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
	__u64 capability;		/* out: CAPS_RIGHTS_GROUP, all operations */
};

/*
 * CAPS_GROUP_INSERT: make a port a member, wherever it lives; takes INSERT on
 * the group and MANAGE on the port. What is sent to the group arrives as if it
 * were sent through @port: with its badge, and only in operations that both
 * allow; it is revoked together with it, and by CAPS_REVOKE of all, whoever
 * inserted it. EBUSY if it is a member, EPIPE if group or port are gone,
 * EMSGSIZE if there are too many. [subscribers, supervisors of workers]
 *
 * CAPS_GROUP_REMOVE: takes MANAGE on the group and any capability to the port,
 * or INSERT on the group and MANAGE on the port. ENOENT if it is no member.
 * [the same, to take one out of service]
 */
struct caps_group_member {
	__u64 group;
	__u64 port;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_GROUP_DELETE: nobody is reached through it any more (EPIPE). Its members
 * live on. [publishers closing a topic, pools going out of service]
 */
struct caps_group_ref {
	__u64 capability;
	__u32 flags;			/* 0 */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_GROUP_INFO: how many members can be sent to. [supervisors, monitors]
 */
struct caps_group_info {
	__u64 capability;
	__u32 members;			/* out */
	__u32 flags;			/* 0 */
};

/*
 * Sending to a group
 *
 * Every send sees the members as they were at one moment. Members whose ports
 * have ended, that were revoked, or that do not allow the operation are passed
 * over; so are those that CAPS_EXCLUDE_PORT and CAPS_EXCLUDE_ACTOR say, which
 * name them by @relative, any capability to a port, and those to which a file
 * that goes along may not come (EINVAL if only such are left).
 *
 * CAPS_SEND without CAPS_TO_*: every member with room gets the message. @reached
 * says how many did, @full how many had no room; EAGAIN if there were only such.
 * It never waits: @deadline is 0. All share one body, copied or (CAPS_DEFER)
 * pinned once; DISPOSE comes when the last is done with it. A signal ends it
 * early, CAPS_RESULT_PARTIAL, as does want of memory, once somebody was reached.
 * With CAPS_TO_ALL either all have room and get it, or none (EAGAIN). [publishers
 * of events, shared caches that are told what is stale]
 *
 * CAPS_TO_ANY: one member gets it, in turn; one that waits for a message goes
 * first, one without room last. No more than 16 are looked at; without room in
 * any of them it is as with a full port, the first of them. CAPS_TO_NEAR: one in
 * the actor that owns the port @relative, else one in its process; an orphan is
 * in none. ENOENT if there is none. Both also for calls. [pools of workers,
 * services that have an instance in each process]
 *
 * CAPS_SEND to an actor's capability reaches each of its enabled ports, like a
 * group without flags. [supervisors, debuggers]
 *
 * Anything else is EINVAL: other calls, attachments to more than one, flags that
 * contradict each other or are used with a port, @relative without a flag that
 * needs it.
 */

/* --- io_uring ------------------------------------------------------------ */

/*
 * Every command may also be given to io_uring: IORING_OP_URING_CMD on the
 * actor's file, cmd_op is the number, and the command area of the entry holds
 * this struct. It does the same and completes with 0 or a negative errno. The
 * ring belongs to the process that opened the file, as the file does; identity
 * is that of the submission. IORING_SETUP_IOPOLL is refused. [event loops,
 * servers of many clients]
 *
 * What need not wait completes when it is submitted. Else a worker of io_uring
 * waits; there are few of them, and the rest stands in line behind. Such a wait
 * ends with EINTR (or ECANCELED, if no worker had begun) when cancelled or
 * when a linked timeout expires, and so does a call after it was taken:
 * CAPS_RESULT_TAKEN tells, and the server gets CANCELLED. EINTR comes, too, when
 * the process is stopped, frozen or traced meanwhile. A CAPS_REPLY_RECEIVE that goes
 * on to a worker has replied, and cleared @reply.id. A worker looks for a name in
 * the network namespace that the process had when it began. ESTALE: linked behind
 * another command, and its entry in the ring was used again before its turn came.
 *
 *   NOWAIT	rather than wait, complete as with deadlines of 0: with EAGAIN;
 *		CAPS_CONNECT with ENOENT if there is no such name, and EAGAIN
 *		if the server would be asked; CAPS_GENERATION with ETIMEDOUT.
 *		IORING_OP_POLL_ADD tells when to try again. EINVAL for
 *		CAPS_CALL, which must wait: use CAPS_CALL_ASYNC.
 *   PARK	wait without a worker: CAPS_CALL, CAPS_RECEIVE and
 *		CAPS_REPLY_RECEIVE; others wait in one as without the flag, and
 *		so does a call while it waits for room. Any number can, for less
 *		than 512 bytes of kernel memory each. io_uring cannot cancel
 *		what is parked, and a linked timeout does not end it; its
 *		deadline and CAPS_UNPARK do, and so do the ring's end and the
 *		process's, also where others have the ring. EOPNOTSUPP without
 *		CAPS_FEATURE_PARK, and with IOSQE_ASYNC where it says something.
 *		With it a CAPS_SEND, CAPS_CALL_ASYNC or CAPS_REPLY with
 *		CAPS_DEFER completes when its body is free, and no DISPOSE comes
 *		(but for CAPS_RECEIPT); ended earlier, the body is lost to who
 *		has not read it. EINVAL if it has a deadline, too.
 *
 * IORING_URING_CMD_FIXED: the body is in the registered buffer that the entry
 * names, and is not pinned, charged or copied: in CAPS_CALL the request, and the
 * reply with CAPS_DIRECT_REPLY; in CAPS_SEND, CAPS_CALL_ASYNC and CAPS_REPLY what
 * has CAPS_DEFER, which needs PARK (else EINVAL). EFAULT if it is not in there,
 * EINVAL if it is in pieces. What is copied in any case may have the flag, and be
 * anywhere: those three without CAPS_DEFER, CAPS_RECEIVE, CAPS_RECEIVE_BATCH,
 * CAPS_GET_DATA, and both halves of CAPS_REPLY_RECEIVE, for which CAPS_DEFER is
 * EINVAL, since it completes with the next message. EINVAL for all others.
 * [storage and network servers with pools of buffers, logs]
 */
#define CAPS_URING_NOWAIT	(1u << 0)
#define CAPS_URING_PARK		(1u << 1)

struct caps_uring {
	__u64 argument;			/* address of the command's struct */
	__u32 flags;			/* CAPS_URING_* */
	__u32 reserved;			/* 0 */
};

/*
 * CAPS_UNPARK: let commands of this actor that are parked complete: that with
 * the given struct, or with 0 all. They do with ECANCELED, or with their result
 * if that came first. [libraries that cancel what they started, servers shutting
 * down]
 */
struct caps_unpark {
	__u64 argument;			/* address of the command's struct, or 0 */
	__u32 flags;			/* 0 */
	__u32 ended;			/* out: how many that did not by themselves */
};

/* --- numbers -------------------------------------------------------------- */

#define CAPS_IOC		0x9C

#define CAPS_QUERY		_IOWR(CAPS_IOC, 0x00, struct caps_query)
#define CAPS_ACTOR_INFO		_IOWR(CAPS_IOC, 0x01, struct caps_actor_info)
#define CAPS_ACTOR_SELF		_IOWR(CAPS_IOC, 0x02, struct caps_actor_self)
#define CAPS_KEEP		_IOWR(CAPS_IOC, 0x03, struct caps_keep)
#define CAPS_ADOPT		_IOWR(CAPS_IOC, 0x04, struct caps_keep)
#define CAPS_UNPARK		_IOWR(CAPS_IOC, 0x05, struct caps_unpark)

#define CAPS_DUPLICATE		_IOWR(CAPS_IOC, 0x10, struct caps_duplicate)
#define CAPS_CLOSE		_IOWR(CAPS_IOC, 0x11, struct caps_close)
#define CAPS_CAPABILITY_INFO	_IOWR(CAPS_IOC, 0x12, struct caps_capability_info)
#define CAPS_EXPORT		_IOWR(CAPS_IOC, 0x13, struct caps_export)
#define CAPS_IMPORT		_IOWR(CAPS_IOC, 0x14, struct caps_import)
#define CAPS_PLACE		_IOWR(CAPS_IOC, 0x15, struct caps_place)
#define CAPS_WATCH		_IOWR(CAPS_IOC, 0x16, struct caps_watch)

#define CAPS_PORT_CREATE	_IOWR(CAPS_IOC, 0x20, struct caps_port_create)
#define CAPS_PORT_DELETE	_IOWR(CAPS_IOC, 0x21, struct caps_port_ref)
#define CAPS_PORT_ENABLE	_IOWR(CAPS_IOC, 0x22, struct caps_port_enable)
#define CAPS_PORT_DISABLE	_IOWR(CAPS_IOC, 0x23, struct caps_port_ref)
#define CAPS_PORT_INFO		_IOWR(CAPS_IOC, 0x24, struct caps_port_info)
#define CAPS_REVOKE		_IOWR(CAPS_IOC, 0x25, struct caps_revoke)
#define CAPS_SIGNAL		_IOWR(CAPS_IOC, 0x26, struct caps_signal)
#define CAPS_PORT_MIGRATE	_IOWR(CAPS_IOC, 0x27, struct caps_port_migrate)
#define CAPS_PORT_FILE		_IOWR(CAPS_IOC, 0x28, struct caps_export)

#define CAPS_SEND		_IOWR(CAPS_IOC, 0x30, struct caps_send)
#define CAPS_CALL		_IOWR(CAPS_IOC, 0x31, struct caps_call)
#define CAPS_CALL_ASYNC		_IOWR(CAPS_IOC, 0x32, struct caps_send)
#define CAPS_RECEIVE		_IOWR(CAPS_IOC, 0x33, struct caps_receive)
#define CAPS_RECEIVE_BATCH	_IOWR(CAPS_IOC, 0x34, struct caps_receive_batch)
#define CAPS_GET_DATA		_IOWR(CAPS_IOC, 0x35, struct caps_get_data)
#define CAPS_REPLY		_IOWR(CAPS_IOC, 0x36, struct caps_reply)
#define CAPS_REPLY_RECEIVE	_IOWR(CAPS_IOC, 0x37, struct caps_reply_receive)
#define CAPS_DISCARD		_IOWR(CAPS_IOC, 0x38, struct caps_discard)
#define CAPS_ABORT		_IOWR(CAPS_IOC, 0x39, struct caps_abort)
#define CAPS_HEADER		_IOWR(CAPS_IOC, 0x3a, struct caps_get_header)
#define CAPS_IDENTITY		_IOWR(CAPS_IOC, 0x3b, struct caps_identity)
#define CAPS_FORWARD		_IOWR(CAPS_IOC, 0x3c, struct caps_forward)

#define CAPS_REGISTER		_IOWR(CAPS_IOC, 0x40, struct caps_register)
#define CAPS_UNREGISTER		_IOWR(CAPS_IOC, 0x41, struct caps_unregister)
#define CAPS_CONNECT		_IOWR(CAPS_IOC, 0x42, struct caps_connect)
#define CAPS_SERVICES		_IOWR(CAPS_IOC, 0x43, struct caps_services)
#define CAPS_GENERATION_SET	_IOWR(CAPS_IOC, 0x44, struct caps_generation_set)
#define CAPS_GENERATION		_IOWR(CAPS_IOC, 0x45, struct caps_generation)

#define CAPS_GROUP_CREATE	_IOWR(CAPS_IOC, 0x50, struct caps_group_create)
#define CAPS_GROUP_INSERT	_IOWR(CAPS_IOC, 0x51, struct caps_group_member)
#define CAPS_GROUP_REMOVE	_IOWR(CAPS_IOC, 0x52, struct caps_group_member)
#define CAPS_GROUP_DELETE	_IOWR(CAPS_IOC, 0x53, struct caps_group_ref)
#define CAPS_GROUP_INFO		_IOWR(CAPS_IOC, 0x54, struct caps_group_info)

/* First published sizes; a call with less is EINVAL. */
#define CAPS_QUERY_SIZE_VER0		64
#define CAPS_ACTOR_INFO_SIZE_VER0	88
#define CAPS_ACTOR_SELF_SIZE_VER0	16
#define CAPS_KEEP_SIZE_VER0		8
#define CAPS_UNPARK_SIZE_VER0		16
#define CAPS_DUPLICATE_SIZE_VER0	40
#define CAPS_CLOSE_SIZE_VER0		16
#define CAPS_CAPABILITY_INFO_SIZE_VER0	40
#define CAPS_EXPORT_SIZE_VER0		16
#define CAPS_IMPORT_SIZE_VER0		16
#define CAPS_PLACE_SIZE_VER0		32
#define CAPS_WATCH_SIZE_VER0		32
#define CAPS_PORT_CREATE_SIZE_VER0	24
#define CAPS_PORT_REF_SIZE_VER0		16
#define CAPS_PORT_ENABLE_SIZE_VER0	16
#define CAPS_PORT_INFO_SIZE_VER0	56
#define CAPS_REVOKE_SIZE_VER0		32
#define CAPS_SIGNAL_SIZE_VER0		24
#define CAPS_PORT_MIGRATE_SIZE_VER0	40
#define CAPS_SEND_SIZE_VER0		112
#define CAPS_CALL_SIZE_VER0		144
#define CAPS_RECEIVE_SIZE_VER0		160
#define CAPS_RECEIVE_BATCH_SIZE_VER0	40
#define CAPS_GET_DATA_SIZE_VER0		80
#define CAPS_REPLY_SIZE_VER0		64
#define CAPS_REPLY_RECEIVE_SIZE_VER0	224
#define CAPS_DISCARD_SIZE_VER0		16
#define CAPS_ABORT_SIZE_VER0		16
#define CAPS_HEADER_SIZE_VER0		112
#define CAPS_IDENTITY_SIZE_VER0		80
#define CAPS_FORWARD_SIZE_VER0		24
#define CAPS_REGISTER_SIZE_VER0		48
#define CAPS_UNREGISTER_SIZE_VER0	24
#define CAPS_CONNECT_SIZE_VER0		80
#define CAPS_SERVICES_SIZE_VER0		24
#define CAPS_GENERATION_SET_SIZE_VER0	24
#define CAPS_GENERATION_SIZE_VER0	32
#define CAPS_GROUP_CREATE_SIZE_VER0	16
#define CAPS_GROUP_MEMBER_SIZE_VER0	24
#define CAPS_GROUP_REF_SIZE_VER0	16
#define CAPS_GROUP_INFO_SIZE_VER0	16

#endif /* _UAPI_LINUX_CAPS_H */
