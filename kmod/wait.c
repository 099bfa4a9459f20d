// SPDX-License-Identifier: GPL-2.0
/*
 * Sleeping and waking; see wait.h.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "actor.h"
#include "caps.h"
#include "wait.h"

/**
 * caps_wakes_poll - tell pollers what was collected
 * @wakes: collected under a lock that has been dropped
 * @actor: whose lock that was; the caller keeps it alive, by RCU at least
 */
void caps_wakes_poll(struct caps_wakes *wakes, struct caps_actor *actor)
{
	if (wakes->poll && wq_has_sleeper(&actor->poll))
		wake_up_interruptible_poll(&actor->poll,
					   EPOLLIN | EPOLLRDNORM);
	wakes->poll = false;
}

/**
 * caps_wakes_run - wake the tasks collected, and let them run
 * @wakes: collected under a lock that has been dropped
 *
 * May sleep.
 */
void caps_wakes_run(struct caps_wakes *wakes)
{
	unsigned int i;

	for (i = 0; i < wakes->count; i++) {
		wake_up_process(wakes->tasks[i]);
		put_task_struct(wakes->tasks[i]);
	}
	if (wakes->count)
		cond_resched();
	wakes->count = 0;
}

bool caps_deadline_passed(u64 deadline)
{
	return deadline != CAPS_FOREVER && ktime_get_ns() >= deadline;
}

/**
 * caps_sleep - sleep until woken, signalled or the deadline
 * @state: which the current task has been set to already
 * @deadline: absolute, CAPS_FOREVER for none
 *
 * The caller has checked its condition after setting the state, and checks it
 * again whatever is returned.
 *
 * Return: 0 when woken, -EINTR if a signal that @state heeds is pending,
 * -ETIMEDOUT if the deadline has passed.
 */
int caps_sleep(unsigned int state, u64 deadline)
{
	ktime_t until;

	if (signal_pending_state(state, current)) {
		__set_current_state(TASK_RUNNING);
		return -EINTR;
	}
	if (deadline == CAPS_FOREVER) {
		schedule();
		return 0;
	}
	until = ns_to_ktime(min_t(u64, deadline, KTIME_MAX));
	if (!schedule_hrtimeout_range(&until, current->timer_slack_ns,
				      HRTIMER_MODE_ABS))
		return -ETIMEDOUT;
	return 0;
}
