/* SPDX-License-Identifier: Apache-2.0 */
#include "fs_world.h"

#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/core/user.h"
#include "sentry/fs/fs.h"
#include "sentry/sock/socket.h"

void fs_world_start(struct fs_world *w)
{
    vfs_world_start(&w->vfs);
    w->arena = w->vfs.mm.arena;
    int err = timers_create(w->arena);
    assert(!err);
    err = fs_create(w->arena);
    assert(!err);
    err = sock_create_state(w->arena, NULL);
    assert(!err);
    err = users_create(w->arena);
    assert(!err);
}

void fs_world_stop(struct fs_world *w)
{
    static const enum slab_id kinds[] = {
        SLAB_pipe,         SLAB_pipe_end,   SLAB_pipe_page, SLAB_eventfd,    SLAB_timerfd,
        SLAB_epoll,        SLAB_epoll_item, SLAB_inotify,   SLAB_watch,      SLAB_unix_sock,
        SLAB_unix_addr,    SLAB_tty_end,    SLAB_pty,       SLAB_pty_master, SLAB_devpts,
        SLAB_devpts_inode, SLAB_console,
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        assert(slab_live(w->arena, kinds[i]) == 0);
    users_destroy(w->arena);
    sock_destroy_state(w->arena);
    fs_destroy(w->arena);
    ram_settle(w->arena);
    timers_destroy(w->arena);
    vfs_world_stop(&w->vfs);
}

ssize_t fs_read(struct file *f, void *buf, size_t size)
{
    struct io io;

    io_kernel(&io, buf, size);
    return f->ops->read(f, &io, NULL);
}

ssize_t fs_write(struct file *f, const void *buf, size_t size)
{
    struct io io;

    io_kernel(&io, (void *)(uintptr_t)buf, size);
    return f->ops->write(f, &io, NULL);
}

ssize_t fs_write_text(struct file *f, const char *text)
{
    return fs_write(f, text, strlen(text));
}

const char *fs_read_text(struct file *f)
{
    static char text[16384];
    ssize_t n = fs_read(f, text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

long fs_ioctl_value(struct fs_world *w, struct file *f, unsigned cmd, uint64_t arg)
{
    const struct ioctl c = { .mm = w->vfs.mm.mm, .cmd = cmd, .arg = arg, .who = &w->vfs.root };

    return f->ops->ioctl(f, &c);
}

void fs_pass(struct fs_world *w, nsec_t span)
{
    virtual_clock_advance(&w->vfs.clock, span);
    timers_run(w->arena, clock_now(&w->vfs.clock.clock, CLOCK_ID_MONOTONIC));
}

static void listener_wake(struct waiter *waiter, unsigned bits)
{
    struct listener *l = container_of(waiter, struct listener, waiter);

    l->woken++;
    l->bits |= bits;
}

static const struct waiter_ops listener_ops = { .wake = listener_wake };

void listen_to(struct listener *l, struct file *f)
{
    *l = (struct listener){ .waiter.ops = &listener_ops, .file = f };
    waitq_add(&f->waitq, &l->waiter);
}

void listen_end(struct listener *l)
{
    waitq_del(&l->file->waitq, &l->waiter);
}

int listen_count(struct listener *l)
{
    int n = l->woken;

    l->woken = 0;
    return n;
}
