/* SPDX-License-Identifier: Apache-2.0 */
/* covers: mq_timedsend, mq_timedreceive */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/guest/child.h"
#include "tests/guest/mq.h"

TEST(the_most_urgent_is_first_and_equals_are_in_order)
{
    static const struct {
        const char *text;
        unsigned prio;
    } sent[] = {
        {"c1",  5    },
        { "a1", 32767},
        { "d1", 0    },
        { "a2", 32767},
        { "c2", 5    },
        { "b1", 6    }
    };
    static const char *const order[] = { "a1", "a2", "b1", "c1", "c2", "d1" };
    char text[MQ_SIZE];
    unsigned prio;
    int fd = mq_fresh(8, O_NONBLOCK);

    for (size_t i = 0; i < 6; i++)
        CHECK_EQ(mq_put(fd, sent[i].text, sent[i].prio), 0);
    CHECK_EQ(mq_count(fd), 6);
    for (size_t i = 0; i < 6; i++) {
        CHECK_EQ(mq_receive(fd, text, sizeof text, &prio), 3);
        CHECK(strcmp(text, order[i]) == 0);
        CHECK_EQ(prio, text[0] == 'a' ? 32767 : text[0] == 'b' ? 6 : text[0] == 'c' ? 5 : 0);
    }
    CHECK_ERRNO(mq_receive(fd, text, sizeof text, NULL), EAGAIN);
    close(fd);
}

TEST(sizes_and_priorities_are_checked)
{
    char text[MQ_SIZE + 1] = "0123456789abcdef";
    int fd = mq_fresh(2, O_NONBLOCK);

    CHECK_ERRNO(mq_send(fd, text, 1, 32768), EINVAL);
    CHECK_ERRNO(mq_send(-1, text, 1, 32768), EINVAL);
    CHECK_ERRNO(mq_send(fd, text, MQ_SIZE + 1, 0), EMSGSIZE);
    CHECK_ERRNO(mq_send(fd, (char *)8, MQ_SIZE + 1, 0), EMSGSIZE);
    CHECK_ERRNO(mq_send(fd, (char *)8, MQ_SIZE, 0), EFAULT);
    CHECK_EQ(mq_send(fd, text, MQ_SIZE, 0), 0);
    CHECK_EQ(syscall(SYS_mq_timedsend, fd, NULL, 0, 0, NULL), 0);
    CHECK_ERRNO(mq_send(fd, text, 1, 0), EAGAIN);
    CHECK_ERRNO(mq_receive(fd, text, MQ_SIZE - 1, NULL), EMSGSIZE);
    CHECK_EQ(mq_receive(fd, text, MQ_SIZE, NULL), MQ_SIZE);
    CHECK_EQ(mq_receive(fd, text, MQ_SIZE, NULL), 0);
    close(fd);
}

TEST(a_fault_loses_the_message)
{
    int fd = mq_fresh(2, O_NONBLOCK);

    CHECK_EQ(mq_put(fd, "a", 0), 0);
    CHECK_ERRNO(mq_receive(fd, (char *)8, MQ_SIZE, NULL), EFAULT);
    CHECK_EQ(mq_count(fd), 0);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    char text[MQ_SIZE];
    CHECK_ERRNO(mq_receive(fd, text, MQ_SIZE, (unsigned *)8), EFAULT);
    CHECK_EQ(mq_count(fd), 0);
    close(fd);
}

TEST(a_time_is_looked_at_first)
{
    struct timespec bad[] = { { 0, -1 }, { 0, 1000000000 }, { -1, 0 } }, past = { 1, 0 };
    char text[MQ_SIZE];
    int fd = mq_fresh(1, 0);

    for (int i = 0; i < 3; i++) {
        CHECK_ERRNO(mq_timedsend(-1, text, 1, 99999, &bad[i]), EINVAL);
        CHECK_ERRNO(mq_timedreceive(-1, text, MQ_SIZE, NULL, &bad[i]), EINVAL);
    }
    CHECK_ERRNO(mq_timedsend(fd, text, 1, 0, (struct timespec *)8), EFAULT);
    CHECK_ERRNO(mq_timedreceive(fd, text, MQ_SIZE, NULL, (struct timespec *)8), EFAULT);
    CHECK_ERRNO(mq_timedreceive(fd, text, MQ_SIZE, NULL, &past), ETIMEDOUT);
    CHECK_EQ(mq_timedsend(fd, "x", 2, 0, &past), 0);
    CHECK_ERRNO(mq_timedsend(fd, "x", 2, 0, &past), ETIMEDOUT);
    CHECK_EQ(mq_timedreceive(fd, text, MQ_SIZE, NULL, &past), 2);
    close(fd);
}

TEST(waits_end_at_their_time)
{
    struct timespec soon = mq_after(30), now;
    char text[MQ_SIZE];
    int fd = mq_fresh(1, 0);

    CHECK_ERRNO(mq_timedreceive(fd, text, MQ_SIZE, NULL, &soon), ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(now.tv_sec > soon.tv_sec || now.tv_nsec >= soon.tv_nsec || now.tv_sec < soon.tv_sec - 1);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    soon = mq_after(30);
    CHECK_ERRNO(mq_timedsend(fd, "b", 2, 0, &soon), ETIMEDOUT);
    CHECK_EQ(mq_count(fd), 1);
    CHECK(strcmp(mq_got(fd), "a") == 0);
    CHECK_EQ(mq_count(fd), 0);
    close(fd);
}

/* ---- others serve ---- */

struct part {
    int fd;
    char text[MQ_SIZE];
    volatile pid_t tid;
    long result;
    int error;
};

static void *receiver(void *arg)
{
    struct part *p = arg;

    p->tid = (pid_t)syscall(SYS_gettid);
    p->result = mq_receive(p->fd, p->text, MQ_SIZE, NULL);
    p->error = errno;
    return NULL;
}

static void *sender(void *arg)
{
    struct part *p = arg;

    p->tid = (pid_t)syscall(SYS_gettid);
    p->result = mq_send(p->fd, p->text, strlen(p->text) + 1, 1);
    p->error = errno;
    return NULL;
}

static bool begin(pthread_t *thread, void *(*body)(void *), struct part *p)
{
    p->tid = 0;
    if (pthread_create(thread, NULL, body, p))
        return false;
    while (!p->tid)
        usleep(100);
    until_asleep(getpid(), p->tid);
    return true;
}

TEST(those_who_wait_are_served_in_order)
{
    struct part p[3] = { 0 };
    pthread_t thread[3];
    int fd = mq_fresh(4, 0);

    for (int i = 0; i < 3; i++) {
        p[i].fd = fd;
        CHECK(begin(&thread[i], receiver, &p[i]));
    }
    CHECK_EQ(mq_put(fd, "one", 0), 0);
    CHECK_EQ(mq_put(fd, "two", 9), 0);
    CHECK_EQ(mq_count(fd), 0); /* handed over */
    CHECK_EQ(mq_put(fd, "three", 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    CHECK(strcmp(p[0].text, "one") == 0);
    CHECK(strcmp(p[1].text, "two") == 0);
    CHECK(strcmp(p[2].text, "three") == 0);
    close(fd);
}

TEST(a_sender_that_waits_gets_the_room_that_comes)
{
    struct part p = { .fd = mq_fresh(2, 0), .text = "late" };
    pthread_t thread;

    CHECK_EQ(mq_put(p.fd, "a", 5), 0);
    CHECK_EQ(mq_put(p.fd, "b", 0), 0);
    CHECK(begin(&thread, sender, &p));
    CHECK_EQ(mq_count(p.fd), 2);
    CHECK(strcmp(mq_got(p.fd), "a") == 0);
    CHECK_EQ(mq_count(p.fd), 2);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ(p.result, 0);
    CHECK(strcmp(mq_got(p.fd), "late") == 0);
    CHECK(strcmp(mq_got(p.fd), "b") == 0);
    close(p.fd);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
    (void)sig;
    handled++;
}

static void set_handler(int flags)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

    sigaction(SIGUSR1, &sa, NULL);
    handled = 0;
}

TEST(a_handler_ends_the_wait)
{
    struct part p = { .fd = mq_fresh(1, 0) };
    pthread_t thread;

    set_handler(0);
    CHECK(begin(&thread, receiver, &p));
    CHECK_EQ(syscall(SYS_tgkill, getpid(), p.tid, SIGUSR1), 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ(p.result, -1);
    CHECK_EQ(p.error, EINTR);
    CHECK_EQ(handled, 1);
    /* it stands in line no more */
    CHECK_EQ(mq_put(p.fd, "a", 0), 0);
    CHECK_EQ(mq_count(p.fd), 1);
    close(p.fd);
}

TEST(with_sa_restart_it_goes_on)
{
    struct part p = { .fd = mq_fresh(1, 0) };
    pthread_t thread;

    set_handler(SA_RESTART);
    CHECK(begin(&thread, receiver, &p));
    CHECK_EQ(syscall(SYS_tgkill, getpid(), p.tid, SIGUSR1), 0);
    while (!handled)
        usleep(100);
    until_asleep(getpid(), p.tid);
    CHECK_EQ(mq_put(p.fd, "after", 0), 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ(p.result, 6);
    CHECK(strcmp(p.text, "after") == 0);
    close(p.fd);
}

static void *timed_receiver(void *arg)
{
    struct part *p = arg;
    struct timespec end = mq_after(80);

    p->tid = (pid_t)syscall(SYS_gettid);
    p->result = mq_timedreceive(p->fd, p->text, MQ_SIZE, NULL, &end);
    p->error = errno;
    return NULL;
}

TEST(a_restarted_wait_keeps_its_end)
{
    struct part p = { .fd = mq_fresh(1, 0) };
    pthread_t thread;

    set_handler(SA_RESTART);
    CHECK(begin(&thread, timed_receiver, &p));
    CHECK_EQ(syscall(SYS_tgkill, getpid(), p.tid, SIGUSR1), 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ(p.result, -1);
    CHECK_EQ(p.error, ETIMEDOUT);
    close(p.fd);
}

/* ---- many at once ---- */

#define CROWD 4
#define EACH  400

static int crowd_fd;
static unsigned char seen[CROWD][EACH];

static void *crowd_sender(void *arg)
{
    int me = (int)(intptr_t)arg;

    for (int i = 0; i < EACH; i++) {
        int m[2] = { me, i };
        if (mq_send(crowd_fd, (char *)m, sizeof m, (unsigned)i % 3))
            return arg ? arg : (void *)1;
    }
    return NULL;
}

static void *crowd_receiver(void *arg)
{
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        int m[MQ_SIZE / sizeof(int)];
        if (mq_receive(crowd_fd, (char *)m, sizeof m, NULL) != 8 || m[0] >= CROWD || m[1] >= EACH)
            return (void *)1;
        __atomic_fetch_add(&seen[m[0]][m[1]], 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

TEST(a_crowd_loses_and_doubles_nothing)
{
    pthread_t thread[2 * CROWD];
    void *failed;

    crowd_fd = mq_fresh(3, 0);
    CHECK(crowd_fd >= 0);
    for (int i = 0; i < CROWD; i++) {
        CHECK(!pthread_create(&thread[i], NULL, crowd_sender, (void *)(intptr_t)i));
        CHECK(!pthread_create(&thread[CROWD + i], NULL, crowd_receiver, NULL));
    }
    for (int i = 0; i < 2 * CROWD; i++)
        CHECK(!pthread_join(thread[i], &failed) && !failed);
    for (int i = 0; i < CROWD; i++)
        for (int j = 0; j < EACH; j++)
            CHECK_EQ(seen[i][j], 1);
    CHECK_EQ(mq_count(crowd_fd), 0);
    close(crowd_fd);
}

TEST(two_processes_talk)
{
    int there = mq_fresh(1, 0), back = -1, status;
    char text[MQ_SIZE];

    back = mq_fresh(1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 200; i++)
            if (mq_receive(there, text, MQ_SIZE, NULL) != 4 || mq_send(back, text, 4, 0))
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(mq_send(there, (char *)&i, 4, 0), 0);
        CHECK_EQ(mq_receive(back, text, MQ_SIZE, NULL), 4);
        CHECK(memcmp(text, &i, 4) == 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(there), close(back);
}

MAIN
