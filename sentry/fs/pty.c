/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudoterminals: a terminal whose far end is a file, the master.
 *
 * A pty is born with its master and is locked until the master's owner unlocks it. It
 * lives until the master and all near ends are closed. When the master goes first, the
 * name goes, and the near ends are hung up on.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sysmacros.h>

#include "sentry/fs/pty_priv.h"

#define PTS_MAJOR 136

static const struct slab_type pty_slab =
    SLAB_TYPE(pty, struct pty,
              .const_ptrs = { PTR_AT(struct pty, tty.ops), PTR_AT(struct pty, tty.ctty.ops) });
static const struct slab_type pty_master_slab =
    SLAB_TYPE(pty_master, struct pty_master, .const_ptrs = { PTR_AT(struct pty_master, file.ops) });

static struct pty *pty_at(struct file *f)
{
    return container_of(f, struct pty_master, file)->pty;
}

/* ---- the far side, as the tty sees it ---- */

static void wake_master(struct tty *tty, unsigned bits)
{
    mutex_lock(&tty->lock);
    struct pty_master *m = pty_of(tty)->master;
    if (m)
        waitq_wake(&m->file.waitq, bits);
    mutex_unlock(&tty->lock);
}

static void pty_output(struct tty *tty)
{
    wake_master(tty, POLLIN | POLLRDNORM | POLLPRI | POLLHUP);
}

static void pty_room(struct tty *tty)
{
    wake_master(tty, POLLOUT | POLLWRNORM);
}

void pty_destroy(struct pty *p)
{
    devpts_remove(p);
    tty_destroy(&p->tty);
    inode_put(p->inode);
    superblock_put(&p->fs->sb);
    slab_free(p);
}

static void pty_release(struct tty *tty)
{
    pty_destroy(pty_of(tty));
}

static const struct tty_ops pty_tty_ops = {
    .output = pty_output,
    .room = pty_room,
    .release = pty_release,
};

/* ---- the master as a file ---- */

static ssize_t put_byte(struct io *io, uint8_t c)
{
    return io_put(io, &c, 1);
}

static ssize_t output_locked(struct tty *tty, struct io *io) HOLDS(tty->lock);
static ssize_t output_locked(struct tty *tty, struct io *io)
{
    const uint8_t *bytes;
    size_t done = 0, n;

    while (io->left > 0 && (n = byteq_peek(&tty->out, &bytes)) > 0) {
        ssize_t put = io_put(io, bytes, min(n, io->left));
        if (put < 0)
            return done ? (ssize_t)done : put;
        byteq_drop(&tty->out, (size_t)put);
        tty->todo |= TODO_WRITERS;
        done += (size_t)put;
    }
    return (ssize_t)done;
}

/* In packet mode news come alone, and bytes behind a zero. */
static ssize_t master_read_locked(struct tty *tty, struct io *io) HOLDS(tty->lock);
static ssize_t master_read_locked(struct tty *tty, struct io *io)
{
    ssize_t head = 0;

    if (io->left == 0)
        return 0;
    if (tty->packet && tty->pktnews) {
        uint8_t news = tty->pktnews;
        tty->pktnews = 0;
        return put_byte(io, news);
    }
    if (byteq_len(&tty->out) == 0)
        return tty->closed ? -EIO : -EAGAIN;
    if (tty->packet) {
        head = put_byte(io, TIOCPKT_DATA);
        if (head < 0)
            return head;
    }
    ssize_t n = output_locked(tty, io);
    return n < 0 ? (head ? head : n) : head + n;
}

static ssize_t master_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct tty *tty = &pty_at(f)->tty;

    (void)pos;
    tty_lock(tty);
    ssize_t n = master_read_locked(tty, io);
    tty_unlock(tty);
    return n;
}

static ssize_t master_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct tty *tty = &pty_at(f)->tty;

    (void)pos;
    tty_lock(tty);
    ssize_t n = tty_input_locked(tty, io);
    tty_unlock(tty);
    return n;
}

static unsigned master_ready_locked(struct tty *tty) HOLDS(tty->lock);
static unsigned master_ready_locked(struct tty *tty)
{
    unsigned ready = 0;

    if (byteq_len(&tty->out) > 0)
        ready |= POLLIN | POLLRDNORM;
    if (tty->packet && tty->pktnews)
        ready |= POLLPRI | POLLIN | POLLRDNORM;
    if (tty->closed)
        ready |= POLLHUP;
    if (byteq_room(&tty->raw) > 0)
        ready |= POLLOUT | POLLWRNORM;
    return ready;
}

static unsigned master_poll(struct file *f)
{
    struct tty *tty = &pty_at(f)->tty;

    mutex_lock(&tty->lock);
    unsigned ready = master_ready_locked(tty);
    mutex_unlock(&tty->lock);
    return ready;
}

/* ---- ioctls of masters alone ---- */

static long get_int(const struct ioctl *c, int n)
{
    return copy_out_struct(c->mm, uptr(c->arg), &n);
}

static long set_flag(struct tty *tty, const struct ioctl *c)
{
    int on, err = copy_in_struct(c->mm, &on, uptr(c->arg));

    if (err)
        return err;
    tty_lock(tty);
    if (c->cmd == TIOCSPTLCK) {
        tty->locked = on;
    } else {
        if (on && !tty->packet)
            tty->pktnews = 0;
        tty->packet = on;
    }
    tty_unlock(tty);
    return 0;
}

static long get_flag(struct tty *tty, const struct ioctl *c)
{
    tty_lock(tty);
    bool on = c->cmd == TIOCGPTLCK ? tty->locked : tty->packet;
    tty_unlock(tty);
    return get_int(c, on);
}

static long send_signal(struct tty *tty, const struct ioctl *c)
{
    if (c->arg != SIGINT && c->arg != SIGQUIT && c->arg != SIGTSTP)
        return -EINVAL;
    tty_lock(tty);
    tty->signals |= UINT64_C(1) << c->arg;
    tty_unlock(tty);
    return 0;
}

static long unread(struct tty *tty, const struct ioctl *c)
{
    tty_lock(tty);
    uint32_t n = byteq_len(&tty->out);
    tty_unlock(tty);
    return get_int(c, (int)n);
}

/* From the master, "input" is what the near end wrote. */
static long flush(struct tty *tty, const struct ioctl *c)
{
    if (c->arg > TCIOFLUSH)
        return -EINVAL;
    tty_lock(tty);
    if (c->arg != TCOFLUSH)
        ldisc_flush_output_locked(tty);
    if (c->arg != TCIFLUSH)
        ldisc_flush_input_locked(tty);
    tty_unlock(tty);
    return 0;
}

static long master_ioctl(struct file *f, const struct ioctl *c)
{
    struct pty *p = pty_at(f);

    switch (c->cmd) {
    case TIOCSPTLCK:
    case TIOCPKT:
        return set_flag(&p->tty, c);
    case TIOCGPTLCK:
    case TIOCGPKT:
        return get_flag(&p->tty, c);
    case TIOCGPTN:
        return get_int(c, (int)p->index);
    case TIOCSIG:
        return send_signal(&p->tty, c);
    case FIONREAD:
        return unread(&p->tty, c);
    case TCFLSH:
        return flush(&p->tty, c);
    default:
        return tty_ioctl_both(&p->tty, f, c, true);
    }
}

static void master_release(struct file *f)
{
    struct pty *p = pty_at(f);

    tty_lock(&p->tty);
    p->master = NULL;
    tty_unlock(&p->tty);
    devpts_hide(p);
    tty_hang_up(&p->tty);
    file_destroy(f);
    slab_free(container_of(f, struct pty_master, file));
    tty_put(&p->tty);
}

static const struct file_ops master_ops = {
    .name = "ptmx",
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
    .release = master_release,
};

struct pty *pty_of_master(struct file *f)
{
    return f->ops == &master_ops ? pty_at(f) : NULL;
}

int pty_create(struct devpts *fs, const struct tty_ops *ops, const struct actor *who,
               struct pty **out)
{
    struct pty *p = slab_alloc(fs->sb.arena, &pty_slab);

    if (!p)
        return -ENOMEM;
    list_init(&p->node);
    int err = tty_init(&p->tty, fs->sb.arena, ops, 0);
    if (err) {
        slab_free(p);
        return err;
    }
    p->fs = fs;
    superblock_get(&fs->sb);
    p->tty.locked = true;
    err = devpts_add(fs, p, who);
    if (err) {
        pty_destroy(p); /* not by tty_put(): its far end's release() knows nothing of it yet */
        return err;
    }
    p->tty.ctty.rdev = makedev(PTS_MAJOR, p->index);
    *out = p;
    return 0;
}

int pty_open_master(struct devpts *fs, struct inode *inode, const struct path *at, int flags,
                    const struct actor *who, struct file **out)
{
    struct pty *p;
    int err = pty_create(fs, &pty_tty_ops, who, &p);

    if (err)
        return err;
    struct pty_master *m = slab_alloc(fs->sb.arena, &pty_master_slab);
    if (!m) {
        devpts_hide(p);
        tty_put(&p->tty);
        return -ENOMEM;
    }
    file_init(&m->file, fs->sb.arena, &master_ops, at, inode, flags, who->cred);
    m->file.kind |= FILE_STREAM | FILE_POLLABLE | FILE_ASYNC | FILE_WRITE_ALL;
    m->pty = p;
    tty_lock(&p->tty);
    p->master = m;
    tty_unlock(&p->tty);
    *out = &m->file;
    return 0;
}
