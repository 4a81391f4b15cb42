/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of files.
 *
 * Whoever changes a file wakes its queue, under locks that no signal can be sent under. So a wake
 * only says what came, and arms a timer that is due already: its fire(), which holds no lock, looks
 * at the file once more and sends. What comes meanwhile is told by the same signal, as with any
 * that is pending already.
 *
 *     waker:  file changes → waitq_wake() → sigio_wake(): bits, timer_arm()
 *     timers' thread:                       sigio_fire(): file_poll(), signal_send_…()
 *
 * All of this hangs off the file by a file_watch, so that files without an owner have nothing of
 * it.
 */
#include "sentry/task/sigio.h"

#include <fcntl.h>
#include <signal.h>

#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

/* [I] never changes   [w] file->watch_lock   [T] RANK_TASKS   [a] atomic */
struct sigio {
    struct file_watch watch; /* [w] in file->watches */
    struct waiter waiter;    /* in file->waitq while O_ASYNC is set */
    struct timer timer;
    struct file *file;       /* [I] borrowed: a watch ends before its file does */
    bool on;                 /* [w] O_ASYNC */
    _Atomic uint32_t bits;   /* [a] POLL*: what wakes have told since the last signal */
    _Atomic bool wants_room; /* [a] a write has found none since then */
    struct pid *pid;         /* [T] a reference; NULL: nobody */
    uint32_t kind;           /* [T] F_OWNER_* */
    uint32_t uid, euid;      /* [T] of who set the owner */
    int sig;                 /* [T] F_SETSIG */
    int fd;                  /* [T] */
};

/* ---- what is sent ---- */

/* What is told of a change: <signal.h> has the codes, poll(2) the bits. */
struct news {
    int code, band;
};

static const struct news news_in = { POLL_IN, POLLIN | POLLRDNORM };
static const struct news news_out = { POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND };
static const struct news news_pri = { POLL_PRI, POLLPRI | POLLRDBAND };
static const struct news news_hup = { POLL_HUP, POLLHUP | POLLERR };

/* Signals whose codes mean something else: these say SI_SIGIO. */
static bool has_own_codes(int sig)
{
    switch (sig) {
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP:
    case SIGCHLD:
    case SIGSYS:
        return true;
    }
    return false;
}

static int send(struct task *to, uint32_t kind, int sig, const struct abi_siginfo *si)
{
    return kind == F_OWNER_TID ? signal_send_task(to, sig, si)
                               : signal_send_group(to->group, sig, si);
}

/* sigio_perm(): as who set the owner, whatever it has become since. */
static bool may_send(const struct sigio *s, struct task *to)
{
    const struct cred *c = task_cred_get(to);
    bool may = s->euid == 0 || s->euid == c->suid || s->euid == c->ruid || s->uid == c->suid ||
               s->uid == c->ruid;

    cred_put((struct cred *)c);
    return may;
}

/* To one thread, or its process. Under RANK_TASKS, which keeps it. */
static void send_to(const struct sigio *s, struct task *to, const struct news *n)
{
    struct abi_siginfo si = { .si_signo = s->sig, .si_code = n->code };

    if (!to || !may_send(s, to))
        return;
    if (s->sig) {
        if (has_own_codes(s->sig))
            si.si_code = SI_SIGIO;
        si.poll.band = n->band;
        si.poll.fd = s->fd;
        if (send(to, s->kind, s->sig, &si) == 0)
            return;
        /* The queue is full: then SIGIO says that something was lost, fcntl(2). */
    }
    siginfo_kernel(&si, SIGIO, SI_KERNEL);
    (void)!send(to, s->kind, SIGIO, &si); /* only real-time signals can fail */
}

static void send_all(struct sigio *s, const struct news *n)
{
    struct tasks *ts = tasks_of(s->file->arena);
    struct thread_group *g;

    mutex_lock(&ts->lock);
    if (s->pid && s->kind == F_OWNER_PGRP) {
        list_for_each (g, &s->pid->pgrp, pgrp_node)
            send_to(s, g->pid->task, n);
    } else if (s->pid) {
        send_to(s, s->pid->task, n);
    }
    mutex_unlock(&ts->lock);
}

/* ---- when ---- */

/* Due now, and not before: a file that changes all the time must not get ahead of other timers. */
static void kick(struct sigio *s, unsigned bits)
{
    struct arena *a = s->file->arena;
    const struct clock *clock = arena_host(a, HOST_CLOCK);

    atomic_fetch_or(&s->bits, bits);
    timer_arm(a, &s->timer, clock_now(clock, CLOCK_ID_MONOTONIC));
}

static void sigio_wake(struct waiter *w, unsigned bits)
{
    kick(container_of(w, struct sigio, waiter), bits ? bits : ~0u);
}

static const struct waiter_ops sigio_waiter_ops = { .wake = sigio_wake };

/* An end of a pipe that has lost the other is told of as if it were ready, which it is. */
static void sigio_fire(struct timer *timer)
{
    struct sigio *s = container_of(timer, struct sigio, timer);
    unsigned came = atomic_exchange(&s->bits, 0) | POLLHUP | POLLERR;
    unsigned bits = file_poll(s->file) & came;
    bool sock = inode_is(s->file->inode, S_IFSOCK);

    if (bits & POLLHUP)
        send_all(s, sock ? &news_hup : &news_in);
    else if (bits & (POLLIN | POLLRDNORM | POLLRDHUP))
        send_all(s, &news_in);
    if (bits & POLLPRI)
        send_all(s, &news_pri);
    if ((bits & POLLERR && !sock) || (bits & POLLOUT && atomic_exchange(&s->wants_room, false)))
        send_all(s, &news_out);
}

static const struct timer_ops sigio_timer_ops = { .fire = sigio_fire };

/* ---- with a file ---- */

static void stop(struct sigio *s)
{
    if (!s->on)
        return;
    s->on = false;
    waitq_del(&s->file->waitq, &s->waiter);
    timer_cancel(s->file->arena, &s->timer);
}

/* The file is closed for good: called under its watch_lock. */
static void sigio_gone(struct file_watch *w)
{
    struct sigio *s = container_of(w, struct sigio, watch);

    stop(s);
    list_del(&w->node);
    pid_put(s->pid);
    slab_free(s);
}

static const struct file_watch_ops sigio_watch_ops = { .gone = sigio_gone };

static const struct slab_type sigio_slab = SLAB_TYPE(sigio, struct sigio,
                                                     .const_ptrs = {
                                                         PTR_AT(struct sigio, watch.ops),
                                                         PTR_AT(struct sigio, waiter.ops),
                                                         PTR_AT(struct sigio, timer.ops),
                                                     });

/* NULL: it has none. */
static struct sigio *find_locked(struct file *f) HOLDS(f->watch_lock);
static struct sigio *find_locked(struct file *f)
{
    struct file_watch *w;

    list_for_each (w, &f->watches, node)
        if (w->ops == &sigio_watch_ops)
            return container_of(w, struct sigio, watch);
    return NULL;
}

/* NULL: no memory. */
static struct sigio *make_locked(struct file *f) HOLDS(f->watch_lock);
static struct sigio *make_locked(struct file *f)
{
    struct sigio *s = find_locked(f);

    if (s)
        return s;
    s = slab_alloc(f->arena, &sigio_slab);
    if (!s)
        return NULL;
    list_init(&s->watch.node);
    s->watch.ops = &sigio_watch_ops;
    s->waiter.ops = &sigio_waiter_ops;
    timer_init(&s->timer, &sigio_timer_ops);
    s->file = f;
    list_push_back(&f->watches, &s->watch.node);
    return s;
}

/* ---- owners ---- */

/* `pid` is taken. */
static void own(struct sigio *s, struct task *t, uint32_t kind, struct pid *pid)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    struct pid *old = s->pid;
    s->pid = pid;
    s->kind = kind;
    s->uid = t->cred->ruid;
    s->euid = t->cred->euid;
    mutex_unlock(&ts->lock);
    pid_put(old);
}

/* What the caller's number means. Errors: ESRCH. `out` is given, NULL where nobody is meant. */
static int find_pid(struct task *t, int nr, struct pid **out)
{
    struct tasks *ts = tasks_of(t->arena);

    *out = NULL;
    if (nr == 0)
        return 0;
    mutex_lock(&ts->lock);
    struct pid *pid = pid_find_locked(pid_ns_of(t->pid), nr);
    if (pid)
        *out = pid_get(pid);
    mutex_unlock(&ts->lock);
    return pid ? 0 : -ESRCH;
}

int sigio_set_owner(struct task *t, struct file *f, const struct f_owner_ex *owner)
{
    struct pid *pid;

    if ((uint32_t)owner->type > F_OWNER_PGRP)
        return -EINVAL;
    int err = find_pid(t, owner->pid, &pid);
    if (err)
        return err;
    mutex_lock(&f->watch_lock);
    struct sigio *s = make_locked(f);
    if (s)
        own(s, t, (uint32_t)owner->type, pid);
    mutex_unlock(&f->watch_lock);
    if (!s)
        pid_put(pid);
    return s ? 0 : -ENOMEM;
}

int sigio_set_owner_number(struct task *t, struct file *f, int pid)
{
    if (pid == INT32_MIN)
        return -EINVAL; /* its negative is no int */
    return sigio_set_owner(t, f,
                           &(struct f_owner_ex){ .type = pid < 0 ? F_OWNER_PGRP : F_OWNER_PID,
                                                 .pid = pid < 0 ? -pid : pid });
}

/* A number that names nothing of that kind any more is no owner. */
static bool is_there(const struct pid *pid, uint32_t kind)
{
    switch (kind) {
    case F_OWNER_TID:
        return pid->task;
    case F_OWNER_PID:
        return pid->group;
    default:
        return !list_empty(&pid->pgrp);
    }
}

void sigio_get_owner(struct task *t, struct file *f, struct f_owner_ex *out)
{
    struct tasks *ts = tasks_of(t->arena);

    *out = (struct f_owner_ex){ .type = F_OWNER_TID };
    mutex_lock(&f->watch_lock);
    const struct sigio *s = find_locked(f);
    if (s) {
        mutex_lock(&ts->lock);
        out->type = (int)s->kind;
        if (s->pid && is_there(s->pid, s->kind))
            out->pid = pid_nr(s->pid, pid_ns_of(t->pid));
        mutex_unlock(&ts->lock);
    }
    mutex_unlock(&f->watch_lock);
}

int sigio_get_owner_number(struct task *t, struct file *f)
{
    struct f_owner_ex owner;

    sigio_get_owner(t, f, &owner);
    return owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid;
}

/* ---- signals ---- */

int sigio_set_signal(struct file *f, uint64_t sig)
{
    struct tasks *ts = tasks_of(f->arena);

    if (sig > SIGNAL_COUNT)
        return -EINVAL;
    mutex_lock(&f->watch_lock);
    struct sigio *s = sig ? make_locked(f) : find_locked(f);
    if (s) {
        mutex_lock(&ts->lock);
        s->sig = (int)sig;
        mutex_unlock(&ts->lock);
    }
    mutex_unlock(&f->watch_lock);
    return s || !sig ? 0 : -ENOMEM;
}

int sigio_get_signal(struct file *f)
{
    mutex_lock(&f->watch_lock);
    const struct sigio *s = find_locked(f);
    int sig = s ? s->sig : 0; /* [T], and changed under this lock, too */
    mutex_unlock(&f->watch_lock);
    return sig;
}

/* ---- O_ASYNC ---- */

/* A terminal that nobody owns is owned by who is at it. */
static void own_terminal(struct sigio *s, struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);

    if (!inode_is(s->file->inode, S_IFCHR))
        return;
    mutex_lock(&ts->lock);
    struct pid *pgrp = !s->pid && t->group->pgrp ? pid_get(t->group->pgrp) : NULL;
    mutex_unlock(&ts->lock);
    if (pgrp)
        own(s, t, F_OWNER_PGRP, pgrp);
}

static void start(struct sigio *s, struct task *t, int fd)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    s->fd = fd;
    mutex_unlock(&ts->lock);
    own_terminal(s, t);
    if (s->on)
        return;
    s->on = true;
    waitq_add(&s->file->waitq, &s->waiter);
}

int sigio_set_async(struct task *t, struct file *f, int fd, bool on)
{
    assert(f->kind & FILE_ASYNC);
    mutex_lock(&f->watch_lock);
    struct sigio *s = on ? make_locked(f) : find_locked(f);
    if (s && on) {
        start(s, t, fd);
        atomic_fetch_or(&f->flags, O_ASYNC);
    } else if (s) {
        stop(s);
    }
    if (!on)
        atomic_fetch_and(&f->flags, ~(uint32_t)O_ASYNC);
    mutex_unlock(&f->watch_lock);
    return s || !on ? 0 : -ENOMEM;
}

void sigio_wants_room(struct file *f)
{
    if (!(atomic_load_explicit(&f->flags, memory_order_relaxed) & O_ASYNC))
        return;
    mutex_lock(&f->watch_lock);
    struct sigio *s = find_locked(f);
    if (s && s->on) {
        atomic_store(&s->wants_room, true);
        /* There may have come some since it was missing: seen here, or by a wake after this. */
        if (file_poll(f) & POLLOUT)
            kick(s, POLLOUT);
    }
    mutex_unlock(&f->watch_lock);
}
