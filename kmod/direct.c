// SPDX-License-Identifier: GPL-2.0
/*
 * Direct replies: an answer copied straight into the caller's pinned buffer;
 * see body.h.
 */
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "body.h"

/**
 * caps_direct_create - pin the current process's reply buffer
 * @actor: who calls
 * @chain: who pays
 * @user: the buffer
 *
 * Return: it, NULL if it cannot be pinned (the answer is then copied twice),
 * or -errno if the buffer is no good at all.
 */
struct caps_direct *caps_direct_create(struct caps_actor *actor,
				       struct caps_chain *chain,
				       const struct caps_data *user)
{
	struct caps_direct *direct = NULL;
	struct caps_user_data data;
	struct caps_body *body;
	int err;

	err = caps_user_data_init(&data, user, READ);
	if (err || !data.len || data.len > CAPS_MAX_BODY)
		goto out;
	body = caps_body_pin(actor, chain, &data, true, false);
	if (IS_ERR(body))
		goto out;
	direct = kmalloc(sizeof(*direct), GFP_KERNEL_ACCOUNT);
	if (!direct) {
		caps_body_put(body);
		goto out;
	}
	spin_lock_init(&direct->lock);
	direct->closed = false;
	direct->body = body;
out:
	caps_user_data_free(&data);
	return err ? ERR_PTR(err) : direct;
}

/**
 * caps_direct_close - nothing is written to the buffer from now on
 * @direct: or NULL
 */
void caps_direct_close(struct caps_direct *direct)
{
	if (!direct)
		return;
	spin_lock(&direct->lock);
	direct->closed = true;
	spin_unlock(&direct->lock);
}

void caps_direct_free(struct caps_direct *direct)
{
	if (!direct)
		return;
	caps_body_put(direct->body);
	kfree(direct);
}

/* One page's worth, without faulting. -ECANCELED once closed. */
static ssize_t direct_fill_some(struct caps_direct *direct, struct page *page,
				u32 offset, size_t len, struct iov_iter *from)
{
	ssize_t n = -ECANCELED;

	spin_lock(&direct->lock);
	if (!direct->closed) {
		pagefault_disable();
		n = copy_page_from_iter_atomic(page, offset, len, from);
		pagefault_enable();
		flush_dcache_page(page);
	}
	spin_unlock(&direct->lock);
	return n;
}

static int direct_fill_segment(struct caps_direct *direct,
			       const struct caps_segment *segment,
			       struct iov_iter *from)
{
	u64 position, done = 0;
	struct page *page;
	u32 offset;
	size_t len;
	ssize_t n;

	while (done < segment->len && iov_iter_count(from)) {
		position = segment->offset + done;
		page = direct->body->pages[segment->first +
					   (position >> PAGE_SHIFT)];
		offset = offset_in_page(position);
		len = min3((u64)PAGE_SIZE - offset, segment->len - done,
			   (u64)iov_iter_count(from));
		n = direct_fill_some(direct, page, offset, len, from);
		if (n < 0)
			return n;
		done += n;
		if (n < len && fault_in_iov_iter_readable(from, 1))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * caps_direct_fill - copy an answer into the caller's buffer
 * @direct: the buffer
 * @data: the answer, in the current process's memory
 *
 * What does not fit is left out.
 *
 * Return: 0, -EFAULT, -EINTR if being killed, -ECANCELED if the caller has
 * left.
 */
int caps_direct_fill(struct caps_direct *direct, struct caps_user_data *data)
{
	struct caps_body *body = direct->body;
	int err = 0;
	u32 i;

	for (i = 0; i < body->segment_count && !err; i++)
		err = direct_fill_segment(direct, &body->segments[i],
					  &data->iter);
	return err;
}
