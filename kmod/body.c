// SPDX-License-Identifier: GPL-2.0
/*
 * Bodies in pages: copied or pinned; see body.h.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "account.h"
#include "actor.h"
#include "body.h"
#include "compat/pin.h"
#include "compat/uring.h"
#include "message.h"
#include "params.h"
#include "park.h"
#include "trace.h"

#define PIN_BATCH	512	/* pages pinned between two looks around */
#define READ_BATCH	(64 << 10)	/* bytes copied between two looks around */

static int user_data_load_iov(struct caps_user_data *data,
			      const struct caps_data *user)
{
	const struct caps_iovec __user *from = u64_to_user_ptr(user->body);
	struct caps_iovec piece;
	u32 i;

	if (user->body_len)
		return -EINVAL;
	if (user->iov_count > CAPS_MAX_IOVECS)
		return -EMSGSIZE;
	data->iov = kvmalloc_array(user->iov_count, sizeof(*data->iov),
				   GFP_KERNEL_ACCOUNT);
	if (!data->iov)
		return -ENOMEM;

	data->len = 0;
	for (i = 0; i < user->iov_count; i++) {
		if (copy_from_user(&piece, &from[i], sizeof(piece)))
			return -EFAULT;
		if (check_add_overflow(data->len, (size_t)piece.len,
				       &data->len))
			return -EMSGSIZE;
		data->iov[i].iov_base = u64_to_user_ptr(piece.base);
		data->iov[i].iov_len = piece.len;
		if (!access_ok(data->iov[i].iov_base, piece.len))
			return -EFAULT;
	}
	return 0;
}

/**
 * caps_user_data_init - parse and check the body part of a struct caps_data
 * @data: filled; caps_user_data_free() it, whatever is returned
 * @user: kernel copy of the user's struct
 * @direction: READ to write to user memory, WRITE to read from it
 *
 * Return: 0; -EFAULT, -EINVAL, -ENOMEM; -EMSGSIZE if there are too many pieces
 * or, when reading, too many bytes.
 */
int caps_user_data_init(struct caps_user_data *data,
			const struct caps_data *user, unsigned int direction)
{
	int err;

	data->iov = NULL;
	if (user->iov_count) {
		err = user_data_load_iov(data, user);
		if (err)
			return err;
		iov_iter_init(&data->iter, direction, data->iov,
			      user->iov_count, data->len);
	} else {
		data->len = user->body_len;
		if (!access_ok(u64_to_user_ptr(user->body), data->len))
			return direction == WRITE && data->len > CAPS_MAX_BODY ?
			       -EMSGSIZE : -EFAULT;
		iov_iter_ubuf(&data->iter, direction,
			      u64_to_user_ptr(user->body), data->len);
	}
	if (direction == WRITE && data->len > CAPS_MAX_BODY)
		return -EMSGSIZE;
	return 0;
}

static struct caps_body *body_alloc(struct caps_chain *chain, u32 pages,
				    u32 segments)
{
	struct caps_body *body;
	size_t size = sizeof(*body) + segments * sizeof(*body->segments) +
		      pages * sizeof(*body->pages);

	body = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!body)
		return NULL;
	memset(body, 0, sizeof(*body));
	refcount_set(&body->refs, 1);
	spin_lock_init(&body->lock);
	body->chain = caps_chain_get(chain);
	body->segments = (struct caps_segment *)(body + 1);
	body->pages = (struct page **)(body->segments + segments);
	caps_born(CAPS_LIVE_BODIES);
	return body;
}

/* Give the first @count pages back, and all that was charged. */
static void body_drop_pages(struct caps_body *body, u32 count)
{
	u32 i;

	if (body->lent) {
		/* They stay with io_uring. */
	} else if (body->writable) {
		unpin_user_pages_dirty_lock(body->pages, count, true);
	} else if (body->pinned) {
		unpin_user_pages(body->pages, count);
	} else {
		for (i = 0; i < count; i++)
			__free_page(body->pages[i]);
	}
	mm_unaccount_pinned_pages(&body->locked);
	body->locked.user = NULL;
	caps_body_uncharge(body);
}

/**
 * caps_body_uncharge - who paid for a body pays no more
 * @body: the body
 */
void caps_body_uncharge(struct caps_body *body)
{
	caps_uncharge(body->chain, body->pinned ? CAPS_PINNED_BYTES :
		      CAPS_KERNEL_BYTES, body->charged);
	body->charged = 0;
}

/**
 * __caps_body_revoke - the owner of a body has its memory back
 * @body: the caller has a reference; whoever reads finds it gone
 */
void __caps_body_revoke(struct caps_body *body)
{
	u32 count;

	spin_lock(&body->lock);
	count = body->page_count;
	WRITE_ONCE(body->page_count, 0);
	spin_unlock(&body->lock);
	if (count)
		body_drop_pages(body, count);
}

/**
 * caps_body_charge_to - another pays for what was copied
 * @body: the message's; a pinned one stays its owner's
 * @chain: who pays from now on, whatever his limit
 */
void caps_body_charge_to(struct caps_body *body, struct caps_chain *chain)
{
	struct caps_chain *old = body->chain;

	if (body->pinned)
		return;
	caps_uncharge(old, CAPS_KERNEL_BYTES, body->charged);
	caps_charge_forced(chain, CAPS_KERNEL_BYTES, body->charged);
	body->chain = caps_chain_get(chain);
	caps_chain_put(old);
}

void __caps_body_free(struct caps_body *body)
{
	struct caps_message *dispose = body->dispose;

	body_drop_pages(body, body->page_count);
	if (READ_ONCE(body->parked))
		caps_park_freed(body);
	caps_chain_put(body->chain);
	kvfree(body);
	caps_gone(CAPS_LIVE_BODIES);

	if (dispose)
		caps_message_return(dispose);
}

/**
 * caps_body_copy - copy bytes into pages of their own
 * @actor: who sends
 * @chain: who pays
 * @data: the bytes
 *
 * Return: the body; -EMSGSIZE above max_copied_body; -EDQUOT, -ENOMEM,
 * -EFAULT.
 */
struct caps_body *caps_body_copy(struct caps_actor *actor,
				 struct caps_chain *chain,
				 struct caps_user_data *data)
{
	u32 count = DIV_ROUND_UP(data->len, PAGE_SIZE);
	size_t n, left = data->len;
	struct caps_body *body;
	struct page *page;
	int err;

	if (data->len > READ_ONCE(caps_max_copied_body))
		return ERR_PTR(-EMSGSIZE);
	body = body_alloc(chain, count, 1);
	if (!body)
		return ERR_PTR(-ENOMEM);
	body->len = left;
	body->segment_count = 1;
	body->segments[0] = (struct caps_segment){ .len = left };

	err = caps_charge(chain, CAPS_KERNEL_BYTES, count * PAGE_SIZE);
	if (err)
		goto fail;
	body->charged = count * PAGE_SIZE;

	for (; left; left -= n) {
		err = -ENOMEM;
		page = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!page)
			goto fail;
		body->pages[body->page_count++] = page;
		n = min_t(size_t, left, PAGE_SIZE);
		err = -EFAULT;
		if (copy_page_from_iter(page, 0, n, &data->iter) != n)
			goto fail;
		cond_resched();
	}
	atomic_long_inc(&actor->sent_copies);
	atomic_long_add(data->len, &actor->sent_copy_bytes);
	return body;
fail:
	caps_body_put(body);
	return ERR_PTR(err);
}

static size_t piece_count(const struct caps_user_data *data)
{
	return data->iov ? iov_iter_count(&data->iter) ? data->iter.nr_segs : 0
			 : 1;
}

static void piece_at(const struct caps_user_data *data, size_t i,
		     unsigned long *start, size_t *len)
{
	if (data->iov) {
		*start = (unsigned long)data->iov[i].iov_base;
		*len = data->iov[i].iov_len;
	} else {
		*start = (unsigned long)data->iter.ubuf;
		*len = data->len;
	}
}

static u32 pages_spanned(unsigned long start, size_t len)
{
	return len ? DIV_ROUND_UP(offset_in_page(start) + len, PAGE_SIZE) : 0;
}

/* Pin one piece behind what the body has already. */
static int pin_piece(struct caps_body *body, unsigned long start, size_t len)
{
	unsigned int flags = FOLL_LONGTERM | (body->writable ? FOLL_WRITE : 0);
	u32 left = pages_spanned(start, len);
	struct caps_segment *segment;
	int n;

	segment = &body->segments[body->segment_count++];
	segment->first = body->page_count;
	segment->offset = offset_in_page(start);
	segment->len = len;

	for (start &= PAGE_MASK; left; left -= n, start += n * PAGE_SIZE) {
		n = caps_pin_pages(start, min_t(u32, left, PIN_BATCH), flags,
				   body->pages + body->page_count);
		if (n <= 0)
			return n ? n : -EFAULT;
		body->page_count += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int body_charge_pins(struct caps_body *body, u32 pages, bool locked)
{
	size_t size = pages * PAGE_SIZE;
	int err;

	err = caps_charge(body->chain, CAPS_PINNED_BYTES, size);
	if (err)
		return err;
	body->charged = size;
	if (locked && mm_account_pinned_pages(&body->locked, size))
		return -EDQUOT;
	return 0;
}

/**
 * caps_body_pin - hold a body where it is, in the current process's memory
 * @actor: who sends, or waits for a direct reply
 * @chain: who pays
 * @data: where it is; not consumed
 * @writable: to be written to
 * @locked: charge RLIMIT_MEMLOCK too
 *
 * Return: the body; -EDQUOT if a budget refuses, else -errno of the pinning.
 * After any failure nothing is pinned or charged.
 */
struct caps_body *caps_body_pin(struct caps_actor *actor,
				struct caps_chain *chain,
				const struct caps_user_data *data,
				bool writable, bool locked)
{
	size_t i, len, pieces = piece_count(data);
	struct caps_body *body;
	unsigned long start;
	u32 pages = 0;
	int err;

	for (i = 0; i < pieces; i++) {
		piece_at(data, i, &start, &len);
		pages += pages_spanned(start, len);
	}
	body = body_alloc(chain, pages, pieces);
	if (!body)
		return ERR_PTR(-ENOMEM);
	body->pinned = true;
	body->writable = writable;
	body->len = data->len;

	err = body_charge_pins(body, pages, locked);
	for (i = 0; i < pieces && !err; i++) {
		piece_at(data, i, &start, &len);
		err = pin_piece(body, start, len);
	}
	if (err) {
		caps_body_put(body);
		return ERR_PTR(err);
	}
	atomic_long_inc(&actor->pinned_bodies);
	atomic_long_add(data->len, &actor->pinned_bytes);
	trace_caps_pin(actor, data->len, pages);
	return body;
}

static void lend_pages(struct caps_body *body, const struct iov_iter *iter)
{
	const struct bio_vec *piece = iter->bvec;
	size_t skip = iter->iov_offset, left = body->len, at, n;

	body->segments[0].offset = offset_in_page(piece->bv_offset + skip);
	while (left) {
		at = piece->bv_offset + skip;
		n = min3(left, piece->bv_len - skip,
			 PAGE_SIZE - offset_in_page(at));
		body->pages[body->page_count++] =
			nth_page(piece->bv_page, at >> PAGE_SHIFT);
		left -= n;
		skip += n;
		if (skip == piece->bv_len) {
			piece++;
			skip = 0;
		}
	}
}

/**
 * caps_body_lend - a body in a buffer that is registered with io_uring
 * @chain: of who sends; nothing is charged
 * @data: where it is; not consumed
 * @cmd: the command that names the buffer
 * @writable: to be written to
 *
 * Return: the body; -EINVAL if it is scattered, -EFAULT outside of the buffer,
 * -ENOMEM.
 */
struct caps_body *caps_body_lend(struct caps_chain *chain,
				 const struct caps_user_data *data,
				 struct io_uring_cmd *cmd, bool writable)
{
	unsigned long start = (unsigned long)data->iter.ubuf;
	struct caps_body *body;
	struct iov_iter iter;
	int err;

	if (data->iov)
		return ERR_PTR(-EINVAL);
	err = io_uring_cmd_import_fixed(start, data->len,
					writable ? READ : WRITE, &iter, cmd);
	if (err)
		return ERR_PTR(err);
	body = body_alloc(chain, pages_spanned(start, data->len), 1);
	if (!body)
		return ERR_PTR(-ENOMEM);
	body->pinned = true;
	body->lent = true;
	body->writable = writable;
	body->len = data->len;
	body->segment_count = 1;
	body->segments[0] = (struct caps_segment){ .len = data->len };
	lend_pages(body, &iter);
	return body;
}

/*
 * How many bytes from @offset of page @i follow each other in memory and in
 * one folio, at most @len.
 */
static size_t run_length(const struct caps_body *body, u32 i, u32 offset,
			 size_t len)
{
	struct page *page = body->pages[i];
	size_t n = PAGE_SIZE - offset;
	struct folio *folio;

	if (n >= len || !PageCompound(page))
		return min(n, len);
	folio = page_folio(page);
	while (n < len && body->pages[++i] == ++page &&
	       page_folio(page) == folio)
		n += PAGE_SIZE;
	return min(n, len);
}

static size_t run_read(const void *from, size_t len, struct iov_iter *to)
{
	size_t copied;

	if (!iter_is_ubuf(to))
		return _copy_to_iter(from, len, to);
	/* What that does, without asking for each page what @to is. */
	copied = len - _copy_to_user(to->ubuf + to->iov_offset, from, len);
	iov_iter_advance(to, copied);
	return copied;
}

static size_t pages_read(const struct caps_body *body, u32 i, u32 offset,
			 size_t len, struct iov_iter *to)
{
	size_t n, copied, done = 0;

	while (done < len) {
		n = run_length(body, i, offset, len - done);
		copied = run_read(page_address(body->pages[i]) + offset, n, to);
		done += copied;
		if (copied != n)
			break;
		i += (offset + n) >> PAGE_SHIFT;
		offset = 0;
	}
	return done;
}

/* As much as goes without a fault, and while the pages are there. */
static size_t batch_read(struct caps_body *body, u32 i, u32 offset, size_t len,
			 struct iov_iter *to)
{
	size_t copied = 0;

	spin_lock(&body->lock);
	if (body->page_count) {
		pagefault_disable();
		copied = pages_read(body, i, offset, len, to);
		pagefault_enable();
	}
	spin_unlock(&body->lock);
	return copied;
}

/* Nothing could be copied: fault the reader's own memory in, if that is why. */
static bool may_read_on(const struct caps_body *body, size_t len,
			const struct iov_iter *to)
{
	len = min_t(size_t, len, READ_BATCH);
	return !caps_body_revoked(body) &&
	       fault_in_iov_iter_writeable(to, len) < len &&
	       !fatal_signal_pending(current);
}

/* Copy @len bytes from @from on in one segment; returns what was copied. */
static size_t segment_read(struct caps_body *body,
			   const struct caps_segment *segment, u64 from,
			   size_t len, struct iov_iter *to)
{
	size_t n, done = 0;
	u64 position;
	u32 i, offset;

	while (done < len) {
		position = segment->offset + from + done;
		i = segment->first + (position >> PAGE_SHIFT);
		offset = offset_in_page(position);
		n = min_t(size_t, len - done, READ_BATCH);
		n = batch_read(body, i, offset, n, to);
		done += n;
		if (!n && !may_read_on(body, len - done, to))
			break;
		cond_resched();
	}
	return done;
}

/**
 * caps_body_read - copy from a body into the current process's memory
 * @body: the body
 * @offset: where to begin
 * @to: where it goes and how much is wanted; advanced
 *
 * Return: bytes copied; less than both ends allow only after a fault, or when
 * the body is revoked.
 */
size_t caps_body_read(struct caps_body *body, u64 offset, struct iov_iter *to)
{
	const struct caps_segment *segment = body->segments;
	const struct caps_segment *end = segment + body->segment_count;
	size_t n, copied, done = 0;

	for (; segment < end && iov_iter_count(to); segment++) {
		if (offset >= segment->len) {
			offset -= segment->len;
			continue;
		}
		n = min_t(u64, segment->len - offset, iov_iter_count(to));
		copied = segment_read(body, segment, offset, n, to);
		done += copied;
		if (copied != n)
			break;
		offset = 0;
	}
	return done;
}
