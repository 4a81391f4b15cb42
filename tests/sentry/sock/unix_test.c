/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/sock/unix_priv.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "tests/lib/fs_world.h"

static struct fs_world w;

static void start(void)
{
    fs_world_start(&w);
}

static void stop(void)
{
    fs_world_stop(&w);
}

TestSuite(unix_sock, .init = start, .fini = stop, .timeout = 20);

static struct file *make(int type)
{
    struct file *f;

    cr_assert_eq(socket_create(AF_UNIX, type, 0, &w.vfs.root, &f), 0);
    return f;
}

static void make_pair(int type, struct file *s[2])
{
    s[0] = make(type);
    s[1] = make(type);
    cr_assert_eq(socket_of(s[0])->ops->pair(socket_of(s[0]), socket_of(s[1]), &w.vfs.root), 0);
}

static struct sock_addr abstract(const char *name)
{
    struct sock_addr a = { .family = AF_UNIX };

    a.size = (uint32_t)(3 + strlen(name));
    a.bytes[2] = '\0';
    memcpy(a.bytes + 3, name, strlen(name));
    return a;
}

static int bind_to(struct file *f, const char *name)
{
    struct sock_addr a = abstract(name);

    return socket_of(f)->ops->bind(socket_of(f), &a, &w.vfs.root);
}

static int connect_to(struct file *f, const char *name, struct sock_call *c)
{
    struct sock_addr a = abstract(name);

    c->who = &w.vfs.root;
    return socket_of(f)->ops->connect(socket_of(f), &a, c);
}

/* One byte with a file, whose reference is taken. */
static ssize_t send_file(struct file *f, struct file *what)
{
    char c = 'f';
    struct io io;
    struct sock_msg m = {
        .call = {.who = &w.vfs.root, .nonblock = true},
          .io = &io
    };

    io_kernel(&io, &c, 1);
    m.scm.files = arena_alloc(w.arena, sizeof *m.scm.files + sizeof(struct file *));
    m.scm.files->count = 1;
    m.scm.files->files[0] = what;
    ssize_t n = socket_of(f)->ops->send(socket_of(f), &m);
    scm_destroy(&m.scm);
    return n;
}

/* The file of the next message, given; NULL. */
static struct file *recv_file(struct file *f, unsigned flags)
{
    char c;
    struct io io;
    struct sock_msg m = {
        .call = {.who = &w.vfs.root, .nonblock = true},
          .io = &io
    };
    struct file *got = NULL;

    m.flags = flags;
    io_kernel(&io, &c, 1);
    if (socket_of(f)->ops->recv(socket_of(f), &m) == 1 && m.scm.files)
        got = file_get(m.scm.files->files[0]);
    scm_destroy(&m.scm);
    return got;
}

Test(unix_sock, memory_outlives_the_file_no_longer_than_needed)
{
    struct file *s[2];

    make_pair(SOCK_STREAM, s);
    cr_assert_eq(fs_write_text(s[0], "abc"), 3);
    file_put(s[0]);
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 2);
    cr_assert_str_eq(fs_read_text(s[1]), "abc");
    file_put(s[1]);
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 0);
}

Test(unix_sock, a_refused_message_keeps_its_bytes_and_files)
{
    struct file *s[2], *what = make(SOCK_DGRAM);

    make_pair(SOCK_STREAM, s);
    file_put(s[1]);
    cr_assert_eq(send_file(s[0], file_get(what)), -EPIPE);
    cr_assert_eq(ref_count(&what->ref), 1u);
    cr_assert_eq(unix_of(socket_of(s[0]))->wmem, 0u);
    file_put(what);
    file_put(s[0]);
}

Test(unix_sock, a_full_sender_is_woken_at_a_quarter)
{
    static char big[60000], part[12160];
    struct listener l;
    struct file *s[2];

    make_pair(SOCK_STREAM, s);
    while (fs_write(s[0], big, sizeof big) > 0)
        continue;
    listen_to(&l, s[0]);
    while (!listen_count(&l)) {
        cr_assert_not(unix_is_writable(unix_of(socket_of(s[0]))));
        cr_assert(fs_read(s[1], part, sizeof part) > 0);
    }
    cr_assert(unix_is_writable(unix_of(socket_of(s[0]))));
    cr_assert(unix_of(socket_of(s[0]))->wmem > 0);
    listen_end(&l);
    file_put(s[0]);
    file_put(s[1]);
}

Test(unix_sock, a_connect_waits_in_the_listeners_room)
{
    struct file *l = make(SOCK_STREAM), *c[2] = { make(SOCK_STREAM), make(SOCK_STREAM) }, *got;
    struct sock_call call[2] = { 0 };
    struct listener ear;

    cr_assert_eq(bind_to(l, "l"), 0);
    cr_assert_eq(socket_of(l)->ops->listen(socket_of(l), 0, &w.vfs.root), 0);
    cr_assert_eq(connect_to(c[0], "l", &call[0]), 0);
    cr_assert_eq(connect_to(c[1], "l", &call[1]), -EAGAIN);
    listen_to(&ear, c[1]);
    cr_assert_eq(socket_of(l)->ops->accept(socket_of(l), 0, &w.vfs.root, &got), 0);
    cr_assert_eq(listen_count(&ear), 1);
    cr_assert_eq(connect_to(c[1], "l", &call[1]), 0);
    sock_call_end(&call[1]);
    listen_end(&ear);
    file_put(got);
    file_put(l);
    for (int i = 0; i < 2; i++)
        file_put(c[i]);
}

Test(unix_sock, a_listener_that_ends_resets_whom_it_did_not_accept)
{
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM);
    struct sock_call call = { 0 };

    cr_assert_eq(bind_to(l, "l"), 0);
    cr_assert_eq(socket_of(l)->ops->listen(socket_of(l), 5, &w.vfs.root), 0);
    cr_assert_eq(connect_to(c, "l", &call), 0);
    file_put(l);
    cr_assert_eq(file_poll(c) & (POLLHUP | POLLERR), (unsigned)(POLLHUP | POLLERR));
    cr_assert_eq(fs_read(c, &call, 1), -ECONNRESET);
    file_put(c);
}

/* ---- files in messages ---- */

Test(unix_sock, a_socket_that_holds_itself_is_collected)
{
    struct file *s[2];

    make_pair(SOCK_STREAM, s);
    cr_assert_eq(send_file(s[0], file_get(s[1])), 1);
    cr_assert_eq(send_file(s[1], file_get(s[0])), 1);
    file_put(s[0]);
    file_put(s[1]);
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 2);
    file_put(make(SOCK_DGRAM));
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 0);
}

Test(unix_sock, what_a_live_queue_leads_to_is_not_garbage)
{
    struct file *a[2], *b[2], *got;

    make_pair(SOCK_STREAM, a);
    make_pair(SOCK_STREAM, b);
    /* b[1] waits for a reader of a[1]; in its queue is b[0], in whose queue is b[1] again. */
    cr_assert_eq(send_file(b[0], file_get(b[0])), 1);
    cr_assert_eq(send_file(b[1], file_get(b[1])), 1);
    cr_assert_eq(send_file(a[0], file_get(b[1])), 1);
    file_put(b[0]);
    file_put(b[1]);
    file_put(make(SOCK_DGRAM));
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 4);
    got = recv_file(a[1], 0);
    cr_assert_not_null(got);
    struct file *inner = recv_file(got, 0);
    cr_assert_not_null(inner);
    file_put(inner);
    file_put(got);
    file_put(a[0]);
    file_put(a[1]);
    file_put(make(SOCK_DGRAM));
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 0);
}

Test(unix_sock, a_cycle_through_a_backlog_is_collected)
{
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM);
    struct sock_call call = { 0 };

    cr_assert_eq(bind_to(l, "l"), 0);
    cr_assert_eq(socket_of(l)->ops->listen(socket_of(l), 5, &w.vfs.root), 0);
    cr_assert_eq(connect_to(c, "l", &call), 0);
    cr_assert_eq(send_file(c, file_get(l)), 1);
    file_put(l);
    file_put(make(SOCK_DGRAM));
    cr_assert_eq(file_poll(c) & POLLHUP, (unsigned)POLLHUP);
    file_put(c);
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 0);
}

Test(unix_sock, a_peek_gives_references_of_its_own)
{
    struct file *s[2], *what = make(SOCK_DGRAM), *got;

    make_pair(SOCK_DGRAM, s);
    cr_assert_eq(send_file(s[0], file_get(what)), 1);
    got = recv_file(s[1], MSG_PEEK);
    cr_assert_eq(got, what);
    file_put(got);
    cr_assert_eq(ref_count(&what->ref), 2u);
    file_put(recv_file(s[1], 0));
    cr_assert_eq(ref_count(&what->ref), 1u);
    file_put(what);
    file_put(s[0]);
    file_put(s[1]);
}

/* Deep enough to end any stack, if each close called the next. */
Test(unix_sock, a_chain_is_freed_link_by_link)
{
    struct file *last = make(SOCK_DGRAM);

    for (int i = 0; i < 20000; i++) {
        struct file *s[2];
        make_pair(SOCK_STREAM, s);
        cr_assert_eq(send_file(s[0], last), 1);
        file_put(s[0]);
        last = s[1];
    }
    file_put(last);
    cr_assert_eq(slab_live(w.arena, SLAB_unix_sock), 0);
}

/* ---- names ---- */

Test(unix_sock, autobind_finds_free_names)
{
    struct sock_addr empty = { .size = 2, .family = AF_UNIX }, name;
    struct file *a = make(SOCK_DGRAM), *b = make(SOCK_DGRAM);

    cr_assert_eq(socket_of(a)->ops->bind(socket_of(a), &empty, &w.vfs.root), 0);
    cr_assert_eq(socket_of(a)->ops->getname(socket_of(a), false, &name), 0);
    cr_assert_eq(name.size, 8u);
    sock_state_of(w.arena)->next_auto--;
    cr_assert_eq(socket_of(b)->ops->bind(socket_of(b), &empty, &w.vfs.root), 0);
    file_put(a);
    file_put(b);
}

Test(unix_sock, a_path_leads_there_until_the_socket_ends)
{
    struct sock_addr at = { .family = AF_UNIX };
    struct file *a = make(SOCK_DGRAM), *b = make(SOCK_DGRAM), *s = make(SOCK_STREAM);
    struct sock_call call = { .who = &w.vfs.root };

    memcpy(at.bytes + 2, "/sock", 6);
    at.size = 8;
    cr_assert_eq(socket_of(a)->ops->bind(socket_of(a), &at, &w.vfs.root), 0);
    cr_assert_eq(socket_of(s)->ops->connect(socket_of(s), &at, &call), -EPROTOTYPE);
    cr_assert_eq(socket_of(b)->ops->connect(socket_of(b), &at, &call), 0);
    cr_assert_eq(vfs_unlink(&w.vfs.root, NULL, "/sock"), 0);
    cr_assert_eq(fs_write_text(b, "x"), 1);
    cr_assert_str_eq(fs_read_text(a), "x");
    file_put(a);
    cr_assert_eq(fs_write_text(b, "x"), -ECONNREFUSED);
    file_put(b);
    file_put(s);
}
