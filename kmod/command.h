/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each command does with its arguments, once they are in kernel memory:
 * checks flags and reserved fields, and calls who knows.
 *
 * object_commands.c has those about capabilities, ports and services,
 * group_commands.c those about groups, message_commands.c those about messages;
 * ioctl.c has the table.
 */
#ifndef _CAPS_COMMAND_H
#define _CAPS_COMMAND_H

#include "caps.h"

struct caps_actor;
struct caps_lent;
struct caps_wakes;

union caps_args {
	struct caps_query query;
	struct caps_actor_info actor_info;
	struct caps_actor_self actor_self;
	struct caps_keep keep;
	struct caps_unpark unpark;
	struct caps_duplicate duplicate;
	struct caps_close close;
	struct caps_capability_info capability_info;
	struct caps_export export;
	struct caps_import import;
	struct caps_place place;
	struct caps_watch watch;
	struct caps_port_create port_create;
	struct caps_port_ref port;
	struct caps_port_enable port_enable;
	struct caps_port_info port_info;
	struct caps_revoke revoke;
	struct caps_signal signal;
	struct caps_port_migrate port_migrate;
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
	struct caps_forward forward;
	struct caps_register register_;
	struct caps_unregister unregister;
	struct caps_connect connect;
	struct caps_services services;
	struct caps_generation_set generation_set;
	struct caps_generation generation;
	struct caps_group_create group_create;
	struct caps_group_member group_member;
	struct caps_group_ref group;
	struct caps_group_info group_info;
};

/* Returns 0 or -errno; writes to @uarg only what cannot wait. */
typedef int caps_command_t(struct caps_actor *actor, union caps_args *args,
			   void __user *uarg);

caps_command_t caps_do_query;
caps_command_t caps_do_actor_info;
caps_command_t caps_do_actor_self;
caps_command_t caps_do_keep;
caps_command_t caps_do_adopt;
caps_command_t caps_do_unpark;
caps_command_t caps_do_duplicate;
caps_command_t caps_do_close;
caps_command_t caps_do_capability_info;
caps_command_t caps_do_export;
caps_command_t caps_do_import;
caps_command_t caps_do_place;
caps_command_t caps_do_watch;
caps_command_t caps_do_port_create;
caps_command_t caps_do_port_delete;
caps_command_t caps_do_port_enable;
caps_command_t caps_do_port_disable;
caps_command_t caps_do_port_info;
caps_command_t caps_do_revoke;
caps_command_t caps_do_signal;
caps_command_t caps_do_port_migrate;
caps_command_t caps_do_port_file;
caps_command_t caps_do_send;
caps_command_t caps_do_call_async;
caps_command_t caps_do_call;
caps_command_t caps_do_receive;
caps_command_t caps_do_receive_batch;
caps_command_t caps_do_get_data;
caps_command_t caps_do_reply;
caps_command_t caps_do_reply_receive;
caps_command_t caps_do_discard;
caps_command_t caps_do_abort;
caps_command_t caps_do_header;
caps_command_t caps_do_identity;
caps_command_t caps_do_forward;
caps_command_t caps_do_register;
caps_command_t caps_do_unregister;
caps_command_t caps_do_connect;
caps_command_t caps_do_services;
caps_command_t caps_do_generation_set;
caps_command_t caps_do_generation;
caps_command_t caps_do_group_create;
caps_command_t caps_do_group_insert;
caps_command_t caps_do_group_remove;
caps_command_t caps_do_group_delete;
caps_command_t caps_do_group_info;

/* The parts of what can be parked meanwhile, or lent a buffer. */
int caps_check_send(const struct caps_send *a);
int caps_check_receive(const struct caps_receive *a);
int caps_reply_lent(struct caps_actor *actor, struct caps_reply *a,
		    struct caps_lent *lent);
int caps_reply_before(struct caps_actor *actor, struct caps_reply_receive *a,
		      void __user *uarg, struct caps_wakes *wakes);
int caps_check_call(struct caps_call *a, void __user *uarg);
int caps_tell_call(const struct caps_call *a, void __user *uarg, int err);

#endif
