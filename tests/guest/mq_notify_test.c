/* SPDX-License-Identifier: Apache-2.0 */
/* covers: mq_notify */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "tests/guest/child.h"
#include "tests/guest/mq.h"

#define SIG (SIGRTMIN + 1)

static int ask(int fd, int how, int sig)
{
    struct sigevent ev = { .sigev_notify = how, .sigev_signo = sig };

    ev.sigev_value.sival_int = 4711;
    return (int)syscall(SYS_mq_notify, fd, &ev);
}

/* The signal that is pending, taken; 0: none. */
static int taken(siginfo_t *si)
{
    struct timespec none = { 0, 0 };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIG);
    int sig = sigtimedwait(&set, si, &none);
    return sig < 0 ? 0 : sig;
}

static void block_signal(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIG);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static const char *line_of(int fd)
{
    static char line[128];
    ssize_t n = pread(fd, line, sizeof line - 1, 0);

    line[n > 0 ? n : 0] = 0;
    return line;
}

TEST(the_first_message_sends_one_signal)
{
    int fd = mq_fresh(4, O_NONBLOCK);
    siginfo_t si;

    block_signal();
    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    CHECK_EQ(taken(&si), SIG);
    CHECK_EQ(si.si_code, SI_MESGQ);
    CHECK_EQ(si.si_value.sival_int, 4711);
    CHECK_EQ(si.si_pid, getpid());
    CHECK_EQ(si.si_uid, getuid());
    CHECK_EQ(mq_put(fd, "b", 0), 0);
    CHECK_EQ(taken(&si), 0);
    /* only one that comes to an empty queue is news */
    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    CHECK_EQ(mq_put(fd, "c", 0), 0);
    CHECK_EQ(taken(&si), 0);
    while (mq_got(fd)[0] != '-')
        ;
    CHECK_EQ(mq_put(fd, "d", 0), 0);
    CHECK_EQ(taken(&si), SIG);
    close(fd);
}

TEST(one_at_a_time_asks)
{
    int fd = mq_fresh(4, O_NONBLOCK);
    siginfo_t si;

    CHECK_EQ(ask(fd, SIGEV_NONE, 0), 0);
    CHECK_ERRNO(ask(fd, SIGEV_SIGNAL, SIG), EBUSY);
    CHECK_EQ(mq_notify(fd, NULL), 0);
    CHECK_EQ(mq_notify(fd, NULL), 0);
    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    CHECK_EQ(mq_notify(fd, NULL), 0);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    CHECK_EQ(taken(&si), 0);
    close(fd);
}

TEST(the_file_tells_who_asks)
{
    char want[128];
    int fd = mq_fresh(4, O_NONBLOCK);

    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    snprintf(want, sizeof want, "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 0,
             SIGEV_SIGNAL, SIG, (int)getpid());
    CHECK(strcmp(line_of(fd), want) == 0);
    CHECK_EQ(mq_notify(fd, NULL), 0);
    CHECK_EQ(ask(fd, SIGEV_NONE, 5), 0);
    snprintf(want, sizeof want, "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 0,
             SIGEV_NONE, 0, (int)getpid());
    CHECK(strcmp(line_of(fd), want) == 0);
    close(fd);
}

TEST(any_close_of_the_process_forgets)
{
    int fd = mq_fresh(4, O_NONBLOCK), other = mq_again(fd, O_RDONLY);
    siginfo_t si;

    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    close(other);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    CHECK_EQ(taken(&si), 0);
    CHECK_EQ(ask(fd, SIGEV_NONE, 0), 0);
    close(fd);
}

TEST(another_process_neither_asks_nor_forgets)
{
    int fd = mq_fresh(4, O_NONBLOCK), status;
    siginfo_t si;

    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sigevent ev = { .sigev_notify = SIGEV_NONE };
        int bad = mq_notify(fd, NULL) != 0;
        bad |= mq_notify(fd, &ev) != -1 || errno != EBUSY;
        close(fd);
        _exit(bad);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK_EQ(mq_put(fd, "a", 0), 0);
    CHECK_EQ(taken(&si), SIG);
    close(fd);
}

TEST(the_sender_is_named)
{
    int fd = mq_fresh(4, O_NONBLOCK), status;
    siginfo_t si;

    CHECK_EQ(ask(fd, SIGEV_SIGNAL, SIG), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(mq_put(fd, "a", 0));
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK_EQ(taken(&si), SIG);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(mq_count(fd), 1);
    close(fd);
}

static int received_fd;
static volatile pid_t receiver_tid;

static void *receiver(void *arg)
{
    static char text[MQ_SIZE];

    (void)arg;
    receiver_tid = (pid_t)syscall(SYS_gettid);
    return mq_receive(received_fd, text, MQ_SIZE, NULL) == 2 ? text : NULL;
}

TEST(who_waits_gets_it_and_nobody_is_told)
{
    pthread_t thread;
    siginfo_t si;
    void *got;

    received_fd = mq_fresh(4, 0);
    CHECK(pthread_create(&thread, NULL, receiver, NULL) == 0);
    while (!receiver_tid)
        usleep(100);
    until_asleep(getpid(), receiver_tid);
    CHECK_EQ(ask(received_fd, SIGEV_SIGNAL, SIG), 0);
    CHECK_EQ(mq_put(received_fd, "a", 0), 0);
    CHECK(pthread_join(thread, &got) == 0 && got);
    CHECK_EQ(taken(&si), 0);
    CHECK_EQ(mq_put(received_fd, "b", 0), 0);
    CHECK_EQ(taken(&si), SIG);
    close(received_fd);
}

TEST(arguments_are_checked)
{
    struct sigevent ev = { .sigev_notify = SIGEV_THREAD, .sigev_signo = -1 };
    char cookie[32] = "";
    int fd = mq_fresh(4, 0), pipes[2];

    CHECK_ERRNO(ask(fd, 17, 0), EINVAL);
    CHECK_ERRNO(ask(-1, 17, 0), EINVAL);
    CHECK_ERRNO(ask(fd, SIGEV_THREAD_ID, SIG), EINVAL);
    CHECK_ERRNO(ask(fd, SIGEV_SIGNAL, 65), EINVAL);
    CHECK_ERRNO(ask(fd, SIGEV_SIGNAL, -1), EINVAL);
    CHECK_ERRNO(ask(-1, SIGEV_SIGNAL, SIG), EBADF);
    CHECK_EQ(ask(fd, SIGEV_SIGNAL, 0), 0);
    CHECK_EQ(mq_notify(fd, NULL), 0);
    CHECK_ERRNO(syscall(SYS_mq_notify, fd, 8), EFAULT);
    CHECK_EQ(pipe(pipes), 0);
    ev.sigev_value.sival_ptr = (void *)8;
    CHECK_ERRNO(syscall(SYS_mq_notify, fd, &ev), EFAULT);
    ev.sigev_value.sival_ptr = cookie;
    CHECK_ERRNO(syscall(SYS_mq_notify, fd, &ev), EBADF);
    ev.sigev_signo = pipes[0];
    CHECK_ERRNO(syscall(SYS_mq_notify, fd, &ev), ENOTSOCK);
    close(fd), close(pipes[0]), close(pipes[1]);
}

MAIN
