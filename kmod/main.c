// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/caps: the device, and the module's beginning and end.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>

#include "actor.h"
#include "caps.h"
#include "closing.h"
#include "fdinfo.h"
#include "image.h"
#include "ioctl.h"
#include "keep.h"
#include "message.h"
#include "park.h"
#include "port.h"
#include "service.h"
#include "uring.h"

static int caps_open(struct inode *inode, struct file *file)
{
	struct caps_actor *actor = caps_actor_create();

	if (IS_ERR(actor))
		return PTR_ERR(actor);
	file->private_data = actor;
	return nonseekable_open(inode, file);
}

static int caps_flush(struct file *file, fl_owner_t id)
{
	struct caps_actor *actor = file->private_data;
	struct mm_struct *mm;

	/* Of an adopter: then the process is the adopter's, too. */
	mm = smp_load_acquire(&actor->mm);
	if (caps_actor_died_with(actor))
		caps_actor_image_ends(actor, mm);
	return 0;
}

static int caps_release(struct inode *inode, struct file *file)
{
	struct caps_actor *actor = file->private_data;

	caps_image_leave(actor);
	caps_actor_kill(actor);
	caps_actor_put(actor);
	return 0;
}

static __poll_t caps_poll(struct file *file, struct poll_table_struct *table)
{
	struct caps_actor *actor = file->private_data;
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &actor->poll, table);
	/* Who stores the file for a successor is to keep it until it is dead. */
	if (!caps_actor_is_mine(actor))
		return READ_ONCE(actor->kept) && !READ_ONCE(actor->dead) ?
			       0 : EPOLLERR | EPOLLHUP;
	spin_lock(&actor->lock);
	if (!RB_EMPTY_ROOT(&actor->ready.rb_root))
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&actor->lock);
	return events;
}

static long caps_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return caps_command(file->private_data, cmd, (void __user *)arg);
}

static const struct file_operations caps_fops = {
	.owner		= THIS_MODULE,
	.open		= caps_open,
	.flush		= caps_flush,
	.release	= caps_release,
	.poll		= caps_poll,
	.unlocked_ioctl	= caps_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= caps_uring_cmd,
	.show_fdinfo	= caps_fdinfo_show,
};

/**
 * caps_file_is_actor - is it an open of this device?
 * @file: any file
 */
bool caps_file_is_actor(const struct file *file)
{
	return file->f_op == &caps_fops;
}

static struct miscdevice caps_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "caps",
	.fops	= &caps_fops,
	.mode	= 0600,
};

static int __init caps_init(void)
{
	int err;

	err = caps_messages_init();
	if (err)
		return err;
	err = caps_ports_init();
	if (err)
		goto messages_exit;
	err = caps_closing_start();
	if (err)
		goto ports_exit;
	err = caps_park_init();
	if (err)
		goto closing_stop;
	err = caps_actors_init();
	if (err)
		goto park_exit;
	err = caps_services_init();
	if (err)
		goto actors_exit;
	err = misc_register(&caps_device);
	if (err)
		goto services_exit;
	return 0;

services_exit:
	caps_services_exit();
actors_exit:
	caps_actors_exit();
park_exit:
	caps_park_exit();
closing_stop:
	caps_closing_stop();
ports_exit:
	caps_ports_exit();
messages_exit:
	caps_messages_exit();
	return err;
}

static void __exit caps_exit(void)
{
	misc_deregister(&caps_device);
	caps_images_exit();
	caps_actors_exit();
	/* What has ended with them. */
	caps_closing_stop();
	caps_services_exit();
	/* Objects freed by RCU go before their caches. */
	rcu_barrier();
	caps_park_exit();
	caps_ports_exit();
	caps_messages_exit();
}

module_init(caps_init);
module_exit(caps_exit);

MODULE_DESCRIPTION("Ports, capabilities and messages with deferred copy");
MODULE_AUTHOR("The caps authors");
MODULE_LICENSE("GPL");
