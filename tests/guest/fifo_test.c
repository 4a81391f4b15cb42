/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>

#include "tests/guest/lib.h"

static char name[] = "/tmp/fifo_test.XXXXXX";
static char path[64];

static short ready(int fd, short events)
{
    struct pollfd p = { fd, events, 0 };
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

TEST(one_is_made)
{
    struct stat st;

    CHECK(mkdtemp(name));
    snprintf(path, sizeof path, "%s/f", name);
    CHECK(mkfifo(path, 0640) == 0);
    CHECK_ERRNO(mkfifo(path, 0640), EEXIST);
    CHECK(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
}

TEST(a_writer_that_will_not_wait_needs_a_reader)
{
    CHECK_ERRNO(open(path, O_WRONLY | O_NONBLOCK), ENXIO);
}

TEST(a_reader_that_will_not_wait_is_let_in)
{
    char b[4];
    int r = open(path, O_RDONLY | O_NONBLOCK), w;

    CHECK(r >= 0);
    /* Nobody was ever there, so nobody has hung up. */
    CHECK_EQ(ready(r, POLLIN), 0);
    CHECK_EQ(read(r, b, 4), 0);
    w = open(path, O_WRONLY | O_NONBLOCK);
    CHECK(w >= 0);
    CHECK_ERRNO(read(r, b, 4), EAGAIN);
    CHECK_EQ(write(w, "abc", 3), 3);
    CHECK_EQ(read(r, b, 4), 3);
    close(w);
    CHECK_EQ(ready(r, POLLIN), POLLHUP);
    CHECK_EQ(read(r, b, 4), 0);
    close(r);
}

TEST(both_at_once_never_waits)
{
    char b[4];
    int f = open(path, O_RDWR);

    CHECK(f >= 0);
    CHECK_EQ(write(f, "ab", 2), 2);
    CHECK_EQ(read(f, b, 4), 2);
    CHECK_EQ(ready(f, POLLIN | POLLOUT), POLLOUT);
    close(f);
}

static void *open_writer(void *arg)
{
    (void)arg;
    usleep(20000);
    int w = open(path, O_WRONLY);
    if (w >= 0 && write(w, "late", 4) != 4)
        return NULL;
    close(w);
    return &path;
}

TEST(open_waits_for_the_other_end)
{
    pthread_t t;
    char b[8];
    void *ok;

    CHECK(pthread_create(&t, NULL, open_writer, NULL) == 0);
    int r = open(path, O_RDONLY);
    CHECK(r >= 0);
    /* The writer came and may be gone again: open is over all the same. */
    CHECK_EQ(read(r, b, 8), 4);
    CHECK_EQ(read(r, b, 8), 0);
    CHECK(pthread_join(t, &ok) == 0 && ok);
    close(r);
}

TEST(what_was_in_it_is_gone_with_the_last_end)
{
    char b[4];
    int f = open(path, O_RDWR | O_NONBLOCK);

    CHECK_EQ(write(f, "x", 1), 1);
    close(f);
    f = open(path, O_RDWR | O_NONBLOCK);
    CHECK_ERRNO(read(f, b, 4), EAGAIN);
    close(f);
    CHECK(unlink(path) == 0);
    rmdir(name);
}

MAIN
