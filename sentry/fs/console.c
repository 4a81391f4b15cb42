/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console. Its output is written to the host by whichever guest thread has just
 * written: one at a time, in small pieces, also what others add meanwhile. Where the host's
 * terminal has no room the rest stays, and goes on when it has (hostpoll.h). So lines stay
 * in order, and no guest thread waits for output but in its tty's queue, where signals reach
 * it.
 *
 * The terminal is not ours alone, so it cannot be made O_NONBLOCK. A piece that POLLOUT was
 * told for does not wait either: without OPOST, which the command line has cleared, a
 * terminal that has any room takes a whole buffer.
 */
#include "sentry/fs/console.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/host.h"
#include "sentry/core/hostpoll.h"
#include "sentry/fs/fs_priv.h"
#include "sentry/fs/pty_priv.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/walk.h"

#define PIECE_SIZE 1024                /* less than a buffer of any terminal of Linux */
#define ROUND      16                  /* pieces that one thread writes before others have a turn */
#define PATIENCE   (30 * NSEC_PER_SEC) /* closing_wait of Linux: of console_drain() */

/* [I] never changes   [w] whoever set `writing` */
struct console {
    struct tty own;  /* where it is no pty: what /dev/console leads to */
    struct tty *tty; /* [I] `own`, or a pty's: which ends with its last user, and we with it */
    hostfd_t fd;     /* [I] */
    bool writing;    /* [tty->lock] somebody is writing to the host */
    uint8_t piece[PIECE_SIZE];   /* [w] what has left the queue … */
    size_t piece_at, piece_size; /* [w] … and how much of it has been written */
    uint64_t taken;              /* [tty->lock] bytes that have left the queue so far */
    struct hostpoll_watch room;  /* tells that the host has room */
    struct park dry;             /* where console_drain() waits */
    bool reading, paused, typed; /* [tty->lock] in read(2); may not; the host has something */
    struct hostpoll_watch watch; /* tells that it has */
    struct park news;            /* the input thread's, for readers' room and all of these */
    struct park rest;            /* where console_pause() waits for the input thread */
};

static const struct slab_type console_slab = SLAB_TYPE(
    console, struct console,
    .const_ptrs = { PTR_AT(struct console, own.ops), PTR_AT(struct console, own.ctty.ops),
                    PTR_AT(struct console, watch.ops), PTR_AT(struct console, room.ops) },
    .host_ptrs = { PTR_AT(struct console, watch.armed_by), PTR_AT(struct console, room.armed_by) });

static struct console *of(struct tty *tty)
{
    return tty->console;
}

static int host_fd(const struct console *c)
{
    return hostfd_get(c->tty->ctty.arena, c->fd);
}

/* ---- output ---- */

static bool has_output_locked(const struct console *c) HOLDS(c->tty->lock);
static bool has_output_locked(const struct console *c)
{
    return c->piece_at < c->piece_size || byteq_len(&c->tty->out) > 0;
}

static bool begin_output(struct console *c)
{
    mutex_lock(&c->tty->lock);
    bool mine = !c->writing && has_output_locked(c);
    if (mine)
        c->writing = true;
    mutex_unlock(&c->tty->lock);
    return mine;
}

static void stop_output(struct console *c)
{
    mutex_lock(&c->tty->lock);
    c->writing = false;
    mutex_unlock(&c->tty->lock);
}

static void fill_piece_locked(struct console *c) HOLDS(c->tty->lock);
static void fill_piece_locked(struct console *c)
{
    const uint8_t *from;
    size_t n = min(byteq_peek(&c->tty->out, &from), sizeof c->piece);

    if (n > 0)
        memcpy(c->piece, from, n);
    byteq_drop(&c->tty->out, n);
    c->taken += n;
    c->piece_at = 0;
    c->piece_size = n;
}

/* There is a piece to be written. False: nothing is left, and the output is over. */
static bool next_piece(struct console *c)
{
    mutex_lock(&c->tty->lock);
    if (c->piece_at == c->piece_size)
        fill_piece_locked(c);
    bool more = c->writing = c->piece_at < c->piece_size;
    mutex_unlock(&c->tty->lock);
    return more;
}

/* Or is gone: then a write says so. */
static bool host_has_room(const struct console *c)
{
    struct pollfd p = { .fd = host_fd(c), .events = POLLOUT };

    return host_ppoll(&p, 1, 0) > 0;
}

/* False: not now. */
static bool write_piece(struct console *c)
{
    ssize_t n = host_write(host_fd(c), c->piece + c->piece_at, c->piece_size - c->piece_at);

    if (n == -EAGAIN || n == -EINTR)
        return false;
    /* A terminal that is gone takes no more; the input thread sees it and hangs up. */
    c->piece_at = n < 0 ? c->piece_size : c->piece_at + (size_t)n;
    return true;
}

/* False: some is left, for somebody else or for later. */
static bool write_pieces(struct console *c, bool wait)
{
    for (unsigned n = 0; next_piece(c); n++) {
        if (!wait && (n == ROUND || !host_has_room(c)))
            return false;
        if (!write_piece(c))
            return false;
    }
    return true;
}

static void console_output(struct tty *tty)
{
    struct console *c = of(tty);
    bool wait = false;

    if (!begin_output(c))
        return;
    while (!write_pieces(c, wait)) {
        stop_output(c);
        if (!hostpoll_arm(tty->ctty.arena, &c->room, c->fd, POLLOUT) || !begin_output(c))
            break;
        wait = true; /* nobody can tell us: in write(2) */
    }
    park_wake(&c->dry);
    tty_lock(tty);
    tty->todo |= TODO_WRITERS;
    tty_unlock(tty);
}

static void on_room(struct hostpoll_watch *w, unsigned bits)
{
    (void)bits;
    console_output(container_of(w, struct console, room)->tty);
}

static const struct hostpoll_ops room_ops = { .ready = on_room };

/* Has all gone that was there when the queue ended at `until`? Others may add without end. */
static bool is_dry(struct console *c, uint64_t until, uint64_t *taken)
{
    mutex_lock(&c->tty->lock);
    bool dry = c->taken >= until + PIECE_SIZE || (!c->writing && !has_output_locked(c));
    *taken = c->taken;
    mutex_unlock(&c->tty->lock);
    return dry;
}

void console_drain(struct console *c)
{
    const struct clock *clock = arena_host(c->tty->ctty.arena, HOST_CLOCK);
    uint64_t taken, before;

    mutex_lock(&c->tty->lock);
    uint64_t until = c->taken + byteq_len(&c->tty->out);
    mutex_unlock(&c->tty->lock);
    park_prepare(&c->dry);
    console_output(c->tty);
    while (!is_dry(c, until, &taken)) {
        nsec_t deadline = clock_now(clock, CLOCK_ID_MONOTONIC) + PATIENCE;
        int err = park_wait(&c->dry, deadline);
        park_prepare(&c->dry);
        before = taken;
        if (err == -ETIMEDOUT && (is_dry(c, until, &taken) || taken == before))
            break;
    }
}

/* ---- the far side, as the tty sees it ---- */

static void console_room(struct tty *tty)
{
    park_wake(&of(tty)->news);
}

static void on_typed(struct hostpoll_watch *w, unsigned bits)
{
    struct console *c = container_of(w, struct console, watch);

    (void)bits;
    mutex_lock(&c->tty->lock);
    c->typed = true;
    mutex_unlock(&c->tty->lock);
    park_wake(&c->news);
}

static const struct hostpoll_ops watch_ops = { .ready = on_typed };

static void console_release(struct tty *tty)
{
    struct console *c = of(tty);

    hostpoll_disarm(tty->ctty.arena, &c->watch);
    hostpoll_disarm(tty->ctty.arena, &c->room);
    hostfd_del(tty->ctty.arena, c->fd);
    if (tty == &c->own)
        tty_destroy(tty);
    else
        pty_destroy(pty_of(tty));
    slab_free(c);
}

static const struct tty_ops console_ops = {
    .output = console_output,
    .room = console_room,
    .release = console_release,
};

static int make_own(struct arena *a, struct console *c)
{
    int err = tty_init(&c->own, a, &console_ops, makedev(5, 1));

    c->tty = &c->own;
    return err;
}

/* A pty in the devpts that `who` sees at /dev/pts, open to all who may. */
static int make_pty(struct console *c, const struct actor *who)
{
    struct path dir;
    struct pty *p;
    int err = walk(who, NULL, "/dev/pts", WALK_FOLLOW | WALK_DIRECTORY, &dir);

    if (err)
        return err;
    struct devpts *fs = devpts_of(dentry_inode(dir.dentry));
    err = fs ? pty_create(fs, &console_ops, who, &p) : -ENODEV;
    path_put(&dir);
    if (err)
        return err;
    c->tty = &p->tty;
    return 0;
}

int console_create(struct arena *a, const struct console_options *o, struct console **out)
{
    struct console *c = slab_alloc(a, &console_slab);

    if (!c) {
        host_close(o->fd);
        return -ENOMEM;
    }
    hostpoll_watch_init(&c->watch, &watch_ops);
    hostpoll_watch_init(&c->room, &room_ops);
    int err = hostfd_add(a, o->fd, &c->fd);
    if (!err) {
        err = o->pty_for ? make_pty(c, o->pty_for) : make_own(a, c);
        if (err)
            hostfd_del(a, c->fd);
    }
    if (err) {
        slab_free(c);
        return err;
    }
    /* A pty has its name already; but nobody could open it until now. */
    mutex_lock(&c->tty->lock);
    c->tty->console = c;
    c->tty->winsize = (struct abi_winsize){ .rows = o->rows, .cols = o->cols };
    c->tty->locked = false;
    mutex_unlock(&c->tty->lock);
    if (!fs_state_of(a)->console)
        fs_state_of(a)->console = c->tty;
    *out = c;
    return 0;
}

struct console *console_get(struct console *c)
{
    tty_get(c->tty);
    return c;
}

void console_destroy(struct console *c)
{
    if (!c)
        return;
    if (fs_state_of(c->tty->ctty.arena)->console == c->tty)
        fs_state_of(c->tty->ctty.arena)->console = NULL;
    tty_put(c->tty);
}

/* Types all of it, and waits where there is no room. */
static void type(struct console *c, uint8_t *bytes, size_t size)
{
    struct io io;
    ssize_t n;

    io_kernel(&io, bytes, size);
    while (io.left > 0) {
        park_prepare(&c->news);
        tty_lock(c->tty);
        n = tty_input_locked(c->tty, &io);
        tty_unlock(c->tty);
        if (n == -EAGAIN && park_wait(&c->news, NSEC_NEVER) < 0)
            continue;
    }
}

/* ---- reading, and not reading ---- */

/* May the input thread read now? It then says so, and has to say that it has. */
static bool begin_reading(struct console *c)
{
    mutex_lock(&c->tty->lock);
    bool paused = c->paused;
    c->reading = c->typed && !paused;
    if (c->reading)
        c->typed = false;
    bool reading = c->reading;
    mutex_unlock(&c->tty->lock);
    if (!reading && !paused && hostpoll_arm(c->tty->ctty.arena, &c->watch, c->fd, POLLIN))
        on_typed(&c->watch, 0); /* nobody can tell us: wait in read(2) */
    return reading;
}

static void end_reading(struct console *c)
{
    mutex_lock(&c->tty->lock);
    c->reading = false;
    mutex_unlock(&c->tty->lock);
    park_wake(&c->rest);
}

void console_loop(struct console *c)
{
    uint8_t bytes[512];
    ssize_t n = 1;

    while (n > 0 || n == -EINTR) {
        park_prepare(&c->news);
        if (!begin_reading(c)) {
            (void)!park_wait(&c->news, NSEC_NEVER);
            continue;
        }
        n = host_read(host_fd(c), bytes, sizeof bytes);
        end_reading(c);
        if (n > 0)
            type(c, bytes, (size_t)n);
    }
    tty_hang_up(c->tty);
    tty_put(c->tty);
}

static bool is_reading(struct console *c)
{
    mutex_lock(&c->tty->lock);
    bool reading = c->reading;
    mutex_unlock(&c->tty->lock);
    return reading;
}

void console_pause(struct console *c)
{
    nsec_t deadline = clock_now(arena_host(c->tty->ctty.arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);

    mutex_lock(&c->tty->lock);
    c->paused = true;
    c->typed = false;
    mutex_unlock(&c->tty->lock);
    hostpoll_disarm(c->tty->ctty.arena, &c->watch);
    for (;;) {
        park_prepare(&c->rest);
        if (!is_reading(c) || park_wait(&c->rest, deadline + NSEC_PER_SEC) == -ETIMEDOUT)
            return;
    }
}

void console_resume(struct console *c)
{
    mutex_lock(&c->tty->lock);
    c->paused = false;
    mutex_unlock(&c->tty->lock);
    park_wake(&c->news);
}

void console_resize(struct console *c, unsigned rows, unsigned cols)
{
    struct abi_winsize size = { .rows = (uint16_t)rows, .cols = (uint16_t)cols };

    tty_resize(c->tty, &size);
}

void console_set_session(struct console *c, struct task *t)
{
    tty_make_controlling(c->tty, t);
}

void console_give(const struct actor *root, const struct cred *user)
{
    struct attr_change owner = { .which = ATTR_UID | ATTR_GID,
                                 .uid = user->fsuid,
                                 .gid = user->fsgid };
    struct path at;

    if (walk(root, NULL, "/dev/console", WALK_FOLLOW, &at))
        return;
    if (dentry_inode(at.dentry)->sb->magic == TMPFS_MAGIC)
        (void)!vfs_setattr(root, &at, &owner);
    path_put(&at);
}

int console_open(struct console *c, const struct actor *who, struct file **out)
{
    const struct open_how_k how = { .flags = O_RDWR | O_NOCTTY };
    char name[32] = "/dev/console";
    struct file *f;

    if (c->tty != &c->own)
        snprintf(name, sizeof name, "/dev/pts/%u", pty_of(c->tty)->index);
    /* By its name, so that ttyname(3) finds it. */
    if (vfs_open(who, NULL, name, &how, &f) == 0) {
        if (tty_of_file(f) == c->tty) {
            *out = f;
            return 0;
        }
        file_put(f);
    }
    return c->tty->ctty.ops->open(&c->tty->ctty, who, O_RDWR, out);
}

int console_open_device(struct inode *inode, const struct path *at, int flags,
                        const struct actor *who, struct file **out)
{
    struct tty *tty = fs_state_of(who->arena)->console;

    return tty ? tty_open(tty, inode, at, flags | O_NOCTTY, who, out) : -ENXIO;
}
