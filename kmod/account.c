// SPDX-License-Identifier: GPL-2.0
/*
 * Users, chains of users, and what they have in use; see account.h.
 */
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/user_namespace.h>

#include "account.h"
#include "params.h"

static DEFINE_HASHTABLE(users, 8);
static DEFINE_SPINLOCK(users_lock);

atomic_long_t caps_live[CAPS_LIVE_KINDS];

const struct caps_resource_info caps_resources[CAPS_RESOURCES] = {
	[CAPS_MESSAGES]		= { "messages", &caps_max_messages },
	[CAPS_KERNEL_BYTES]	= { "kernel-bytes", &caps_max_kernel_bytes },
	[CAPS_PINNED_BYTES]	= { "pinned-bytes", &caps_max_pinned },
	[CAPS_CAPABILITIES]	= { "capabilities", &caps_max_capabilities },
	[CAPS_PORTS]		= { "ports", &caps_max_ports },
	[CAPS_NAMES]		= { "names", &caps_max_names },
	[CAPS_FILES]		= { "files", &caps_max_files },
	[CAPS_ACTORS]		= { "actors", &caps_max_actors },
	[CAPS_GROUPS]		= { "groups", &caps_max_groups },
	[CAPS_CONNECTIONS]	= { "connections", &caps_max_connections },
};

static struct caps_user *user_find(kuid_t uid)
{
	struct caps_user *user;

	lockdep_assert_held(&users_lock);

	hash_for_each_possible(users, user, link, __kuid_val(uid)) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

static struct caps_user *user_obtain(kuid_t uid)
{
	struct caps_user *fresh, *user;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	fresh->uid = uid;
	refcount_set(&fresh->refs, 1);
	caps_closing_init(&fresh->closing[0], fresh);
	caps_closing_init(&fresh->closing[1], fresh);

	spin_lock(&users_lock);
	user = user_find(uid);
	if (user) {
		caps_user_get(user);
	} else {
		user = fresh;
		fresh = NULL;
		hash_add(users, &user->link, __kuid_val(uid));
		caps_born(CAPS_LIVE_USERS);
	}
	spin_unlock(&users_lock);

	kfree(fresh);
	return user;
}

/**
 * caps_user_put - give a reference to a user back
 * @user: the user
 */
void caps_user_put(struct caps_user *user)
{
	if (!refcount_dec_and_lock(&user->refs, &users_lock))
		return;
	hash_del(&user->link);
	spin_unlock(&users_lock);
	caps_gone(CAPS_LIVE_USERS);
	kfree(user);
}

static struct caps_user *chain_find(const struct caps_chain *chain, kuid_t uid)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		if (uid_eq(chain->users[i]->uid, uid))
			return chain->users[i];
	}
	return NULL;
}

static int chain_add(struct caps_chain *chain, kuid_t uid)
{
	struct caps_user *user = chain_find(chain, uid);

	if (!user) {
		user = user_obtain(uid);
		if (!user)
			return -ENOMEM;
		chain->users[chain->count++] = user;
	}
	chain->outermost = user;
	return 0;
}

/**
 * caps_chain_create - the users that pay for what @cred creates
 * @cred: whose
 *
 * Return: a chain with one reference, or NULL when out of memory.
 */
struct caps_chain *caps_chain_create(const struct cred *cred)
{
	struct user_namespace *ns = cred->user_ns;
	struct caps_chain *chain;

	chain = kzalloc(struct_size(chain, users, ns->level + 1),
			GFP_KERNEL_ACCOUNT);
	if (!chain)
		return NULL;
	refcount_set(&chain->refs, 1);

	if (chain_add(chain, cred->uid))
		goto fail;
	for (; ns != &init_user_ns; ns = ns->parent) {
		if (chain_add(chain, ns->owner))
			goto fail;
	}
	return chain;
fail:
	caps_chain_put(chain);
	return NULL;
}

/**
 * caps_chain_put - give a reference to a chain back
 * @chain: the chain; NULL is fine
 */
void caps_chain_put(struct caps_chain *chain)
{
	unsigned int i;

	if (!chain || !refcount_dec_and_test(&chain->refs))
		return;
	for (i = 0; i < chain->count; i++)
		caps_user_put(chain->users[i]);
	kfree(chain);
}

static void uncharge_first(struct caps_chain *chain, enum caps_resource what,
			   long n, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		atomic_long_sub(n, &chain->users[i]->used[what]);
}

/* Never above the limit, not even for a moment: others look. */
static bool user_charge(struct caps_user *user, enum caps_resource what, long n)
{
	long used = atomic_long_read(&user->used[what]);

	do {
		if ((unsigned long)(used + n) > caps_limit(what))
			return false;
	} while (!atomic_long_try_cmpxchg(&user->used[what], &used, used + n));
	return true;
}

/**
 * caps_charge - take @n of a resource for every user of a chain, or for none
 * @chain: who pays
 * @what: the resource
 * @n: how much
 *
 * Return: 0, or -EDQUOT when one of them would exceed its limit.
 */
int caps_charge(struct caps_chain *chain, enum caps_resource what, long n)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		if (!user_charge(chain->users[i], what, n)) {
			uncharge_first(chain, what, n, i);
			return -EDQUOT;
		}
	}
	return 0;
}

/**
 * caps_charge_forced - charge whatever the limit
 * @chain: who pays
 * @what: the resource
 * @n: how much
 */
void caps_charge_forced(struct caps_chain *chain, enum caps_resource what,
			long n)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++)
		atomic_long_add(n, &chain->users[i]->used[what]);
}

/**
 * caps_uncharge - give back what was charged
 * @chain: who paid
 * @what: the resource
 * @n: how much
 */
void caps_uncharge(struct caps_chain *chain, enum caps_resource what, long n)
{
	uncharge_first(chain, what, n, chain->count);
}

int caps_live_print(char *buffer, size_t size)
{
	static const char *const names[CAPS_LIVE_KINDS] = {
		[CAPS_LIVE_ACTORS]	 = "actors",
		[CAPS_LIVE_PORTS]	 = "ports",
		[CAPS_LIVE_CAPABILITIES] = "capabilities",
		[CAPS_LIVE_BADGES]	 = "badges",
		[CAPS_LIVE_MESSAGES]	 = "messages",
		[CAPS_LIVE_BODIES]	 = "bodies",
		[CAPS_LIVE_SERVICES]	 = "services",
		[CAPS_LIVE_ATTACHED]	 = "attached",
		[CAPS_LIVE_USERS]	 = "users",
		[CAPS_LIVE_GROUPS]	 = "groups",
		[CAPS_LIVE_CHUNKS]	 = "chunks",
		[CAPS_LIVE_PARKED]	 = "parked",
	};
	int i, n = 0;

	for (i = 0; i < CAPS_LIVE_KINDS; i++)
		n += scnprintf(buffer + n, size - n, "%s%s %ld", i ? " " : "",
			       names[i], atomic_long_read(&caps_live[i]));
	return n + scnprintf(buffer + n, size - n, "\n");
}
