// SPDX-License-Identifier: GPL-2.0
/*
 * Files that poll one port; see portfile.h.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "account.h"
#include "actor.h"
#include "capability.h"
#include "port.h"
#include "portfile.h"
#include "queue.h"

struct portfile {
	struct caps_actor *actor;
	struct caps_port *port;
};

static void portfile_free(struct portfile *portfile)
{
	atomic_dec(&portfile->port->pollers);
	caps_uncharge(portfile->actor->chain, CAPS_FILES, 1);
	caps_port_put(portfile->port);
	caps_actor_put(portfile->actor);
	kfree(portfile);
}

static int portfile_release(struct inode *inode, struct file *file)
{
	portfile_free(file->private_data);
	return 0;
}

static __poll_t portfile_poll(struct file *file, struct poll_table_struct *table)
{
	struct portfile *portfile = file->private_data;
	struct caps_actor *actor = portfile->actor;
	struct caps_port *port = portfile->port;
	__poll_t events = 0;

	poll_wait(file, &actor->poll, table);
	if (!caps_actor_is_mine(actor))
		return EPOLLERR | EPOLLHUP;
	spin_lock(&actor->lock);
	if (rcu_access_pointer(port->owner) != actor)
		events = EPOLLERR | EPOLLHUP;
	else if (caps_queue_first(port) || port->signals ||
		 !list_empty(&port->badge_events))
		events = EPOLLIN | EPOLLRDNORM;
	spin_unlock(&actor->lock);
	return events;
}

static const struct file_operations portfile_fops = {
	.owner		= THIS_MODULE,
	.release	= portfile_release,
	.poll		= portfile_poll,
};

/**
 * caps_portfile_create - a file that polls one port
 * @actor: whose port
 * @handle: an own port
 *
 * Return: the file; -EBADF, -EPERM, -EPIPE, -EDQUOT, -ENOMEM, -ENFILE.
 */
struct file *caps_portfile_create(struct caps_actor *actor, u64 handle)
{
	struct portfile *portfile;
	struct caps_port *port;
	struct file *file;
	int err;

	port = caps_capability_own_port(actor, handle, 0);
	if (IS_ERR(port))
		return ERR_CAST(port);
	err = caps_charge(actor->chain, CAPS_FILES, 1);
	if (err)
		goto put_port;
	portfile = kmalloc(sizeof(*portfile), GFP_KERNEL_ACCOUNT);
	if (!portfile) {
		err = -ENOMEM;
		goto uncharge;
	}
	portfile->actor = caps_actor_get(actor);
	portfile->port = port;
	atomic_inc(&port->pollers);
	file = anon_inode_getfile("[caps-port]", &portfile_fops, portfile,
				  O_RDONLY);
	if (IS_ERR(file))
		portfile_free(portfile);
	return file;

uncharge:
	caps_uncharge(actor->chain, CAPS_FILES, 1);
put_port:
	caps_port_put(port);
	return ERR_PTR(err);
}
