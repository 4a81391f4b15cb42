/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits is on a list, newest first, whose processor and stack are still warm. What is
 * known of it lies on its own stack.
 */
#include "base/thread_pool.h"

#include <errno.h>
#include <stdlib.h>

#include "base/host.h"
#include "base/lock.h"
#include "base/panic.h"
#include "base/ref.h"
#include "base/thread.h"

#define WAITING_MAX 8u

/* worker.order */
enum { WAIT, WORK, END };

/* One that waits. */
struct worker {
    struct worker *next;
    _Atomic uint32_t order;
    void (*body)(void *arg);
    void *arg;
};

struct thread_pool {
    struct ref ref;         /* the owner's, and one for each thread */
    struct mutex lock;      /* RANK_THREADS */
    struct worker *waiting; /* [l] */
    unsigned count;         /* [l] of them */
    bool ended;             /* [l] */
};

/* What a new thread begins with. */
struct first {
    struct thread_pool *pool;
    void (*body)(void *arg);
    void *arg;
};

struct thread_pool *thread_pool_create(void)
{
    struct thread_pool *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    ref_init(&p->ref);
    mutex_init(&p->lock, RANK_THREADS);
    return p;
}

static void put(struct thread_pool *p)
{
    if (ref_put(&p->ref))
        free(p);
}

/* It may have begun, even ended, before it is woken: nobody sleeps there then. */
static void order(struct worker *w, uint32_t what)
{
    atomic_store(&w->order, what);
    host_futex_wake(&w->order, 1);
}

void thread_pool_destroy(struct thread_pool *p)
{
    struct worker *w;

    if (!p)
        return;
    mutex_lock(&p->lock);
    p->ended = true;
    while ((w = p->waiting)) {
        p->waiting = w->next;
        order(w, END);
    }
    mutex_unlock(&p->lock);
    put(p);
}

/* False where there are enough that wait. */
static bool join(struct thread_pool *p, struct worker *w)
{
    mutex_lock(&p->lock);
    bool joins = !p->ended && p->count < WAITING_MAX;
    if (joins) {
        atomic_store_explicit(&w->order, WAIT, memory_order_relaxed);
        w->next = p->waiting;
        p->waiting = w;
        p->count++;
    }
    mutex_unlock(&p->lock);
    return joins;
}

/* True where there is work. */
static bool await(struct thread_pool *p, struct worker *w)
{
    uint32_t now;

    if (!join(p, w))
        return false;
    while ((now = atomic_load(&w->order)) == WAIT) {
        int err = host_futex_wait(&w->order, WAIT, NSEC_NEVER);
        if (err && err != -EAGAIN && err != -EINTR)
            panic("futex wait: %d", err);
    }
    return now == WORK;
}

static void run(void *arg)
{
    struct first first = *(struct first *)arg;
    struct worker w = { .body = first.body, .arg = first.arg };

    free(arg);
    do
        w.body(w.arg);
    while (await(first.pool, &w));
    put(first.pool);
}

static int start_new(struct thread_pool *p, void (*body)(void *arg), void *arg)
{
    struct first *first = malloc(sizeof *first);

    if (!first)
        return -EAGAIN;
    *first = (struct first){ p, body, arg };
    ref_get(&p->ref);
    int err = thread_start(run, first);
    if (err) {
        put(p);
        free(first);
    }
    return err;
}

static struct worker *take(struct thread_pool *p)
{
    mutex_lock(&p->lock);
    struct worker *w = p->waiting;
    if (w) {
        p->waiting = w->next;
        p->count--;
    }
    mutex_unlock(&p->lock);
    return w;
}

int thread_pool_start(struct thread_pool *p, void (*body)(void *arg), void *arg)
{
    struct worker *w = take(p);

    if (!w)
        return start_new(p, body, arg);
    w->body = body;
    w->arg = arg;
    order(w, WORK);
    return 0;
}
