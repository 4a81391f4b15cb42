/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdpass.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/host.h"

static int pair[2];

static void setup(void)
{
    cr_assert_eq(host_socketpair(SOCK_SEQPACKET, pair), 0);
}

static void teardown(void)
{
    host_close(pair[0]);
    host_close(pair[1]);
}

/* The lowest free descriptor: where it has not moved, nothing leaked below it. */
static int lowest_free(void)
{
    int fd = dup(0);

    host_close(fd);
    return fd;
}

Test(fdpass, descriptors_arrive_closed_on_exec, .init = setup, .fini = teardown)
{
    scoped_fd int file = host_memfd_create("passed", 0);
    char buf[8];
    int fds[4];
    size_t count;

    cr_assert_eq(host_write(file, "inside", 6), 6);
    cr_assert_eq(fd_send(pair[0], "hello", 5, (int[]){ file, file }, 2), 5);
    cr_assert_eq(fd_recv(pair[1], buf, sizeof buf, fds, 4, &count, NULL), 5);
    cr_assert_eq(count, 2);
    cr_assert_arr_eq(buf, "hello", 5);
    cr_assert_eq(host_pread(fds[1], buf, sizeof buf, 0), 6);
    cr_assert_arr_eq(buf, "inside", 6);
    cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    host_close(fds[0]);
    host_close(fds[1]);
}

Test(fdpass, more_descriptors_than_room_are_refused_and_closed, .init = setup, .fini = teardown)
{
    char byte;
    int fds[2], before = lowest_free();
    size_t count;

    cr_assert_eq(fd_send(pair[0], "x", 1, (int[]){ 0, 1, 2 }, 3), 1);
    cr_assert_eq(fd_recv(pair[1], &byte, 1, fds, 2, &count, NULL), -EMSGSIZE);
    cr_assert_eq(count, 0);
    cr_assert_eq(lowest_free(), before);
}

Test(fdpass, as_many_as_linux_allows_pass, .init = setup, .fini = teardown)
{
    int sent[FDPASS_MAX], got[FDPASS_MAX], before = lowest_free();
    size_t count;
    char byte;

    for (size_t i = 0; i < FDPASS_MAX; i++)
        sent[i] = 0;
    cr_assert_eq(fd_send(pair[0], "x", 1, sent, FDPASS_MAX), 1);
    cr_assert_eq(fd_recv(pair[1], &byte, 1, got, FDPASS_MAX, &count, NULL), 1);
    cr_assert_eq(count, FDPASS_MAX);
    while (count)
        host_close(got[--count]);
    cr_assert_eq(fd_send(pair[0], "x", 1, sent, FDPASS_MAX + 1), -EINVAL);
    cr_assert_eq(lowest_free(), before);
}

Test(fdpass, a_message_that_was_cut_is_refused, .init = setup, .fini = teardown)
{
    char buf[4];
    int fd, before = lowest_free();
    size_t count;

    cr_assert_eq(fd_send(pair[0], "too long", 8, (int[]){ 0 }, 1), 8);
    cr_assert_eq(fd_recv(pair[1], buf, sizeof buf, &fd, 1, &count, NULL), -EMSGSIZE);
    cr_assert_eq(lowest_free(), before);
}

Test(fdpass, credentials_come_where_they_are_asked_for, .init = setup, .fini = teardown)
{
    struct ucred cred = { 0 };
    size_t count;
    char byte;
    int on = 1;

    cr_assert_eq(fd_send(pair[0], "x", 1, NULL, 0), 1);
    cr_assert_eq(fd_recv(pair[1], &byte, 1, NULL, 0, &count, &cred), -EPROTO);
    cr_assert_eq(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    cr_assert_eq(fd_send(pair[0], "x", 1, NULL, 0), 1);
    cr_assert_eq(fd_recv(pair[1], &byte, 1, NULL, 0, &count, &cred), 1);
    cr_assert_eq(cred.pid, getpid());
    cr_assert_eq(cred.uid, getuid());
    cr_assert_eq(fd_send(pair[0], "x", 1, NULL, 0), 1);
    cr_assert_eq(fd_recv(pair[1], &byte, 1, NULL, 0, &count, NULL), -EPROTO);
}

Test(fdpass, the_end_is_zero_and_nothing_to_send_is_an_error, .init = setup)
{
    size_t count;
    char byte;

    cr_assert_eq(fd_send(pair[0], "", 0, NULL, 0), -EINVAL);
    host_close(pair[0]);
    cr_assert_eq(fd_recv(pair[1], &byte, 1, NULL, 0, &count, NULL), 0);
    cr_assert_eq(fd_send(pair[1], "x", 1, NULL, 0), -EPIPE);
    host_close(pair[1]);
}
