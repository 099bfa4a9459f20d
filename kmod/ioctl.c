// SPDX-License-Identifier: GPL-2.0
/*
 * Commands.
 *
 * A table says for each command its number, its first published size, and
 * which part of its struct goes back to the user. Arguments are copied once
 * and checked here; the functions called find them in kernel memory. What
 * makes something that only its result names sees to it beforehand that the
 * result can be written, so that a bad address has no effect.
 */
#include <linux/fs.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "actor.h"
#include "badge.h"
#include "capability.h"
#include "capfile.h"
#include "caps.h"
#include "info.h"
#include "ioctl.h"
#include "ipc.h"
#include "port.h"
#include "service.h"
#include "usercopy.h"

union args {
	struct caps_query query;
	struct caps_actor_info actor_info;
	struct caps_duplicate duplicate;
	struct caps_close close;
	struct caps_capability_info capability_info;
	struct caps_export export;
	struct caps_import import;
	struct caps_port_create port_create;
	struct caps_port_ref port;
	struct caps_port_enable port_enable;
	struct caps_port_info port_info;
	struct caps_send send;
	struct caps_call call;
	struct caps_receive receive;
	struct caps_receive_batch receive_batch;
	struct caps_get_data get_data;
	struct caps_reply reply;
	struct caps_reply_receive reply_receive;
	struct caps_discard discard;
	struct caps_abort abort;
	struct caps_get_header header;
	struct caps_identity identity;
	struct caps_register register_;
	struct caps_unregister unregister;
	struct caps_connect connect;
};

typedef int handler_t(struct caps_actor *actor, union args *args,
		      void __user *uarg);

static int do_query(struct caps_actor *actor, union args *args,
		    void __user *uarg)
{
	if (args->query.flags || args->query.reserved)
		return -EINVAL;
	caps_info_query(&args->query);
	return 0;
}

static int do_actor_info(struct caps_actor *actor, union args *args,
			 void __user *uarg)
{
	if (args->actor_info.flags || args->actor_info.reserved)
		return -EINVAL;
	caps_info_actor(actor, &args->actor_info);
	return 0;
}

/* The badge of a duplicate: the original's, or one that the owner chooses. */
static int choose_badge(struct caps_capability *copy, u64 value)
{
	struct caps_badge *badge;

	if (value & CAPS_BADGE_KERNEL)
		return -EINVAL;
	if (!(copy->rights & CAPS_RIGHT_MANAGE) || copy->badge)
		return -EPERM;
	badge = caps_badge_choose(copy->port, value);
	if (IS_ERR(badge))
		return PTR_ERR(badge);
	copy->badge = badge;
	return 0;
}

static int do_duplicate(struct caps_actor *actor, union args *args,
			void __user *uarg)
{
	struct caps_duplicate *a = &args->duplicate;
	bool badge = a->flags & CAPS_DUP_BADGE;
	struct caps_capability *copy;
	int err = 0;

	if (a->flags & ~CAPS_DUP_BADGE || a->rights & ~CAPS_RIGHTS_ALL ||
	    (!badge && a->badge))
		return -EINVAL;
	copy = caps_capability_copy(actor, a->capability, a->rights);
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	if (a->operations & ~copy->operations)
		err = -EACCES;
	else if (badge)
		err = choose_badge(copy, a->badge);
	copy->operations = a->operations;
	copy->rights = a->rights;
	if (!err)
		err = caps_capability_insert(actor, copy, &a->result);
	if (err)
		caps_capability_free(copy);
	return err;
}

static int do_close(struct caps_actor *actor, union args *args,
		    void __user *uarg)
{
	if (args->close.flags || args->close.reserved)
		return -EINVAL;
	return caps_capability_close(actor, args->close.capability);
}

static int do_capability_info(struct caps_actor *actor, union args *args,
			      void __user *uarg)
{
	if (args->capability_info.flags)
		return -EINVAL;
	return caps_info_capability(actor, &args->capability_info);
}

/* The descriptor is installed last, when its number has been written. */
static int do_export(struct caps_actor *actor, union args *args,
		     void __user *uarg)
{
	struct caps_export __user *user = uarg;
	struct file *file;
	int fd, err = 0;

	if (args->export.flags)
		return -EINVAL;
	file = caps_capfile_create(actor, args->export.capability);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(file);
		return fd;
	}
	if (put_user(fd, &user->fd)) {
		err = -EFAULT;
		put_unused_fd(fd);
		fput(file);
	} else {
		fd_install(fd, file);
	}
	return err;
}

static int do_import(struct caps_actor *actor, union args *args,
		     void __user *uarg)
{
	if (args->import.flags)
		return -EINVAL;
	return caps_capfile_import(actor, args->import.fd,
				   &args->import.capability);
}

static int do_port_create(struct caps_actor *actor, union args *args,
			  void __user *uarg)
{
	struct caps_port_create *a = &args->port_create;
	struct caps_capability *capability;
	struct caps_port *port;
	int err = -ENOMEM;

	if (a->flags)
		return -EINVAL;
	port = caps_port_create(actor, a->cookie, a->queue_limit);
	if (IS_ERR(port))
		return PTR_ERR(port);
	capability = caps_capability_create(port, NULL, CAPS_ALL_OPERATIONS,
					    CAPS_RIGHTS_PORT);
	if (!capability)
		goto put_port;
	err = caps_port_join(port, actor);
	if (!err)
		err = caps_capability_insert(actor, capability,
					     &a->capability);
	if (err) {
		caps_port_end(actor, port);
		caps_capability_free(capability);
	}
put_port:
	caps_port_put(port);
	return err;
}

static int do_port_delete(struct caps_actor *actor, union args *args,
			  void __user *uarg)
{
	struct caps_port *port;
	int err = 0;

	if (args->port.flags || args->port.reserved)
		return -EINVAL;
	port = caps_capability_own_port(actor, args->port.capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	if (port->is_default)
		err = -EBUSY;
	else if (!caps_port_end(actor, port))
		err = -EPIPE;
	caps_port_put(port);
	return err;
}

static int do_port_enable(struct caps_actor *actor, union args *args,
			  void __user *uarg)
{
	struct caps_port_enable *a = &args->port_enable;
	struct caps_port *port;
	int err;

	if (a->flags || a->priority > 255)
		return -EINVAL;
	port = caps_capability_own_port(actor, a->capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = caps_port_enable(actor, port, a->priority);
	caps_port_put(port);
	return err;
}

static int do_port_disable(struct caps_actor *actor, union args *args,
			   void __user *uarg)
{
	struct caps_port *port;
	int err;

	if (args->port.flags || args->port.reserved)
		return -EINVAL;
	port = caps_capability_own_port(actor, args->port.capability,
					CAPS_RIGHT_MANAGE);
	if (IS_ERR(port))
		return PTR_ERR(port);
	err = caps_port_disable(actor, port);
	caps_port_put(port);
	return err;
}

static int do_port_info(struct caps_actor *actor, union args *args,
			void __user *uarg)
{
	if (args->port_info.flags || args->port_info.reserved)
		return -EINVAL;
	return caps_info_port(actor, &args->port_info);
}

static int check_send(const struct caps_send *a)
{
	if (a->flags & ~CAPS_BODY_FLAGS || a->reserved ||
	    (a->flags & CAPS_BODY_FLAGS) == CAPS_BODY_FLAGS ||
	    a->operation >= CAPS_OPERATIONS)
		return -EINVAL;
	return 0;
}

static int do_send(struct caps_actor *actor, union args *args,
		   void __user *uarg)
{
	return check_send(&args->send) ?:
	       caps_send(actor, &args->send, CAPS_KIND_SEND);
}

static int do_call_async(struct caps_actor *actor, union args *args,
			 void __user *uarg)
{
	return check_send(&args->send) ?:
	       caps_send(actor, &args->send, CAPS_KIND_CALL);
}

static int do_call(struct caps_actor *actor, union args *args,
		   void __user *uarg)
{
	struct caps_call *a = &args->call;
	struct caps_call __user *user = uarg;
	int err;

	if (a->flags & ~(CAPS_COPY | CAPS_NOWAIT_QUEUE | CAPS_INTERRUPTIBLE |
			 CAPS_DIRECT_REPLY) ||
	    a->reserved || a->operation >= CAPS_OPERATIONS)
		return -EINVAL;
	err = caps_call(actor, a);
	/*
	 * Best effort: the error stands whether this can be written or not. A
	 * call to be restarted may end with EINTR after all.
	 */
	if (err)
		(void)put_user(a->result, &user->result);
	return err;
}

static int check_receive(const struct caps_receive *a)
{
	return a->flags & ~CAPS_HOLD || a->reserved ? -EINVAL : 0;
}

static int do_receive(struct caps_actor *actor, union args *args,
		      void __user *uarg)
{
	struct caps_receive __user *user = uarg;

	return check_receive(&args->receive) ?:
	       caps_receive(actor, &args->receive, &user->header);
}

static int do_receive_batch(struct caps_actor *actor, union args *args,
			    void __user *uarg)
{
	if (args->receive_batch.flags || args->receive_batch.reserved)
		return -EINVAL;
	return caps_receive_batch(actor, &args->receive_batch);
}

static int do_get_data(struct caps_actor *actor, union args *args,
		       void __user *uarg)
{
	if (args->get_data.flags)
		return -EINVAL;
	return caps_get_data(actor, &args->get_data);
}

static int check_reply(const struct caps_reply *a)
{
	if (a->flags & ~CAPS_BODY_FLAGS ||
	    (a->flags & CAPS_BODY_FLAGS) == CAPS_BODY_FLAGS)
		return -EINVAL;
	return 0;
}

static int do_reply(struct caps_actor *actor, union args *args,
		    void __user *uarg)
{
	args->reply.outcome = 0;
	return check_reply(&args->reply) ?: caps_reply(actor, &args->reply);
}

/*
 * What is in the struct already is not written again: in a server's loop
 * nothing changes but the id.
 */
static int reply_first(struct caps_actor *actor, struct caps_reply *reply,
		       struct caps_reply __user *user)
{
	u32 result = reply->result;
	int err;

	err = caps_reply(actor, reply);
	if ((err != reply->outcome && put_user(err, &user->outcome)) ||
	    (result != reply->result && put_user(reply->result,
						 &user->result)) ||
	    (!err && put_user(0ULL, &user->id)))
		return -EFAULT;
	return err;
}

/* A restart finds the id cleared, and only receives. */
static int do_reply_receive(struct caps_actor *actor, union args *args,
			    void __user *uarg)
{
	struct caps_reply_receive __user *user = uarg;
	struct caps_reply *reply = &args->reply_receive.reply;
	int err;

	err = check_reply(reply) ?: check_receive(&args->reply_receive.receive);
	if (err)
		return err;
	if (reply->id) {
		err = reply_first(actor, reply, &user->reply);
		if (err)
			return err;
	}
	return caps_receive(actor, &args->reply_receive.receive,
			    &user->receive.header);
}

static int do_discard(struct caps_actor *actor, union args *args,
		      void __user *uarg)
{
	if (args->discard.flags || args->discard.reserved)
		return -EINVAL;
	return caps_discard(actor, args->discard.id);
}

static int do_abort(struct caps_actor *actor, union args *args,
		    void __user *uarg)
{
	if (args->abort.flags)
		return -EINVAL;
	return caps_abort(actor, &args->abort);
}

static int do_header(struct caps_actor *actor, union args *args,
		     void __user *uarg)
{
	if (args->header.flags || args->header.reserved)
		return -EINVAL;
	return caps_get_header(actor, &args->header);
}

static int do_identity(struct caps_actor *actor, union args *args,
		       void __user *uarg)
{
	if (args->identity.flags || args->identity.reserved)
		return -EINVAL;
	return caps_identity(actor, &args->identity);
}

static int do_register(struct caps_actor *actor, union args *args,
		       void __user *uarg)
{
	if (args->register_.flags & ~CAPS_REGISTER_WORLD)
		return -EINVAL;
	return caps_service_register(actor, &args->register_);
}

static int do_unregister(struct caps_actor *actor, union args *args,
			 void __user *uarg)
{
	if (args->unregister.flags)
		return -EINVAL;
	return caps_service_unregister(actor, &args->unregister);
}

static int do_connect(struct caps_actor *actor, union args *args,
		      void __user *uarg)
{
	if (args->connect.flags || args->connect.reserved)
		return -EINVAL;
	return caps_service_connect(actor, &args->connect);
}

struct command {
	handler_t *handler;
	unsigned int cmd;
	u16 min_size;
	u16 out;		/* where what goes back begins */
	u16 out_end;		/* equal to out: nothing goes back */
	bool prefault;		/* the result must not get lost */
};

#define COMMAND(_cmd, _size, _handler, _type, _out, _out_end, _prefault)  \
	[_IOC_NR(_cmd)] = {						  \
		.handler	= (_handler),				  \
		.cmd		= (_cmd),				  \
		.min_size	= (_size) +				  \
			BUILD_BUG_ON_ZERO(sizeof(struct _type) < (_size)),\
		.out		= (_out),				  \
		.out_end	= (_out_end),				  \
		.prefault	= (_prefault),				  \
	}

/* Nothing goes back, or the handler writes it. */
#define SILENT(_cmd, _size, _handler, _type)				  \
	COMMAND(_cmd, _size, _handler, _type, 0, 0, false)

/* Fields @_first to @_last go back. */
#define TELLS(_cmd, _size, _handler, _type, _first, _last)		  \
	COMMAND(_cmd, _size, _handler, _type,				  \
		offsetof(struct _type, _first),				  \
		offsetofend(struct _type, _last), false)

/* Likewise, and they name what was made. */
#define MAKES(_cmd, _size, _handler, _type, _first, _last)		  \
	COMMAND(_cmd, _size, _handler, _type,				  \
		offsetof(struct _type, _first),				  \
		offsetofend(struct _type, _last), true)

static const struct command commands[] = {
	TELLS(CAPS_QUERY, CAPS_QUERY_SIZE_VER0, do_query,
	      caps_query, features, max_queue_limit),
	TELLS(CAPS_ACTOR_INFO, CAPS_ACTOR_INFO_SIZE_VER0, do_actor_info,
	      caps_actor_info, ports, read_copy_bytes),
	MAKES(CAPS_DUPLICATE, CAPS_DUPLICATE_SIZE_VER0, do_duplicate,
	      caps_duplicate, result, result),
	SILENT(CAPS_CLOSE, CAPS_CLOSE_SIZE_VER0, do_close, caps_close),
	TELLS(CAPS_CAPABILITY_INFO, CAPS_CAPABILITY_INFO_SIZE_VER0,
	      do_capability_info, caps_capability_info, operations, status),
	SILENT(CAPS_EXPORT, CAPS_EXPORT_SIZE_VER0, do_export, caps_export),
	MAKES(CAPS_IMPORT, CAPS_IMPORT_SIZE_VER0, do_import,
	      caps_import, capability, capability),
	MAKES(CAPS_PORT_CREATE, CAPS_PORT_CREATE_SIZE_VER0, do_port_create,
	      caps_port_create, capability, capability),
	SILENT(CAPS_PORT_DELETE, CAPS_PORT_REF_SIZE_VER0, do_port_delete,
	       caps_port_ref),
	SILENT(CAPS_PORT_ENABLE, CAPS_PORT_ENABLE_SIZE_VER0, do_port_enable,
	       caps_port_enable),
	SILENT(CAPS_PORT_DISABLE, CAPS_PORT_REF_SIZE_VER0, do_port_disable,
	       caps_port_ref),
	TELLS(CAPS_PORT_INFO, CAPS_PORT_INFO_SIZE_VER0, do_port_info,
	      caps_port_info, cookie, status),
	MAKES(CAPS_SEND, CAPS_SEND_SIZE_VER0, do_send, caps_send, id, result),
	MAKES(CAPS_CALL_ASYNC, CAPS_SEND_SIZE_VER0, do_call_async,
	      caps_send, id, result),
	TELLS(CAPS_CALL, CAPS_CALL_SIZE_VER0, do_call,
	      caps_call, reply_body_len, result),
	SILENT(CAPS_RECEIVE, CAPS_RECEIVE_SIZE_VER0, do_receive,
	       caps_receive),
	MAKES(CAPS_RECEIVE_BATCH, CAPS_RECEIVE_BATCH_SIZE_VER0,
	      do_receive_batch, caps_receive_batch, received, received),
	TELLS(CAPS_GET_DATA, CAPS_GET_DATA_SIZE_VER0, do_get_data,
	      caps_get_data, copied, annex_copied),
	MAKES(CAPS_REPLY, CAPS_REPLY_SIZE_VER0, do_reply,
	      caps_reply, result, result),
	SILENT(CAPS_REPLY_RECEIVE, CAPS_REPLY_RECEIVE_SIZE_VER0,
	       do_reply_receive, caps_reply_receive),
	SILENT(CAPS_DISCARD, CAPS_DISCARD_SIZE_VER0, do_discard,
	       caps_discard),
	MAKES(CAPS_ABORT, CAPS_ABORT_SIZE_VER0, do_abort,
	      caps_abort, outcome, outcome),
	TELLS(CAPS_HEADER, CAPS_HEADER_SIZE_VER0, do_header,
	      caps_get_header, header, header),
	TELLS(CAPS_IDENTITY, CAPS_IDENTITY_SIZE_VER0, do_identity,
	      caps_identity, group_count, pid_namespace),
	SILENT(CAPS_REGISTER, CAPS_REGISTER_SIZE_VER0, do_register,
	       caps_register),
	SILENT(CAPS_UNREGISTER, CAPS_UNREGISTER_SIZE_VER0, do_unregister,
	       caps_unregister),
	MAKES(CAPS_CONNECT, CAPS_CONNECT_SIZE_VER0, do_connect,
	      caps_connect, operations, capability),
};

static const struct command *find_command(unsigned int cmd)
{
	const struct command *command;
	unsigned int nr = _IOC_NR(cmd);

	if (nr >= ARRAY_SIZE(commands))
		return NULL;
	command = &commands[array_index_nospec(nr, ARRAY_SIZE(commands))];
	if (!command->handler ||
	    (cmd & ~IOCSIZE_MASK) != (command->cmd & ~IOCSIZE_MASK))
		return NULL;
	return command;
}

/* The table's sizes are those of members of the union. */
static int load_args(union args *args, const struct command *command,
		     const void __user *arg, size_t size)
{
	size_t known = _IOC_SIZE(command->cmd);

	if (likely(size == known))
		return caps_copy_in(args, arg, size);
	return copy_struct_from_user(args, known, arg, size);
}

/**
 * caps_command - carry out one command
 * @actor: whose file it is
 * @cmd: the number; its size says how large the struct is
 * @arg: the struct
 *
 * Return: 0 or -errno; -ENOTTY for an unknown command, -ENOTCONN if the actor
 * is dead or another process's.
 */
long caps_command(struct caps_actor *actor, unsigned int cmd,
		  void __user *arg)
{
	const struct command *command = find_command(cmd);
	size_t size = _IOC_SIZE(cmd), out;
	union args args;
	int err;

	if (!command)
		return -ENOTTY;
	if (!caps_actor_is_mine(actor))
		return -ENOTCONN;
	if (size < command->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = load_args(&args, command, arg, size);
	if (err)
		return err;
	out = command->out_end - command->out;
	if (command->prefault &&
	    fault_in_safe_writeable(arg + command->out, out))
		return -EFAULT;

	err = command->handler(actor, &args, arg);
	if (err || !out)
		return err;
	return caps_copy_out(arg + command->out, (void *)&args + command->out,
			     out);
}
