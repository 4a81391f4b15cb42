/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signal of a message queue. Whoever has asked for it, and has become another program
 * since, does not get it: that one would not expect it.
 */
#include "sentry/task/mq_notice.h"

#include "sentry/core/slab.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

struct mq_notice {
    struct mqueue_notice notice;
    struct thread_group *owner; /* [I] a reference */
    uint64_t exec_id;           /* [I] of the owner, when it asked */
    uint64_t value;             /* [I] sigev_value */
};

static const struct mqueue_notice_ops mq_notice_ops;

static const struct slab_type mqueue_notice_slab = SLAB_TYPE(
    mqueue_notice, struct mq_notice, .const_ptrs = { PTR_AT(struct mq_notice, notice.ops) });

static const struct mq_notice *of(const struct mqueue_notice *n)
{
    return container_of(n, const struct mq_notice, notice);
}

static bool mq_notice_is_of(const struct mqueue_notice *n, const struct task *t)
{
    return of(n)->owner == t->group;
}

static int mq_notice_pid(const struct mqueue_notice *n, const struct task *viewer)
{
    const struct pid *pid = of(n)->owner->pid;

    return pid_nr(pid, viewer ? pid_ns_of(viewer->pid) : pid_ns_of(pid));
}

static bool is_same_program(const struct mq_notice *n)
{
    struct tasks *ts = tasks_of(n->owner->arena);

    mutex_lock(&ts->lock);
    bool same = n->owner->exec_id == n->exec_id;
    mutex_unlock(&ts->lock);
    return same;
}

static void mq_notice_fire(struct mqueue_notice *notice, struct task *sender)
{
    const struct mq_notice *n = of(notice);
    struct abi_siginfo si;

    if (notice->how != SIGEV_SIGNAL || !notice->signo || !is_same_program(n))
        return;
    siginfo_user(&si, notice->signo, sender, SI_MESGQ, n->owner);
    si.rt.value = n->value;
    int err = signal_send_group(n->owner, notice->signo, &si);
    (void)err; /* as in Linux, a queue of signals that is full loses it */
}

static void mq_notice_release(struct mqueue_notice *notice)
{
    struct mq_notice *n = container_of(notice, struct mq_notice, notice);

    group_put(n->owner);
    slab_free(n);
}

static const struct mqueue_notice_ops mq_notice_ops = {
    .is_of = mq_notice_is_of,
    .pid = mq_notice_pid,
    .fire = mq_notice_fire,
    .release = mq_notice_release,
};

int mq_notice_create(struct task *t, const struct abi_sigevent *ev, struct mqueue_notice **out)
{
    struct tasks *ts = tasks_of(t->arena);
    struct mq_notice *n = slab_alloc(t->arena, &mqueue_notice_slab);

    if (!n)
        return -ENOMEM;
    n->notice = (struct mqueue_notice){ &mq_notice_ops, ev->notify, ev->signo };
    n->owner = group_get(t->group);
    n->value = ev->value;
    mutex_lock(&ts->lock);
    n->exec_id = t->group->exec_id;
    mutex_unlock(&ts->lock);
    *out = &n->notice;
    return 0;
}
