// SPDX-License-Identifier: GPL-2.0
/*
 * Commands about messages; see command.h.
 */
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "attach.h"
#include "command.h"
#include "ipc.h"
#include "park.h"
#include "wait.h"

int caps_check_send(const struct caps_send *a)
{
	if (a->flags & ~(CAPS_BODY_FLAGS | CAPS_GROUP_FLAGS) || a->reserved ||
	    (a->flags & CAPS_BODY_FLAGS) == CAPS_BODY_FLAGS ||
	    a->operation >= CAPS_OPERATIONS)
		return -EINVAL;
	return caps_check_route(a->flags, a->relative);
}

int caps_do_send(struct caps_actor *actor, union caps_args *args,
		 void __user *uarg)
{
	return caps_check_send(&args->send) ?:
	       caps_send(actor, &args->send, CAPS_KIND_SEND, NULL);
}

int caps_do_call_async(struct caps_actor *actor, union caps_args *args,
		       void __user *uarg)
{
	return caps_check_send(&args->send) ?:
	       caps_send(actor, &args->send, CAPS_KIND_CALL, NULL);
}

static int put_call(const struct caps_call *a, struct caps_call __user *user)
{
	if (!user_write_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_put_user(a->reply_body_len, &user->reply_body_len, fault);
	unsafe_put_user(a->reply_annex_len, &user->reply_annex_len, fault);
	unsafe_put_user(a->status, &user->status, fault);
	unsafe_put_user(a->result, &user->result, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* What comes along with the answer must not get lost for a bad address. */
static int expect_attached(struct caps_call *a, struct caps_call __user *user)
{
	const size_t out = offsetof(struct caps_call, reply_body_len);
	const unsigned long first = (unsigned long)user + out;

	/* What is written on failure, too, tells for all on its page. */
	if (put_user(0, &user->result))
		return -EFAULT;
	if (first >> PAGE_SHIFT != (unsigned long)&user->result >> PAGE_SHIFT &&
	    fault_in_safe_writeable((char __user *)first, sizeof(*user) - out))
		return -EFAULT;
	return caps_attached_expect(a->reply.attachments);
}

static __always_inline int check_call(struct caps_call *a, void __user *uarg)
{
	if (a->flags & ~(CAPS_COPY | CAPS_NOWAIT_QUEUE | CAPS_INTERRUPTIBLE |
			 CAPS_DIRECT_REPLY | CAPS_GROUP_FLAGS) ||
	    a->reserved || a->operation >= CAPS_OPERATIONS ||
	    caps_check_route(a->flags, a->relative))
		return -EINVAL;
	if (unlikely(a->reply.attachments))
		return expect_attached(a, uarg);
	return 0;
}

/* What a call that ended with @err tells its caller. */
static __always_inline int tell_call(const struct caps_call *a,
				     void __user *uarg, int err)
{
	struct caps_call __user *user = uarg;

	/*
	 * Best effort: the error stands whether this can be written or not. A
	 * call to be restarted may end with EINTR after all.
	 */
	if (err) {
		(void)put_user(a->result, &user->result);
		return err;
	}
	return put_call(a, user);
}

int caps_do_call(struct caps_actor *actor, union caps_args *args,
		 void __user *uarg)
{
	struct caps_call *a = &args->call;
	int err = check_call(a, uarg);

	return err ?: tell_call(a, uarg, caps_call(actor, a));
}

int caps_check_call(struct caps_call *a, void __user *uarg)
{
	return check_call(a, uarg);
}

int caps_tell_call(const struct caps_call *a, void __user *uarg, int err)
{
	return tell_call(a, uarg, err);
}

static __always_inline int check_receive(const struct caps_receive *a)
{
	if (a->flags & ~CAPS_HOLD || a->reserved)
		return -EINVAL;
	return likely(!a->buffer.attachments) ? 0 :
	       caps_attached_check_room(a->buffer.attachments);
}

int caps_check_receive(const struct caps_receive *a)
{
	return check_receive(a);
}

int caps_do_receive(struct caps_actor *actor, union caps_args *args,
		    void __user *uarg)
{
	struct caps_receive __user *user = uarg;
	struct caps_wakes wakes __uninitialized;

	caps_wakes_init(&wakes);
	return check_receive(&args->receive) ?:
	       caps_receive(actor, &args->receive, &user->header, &wakes);
}

int caps_do_receive_batch(struct caps_actor *actor, union caps_args *args,
			  void __user *uarg)
{
	if (args->receive_batch.flags || args->receive_batch.reserved)
		return -EINVAL;
	return caps_receive_batch(actor, &args->receive_batch);
}

int caps_do_get_data(struct caps_actor *actor, union caps_args *args,
		     void __user *uarg)
{
	struct caps_get_data __user *user = uarg;

	if (args->get_data.flags || args->get_data.reserved)
		return -EINVAL;
	/* What is taken must not get lost for a bad address. */
	if (args->get_data.buffer.attachments &&
	    fault_in_safe_writeable((char __user *)&user->copied,
				    offsetofend(struct caps_get_data, result) -
				    offsetof(struct caps_get_data, copied)))
		return -EFAULT;
	return caps_get_data(actor, &args->get_data);
}

static int check_reply(const struct caps_reply *a)
{
	if (a->flags & ~CAPS_REPLY_FLAGS ||
	    (a->flags & CAPS_BODY_FLAGS) == CAPS_BODY_FLAGS)
		return -EINVAL;
	return 0;
}

int caps_reply_lent(struct caps_actor *actor, struct caps_reply *a,
		    struct caps_lent *lent)
{
	struct caps_wakes wakes __uninitialized;
	int err;

	caps_wakes_init(&wakes);
	err = check_reply(a) ?: caps_reply(actor, a, lent, &wakes);
	caps_wakes_run(&wakes);
	return err;
}

int caps_do_reply(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	return caps_reply_lent(actor, &args->reply, NULL);
}

static int put_reply(u64 id, s32 outcome, u32 result,
		     struct caps_reply __user *user)
{
	if (!user_write_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_put_user(id, &user->id, fault);
	unsafe_put_user(outcome, &user->outcome, fault);
	unsafe_put_user(result, &user->result, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * The id is cleared first, since an answer that cannot be told of cannot be
 * taken back either. In a server's loop there is nothing else to tell.
 */
static __always_inline int reply_first(struct caps_actor *actor,
				       struct caps_reply *reply,
				       struct caps_reply __user *user,
				       struct caps_wakes *wakes)
{
	u32 result = reply->result;
	int err;

	if (put_reply(0, reply->outcome, result, user))
		return -EFAULT;
	err = caps_reply(actor, reply, NULL, wakes);
	if (err || reply->outcome || result != reply->result)
		(void)put_reply(err ? reply->id : 0, err, reply->result, user);
	return err;
}

/* The first half. A restart finds the id cleared, and only receives. */
static __always_inline int reply_before(struct caps_actor *actor,
					struct caps_reply_receive *a,
					struct caps_reply_receive __user *user,
					struct caps_wakes *wakes)
{
	int err = check_reply(&a->reply) ?: check_receive(&a->receive);

	if (err || !a->reply.id)
		return err;
	err = reply_first(actor, &a->reply, &user->reply, wakes);
	if (err)
		caps_wakes_run(wakes);
	return err;
}

int caps_reply_before(struct caps_actor *actor, struct caps_reply_receive *a,
		      void __user *uarg, struct caps_wakes *wakes)
{
	return reply_before(actor, a, uarg, wakes);
}

int caps_do_reply_receive(struct caps_actor *actor, union caps_args *args,
			  void __user *uarg)
{
	struct caps_reply_receive __user *user = uarg;
	struct caps_wakes wakes __uninitialized;
	int err;

	caps_wakes_init(&wakes);
	err = reply_before(actor, &args->reply_receive, user, &wakes);
	if (err)
		return err;
	return caps_receive(actor, &args->reply_receive.receive,
			    &user->receive.header, &wakes);
}

int caps_do_unpark(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	if (args->unpark.flags)
		return -EINVAL;
	return caps_unpark(actor, &args->unpark);
}

int caps_do_discard(struct caps_actor *actor, union caps_args *args,
		    void __user *uarg)
{
	if (args->discard.flags || args->discard.reserved)
		return -EINVAL;
	return caps_discard(actor, args->discard.id);
}

int caps_do_abort(struct caps_actor *actor, union caps_args *args,
		  void __user *uarg)
{
	if (args->abort.flags)
		return -EINVAL;
	return caps_abort(actor, &args->abort);
}

int caps_do_header(struct caps_actor *actor, union caps_args *args,
		   void __user *uarg)
{
	if (args->header.flags || args->header.reserved)
		return -EINVAL;
	return caps_get_header(actor, &args->header);
}

int caps_do_identity(struct caps_actor *actor, union caps_args *args,
		     void __user *uarg)
{
	if (args->identity.flags || args->identity.reserved)
		return -EINVAL;
	return caps_identity(actor, &args->identity);
}

int caps_do_forward(struct caps_actor *actor, union caps_args *args,
		    void __user *uarg)
{
	if (args->forward.flags || args->forward.reserved)
		return -EINVAL;
	return caps_forward(actor, &args->forward);
}
