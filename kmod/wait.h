/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sleeping and waking.
 *
 * Wakes are collected under a lock and done after the last unlock: a reference
 * to the task is taken first, then what it waits for is published, then the
 * lock is dropped, then the task (never the object on its stack) is woken.
 *
 * caps_wakes_run() then offers the CPU to a task that was woken to run here, or
 * was given something here while it was awake: switching while this one is
 * still runnable spares a dequeue, an enqueue and a second wake-up. The
 * scheduler decides; whoever has had less may stay, and then sleeps.
 */
#ifndef _CAPS_WAIT_H
#define _CAPS_WAIT_H

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/types.h>

#include "caps.h"

struct caps_actor;

#define CAPS_WAKES	8

struct caps_wakes {
	unsigned int count;
	bool poll;			/* the locked actor became readable */
	bool offer;			/* the CPU, to one that need not be woken */
	struct task_struct *tasks[CAPS_WAKES];
};

static inline void caps_wakes_init(struct caps_wakes *wakes)
{
	wakes->count = 0;
	wakes->poll = false;
	wakes->offer = false;
}

/* Loops that add wakes stop here; single additions after one still fit. */
static inline bool caps_wakes_full(const struct caps_wakes *wakes)
{
	return wakes->count >= CAPS_WAKES - 2;
}

/* A parked command in the place of a task, see park.h. */
static inline bool caps_task_is_parked(const struct task_struct *task)
{
	return (unsigned long)task & 1;
}

bool caps_parked_claim(struct task_struct *task);
void caps_parked_queue(struct task_struct *task);

static inline void caps_wakes_add(struct caps_wakes *wakes,
				  struct task_struct *task)
{
	if (likely(!caps_task_is_parked(task)))
		get_task_struct(task);
	else if (!caps_parked_claim(task))
		return;
	wakes->tasks[wakes->count++] = task;
}

void __caps_wakes_poll(struct caps_wakes *wakes, struct caps_actor *actor);
void __caps_wakes_run(struct caps_wakes *wakes);

static inline void caps_wakes_poll(struct caps_wakes *wakes,
				   struct caps_actor *actor)
{
	if (wakes->poll)
		__caps_wakes_poll(wakes, actor);
}

static inline void caps_wakes_run(struct caps_wakes *wakes)
{
	if (wakes->count || wakes->offer)
		__caps_wakes_run(wakes);
}

static inline bool caps_deadline_passed(u64 deadline)
{
	return deadline != CAPS_FOREVER && ktime_get_ns() >= deadline;
}

int caps_sleep(unsigned int state, u64 deadline);

#endif
