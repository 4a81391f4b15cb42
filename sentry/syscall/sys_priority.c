/* SPDX-License-Identifier: Apache-2.0 */
/* Niceness, of processors and of disks: kept and shown. */
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/tasks.h"
#include "sentry/task/visit.h"

/* What is done to each task that a call means, and the answers put together. */
struct sweep {
    struct task *caller;
    int value;
    int result; /* -ESRCH until one is found */
};

/* PRIO_* and IOPRIO_WHO_* mean the same three things. */
static int sweep(struct task *t, enum visit_kind kind, uint32_t who,
                 void (*see)(struct task *, void *), struct sweep *s)
{
    s->caller = t;
    s->result = -ESRCH;
    int err = tasks_visit(t, kind, who, see, s);
    return err ? err : s->result;
}

static void set_nice(struct task *other, void *arg)
{
    struct sweep *s = arg;
    int err = task_set_nice(s->caller, other, s->value);

    if (err || s->result == -ESRCH)
        s->result = err;
}

long sys_setpriority(struct task *t, int which, uint32_t who, int prio)
{
    struct sweep s = { .value = max(-20, min(prio, 19)) };

    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    return sweep(t, (enum visit_kind)which, who, set_nice, &s);
}

static void best_nice(struct task *other, void *arg)
{
    struct sweep *s = arg;

    s->result = max(s->result, 20 - atomic_load(&other->nice));
}

long sys_getpriority(struct task *t, int which, uint32_t who)
{
    struct sweep s = { 0 };

    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    return sweep(t, (enum visit_kind)which, who, best_nice, &s);
}

/* ---- disks ---- */

static int check_ioprio(struct task *t, int ioprio)
{
    int class = IOPRIO_PRIO_CLASS(ioprio), level = IOPRIO_PRIO_DATA(ioprio) & 7;

    switch (class) {
    case IOPRIO_CLASS_RT:
        if (!task_root_capable(t, CAP_SYS_ADMIN) && !task_root_capable(t, CAP_SYS_NICE))
            return -EPERM;
        return 0;
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return 0;
    case IOPRIO_CLASS_NONE:
        return level ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

static void set_ioprio(struct task *other, void *arg)
{
    struct sweep *s = arg;
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(other);
    const struct cred *me = s->caller->cred;

    s->result = 0;
    if (c->ruid != me->euid && c->ruid != me->ruid && !task_root_capable(s->caller, CAP_SYS_NICE))
        s->result = -EPERM;
    else
        atomic_store(&other->ioprio, (uint32_t)s->value);
}

long sys_ioprio_set(struct task *t, int which, uint32_t who, int ioprio)
{
    struct sweep s = { .value = ioprio };

    int err = check_ioprio(t, ioprio);
    if (err)
        return err;
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    return sweep(t, (enum visit_kind)(which - IOPRIO_WHO_PROCESS), who, set_ioprio, &s);
}

/* Where none was set it follows from the niceness. */
static int effective_ioprio(struct task *t)
{
    int ioprio = (int)atomic_load(&t->ioprio);
    bool idle = atomic_load(&t->policy) == SCHED_IDLE;

    if (IOPRIO_PRIO_CLASS(ioprio) != IOPRIO_CLASS_NONE)
        return ioprio;
    return IOPRIO_PRIO_VALUE(idle ? IOPRIO_CLASS_IDLE : IOPRIO_CLASS_BE,
                             (atomic_load(&t->nice) + 20) / 5);
}

static void best_ioprio(struct task *other, void *arg)
{
    struct sweep *s = arg;
    int ioprio = effective_ioprio(other);

    s->result = s->result == -ESRCH ? ioprio : min(s->result, ioprio);
}

long sys_ioprio_get(struct task *t, int which, uint32_t who)
{
    struct sweep s = { 0 };

    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    return sweep(t, (enum visit_kind)(which - IOPRIO_WHO_PROCESS), who, best_ioprio, &s);
}
