/* SPDX-License-Identifier: Apache-2.0 */
/*
 * covers: socket, connect, accept, accept4, bind, listen, shutdown, socketpair, getsockname,
 * covers: getpeername
 */
/* socket, socketpair, bind, listen, accept, connect, shutdown: streams of AF_UNIX. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "tests/guest/lib.h"

static char dir[] = "/tmp/unix_test.XXXXXX";

static short ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static socklen_t name(struct sockaddr_un *un, const char *file)
{
    *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(un->sun_path, sizeof un->sun_path, "%s/%s", dir, file);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(un->sun_path) + 1);
}

static socklen_t abstract(struct sockaddr_un *un, const char *text)
{
    *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(un->sun_path + 1, text, strlen(text));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
}

TEST(families_and_types_are_checked)
{
    int s[2];

    CHECK(mkdtemp(dir));
    CHECK_ERRNO(socket(AF_UNIX, 12, 0), EINVAL);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
    CHECK_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 7, s), EPROTONOSUPPORT);
    CHECK_ERRNO(getsockname(0, NULL, NULL), ENOTSOCK);
    CHECK_ERRNO(listen(999, 1), EBADF);
}

TEST(a_pair_talks_both_ways)
{
    char b[16];
    int s[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
    CHECK_EQ(fcntl(s[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(s[0], "ping", 4), 4);
    CHECK_EQ(read(s[1], b, sizeof b), 4);
    CHECK_EQ(send(s[1], "po", 2, 0), 2);
    CHECK_EQ(send(s[1], "ng", 2, 0), 2);
    CHECK_EQ(recv(s[0], b, 1, MSG_PEEK), 1);
    CHECK_EQ(recv(s[0], b, sizeof b, 0), 4);
    CHECK(!memcmp(b, "pong", 4));
    CHECK_ERRNO(recv(s[0], b, 1, MSG_DONTWAIT), EAGAIN);
    close(s[0]);
    CHECK_EQ(read(s[1], b, 1), 0);
    CHECK_EQ(ready(s[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    CHECK_ERRNO(send(s[1], b, 1, MSG_NOSIGNAL), EPIPE);
    close(s[1]);
}

TEST(unread_bytes_make_a_reset)
{
    char b[4];
    int s[2], err;
    socklen_t len = sizeof err;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK_EQ(write(s[0], "x", 1), 1);
    CHECK_EQ(write(s[1], "y", 1), 1);
    close(s[1]);
    CHECK_EQ(read(s[0], b, 4), 1);
    CHECK_ERRNO(read(s[0], b, 4), ECONNRESET);
    CHECK_EQ(read(s[0], b, 4), 0);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &err, &len) == 0);
    CHECK_EQ(err, 0);
    close(s[0]);
}

TEST(names_in_the_file_system)
{
    struct sockaddr_un un, got;
    socklen_t len = name(&un, "sock"), size = sizeof got;
    struct stat st;
    int s = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(getsockname(s, (void *)&got, &size) == 0);
    CHECK_EQ(size, 2);
    CHECK(bind(s, (void *)&un, len) == 0);
    CHECK_ERRNO(bind(s, (void *)&un, len), EADDRINUSE);
    CHECK_ERRNO(bind(s, (void *)&got, name(&got, "other")), EINVAL);
    CHECK_ERRNO(bind(s, (void *)&got, abstract(&got, "other")), EINVAL);
    CHECK_ERRNO(stat("other", &st), ENOENT);
    CHECK_ERRNO(bind(other, (void *)&un, len), EADDRINUSE);
    CHECK(stat(un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode));
    size = sizeof got;
    CHECK(getsockname(s, (void *)&got, &size) == 0);
    CHECK_EQ(size, len);
    CHECK(!memcmp(&un, &got, len));
    CHECK_ERRNO(open(un.sun_path, O_RDONLY), ENXIO);
    CHECK_ERRNO(connect(other, (void *)&un, len), ECONNREFUSED);
    CHECK_ERRNO(getpeername(other, (void *)&got, &size), ENOTCONN);
    CHECK(listen(s, 1) == 0);
    CHECK(connect(other, (void *)&un, len) == 0);
    CHECK_ERRNO(connect(other, (void *)&un, len), EISCONN);
    size = sizeof got;
    CHECK(getpeername(other, (void *)&got, &size) == 0);
    CHECK_EQ(size, len);
    close(s);
    CHECK_ERRNO(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un, len), ECONNREFUSED);
    CHECK(unlink(un.sun_path) == 0);
    CHECK_ERRNO(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un, len), ENOENT);
    close(other);
}

TEST(a_listener_gives_connections_out)
{
    struct sockaddr_un un, got;
    socklen_t len = abstract(&un, "listener"), size = sizeof got;
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), a;
    char b[8];

    CHECK_ERRNO(listen(s, 1), EINVAL);
    CHECK_ERRNO(accept(s, NULL, NULL), EINVAL);
    CHECK(bind(s, (void *)&un, len) == 0);
    CHECK(listen(s, 5) == 0);
    CHECK_EQ(ready(s), 0);
    fcntl(s, F_SETFL, O_NONBLOCK);
    CHECK_ERRNO(accept(s, NULL, NULL), EAGAIN);
    CHECK(connect(c, (void *)&un, len) == 0);
    /* The connection is there before it is accepted. */
    CHECK_EQ(write(c, "early", 5), 5);
    CHECK_EQ(ready(s), POLLIN);
    a = accept4(s, (void *)&got, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(a >= 0);
    CHECK_EQ(size, 2);
    CHECK_EQ(fcntl(a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQ(read(a, b, 8), 5);
    size = sizeof got;
    CHECK(getsockname(a, (void *)&got, &size) == 0);
    CHECK_EQ(size, len);
    CHECK_ERRNO(connect(s, (void *)&un, len), EINVAL);
    close(a);
    close(c);
    close(s);
}

TEST(without_a_descriptor_a_connection_waits_on)
{
    struct sockaddr_un un;
    struct rlimit had;
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = abstract(&un, "runsc-full-table");

    CHECK(bind(s, (void *)&un, size) == 0 && listen(s, 2) == 0);
    CHECK_EQ(connect(c, (void *)&un, size), 0);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &had), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, had.rlim_max }), 0);
    CHECK_ERRNO(accept(s, NULL, NULL), EMFILE);
    CHECK_ERRNO(accept(c, NULL, NULL), EMFILE); /* before anything else */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &had), 0);
    int a = accept(s, NULL, NULL);
    CHECK(a >= 0);
    CHECK_EQ(write(c, "x", 1), 1);
    CHECK_EQ(read(a, &(char){ 0 }, 1), 1);
    close(a), close(c), close(s);
}

TEST(a_full_backlog_makes_connect_wait)
{
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "backlog");
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c[4], n = 0;

    CHECK(bind(s, (void *)&un, len) == 0);
    CHECK(listen(s, 0) == 0);
    for (int i = 0; i < 4; i++) {
        c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(c[i], (void *)&un, len) == 0)
            n++;
        else
            CHECK_EQ(errno, EAGAIN);
    }
    CHECK_EQ(n, 1);
    close(s);
    char b;
    CHECK_ERRNO(read(c[0], &b, 1), ECONNRESET);
    for (int i = 0; i < 4; i++)
        close(c[i]);
}

struct late {
    int listener;
    int accepted;
};

static void *accept_late(void *arg)
{
    struct late *l = arg;

    usleep(20000);
    l->accepted = accept(l->listener, NULL, NULL);
    l->accepted = accept(l->listener, NULL, NULL);
    return NULL;
}

TEST(connect_goes_on_when_there_is_room)
{
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "room");
    int c[2];
    struct late l = { socket(AF_UNIX, SOCK_STREAM, 0), -1 };
    pthread_t t;

    CHECK(bind(l.listener, (void *)&un, len) == 0 && listen(l.listener, 0) == 0);
    CHECK(pthread_create(&t, NULL, accept_late, &l) == 0);
    for (int i = 0; i < 2; i++) {
        c[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(connect(c[i], (void *)&un, len) == 0);
    }
    CHECK(pthread_join(t, NULL) == 0);
    CHECK(l.accepted >= 0);
    close(c[0]);
    close(c[1]);
    close(l.listener);
}

TEST(abstract_names_end_with_their_socket)
{
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "mine"), size = sizeof un;
    int a = socket(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_STREAM, 0);
    int d = socket(AF_UNIX, SOCK_DGRAM, 0);

    CHECK(bind(a, (void *)&un, len) == 0);
    CHECK_ERRNO(bind(b, (void *)&un, len), EADDRINUSE);
    CHECK(bind(d, (void *)&un, len) == 0);
    close(a);
    CHECK(bind(b, (void *)&un, len) == 0);
    close(b);
    close(d);
    a = socket(AF_UNIX, SOCK_STREAM, 0);
    un.sun_family = AF_UNIX;
    CHECK(bind(a, (void *)&un, 2) == 0);
    CHECK(getsockname(a, (void *)&un, &size) == 0);
    CHECK_EQ(size, 8);
    CHECK_EQ(un.sun_path[0], 0);
    close(a);
}

TEST(shutdown_is_seen_by_both)
{
    char b[4];
    int s[2];

    signal(SIGPIPE, SIG_IGN);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK_ERRNO(shutdown(s[0], 7), EINVAL);
    CHECK_EQ(write(s[0], "x", 1), 1);
    CHECK(shutdown(s[0], SHUT_WR) == 0);
    CHECK_ERRNO(write(s[0], "x", 1), EPIPE);
    CHECK_EQ(read(s[1], b, 4), 1);
    CHECK_EQ(read(s[1], b, 4), 0);
    CHECK_EQ(ready(s[1]), POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(write(s[1], "y", 1), 1);
    CHECK_EQ(read(s[0], b, 4), 1);
    CHECK(shutdown(s[1], SHUT_RDWR) == 0);
    CHECK_EQ(ready(s[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    close(s[0]);
    close(s[1]);
}

TEST(a_sender_is_held_up)
{
    static char b[4096];
    int s[2], n = 0, queued;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
    while (write(s[0], b, 1) == 1)
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(n, 278);
    CHECK_EQ(ready(s[0]), 0);
    CHECK(ioctl(s[1], FIONREAD, &queued) == 0);
    CHECK_EQ(queued, 278);
    CHECK_EQ(read(s[1], b, sizeof b), 278);
    CHECK_EQ(ready(s[0]), POLLOUT);
    CHECK(ioctl(s[0], TIOCOUTQ, &queued) == 0);
    CHECK_EQ(queued, 0);
    close(s[0]);
    close(s[1]);
}

static void *drain(void *arg)
{
    static char b[10000];
    long n, sum = 0;

    while ((n = read(*(int *)arg, b, sizeof b)) > 0)
        sum += n;
    return (void *)sum;
}

TEST(a_blocking_send_goes_on_to_the_end)
{
    static char big[3 << 20];
    pthread_t t;
    void *sum;
    int s[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(pthread_create(&t, NULL, drain, &s[1]) == 0);
    CHECK_EQ(write(s[0], big, sizeof big), sizeof big);
    CHECK_EQ(send(s[0], big, sizeof big, 0), sizeof big);
    close(s[0]);
    CHECK(pthread_join(t, &sum) == 0);
    CHECK_EQ((long)sum, 6 << 20);
    close(s[1]);
}

static void *send_in_pieces(void *arg)
{
    for (int i = 0; i < 5; i++) {
        usleep(3000);
        if (write(*(int *)arg, "abcd", 4) != 4)
            return NULL;
    }
    return arg;
}

static volatile sig_atomic_t pipes;

static void on_pipe(int sig)
{
    (void)sig;
    pipes++;
}

static void *read_and_close(void *arg)
{
    char b[4096];
    int fd = *(int *)arg;
    ssize_t n = read(fd, b, sizeof b);

    close(fd);
    return n > 0 ? arg : NULL;
}

/* How many SIGPIPEs there are where the reader goes after a part; -1 where it is no part. */
static int pipes_after_a_part(ssize_t (*give)(int fd, const char *bytes, size_t size))
{
    const size_t size = 8 << 20;
    char *bytes = calloc(1, size);
    pthread_t thread;
    void *fine;
    int s[2];

    if (!bytes || socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
        return -1;
    pipes = 0;
    signal(SIGPIPE, on_pipe);
    pthread_create(&thread, NULL, read_and_close, &s[1]);
    ssize_t n = give(s[0], bytes, size);
    pthread_join(thread, &fine);
    int seen = pipes;
    /* What the reader left may be told of once. */
    bool again = give(s[0], bytes, 1) < 0 && (errno == EPIPE || give(s[0], bytes, 1) < 0) &&
                 errno == EPIPE && pipes == seen + 1;
    close(s[0]);
    free(bytes);
    return n > 0 && (size_t)n < size && fine && again ? seen : -1;
}

static ssize_t give_send(int fd, const char *bytes, size_t size)
{
    return send(fd, bytes, size, 0);
}

static ssize_t give_write(int fd, const char *bytes, size_t size)
{
    return write(fd, bytes, size);
}

TEST(what_was_sent_in_part_raises_no_sigpipe)
{
    CHECK_EQ(pipes_after_a_part(give_send), 0);
    CHECK_EQ(pipes_after_a_part(give_write), 0);
    signal(SIGPIPE, SIG_IGN);
}

TEST(waitall_waits_for_all)
{
    pthread_t t;
    char b[32];
    int s[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(pthread_create(&t, NULL, send_in_pieces, &s[0]) == 0);
    CHECK_EQ(recv(s[1], b, 18, MSG_WAITALL), 18);
    CHECK_EQ(recv(s[1], b, 18, 0), 2);
    CHECK(pthread_join(t, NULL) == 0);
    close(s[0]);
    close(s[1]);
}

TEST(timeouts_are_kept)
{
    struct timeval tv = { 0, 20000 }, got;
    socklen_t size = sizeof got;
    char b[4];
    int s[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &size) == 0);
    CHECK_EQ(got.tv_usec, 20000);
    CHECK_ERRNO(recv(s[0], b, 4, 0), EAGAIN);
    CHECK_ERRNO(read(s[0], b, 4), EAGAIN);
    tv.tv_usec = 1000000;
    CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), EDOM);
    close(s[0]);
    close(s[1]);
}

TEST(the_flags_of_a_stream)
{
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "nowhere");
    char b[4];
    int s[2], lone = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK_ERRNO(sendto(s[0], b, 1, 0, (void *)&un, len), EISCONN);
    CHECK_ERRNO(sendto(lone, b, 1, 0, (void *)&un, len), EOPNOTSUPP);
    CHECK_ERRNO(send(lone, b, 1, MSG_NOSIGNAL), ENOTCONN);
    CHECK_ERRNO(recv(lone, b, 1, 0), EINVAL);
    CHECK_EQ(ready(lone), POLLOUT | POLLHUP);
    CHECK_EQ(send(s[0], b, 0, 0), 0);
    close(lone);
    close(s[0]);
    close(s[1]);
    rmdir(dir);
}

MAIN
