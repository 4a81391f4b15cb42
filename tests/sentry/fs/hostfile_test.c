/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/hostfile.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "sentry/core/hostpoll.h"
#include "sentry/core/slab.h"
#include "sentry/vfs/rw.h"
#include "sentry/vfs/vfs.h"
#include "tests/lib/mm_world.h"

static struct mm_world w;
static struct user_ns *ns;
static struct cred *cred;

static void start(void)
{
    mm_world_start(&w, 16 * MIB);
    arena_set_host(w.arena, HOST_CLOCK, (void *)(uintptr_t)&clock_real);
    cr_assert_eq(vfs_create(w.arena), 0);
    cr_assert_eq(hostpoll_create(w.arena), 0);
    cr_assert_eq(user_ns_create_root(w.arena, &ns), 0);
    cr_assert_eq(cred_create(w.arena, ns, 0, 0, CAPS_ALL, &cred), 0);
}

static void stop(void)
{
    hostpoll_destroy(w.arena);
    cred_put(cred);
    user_ns_put(ns);
    cr_expect_eq(slab_live(w.arena, SLAB_hostfile), 0);
    cr_expect_eq(slab_live(w.arena, SLAB_hostfile_inode), 0);
    mm_put(w.mm);
    fake_platform.destroy(w.platform.platform);
    ram_destroy(w.arena);
    hostfds_destroy(w.arena);
    arena_destroy(w.arena);
}

TestSuite(hostfile, .init = start, .fini = stop, .timeout = 20);

static struct file *file_of(int fd)
{
    struct file *f = NULL;

    cr_assert_eq(hostfile_create(w.arena, fd, cred, &f), 0);
    return f;
}

static ssize_t get(struct file *f, void *buf, size_t size)
{
    struct io io;

    io_kernel(&io, buf, size);
    return file_read(f, &io);
}

static ssize_t put(struct file *f, const char *text)
{
    struct actor who = { .arena = w.arena, .cred = cred };
    struct io io;

    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    return file_write(&who, f, &io);
}

/* Somebody in a queue. */
struct sleeper {
    struct waiter waiter;
    struct park park;
};

static void wake(struct waiter *wt, unsigned bits)
{
    (void)bits;
    park_wake(&container_of(wt, struct sleeper, waiter)->park);
}

static const struct waiter_ops sleeper_ops = { .wake = wake };

Test(hostfile, a_pipe_without_bytes_would_wait_and_tells_when_there_are_some)
{
    int fds[2];
    char buf[8] = "";
    struct sleeper s = { .waiter.ops = &sleeper_ops };
    cr_assert_eq(pipe(fds), 0);
    struct file *f = file_of(fds[0]);

    cr_expect_eq(get(f, buf, 8), -EAGAIN);
    cr_expect_eq(file_poll(f), 0);
    park_prepare(&s.park);
    waitq_add(&f->waitq, &s.waiter);
    cr_expect_eq(get(f, buf, 8), -EAGAIN, "this time somebody waits");
    cr_assert_eq(write(fds[1], "hello", 5), 5);
    cr_expect_eq(park_wait(&s.park, clock_now(&clock_real, CLOCK_ID_MONOTONIC) + 5 * NSEC_PER_SEC),
                 0);
    cr_expect_eq(get(f, buf, 8), 5);
    cr_expect_str_eq(buf, "hello");
    /* By poll() the same, and the end of the pipe is told, too. */
    park_prepare(&s.park);
    cr_expect_eq(file_poll(f), 0);
    close(fds[1]);
    cr_expect_eq(park_wait(&s.park, clock_now(&clock_real, CLOCK_ID_MONOTONIC) + 5 * NSEC_PER_SEC),
                 0);
    cr_expect(file_poll(f) & POLLHUP);
    cr_expect_eq(get(f, buf, 8), 0);
    waitq_del(&f->waitq, &s.waiter);
    file_put(f);
}

Test(hostfile, a_full_pipe_takes_what_fits)
{
    int fds[2];
    struct actor who = { .arena = w.arena, .cred = cred };
    struct io io;
    static char big[1 << 20];
    cr_assert_eq(pipe(fds), 0);
    struct file *f = file_of(fds[1]);
    ssize_t n, total = 0;

    io_kernel(&io, big, sizeof big);
    while ((n = file_write(&who, f, &io)) > 0)
        total += n;
    cr_expect_eq(n, -EAGAIN);
    cr_expect_eq(total, fcntl(fds[0], F_GETPIPE_SZ));
    cr_expect_not(file_poll(f) & POLLOUT);
    cr_assert_eq(read(fds[0], big, 8192), 8192);
    cr_expect(file_poll(f) & POLLOUT);
    close(fds[0]);
    cr_expect_eq(put(f, "x"), -EPIPE, "and no signal of the host's");
    file_put(f);
}

Test(hostfile, a_socket_is_a_stream)
{
    int fds[2];
    char buf[8] = "";
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct file *f = file_of(fds[0]);

    cr_expect_eq(get(f, buf, 8), -EAGAIN);
    cr_expect_eq(put(f, "ping"), 4);
    cr_expect_eq(read(fds[1], buf, 8), 4);
    cr_expect_eq(write(fds[1], "pong!", 5), 5);
    cr_expect_eq(get(f, buf, 8), 5);
    cr_expect_eq(file_seek(f, 0, SEEK_SET), -ESPIPE);
    close(fds[1]);
    cr_expect_eq(get(f, buf, 8), 0);
    cr_expect_eq(put(f, "x"), -EPIPE);
    file_put(f);
}

Test(hostfile, a_regular_file_shares_its_position_with_the_host)
{
    char name[] = "/tmp/hostfile-test-XXXXXX", buf[32] = "";
    struct attr attr;
    struct io io;
    int fd = mkstemp(name);
    cr_assert_geq(fd, 0);
    unlink(name);
    int again = dup(fd);
    struct file *a = file_of(dup(fd)), *b = file_of(again);

    cr_expect_eq(put(a, "one "), 4);
    cr_expect_eq(put(b, "two "), 4, "as 2>&1 has it");
    cr_expect_eq(write(fd, "three", 5), 5);
    cr_expect_eq(file_seek(a, 0, SEEK_CUR), 13);
    cr_expect_eq(pread(fd, buf, sizeof buf, 0), 13);
    cr_expect_str_eq(buf, "one two three");
    cr_expect_eq(inode_getattr(a->inode, &attr), 0);
    cr_expect_eq(attr.size, 13);
    cr_expect_eq(attr.mode & S_IFMT, S_IFREG);
    io_kernel(&io, buf, 3);
    cr_expect_eq(file_read_at(a, &io, 4), 3);
    cr_expect_eq(memcmp(buf, "two", 3), 0);
    cr_expect_eq(file_seek(b, 4, SEEK_SET), 4);
    cr_expect_eq(get(a, buf, 3), 3);
    cr_expect_eq(memcmp(buf, "two", 3), 0);
    file_put(a);
    file_put(b);
    close(fd);
}

Test(hostfile, dev_null_takes_all_and_gives_none)
{
    char buf[4];
    struct file *f = file_of(open("/dev/null", O_RDWR));

    cr_expect_eq(put(f, "some bytes"), 10);
    cr_expect_eq(get(f, buf, 4), 0);
    cr_expect_eq(file_poll(f) & (POLLIN | POLLOUT), POLLIN | POLLOUT);
    file_put(f);
}

Test(hostfile, a_file_that_is_watched_can_go)
{
    int fds[2];
    char buf[1];
    struct sleeper s = { .waiter.ops = &sleeper_ops };

    for (int i = 0; i < 50; i++) {
        cr_assert_eq(pipe(fds), 0);
        struct file *f = file_of(fds[0]);
        waitq_add(&f->waitq, &s.waiter);
        cr_expect_eq(get(f, buf, 1), -EAGAIN);
        if (i & 1)
            cr_assert_eq(write(fds[1], "x", 1), 1);
        waitq_del(&f->waitq, &s.waiter);
        file_put(f);
        signal(SIGPIPE, SIG_IGN);
        /* The pipe is closed as soon as the watching thread has let go of it. */
        for (int turns = 0; turns < 1000 && write(fds[1], "x", 1) == 1; turns++)
            usleep(1000);
        cr_expect_eq(write(fds[1], "x", 1), -1);
        close(fds[1]);
    }
}
