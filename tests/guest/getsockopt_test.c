/* SPDX-License-Identifier: Apache-2.0 */
/* covers: setsockopt */
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/guest/lib.h"

static int s;

static int get(int name)
{
    int n = -77;
    socklen_t len = sizeof n;
    return getsockopt(s, SOL_SOCKET, name, &n, &len) < 0 ? -errno : n;
}

static int set(int name, int n)
{
    return setsockopt(s, SOL_SOCKET, name, &n, sizeof n) < 0 ? -errno : 0;
}

TEST(what_a_new_socket_says)
{
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(s >= 0);
    CHECK_EQ(get(SO_TYPE), SOCK_STREAM);
    CHECK_EQ(get(SO_DOMAIN), AF_UNIX);
    CHECK_EQ(get(SO_PROTOCOL), 0);
    CHECK_EQ(get(SO_ERROR), 0);
    CHECK_EQ(get(SO_ACCEPTCONN), 0);
    CHECK_EQ(get(SO_SNDBUF), 212992);
    CHECK_EQ(get(SO_RCVBUF), 212992);
    CHECK_EQ(get(SO_RCVLOWAT), 1);
    CHECK_EQ(get(SO_SNDLOWAT), 1);
    CHECK_EQ(get(SO_KEEPALIVE), 0);
    CHECK_EQ(get(SO_PASSCRED), 0);
    CHECK_EQ(get(SO_PEEK_OFF), -1);
    CHECK_EQ(get(4000), -ENOPROTOOPT);
}

TEST(flags_are_kept)
{
    static const int flags[] = { SO_REUSEADDR, SO_KEEPALIVE, SO_OOBINLINE, SO_PASSCRED };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        CHECK_EQ(set(flags[i], 5), 0);
        CHECK_EQ(get(flags[i]), 1);
        CHECK_EQ(set(flags[i], 0), 0);
        CHECK_EQ(get(flags[i]), 0);
    }
}

TEST(buffers_are_doubled_and_bounded)
{
    CHECK_EQ(set(SO_SNDBUF, 10000), 0);
    CHECK_EQ(get(SO_SNDBUF), 20000);
    CHECK_EQ(set(SO_SNDBUF, 1), 0);
    CHECK_EQ(get(SO_SNDBUF), 4608);
    CHECK_EQ(set(SO_RCVBUF, 1), 0);
    CHECK_EQ(get(SO_RCVBUF), 2304);
    CHECK_EQ(set(SO_RCVBUF, 50000), 0);
    CHECK_EQ(get(SO_RCVBUF), 100000);
}

TEST(sizes_are_checked)
{
    char c = 1;
    int n = 1;
    socklen_t len = 2;

    CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &c, 1), EINVAL);
    CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_TYPE, &n, 4), ENOPROTOOPT);
    n = 0;
    CHECK(getsockopt(s, SOL_SOCKET, SO_TYPE, &n, &len) == 0);
    CHECK_EQ(len, 2);
    CHECK_EQ(n, SOCK_STREAM);
    len = (socklen_t)-1;
    CHECK_ERRNO(getsockopt(s, SOL_SOCKET, SO_TYPE, &n, &len), EINVAL);
    len = 4;
    CHECK_ERRNO(setsockopt(s, 6, 1, &n, 4), EOPNOTSUPP);
    CHECK_ERRNO(getsockopt(s, 6, 1, &n, &len), EOPNOTSUPP);
    CHECK_ERRNO(setsockopt(0, SOL_SOCKET, SO_TYPE, &n, 4), ENOTSOCK);
}

TEST(linger)
{
    struct linger l = { 1, 7 };
    socklen_t len = sizeof l;

    CHECK(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
    l = (struct linger){ 0, 0 };
    CHECK(getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &len) == 0);
    CHECK_EQ(l.l_onoff, 1);
    CHECK_EQ(l.l_linger, 7);
}

TEST(a_listener_says_so)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    CHECK(bind(s, (void *)&un, 2) == 0);
    CHECK(listen(s, 1) == 0);
    CHECK_EQ(get(SO_ACCEPTCONN), 1);
    close(s);
}

TEST(a_peek_may_go_on)
{
    char b[8] = { 0 };
    int p[2], off = 0;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(setsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off) == 0);
    CHECK_EQ(write(p[0], "abcd", 4), 4);
    CHECK_EQ(write(p[0], "ef", 2), 2);
    CHECK_EQ(recv(p[1], b, 3, MSG_PEEK), 3);
    CHECK_EQ(recv(p[1], b, 2, MSG_PEEK), 2);
    CHECK(!memcmp(b, "de", 2));
    CHECK_EQ(recv(p[1], b, 4, 0), 4);
    CHECK(!memcmp(b, "abcd", 4));
    CHECK_EQ(recv(p[1], b, 8, MSG_PEEK), 1);
    CHECK_EQ(b[0], 'f');
    close(p[0]);
    close(p[1]);
}

MAIN
