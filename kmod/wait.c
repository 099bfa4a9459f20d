// SPDX-License-Identifier: GPL-2.0
/*
 * Sleeping and waking; see wait.h.
 */
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "actor.h"
#include "caps.h"
#include "wait.h"

/**
 * __caps_wakes_poll - tell pollers what was collected
 * @wakes: collected under a lock that has been dropped
 * @actor: whose lock that was; the caller keeps it alive, by RCU at least
 */
void __caps_wakes_poll(struct caps_wakes *wakes, struct caps_actor *actor)
{
	if (wq_has_sleeper(&actor->poll))
		wake_up_interruptible_poll(&actor->poll,
					   EPOLLIN | EPOLLRDNORM);
	wakes->poll = false;
}

/**
 * __caps_wakes_run - wake the tasks collected, and let them run
 * @wakes: collected under a lock that has been dropped
 *
 * May sleep.
 */
void __caps_wakes_run(struct caps_wakes *wakes)
{
	unsigned int i;
	bool here = wakes->offer;

	for (i = 0; i < wakes->count; i++) {
		if (unlikely(caps_task_is_parked(wakes->tasks[i]))) {
			caps_parked_queue(wakes->tasks[i]);
			continue;
		}
		wake_up_process(wakes->tasks[i]);
		here |= task_cpu(wakes->tasks[i]) == raw_smp_processor_id();
		put_task_struct(wakes->tasks[i]);
	}
	if (here)
		schedule();
	wakes->count = 0;
	wakes->offer = false;
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
