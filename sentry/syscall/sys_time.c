/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: reading them, sleeping on them, and being told that they are not ours to set. */
#include <sys/timex.h>

#include "sentry/load/vdso.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/clock_sleep.h"
#include "sentry/task/timers.h"

#define CAP_WAKE_ALARM 35

/* Those that would wake the machine are there only with a clock chip, which we do not have. */
static int open_clock(struct task *t, int clockid, bool reading, struct guest_clock *c)
{
    int err = guest_clock_open(t, clockid, reading, c);

    return err ? err : c->alarm ? -EINVAL : 0;
}

long sys_clock_gettime(struct task *t, int clockid, uptr_t tp)
{
    struct guest_clock c;
    int err = open_clock(t, clockid, true, &c);

    if (err)
        return err;
    struct timespec ts = nsec_to_timespec(guest_clock_now(t->arena, &c));
    guest_clock_close(&c);
    return copy_out_struct(t->mm, tp, &ts);
}

long sys_clock_getres(struct task *t, int clockid, uptr_t res)
{
    struct guest_clock c;
    int err = open_clock(t, clockid, false, &c);

    if (err)
        return err;
    struct timespec ts = nsec_to_timespec(guest_clock_step(&c));
    guest_clock_close(&c);
    return uptr_is_null(res) ? 0 : copy_out_struct(t->mm, res, &ts);
}

/* Only CLOCK_REALTIME could be set at all, and by nobody in here. */
long sys_clock_settime(struct task *t, int clockid, uptr_t tp)
{
    struct timespec ts;
    struct guest_clock c;
    int err = guest_clock_open(t, clockid, false, &c);

    if (err)
        return err;
    bool wall = c.kind == GUEST_CLOCK_WALL;
    guest_clock_close(&c);
    if (clockid >= 0 && clockid != CLOCK_REALTIME)
        return -EINVAL;
    err = copy_in_struct(t->mm, &ts, tp);
    if (!err && wall && nsec_from_timespec(&ts, &(nsec_t){ 0 }))
        err = -EINVAL;
    return err ? err : -EPERM;
}

long sys_gettimeofday(struct task *t, uptr_t tv, uptr_t tz)
{
    struct timeval now = nsec_to_timeval(vdso_now(t->arena, CLOCK_ID_REALTIME));
    struct timezone zone = { 0 };
    int err = uptr_is_null(tv) ? 0 : copy_out_struct(t->mm, tv, &now);

    return err || uptr_is_null(tz) ? err : copy_out_struct(t->mm, tz, &zone);
}

long sys_settimeofday(struct task *t, uptr_t tv, uptr_t tz)
{
    struct timezone zone;
    struct timeval now;
    nsec_t ignored;
    int err = 0;

    if (!uptr_is_null(tv)) {
        err = copy_in_struct(t->mm, &now, tv);
        if (!err)
            err = nsec_from_timeval(&now, &ignored);
    }
    if (!err && !uptr_is_null(tz))
        err = copy_in_struct(t->mm, &zone, tz);
    return err ? err : -EPERM;
}

long sys_time(struct task *t, uptr_t tloc)
{
    time_t now = vdso_now(t->arena, CLOCK_ID_REALTIME) / NSEC_PER_SEC;
    int err = uptr_is_null(tloc) ? 0 : copy_out_struct(t->mm, tloc, &now);

    return err ? err : now;
}

/* A nanosleep that a signal cut short, and goes on: from restart_syscall(2). */
static long again_sleep(struct task *t);

/* Sleeps; where a signal comes, says what is left, if `rem` is not null. */
static long sleep_until(struct task *t, const struct moment *m, bool absolute, uptr_t rem)
{
    int err;

    do {
        park_prepare(&t->park);
        err = task_now(t, m->clock) >= m->at ? -ETIMEDOUT : clock_sleep(t, m);
    } while (!err);
    if (err == -ETIMEDOUT)
        return 0;
    if (absolute)
        return -ERESTARTNOHAND;
    if (!uptr_is_null(rem)) {
        struct timespec ts = nsec_to_timespec(max(m->at - task_now(t, m->clock), (nsec_t)0));
        err = copy_out_struct(t->mm, rem, &ts);
        if (err)
            return err;
    }
    t->restart = (struct restart_block){
        .fn = again_sleep,
        .arg = {(uint64_t)m->at, m->clock, rem.va},
    };
    return -ERESTART_RESTARTBLOCK;
}

static long again_sleep(struct task *t)
{
    const uint64_t *arg = t->restart.arg;
    const struct moment m = { (enum clock_id)arg[1], (nsec_t)arg[0] };

    return sleep_until(t, &m, false, uptr(arg[2]));
}

long sys_nanosleep(struct task *t, uptr_t req, uptr_t rem)
{
    struct timespec ts;
    nsec_t span;
    int err = copy_in_struct(t->mm, &ts, req);

    if (!err)
        err = nsec_from_timespec(&ts, &span);
    if (err)
        return err;
    const struct moment m = { CLOCK_ID_MONOTONIC, nsec_add(task_now(t, CLOCK_ID_MONOTONIC), span) };
    return sleep_until(t, &m, false, rem);
}

static long again_cpu_sleep(struct task *t);

/* The same on processor time. */
static long cpu_sleep(struct task *t, int clockid, nsec_t at, bool absolute, uptr_t rem)
{
    struct guest_clock c;
    int err = guest_clock_open(t, clockid, false, &c);

    if (err)
        return err;
    err = c.task == t ? -EINVAL : timers_sleep(t, &c, at);
    nsec_t left = err == -ERESTARTSYS ? max(at - guest_clock_now(t->arena, &c), (nsec_t)0) : 0;
    guest_clock_close(&c);
    if (err != -ERESTARTSYS)
        return err;
    if (absolute)
        return -ERESTARTNOHAND;
    struct timespec ts = nsec_to_timespec(left);
    if (!uptr_is_null(rem) && copy_out_struct(t->mm, rem, &ts))
        return -EFAULT;
    t->restart = (struct restart_block){
        .fn = again_cpu_sleep,
        .arg = {(uint64_t)(int64_t)clockid, (uint64_t)at, rem.va},
    };
    return -ERESTART_RESTARTBLOCK;
}

static long again_cpu_sleep(struct task *t)
{
    const uint64_t *arg = t->restart.arg;

    return cpu_sleep(t, (int)arg[0], (nsec_t)arg[1], false, uptr(arg[2]));
}

/* May one sleep on it? Errors: EOPNOTSUPP, EPERM. */
static int check_sleep(struct task *t, int clockid, const struct guest_clock *c)
{
    if (c->bare || clockid == CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    if (c->alarm)
        return task_root_capable(t, CAP_WAKE_ALARM) ? -EOPNOTSUPP : -EPERM;
    return 0;
}

long sys_clock_nanosleep(struct task *t, int clockid, int flags, uptr_t req, uptr_t rem)
{
    bool absolute = flags & TIMER_ABSTIME;
    struct guest_clock c;
    struct timespec ts;
    nsec_t at = 0;

    int err = guest_clock_open(t, clockid, false, &c);
    if (err)
        return err;
    err = check_sleep(t, clockid, &c);
    if (!err)
        err = copy_in_struct(t->mm, &ts, req);
    if (!err)
        err = nsec_from_timespec(&ts, &at);
    bool wall = c.kind == GUEST_CLOCK_WALL;
    const struct moment m = {
        c.wall,
        err || absolute ? at
        : wall          ? nsec_add(task_now(t, c.wall), at)
                        : nsec_add(guest_clock_now(t->arena, &c), at),
    };
    guest_clock_close(&c);
    if (err)
        return err;
    if (wall)
        return sleep_until(t, &m, absolute, rem);
    return cpu_sleep(t, clockid, m.at, absolute, rem);
}

/* What adjtimex(2) tells of a clock that somebody else keeps right. */
static int adjust(struct task *t, uptr_t buf)
{
    struct timex tx;
    int err = copy_in_struct(t->mm, &tx, buf);

    if (err)
        return err;
    if (tx.modes && tx.modes != ADJ_OFFSET_SS_READ)
        return -EPERM;
    struct timeval now = nsec_to_timeval(vdso_now(t->arena, CLOCK_ID_REALTIME));
    tx = (struct timex){
        .modes = tx.modes,
        .maxerror = 500000,
        .precision = 1,
        .tolerance = 32768000,
        .tick = 10000,
        .constant = 2,
        .time = now,
    };
    err = copy_out_struct(t->mm, buf, &tx);
    return err ? err : TIME_OK;
}

long sys_adjtimex(struct task *t, uptr_t buf)
{
    return adjust(t, buf);
}

long sys_clock_adjtime(struct task *t, int clockid, uptr_t buf)
{
    struct guest_clock c;
    int err = guest_clock_open(t, clockid, false, &c);

    if (err)
        return err;
    guest_clock_close(&c);
    return clockid == CLOCK_REALTIME || clockid == CLOCK_TAI ? adjust(t, buf) : -EOPNOTSUPP;
}
