/* SPDX-License-Identifier: Apache-2.0 */
/* covers: sendto, recvfrom, recvmmsg, sendmmsg */
/* sendto, recvfrom, sendmsg, recvmsg: datagrams and packets of AF_UNIX. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/guest/lib.h"

static short ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static socklen_t abstract(struct sockaddr_un *un, const char *text)
{
    *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(un->sun_path + 1, text, strlen(text));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
}

TEST(borders_are_kept)
{
    char b[16];
    int s[2], n;

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s) == 0);
    CHECK_EQ(write(s[0], "one", 3), 3);
    CHECK_EQ(write(s[0], "", 0), 0);
    CHECK_EQ(write(s[0], "three", 5), 5);
    CHECK(ioctl(s[1], FIONREAD, &n) == 0);
    CHECK_EQ(n, 3);
    CHECK_EQ(recv(s[1], b, sizeof b, MSG_PEEK), 3);
    CHECK_EQ(read(s[1], b, sizeof b), 3);
    CHECK_EQ(recv(s[1], b, sizeof b, 0), 0);
    CHECK_EQ(recv(s[1], b, 2, MSG_TRUNC), 5);
    CHECK_ERRNO(read(s[1], b, sizeof b), EAGAIN);
    close(s[0]);
    close(s[1]);
}

TEST(addresses_tell_who_sent)
{
    struct sockaddr_un a, b, from;
    socklen_t alen = abstract(&a, "a"), blen = abstract(&b, "b"), len = sizeof from;
    int x = socket(AF_UNIX, SOCK_DGRAM, 0), y = socket(AF_UNIX, SOCK_DGRAM, 0);
    char c[8];

    CHECK(bind(x, (void *)&a, alen) == 0);
    CHECK_EQ(sendto(y, "hi", 2, 0, (void *)&a, alen), 2);
    CHECK_EQ(recvfrom(x, c, 8, 0, (void *)&from, &len), 2);
    CHECK_EQ(len, 0);
    CHECK(bind(y, (void *)&b, blen) == 0);
    CHECK_EQ(sendto(y, "hi", 2, 0, (void *)&a, alen), 2);
    len = sizeof from;
    CHECK_EQ(recvfrom(x, c, 8, 0, (void *)&from, &len), 2);
    CHECK_EQ(len, blen);
    CHECK(!memcmp(&from, &b, blen));
    CHECK_ERRNO(send(y, "hi", 2, 0), ENOTCONN);
    abstract(&from, "c");
    CHECK_ERRNO(sendto(y, "hi", 2, 0, (void *)&from, blen), ECONNREFUSED);
    CHECK_ERRNO(sendto(y, "hi", 2, 0, (void *)&from, 1), EINVAL);
    CHECK_ERRNO(listen(x, 1), EOPNOTSUPP);
    CHECK_ERRNO(accept(x, NULL, NULL), EOPNOTSUPP);
    close(x);
    close(y);
}

TEST(a_connected_one_hears_only_its_peer)
{
    struct sockaddr_un a, b, none = { .sun_family = AF_UNSPEC };
    socklen_t alen = abstract(&a, "a"), blen = abstract(&b, "b");
    int x = socket(AF_UNIX, SOCK_DGRAM, 0), y = socket(AF_UNIX, SOCK_DGRAM, 0);
    int z = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char c[8];

    CHECK(bind(x, (void *)&a, alen) == 0 && bind(y, (void *)&b, blen) == 0);
    CHECK(connect(x, (void *)&b, blen) == 0);
    CHECK_ERRNO(sendto(z, "hi", 2, 0, (void *)&a, alen), EPERM);
    CHECK_ERRNO(connect(z, (void *)&a, alen), EPERM);
    CHECK_EQ(sendto(y, "yo", 2, 0, (void *)&a, alen), 2);
    CHECK_EQ(send(x, "ho", 2, 0), 2);
    CHECK_EQ(read(y, c, 8), 2);
    CHECK(connect(x, (void *)&none, sizeof none) == 0);
    CHECK_EQ(sendto(z, "hi", 2, 0, (void *)&a, alen), 2);
    CHECK(connect(x, (void *)&b, blen) == 0);
    close(y);
    CHECK_ERRNO(send(x, "ho", 2, 0), ECONNREFUSED);
    CHECK_ERRNO(send(x, "ho", 2, 0), ENOTCONN);
    close(x);
    close(z);
}

TEST(a_full_queue_holds_senders_up)
{
    struct sockaddr_un a;
    socklen_t alen = abstract(&a, "full");
    int x = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0;
    int y = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char c[8];

    CHECK(bind(x, (void *)&a, alen) == 0);
    CHECK(connect(y, (void *)&a, alen) == 0);
    while (send(y, "x", 1, 0) == 1)
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(n, 11);
    CHECK_EQ(ready(y), 0);
    CHECK_EQ(read(x, c, 8), 1);
    CHECK_EQ(ready(y), POLLOUT);
    CHECK_EQ(send(y, "x", 1, 0), 1);
    close(x);
    close(y);
}

static void *read_late(void *arg)
{
    char c[8];

    usleep(20000);
    for (int i = 0; i < 20; i++)
        if (read(*(int *)arg, c, 8) != 1)
            return NULL;
    return arg;
}

TEST(a_blocked_sender_goes_on)
{
    struct sockaddr_un a;
    socklen_t alen = abstract(&a, "late");
    int x = socket(AF_UNIX, SOCK_DGRAM, 0), y = socket(AF_UNIX, SOCK_DGRAM, 0);
    pthread_t t;
    void *ok;

    CHECK(bind(x, (void *)&a, alen) == 0);
    CHECK(pthread_create(&t, NULL, read_late, &x) == 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(sendto(y, "x", 1, 0, (void *)&a, alen), 1);
    CHECK(pthread_join(t, &ok) == 0 && ok);
    CHECK(connect(y, (void *)&a, alen) == 0);
    CHECK(pthread_create(&t, NULL, read_late, &x) == 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(write(y, "x", 1), 1);
    CHECK(pthread_join(t, &ok) == 0 && ok);
    close(x);
    close(y);
}

static void *send_one(void *arg)
{
    struct sockaddr_un a;
    socklen_t alen = abstract(&a, "forgets");

    return sendto(*(int *)arg, "x", 1, 0, (void *)&a, alen) == 1 ? arg : NULL;
}

/* A socket that leaves its peer forgets what it has not read: there is room again. */
TEST(a_forgotten_queue_has_room)
{
    struct sockaddr_un a, p, none = { .sun_family = AF_UNSPEC };
    socklen_t alen = abstract(&a, "forgets"), plen = abstract(&p, "peer");
    int x = socket(AF_UNIX, SOCK_DGRAM, 0), peer = socket(AF_UNIX, SOCK_DGRAM, 0);
    int y = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
    pthread_t t;
    void *ok;

    CHECK(bind(x, (void *)&a, alen) == 0 && bind(peer, (void *)&p, plen) == 0);
    while (sendto(other, "x", 1, MSG_DONTWAIT, (void *)&a, alen) == 1)
        ;
    CHECK_EQ(errno, EAGAIN);
    CHECK(pthread_create(&t, NULL, send_one, &y) == 0);
    usleep(20000);
    CHECK(connect(x, (void *)&p, plen) == 0);
    CHECK(connect(x, (void *)&none, sizeof none) == 0);
    CHECK(pthread_join(t, &ok) == 0 && ok);
    close(x);
    close(y);
    close(other);
    close(peer);
}

TEST(an_address_without_a_family)
{
    struct sockaddr_un none = { .sun_family = AF_UNSPEC };
    int x = socket(AF_UNIX, SOCK_DGRAM, 0);

    CHECK_ERRNO(connect(x, (void *)&none, 0), EINVAL);
    CHECK_ERRNO(connect(x, (void *)&none, 1), EINVAL);
    CHECK(connect(x, (void *)&none, 2) == 0);
    close(x);
}

TEST(one_too_long)
{
    static char big[300000];
    int s[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s) == 0);
    CHECK_ERRNO(write(s[0], big, sizeof big), EMSGSIZE);
    CHECK_EQ(write(s[0], big, 100000), 100000);
    CHECK_EQ(read(s[1], big, sizeof big), 100000);
    close(s[0]);
    close(s[1]);
}

TEST(packets_are_connected_datagrams)
{
    struct sockaddr_un a;
    socklen_t alen = abstract(&a, "packets");
    int l = socket(AF_UNIX, SOCK_SEQPACKET, 0), c = socket(AF_UNIX, SOCK_SEQPACKET, 0), s;
    char b[8];

    CHECK_ERRNO(send(c, b, 1, 0), ENOTCONN);
    CHECK_ERRNO(recv(c, b, 1, 0), ENOTCONN);
    CHECK(bind(l, (void *)&a, alen) == 0 && listen(l, 1) == 0);
    CHECK(connect(c, (void *)&a, alen) == 0);
    s = accept(l, NULL, NULL);
    CHECK(s >= 0);
    CHECK_EQ(write(c, "ab", 2), 2);
    CHECK_EQ(write(c, "cde", 3), 3);
    CHECK_EQ(read(s, b, 1), 1);
    CHECK_EQ(read(s, b, 8), 3);
    close(c);
    CHECK_EQ(read(s, b, 8), 0);
    CHECK_ERRNO(write(s, b, 1), EPIPE);
    close(s);
    close(l);
}

TEST(many_messages_at_once)
{
    struct mmsghdr m[4];
    struct iovec iov[4];
    char b[4][8];
    int s[2];
    struct timespec ts = { 1, 0 };

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    memset(m, 0, sizeof m);
    for (int i = 0; i < 4; i++) {
        memset(b[i], 'a' + i, 8);
        iov[i] = (struct iovec){ b[i], (size_t)i + 1 };
        m[i].msg_hdr.msg_iov = &iov[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK_EQ(sendmmsg(s[0], m, 4, 0), 4);
    CHECK_EQ(m[3].msg_len, 4);
    for (int i = 0; i < 4; i++)
        iov[i].iov_len = 8;
    CHECK_EQ(recvmmsg(s[1], m, 3, 0, &ts), 3);
    CHECK_EQ(m[2].msg_len, 3);
    CHECK_EQ(recvmmsg(s[1], m, 4, MSG_WAITFORONE, NULL), 1);
    CHECK_EQ(m[0].msg_len, 4);
    CHECK_ERRNO(recvmmsg(s[1], m, 4, MSG_DONTWAIT, NULL), EAGAIN);
    close(s[0]);
    close(s[1]);
}

TEST(what_msghdr_tells)
{
    struct sockaddr_un from;
    char b[2];
    struct iovec iov = { b, 2 };
    struct msghdr h = { .msg_name = &from,
                        .msg_namelen = sizeof from,
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_flags = 77 };
    int s[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK_EQ(write(s[0], "abc", 3), 3);
    CHECK_EQ(recvmsg(s[1], &h, 0), 2);
    CHECK_EQ(h.msg_flags, MSG_TRUNC);
    CHECK_EQ(h.msg_namelen, 0);
    h.msg_iovlen = 2000;
    CHECK_ERRNO(recvmsg(s[1], &h, 0), EMSGSIZE);
    close(s[0]);
    close(s[1]);
}

MAIN
