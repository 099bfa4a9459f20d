/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tunable limits. Each is a module parameter, read anew at every use, so a
 * change through sysfs holds from the next operation on; what already exceeds
 * a lowered limit stays until it is given back.
 */
#ifndef _CAPS_PARAMS_H
#define _CAPS_PARAMS_H

extern unsigned int caps_copy_break;
extern unsigned long caps_max_copied_body;
extern unsigned int caps_default_queue_limit;
extern unsigned int caps_max_queue_limit;
extern unsigned int caps_max_users_per_port;
extern unsigned long caps_max_messages;
extern unsigned long caps_max_kernel_bytes;
extern unsigned long caps_max_pinned;
extern unsigned long caps_max_capabilities;
extern unsigned long caps_max_ports;
extern unsigned long caps_max_names;
extern unsigned long caps_max_files;
extern unsigned long caps_max_actors;
extern unsigned long caps_max_groups;
extern unsigned int caps_max_group_members;
extern unsigned long caps_max_connections;

#endif
