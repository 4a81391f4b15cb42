/* SPDX-License-Identifier: Apache-2.0 */
/* prctl(2): what a task may set about itself. Other families of it: prctl.h. */
#include <signal.h>
#include <sys/prctl.h>

#include "sentry/core/refused.h"
#include "sentry/syscall/prctl.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"
#include "sentry/task/sighand.h"
#include "sentry/task/tasks.h"

#define PR_GET_AUXV_  0x41555856
#define SLACK_DEFAULT 50000u /* nanoseconds */
#define DUMPABLE_MAX  1      /* 2 is the administrator's alone */

static long put_int(struct task *t, uint64_t to, int value)
{
    return copy_out_struct(t->mm, uptr(to), &value);
}

static long set_pdeath_signal(struct task *t, uint64_t sig)
{
    if (sig > SIGNAL_COUNT)
        return -EINVAL;
    atomic_store(&t->pdeath_signal, (int)sig);
    return 0;
}

static long set_name(struct task *t, uint64_t from)
{
    char name[16] = { 0 };
    ssize_t n = copy_in_string(t->mm, name, uptr(from), sizeof name);

    if (n == -EFAULT)
        return n;
    name[sizeof name - 1] = '\0'; /* a longer one is cut */
    task_set_name(t, name);
    return 0;
}

static long get_name(struct task *t, uint64_t to)
{
    char name[16];

    task_get_name(t, name);
    return copy_out_struct(t->mm, uptr(to), &name);
}

static long set_no_new_privs(struct task *t)
{
    struct cred *c;

    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->no_new_privs = true;
    task_set_cred(t, c);
    return 0;
}

static long set_subreaper(struct task *t, bool on)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    t->group->subreaper = on;
    mutex_unlock(&ts->lock);
    return 0;
}

static long get_auxv(struct task *t, uint64_t to, uint64_t room)
{
    char auxv[1024];
    size_t size = mm_get_auxv(t->mm, auxv, sizeof auxv);
    size_t n = min(room, (uint64_t)min(size, sizeof auxv));

    return copy_out(t->mm, uptr(to), auxv, n) ? -EFAULT : (long)size;
}

static long set_timer_slack(struct task *t, uint64_t slack)
{
    atomic_store(&t->timer_slack, (int64_t)slack <= 0 ? SLACK_DEFAULT : slack);
    return 0;
}

/* PR_MCE_KILL: memory errors reach no guest, but the choice is kept. */
static long mce_kill(struct task *t, uint64_t arg2, uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
    bool clear = arg2 == PR_MCE_KILL_CLEAR;

    if (arg4 || arg5 || (clear && arg3) || arg2 > PR_MCE_KILL_SET || arg3 > PR_MCE_KILL_DEFAULT)
        return -EINVAL;
    atomic_store(&t->mce_kill, clear ? PR_MCE_KILL_DEFAULT : (int)arg3);
    return 0;
}

long sys_prctl(struct task *t, int option, uint64_t arg2, uint64_t arg3, uint64_t arg4,
               uint64_t arg5)
{
    switch (option) {
    case PR_SET_PDEATHSIG:
        return set_pdeath_signal(t, arg2);
    case PR_GET_PDEATHSIG:
        return put_int(t, arg2, atomic_load(&t->pdeath_signal));
    case PR_GET_DUMPABLE:
        return mm_dumpable(t->mm);
    case PR_SET_DUMPABLE:
        if (arg2 > DUMPABLE_MAX)
            return -EINVAL;
        mm_set_dumpable(t->mm, (int)arg2);
        return 0;
    case PR_SET_NAME:
        return set_name(t, arg2);
    case PR_GET_NAME:
        return get_name(t, arg2);
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return arg2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_TSC:
        return put_int(t, arg2, PR_TSC_ENABLE);
    case PR_SET_TSC:
        return arg2 == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_SET_TIMERSLACK:
        return set_timer_slack(t, arg2);
    case PR_GET_TIMERSLACK:
        return (long)min(atomic_load(&t->timer_slack), (uint64_t)INT64_MAX);
    case PR_MCE_KILL:
        return mce_kill(t, arg2, arg3, arg4, arg5);
    case PR_MCE_KILL_GET:
        return arg2 | arg3 | arg4 | arg5 ? -EINVAL : atomic_load(&t->mce_kill);
    case PR_SET_CHILD_SUBREAPER:
        return set_subreaper(t, arg2);
    case PR_GET_CHILD_SUBREAPER:
        return put_int(t, arg2, t->group->subreaper);
    case PR_SET_NO_NEW_PRIVS:
        return arg2 != 1 || arg3 | arg4 | arg5 ? -EINVAL : set_no_new_privs(t);
    case PR_GET_NO_NEW_PRIVS:
        return arg2 | arg3 | arg4 | arg5 ? -EINVAL : t->cred->no_new_privs;
    case PR_GET_TID_ADDRESS:
        return copy_out_struct(t->mm, uptr(arg2), &t->clear_tid.va);
    case PR_SET_THP_DISABLE:
        if (arg3 | arg4 | arg5)
            return -EINVAL;
        mm_set_thp_disabled(t->mm, arg2);
        return 0;
    case PR_GET_THP_DISABLE:
        return arg2 | arg3 | arg4 | arg5 ? -EINVAL : mm_thp_disabled(t->mm);
    case PR_GET_AUXV_:
        return arg4 | arg5 ? -EINVAL : get_auxv(t, arg2, arg3);
    case PR_SET_MM:
        return prctl_set_mm(t, arg2, arg3, arg4, arg5);
    default:
        break;
    }
    long result = prctl_cap(t, option, arg2, arg3, arg4, arg5);
    if (result == -ENOSYS) {
        refused_count(t->arena, REFUSED_PRCTL, (uint64_t)option);
        result = -EINVAL;
    }
    return result;
}
