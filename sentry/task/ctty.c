/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controlling terminal: which session has which, and who is in its foreground.
 *
 * A session and its terminal hold a reference of each other; both go when the leader
 * ends, when it gives the terminal up, or when the line hangs up.
 *
 *   source    credentials(7), ioctl_tty(2); drivers/tty/tty_jobctrl.c, Linux 6.6
 */
#include "sentry/vfs/ctty.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>

#include "sentry/task/session.h"
#include "sentry/task/sighand.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

/* The terminal of a process: its session's, unless it has left it by itself. */
static struct ctty *tty_of(const struct thread_group *g)
{
    return g->tty_left || !g->session ? NULL : g->session->tty;
}

/* Afterwards neither knows the other. The terminal's reference, which the session had, is given. */
static struct ctty *part_locked(struct session *s)
{
    struct ctty *c = keep(s->tty);

    if (!c)
        return NULL;
    pid_put(keep(c->pgrp));
    session_put(keep(c->session));
    return c;
}

static void put(struct ctty *c)
{
    if (c)
        c->ops->put(c);
}

static void join_locked(struct ctty *c, struct thread_group *g)
{
    c->ops->get(c);
    g->session->tty = c;
    g->tty_left = false;
    c->session = session_get(g->session);
    c->pgrp = pid_get(g->pgrp);
}

/* ---- signals ---- */

static void tty_signal(struct ctty *c, int sig)
{
    struct tasks *ts = tasks_of(c->arena);

    mutex_lock(&ts->lock);
    if (c->pgrp)
        signal_send_pgrp_locked(c->pgrp, sig);
    mutex_unlock(&ts->lock);
}

static bool ignores(struct task *t, int sig)
{
    if (t->blocked & SIG_BIT(sig))
        return true;
    mutex_lock(&t->group->lock);
    bool is = sighand_handler(t->group->sighand, sig) == HANDLER_IGNORE;
    mutex_unlock(&t->group->lock);
    return is;
}

/* As __tty_check_change(). */
static int check_locked(struct ctty *c, struct task *t, int sig)
{
    struct pid *pgrp = t->group->pgrp;

    if (tty_of(t->group) != c || !c->pgrp || pgrp == c->pgrp)
        return 0;
    if (ignores(t, sig))
        return sig == SIGTTIN ? -EIO : 0;
    if (pgrp_is_orphaned_locked(pgrp))
        return -EIO;
    signal_send_pgrp_locked(pgrp, sig);
    task_set_work(t, TASK_SIGNAL); /* it must not go on even where another thread takes it */
    return -ERESTARTSYS;
}

static int tty_check(struct ctty *c, struct task *t, int sig)
{
    struct tasks *ts = tasks_of(c->arena);

    mutex_lock(&ts->lock);
    int err = check_locked(c, t, sig);
    mutex_unlock(&ts->lock);
    return err;
}

/* ---- coming and going ---- */

static bool leads(const struct thread_group *g)
{
    return g->session->leader == g;
}

static void tty_opened(struct ctty *c, struct task *t)
{
    struct tasks *ts = tasks_of(c->arena);

    mutex_lock(&ts->lock);
    if (leads(t->group) && !t->group->session->tty && !c->session)
        join_locked(c, t->group);
    mutex_unlock(&ts->lock);
}

static void tty_give(struct ctty *c, struct task *t)
{
    tty_opened(c, t);
}

static struct ctty *tty_current(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    struct ctty *c = tty_of(t->group);
    if (c)
        c->ops->get(c);
    mutex_unlock(&ts->lock);
    return c;
}

static void signal_leader_locked(struct session *s)
{
    struct abi_siginfo si;
    static const int both[] = { SIGHUP, SIGCONT };

    for (size_t i = 0; s->leader && i < ARRAY_LEN(both); i++) {
        siginfo_kernel(&si, both[i], SI_KERNEL);
        int err = signal_send_group(s->leader, both[i], &si);
        (void)err; /* only real-time signals can fail */
    }
}

static void tty_hangup(struct ctty *c)
{
    struct tasks *ts = tasks_of(c->arena);
    struct ctty *parted = NULL;

    mutex_lock(&ts->lock);
    if (c->session) {
        signal_leader_locked(c->session);
        parted = part_locked(c->session);
    }
    mutex_unlock(&ts->lock);
    put(parted);
}

/* The session gives its terminal up: the foreground job hears SIGHUP. */
static struct ctty *give_up_locked(struct thread_group *g, bool ends)
{
    struct ctty *c = g->session->tty;

    if (c && c->pgrp) {
        struct pid *pgrp = pid_get(c->pgrp);
        signal_send_pgrp_locked(pgrp, SIGHUP);
        if (!ends)
            signal_send_pgrp_locked(pgrp, SIGCONT);
        pid_put(pgrp);
    }
    return part_locked(g->session);
}

void session_leader_ends(struct thread_group *g)
{
    struct tasks *ts = tasks_of(g->arena);
    struct ctty *c = NULL;

    mutex_lock(&ts->lock);
    if (g->session && leads(g))
        c = give_up_locked(g, true);
    mutex_unlock(&ts->lock);
    put(c);
}

/* ---- ioctl_tty(2) ---- */

static int set_tty_locked(struct ctty *c, struct task *t, const struct file *f, bool steal,
                          struct ctty **parted)
{
    struct thread_group *g = t->group;
    bool admin = task_root_capable(t, CAP_SYS_ADMIN);

    if (leads(g) && g->session == c->session)
        return 0;
    if (!leads(g) || tty_of(g))
        return -EPERM;
    if (c->session) {
        if (!steal || !admin)
            return -EPERM;
        *parted = part_locked(c->session);
    }
    if (!(f->kind & FILE_READ) && !admin)
        return -EPERM;
    join_locked(c, g);
    return 0;
}

static int leave_tty_locked(struct ctty *c, struct task *t, struct ctty **parted)
{
    struct thread_group *g = t->group;

    if (tty_of(g) != c)
        return -ENOTTY;
    if (leads(g))
        *parted = give_up_locked(g, false);
    else
        g->tty_left = true;
    return 0;
}

/* The caller's terminal, for those that only its session may ask. */
static bool is_own(struct ctty *c, struct task *t, bool master)
{
    return master || tty_of(t->group) == c;
}

static int set_foreground_locked(struct ctty *c, struct task *t, int nr)
{
    struct session *mine = t->group->session;
    struct pid *pgrp = pid_find_locked(pid_ns_of(t->pid), nr);

    int err = check_locked(c, t, SIGTTOU);
    if (err)
        return err == -EIO ? -ENOTTY : err;
    if (tty_of(t->group) != c || c->session != mine)
        return -ENOTTY;
    if (nr < 0)
        return -EINVAL;
    if (!pgrp)
        return -ESRCH;
    struct thread_group *member = list_first(&pgrp->pgrp, struct thread_group, pgrp_node);
    if (!member || member->session != mine)
        return -EPERM;
    pid_get(pgrp);
    pid_put(c->pgrp);
    c->pgrp = pgrp;
    return 0;
}

/* The number of what `cmd` asks for. */
static int number_locked(struct ctty *c, struct task *t, bool master, unsigned cmd, int *nr)
{
    struct pid_ns *ns = pid_ns_of(t->pid);

    if (!is_own(c, t, master) || (cmd == TIOCGSID && !c->session))
        return -ENOTTY;
    *nr = pid_nr(cmd == TIOCGSID ? c->session->pid : c->pgrp, ns);
    return 0;
}

static long tty_ioctl(struct ctty *c, struct file *f, bool master, const struct ioctl *i)
{
    struct tasks *ts = tasks_of(c->arena);
    struct task *t = i->who->task;
    struct ctty *parted = NULL;
    int nr = 0;
    long err;

    if (!t)
        return -ENOTTY;
    if (i->cmd == TIOCSPGRP && copy_in_struct(i->mm, &nr, uptr(i->arg)) != 0)
        return -EFAULT;
    mutex_lock(&ts->lock);
    switch (i->cmd) {
    case TIOCSCTTY:
        err = set_tty_locked(c, t, f, i->arg == 1, &parted);
        break;
    case TIOCNOTTY:
        err = leave_tty_locked(c, t, &parted);
        break;
    case TIOCSPGRP:
        err = set_foreground_locked(c, t, nr);
        break;
    case TIOCGPGRP:
    case TIOCGSID:
        err = number_locked(c, t, master, i->cmd, &nr);
        break;
    default:
        err = -ENOTTY;
    }
    mutex_unlock(&ts->lock);
    put(parted);
    if (!err && (i->cmd == TIOCGPGRP || i->cmd == TIOCGSID))
        return copy_out_struct(i->mm, uptr(i->arg), &nr);
    return err;
}

const struct ctty_hooks task_ctty_hooks = {
    .signal = tty_signal,
    .check = tty_check,
    .opened = tty_opened,
    .ioctl = tty_ioctl,
    .hangup = tty_hangup,
    .current = tty_current,
    .give = tty_give,
};

void session_tty(struct task *t, const struct task *viewer, uint64_t *rdev, int *pgrp)
{
    struct tasks *ts = tasks_of(t->arena);

    *rdev = 0;
    *pgrp = -1;
    mutex_lock(&ts->lock);
    struct ctty *c = tty_of(t->group);
    if (c) {
        *rdev = c->rdev;
        *pgrp = pid_nr(c->pgrp, pid_ns_of(viewer->pid));
    }
    mutex_unlock(&ts->lock);
}
