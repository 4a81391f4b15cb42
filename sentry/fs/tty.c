/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: their lives, and their near ends as files.
 *
 * A near end that has been hung up on reads as ended and cannot be written. Where the far
 * end is gone that state is the tty's, and no end can be opened after; under TIOCVHANGUP it
 * is each end's that was open.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <signal.h>

#include "base/clock.h"
#include "sentry/fs/tty_priv.h"

#define CAP_SYS_ADMIN 21

static const struct timer_ops end_timer_ops;

static const struct slab_type tty_end_slab = SLAB_TYPE(
    tty_end, struct tty_end,
    .const_ptrs = { PTR_AT(struct tty_end, file.ops), PTR_AT(struct tty_end, timer.ops) });

static const struct file_ops tty_file_ops;

static struct tty_end *end_of(struct file *f)
{
    return container_of(f, struct tty_end, file);
}

struct tty *tty_of_file(struct file *f)
{
    return f->ops == &tty_file_ops ? end_of(f)->tty : NULL;
}

/* ---- lives ---- */

static void ctty_get(struct ctty *c)
{
    tty_get(tty_of_ctty(c));
}

static void ctty_put(struct ctty *c)
{
    tty_put(tty_of_ctty(c));
}

static int ctty_open(struct ctty *c, const struct actor *who, int flags, struct file **out);

static const struct ctty_ops ctty_ops = { .get = ctty_get, .put = ctty_put, .open = ctty_open };

int tty_init(struct tty *tty, struct arena *a, const struct tty_ops *ops, uint64_t rdev)
{
    tty->read_buf = arena_alloc(a, READ_SIZE);
    if (!tty->read_buf)
        return -ENOMEM;
    ctty_init(&tty->ctty, a, &ctty_ops, rdev);
    ref_init(&tty->ref);
    mutex_init(&tty->lock, RANK_TTY);
    tty->ops = ops;
    list_init(&tty->ends);
    termios_init(&tty->termios);
    byteq_init(&tty->raw, QUEUE_SIZE);
    byteq_init(&tty->out, QUEUE_SIZE + ECHO_SIZE);
    byteq_init(&tty->held, ECHO_SIZE);
    return 0;
}

void tty_destroy(struct tty *tty)
{
    arena_free(tty->read_buf);
    byteq_destroy(&tty->raw);
    byteq_destroy(&tty->out);
    byteq_destroy(&tty->held);
}

struct tty *tty_get(struct tty *tty)
{
    ref_get(&tty->ref);
    return tty;
}

void tty_put(struct tty *tty)
{
    if (tty && ref_put(&tty->ref))
        tty->ops->release(tty);
}

int tty_check(struct tty *tty, struct task *t, int sig)
{
    const struct ctty_hooks *hooks = ctty_hooks(tty->ctty.arena);

    return hooks && t ? hooks->check(&tty->ctty, t, sig) : 0;
}

/* ---- the lock, and what waits for its end ---- */

void tty_lock(struct tty *tty)
{
    mutex_lock(&tty->lock);
}

static void wake_ends_locked(struct tty *tty, unsigned bits) HOLDS(tty->lock);
static void wake_ends_locked(struct tty *tty, unsigned bits)
{
    struct tty_end *e;

    list_for_each (e, &tty->ends, node)
        waitq_wake(&e->file.waitq, bits);
}

void tty_unlock(struct tty *tty)
{
    unsigned todo = tty->todo;
    uint64_t signals = tty->signals;

    assert_slow(ldisc_is_sound(tty));
    tty->todo = 0;
    tty->signals = 0;
    if (todo & TODO_READERS)
        wake_ends_locked(tty, POLLIN | POLLRDNORM);
    if (todo & TODO_WRITERS)
        wake_ends_locked(tty, POLLOUT | POLLWRNORM);
    mutex_unlock(&tty->lock);
    const struct ctty_hooks *hooks = signals ? ctty_hooks(tty->ctty.arena) : NULL;
    for (; hooks && signals; signals &= signals - 1)
        hooks->signal(&tty->ctty, __builtin_ctzll(signals));
    if (todo & TODO_OUTPUT)
        tty->ops->output(tty);
    if (todo & TODO_ROOM)
        tty->ops->room(tty);
}

ssize_t tty_input_locked(struct tty *tty, struct io *io)
{
    uint8_t bytes[512];
    size_t done = 0;

    while (io->left > 0) {
        size_t room = byteq_room(&tty->raw);
        if (room == 0)
            break;
        ssize_t n = io_take(io, bytes, min(room, sizeof bytes));
        if (n < 0)
            return done ? (ssize_t)done : n;
        done += byteq_put(tty->ctty.arena, &tty->raw, bytes, (size_t)n);
        ldisc_receive_locked(tty);
    }
    return done || io->left == 0 ? (ssize_t)done : -EAGAIN;
}

static void leave_session(struct tty *tty)
{
    const struct ctty_hooks *hooks = ctty_hooks(tty->ctty.arena);

    if (hooks)
        hooks->hangup(&tty->ctty);
}

void tty_hang_up(struct tty *tty)
{
    tty_lock(tty);
    tty->hung_up = true;
    wake_ends_locked(tty, 0);
    tty_unlock(tty);
    leave_session(tty);
}

void tty_hang_up_ends(struct tty *tty)
{
    struct tty_end *e;

    tty_lock(tty);
    list_for_each (e, &tty->ends, node)
        e->hung_up = true;
    termios_init(&tty->termios);
    ldisc_flush_input_locked(tty);
    wake_ends_locked(tty, 0);
    tty_unlock(tty);
    leave_session(tty);
}

static bool is_hung_up_locked(const struct tty_end *e) HOLDS(e->tty->lock);
static bool is_hung_up_locked(const struct tty_end *e)
{
    return e->tty->hung_up || e->hung_up;
}

bool tty_end_is_hung_up(struct file *f)
{
    struct tty_end *e = end_of(f);

    tty_lock(e->tty);
    bool hung_up = is_hung_up_locked(e);
    tty_unlock(e->tty);
    return hung_up;
}

void tty_resize(struct tty *tty, const struct abi_winsize *size)
{
    tty_lock(tty);
    if (__builtin_memcmp(&tty->winsize, size, sizeof *size)) {
        tty->winsize = *size;
        tty->signals |= UINT64_C(1) << SIGWINCH;
    }
    tty_unlock(tty);
}

void tty_make_controlling(struct tty *tty, struct task *t)
{
    ctty_hooks(tty->ctty.arena)->give(&tty->ctty, t);
}

/* ---- near ends as files ---- */

static void end_fire(struct timer *timer)
{
    struct tty_end *e = container_of(timer, struct tty_end, timer);

    waitq_wake(&e->file.waitq, POLLIN | POLLRDNORM);
}

static const struct timer_ops end_timer_ops = { .fire = end_fire };

static ssize_t tty_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct tty *tty = end_of(f)->tty;
    nsec_t wake_at = NSEC_NEVER;

    (void)pos;
    int err = tty_check(tty, io->task, SIGTTIN);
    if (err)
        return err;
    tty_lock(tty);
    ssize_t n =
        is_hung_up_locked(end_of(f)) ? 0 : ldisc_read_locked(tty, io, file_nonblock(f), &wake_at);
    tty_unlock(tty);
    if (n == -EAGAIN && wake_at != NSEC_NEVER)
        timer_arm(tty->ctty.arena, &end_of(f)->timer, wake_at);
    return n;
}

static int may_write(struct tty_end *e, struct task *t)
{
    struct tty *tty = e->tty;

    tty_lock(tty);
    bool stop = tty_lflag(tty, TOSTOP);
    bool hung_up = is_hung_up_locked(e);
    tty_unlock(tty);
    if (hung_up)
        return -EIO;
    return stop ? tty_check(tty, t, SIGTTOU) : 0;
}

static ssize_t tty_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct tty *tty = end_of(f)->tty;
    ssize_t n = may_write(end_of(f), io->task);

    (void)pos;
    if (n < 0)
        return n;
    tty_lock(tty);
    n = is_hung_up_locked(end_of(f)) ? -EIO : ldisc_write_locked(tty, io);
    tty_unlock(tty);
    return n;
}

static unsigned ready_locked(struct tty_end *e) HOLDS(e->tty->lock);
static unsigned ready_locked(struct tty_end *e)
{
    struct tty *tty = e->tty;
    unsigned ready = 0;

    if (is_hung_up_locked(e))
        return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
    if (ldisc_can_read_locked(tty))
        ready |= POLLIN | POLLRDNORM;
    if (ldisc_can_write_locked(tty))
        ready |= POLLOUT | POLLWRNORM;
    return ready;
}

static unsigned tty_poll(struct file *f)
{
    struct tty *tty = end_of(f)->tty;

    mutex_lock(&tty->lock);
    unsigned ready = ready_locked(end_of(f));
    mutex_unlock(&tty->lock);
    return ready;
}

static void tty_file_release(struct file *f)
{
    struct tty_end *e = end_of(f);
    struct tty *tty = e->tty;

    timer_cancel(tty->ctty.arena, &e->timer);
    tty_lock(tty);
    list_del(&e->node);
    if (--tty->opens == 0) {
        tty->closed = true;
        tty->exclusive = false;
        tty->todo |= TODO_OUTPUT | TODO_ROOM;
    }
    tty_unlock(tty);
    file_destroy(f);
    slab_free(e);
    tty_put(tty);
}

static const struct file_ops tty_file_ops = {
    .name = "tty",
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .ioctl = tty_ioctl,
    .release = tty_file_release,
};

static int join_locked(struct tty *tty, struct tty_end *e, bool privileged) HOLDS(tty->lock);
static int join_locked(struct tty *tty, struct tty_end *e, bool privileged)
{
    if (tty->locked || tty->hung_up)
        return -EIO;
    if (tty->exclusive && tty->opens > 0 && !privileged)
        return -EBUSY;
    tty->opens++;
    tty->closed = false;
    list_push_back(&tty->ends, &e->node);
    return 0;
}

int tty_open(struct tty *tty, struct inode *inode, const struct path *at, int flags,
             const struct actor *who, struct file **out)
{
    struct tty_end *e = slab_alloc(tty->ctty.arena, &tty_end_slab);
    bool privileged = cred_root_capable(who->cred, CAP_SYS_ADMIN);

    if (!e)
        return -ENOMEM;
    list_init(&e->node);
    timer_init(&e->timer, &end_timer_ops);
    tty_lock(tty);
    int err = join_locked(tty, e, privileged);
    tty_unlock(tty);
    if (err) {
        slab_free(e);
        return err;
    }
    e->tty = tty_get(tty);
    file_init(&e->file, tty->ctty.arena, &tty_file_ops, at, inode, flags, who->cred);
    e->file.kind |= FILE_STREAM | FILE_POLLABLE | FILE_ASYNC | FILE_WRITE_ALL;
    if (!(flags & O_NOCTTY) && e->file.kind & FILE_READ && who->task)
        ctty_hooks(tty->ctty.arena)->opened(&tty->ctty, who->task);
    *out = &e->file;
    return 0;
}

int tty_open_current(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                     struct file **out)
{
    struct ctty *c = who->task ? ctty_hooks(who->arena)->current(who->task) : NULL;

    if (!c)
        return -ENXIO;
    int err = tty_open(tty_of_ctty(c), inode, at, flags | O_NOCTTY, who, out);
    c->ops->put(c);
    return err;
}

static int ctty_open(struct ctty *c, const struct actor *who, int flags, struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(c->arena, S_IFCHR | 0620, NULL, &inode);

    return err ? err : tty_open(tty_of_ctty(c), inode, NULL, flags | O_NOCTTY, who, out);
}
