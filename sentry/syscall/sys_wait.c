/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for children. */
#include <sys/wait.h>

#include "sentry/syscall/block.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/tasks.h"
#include "sentry/task/wait.h"

#define WAIT_COMMON (WNOHANG | __WNOTHREAD | __WCLONE | __WALL)

/* The pid of that number: given, NULL where there is none. */
static struct pid *find_pid(struct task *t, int nr)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    struct pid *p = pid_find_locked(pid_ns_of(t->pid), nr);
    if (p)
        pid_get(p);
    mutex_unlock(&ts->lock);
    return p;
}

static struct pid *own_pgrp(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    struct pid *p = pid_get(t->group->pgrp);
    mutex_unlock(&ts->lock);
    return p;
}

/* 0 and *out.pid 0: WNOHANG, and nothing yet. */
static int wait_for(struct task *t, const struct wait_request *r, bool hang,
                    struct wait_result *out)
{
    int err = hang ? (int)BLOCK_ON(t, &t->group->child_waitq, NSEC_NEVER, wait_child(t, r, out))
                   : wait_child(t, r, out);

    if (err == -EAGAIN && !hang) {
        *out = (struct wait_result){ 0 };
        return 0;
    }
    return err;
}

static int copy_usage(struct task *t, uptr_t to, const struct usage *u)
{
    struct rusage out;

    if (uptr_is_null(to))
        return 0;
    usage_print(u, &out);
    return copy_out_struct(t->mm, to, &out);
}

long sys_wait4(struct task *t, int pid, uptr_t status, unsigned options, uptr_t rusage)
{
    struct wait_request r = { .options = (options & ~(unsigned)WNOHANG) | WEXITED };
    struct wait_result w;
    scoped(pid) struct pid *named = NULL;

    if (options & ~(unsigned)(WAIT_COMMON | WUNTRACED | WCONTINUED))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid == -1) {
        r.kind = WAIT_FOR_ANY;
    } else if (pid <= 0) {
        r.kind = WAIT_FOR_PGRP;
        r.pid = named = pid ? find_pid(t, -pid) : own_pgrp(t);
    } else {
        r.kind = WAIT_FOR_PID;
        r.pid = named = find_pid(t, pid);
    }
    int err = wait_for(t, &r, !(options & WNOHANG), &w);
    if (err)
        return err;
    if (w.pid && !uptr_is_null(status) && copy_out_struct(t->mm, status, &w.status) != 0)
        return -EFAULT;
    if (w.pid && copy_usage(t, rusage, &w.usage) != 0)
        return -EFAULT;
    return w.pid;
}

/* Whom waitid(2) means. `hang` becomes false for a non-blocking pidfd. */
static int find_target(struct task *t, int type, int id, struct wait_request *r, struct pid **named,
                       bool *nonblock)
{
    switch (type) {
    case P_ALL:
        r->kind = WAIT_FOR_ANY;
        return 0;
    case P_PID:
        if (id <= 0)
            return -EINVAL;
        r->kind = WAIT_FOR_PID;
        r->pid = *named = find_pid(t, id);
        return 0;
    case P_PGID:
        if (id < 0)
            return -EINVAL;
        r->kind = WAIT_FOR_PGRP;
        r->pid = *named = id ? find_pid(t, id) : own_pgrp(t);
        return 0;
    case 3 /* P_PIDFD */: {
        if (id < 0)
            return -EINVAL;
        scoped(file) struct file *f = task_file_any(t, id);
        struct pid *p = f ? pidfd_pid(f) : NULL;
        if (!p)
            return -EBADF;
        r->kind = WAIT_FOR_PIDFD;
        r->pid = *named = pid_get(p);
        *nonblock = file_nonblock(f);
        return 0;
    }
    default:
        return -EINVAL;
    }
}

/* What a siginfo_t says in si_status. */
static int plain_status(const struct wait_result *w)
{
    switch (w->code) {
    case CLD_EXITED:
        return WEXITSTATUS(w->status);
    case CLD_STOPPED:
        return WSTOPSIG(w->status);
    case CLD_CONTINUED:
        return SIGCONT;
    default:
        return WTERMSIG(w->status);
    }
}

/* waitid(2) writes the first five words of a siginfo_t only, and zeroes where nothing was found. */
static int copy_info(struct task *t, uptr_t to, const struct wait_result *w)
{
    int32_t words[7] = { 0 };

    if (uptr_is_null(to))
        return 0;
    if (w->pid) {
        words[0] = SIGCHLD;
        words[2] = w->code;
        words[4] = w->pid;
        words[5] = (int32_t)w->uid;
        words[6] = plain_status(w);
    }
    int err = copy_out(t->mm, to, words, 3 * sizeof *words);
    return err ? err
               : copy_out(t->mm, uptr_at(to, 4 * sizeof *words), words + 4, 3 * sizeof *words);
}

long sys_waitid(struct task *t, int idtype, int id, uptr_t info, unsigned options, uptr_t rusage)
{
    struct wait_request r = { .options = options & ~(unsigned)WNOHANG };
    struct wait_result w;
    scoped(pid) struct pid *named = NULL;
    bool nonblock = false;

    if (options & ~(unsigned)(WAIT_COMMON | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED))
        return -EINVAL;
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    int err = find_target(t, idtype, id, &r, &named, &nonblock);
    if (err)
        return err;
    err = wait_for(t, &r, !nonblock && !(options & WNOHANG), &w);
    if (err)
        return err;
    /* a pidfd that may not block has an answer of its own for "nothing yet" */
    if (!w.pid && nonblock && !(options & WNOHANG))
        return -EAGAIN;
    if (w.pid && copy_usage(t, rusage, &w.usage) != 0)
        return -EFAULT;
    return copy_info(t, info, &w);
}
