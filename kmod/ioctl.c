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
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "actor.h"
#include "command.h"
#include "ioctl.h"
#include "usercopy.h"

struct caps_command {
	caps_command_t *handler;
	unsigned int cmd;
	u16 min_size;
	u16 out;		/* where what goes back begins */
	u16 out_len;		/* 0: nothing goes back */
	bool prefault;		/* the result must not get lost */
};

#define COMMAND(_cmd, _size, _handler, _type, _out, _out_end, _prefault)  \
	[_IOC_NR(_cmd)] = {						  \
		.handler	= (_handler),				  \
		.cmd		= (_cmd),				  \
		.min_size	= (_size) +				  \
			BUILD_BUG_ON_ZERO(sizeof(struct _type) < (_size)) + \
			BUILD_BUG_ON_ZERO((_out_end) > (_size)),	  \
		.out		= (_out),				  \
		.out_len	= (_out_end) - (_out),			  \
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

static const struct caps_command commands[] = {
	TELLS(CAPS_QUERY, CAPS_QUERY_SIZE_VER0, caps_do_query,
	      caps_query, features, max_queue_limit),
	TELLS(CAPS_ACTOR_INFO, CAPS_ACTOR_INFO_SIZE_VER0, caps_do_actor_info,
	      caps_actor_info, ports, read_copy_bytes),
	MAKES(CAPS_ACTOR_SELF, CAPS_ACTOR_SELF_SIZE_VER0, caps_do_actor_self,
	      caps_actor_self, capability, capability),
	SILENT(CAPS_KEEP, CAPS_KEEP_SIZE_VER0, caps_do_keep, caps_keep),
	SILENT(CAPS_ADOPT, CAPS_KEEP_SIZE_VER0, caps_do_adopt, caps_keep),
	TELLS(CAPS_UNPARK, CAPS_UNPARK_SIZE_VER0, caps_do_unpark,
	      caps_unpark, ended, ended),
	MAKES(CAPS_DUPLICATE, CAPS_DUPLICATE_SIZE_VER0, caps_do_duplicate,
	      caps_duplicate, result, result),
	SILENT(CAPS_CLOSE, CAPS_CLOSE_SIZE_VER0, caps_do_close, caps_close),
	TELLS(CAPS_CAPABILITY_INFO, CAPS_CAPABILITY_INFO_SIZE_VER0,
	      caps_do_capability_info, caps_capability_info,
	      operations, status),
	SILENT(CAPS_EXPORT, CAPS_EXPORT_SIZE_VER0, caps_do_export, caps_export),
	MAKES(CAPS_IMPORT, CAPS_IMPORT_SIZE_VER0, caps_do_import,
	      caps_import, capability, capability),
	SILENT(CAPS_PLACE, CAPS_PLACE_SIZE_VER0, caps_do_place, caps_place),
	MAKES(CAPS_WATCH, CAPS_WATCH_SIZE_VER0, caps_do_watch,
	      caps_watch, id, id),
	MAKES(CAPS_PORT_CREATE, CAPS_PORT_CREATE_SIZE_VER0, caps_do_port_create,
	      caps_port_create, capability, capability),
	SILENT(CAPS_PORT_DELETE, CAPS_PORT_REF_SIZE_VER0, caps_do_port_delete,
	       caps_port_ref),
	SILENT(CAPS_PORT_ENABLE, CAPS_PORT_ENABLE_SIZE_VER0,
	       caps_do_port_enable, caps_port_enable),
	SILENT(CAPS_PORT_DISABLE, CAPS_PORT_REF_SIZE_VER0, caps_do_port_disable,
	       caps_port_ref),
	TELLS(CAPS_PORT_INFO, CAPS_PORT_INFO_SIZE_VER0, caps_do_port_info,
	      caps_port_info, cookie, status),
	MAKES(CAPS_REVOKE, CAPS_REVOKE_SIZE_VER0, caps_do_revoke,
	      caps_revoke, dropped, dropped),
	SILENT(CAPS_SIGNAL, CAPS_SIGNAL_SIZE_VER0, caps_do_signal, caps_signal),
	MAKES(CAPS_PORT_MIGRATE, CAPS_PORT_MIGRATE_SIZE_VER0,
	      caps_do_port_migrate, caps_port_migrate, sequence, dropped),
	SILENT(CAPS_PORT_FILE, CAPS_EXPORT_SIZE_VER0, caps_do_port_file,
	       caps_export),
	MAKES(CAPS_SEND, CAPS_SEND_SIZE_VER0, caps_do_send,
	      caps_send, id, full),
	MAKES(CAPS_CALL_ASYNC, CAPS_SEND_SIZE_VER0, caps_do_call_async,
	      caps_send, id, full),
	SILENT(CAPS_CALL, CAPS_CALL_SIZE_VER0, caps_do_call, caps_call),
	SILENT(CAPS_RECEIVE, CAPS_RECEIVE_SIZE_VER0, caps_do_receive,
	       caps_receive),
	MAKES(CAPS_RECEIVE_BATCH, CAPS_RECEIVE_BATCH_SIZE_VER0,
	      caps_do_receive_batch, caps_receive_batch, received, received),
	TELLS(CAPS_GET_DATA, CAPS_GET_DATA_SIZE_VER0, caps_do_get_data,
	      caps_get_data, copied, result),
	MAKES(CAPS_REPLY, CAPS_REPLY_SIZE_VER0, caps_do_reply,
	      caps_reply, result, result),
	SILENT(CAPS_REPLY_RECEIVE, CAPS_REPLY_RECEIVE_SIZE_VER0,
	       caps_do_reply_receive, caps_reply_receive),
	SILENT(CAPS_DISCARD, CAPS_DISCARD_SIZE_VER0, caps_do_discard,
	       caps_discard),
	MAKES(CAPS_ABORT, CAPS_ABORT_SIZE_VER0, caps_do_abort,
	      caps_abort, outcome, outcome),
	TELLS(CAPS_HEADER, CAPS_HEADER_SIZE_VER0, caps_do_header,
	      caps_get_header, header, header),
	TELLS(CAPS_IDENTITY, CAPS_IDENTITY_SIZE_VER0, caps_do_identity,
	      caps_identity, group_count, pid_namespace),
	SILENT(CAPS_FORWARD, CAPS_FORWARD_SIZE_VER0, caps_do_forward,
	       caps_forward),
	SILENT(CAPS_REGISTER, CAPS_REGISTER_SIZE_VER0, caps_do_register,
	       caps_register),
	SILENT(CAPS_UNREGISTER, CAPS_UNREGISTER_SIZE_VER0, caps_do_unregister,
	       caps_unregister),
	MAKES(CAPS_CONNECT, CAPS_CONNECT_SIZE_VER0, caps_do_connect,
	      caps_connect, operations, in_flight),
	TELLS(CAPS_SERVICES, CAPS_SERVICES_SIZE_VER0, caps_do_services,
	      caps_services, cursor, count),
	SILENT(CAPS_GENERATION_SET, CAPS_GENERATION_SET_SIZE_VER0,
	       caps_do_generation_set, caps_generation_set),
	TELLS(CAPS_GENERATION, CAPS_GENERATION_SIZE_VER0, caps_do_generation,
	      caps_generation, generation, generation),
	MAKES(CAPS_GROUP_CREATE, CAPS_GROUP_CREATE_SIZE_VER0,
	      caps_do_group_create, caps_group_create, capability, capability),
	SILENT(CAPS_GROUP_INSERT, CAPS_GROUP_MEMBER_SIZE_VER0,
	       caps_do_group_insert, caps_group_member),
	SILENT(CAPS_GROUP_REMOVE, CAPS_GROUP_MEMBER_SIZE_VER0,
	       caps_do_group_remove, caps_group_member),
	SILENT(CAPS_GROUP_DELETE, CAPS_GROUP_REF_SIZE_VER0,
	       caps_do_group_delete, caps_group_ref),
	TELLS(CAPS_GROUP_INFO, CAPS_GROUP_INFO_SIZE_VER0, caps_do_group_info,
	      caps_group_info, members, members),
};

static const struct caps_command *find_command(unsigned int cmd)
{
	const struct caps_command *command;
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
static __always_inline int load_args(union caps_args *args,
				     const struct caps_command *command,
				     const void __user *arg, unsigned int cmd)
{
	size_t size = _IOC_SIZE(cmd);

	if (likely(cmd == command->cmd))
		return caps_copy_in(args, arg, size);
	if (size < command->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(args, _IOC_SIZE(command->cmd), arg, size);
}

/* For all but the busiest: what the handler leaves in @args goes back. */
static noinline int run_and_tell(struct caps_actor *actor,
				 const struct caps_command *command,
				 caps_command_t *handler,
				 union caps_args *args, void __user *arg)
{
	void __user *to = arg + command->out;
	int err;

	if (command->prefault && fault_in_safe_writeable(to, command->out_len))
		return -EFAULT;
	err = handler(actor, args, arg);
	if (err)
		return err;
	return caps_copy_out(to, (void *)args + command->out,
			     command->out_len);
}

/* All that is done before a command is carried out. */
static __always_inline const struct caps_command *
command_load(struct caps_actor *actor, unsigned int cmd,
	     const void __user *arg, union caps_args *args)
{
	const struct caps_command *command = find_command(cmd);
	int err;

	if (!command)
		return ERR_PTR(-ENOTTY);
	if (!caps_actor_is_mine(actor) && command->handler != caps_do_adopt)
		return ERR_PTR(-ENOTCONN);
	err = load_args(args, command, arg, cmd);
	return err ? ERR_PTR(err) : command;
}

static __always_inline int command_run(struct caps_actor *actor,
				       const struct caps_command *command,
				       caps_command_t *handler,
				       union caps_args *args, void __user *arg)
{
	if (command->out_len)
		return run_and_tell(actor, command, handler, args, arg);
	return handler(actor, args, arg);
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
	union caps_args args __uninitialized;
	const struct caps_command *command;

	command = command_load(actor, cmd, arg, &args);
	if (IS_ERR(command))
		return PTR_ERR(command);
	return command_run(actor, command, command->handler, &args, arg);
}

/**
 * caps_command_load - the first half of caps_command()
 * @actor: whose file it is
 * @cmd: the number; its size says how large the struct is
 * @arg: the struct
 * @args: what is in it
 *
 * Return: what caps_command_run() is to be told, or -errno.
 */
const struct caps_command *caps_command_load(struct caps_actor *actor,
					     unsigned int cmd,
					     const void __user *arg,
					     union caps_args *args)
{
	return command_load(actor, cmd, arg, args);
}

/**
 * caps_command_run - the second half of caps_command()
 * @actor: whose file it is
 * @command: what caps_command_load() returned
 * @instead: of the command's own function, or NULL
 * @args: what it loaded
 * @arg: the struct
 *
 * Return: 0 or -errno.
 */
int caps_command_run(struct caps_actor *actor,
		     const struct caps_command *command,
		     caps_command_t *instead, union caps_args *args,
		     void __user *arg)
{
	return command_run(actor, command, instead ?: command->handler, args,
			   arg);
}
