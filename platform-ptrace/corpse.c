/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stubs that we have killed. Linux takes its time to end one, and nobody needs to
 * wait for that: they are collected by the way, by whoever runs a guest next. Until
 * an agent is gone its command area must not have another user: it might still carry
 * out what is written there.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-ptrace/ptrace_priv.h"

void stub_kill(pid_t pid)
{
    /* The thread, not the process, as the sentry's filter has no kill(2): it has one thread. */
    int err = host_tgkill(pid, pid, SIGKILL);
    if (err)
        panic("tgkill(%d, SIGKILL): %d", pid, err);
}

/* True where the stub has ended. It may be seen stopped once more before it does. */
static bool has_ended(pid_t pid, int options)
{
    int status;

    for (;;) {
        pid_t got = host_wait4(pid, &status, options | __WALL);
        if (got == 0)
            return false;
        if (got == pid && !WIFSTOPPED(status))
            return true;
        if (got < 0 && got != -EINTR)
            panic("wait4(%d): %d", pid, got);
    }
}

void stub_end(pid_t pid)
{
    stub_kill(pid);
    has_ended(pid, 0);
}

static void bury_locked(struct platform *p, struct corpse *c) HOLDS(p->lock);
static void bury_locked(struct platform *p, struct corpse *c)
{
    if (c->slot >= 0)
        bitmap_clear(p->slots, (size_t)c->slot);
    free(c);
}

static void reap_locked(struct platform *p, int options) HOLDS(p->lock);
static void reap_locked(struct platform *p, int options)
{
    struct corpse *c;
    struct list *tmp;

    list_for_each_safe (c, tmp, &p->corpses, node) {
        if (!has_ended(c->pid, options))
            continue;
        list_del(&c->node);
        atomic_fetch_sub_explicit(&p->corpse_count, 1, memory_order_relaxed);
        bury_locked(p, c);
    }
}

void corpse_add(struct platform *p, struct corpse *c, pid_t pid, int slot)
{
    c->pid = pid;
    c->slot = slot;
    mutex_lock(&p->lock);
    if (pid) {
        stub_kill(pid);
        list_init(&c->node);
        list_push_back(&p->corpses, &c->node);
        atomic_fetch_add_explicit(&p->corpse_count, 1, memory_order_relaxed);
    } else {
        bury_locked(p, c);
    }
    mutex_unlock(&p->lock);
}

void corpse_reap_some(struct platform *p)
{
    if (atomic_load_explicit(&p->corpse_count, memory_order_relaxed) == 0)
        return;
    /* Another has the lock: it may be doing the same, and there is always a next time. */
    if (mutex_trylock(&p->lock)) {
        reap_locked(p, WNOHANG);
        mutex_unlock(&p->lock);
    }
}

void corpse_reap_all(struct platform *p)
{
    mutex_lock(&p->lock);
    reap_locked(p, 0);
    mutex_unlock(&p->lock);
}
