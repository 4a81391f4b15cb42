/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads at work on the same pipes, sockets, epolls and terminals, with all that can
 * happen to these at once: the close of one side, items that come and go, files in
 * messages whose last references are other messages. Run it under ThreadSanitizer.
 */
#include <asm/ioctls.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/epoll.h"
#include "sentry/fs/eventfd.h"
#include "sentry/fs/pipe.h"
#include "sentry/sock/unix_priv.h"
#include "tests/lib/fs_world.h"

#define THREADS 4

static struct fs_world w;

static void stop(void)
{
    /* The last close looks for what only messages refer to, however many were closed before. */
    struct list none = LIST_INIT(none);
    sock_state_of(w.arena)->closes = UINT32_MAX / 2;
    unix_bury(w.arena, &none, true);
    fs_world_stop(&w);
}

struct worker {
    pthread_t thread;
    uint64_t seed;
    int number;
};

static uint32_t pick(struct worker *k, uint32_t n)
{
    k->seed = k->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(k->seed >> 33) % n;
}

static void run(void *(*body)(void *))
{
    struct worker k[THREADS];

    for (int i = 0; i < THREADS; i++) {
        k[i] = (struct worker){ .seed = (uint64_t)i * 77 + 1, .number = i };
        assert(pthread_create(&k[i].thread, NULL, body, &k[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(k[i].thread, NULL);
}

/* ---- a place where threads find each other's files ---- */

#define SHELF 8

static struct mutex shelf_lock;
static struct file *shelf[SHELF];

static struct file *borrow(struct worker *k)
{
    mutex_lock(&shelf_lock);
    struct file *f = shelf[pick(k, SHELF)];
    if (f)
        file_get(f);
    mutex_unlock(&shelf_lock);
    return f;
}

/* Puts `f` (taken) in some place; what stood there is closed. */
static void place(struct worker *k, struct file *f)
{
    mutex_lock(&shelf_lock);
    struct file **slot = &shelf[pick(k, SHELF)];
    struct file *old = *slot;
    *slot = f;
    mutex_unlock(&shelf_lock);
    file_put(old);
}

static void clear_shelf(void)
{
    for (int i = 0; i < SHELF; i++)
        file_put(keep(shelf[i]));
}

/* ---- epoll ---- */

static struct file *epolls[2];

static void change_interest(struct worker *k, struct file *ep, struct file *f)
{
    static const uint32_t events[] = { EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT,
                                       EPOLLIN | EPOLLOUT, EPOLLOUT | EPOLLET };
    const struct epoll_event e = { events[pick(k, ARRAY_LEN(events))], { .u64 = 1 } };
    int op = 1 + (int)pick(k, 3), err = epoll_change(ep, op, (int)pick(k, 2), f, &e);

    assert(err == 0 || err == -EEXIST || err == -ENOENT || err == -ELOOP || err == -EINVAL);
}

static void collect(struct file *ep)
{
    struct epoll_event events[4];
    struct io io;

    io_kernel(&io, events, sizeof events);
    long n = epoll_collect(ep, &io, 4);
    assert(n == -EAGAIN || n > 0);
}

static void *epoll_body(void *arg)
{
    struct worker *k = arg;
    uint64_t n = 1;

    for (int i = 0; i < 3000; i++) {
        struct file *ep = epolls[pick(k, 2)], *f = borrow(k);
        switch (pick(k, 6)) {
        case 0: {
            struct file *made;
            int err = pick(k, 4) ? eventfd_create(w.arena, w.vfs.root_cred, 0, 0, &made)
                                 : epoll_file_create(w.arena, w.vfs.root_cred, &made);
            assert(!err);
            place(k, made);
            break;
        }
        case 1:
        case 2:
            if (f)
                change_interest(k, f->ops->read ? ep : file_is_epoll(f) ? f : ep, f);
            break;
        case 3:
            if (f && f->ops->write)
                (void)!fs_write(f, &n, 8);
            break;
        case 4:
            if (f && f->ops->read)
                (void)!fs_read(f, &n, 8);
            break;
        default:
            collect(ep);
        }
        file_put(f);
    }
    return NULL;
}

Test(fs_stress, items_come_and_go)
{
    fs_world_start(&w);
    mutex_init(&shelf_lock, RANK_CONTROL);
    for (int i = 0; i < 2; i++)
        assert(epoll_file_create(w.arena, w.vfs.root_cred, &epolls[i]) == 0);
    run(epoll_body);
    clear_shelf();
    for (int i = 0; i < 2; i++)
        file_put(epolls[i]);
    stop();
}

/* ---- pipes ---- */

static struct file *ends[2];
static _Atomic uint64_t sent, got;

static void *pipe_body(void *arg)
{
    struct worker *k = arg;
    uint8_t bytes[3000];

    memset(bytes, 1, sizeof bytes);
    for (int i = 0; i < 4000; i++) {
        ssize_t n;
        switch (pick(k, 4)) {
        case 0:
        case 1:
            n = fs_write(ends[1], bytes, 1 + pick(k, sizeof bytes - 1));
            atomic_fetch_add(&sent, n > 0 ? (uint64_t)n : 0);
            break;
        case 2:
            n = fs_read(ends[0], bytes, 1 + pick(k, sizeof bytes - 1));
            atomic_fetch_add(&got, n > 0 ? (uint64_t)n : 0);
            break;
        default: {
            struct pipe_chunk c;
            n = pipe_detach(ends[0], 1 + pick(k, 9000), &c);
            if (n > 0) {
                size_t used = pick(k, (uint32_t)n + 1);
                atomic_fetch_add(&got, used);
                pipe_unread(ends[0], &c, used);
            }
        }
        }
        file_poll(ends[0]);
    }
    return NULL;
}

Test(fs_stress, no_byte_is_lost_in_a_pipe)
{
    uint8_t rest[4096];
    ssize_t n;

    fs_world_start(&w);
    assert(pipe_create(w.arena, w.vfs.root_cred, 0, ends) == 0);
    run(pipe_body);
    while ((n = fs_read(ends[0], rest, sizeof rest)) > 0)
        atomic_fetch_add(&got, (uint64_t)n);
    cr_assert_eq(atomic_load(&sent), atomic_load(&got));
    file_put(ends[0]);
    file_put(ends[1]);
    stop();
}

/* ---- sockets that carry sockets ---- */

static void send_file(struct file *f, struct file *what)
{
    char c = 'x';
    struct io io;
    struct sock_msg m = {
        .call = {.who = &w.vfs.root, .nonblock = true},
          .io = &io
    };

    io_kernel(&io, &c, 1);
    m.scm.files = arena_alloc(w.arena, sizeof *m.scm.files + sizeof(struct file *));
    assert(m.scm.files);
    m.scm.files->count = 1;
    m.scm.files->files[0] = file_get(what);
    (void)!socket_of(f)->ops->send(socket_of(f), &m);
    scm_destroy(&m.scm);
}

static void recv_file(struct worker *k, struct file *f, unsigned flags)
{
    char c;
    struct io io;
    struct sock_msg m = {
        .call = {.who = &w.vfs.root, .nonblock = true},
          .io = &io
    };

    m.flags = flags;
    io_kernel(&io, &c, 1);
    if (socket_of(f)->ops->recv(socket_of(f), &m) >= 0 && m.scm.files)
        place(k, file_get(m.scm.files->files[0]));
    scm_destroy(&m.scm);
}

static void make_pair(struct worker *k)
{
    struct file *s[2];
    int type = pick(k, 2) ? SOCK_STREAM : SOCK_SEQPACKET;

    for (int i = 0; i < 2; i++)
        assert(socket_create(AF_UNIX, type, 0, &w.vfs.root, &s[i]) == 0);
    assert(socket_of(s[0])->ops->pair(socket_of(s[0]), socket_of(s[1]), &w.vfs.root) == 0);
    place(k, s[0]);
    place(k, s[1]);
}

static void *unix_body(void *arg)
{
    struct worker *k = arg;

    for (int i = 0; i < 3000; i++) {
        struct file *a = borrow(k), *b = borrow(k);
        switch (pick(k, 5)) {
        case 0:
            make_pair(k);
            break;
        case 1:
        case 2:
            if (a && b)
                send_file(a, b);
            break;
        case 3:
            if (a)
                recv_file(k, a, pick(k, 3) ? 0 : MSG_PEEK);
            break;
        default:
            if (a && pick(k, 20) == 0)
                socket_of(a)->ops->shutdown(socket_of(a), (int)pick(k, 3));
            if (a)
                file_poll(a);
        }
        file_put(a);
        file_put(b);
    }
    return NULL;
}

Test(fs_stress, no_socket_is_lost_in_messages)
{
    fs_world_start(&w);
    mutex_init(&shelf_lock, RANK_CONTROL);
    run(unix_body);
    clear_shelf();
    stop();
}

/* ---- connections to listeners that end ---- */

static const struct sock_addr door = {
    .size = 6, .bytes = {AF_UNIX, 0, 0, 'd', 'o', 'r'}
};

/* A listener whose ids are its own: nobody else keeps them. */
static void listen_for_a_moment(struct worker *k)
{
    struct actor who = w.vfs.root;
    struct cred *own;
    struct file *f;

    assert(cred_copy(w.vfs.root_cred, &own) == 0);
    who.cred = own;
    assert(socket_create(AF_UNIX, SOCK_STREAM, 0, &who, &f) == 0);
    cred_put(own);
    who.cred = w.vfs.root_cred;
    if (socket_of(f)->ops->bind(socket_of(f), &door, &who) == 0 &&
        socket_of(f)->ops->listen(socket_of(f), 3, &who) == 0)
        for (uint32_t n = pick(k, 200); n > 0; n--)
            file_poll(f);
    file_put(f);
}

static void *listener_body(void *arg)
{
    struct worker *k = arg;

    for (int i = 0; i < 20000; i++) {
        if (k->number % 2) {
            listen_for_a_moment(k);
            continue;
        }
        struct sock_call c = { .who = &w.vfs.root, .nonblock = true };
        struct file *f;
        assert(socket_create(AF_UNIX, SOCK_STREAM, 0, &w.vfs.root, &f) == 0);
        int err = socket_of(f)->ops->connect(socket_of(f), &door, &c);
        assert(err == 0 || err == -ECONNREFUSED || err == -EAGAIN);
        file_put(f);
    }
    return NULL;
}

Test(fs_stress, a_listener_may_end_under_a_connect)
{
    fs_world_start(&w);
    run(listener_body);
    stop();
}
