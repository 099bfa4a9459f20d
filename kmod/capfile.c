// SPDX-License-Identifier: GPL-2.0
/*
 * Exported capabilities; see capfile.h.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "account.h"
#include "actor.h"
#include "capability.h"
#include "capfile.h"
#include "port.h"
#include "revoke.h"

struct capfile {
	struct caps_capability *capability;
	struct caps_chain *chain;
	atomic64_t seen;		/* the generation that was read last */
};

/* What it waits on is the port's, which the capability keeps in memory. */
static __poll_t capfile_poll(struct file *file, poll_table *wait)
{
	struct capfile *capfile = file->private_data;
	struct caps_port *port = capfile->capability->port;

	if (capfile->capability->type != CAPS_TYPE_PORT)
		return EPOLLERR;
	poll_wait(file, &port->told_wait, wait);
	if (!rcu_access_pointer(port->owner))
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	if (caps_capability_is_revoked(capfile->capability, NULL))
		return EPOLLIN | EPOLLRDNORM | EPOLLERR;
	if (atomic64_read(&port->told) == atomic64_read(&capfile->seen))
		return 0;
	return EPOLLIN | EPOLLRDNORM;
}

static ssize_t capfile_read(struct file *file, char __user *to, size_t len,
			    loff_t *offset)
{
	struct capfile *capfile = file->private_data;
	struct caps_port *port = capfile->capability->port;
	u64 generation;

	if (capfile->capability->type != CAPS_TYPE_PORT ||
	    len < sizeof(generation))
		return -EINVAL;
	if (caps_capability_is_revoked(capfile->capability, NULL))
		return -EKEYREVOKED;
	if (!rcu_access_pointer(port->owner))
		return -EPIPE;
	generation = atomic64_read(&port->told);
	if (copy_to_user(to, &generation, sizeof(generation)))
		return -EFAULT;
	atomic64_set(&capfile->seen, generation);
	return sizeof(generation);
}

static int capfile_release(struct inode *inode, struct file *file)
{
	struct capfile *capfile = file->private_data;

	caps_capability_free(capfile->capability);
	caps_uncharge(capfile->chain, CAPS_FILES, 1);
	caps_chain_put(capfile->chain);
	kfree(capfile);
	return 0;
}

static const struct file_operations capfile_fops = {
	.owner		= THIS_MODULE,
	.read		= capfile_read,
	.poll		= capfile_poll,
	.llseek		= noop_llseek,
	.release	= capfile_release,
};

/**
 * caps_capfile_create - a file with a copy of a capability
 * @actor: whose handle
 * @handle: a handle with the grant right
 *
 * Return: the file; -EBADF, -EPERM, -EKEYREVOKED, -EDQUOT, -ENOMEM, -ENFILE.
 */
struct file *caps_capfile_create(struct caps_actor *actor, u64 handle)
{
	struct capfile *capfile;
	struct file *file;
	int err;

	err = caps_charge(actor->chain, CAPS_FILES, 1);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	capfile = kmalloc(sizeof(*capfile), GFP_KERNEL_ACCOUNT);
	if (!capfile)
		goto uncharge;
	capfile->capability = caps_capability_copy(actor, handle,
						   CAPS_RIGHT_GRANT);
	if (IS_ERR(capfile->capability)) {
		err = PTR_ERR(capfile->capability);
		goto free_capfile;
	}
	atomic64_set(&capfile->seen, 0);
	if (capfile->capability->type == CAPS_TYPE_PORT)
		atomic64_set(&capfile->seen,
			     atomic64_read(&capfile->capability->port->told));
	file = anon_inode_getfile("[caps-capability]", &capfile_fops, capfile,
				  O_RDONLY);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto free_capability;
	}
	capfile->chain = caps_chain_get(actor->chain);
	return file;

free_capability:
	caps_capability_free(capfile->capability);
free_capfile:
	kfree(capfile);
uncharge:
	caps_uncharge(actor->chain, CAPS_FILES, 1);
	return ERR_PTR(err);
}

/**
 * caps_capfile_import - a handle from an exported capability
 * @actor: who imports
 * @fd: a descriptor of the current process
 * @handle: the new handle
 *
 * Return: 0; -EINVAL if it is no exported capability; -EBADF, -EKEYREVOKED,
 * -EDQUOT, -EMFILE, -ENOMEM, -ENOTCONN.
 */
int caps_capfile_import(struct caps_actor *actor, int fd, u64 *handle)
{
	struct caps_capability *copy;
	struct capfile *capfile;
	struct file *file = fget(fd);
	int err = -EINVAL;

	if (!file)
		return -EBADF;
	if (file->f_op != &capfile_fops)
		goto out;
	capfile = file->private_data;
	copy = caps_capability_dup(capfile->capability, actor);
	err = PTR_ERR_OR_ZERO(copy);
	if (err)
		goto out;
	err = caps_capability_insert(actor, copy, handle);
	if (err)
		caps_capability_free(copy);
out:
	fput(file);
	return err;
}
