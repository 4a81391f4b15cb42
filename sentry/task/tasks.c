/* SPDX-License-Identifier: Apache-2.0 */
/* The root of all tasks: how it begins, processes from outside, how it ends. */
#include "sentry/task/tasks.h"

#include "base/bitmap.h"
#include "base/host.h"
#include "base/thread.h"
#include "base/thread_pool.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/slab.h"
#include "sentry/core/user.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/task/container.h"
#include "sentry/task/ns.h"
#include "sentry/task/session.h"
#include "sentry/task/sighand.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_ipc.h"
#include "sentry/task/task_priv.h"

static const struct slab_type tasks_slab =
    SLAB_TYPE(tasks, struct tasks, .const_ptrs = { PTR_AT(struct tasks, ops) });

#define NS_INO_FIRST 0xf0000000u /* as Linux's PROC_DYNAMIC_FIRST */

static int make_first(struct tasks *ts, const struct tasks_options *opts)
{
    scoped(pid_ns) struct pid_ns *own = NULL;
    int err = opts->pod ? pid_ns_create(ts->arena, ts->pid_ns, opts->user_ns, &own) : 0;

    return err ? err
               : task_container_create(ts->arena, own ? own : ts->pid_ns, ts->uts, opts->max_tasks,
                                       &ts->first);
}

int tasks_create(struct arena *a, const struct tasks_options *opts)
{
    struct tasks *ts = slab_alloc(a, &tasks_slab);

    if (!ts)
        return -ENOMEM;
    mutex_init(&ts->lock, RANK_TASKS);
    ts->arena = a;
    ts->ops = opts->ops;
    ts->cpus = max(1u, min(opts->cpus, (uint32_t)TASK_CPUS_MAX));
    ts->next_ino = NS_INO_FIRST;
    list_init(&ts->groups);
    waitq_init(&ts->idle);
    limits_init(&ts->orphan_limits);
    arena_set_root(a, ROOT_TASKS, ts);
    arena_set_host(a, HOST_THREADS, thread_pool_create());
    arena_set_host(a, HOST_CTTY, (void *)&task_ctty_hooks);
    int err = users_create(a);
    if (!err)
        err = pid_ns_create(a, NULL, opts->user_ns, &ts->pid_ns);
    if (!err)
        err = uts_ns_create(a, opts->user_ns, opts->nodename, &ts->uts);
    if (!err)
        err = ipc_ns_create(a, opts->user_ns, tasks_ns_ino(a), &pid_ipc_hooks, &ts->ipc);
    if (!err)
        err = make_first(ts, opts);
    if (err)
        tasks_destroy(a);
    return err;
}

void tasks_destroy(struct arena *a)
{
    struct tasks *ts = tasks_of(a);

    if (!ts)
        return;
    assert(ts->count == 0 && atomic_load(&ts->threads) == 0);
    task_container_put(ts->first);
    pid_ns_put(ts->pid_ns);
    ipc_ns_put(ts->ipc);
    uts_ns_put(ts->uts);
    waitq_destroy(&ts->idle);
    thread_pool_destroy(arena_host(a, HOST_THREADS));
    arena_set_host(a, HOST_THREADS, NULL);
    users_destroy(a);
    arena_set_root(a, ROOT_TASKS, NULL);
    slab_free(ts);
}

uint64_t tasks_ns_ino(struct arena *a)
{
    struct tasks *ts = tasks_of(a);

    return atomic_fetch_add(&ts->next_ino, 1);
}

uint32_t tasks_count(struct arena *a)
{
    struct tasks *ts = tasks_of(a);

    mutex_lock(&ts->lock);
    uint32_t n = ts->count;
    mutex_unlock(&ts->lock);
    return n;
}

struct thread_group *tasks_next_group(struct pid_ns *ns, int *nr)
{
    struct tasks *ts = tasks_of(ns->arena);
    struct thread_group *found = NULL;
    int at = *nr;

    mutex_lock(&ts->lock);
    for (struct pid *p; !found && (p = pid_next_locked(ns, at, &at)); at++) {
        if (!p->group)
            continue;
        found = group_get(p->group);
        *nr = at;
    }
    mutex_unlock(&ts->lock);
    return found;
}

/* ---- processes from outside ---- */

static int link_init_locked(struct tasks *ts, struct task *t, struct pid_ns *ns)
{
    struct thread_group *g = t->group;
    struct pid *pid;

    if (ts->ended || !task_container_enter_locked(g->container))
        return -EAGAIN;
    int err = pid_create_locked(ts, ns, NULL, 0, &pid);
    if (err) {
        task_container_leave_locked(g->container);
        return err == -ENOMEM && pid_ns_is_dead(ns) ? -EAGAIN : err;
    }
    err = group_add_task_locked(g, t, pid);
    assert(!err); /* nobody knows it yet */
    err = session_start_locked(g);
    if (err) {
        group_release_locked(g);
        return err;
    }
    if (!ns->reaper)
        ns->reaper = g;
    else
        g->flags &= ~(uint32_t)GROUP_UNKILLABLE; /* this namespace has its init */
    return 0;
}

/* Of processors, those that are there. */
static void set_sched(struct task *t, const struct task_sched *s)
{
    uint32_t cpus = tasks_of(t->arena)->cpus;

    for (uint32_t i = 0; i < cpus; i++)
        if (!s->affinity || bitmap_test(s->affinity, i))
            bitmap_set(t->affinity, i);
    atomic_store(&t->personality, s->personality);
    atomic_store(&t->policy, s->policy);
    atomic_store(&t->nice, s->nice);
    atomic_store(&t->reset_on_fork, s->reset_on_fork);
    atomic_store(&t->ioprio, s->ioprio);
}

static void set_parts(struct task *t, const struct task_spec *spec)
{
    struct container *c = t->group->container;

    t->mm = spec->mm;
    t->files = spec->files;
    t->fs = spec->fs;
    t->cred = spec->cred;
    t->uts = uts_ns_get(spec->uts ? spec->uts : c->uts);
    t->ipc = ipc_ns_get(tasks_of(t->arena)->ipc);
    t->pid_ns_children = pid_ns_get(spec->pid_ns ? spec->pid_ns : c->pid_ns);
    if (spec->regs)
        t->regs = *spec->regs;
    t->regs.orig_rax = UINT64_MAX;
    task_set_name(t, spec->name);
    set_sched(t, &spec->sched);
}

int task_create_init(struct arena *a, const struct task_spec *spec, struct task **out)
{
    struct tasks *ts = tasks_of(a);
    struct container *c = spec->container ? spec->container : ts->first;
    struct pid_ns *ns = spec->pid_ns ? spec->pid_ns : c->pid_ns;
    struct sighand *sighand = sighand_create(a);
    struct thread_group *g = sighand ? group_alloc(c, sighand) : NULL;
    struct task *t = g ? task_alloc(a, g) : NULL;
    int err = -ENOMEM;

    if (!t) {
        struct actor who = { .arena = a, .cred = spec->cred, .fs = spec->fs };
        group_put(g);
        mm_put(spec->mm);
        fdtable_put(spec->files, &who);
        fs_context_put(spec->fs);
        cred_put((struct cred *)spec->cred);
        return err;
    }
    limits_copy(&g->limits, spec->limits);
    atomic_store(&g->oom_score_adj, spec->oom_score_adj);
    g->flags = spec->shielded ? GROUP_UNKILLABLE : 0;
    g->owned = spec->owned;
    set_parts(t, spec);
    if (t->mm)
        mm_set_limits(t->mm, &g->limits);
    t->charged_uid = t->cred->ruid;
    err = user_charge(a, t->charged_uid, USER_TASKS, UINT64_MAX);
    if (!err) {
        mutex_lock(&ts->lock);
        t->charged = true;
        err = link_init_locked(ts, t, ns);
        mutex_unlock(&ts->lock);
        if (!err && t->mm)
            mm_set_process(t->mm, g->pid);
    }
    if (err) {
        if (t->charged && !t->pid)
            user_uncharge(a, t->charged_uid, USER_TASKS);
        task_drop_ipc(t);
        task_drop_files(t);
        task_drop_fs(t);
        task_drop_mm(t);
        task_put(t);
        group_put(g);
        return err;
    }
    group_put(g); /* the tables and the task have theirs */
    *out = t;
    return 0;
}

static int start_thread_once(struct task *t)
{
    struct thread_pool *pool = arena_host(t->arena, HOST_THREADS);
    const struct platform_ref *p = platform_of(t->arena);

    if (p->ops->thread_room && !p->ops->thread_room(p->platform))
        return -EAGAIN;
    return pool ? thread_pool_start(pool, task_main, t) : thread_start(task_main, t);
}

static int start_thread(struct task *t)
{
    const struct platform_ref *p = platform_of(t->arena);
    int err;

    do
        err = start_thread_once(t);
    while (err && p->ops->make_room && p->ops->make_room(p->platform));
    return err;
}

int task_start(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);

    task_get(t); /* its thread's */
    atomic_fetch_add(&ts->threads, 1);
    atomic_fetch_add(&t->group->container->threads, 1);
    int err = start_thread(t);
    if (err) {
        atomic_fetch_sub(&t->group->container->threads, 1);
        atomic_fetch_sub(&ts->threads, 1);
        task_discard(t);
        task_put(t);
    }
    return err;
}

/* ---- the end ---- */

/* Has it news for us? `status` says what. */
static bool has_changed(struct thread_group *g, int *status)
{
    struct tasks *ts = tasks_of(g->arena);

    mutex_lock(&ts->lock);
    bool gone = !list_is_linked(&g->all);
    mutex_unlock(&ts->lock);
    mutex_lock(&g->lock);
    bool stopped = g->flags & GROUP_STOP_NEWS;
    g->flags &= ~(uint32_t)GROUP_STOP_NEWS;
    *status = gone ? g->exit_code : W_STOPCODE(g->stop_signal);
    mutex_unlock(&g->lock);
    return gone || stopped;
}

int tasks_wait_init(struct thread_group *g)
{
    struct tasks *ts = tasks_of(g->arena);
    struct park park = PARK_INIT;
    struct quiet_wait w;
    int status;

    quiet_wait_begin(&w, &ts->idle, &park);
    for (;;) {
        park_prepare(&park);
        if (has_changed(g, &status))
            break;
        int err = park_wait(&park, NSEC_NEVER);
        (void)err; /* EINTR: look again */
    }
    quiet_wait_end(&w, &ts->idle);
    return status;
}

void tasks_kill_all(struct arena *a)
{
    struct tasks *ts = tasks_of(a);
    struct thread_group *g;

    mutex_lock(&ts->lock);
    ts->ended = true;
    list_for_each (g, &ts->groups, all)
        group_kill(g, SIGKILL);
    mutex_unlock(&ts->lock);
}

/* Whoever finds that no thread is left waits for the last to let go of the lock, then frees `ts`.
 */
void tasks_leave(struct tasks *ts)
{
    uint32_t n = atomic_load(&ts->threads);

    while (n > 1)
        if (atomic_compare_exchange_weak(&ts->threads, &n, n - 1))
            return;
    mutex_lock(&ts->lock);
    if (atomic_fetch_sub(&ts->threads, 1) == 1)
        waitq_wake(&ts->idle, 0);
    mutex_unlock(&ts->lock);
}

static bool is_idle(struct tasks *ts)
{
    mutex_lock(&ts->lock);
    bool idle = atomic_load(&ts->threads) == 0;
    mutex_unlock(&ts->lock);
    return idle;
}

bool tasks_wait_idle(struct arena *a, nsec_t deadline)
{
    struct tasks *ts = tasks_of(a);
    struct park park = PARK_INIT;
    struct quiet_wait w;
    int err = 0;

    quiet_wait_begin(&w, &ts->idle, &park);
    for (;;) {
        park_prepare(&park);
        if (is_idle(ts) || err == -ETIMEDOUT)
            break;
        err = park_wait(&park, deadline);
    }
    quiet_wait_end(&w, &ts->idle);
    return is_idle(ts);
}
