/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of clocks. A negative one names a thread or a process:
 *
 *     ~pid << 3 | (4 for a thread) | what     what: 0 all, 1 user, 2 scheduled; 3 is a descriptor
 */
#include "sentry/task/guest_clock.h"

#include "sentry/load/vdso.h"

#define CLOCK_PER_THREAD 4
#define CLOCK_WHAT_MASK  3
#define COARSE_STEP      (4 * NSEC_PER_MSEC)

static int open_wall(int number, struct guest_clock *c)
{
    switch (number) {
    case CLOCK_REALTIME_COARSE:
        c->coarse = c->bare = true;
        c->wall = CLOCK_ID_REALTIME;
        return 0;
    case CLOCK_REALTIME_ALARM:
        c->alarm = true;
        c->wall = CLOCK_ID_REALTIME;
        return 0;
    case CLOCK_TAI: /* nobody has told the host the number of leap seconds */
    case CLOCK_REALTIME:
        c->wall = CLOCK_ID_REALTIME;
        return 0;
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
        c->coarse = number == CLOCK_MONOTONIC_COARSE;
        c->bare = true;
        c->wall = CLOCK_ID_MONOTONIC;
        return 0;
    case CLOCK_MONOTONIC:
        c->wall = CLOCK_ID_MONOTONIC;
        return 0;
    case CLOCK_BOOTTIME_ALARM:
        c->alarm = true;
        c->wall = CLOCK_ID_BOOTTIME;
        return 0;
    case CLOCK_BOOTTIME:
        c->wall = CLOCK_ID_BOOTTIME;
        return 0;
    default:
        return -EINVAL;
    }
}

static int open_task(struct task *t, int tid, struct guest_clock *c)
{
    scoped(task) struct task *other = tid ? task_find(t, tid) : task_get(t);

    if (!other || other->group != t->group)
        return -EINVAL;
    c->kind = GUEST_CLOCK_TASK;
    c->task = keep(other);
    return 0;
}

static int open_group(struct task *t, int tgid, bool reading, struct guest_clock *c)
{
    bool own = tgid == 0 || (reading && tgid == task_tid(t, t));

    c->kind = GUEST_CLOCK_GROUP;
    c->group = own ? group_get(t->group) : group_find(t, tgid);
    return c->group ? 0 : -EINVAL;
}

int guest_clock_open(struct task *t, int number, bool reading, struct guest_clock *out)
{
    int pid = ~(number >> 3);

    *out = (struct guest_clock){ .kind = GUEST_CLOCK_WALL, .what = CPU_SUM };
    if (number == CLOCK_PROCESS_CPUTIME_ID)
        return open_group(t, 0, reading, out);
    if (number == CLOCK_THREAD_CPUTIME_ID)
        return open_task(t, 0, out);
    if (number >= 0)
        return open_wall(number, out);
    if ((number & CLOCK_WHAT_MASK) == 3)
        return -EINVAL;
    out->what = number & CLOCK_WHAT_MASK;
    return number & CLOCK_PER_THREAD ? open_task(t, pid, out) : open_group(t, pid, reading, out);
}

void guest_clock_close(struct guest_clock *c)
{
    group_put(c->group);
    task_put(c->task);
    c->group = NULL;
    c->task = NULL;
}

nsec_t guest_clock_now(struct arena *a, const struct guest_clock *c)
{
    nsec_t user, sum;

    switch (c->kind) {
    case GUEST_CLOCK_GROUP:
        sum = group_cpu_time(c->group, &user, NULL);
        break;
    case GUEST_CLOCK_TASK:
        sum = task_cpu_time(c->task, &user, NULL);
        break;
    default:
        return vdso_now(a, c->wall);
    }
    return c->what == CPU_USER ? user : sum;
}

nsec_t guest_clock_step(const struct guest_clock *c)
{
    bool ticks = c->kind == GUEST_CLOCK_WALL ? c->coarse : c->what != CPU_SUM;

    return ticks ? COARSE_STEP : 1;
}
