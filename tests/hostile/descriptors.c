/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=100 --files=4096 --timeout=60s */
/* ends: 0 124 137 */
/*
 * Descriptors until there are no more, of every kind; sockets that carry each other in
 * rings that nobody can close; epolls that watch each other; closes while others read.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "lib.h"

static int one_more(uint64_t kind)
{
    int p[2];

    switch (kind % 9) {
    case 0:
        return open("/etc/passwd", O_RDONLY);
    case 1:
        return eventfd(0, 0);
    case 2:
        return pipe(p) ? -1 : p[0];
    case 3:
        return socketpair(AF_UNIX, SOCK_STREAM, 0, p) ? -1 : p[0];
    case 4:
        return epoll_create1(0);
    case 5:
        return timerfd_create(CLOCK_REALTIME, 0);
    case 6:
        return memfd_create("m", 0);
    case 7:
        return open("/tmp", O_TMPFILE | O_RDWR, 0600);
    default:
        return dup(0);
    }
}

static void all_of_one_kind(void *arg)
{
    int kind = *(int *)arg;

    for (int round = 0; round < 3; round++) {
        while (one_more((uint64_t)kind) >= 0)
            ;
        if (errno != EMFILE && errno != ENOMEM && errno != ENFILE)
            _exit(1);
        syscall(SYS_close_range, 3, ~0u, 0);
    }
}

static void send_fd(int over, int fd)
{
    char space[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
    struct iovec v = { &byte, 1 };
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    *c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    sendmsg(over, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sockets sent over themselves, and two over each other, then closed: only their own queues hold
 * them. */
static void rings(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3000; i++) {
        int a[2], b[2];

        if (socketpair(AF_UNIX, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, a) ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, b))
            break;
        send_fd(a[0], a[0]);
        send_fd(a[0], a[1]);
        send_fd(a[1], b[0]);
        send_fd(b[0], a[1]);
        send_fd(b[1], b[0]);
        close(a[0]), close(a[1]), close(b[0]), close(b[1]);
    }
}

/* A chain: each socket in flight in the next, ten thousand deep. */
static void chain(void *arg)
{
    int last = open("/dev/null", O_RDONLY);

    (void)arg;
    for (int i = 0; i < 10000; i++) {
        int s[2];

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
            break;
        send_fd(s[0], last);
        close(last);
        close(s[0]);
        last = s[1];
    }
    close(last);
}

static void epolls(void *arg)
{
    int fds[200];
    struct epoll_event e = { .events = EPOLLIN };

    (void)arg;
    for (int i = 0; i < 200; i++)
        fds[i] = epoll_create1(0);
    for (int i = 0; i < 199; i++)
        epoll_ctl(fds[i], EPOLL_CTL_ADD, fds[i + 1], &e);
    epoll_ctl(fds[199], EPOLL_CTL_ADD, fds[0], &e);
    epoll_ctl(fds[0], EPOLL_CTL_ADD, fds[0], &e);
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < 200; j += 7)
            epoll_ctl(fds[i], EPOLL_CTL_ADD, fds[j], &e);
    int ev = eventfd(1, 0);
    for (int i = 0; i < 200; i++)
        epoll_ctl(fds[i], EPOLL_CTL_ADD, ev, &e);
    for (int i = 0; i < 200; i++)
        epoll_wait(fds[i], &e, 1, 0);
    for (int i = 0; i < 200; i++)
        close(fds[(i * 77) % 200]);
}

static volatile bool over;

static void *closer(void *arg)
{
    struct dice d = { 5 };

    (void)arg;
    while (!over) {
        int fd = 3 + (int)(roll(&d) % 30);

        if (roll(&d) % 2)
            close(fd);
        else
            dup2((int)(roll(&d) % 40), fd);
    }
    return NULL;
}

static void *user(void *arg)
{
    struct dice d = { (uint64_t)(uintptr_t)arg };
    char b[256];
    struct epoll_event e = { .events = EPOLLIN };

    while (!over) {
        int fd = 3 + (int)(roll(&d) % 30);

        switch (roll(&d) % 7) {
        case 0:
            one_more(roll(&d));
            break;
        case 1:
            fcntl(fd, F_SETFL, O_NONBLOCK);
            break;
        case 2:
            if (fcntl(fd, F_GETFL) & O_NONBLOCK)
                (void)!read(fd, b, sizeof b);
            break;
        case 3:
            if (fcntl(fd, F_GETFL) & O_NONBLOCK)
                (void)!write(fd, b, sizeof b);
            break;
        case 4:
            epoll_ctl(fd, EPOLL_CTL_ADD, 3 + (int)(roll(&d) % 30), &e);
            break;
        case 5:
            epoll_wait(fd, &e, 1, 0);
            break;
        default:
            send_fd(fd, 3 + (int)(roll(&d) % 30));
            break;
        }
    }
    return NULL;
}

static void shared_table(void *arg)
{
    pthread_t t[5];
    int n = 0;

    (void)arg;
    signal(SIGPIPE, SIG_IGN);
    for (; n < 5 && pthread_create(&t[n], NULL, n ? user : closer, (void *)(uintptr_t)n) == 0; n++)
        ;
    sleep_ms(effort(1500));
    over = true;
    sleep_ms(200); /* who reads what never comes is killed with us */
}

int main(void)
{
    for (int kind = 0; kind < 9; kind++)
        in_child(all_of_one_kind, &kind, 6000);
    in_child(rings, NULL, 5000);
    in_child(chain, NULL, 5000);
    in_child(epolls, NULL, 5000);
    in_child(shared_table, NULL, effort(3000));
    puts("survived");
    return 0;
}
