/* SPDX-License-Identifier: Apache-2.0 */
/* covers: mq_open, mq_unlink, mq_getsetattr */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/guest/child.h"
#include "tests/guest/mq.h"

TEST(a_queue_is_made_found_and_unlinked)
{
    const char *name = mq_bare(0);
    int a = mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
    int b = mq_open_raw(name, O_RDONLY, 0, NULL);

    CHECK(a >= 0 && b >= 0);
    CHECK_EQ(mq_put(a, "x", 0), 0);
    CHECK_EQ(mq_count(b), 1);
    CHECK_ERRNO(mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL), EEXIST);
    CHECK_EQ(mq_unlink_raw(name), 0);
    CHECK_ERRNO(mq_unlink_raw(name), ENOENT);
    CHECK_ERRNO(mq_open_raw(name, O_RDWR, 0, NULL), ENOENT);
    /* it lives on where it is open */
    CHECK_EQ(mq_count(b), 1);
    CHECK_EQ(mq_put(a, "y", 0), 0);
    CHECK_EQ(mq_count(b), 2);
    int c = mq_open_raw(name, O_RDWR | O_CREAT, 0600, NULL);
    CHECK_EQ(mq_count(c), 0);
    CHECK_EQ(mq_unlink_raw(name), 0);
    close(a), close(b), close(c);
}

static int without_descriptors(void)
{
    struct rlimit r = { 0, 0 };

    REQUIRE(setrlimit(RLIMIT_NOFILE, &r) == 0);
    REQUIRE_ERRNO(mq_open_raw(mq_bare(0), O_RDWR | O_CREAT, 0600, NULL), EMFILE);
    REQUIRE_ERRNO(mq_unlink_raw(mq_bare(0)), ENOENT); /* none was made */
    REQUIRE_ERRNO(mq_open_raw("/a/b", O_RDWR | O_CREAT, 0600, NULL), EMFILE);
    REQUIRE_ERRNO(mq_open_raw("", O_RDWR | O_CREAT, 0600, NULL), ENOENT);
    REQUIRE_ERRNO(mq_open_raw((void *)8, O_RDWR | O_CREAT, 0600, NULL), EFAULT);
    return 0;
}

TEST(no_descriptor_no_queue)
{
    CHECK_CHILD(without_descriptors);
}

TEST(names_are_checked)
{
    char longest[400];

    memset(longest, 'a', sizeof longest);
    longest[255] = 0;
    int fd = mq_open_raw(longest, O_RDWR | O_CREAT, 0600, NULL);
    CHECK(fd >= 0);
    CHECK_EQ(mq_unlink_raw(longest), 0);
    close(fd);
    longest[255] = 'a';
    longest[256] = 0;
    CHECK_ERRNO(mq_open_raw(longest, O_RDWR | O_CREAT, 0600, NULL), ENAMETOOLONG);
    CHECK_ERRNO(mq_unlink_raw(longest), ENAMETOOLONG);
    CHECK_ERRNO(mq_open_raw("", O_RDWR | O_CREAT, 0600, NULL), ENOENT);
    CHECK_ERRNO(mq_open_raw("/a", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    CHECK_ERRNO(mq_open_raw("a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    CHECK_ERRNO(mq_open_raw("/", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    CHECK_ERRNO(mq_open_raw(".", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    CHECK_ERRNO(mq_open_raw("..", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    CHECK_ERRNO(mq_unlink_raw(""), ENOENT);
    CHECK_ERRNO(mq_unlink_raw("/a"), EACCES);
    CHECK_ERRNO(mq_unlink_raw(".."), EACCES);
    CHECK_ERRNO(mq_open_raw((char *)8, O_RDWR, 0, NULL), EFAULT);
    CHECK_ERRNO(mq_unlink_raw((char *)8), EFAULT);
    /* what the libc makes of it */
    CHECK_ERRNO(mq_open("none", O_RDWR), EINVAL);
    CHECK_ERRNO(mq_open("/", O_RDWR), ENOENT);
    CHECK_ERRNO(mq_open("/a/b", O_RDWR), EACCES);
}

TEST(attributes_are_checked)
{
    const char *name = mq_bare(1);
    static const struct {
        long maxmsg, msgsize;
    } bad[] = {
        {0,      8             },
        { 8,     0             },
        { -1,    8             },
        { 8,     -1            },
        { 65537, 8             },
        { 8,     (16 << 20) + 1}
    };
    struct mq_attr a = { .mq_maxmsg = 3, .mq_msgsize = 100, .mq_flags = -1, .mq_curmsgs = 7 }, got;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mq_attr b = { .mq_maxmsg = bad[i].maxmsg, .mq_msgsize = bad[i].msgsize };
        CHECK_ERRNO(mq_open_raw(name, O_RDWR | O_CREAT, 0600, &b), EINVAL);
    }
    CHECK_ERRNO(mq_open_raw(name, O_RDWR, 0600, (struct mq_attr *)8), EFAULT);
    int fd = mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a);
    CHECK(fd >= 0);
    memset(&got, 0xff, sizeof got);
    CHECK_EQ(syscall(SYS_mq_getsetattr, fd, NULL, &got), 0);
    CHECK_EQ(got.mq_flags, 0);
    CHECK_EQ(got.mq_maxmsg, 3);
    CHECK_EQ(got.mq_msgsize, 100);
    CHECK_EQ(got.mq_curmsgs, 0);
    CHECK_EQ(((long *)&got)[7], 0);
    /* one that exists keeps its own */
    a.mq_maxmsg = -5;
    int again = mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a);
    CHECK(again >= 0);
    CHECK_EQ(mq_unlink_raw(name), 0);
    close(fd), close(again);
}

TEST(defaults_are_those_of_proc)
{
    const char *name = mq_bare(2);
    struct mq_attr a;
    int fd = mq_open_raw(name, O_RDWR | O_CREAT, 0600, NULL);

    CHECK(fd >= 0);
    CHECK_EQ(mq_getattr(fd, &a), 0);
    CHECK_EQ(a.mq_maxmsg, 10);
    CHECK_EQ(a.mq_msgsize, 8192);
    CHECK_EQ(mq_unlink_raw(name), 0);
    close(fd);
}

TEST(only_o_nonblock_can_be_changed)
{
    struct mq_attr a = { .mq_flags = O_NONBLOCK, .mq_maxmsg = 99 }, old;
    int fd = mq_fresh(2, 0), other = mq_again(fd, O_RDWR);

    CHECK(fd >= 0 && other >= 0);
    CHECK_EQ(mq_setattr(fd, &a, &old), 0);
    CHECK_EQ(old.mq_flags, 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQ(fcntl(other, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(mq_getattr(fd, &old), 0);
    CHECK_EQ(old.mq_flags, O_NONBLOCK);
    CHECK_EQ(old.mq_maxmsg, 2);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    CHECK_EQ(mq_getattr(fd, &old), 0);
    CHECK_EQ(old.mq_flags, 0);
    a.mq_flags = O_NONBLOCK | O_APPEND;
    CHECK_ERRNO(mq_setattr(fd, &a, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_mq_getsetattr, fd, (void *)8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_mq_getsetattr, fd, NULL, (void *)8), EFAULT);
    CHECK_EQ(syscall(SYS_mq_getsetattr, fd, NULL, NULL), 0);
    close(fd), close(other);
}

TEST(other_descriptors_are_no_queues)
{
    struct mq_attr a = { 0 };
    char b[8192];
    int dir = open("/", O_RDONLY);

    CHECK_ERRNO(mq_getattr(dir, &a), EBADF);
    CHECK_ERRNO(mq_setattr(-1, &a, NULL), EBADF);
    CHECK_ERRNO(mq_send(dir, "a", 1, 0), EBADF);
    CHECK_ERRNO(mq_receive(dir, b, sizeof b, NULL), EBADF);
    CHECK_ERRNO(mq_notify(dir, NULL), EBADF);
    CHECK_ERRNO(mq_receive(-1, b, sizeof b, NULL), EBADF);
    close(dir);
}

TEST(the_open_mode_is_what_may_be_done)
{
    char b[MQ_SIZE];
    int fd = mq_fresh(2, 0), in = mq_again(fd, O_RDONLY), out = mq_again(fd, O_WRONLY);

    CHECK(in >= 0 && out >= 0);
    CHECK_ERRNO(mq_send(in, "a", 1, 0), EBADF);
    CHECK_ERRNO(mq_receive(out, b, sizeof b, NULL), EBADF);
    CHECK_EQ(mq_put(out, "hello", 0), 0);
    CHECK(strcmp(mq_got(in), "hello") == 0);
    close(fd), close(in), close(out);
}

TEST(the_third_access_mode_makes_and_does_not_find)
{
    const char *name = mq_bare(3);
    int fd = mq_open_raw(name, O_ACCMODE | O_CREAT, 0600, NULL);

    CHECK(fd >= 0);
    CHECK_ERRNO(mq_put(fd, "a", 0), EBADF);
    CHECK_ERRNO(mq_open_raw(name, O_ACCMODE, 0, NULL), EINVAL);
    CHECK_EQ(mq_unlink_raw(name), 0);
    close(fd);
}

TEST(it_is_closed_by_exec_and_says_its_name)
{
    const char *name = mq_bare(0);
    char path[64], target[128] = "";
    int fd = mq_open_raw(name, O_RDWR | O_CREAT, 0640, NULL);
    struct stat st;

    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK(readlink(path, target, sizeof target - 1) > 0);
    CHECK(target[0] == '/' && strcmp(target + 1, name) == 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK(S_ISREG(st.st_mode));
    CHECK_EQ(st.st_mode & 0777, 0640 & ~022);
    CHECK_EQ(st.st_size, 80);
    CHECK_EQ(st.st_nlink, 1);
    CHECK_EQ(mq_unlink_raw(name), 0);
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    close(fd);
}

static int as_another_user(void)
{
    const char *mine = mq_bare(0), *theirs = mq_bare(1);
    int fd = mq_open_raw(mine, O_RDWR | O_CREAT, 0444, NULL);
    int open_to_all = mq_open_raw(theirs, O_RDWR | O_CREAT, 0, NULL);

    REQUIRE(fd >= 0 && open_to_all >= 0);
    REQUIRE(fchmod(open_to_all, 0622) == 0);
    REQUIRE(setgid(4242) == 0 && setuid(4242) == 0);
    REQUIRE_ERRNO(mq_open_raw(mine, O_RDWR, 0, NULL), EACCES);
    REQUIRE_ERRNO(mq_open_raw(mine, O_WRONLY, 0, NULL), EACCES);
    REQUIRE_ERRNO(mq_open_raw(theirs, O_RDONLY, 0, NULL), EACCES);
    int in = mq_open_raw(mine, O_RDONLY, 0, NULL), out = mq_open_raw(theirs, O_WRONLY, 0, NULL);
    REQUIRE(in >= 0 && out >= 0);
    /* the directory is sticky */
    REQUIRE_ERRNO(mq_unlink_raw(mine), EPERM);
    REQUIRE_ERRNO(mq_unlink("/x-none"), ENOENT);
    const char *own = mq_bare(2);
    /* a mode without rights is no hindrance to who makes it */
    int made = mq_open_raw(own, O_RDWR | O_CREAT, 0, NULL);
    REQUIRE(made >= 0);
    REQUIRE(mq_put(made, "a", 0) == 0);
    REQUIRE_ERRNO(mq_open_raw(own, O_RDONLY, 0, NULL), EACCES);
    struct mq_attr many = { .mq_maxmsg = 11, .mq_msgsize = 8 };
    struct mq_attr large = { .mq_maxmsg = 1, .mq_msgsize = 8193 };
    REQUIRE_ERRNO(mq_open_raw(mq_bare(3), O_RDWR | O_CREAT, 0600, &many), EINVAL);
    REQUIRE_ERRNO(mq_open_raw(mq_bare(3), O_RDWR | O_CREAT, 0600, &large), EINVAL);
    REQUIRE(mq_unlink_raw(own) == 0);
    return 0;
}

TEST(permissions_hold)
{
    char name[64];
    int status;
    pid_t pid;

    if (getuid() != 0)
        return;
    pid = fork();
    if (pid == 0)
        _exit(as_another_user());
    CHECK(waitpid(pid, &status, 0) == pid);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "runsc-test-%d-%d", (int)pid, i);
        mq_unlink_raw(name);
    }
    CHECK_EQ(status, 0);
}

static int past_the_limit(void)
{
    struct mq_attr a = { .mq_maxmsg = 10, .mq_msgsize = 1000 };
    uint64_t one = 10 * 1000 + 10 * 48 + 10 * 48;
    struct rlimit two = { 2 * one, 2 * one };

    REQUIRE(setgid(4243) == 0 && setuid(4243) == 0);
    REQUIRE(setrlimit(RLIMIT_MSGQUEUE, &two) == 0);
    int x = mq_open_raw(mq_bare(0), O_RDWR | O_CREAT, 0600, &a);
    REQUIRE(x >= 0 && mq_unlink_raw(mq_bare(0)) == 0);
    int y = mq_open_raw(mq_bare(1), O_RDWR | O_CREAT, 0600, &a);
    REQUIRE(y >= 0 && mq_unlink_raw(mq_bare(1)) == 0);
    struct mq_attr least = { .mq_maxmsg = 1, .mq_msgsize = 1 };
    REQUIRE_ERRNO(mq_open_raw(mq_bare(2), O_RDWR | O_CREAT, 0600, &least), EMFILE);
    /* what counts is the user, not the process, and for as long as the queue lives */
    close(x);
    int z = mq_open_raw(mq_bare(2), O_RDWR | O_CREAT, 0600, &a);
    REQUIRE(z >= 0 && mq_unlink_raw(mq_bare(2)) == 0);
    REQUIRE_ERRNO(mq_open_raw(mq_bare(2), O_RDWR | O_CREAT, 0600, &least), EMFILE);
    return 0;
}

TEST(a_user_may_have_so_many_bytes_of_queues)
{
    if (getuid() == 0)
        CHECK_CHILD(past_the_limit);
}

TEST(descriptors_go_through_fork_and_sockets)
{
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    char byte = 0;
    struct iovec iov = { &byte, 1 };
    struct msghdr m = { .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };
    int pair[2], fd = mq_fresh(4, 0), got;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        int passed = mq_again(fd, O_WRONLY);
        c->cmsg_len = CMSG_LEN(sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(c), &passed, sizeof passed);
        _exit(mq_put(fd, "forked", 1) || sendmsg(pair[0], &m, 0) != 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK_EQ(recvmsg(pair[1], &m, 0), 1);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof got);
    CHECK_EQ(mq_put(got, "passed", 0), 0);
    CHECK_ERRNO(mq_receive(got, &byte, MQ_SIZE, NULL), EBADF);
    CHECK(strcmp(mq_got(fd), "forked") == 0);
    CHECK(strcmp(mq_got(fd), "passed") == 0);
    close(fd), close(got), close(pair[0]), close(pair[1]);
}

static short ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0 };

    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

TEST(poll_says_what_can_be_done)
{
    int fd = mq_fresh(2, O_NONBLOCK);

    CHECK_EQ(ready(fd), POLLOUT | POLLWRNORM);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    CHECK_EQ(ready(fd), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    CHECK_EQ(mq_put(fd, "b", 0), 0);
    CHECK_EQ(ready(fd), POLLIN | POLLRDNORM);
    CHECK(strcmp(mq_got(fd), "a") == 0);
    CHECK_EQ(ready(fd), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    close(fd);
}

static int edges(int ep)
{
    struct epoll_event ev[4];
    int n = epoll_wait(ep, ev, 4, 0);

    return n <= 0 ? n : (int)ev[0].events;
}

TEST(epoll_gets_an_edge_for_each_change)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
    int fd = mq_fresh(2, O_NONBLOCK), other = mq_again(fd, O_RDWR | O_NONBLOCK);
    int ep = epoll_create1(0);

    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    CHECK_EQ(edges(ep), EPOLLOUT);
    CHECK_EQ(edges(ep), 0);
    CHECK_EQ(mq_put(other, "a", 0), 0);
    CHECK_EQ(edges(ep), EPOLLIN | EPOLLOUT);
    CHECK_EQ(edges(ep), 0);
    CHECK_EQ(mq_put(other, "b", 0), 0);
    CHECK_EQ(edges(ep), EPOLLIN);
    CHECK(strcmp(mq_got(other), "a") == 0);
    CHECK_EQ(edges(ep), EPOLLIN | EPOLLOUT);
    CHECK_EQ(edges(ep), 0);
    close(ep), close(fd), close(other);
}

TEST(a_read_describes_the_queue)
{
    char line[128] = "", part[16] = "";
    int fd = mq_fresh(3, 0);

    CHECK_EQ(mq_put(fd, "1234567", 0), 0);
    CHECK(pread(fd, line, sizeof line, 0) > 0);
    CHECK(strcmp(line, "QSIZE:8          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n") == 0);
    CHECK_EQ(read(fd, part, 6), 6);
    CHECK(strcmp(part, "QSIZE:") == 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 80);
    CHECK_EQ(read(fd, part, 6), 0);
    CHECK_ERRNO(write(fd, "x", 1), EINVAL);
    close(fd);
}

MAIN
