// SPDX-License-Identifier: GPL-2.0
/*
 * Binding actors to the life of an address space; see image.h.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "actor.h"
#include "image.h"
#include "keep.h"

struct image {
	struct mmu_notifier notifier;
	struct list_head link;		/* images; empty once its end began */
	struct list_head actors;
	bool kept;			/* the reference of the list is held */
};

static LIST_HEAD(images);
static DEFINE_SPINLOCK(images_lock);
static atomic_t image_count;

static struct mmu_notifier *image_alloc(struct mm_struct *mm)
{
	struct image *image;

	image = kzalloc(sizeof(*image), GFP_KERNEL_ACCOUNT);
	if (!image)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&image->link);
	INIT_LIST_HEAD(&image->actors);
	atomic_inc(&image_count);
	return &image->notifier;
}

static void image_free(struct mmu_notifier *notifier)
{
	kfree(container_of(notifier, struct image, notifier));
	if (atomic_dec_and_test(&image_count))
		wake_up_var(&image_count);
}

/*
 * The end of the address space, or of the module, claims the reference that
 * the list holds: whoever takes the image off the list puts it.
 */
static bool image_claim(struct image *image)
{
	lockdep_assert_held(&images_lock);

	if (list_empty(&image->link))
		return false;
	list_del_init(&image->link);
	return true;
}

static void image_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct image *image = container_of(notifier, struct image, notifier);
	struct caps_actor *actor;
	bool claimed;

	spin_lock(&images_lock);
	while (!list_empty(&image->actors)) {
		actor = list_first_entry(&image->actors, struct caps_actor,
					 image_link);
		list_del_init(&actor->image_link);
		/* On the list, so its file's reference is still held. */
		caps_actor_get(actor);
		spin_unlock(&images_lock);
		caps_actor_image_ends(actor, mm);
		caps_actor_put(actor);
		spin_lock(&images_lock);
	}
	claimed = image_claim(image);
	spin_unlock(&images_lock);

	if (claimed)
		mmu_notifier_put(notifier);
}

static const struct mmu_notifier_ops image_ops = {
	.release	= image_release,
	.alloc_notifier	= image_alloc,
	.free_notifier	= image_free,
};

/**
 * caps_image_join - let an actor die with the current address space
 * @actor: the actor, in no image
 *
 * Return: 0 or -errno.
 */
int caps_image_join(struct caps_actor *actor)
{
	struct mmu_notifier *notifier;
	struct image *image;
	bool first;
	int err;

	notifier = mmu_notifier_get(&image_ops, current->mm);
	if (IS_ERR(notifier)) {
		/* A signal, or the freezer, while the mm was being locked. */
		err = PTR_ERR(notifier);
		return err == -EINTR ? -ERESTARTSYS : err;
	}
	image = container_of(notifier, struct image, notifier);

	/* current uses the mm, so its release cannot have begun. */
	spin_lock(&images_lock);
	first = !image->kept;
	if (first) {
		image->kept = true;
		list_add(&image->link, &images);
	}
	list_add(&actor->image_link, &image->actors);
	spin_unlock(&images_lock);

	if (!first)
		mmu_notifier_put(notifier);
	return 0;
}

/**
 * caps_image_leave - the actor's file is being released, or its image ends
 * @actor: the actor
 */
void caps_image_leave(struct caps_actor *actor)
{
	spin_lock(&images_lock);
	list_del_init(&actor->image_link);
	spin_unlock(&images_lock);
}

/**
 * caps_images_exit - give up every image, at unload
 *
 * No file of the module is open, so no image has actors; but address spaces
 * that once opened the device live on.
 */
void caps_images_exit(void)
{
	struct image *image;

	spin_lock(&images_lock);
	while (!list_empty(&images)) {
		image = list_first_entry(&images, struct image, link);
		image_claim(image);
		spin_unlock(&images_lock);
		mmu_notifier_put(&image->notifier);
		spin_lock(&images_lock);
	}
	spin_unlock(&images_lock);

	/*
	 * Images are freed by callbacks on any CPU, which
	 * mmu_notifier_synchronize() does not wait for. They run with bottom
	 * halves off: the last has returned after a grace period.
	 */
	wait_var_event(&image_count, !atomic_read(&image_count));
	synchronize_rcu();
}
