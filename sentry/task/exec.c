/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of execve(2), in this order:
 *
 *     1 find the program                    may fail, and nothing has happened
 *     2 who will it run as
 *     3 make its address space
 *     4 end the other threads               from here on there is no way back
 *     5 become the leader, if we are not
 *     6 take the new memory, credentials, signal actions; let go of the old
 *
 *   source    execve(2), capabilities(7); fs/exec.c, begin_new_exec(), Linux 6.6
 */
#include "sentry/task/exec.h"

#include <signal.h>
#include <string.h>
#include <sys/personality.h>

#include "sentry/core/platform_ref.h"
#include "sentry/task/container.h"
#include "sentry/task/exec_cred.h"
#include "sentry/task/futex.h"
#include "sentry/task/sighand.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"

#define DUMPABLE_NOT 0
#define DUMPABLE_YES 1

/* ---- 4: alone ---- */

/* Tells all others to die. Errors: EAGAIN where another thread execs, or the process ends. */
static int kill_others(struct task *t)
{
    struct thread_group *g = t->group;
    struct task *other;

    mutex_lock(&g->lock);
    int err = g->flags & GROUP_EXITING || g->exec_task ? -EAGAIN : 0;
    if (!err) {
        g->exec_task = t;
        list_for_each (other, &g->tasks, group_node) {
            if (other != t)
                task_set_work(other, TASK_KILLED);
        }
    }
    mutex_unlock(&g->lock);
    return err;
}

/* Only the caller is left, and the leader's remains. */
static bool is_alone(struct task *t)
{
    struct thread_group *g = t->group;
    struct task *other;
    bool alone = true;

    mutex_lock(&g->lock);
    list_for_each (other, &g->tasks, group_node) {
        if (other != t && (other != g->leader || atomic_load(&other->life) != TASK_ZOMBIE))
            alone = false;
    }
    mutex_unlock(&g->lock);
    return alone;
}

static void forget_exec_task(struct thread_group *g)
{
    mutex_lock(&g->lock);
    g->exec_task = NULL;
    mutex_unlock(&g->lock);
}

static int be_alone(struct task *t)
{
    int err = kill_others(t);

    if (err)
        return err;
    for (;;) {
        park_prepare(&t->park);
        if (is_alone(t))
            return 0;
        err = task_sleep_killable(t);
        if (err) {
            forget_exec_task(t->group);
            return err;
        }
    }
}

/* ---- 5: the leader ---- */

/* The process's number, and what hangs on it, go from the old leader, a zombie, to the caller. */
static void take_over_locked(struct task *t)
{
    struct thread_group *g = t->group, *child;
    struct task *old = g->leader;
    struct pid *mine = t->pid;

    mutex_lock(&g->lock);
    t->pid = old->pid;
    old->pid = mine;
    t->pid->task = t;
    task_set_work(t, TASK_ANSWERS);
    mine->task = old;
    g->leader = t;
    /* a leader is as old as its process: /proc/PID/stat */
    t->started = old->started;
    t->started_boot = old->started_boot;
    mutex_unlock(&g->lock);
    list_for_each (child, &g->children, sibling)
        child->parent_task = t;
    group_release_task_locked(old);
}

static void be_leader(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g = t->group;

    mutex_lock(&ts->lock);
    if (g->leader != t)
        take_over_locked(t);
    g->exit_signal = SIGCHLD;
    g->execed = true;
    g->exec_id++;
    mutex_unlock(&ts->lock);
    forget_exec_task(g);
}

/* ---- 6: the new program ---- */

/*
 * Handlers would lead into the old one. Nobody of this process looks at the old table meanwhile,
 * for we are alone; and who else shares it cannot share it with us from now on.
 */
static int own_sighand(struct task *t)
{
    struct thread_group *g = t->group;
    struct sighand *s = g->sighand;

    if (ref_count(&s->ref) > 1) {
        struct sighand *copy = sighand_copy(s);
        if (!copy)
            return -ENOMEM;
        mutex_lock(&g->lock);
        g->sighand = copy;
        mutex_unlock(&g->lock);
        sighand_put(s);
    }
    return 0;
}

static int own_files(struct task *t)
{
    struct fdtable *copy;
    struct actor who;

    if (!fdtable_is_shared(t->files))
        return 0;
    int err = fdtable_copy(t->files, &copy);
    if (err)
        return err;
    task_actor(t, &who);
    mutex_lock(&t->lock);
    struct fdtable *old = t->files;
    t->files = copy;
    mutex_unlock(&t->lock);
    fdtable_put(old, &who);
    return 0;
}

/*
 * Nobody waits for the old memory to go: it does while the new program runs, until that stops for
 * the first time.
 */
static void leave_mm(struct task *t, struct mm *old)
{
    task_end_former(t);
    if (old) /* who has it in common with us keeps it */
        mm_abandon(old, &t->group->limits, &tasks_of(t->arena)->orphan_limits);
    t->former = mm_put_visible(old, t->group->pid);
    if (t->former)
        mm_begin_destroy(t->former);
}

/* What it has there can serve others; in the new one it begins with nothing. */
static void leave_aspace(struct task *t)
{
    const struct platform_ops *ops = platform_of(t->arena)->ops;

    if (t->guest && ops->thread_leave)
        ops->thread_leave(t->guest);
}

static void take_mm(struct task *t, struct load *l)
{
    if (t->mm)
        futex_exec(t);
    vfork_done(t);
    mutex_lock(&t->lock);
    struct mm *old = t->mm;
    t->mm = keep(l->mm);
    t->robust_list = uptr(0);
    mutex_unlock(&t->lock);
    t->aspace = NULL;
    leave_aspace(t);
    t->clear_tid = uptr(0);
    mm_set_limits(t->mm, &t->group->limits);
    mm_set_process(t->mm, t->group->pid);
    leave_mm(t, old);
}

static void forget_old_program(struct task *t)
{
    struct actor who;

    sighand_reset(t->group->sighand);
    timers_exec(t->group);
    t->sas_at = t->sas_size = 0;
    t->sas_flags = SS_DISABLE;
    t->restart.fn = NULL;
    atomic_fetch_and(&t->personality, ~(uint32_t)READ_IMPLIES_EXEC); /* as of any of 64 bits */
    memset(&t->rseq, 0, sizeof t->rseq);
    memset(&t->trap, 0, sizeof t->trap);
    task_actor(t, &who);
    fdtable_close_on_exec(t->files, &who);
    if (t->guest)
        platform_of(t->arena)->ops->fpu_reset(t->guest);
}

static void take_cred(struct task *t, struct exec_cred *e, bool unreadable)
{
    const struct cred *old = t->cred;
    bool same_ids = old->euid == e->cred->euid && old->egid == e->cred->egid &&
                    old->euid == old->ruid && old->egid == old->rgid;

    if (e->gained || !same_ids)
        atomic_store(&t->pdeath_signal, 0);
    mm_set_dumpable(t->mm, same_ids && !e->gained && !unreadable ? DUMPABLE_YES : DUMPABLE_NOT);
    if (e->set_id)
        atomic_fetch_and(&t->personality, ~PERSONALITY_UNSAFE);
    task_set_cred(t, keep(e->cred));
}

static void become(struct task *t, struct load *l, struct exec_cred *e, const char *name)
{
    task_regs(t); /* leaves none of the old ones to be asked for */
    take_mm(t, l);
    forget_old_program(t);
    take_cred(t, e, l->unreadable);
    task_set_name(t, name);
    t->regs = l->regs;
    t->regs.orig_rax = UINT64_MAX;
    t->no_result = true;
}

/* There is no way back: it ends, as in Linux, where nothing is left of the old program. */
static void die(struct task *t)
{
    group_kill(t->group, SIGSEGV);
}

static int exec_loaded(struct task *t, struct load *l, struct exec_cred *e)
{
    char name[16];
    struct load_ids ids;

    exec_cred_ids(e, &ids);
    int err = own_files(t);
    if (!err)
        err = load_image(l, &ids);
    if (err) {
        if (l->fatal)
            die(t);
        return err;
    }
    err = be_alone(t);
    if (err)
        return err;
    be_leader(t);
    err = own_sighand(t);
    if (err) {
        die(t);
        return err;
    }
    load_comm(&l->ask, name);
    become(t, l, e, name);
    return 0;
}

int task_exec(struct task *t, struct load_request *ask)
{
    struct exec_cred e = { 0 };
    struct actor who;
    struct load l;

    task_actor(t, &who);
    ask->who = &who;
    ask->seed = t->group->container->seed;
    ask->pid_ns = pid_ns_of(t->pid)->ino;
    ask->personality = atomic_load(&t->personality);
    int err = load_find(&l, ask);
    if (!err)
        err = exec_cred_make(t, l.file, &e);
    if (!err)
        err = exec_loaded(t, &l, &e);
    load_end(&l);
    cred_put(e.cred);
    return err;
}

int task_exec_first(struct task *t, struct load_request *ask)
{
    int err = task_exec(t, ask);

    t->no_result = false;
    return err;
}
