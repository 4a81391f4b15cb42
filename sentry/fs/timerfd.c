/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timerfd_create(2): expirations of a timer, counted behind a descriptor.
 *
 * A timer with an interval fires once and then rests until somebody reads or asks: only
 * then is it counted how many intervals have gone by, and the next is armed. So a timer
 * that nobody reads costs one wake-up, however short its interval. Linux does the same.
 */
#include "sentry/fs/timerfd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/timerfd.h>

#include "sentry/core/slab.h"
#include "sentry/core/timer.h"

/* [I] never changes   [l] under lock */
struct timerfd {
    struct file file;
    struct timer timer;
    struct mutex lock;      /* RANK_PIPE */
    int clock;              /* [I] as the guest named it */
    enum clock_id clock_id; /* [I] */
    int flags;              /* [l] of the last timerfd_settime(2) */
    bool armed;             /* [l] `timer` is to fire at `next` */
    bool rests;             /* [l] it has fired, and the interval is not counted yet */
    nsec_t next;            /* [l] when it fires, or fired, by clock_id */
    nsec_t interval;        /* [l] 0: once */
    uint64_t ticks;         /* [l] expirations that nobody has read */
};

static const struct slab_type timerfd_slab = SLAB_TYPE(
    timerfd, struct timerfd,
    .const_ptrs = { PTR_AT(struct timerfd, file.ops), PTR_AT(struct timerfd, timer.ops) });

static struct timerfd *of(struct file *f)
{
    return container_of(f, struct timerfd, file);
}

static nsec_t now_of(const struct timerfd *t)
{
    return clock_now(arena_host(t->file.arena, HOST_CLOCK), t->clock_id);
}

static void arm_locked(struct timerfd *t, nsec_t next) HOLDS(t->lock);
static void arm_locked(struct timerfd *t, nsec_t next)
{
    nsec_t mono = clock_now(arena_host(t->file.arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);
    nsec_t now = now_of(t);

    t->next = next;
    t->armed = true;
    t->rests = false;
    timer_arm(t->file.arena, &t->timer, next > now ? nsec_add(mono, next - now) : mono);
}

static void fire(struct timer *timer)
{
    struct timerfd *t = container_of(timer, struct timerfd, timer);

    mutex_lock(&t->lock);
    /* It may have been set anew, or disarmed, while we were on our way. */
    bool fired = t->armed && now_of(t) >= t->next;
    if (fired) {
        t->armed = false;
        t->rests = t->interval > 0;
        t->ticks++;
    } else if (t->armed) {
        arm_locked(t, t->next);
    }
    mutex_unlock(&t->lock);
    if (fired)
        waitq_wake(&t->file.waitq, POLLIN | POLLRDNORM);
}

static const struct timer_ops timerfd_timer_ops = { .fire = fire };

/* Counts the intervals that went by since it fired, and arms it for the next. */
static void catch_up_locked(struct timerfd *t) HOLDS(t->lock);
static void catch_up_locked(struct timerfd *t)
{
    if (!t->rests)
        return;
    nsec_t late = now_of(t) - t->next;
    int64_t missed = late > 0 ? late / t->interval : 0;
    t->ticks += (uint64_t)missed;
    arm_locked(t, nsec_add(t->next, (missed + 1) * t->interval));
}

static ssize_t timerfd_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct timerfd *t = of(f);

    (void)pos;
    if (io->left < sizeof t->ticks)
        return -EINVAL;
    mutex_lock(&t->lock);
    if (t->ticks > 0)
        catch_up_locked(t);
    uint64_t ticks = t->ticks;
    t->ticks = 0;
    mutex_unlock(&t->lock);
    if (ticks == 0)
        return -EAGAIN;
    ssize_t put = io_put(io, &ticks, sizeof ticks);
    return put < (ssize_t)sizeof ticks ? -EFAULT : put;
}

static unsigned timerfd_poll(struct file *f)
{
    struct timerfd *t = of(f);

    mutex_lock(&t->lock);
    unsigned ready = t->ticks > 0 ? POLLIN : 0;
    mutex_unlock(&t->lock);
    return ready;
}

static void get_locked(struct timerfd *t, struct itimerspec *out) HOLDS(t->lock);
static void get_locked(struct timerfd *t, struct itimerspec *out)
{
    catch_up_locked(t);
    nsec_t left = t->armed ? t->next - now_of(t) : 0;
    out->it_value = nsec_to_timespec(left > 0 ? left : 0);
    out->it_interval = nsec_to_timespec(t->interval);
}

void timerfd_get(struct file *f, struct itimerspec *out)
{
    struct timerfd *t = of(f);

    mutex_lock(&t->lock);
    get_locked(t, out);
    mutex_unlock(&t->lock);
}

int timerfd_set(struct file *f, int flags, const struct itimerspec *value, struct itimerspec *old)
{
    struct timerfd *t = of(f);
    nsec_t at, interval;

    int err = nsec_from_timespec(&value->it_value, &at);
    if (!err)
        err = nsec_from_timespec(&value->it_interval, &interval);
    if (err)
        return err;
    mutex_lock(&t->lock);
    if (old)
        get_locked(t, old);
    timer_try_cancel(f->arena, &t->timer);
    t->armed = t->rests = false;
    t->ticks = 0;
    t->flags = flags;
    t->interval = interval;
    if (at > 0)
        arm_locked(t, flags & TFD_TIMER_ABSTIME ? at : nsec_add(now_of(t), at));
    mutex_unlock(&t->lock);
    return 0;
}

static void timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
    struct timerfd *t = of(f);
    struct itimerspec it;

    mutex_lock(&t->lock);
    uint64_t ticks = t->ticks;
    int flags = t->flags;
    get_locked(t, &it);
    mutex_unlock(&t->lock);
    snprintf(buf, size,
             "clockid: %d\nticks: %ju\nsettime flags: 0%o\nit_value: (%jd, %jd)\n"
             "it_interval: (%jd, %jd)\n",
             t->clock, (uintmax_t)ticks, (unsigned)flags, (intmax_t)it.it_value.tv_sec,
             (intmax_t)it.it_value.tv_nsec, (intmax_t)it.it_interval.tv_sec,
             (intmax_t)it.it_interval.tv_nsec);
}

static void timerfd_release(struct file *f)
{
    struct timerfd *t = of(f);

    timer_cancel(f->arena, &t->timer);
    file_destroy(f);
    slab_free(t);
}

static const struct file_ops timerfd_ops = {
    .name = "timerfd",
    .read = timerfd_read,
    .poll = timerfd_poll,
    .seek = file_seek_nowhere,
    .fdinfo = timerfd_fdinfo,
    .release = timerfd_release,
};

bool file_is_timerfd(const struct file *f)
{
    return f->ops == &timerfd_ops;
}

static int clock_id_of(int clock, enum clock_id *out)
{
    switch (clock) {
    case CLOCK_MONOTONIC:
        *out = CLOCK_ID_MONOTONIC;
        return 0;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
        *out = CLOCK_ID_REALTIME;
        return 0;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *out = CLOCK_ID_BOOTTIME;
        return 0;
    default:
        return -EINVAL;
    }
}

int timerfd_file_create(struct arena *a, const struct cred *cred, int clock, int flags,
                        struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    enum clock_id id;
    int err = clock_id_of(clock, &id);

    if (!err)
        err = anon_inode_create(a, 0600, NULL, &inode);
    if (err)
        return err;
    struct timerfd *t = slab_alloc(a, &timerfd_slab);
    if (!t)
        return -ENOMEM;
    file_init(&t->file, a, &timerfd_ops, NULL, inode, O_RDWR | (flags & TFD_NONBLOCK), cred);
    t->file.kind |= FILE_STREAM | FILE_POLLABLE;
    mutex_init(&t->lock, RANK_PIPE);
    timer_init(&t->timer, &timerfd_timer_ops);
    t->clock = clock;
    t->clock_id = id;
    *out = &t->file;
    return 0;
}
