// SPDX-License-Identifier: GPL-2.0
/*
 * What goes along with messages; see attach.h.
 */
#include <linux/file.h>
#include <linux/net.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "account.h"
#include "actor.h"
#include "attach.h"
#include "capability.h"
#include "compat/files.h"
#include "table.h"
#include "usercopy.h"

#define LOADED_AT_ONCE	8

/* The program's struct, copied and checked. */
static int load_user(struct caps_attachments *user, u64 address)
{
	if (caps_copy_in(user, u64_to_user_ptr(address), sizeof(*user)))
		return -EFAULT;
	if (user->flags)
		return -EINVAL;
	if (user->capability_count > CAPS_MAX_ATTACHED ||
	    user->fd_count > CAPS_MAX_ATTACHED)
		return -EMSGSIZE;
	return 0;
}

/* --- sending ------------------------------------------------------------- */

static int load_capability(struct caps_actor *actor,
			   const struct caps_transfer *from,
			   struct caps_attached *attached)
{
	struct caps_attached_capability *to =
		&attached->capabilities[attached->capability_count];
	bool move = from->flags & CAPS_TRANSFER_MOVE;
	struct caps_capability *copy;

	if (from->flags & ~CAPS_TRANSFER_MOVE ||
	    from->rights & ~CAPS_RIGHTS_ALL)
		return -EINVAL;
	if (move && from->capability == CAPS_DEFAULT_PORT)
		return -EBUSY;
	copy = caps_capability_narrow(actor, from->capability, from->rights,
				      from->operations);
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	to->capability = copy;
	to->moved = NULL;
	to->from = move ? from->capability : 0;
	attached->capability_count++;
	attached->move_count += move;
	return 0;
}

static int load_capabilities(struct caps_actor *actor,
			     const struct caps_attachments *user,
			     struct caps_attached *attached)
{
	struct caps_transfer __user *from = u64_to_user_ptr(user->capabilities);
	struct caps_transfer some[LOADED_AT_ONCE];
	u32 i, n, left;
	int err;

	for (left = user->capability_count; left; left -= n, from += n) {
		n = min_t(u32, left, LOADED_AT_ONCE);
		if (caps_copy_in(some, from, n * sizeof(*some)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			err = load_capability(actor, &some[i], attached);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Take what is moved out of the table; the slots stay until caps_moves_end(). */
static int move_out(struct caps_actor *actor, struct caps_payload *payload)
{
	struct caps_attached *attached = payload->attached;
	struct caps_attached_capability *one = attached->capabilities;
	struct caps_attached_capability *end = one + attached->capability_count;
	int err = 0;

	if (!attached->move_count)
		return 0;
	refcount_inc(&attached->refs);
	payload->moves = attached;
	spin_lock(&actor->lock);
	for (; one < end && !err; one++) {
		if (!one->from)
			continue;
		one->moved = caps_table_suspend(&actor->capabilities,
						one->from);
		if (!one->moved)
			err = -EBADF;
	}
	spin_unlock(&actor->lock);
	return err;
}

/* Nearly always a file is of the user that sends it. */
static struct caps_chain *maker_of(const struct file *file,
				   const struct caps_actor *sender)
{
	const struct cred *maker = file->f_cred, *own = sender->cred;

	if (uid_eq(maker->uid, own->uid) && maker->user_ns == own->user_ns)
		return caps_chain_get(sender->chain);
	return caps_chain_create(maker);
}

static int load_file(struct caps_attached *attached, int fd)
{
	struct caps_attached_file *one = &attached->files[attached->fd_count];
	struct file *file = fget_raw(fd);

	if (!file)
		return -EBADF;
	one->maker = maker_of(file, attached->sender);
	if (!one->maker) {
		fput(file);
		return -ENOMEM;
	}
	one->file = file;
	one->in = attached;
	attached->fd_count++;
	if (caps_file_is_actor(file) || caps_file_is_io_uring(file))
		return -EINVAL;
	if (caps_overdrawn(one->maker, CAPS_FILES))
		return -EDQUOT;
	if (caps_file_is_unix_socket(file))
		attached->unix_sockets = true;
	return 0;
}

static int load_files(const struct caps_attachments *user,
		      struct caps_attached *attached)
{
	s32 __user *from = u64_to_user_ptr(user->fds);
	int err = 0, fd;
	u32 i;

	for (i = 0; i < user->fd_count && !err; i++)
		err = get_user(fd, &from[i]) ?: load_file(attached, fd);
	return err;
}

static void uncharge(struct caps_chain *chain, u32 capabilities, u32 files)
{
	caps_uncharge(chain, CAPS_CAPABILITIES, capabilities);
	caps_uncharge(chain, CAPS_FILES, files);
}

static struct caps_attached *attached_alloc(struct caps_actor *actor,
					    struct caps_chain *payer,
					    const struct caps_attachments *user)
{
	struct caps_attached *attached;
	u32 n = user->capability_count, files = user->fd_count;

	if (n && caps_charge(payer, CAPS_CAPABILITIES, n))
		return ERR_PTR(-EDQUOT);
	if (files && caps_charge(payer, CAPS_FILES, files)) {
		uncharge(payer, n, 0);
		return ERR_PTR(-EDQUOT);
	}
	attached = kmalloc(struct_size(attached, capabilities, n) +
			   files * sizeof(*attached->files), GFP_KERNEL_ACCOUNT);
	if (!attached) {
		uncharge(payer, n, files);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&attached->refs, 1);
	attached->chain = caps_chain_get(payer);
	attached->sender = files ? caps_actor_get(actor) : NULL;
	attached->files = (void *)&attached->capabilities[n];
	attached->capability_count = 0;
	attached->fd_count = 0;
	attached->move_count = 0;
	attached->unix_sockets = false;
	caps_born(CAPS_LIVE_ATTACHED);
	return attached;
}

/**
 * caps_attached_load - take what goes along from the current process
 * @actor: who sends
 * @payer: who pays until it has been received
 * @payload: gets it; call caps_moves_end() afterwards in any case
 * @address: of the program's struct caps_attachments
 *
 * Return: 0; -EFAULT, -EINVAL, -EMSGSIZE, -EDQUOT, -ENOMEM; -EBADF, -EPERM,
 * -EACCES, -EKEYREVOKED, -EBUSY about one of the capabilities; -EBADF, -EINVAL
 * about one of the files.
 */
int caps_attached_load(struct caps_actor *actor, struct caps_chain *payer,
		       struct caps_payload *payload, u64 address)
{
	struct caps_attached *attached;
	struct caps_attachments user;
	int err;

	err = load_user(&user, address);
	if (err || !(user.capability_count | user.fd_count))
		return err;
	attached = attached_alloc(actor, payer, &user);
	if (IS_ERR(attached))
		return PTR_ERR(attached);
	payload->attached = attached;
	err = load_capabilities(actor, &user, attached) ?:
	      load_files(&user, attached) ?: move_out(actor, payload);
	if (err) {
		/* All was charged, whatever has been loaded. */
		uncharge(payer,
			 user.capability_count - attached->capability_count,
			 user.fd_count - attached->fd_count);
		caps_attached_drop(payload);
	}
	return err;
}

/**
 * caps_moves_end - an operation that sends ends
 * @actor: who sends
 * @payload: what it has loaded
 * @sent: or nothing has happened
 */
void caps_moves_end(struct caps_actor *actor, struct caps_payload *payload,
		    bool sent)
{
	struct caps_table *table = &actor->capabilities;
	struct caps_attached *moves = payload->moves;
	struct caps_attached_capability *one, *end;
	long n = 0;

	if (!moves)
		return;
	payload->moves = NULL;
	end = moves->capabilities + moves->capability_count;

	spin_lock(&actor->lock);
	/* A dead actor's table gets nothing any more. */
	sent |= actor->dead;
	for (one = moves->capabilities; one < end; one++) {
		if (one->moved && sent)
			caps_table_release(table, one->from);
		else if (one->moved)
			caps_table_publish(table, one->from, one->moved);
	}
	spin_unlock(&actor->lock);
	for (one = moves->capabilities; sent && one < end; one++) {
		if (!one->moved)
			continue;
		caps_capability_free(one->moved);
		n++;
	}
	caps_uncharge(actor->chain, CAPS_CAPABILITIES, n);
	caps_attached_put(moves);
}

/**
 * caps_attached_charge_to - another pays
 * @attached: nobody else can find it
 * @chain: who pays from now on, whatever his limit
 */
void caps_attached_charge_to(struct caps_attached *attached,
			     struct caps_chain *chain)
{
	struct caps_chain *old = attached->chain;

	uncharge(old, attached->capability_count, attached->fd_count);
	caps_charge_forced(chain, CAPS_CAPABILITIES,
			   attached->capability_count);
	caps_charge_forced(chain, CAPS_FILES, attached->fd_count);
	attached->chain = caps_chain_get(chain);
	caps_chain_put(old);
}

/* --- receiving ----------------------------------------------------------- */

/* The actor's lock is held. */
static void release_handles(struct caps_actor *actor,
			    struct caps_attached *attached, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		caps_table_release(&actor->capabilities,
				   attached->capabilities[i].handle);
}

static int reserve_handles(struct caps_actor *actor,
			   struct caps_attached *attached)
{
	u32 i, n = attached->capability_count;
	int err;

	if (!n)
		return 0;
	err = caps_charge(actor->chain, CAPS_CAPABILITIES, n);
	if (err)
		return err;
	spin_lock(&actor->lock);
	for (i = 0; i < n; i++) {
		err = caps_table_obtain(&actor->capabilities,
					&attached->capabilities[i].handle);
		if (err)
			break;
	}
	if (err)
		release_handles(actor, attached, i);
	spin_unlock(&actor->lock);
	if (err)
		caps_uncharge(actor->chain, CAPS_CAPABILITIES, n);
	return err;
}

static int put_handles(const struct caps_attached *attached, u64 address)
{
	u64 __user *to = u64_to_user_ptr(address);
	u32 i, n = attached->capability_count;

	if (!n)
		return 0;
	if (!user_write_access_begin(to, n * sizeof(*to)))
		return -EFAULT;
	for (i = 0; i < n; i++)
		unsafe_put_user(attached->capabilities[i].handle, &to[i],
				fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* Until they are installed there are none; the array is there for certain. */
static int prepare_fds(struct caps_attached *attached, u64 address)
{
	u32 i;

	attached->fds = u64_to_user_ptr(address);
	for (i = 0; i < attached->fd_count; i++) {
		if (put_user(-1, &attached->fds[i]))
			return -EFAULT;
	}
	return 0;
}

/* How many were put. */
static int put_counts(u64 address, const struct caps_attached *attached)
{
	struct caps_attachments __user *user = u64_to_user_ptr(address);
	struct {
		u16 capabilities, fds;
	} put = {};

	if (attached) {
		put.capabilities = attached->capability_count;
		put.fds = attached->fd_count;
	}

	BUILD_BUG_ON(offsetof(struct caps_attachments, fds_put) !=
		     offsetofend(struct caps_attachments, capabilities_put));
	return caps_copy_out(&user->capabilities_put, &put, sizeof(put));
}

/**
 * caps_attached_check_room - can a struct caps_attachments be one to receive?
 * @address: of the program's
 *
 * For those who may wait, so that they are not told only when something comes.
 * What counts is what is there then, which is checked again.
 *
 * Return: 0; -EFAULT, -EINVAL, -EMSGSIZE.
 */
int caps_attached_check_room(u64 address)
{
	struct caps_attachments user;

	return load_user(&user, address);
}

/**
 * caps_attached_expect - is a place for what may come along good?
 * @address: of the program's struct caps_attachments
 *
 * It says afterwards that nothing was put there.
 *
 * Return: 0; -EFAULT, -EINVAL, -EMSGSIZE.
 */
int caps_attached_expect(u64 address)
{
	struct caps_attachments user;

	return load_user(&user, address) ?: put_counts(address, NULL);
}

/**
 * caps_attached_offer - reserve and write handles for what came along
 * @actor: who receives
 * @attached: the caller's alone for now
 * @address: of the program's struct caps_attachments, or 0
 *
 * Return: 0; 1 if the program has no room for all of it; -EFAULT, -EINVAL,
 * -EMSGSIZE, -EDQUOT, -EMFILE, -ENOMEM. Unless 0 nothing has changed.
 */
int caps_attached_offer(struct caps_actor *actor,
			struct caps_attached *attached, u64 address)
{
	struct caps_attachments user;
	int err;

	if (!address)
		return 1;
	err = load_user(&user, address);
	if (err)
		return err;
	if (attached->capability_count > user.capability_count ||
	    attached->fd_count > user.fd_count)
		return put_counts(address, NULL) ?: 1;
	err = reserve_handles(actor, attached);
	if (err)
		return err;
	err = put_handles(attached, user.capabilities) ?:
	      prepare_fds(attached, user.fds) ?:
	      put_counts(address, attached);
	if (err)
		caps_attached_withdraw(actor, attached);
	return err;
}

/**
 * caps_attached_publish - the handles that were offered begin to live
 * @actor: who receives; locked and alive
 * @attached: offered
 */
void caps_attached_publish(struct caps_actor *actor,
			   struct caps_attached *attached)
{
	struct caps_attached_capability *one = attached->capabilities;
	u32 i, n = attached->capability_count;

	for (i = 0; i < n; i++, one++) {
		caps_table_publish(&actor->capabilities, one->handle,
				   one->capability);
		one->capability = NULL;
	}
}

/**
 * caps_attached_withdraw - the handles that were offered never will live
 * @actor: who would have received
 * @attached: offered, not published
 */
void caps_attached_withdraw(struct caps_actor *actor,
			    struct caps_attached *attached)
{
	spin_lock(&actor->lock);
	release_handles(actor, attached, attached->capability_count);
	spin_unlock(&actor->lock);
	caps_uncharge(actor->chain, CAPS_CAPABILITIES,
		      attached->capability_count);
}

/**
 * caps_attached_finish - what was published has been received
 * @attached: in no payload any more; freed
 *
 * Return: whether files could not be installed.
 */
bool caps_attached_finish(struct caps_attached *attached)
{
	struct caps_attached_file *one = attached->files;
	u32 i, lost = 0;
	int fd;

	for (i = 0; i < attached->fd_count; i++, one++) {
		fd = caps_receive_fd(one->file, O_CLOEXEC);
		if (fd < 0) {
			attached->files[lost++] = *one;
			continue;
		}
		put_user(fd, &attached->fds[i]);
		fput(one->file);
		caps_chain_put(one->maker);
	}
	caps_uncharge(attached->chain, CAPS_FILES, attached->fd_count - lost);
	attached->fd_count = lost;
	caps_attached_free(attached);
	return lost;
}

/**
 * caps_attached_take - receive what is in a payload of the caller's own
 * @actor: who receives
 * @payload: has something
 * @address: of the program's struct caps_attachments, or 0
 * @lost: set to whether files could not be installed
 *
 * Return: 0, or as caps_attached_offer(), and it stays; or -ENOTCONN.
 */
int caps_attached_take(struct caps_actor *actor, struct caps_payload *payload,
		       u64 address, bool *lost)
{
	struct caps_attached *attached = payload->attached;
	bool dead;
	int err;

	err = caps_attached_offer(actor, attached, address);
	if (err)
		return err;
	spin_lock(&actor->lock);
	dead = actor->dead;
	if (!dead)
		caps_attached_publish(actor, attached);
	spin_unlock(&actor->lock);
	if (dead) {
		caps_attached_withdraw(actor, attached);
		return -ENOTCONN;
	}
	payload->attached = NULL;
	*lost = caps_attached_finish(attached);
	return 0;
}

/*
 * Handles could not be reserved, by no fault of the program's: as if it had
 * given no room, or others' messages would wait behind this one.
 */
static bool is_want_of_handles(int err)
{
	return err == -EDQUOT || err == -EMFILE || err == -ENOMEM;
}

/**
 * caps_message_offer - offer what came along with a claimed message
 * @actor: who receives
 * @message: something came along
 * @offered: set to what was offered
 * @address: of the program's struct caps_attachments, or 0
 *
 * Return: 0; 1 if there is no room for all of it, in the program or under the
 * receiver's limits; -EFAULT, -EINVAL, -EMSGSIZE.
 */
int caps_message_offer(struct caps_actor *actor, struct caps_message *message,
		       struct caps_attached **offered, u64 address)
{
	struct caps_attached *attached = caps_message_carried(message)->attached;
	int err;

	/* The server died, and the answer says no more than that. */
	if (message->kind == CAPS_KIND_REPLY && message->error)
		return 0;
	message->header.capability_count = attached->capability_count;
	message->header.fd_count = attached->fd_count;
	err = caps_attached_offer(actor, attached, address);
	if (is_want_of_handles(err))
		err = put_counts(address, NULL) ?: 1;
	if (!err)
		*offered = attached;
	return err;
}

/**
 * caps_message_take_offered - what was offered is the receiver's
 * @message: it is being taken
 * @actor: who receives; locked and alive
 */
void caps_message_take_offered(struct caps_message *message,
			       struct caps_actor *actor)
{
	struct caps_payload *payload = caps_message_carried(message);

	caps_attached_publish(actor, payload->attached);
	payload->attached = NULL;
}
