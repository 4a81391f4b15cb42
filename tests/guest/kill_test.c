/* SPDX-License-Identifier: Apache-2.0 */
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

MAIN
