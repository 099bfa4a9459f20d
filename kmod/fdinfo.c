// SPDX-License-Identifier: GPL-2.0
/*
 * What fdinfo shows of an actor; see fdinfo.h.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>

#include "account.h"
#include "actor.h"
#include "fdinfo.h"
#include "message.h"
#include "port.h"

/* The lock is held meanwhile. */
#define SHOWN_PORTS	256	/* of one actor */
#define LOOKS		64	/* into one port's line */

static pid_t reader_pid(struct pid *pid)
{
	return pid_nr_ns(pid, task_active_pid_ns(current));
}

struct oldest {
	unsigned long since;
	pid_t waiter;
	const char *where;
};

static void oldest_consider(struct oldest *oldest,
			    const struct caps_message *message,
			    const char *where)
{
	if (message->kind != CAPS_KIND_CALL || message->state > CAPS_TAKEN)
		return;
	if (oldest->where && time_after_eq(message->since, oldest->since))
		return;
	oldest->since = message->since;
	oldest->waiter = reader_pid(message->tgid);
	oldest->where = where;
}

/* The first call in a line is its oldest; looked for near the head only. */
static void oldest_in(struct oldest *oldest, const struct list_head *line,
		      const char *where)
{
	const struct caps_message *message;
	int looks = LOOKS;

	list_for_each_entry(message, line, link) {
		oldest_consider(oldest, message, where);
		if (message->kind == CAPS_KIND_CALL || !--looks)
			break;
	}
}

static void show_port(struct seq_file *seq, const struct caps_port *port)
{
	seq_printf(seq, "port:\tcookie %#llx%s %s priority %u queued %u claimed %u blocked %u limit %u users %u received %llu signals %#llx\n",
		   port->cookie, port->is_default ? " default" : "",
		   port->enabled ? "enabled" : "disabled", port->priority,
		   port->queued, port->claimed, port->waiting, port->limit,
		   port->users, port->sequence, port->signals);
}

static void show_ports(struct seq_file *seq, struct caps_actor *actor,
		       struct oldest *oldest)
{
	struct caps_port *port;
	int shown = 0;

	lockdep_assert_held(&actor->lock);

	list_for_each_entry(port, &actor->ports, link) {
		if (shown++ == SHOWN_PORTS)
			break;
		show_port(seq, port);
		oldest_in(oldest, &port->queue, "queued");
		oldest_in(oldest, &port->blocked, "blocked");
	}
}

static void show_messages(struct seq_file *seq, struct caps_actor *actor,
			  struct oldest *oldest)
{
	u32 slot = 0, held = 0, pending = 0;
	struct caps_message *message;
	u64 id;

	while ((message = caps_table_next(&actor->messages, &slot, &id))) {
		if (caps_message_is_held(message, actor, id)) {
			held++;
			oldest_consider(oldest, message, "received");
		} else {
			pending++;
		}
	}
	seq_printf(seq, "held:\t%u\npending:\t%u\n", held, pending);
}

static void show_counters(struct seq_file *seq, struct caps_actor *actor)
{
	seq_printf(seq, "bodies-pinned:\t%ld\nbytes-pinned:\t%ld\n",
		   atomic_long_read(&actor->pinned_bodies),
		   atomic_long_read(&actor->pinned_bytes));
	seq_printf(seq, "bodies-copied-at-send:\t%ld\nbytes-copied-at-send:\t%ld\n",
		   atomic_long_read(&actor->sent_copies),
		   atomic_long_read(&actor->sent_copy_bytes));
	seq_printf(seq, "bodies-copied-at-read:\t%ld\nbytes-copied-at-read:\t%ld\n",
		   atomic_long_read(&actor->read_copies),
		   atomic_long_read(&actor->read_copy_bytes));
}

static void show_charges(struct seq_file *seq, const struct caps_chain *chain)
{
	int i;

	for (i = 0; i < CAPS_RESOURCES; i++)
		seq_printf(seq, "user-%s:\t%ld of %lu\n",
			   caps_resources[i].name,
			   atomic_long_read(&chain->users[0]->used[i]),
			   caps_limit(i));
}

static const char *state_of(const struct caps_actor *actor)
{
	if (actor->dead)
		return "dead";
	return caps_actor_is_orphan(actor) ? "orphaned" : "alive";
}

void caps_fdinfo_show(struct seq_file *seq, struct file *file)
{
	struct caps_actor *actor = file->private_data;
	struct oldest oldest = {};
	pid_t server;

	spin_lock(&actor->lock);
	server = reader_pid(actor->tgid);
	seq_printf(seq, "actor:\t%s pid %d\n", state_of(actor), server);
	seq_printf(seq, "ports:\t%lu\ncapabilities:\t%u\n", actor->port_count,
		   actor->capabilities.used);
	show_ports(seq, actor, &oldest);
	show_messages(seq, actor, &oldest);
	spin_unlock(&actor->lock);

	if (oldest.where)
		seq_printf(seq, "oldest-call:\t%s age-ms %u waiter %d server %d\n",
			   oldest.where,
			   jiffies_to_msecs(jiffies - oldest.since),
			   oldest.waiter, server);
	show_counters(seq, actor);
	show_charges(seq, actor->chain);
}
