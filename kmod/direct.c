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
 * @lent: it is registered with io_uring, or NULL
 *
 * Return: it, NULL if it cannot be pinned (the answer is then copied twice),
 * or -errno if the buffer is no good at all.
 */
struct caps_direct *caps_direct_create(struct caps_actor *actor,
				       struct caps_chain *chain,
				       const struct caps_data *user,
				       const struct caps_lent *lent)
{
	struct caps_direct *direct = NULL;
	struct caps_user_data data;
	struct caps_body *body;
	int err;

	err = caps_user_data_init(&data, user, READ);
	if (err || !data.len || data.len > CAPS_MAX_BODY)
		goto out;
	if (caps_is_lent(lent)) {
		body = caps_body_lend(chain, &data, lent->cmd, true);
		err = PTR_ERR_OR_ZERO(body);
	} else {
		body = caps_body_pin(actor, chain, &data, true, false);
	}
	if (IS_ERR(body))
		goto out;
	direct = kmalloc(sizeof(*direct), GFP_KERNEL_ACCOUNT);
	if (!direct) {
		caps_body_put(body);
		goto out;
	}
	spin_lock_init(&direct->lock);
	direct->body = body;
	direct->len = body->len;
out:
	caps_user_data_free(&data);
	return err ? ERR_PTR(err) : direct;
}

/**
 * __caps_direct_close - nothing is written to the buffer from now on
 * @direct: the buffer
 */
void __caps_direct_close(struct caps_direct *direct)
{
	struct caps_body *body;

	spin_lock(&direct->lock);
	body = direct->body;
	direct->body = NULL;
	spin_unlock(&direct->lock);
	caps_body_put(body);
}

void __caps_direct_free(struct caps_direct *direct)
{
	caps_body_put(direct->body);
	kfree(direct);
}

/* How far the buffer is filled. */
struct place {
	u32 segment;
	u64 done;		/* of that segment */
};

static const struct caps_segment *place_find(const struct caps_body *body,
					     struct place *place)
{
	const struct caps_segment *segment;

	for (; place->segment < body->segment_count; place->segment++) {
		segment = &body->segments[place->segment];
		if (place->done < segment->len)
			return segment;
		place->done = 0;
	}
	return NULL;
}

/*
 * One page's worth, without faulting. Returns whether there may be room for
 * more; -EAGAIN if the answer must be faulted in first, -ECANCELED once closed.
 */
static int direct_fill_some(struct caps_direct *direct, struct place *place,
			    struct iov_iter *from)
{
	const struct caps_segment *segment;
	struct page *page;
	u64 position;
	size_t len, n;

	lockdep_assert_held(&direct->lock);

	if (!direct->body)
		return -ECANCELED;
	segment = place_find(direct->body, place);
	if (!segment)
		return 0;
	position = segment->offset + place->done;
	page = direct->body->pages[segment->first + (position >> PAGE_SHIFT)];
	len = min3((u64)PAGE_SIZE - offset_in_page(position),
		   segment->len - place->done, (u64)iov_iter_count(from));
	pagefault_disable();
	n = copy_page_from_iter_atomic(page, offset_in_page(position), len,
				       from);
	pagefault_enable();
	flush_dcache_page(page);
	place->done += n;
	return n < len ? -EAGAIN : 1;
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
	struct iov_iter *from = &data->iter;
	struct place place = {};
	int ret;

	while (iov_iter_count(from)) {
		spin_lock(&direct->lock);
		ret = direct_fill_some(direct, &place, from);
		spin_unlock(&direct->lock);
		if (ret == -EAGAIN && fault_in_iov_iter_readable(from, 1))
			return -EFAULT;
		if (ret <= 0 && ret != -EAGAIN)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
