// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters, and the read-only count of live objects.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "account.h"
#include "params.h"

unsigned int caps_copy_break = 4096;
module_param_named(copy_break, caps_copy_break, uint, 0644);
MODULE_PARM_DESC(copy_break,
		 "bodies up to this many bytes are copied when sent (4096)");

unsigned long caps_max_copied_body = 1 << 20;
module_param_named(max_copied_body, caps_max_copied_body, ulong, 0644);
MODULE_PARM_DESC(max_copied_body,
		 "largest body in bytes that may be copied when sent (1 MiB)");

unsigned int caps_default_queue_limit = 256;
module_param_named(default_queue_limit, caps_default_queue_limit, uint, 0644);
MODULE_PARM_DESC(default_queue_limit,
		 "messages a port queues unless its creator says (256)");

unsigned int caps_max_queue_limit = 4096;
module_param_named(max_queue_limit, caps_max_queue_limit, uint, 0644);
MODULE_PARM_DESC(max_queue_limit,
		 "most messages a creator may ask a port to queue (4096)");

unsigned int caps_max_users_per_port = 4096;
module_param_named(max_users_per_port, caps_max_users_per_port, uint, 0644);
MODULE_PARM_DESC(max_users_per_port,
		 "user ids that may have messages queued in one port (4096)");

unsigned long caps_max_messages = 16384;
module_param_named(max_messages, caps_max_messages, ulong, 0644);
MODULE_PARM_DESC(max_messages,
		 "messages one user may have in the kernel (16384)");

unsigned long caps_max_kernel_bytes = 64 << 20;
module_param_named(max_kernel_bytes, caps_max_kernel_bytes, ulong, 0644);
MODULE_PARM_DESC(max_kernel_bytes,
		 "bytes of messages one user may have in the kernel (64 MiB)");

unsigned long caps_max_pinned = 64 << 20;
module_param_named(max_pinned, caps_max_pinned, ulong, 0644);
MODULE_PARM_DESC(max_pinned,
		 "bytes of bodies one user may have pinned (64 MiB)");

unsigned long caps_max_capabilities = 131072;
module_param_named(max_capabilities, caps_max_capabilities, ulong, 0644);
MODULE_PARM_DESC(max_capabilities,
		 "capabilities one user may hold (131072)");

unsigned long caps_max_ports = 32768;
module_param_named(max_ports, caps_max_ports, ulong, 0644);
MODULE_PARM_DESC(max_ports, "ports one user may own (32768)");

unsigned long caps_max_names = 16384;
module_param_named(max_names, caps_max_names, ulong, 0644);
MODULE_PARM_DESC(max_names, "service names one user may hold (16384)");

unsigned long caps_max_files = 4096;
module_param_named(max_files, caps_max_files, ulong, 0644);
MODULE_PARM_DESC(max_files,
		 "capabilities one user may have exported, and files in messages (4096)");

unsigned long caps_max_actors = 8192;
module_param_named(max_actors, caps_max_actors, ulong, 0644);
MODULE_PARM_DESC(max_actors, "actors one user may have open (8192)");

unsigned long caps_max_groups = 4096;
module_param_named(max_groups, caps_max_groups, ulong, 0644);
MODULE_PARM_DESC(max_groups, "groups one user may have made (4096)");

unsigned int caps_max_group_members = 4096;
module_param_named(max_group_members, caps_max_group_members, uint, 0644);
MODULE_PARM_DESC(max_group_members, "ports in one group (4096)");

unsigned long caps_max_connections = 65536;
module_param_named(max_connections, caps_max_connections, ulong, 0644);
MODULE_PARM_DESC(max_connections,
		 "connections to services one user may have (65536)");

static int live_get(char *buffer, const struct kernel_param *kp)
{
	return caps_live_print(buffer, PAGE_SIZE);
}

static const struct kernel_param_ops live_ops = {
	.get = live_get,
};

module_param_cb(live, &live_ops, NULL, 0400);
MODULE_PARM_DESC(live, "objects that exist, by kind (read only)");
