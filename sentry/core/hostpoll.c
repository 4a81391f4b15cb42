/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one list of watches. Whoever changes the list pokes an eventfd that the
 * thread has among its descriptors, if the thread might be asleep with an older one.
 */
#include "sentry/core/hostpoll.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/host.h"
#include "base/lock.h"
#include "base/thread.h"

/* [I] never changes   [l] under lock   [t] its thread's */
struct hostpoll {
    struct arena *arena;                 /* [I] */
    cpu_set_t cpus;                      /* [I] that the sandbox may use */
    struct mutex lock;                   /* RANK_HOSTPOLL */
    struct list watches;                 /* [l] */
    uint32_t count;                      /* [l] */
    int poke;                            /* [I] an eventfd */
    bool running, asleep, stop;          /* [l] */
    pid_t tid;                           /* [l] */
    struct hostpoll_watch *firing;       /* [l] whose ready() runs now */
    _Atomic uint32_t turns;              /* [a] counts what it has done: a futex */
    struct pollfd fds[HOSTPOLL_MAX + 1]; /* [t] */
    struct hostpoll_watch
        *watch_of[HOSTPOLL_MAX + 1]; /* [t] compared only, never followed unasked */
};

#define HOSTPOLL_SIZE ((sizeof(struct hostpoll) + 4095) & ~(size_t)4095)

int hostpoll_create(struct arena *a)
{
    struct hostpoll *p;
    void *at;
    int err = host_mmap(NULL, HOSTPOLL_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &at);
    if (err)
        return err;
    p = at;
    p->poke = host_eventfd(0, EFD_NONBLOCK);
    if (p->poke < 0) {
        err = p->poke;
        int unmapped = host_munmap(at, HOSTPOLL_SIZE);
        assert(!unmapped);
        return err;
    }
    p->arena = a;
    CPU_ZERO(&p->cpus);
    err = host_sched_getaffinity(0, sizeof p->cpus, &p->cpus);
    if (err < 0)
        memset(&p->cpus, 0xff, sizeof p->cpus); /* more than a set has: the host knows which */
    mutex_init(&p->lock, RANK_HOSTPOLL);
    list_init(&p->watches);
    arena_set_host(a, HOST_POLL, p);
    return 0;
}

static void poke(struct hostpoll *p)
{
    uint64_t one = 1;
    ssize_t n = host_write(p->poke, &one, sizeof one);

    assert(n == sizeof one || n == -EAGAIN);
}

static void done_locked(struct hostpoll *p) HOLDS(p->lock);
static void done_locked(struct hostpoll *p)
{
    atomic_fetch_add(&p->turns, 1);
    host_futex_wake(&p->turns, INT32_MAX);
}

/* Sleeps until the thread has got on. The lock is dropped meanwhile. */
static void await_turn_locked(struct hostpoll *p) HOLDS(p->lock);
static void await_turn_locked(struct hostpoll *p)
{
    uint32_t seen = atomic_load(&p->turns);

    mutex_unlock(&p->lock);
    int err = host_futex_wait(&p->turns, seen, NSEC_NEVER);
    assert(!err || err == -EAGAIN || err == -EINTR);
    mutex_lock(&p->lock);
}

void hostpoll_destroy(struct arena *a)
{
    struct hostpoll *p = arena_host(a, HOST_POLL);

    if (!p)
        return;
    mutex_lock(&p->lock);
    assert(list_empty(&p->watches));
    p->stop = true;
    poke(p);
    while (p->running)
        await_turn_locked(p);
    mutex_unlock(&p->lock);
    host_close(p->poke);
    int err = host_munmap(p, HOSTPOLL_SIZE);
    assert(!err);
    arena_set_host(a, HOST_POLL, NULL);
}

/* Copies what is watched, for ppoll(2). Gives how many descriptors there are. */
static size_t collect_locked(struct hostpoll *p) HOLDS(p->lock);
static size_t collect_locked(struct hostpoll *p)
{
    struct hostpoll_watch *w;
    size_t n = 0;

    p->fds[n++] = (struct pollfd){ .fd = p->poke, .events = POLLIN };
    list_for_each (w, &p->watches, node) {
        p->watch_of[n] = w;
        p->fds[n++] =
            (struct pollfd){ .fd = hostfd_get(p->arena, w->fd), .events = (short)w->events };
    }
    return n;
}

/* Is `w`, which was armed when we went to sleep, armed still? */
static bool is_armed_locked(struct hostpoll *p, const struct hostpoll_watch *w) HOLDS(p->lock);
static bool is_armed_locked(struct hostpoll *p, const struct hostpoll_watch *w)
{
    const struct hostpoll_watch *other;

    list_for_each (other, &p->watches, node)
        if (other == w)
            return true;
    return false;
}

static void take_off_locked(struct hostpoll *p, struct hostpoll_watch *w) HOLDS(p->lock);
static void take_off_locked(struct hostpoll *p, struct hostpoll_watch *w)
{
    list_del(&w->node);
    w->armed_by = NULL;
    p->count--;
}

static void fire_locked(struct hostpoll *p, struct hostpoll_watch *w, unsigned bits) HOLDS(p->lock);
static void fire_locked(struct hostpoll *p, struct hostpoll_watch *w, unsigned bits)
{
    take_off_locked(p, w);
    p->firing = w;
    mutex_unlock(&p->lock);
    w->ops->ready(w, bits);
    mutex_lock(&p->lock);
    p->firing = NULL;
    done_locked(p);
}

static void turn_locked(struct hostpoll *p) HOLDS(p->lock);
static void turn_locked(struct hostpoll *p)
{
    size_t n = collect_locked(p);
    uint64_t pokes;

    p->asleep = true;
    mutex_unlock(&p->lock);
    int ready = host_ppoll(p->fds, n, NSEC_NEVER);
    if (ready > 0 && p->fds[0].revents) {
        ssize_t got = host_read(p->poke, &pokes, sizeof pokes);
        assert(got == sizeof pokes || got == -EAGAIN);
    }
    mutex_lock(&p->lock);
    p->asleep = false;
    if (ready <= 0)
        return; /* a signal: nothing in `fds` means anything */
    for (size_t i = 1; i < n; i++) {
        unsigned bits = (unsigned short)p->fds[i].revents;
        if (bits && is_armed_locked(p, p->watch_of[i]))
            fire_locked(p, p->watch_of[i], bits & POLLNVAL ? 0 : bits);
    }
}

/* A platform may hold who has started us on one processor for a while; we should stay there. */
static void roam(const struct hostpoll *p)
{
    int err = host_sched_setaffinity(0, sizeof p->cpus, &p->cpus);
    (void)err; /* it is only slower then */
}

static void loop(void *arg)
{
    struct hostpoll *p = arg;

    roam(p);
    mutex_lock(&p->lock);
    p->tid = host_gettid();
    while (!p->stop)
        turn_locked(p);
    p->running = false;
    done_locked(p);
    /* The last touch: whoever waits for this frees it. */
    mutex_unlock(&p->lock);
}

void hostpoll_watch_init(struct hostpoll_watch *w, const struct hostpoll_ops *ops)
{
    *w = (struct hostpoll_watch){ .ops = ops };
    list_init(&w->node);
}

static int arm_locked(struct hostpoll *p, struct hostpoll_watch *w, hostfd_t fd, unsigned events)
    HOLDS(p->lock);
static int arm_locked(struct hostpoll *p, struct hostpoll_watch *w, hostfd_t fd, unsigned events)
{
    bool more = !w->armed_by || (w->events & events) != events;

    if (!w->armed_by && p->count == HOSTPOLL_MAX)
        return -ENOSPC;
    if (!p->running) {
        int err = thread_start(loop, p);
        if (err)
            return err;
        p->running = true;
    }
    if (!w->armed_by) {
        w->armed_by = p;
        w->events = 0;
        list_init(&w->node); /* after a restore it may say something else */
        list_push_back(&p->watches, &w->node);
        p->count++;
    }
    w->fd = fd;
    w->events |= events;
    if (more && p->asleep)
        poke(p);
    return 0;
}

int hostpoll_arm(struct arena *a, struct hostpoll_watch *w, hostfd_t fd, unsigned events)
{
    struct hostpoll *p = arena_host(a, HOST_POLL);

    mutex_lock(&p->lock);
    int err = arm_locked(p, w, fd, events);
    mutex_unlock(&p->lock);
    return err;
}

void hostpoll_disarm(struct arena *a, struct hostpoll_watch *w)
{
    struct hostpoll *p = arena_host(a, HOST_POLL);

    if (!p)
        return;
    mutex_lock(&p->lock);
    for (;;) {
        /* What stays in the thread's own list is compared there, and found to be gone. */
        if (w->armed_by == p) {
            take_off_locked(p, w);
            if (p->asleep) /* ppoll(2) holds the file open, which is about to be closed */
                poke(p);
        }
        if (p->firing != w || p->tid == host_gettid())
            break;
        await_turn_locked(p);
    }
    mutex_unlock(&p->lock);
}
