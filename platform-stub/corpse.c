/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stubs that we have killed. Linux takes its time to end one, and nobody needs to
 * wait for that: they are collected by the way, by whoever runs a guest next. Until
 * all stubs of an address space are gone, what was theirs must not have another user:
 * an agent might still carry out what is written in its command area, and a guest
 * thread write what it shares with us.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-stub/stubs.h"

void stub_kill(pid_t pid)
{
    /* The thread, not the process, as the sentry's filter has no kill(2): it has one thread. */
    int err = host_tgkill(pid, pid, SIGKILL);
    if (err)
        panic("tgkill(%d, SIGKILL): %d", pid, err);
}

/*
 * Whether the stub has ended. It may be seen stopped once more before it does.
 *
 *   errors    ECHILD where it was waited for already
 */
static int wait_for(pid_t pid, int options)
{
    int status;

    for (;;) {
        pid_t got = host_wait4(pid, &status, options | __WALL);
        if (got == 0 || got == -ECHILD)
            return got;
        if (got == pid && !WIFSTOPPED(status))
            return 1;
        if (got < 0 && got != -EINTR)
            panic("wait4(%d): %d", pid, got);
    }
}

static bool has_ended(pid_t pid, int options)
{
    int got = wait_for(pid, options);

    if (got < 0)
        panic("wait4(%d): %d", pid, got);
    return got > 0;
}

void stub_end(pid_t pid)
{
    stub_kill(pid);
    has_ended(pid, 0);
}

struct corpse *corpse_create(struct aspace *as)
{
    struct corpse *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->as = as;
    list_init(&c->node);
    mutex_lock(&as->stubs->lock);
    as->corpses++;
    mutex_unlock(&as->stubs->lock);
    return c;
}

void corpse_live(struct corpse *c, pid_t pid)
{
    struct aspace *as = c->as;

    mutex_lock(&as->stubs->lock);
    c->pid = pid;
    list_push_back(&as->living, &c->node);
    mutex_unlock(&as->stubs->lock);
}

/* What it could write is its address space's again. The last one takes that along. */
static void bury_locked(struct stubs *stubs, struct corpse *c) HOLDS(stubs->lock);
static void bury_locked(struct stubs *stubs, struct corpse *c)
{
    struct aspace *as = c->as;

    list_del(&c->node);
    if (stubs->gone)
        stubs->gone(stubs, c);
    free(c);
    assert(as->corpses > 0);
    if (--as->corpses > 0)
        return;
    if (!as->haunted) {
        if (stubs->bury)
            stubs->bury(stubs, as);
        agent_wipe(&stubs->cmds[as->area]);
        bitmap_clear(stubs->areas, (size_t)as->area);
    }
    free(as);
}

void corpse_free(struct corpse *c)
{
    if (!c)
        return;
    struct stubs *stubs = c->as->stubs;
    mutex_lock(&stubs->lock);
    bury_locked(stubs, c);
    mutex_unlock(&stubs->lock);
}

static void reap_locked(struct stubs *stubs, int options) HOLDS(stubs->lock);
static void reap_locked(struct stubs *stubs, int options)
{
    struct corpse *c;
    struct list *tmp;

    list_for_each_safe (c, tmp, &stubs->corpses, node) {
        if (!has_ended(c->pid, options))
            continue;
        atomic_fetch_sub_explicit(&stubs->corpse_count, 1, memory_order_relaxed);
        bury_locked(stubs, c);
    }
}

void corpse_add(struct corpse *c, pid_t pid)
{
    struct stubs *stubs = c->as->stubs;

    mutex_lock(&stubs->lock);
    c->pid = pid;
    if (pid && !c->ended) {
        stub_kill(pid);
        list_del(&c->node);
        list_push_back(&stubs->corpses, &c->node);
        atomic_fetch_add_explicit(&stubs->corpse_count, 1, memory_order_relaxed);
    } else {
        bury_locked(stubs, c);
    }
    mutex_unlock(&stubs->lock);
}

unsigned corpse_end_all(struct aspace *as)
{
    struct stubs *stubs = as->stubs;
    struct corpse *c;
    unsigned killed = 0;

    mutex_lock(&stubs->lock);
    list_for_each (c, &as->living, node) {
        /* Where its own thread was quicker, that is about to say so. */
        c->ended = c->ended || wait_for(c->pid, WNOHANG) != 0;
        /* ESRCH: now it has. Its pid is not given to another process that soon. */
        if (!c->ended && host_tgkill(c->pid, c->pid, SIGKILL) == 0)
            killed++;
    }
    list_for_each (c, &as->living, node) {
        if (!c->ended)
            c->ended = wait_for(c->pid, 0) != 0;
    }
    reap_locked(stubs, 0); /* those of it that were being killed, among others */
    mutex_unlock(&stubs->lock);
    return killed;
}

void corpse_reap_some(struct stubs *stubs)
{
    if (atomic_load_explicit(&stubs->corpse_count, memory_order_relaxed) == 0)
        return;
    /* Another has the lock: it may be doing the same, and there is always a next time. */
    if (mutex_trylock(&stubs->lock)) {
        reap_locked(stubs, WNOHANG);
        mutex_unlock(&stubs->lock);
    }
}

void corpse_reap_all(struct stubs *stubs)
{
    mutex_lock(&stubs->lock);
    reap_locked(stubs, 0);
    mutex_unlock(&stubs->lock);
}
