/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: getitimer(2), alarm(2), timer_create(2) and their kin. */
#include <limits.h>
#include <signal.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/timers.h"

static int decode_itimerval(const struct itimerval *v, struct timer_setting *out)
{
    int err = nsec_from_timeval(&v->it_value, &out->value);

    return err ? err : nsec_from_timeval(&v->it_interval, &out->interval);
}

static int put_itimerval(struct task *t, uptr_t to, const struct timer_setting *s)
{
    struct itimerval v = {
        .it_value = nsec_to_timeval(s->value),
        .it_interval = nsec_to_timeval(s->interval),
    };

    /* One that is armed has something left, however little. */
    if (s->value && !v.it_value.tv_sec && !v.it_value.tv_usec)
        v.it_value.tv_usec = 1;
    return copy_out_struct(t->mm, to, &v);
}

long sys_getitimer(struct task *t, int which, uptr_t value)
{
    struct timer_setting now;
    int err = itimer_get(t, which, &now);

    return err ? err : put_itimerval(t, value, &now);
}

/* No address for the new value is one that disarms: an old mistake that programs rely on. */
long sys_setitimer(struct task *t, int which, uptr_t value, uptr_t old)
{
    struct timer_setting set = { 0 }, was;
    struct itimerval v = { 0 };
    int err = uptr_is_null(value) ? 0 : copy_in_struct(t->mm, &v, value);

    if (!err)
        err = decode_itimerval(&v, &set);
    if (!err)
        err = itimer_set(t, which, &set, &was);
    return err || uptr_is_null(old) ? err : put_itimerval(t, old, &was);
}

long sys_alarm(struct task *t, unsigned seconds)
{
    struct timer_setting set = { .value = min(seconds, (unsigned)INT_MAX) * NSEC_PER_SEC }, was;
    int err = itimer_set(t, ITIMER_REAL, &set, &was);

    if (err)
        return err;
    /* To the nearest second, but never 0 for one that was armed. */
    nsec_t left = was.value / NSEC_PER_SEC, rest = was.value % NSEC_PER_SEC;
    return left + ((left == 0 && rest) || rest >= NSEC_PER_SEC / 2);
}

long sys_timer_create(struct task *t, int clockid, uptr_t sevp, uptr_t timerid)
{
    struct posix_timer_ask ask = { .clock = clockid, .notify = SIGEV_SIGNAL, .sig = SIGALRM };
    struct abi_sigevent ev;

    if (!uptr_is_null(sevp)) {
        int err = copy_in_struct(t->mm, &ev, sevp);
        if (err)
            return err;
        ask.notify = ev.notify;
        ask.sig = ev.signo;
        ask.tid = ev.tid;
        ask.own_value = true;
        ask.value = ev.value;
    }
    int id = posix_timer_create(t, &ask);
    if (id < 0)
        return id;
    int err = copy_out_struct(t->mm, timerid, &id);
    if (err) {
        int ignored = posix_timer_delete(t, id);
        (void)ignored;
    }
    return err;
}

static int put_itimerspec(struct task *t, uptr_t to, const struct timer_setting *s)
{
    struct itimerspec v = {
        .it_value = nsec_to_timespec(s->value),
        .it_interval = nsec_to_timespec(s->interval),
    };

    return copy_out_struct(t->mm, to, &v);
}

long sys_timer_settime(struct task *t, int timerid, int flags, uptr_t value, uptr_t old)
{
    struct timer_setting set, was;
    struct itimerspec v;

    if (uptr_is_null(value))
        return -EINVAL;
    int err = copy_in_struct(t->mm, &v, value);
    if (!err)
        err = nsec_from_timespec(&v.it_value, &set.value);
    if (!err)
        err = nsec_from_timespec(&v.it_interval, &set.interval);
    if (!err)
        err = posix_timer_set(t, timerid, flags & TIMER_ABSTIME, &set, &was);
    return err || uptr_is_null(old) ? err : put_itimerspec(t, old, &was);
}

long sys_timer_gettime(struct task *t, int timerid, uptr_t value)
{
    struct timer_setting now;
    int err = posix_timer_get(t, timerid, &now);

    return err ? err : put_itimerspec(t, value, &now);
}

long sys_timer_getoverrun(struct task *t, int timerid)
{
    return posix_timer_overrun(t, timerid);
}

long sys_timer_delete(struct task *t, int timerid)
{
    return posix_timer_delete(t, timerid);
}
