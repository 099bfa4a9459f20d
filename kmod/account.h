/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who pays.
 *
 * A *user* is a kuid with what it has in use of each resource. A *chain* is
 * the list of users that pay for what a credential creates: its real uid, and
 * the owner of every user namespace from its own up to, but not including, the
 * initial one, each kuid once. So a namespace's owner pays along with those
 * inside and cannot multiply his share by making more of them.
 *
 * Everything is charged to every user of the chain before the object can be
 * found by anybody, or to none; limits are module parameters. Users live while
 * a chain refers to them, chains while an object charged to them does.
 *
 * Actors, ports and groups are paid for by their maker (a port by its owner)
 * until they die or are deleted, once, whoever still has capabilities to them:
 * others must not use up his limit by keeping what he cannot close. What is
 * left then is memory of a small, fixed size for each, and whoever refers to it
 * pays for doing so: by a capability, a message, an exported or open file, a
 * place in a group.
 *
 * Locking: a spinlock guards the table of users; charges are atomic. Both are
 * leaves.
 */
#ifndef _CAPS_ACCOUNT_H
#define _CAPS_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/cred.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

#include "closing.h"

enum caps_resource {
	CAPS_MESSAGES,		/* messages, spare ones included */
	CAPS_KERNEL_BYTES,	/* their bytes and those of copied bodies */
	CAPS_PINNED_BYTES,	/* bytes of pinned pages */
	CAPS_CAPABILITIES,	/* handles, and what is in messages */
	CAPS_PORTS,
	CAPS_NAMES,		/* service names */
	CAPS_FILES,		/* exported capabilities, files in messages */
	CAPS_ACTORS,
	CAPS_GROUPS,
	CAPS_CONNECTIONS,	/* and other badges whose end is told */
	CAPS_RESOURCES
};

struct caps_user {
	struct hlist_node link;		/* users_lock */
	kuid_t uid;
	refcount_t refs;
	atomic_long_t used[CAPS_RESOURCES];
	struct caps_closing closing[2];	/* his files; of those inside */
};

struct caps_chain {
	refcount_t refs;
	unsigned int count;
	struct caps_user *outermost;	/* one of them: he answers for all */
	struct caps_user *users[];
};

static inline void caps_user_get(struct caps_user *user)
{
	refcount_inc(&user->refs);
}

void caps_user_put(struct caps_user *user);

struct caps_chain *caps_chain_create(const struct cred *cred);
void caps_chain_put(struct caps_chain *chain);

static inline struct caps_chain *caps_chain_get(struct caps_chain *chain)
{
	refcount_inc(&chain->refs);
	return chain;
}

int caps_charge(struct caps_chain *chain, enum caps_resource what, long n);
void caps_charge_forced(struct caps_chain *chain, enum caps_resource what,
			long n);
void caps_uncharge(struct caps_chain *chain, enum caps_resource what, long n);

struct caps_resource_info {
	const char *name;
	const unsigned long *limit;	/* a module parameter */
};

extern const struct caps_resource_info caps_resources[CAPS_RESOURCES];

static inline unsigned long caps_limit(enum caps_resource what)
{
	return READ_ONCE(*caps_resources[what].limit);
}

/**
 * caps_overdrawn - is one of a chain's users above its limit?
 * @chain: who pays
 * @what: the resource
 */
static inline bool caps_overdrawn(const struct caps_chain *chain,
				  enum caps_resource what)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		if (atomic_long_read(&chain->users[i]->used[what]) >
		    caps_limit(what))
			return true;
	}
	return false;
}

/**
 * caps_used_half - does one of a chain's users have half of what it may?
 * @chain: who pays
 * @what: the resource
 */
static inline bool caps_used_half(const struct caps_chain *chain,
				  enum caps_resource what)
{
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		if (atomic_long_read(&chain->users[i]->used[what]) >=
		    caps_limit(what) / 2)
			return true;
	}
	return false;
}

/* Objects that exist, for tests and administrators. */
enum caps_live_kind {
	CAPS_LIVE_ACTORS,
	CAPS_LIVE_PORTS,
	CAPS_LIVE_CAPABILITIES,
	CAPS_LIVE_BADGES,
	CAPS_LIVE_MESSAGES,
	CAPS_LIVE_BODIES,
	CAPS_LIVE_SERVICES,
	CAPS_LIVE_ATTACHED,	/* messages with something that goes along */
	CAPS_LIVE_USERS,
	CAPS_LIVE_GROUPS,
	CAPS_LIVE_CHUNKS,	/* of actors' tables */
	CAPS_LIVE_PARKED,
	CAPS_LIVE_KINDS
};

extern atomic_long_t caps_live[CAPS_LIVE_KINDS];

static inline void caps_born(enum caps_live_kind kind)
{
	atomic_long_inc(&caps_live[kind]);
}

static inline void caps_gone(enum caps_live_kind kind)
{
	atomic_long_dec(&caps_live[kind]);
}

int caps_live_print(char *buffer, size_t size);

#endif
