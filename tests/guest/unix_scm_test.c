/* SPDX-License-Identifier: Apache-2.0 */
/* covers: sendmsg, recvmsg */
/* SCM_RIGHTS, SCM_CREDENTIALS, SO_PEERCRED: what goes along with bytes. */
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/guest/child.h"

union control {
    char bytes[CMSG_SPACE(300 * sizeof(int))];
    struct cmsghdr align;
};

static ssize_t send_fds(int s, const int *fds, size_t n, const char *text)
{
    union control c;
    struct iovec iov = { (void *)text, strlen(text) };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

    h.msg_control = c.bytes;
    h.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *m = CMSG_FIRSTHDR(&h);
    m->cmsg_level = SOL_SOCKET;
    m->cmsg_type = SCM_RIGHTS;
    m->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(m), fds, n * sizeof(int));
    return sendmsg(s, &h, 0);
}

/* Returns the bytes; *n descriptors in fds; *flags. */
static ssize_t recv_fds(int s, int *fds, size_t *n, size_t room, int flags, int *got)
{
    union control c;
    char b[64];
    struct iovec iov = { b, sizeof b };
    struct msghdr h = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes, .msg_controllen = room
    };

    *n = 0;
    ssize_t r = recvmsg(s, &h, flags);
    *got = h.msg_flags;
    if (r < 0)
        return r;
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&h); m; m = CMSG_NXTHDR(&h, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        *n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(m), *n * sizeof(int));
    }
    return r;
}

TEST(a_descriptor_travels)
{
    int s[2], p[2], got, flags;
    size_t n;
    char c;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
    CHECK_EQ(send_fds(s[0], &p[0], 1, "x"), 1);
    close(p[0]);
    CHECK_EQ(recv_fds(s[1], &got, &n, CMSG_SPACE(4), MSG_CMSG_CLOEXEC, &flags), 1);
    CHECK_EQ(n, 1);
    CHECK_EQ(flags, MSG_CMSG_CLOEXEC);
    CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(p[1], "y", 1), 1);
    CHECK_EQ(read(got, &c, 1), 1);
    CHECK_EQ(c, 'y');
    close(got);
    close(p[1]);
    close(s[0]);
    close(s[1]);
}

TEST(errors_of_rights)
{
    int s[2], fds[260] = { 0 }, bad = 999;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK_ERRNO(send_fds(s[0], &bad, 1, "x"), EBADF);
    CHECK_ERRNO(send_fds(s[0], fds, 254, "x"), EINVAL);
    CHECK_EQ(send_fds(s[0], fds, 253, "x"), 1);
    close(s[0]);
    close(s[1]);
}

TEST(a_stream_stops_behind_files)
{
    int s[2], got, flags, zero = 0;
    size_t n;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK_EQ(write(s[0], "ab", 2), 2);
    CHECK_EQ(send_fds(s[0], &zero, 1, "cd"), 2);
    CHECK_EQ(write(s[0], "ef", 2), 2);
    CHECK_EQ(recv_fds(s[1], &got, &n, CMSG_SPACE(4), 0, &flags), 4);
    CHECK_EQ(n, 1);
    close(got);
    CHECK_EQ(recv_fds(s[1], &got, &n, CMSG_SPACE(4), 0, &flags), 2);
    CHECK_EQ(n, 0);
    close(s[0]);
    close(s[1]);
}

TEST(what_does_not_fit_is_cut)
{
    int s[2], got[4], flags, fds[3] = { 0, 0, 0 };
    size_t n;

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK_EQ(send_fds(s[0], fds, 3, "x"), 1);
    CHECK_EQ(recv_fds(s[1], got, &n, CMSG_LEN(4), 0, &flags), 1);
    CHECK_EQ(n, 1);
    CHECK_EQ(flags, MSG_CTRUNC);
    close(got[0]);
    CHECK_EQ(send_fds(s[0], fds, 3, "x"), 1);
    CHECK_EQ(recv_fds(s[1], got, &n, 0, 0, &flags), 1);
    CHECK_EQ(n, 0);
    CHECK_EQ(flags, MSG_CTRUNC);
    close(s[0]);
    close(s[1]);
}

TEST(a_peek_copies_the_files)
{
    int s[2], got, flags, p[2];
    size_t n;
    char c;

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && pipe(p) == 0);
    CHECK_EQ(send_fds(s[0], &p[1], 1, "x"), 1);
    close(p[1]);
    CHECK_EQ(recv_fds(s[1], &got, &n, CMSG_SPACE(4), MSG_PEEK, &flags), 1);
    CHECK_EQ(n, 1);
    close(got);
    CHECK_EQ(recv_fds(s[1], &got, &n, CMSG_SPACE(4), 0, &flags), 1);
    CHECK_EQ(n, 1);
    CHECK_EQ(write(got, "z", 1), 1);
    close(got);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
    close(s[0]);
    close(s[1]);
}

TEST(files_that_are_not_received_are_closed)
{
    int s[2], p[2];
    char c;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
    CHECK_EQ(send_fds(s[0], &p[1], 1, "x"), 1);
    close(p[1]);
    CHECK_EQ(read(s[1], &c, 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(s[0]);
    close(s[1]);
    close(p[0]);
}

TEST(sockets_in_each_others_queues_end)
{
    int p[2];
    char c;

    CHECK(pipe(p) == 0);
    for (int i = 0; i < 20; i++) {
        int a[2], b[2], fds[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0);
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, b) == 0);
        fds[0] = b[1];
        fds[1] = p[1];
        CHECK_EQ(send_fds(a[0], fds, 2, "x"), 1);
        CHECK_EQ(send_fds(b[0], &a[1], 1, "x"), 1);
        CHECK_EQ(send_fds(a[0], &a[0], 1, "x"), 1);
        close(a[0]);
        close(a[1]);
        close(b[0]);
        close(b[1]);
    }
    close(p[1]);
    /* The last close of any socket looks for what nobody can reach any more. */
    int s[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    close(s[0]);
    close(s[1]);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
}

TEST(what_can_be_reached_stays)
{
    int a[2], b[2], got, flags;
    size_t n;
    char c;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, b) == 0);
    CHECK_EQ(write(b[0], "q", 1), 1);
    CHECK_EQ(send_fds(a[0], &b[1], 1, "x"), 1);
    close(b[1]);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    close(s);
    CHECK_EQ(recv_fds(a[1], &got, &n, CMSG_SPACE(4), 0, &flags), 1);
    CHECK_EQ(n, 1);
    CHECK_EQ(read(got, &c, 1), 1);
    CHECK_EQ(c, 'q');
    close(got);
    close(a[0]);
    close(a[1]);
    close(b[0]);
}

TEST(a_long_chain_of_sockets_ends)
{
    int last = -1, p[2];
    int links = geteuid() == 0 ? 3000 : 900; /* else RLIMIT_NOFILE counts them: ETOOMANYREFS */
    char c;

    CHECK(pipe(p) == 0);
    last = p[1];
    for (int i = 0; i < links; i++) {
        int s[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        CHECK_EQ(send_fds(s[0], &last, 1, "x"), 1);
        close(last);
        close(s[0]);
        last = s[1];
    }
    close(last);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
}

TEST(credentials_come_along)
{
    struct {
        struct cmsghdr h;
        struct ucred c;
    } control;
    char b[8];
    struct iovec iov = { b, 8 };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
    int s[2], on = 1, status;

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(s[0], "x", 1) != 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    h.msg_control = &control;
    h.msg_controllen = sizeof control;
    CHECK_EQ(recvmsg(s[1], &h, 0), 1);
    CHECK_EQ(control.h.cmsg_type, SCM_CREDENTIALS);
    CHECK_EQ(control.h.cmsg_len, CMSG_LEN(sizeof(struct ucred)));
    CHECK_EQ(control.c.pid, pid);
    CHECK_EQ(control.c.uid, getuid());
    CHECK_EQ(control.c.gid, getgid());
    /* To claim one's own is fine. */
    control.c = (struct ucred){ getpid(), getuid(), getgid() };
    control.h = (struct cmsghdr){ CMSG_LEN(sizeof control.c), SOL_SOCKET, SCM_CREDENTIALS };
    iov.iov_len = 1;
    CHECK_EQ(sendmsg(s[0], &h, 0), 1);
    CHECK_EQ(recvmsg(s[1], &h, 0), 1);
    CHECK_EQ(control.c.pid, getpid());
    control.h.cmsg_len = CMSG_LEN(4);
    CHECK_ERRNO(sendmsg(s[0], &h, 0), EINVAL);
    close(s[0]);
    close(s[1]);
}

static ssize_t claim(int s, pid_t pid, uid_t uid, gid_t gid)
{
    struct {
        struct cmsghdr h;
        struct ucred c;
    } control = {
        {CMSG_LEN(sizeof(struct ucred)), SOL_SOCKET, SCM_CREDENTIALS},
        { pid,                           uid,        gid            }
    };
    struct iovec iov = { "x", 1 };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

    h.msg_control = &control;
    h.msg_controllen = sizeof control;
    return sendmsg(s, &h, 0);
}

static int claims_plainly(void)
{
    int s[2];

    REQUIRE(become_user(1000) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    REQUIRE(claim(s[0], getpid(), 1000, 1000) == 1);
    REQUIRE_ERRNO(claim(s[0], getppid(), 1000, 1000), EPERM);
    REQUIRE_ERRNO(claim(s[0], 0x3fffff, 1000, 1000), EPERM);
    REQUIRE_ERRNO(claim(s[0], getpid(), 1, 1000), EPERM);
    REQUIRE_ERRNO(claim(s[0], getpid(), 1000, 1), EPERM);
    REQUIRE_ERRNO(claim(s[0], getppid(), (uid_t)-1, 1000), EINVAL);
    return 0;
}

/* All power over a namespace of its own is none over those who gave out the pids. */
static int claims_in_its_own_namespace(void)
{
    int s[2];

    REQUIRE(become_user(1000) == 0);
    if (unshare(CLONE_NEWUSER) < 0)
        return 0; /* this host lets only root do that */
    REQUIRE(map_itself(1000) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    REQUIRE(claim(s[0], getpid(), 1000, 1000) == 1);
    REQUIRE_ERRNO(claim(s[0], getppid(), 1000, 1000), EPERM);
    REQUIRE_ERRNO(claim(s[0], getpid(), 0, 1000), EINVAL);
    return 0;
}

TEST(who_may_claim_what)
{
    int s[2];

    if (geteuid() != 0)
        return;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK_EQ(claim(s[0], getppid() ?: getpid(), 5, 6), 1);
    CHECK_ERRNO(claim(s[0], 0x3fffff, 5, 6), ESRCH);
    close(s[0]);
    close(s[1]);
    CHECK_CHILD(claims_plainly);
    CHECK_CHILD(claims_in_its_own_namespace);
}

/* ---- files in flight ---- */

static struct gate full, done;

static int holds_many(void)
{
    const struct rlimit many = { 4096, 4096 };
    int s[2], fds[253] = { 0 };

    REQUIRE(setrlimit(RLIMIT_NOFILE, &many) == 0 && become_user(1001) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    for (int i = 0; i < 6; i++)
        REQUIRE(send_fds(s[0], fds, 253, "x") == 1);
    gate_let(&full);
    gate_pass(&done);
    return 0;
}

static int has_a_limit_of_its_own(void)
{
    const struct rlimit few = { 16, 16 };
    int s[2], fds[10] = { 0 }, got[10], flags;
    size_t n;

    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0 && become_user(1002) == 0);
    REQUIRE(send_fds(s[0], fds, 10, "x") == 1);
    REQUIRE(send_fds(s[0], fds, 10, "x") == 1);
    REQUIRE_ERRNO(send_fds(s[0], fds, 1, "x"), ETOOMANYREFS);
    REQUIRE(recv_fds(s[1], got, &n, 0, 0, &flags) == 1);
    REQUIRE(send_fds(s[0], fds, 1, "x") == 1);
    return 0;
}

TEST(each_user_has_so_many_in_flight)
{
    int status;

    if (geteuid() != 0)
        return;
    CHECK(gate_open(&full) == 0 && gate_open(&done) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(holds_many());
    gate_pass(&full);
    CHECK_CHILD(has_a_limit_of_its_own);
    gate_let(&done);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

TEST(a_peer_tells_who_it_is)
{
    struct ucred c = { 0, 0, 0 };
    socklen_t len = sizeof c;
    int s[2], lone = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &len) == 0);
    CHECK_EQ(c.pid, getpid());
    CHECK_EQ(c.uid, getuid());
    CHECK(getsockopt(lone, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0);
    CHECK_EQ(c.pid, 0);
    CHECK_EQ(c.uid, (uid_t)-1);
    close(lone);
    close(s[0]);
    close(s[1]);
}

MAIN
