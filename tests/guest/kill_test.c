/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "tests/guest/child.h"

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    return pid;
}

static int signal_that_ended(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
        return -1;
    return WTERMSIG(status);
}

TEST(arguments_are_checked)
{
    CHECK_ERRNO(kill(getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(getpid(), -1), EINVAL);
    CHECK_ERRNO(kill(999999, 0), ESRCH);
    CHECK_ERRNO(kill(-999999, 0), ESRCH);
    CHECK_EQ(kill(getpid(), 0), 0);
    CHECK_ERRNO(kill((pid_t)0x80000000, SIGTERM), ESRCH);
}

static const int fatal[] = {
    SIGHUP,    SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,    SIGFPE,  SIGKILL,
    SIGUSR1,   SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ,
    SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  34,      64,
};

TEST(default_actions_that_end)
{
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        pid_t pid = sleeper();
        CHECK(pid > 0);
        CHECK_EQ(kill(pid, fatal[i]), 0);
        CHECK_EQ(signal_that_ended(pid), fatal[i]);
    }
}

TEST(default_actions_that_do_nothing)
{
    pid_t pid = sleeper();

    CHECK_EQ(kill(pid, SIGCHLD), 0);
    CHECK_EQ(kill(pid, SIGURG), 0);
    CHECK_EQ(kill(pid, SIGWINCH), 0);
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(signal_that_ended(pid), SIGKILL);
}

TEST(a_zombie_takes_signals_and_does_nothing)
{
    int status;
    pid_t pid = fork();
    siginfo_t si;

    if (pid == 0)
        _exit(3);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK_ERRNO(kill(pid, 0), ESRCH);
}

static _Noreturn void computes(void)
{
    for (volatile long i = 0;; i++)
        ;
}

TEST(a_busy_process_can_be_killed)
{
    struct timespec ts = { 0, 20000000 };
    pid_t pid = fork();

    if (pid == 0)
        computes();
    nanosleep(&ts, NULL);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(signal_that_ended(pid), SIGKILL);
}

/* A sleeper that SIGTERM ends again, from before this returns. */
static pid_t mortal_sleeper(void)
{
    struct gate ready;

    if (gate_open(&ready))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        gate_let(&ready);
        for (;;)
            pause();
    }
    gate_pass(&ready);
    return pid;
}

/* A group of its own, so that nobody else is hit. */
static int kills_a_group(void)
{
    pid_t a, b;

    REQUIRE(setpgid(0, 0) == 0);
    signal(SIGTERM, SIG_IGN);
    a = mortal_sleeper();
    b = mortal_sleeper();
    REQUIRE(a > 0 && b > 0);
    REQUIRE(kill(0, SIGTERM) == 0);
    REQUIRE(signal_that_ended(a) == SIGTERM);
    REQUIRE(signal_that_ended(b) == SIGTERM);
    a = sleeper();
    REQUIRE(setpgid(a, a) == 0);
    REQUIRE(kill(-a, SIGKILL) == 0);
    REQUIRE(signal_that_ended(a) == SIGKILL);
    return 0;
}

TEST(a_process_group)
{
    CHECK_CHILD(kills_a_group);
}

static int may_not(void)
{
    if (geteuid() != 0)
        return 0; /* nobody else's process is known */
    REQUIRE(setuid(12345) == 0);
    REQUIRE_ERRNO(kill(getppid(), 0), EPERM);
    REQUIRE_ERRNO(kill(getppid(), SIGCONT - SIGCONT), EPERM);
    REQUIRE(kill(getppid(), SIGCONT) == 0); /* the same session */
    REQUIRE(kill(getpid(), 0) == 0);
    return 0;
}

TEST(others_users_are_left_alone)
{
    CHECK_CHILD(may_not);
}

/* ---- SIGCONT ---- */

static int disturbs; /* a pipe: who reads a byte sends SIGCONT soon */

static int sleeps_to_the_end(void)
{
    struct timespec time = { .tv_nsec = 400000000 };
    int ep = epoll_create1(0);
    struct epoll_event e;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    REQUIRE(write(disturbs, "x", 1) == 1);
    REQUIRE_ERRNO(sigtimedwait(&set, NULL, &time), EAGAIN);
    REQUIRE(write(disturbs, "x", 1) == 1);
    REQUIRE(epoll_wait(ep, &e, 1, 400) == 0);
    return 0;
}

TEST(who_runs_is_not_disturbed_by_sigcont)
{
    int p[2], status;
    char c;

    CHECK_EQ(pipe(p), 0);
    disturbs = p[1];
    pid_t pid = fork();
    if (pid == 0)
        _exit(sleeps_to_the_end());
    close(p[1]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(read(p[0], &c, 1), 1);
        usleep(100000);
        kill(pid, SIGCONT);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(p[0]);
}

static _Atomic unsigned *progress;

static void *makes_progress(void *arg)
{
    for (;;) {
        ++*progress;
        getppid();
    }
    return arg;
}

static bool goes_on(void)
{
    unsigned was = *progress;

    for (int i = 0; i < 3000 && *progress == was; i++)
        usleep(1000);
    return *progress != was;
}

/* A stop that a thread has yet to make is called off, too. */
TEST(after_sigcont_nobody_stops)
{
    static const int stops[] = { SIGTSTP, SIGSTOP };

    progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        setpgid(0, 0);
        for (int i = 0; i < 3; i++)
            pthread_create(&thread, NULL, makes_progress, NULL);
        makes_progress(NULL);
    }
    CHECK(pid > 0);
    bool all = goes_on();
    for (int i = 0; i < 200 && all; i++) {
        kill(pid, stops[i % 2]);
        for (volatile int spin = i * 10; spin > 0; spin--)
            ;
        kill(pid, SIGCONT);
        all = goes_on();
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(all);
}

MAIN
