/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

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

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

TEST(arguments_are_checked)
{
    CHECK_ERRNO(setpgid(0, -1), EINVAL);
    CHECK_ERRNO(setpgid(999999, 0), ESRCH);
    CHECK_ERRNO(setpgid(-5, 0), EINVAL);
    CHECK_ERRNO(setpgid(-5, 5), ESRCH);
}

TEST(a_child_is_moved)
{
    pid_t a = sleeper(), b = sleeper();

    CHECK_EQ(setpgid(a, 0), 0);
    CHECK_EQ(getpgid(a), a);
    CHECK_EQ(setpgid(b, a), 0);
    CHECK_EQ(getpgid(b), a);
    CHECK_EQ(setpgid(b, getpgrp()), 0);
    CHECK_EQ(getpgid(b), getpgrp());
    CHECK_ERRNO(setpgid(b, 999999), EPERM);
    CHECK_ERRNO(setpgid(a, b), EPERM); /* b leads none */
    end(a);
    end(b);
}

TEST(a_group_outlives_its_leader)
{
    pid_t a = sleeper(), b = sleeper();

    CHECK_EQ(setpgid(a, a), 0);
    CHECK_EQ(setpgid(b, a), 0);
    end(a);
    CHECK_EQ(getpgid(b), a);
    CHECK_EQ(kill(-a, SIGKILL), 0);
    CHECK_EQ(waitpid(-a, NULL, 0), b);
    CHECK_ERRNO(kill(-a, 0), ESRCH);
}

TEST(not_after_exec)
{
    char *argv[] = { "sleep", "100", NULL }, c;
    int p[2]; /* exec closes it */

    CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        execve("/bin/sleep", argv, argv + 2);
        _exit(127);
    }
    close(p[1]);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
    CHECK_ERRNO(setpgid(pid, pid), EACCES);
    end(pid);
}

TEST(not_a_session_leader)
{
    struct gate g;
    pid_t pid;

    CHECK_EQ(gate_open(&g), 0);
    pid = fork();
    if (pid == 0) {
        setsid();
        gate_let(&g);
        for (;;)
            pause();
    }
    gate_pass(&g);
    CHECK_ERRNO(setpgid(pid, pid), EPERM);
    end(pid);
}

static int of_another(void)
{
    REQUIRE_ERRNO(setpgid(getppid(), 0), ESRCH);
    return 0;
}

TEST(not_somebody_elses_child)
{
    CHECK_CHILD(of_another);
}

/* ---- orphaned groups ---- */

static volatile int hup, cont;

static void notes(int sig)
{
    if (sig == SIGHUP)
        hup = 1;
    else
        cont = 1;
}

/*
 * A child stops in a group of its own; its parent, the only tie, ends: it hears SIGHUP
 * and SIGCONT.
 */
static int orphans_a_stopped_group(void)
{
    int p[2];
    char c = 0;

    REQUIRE(pipe(p) == 0);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            signal(SIGHUP, notes);
            signal(SIGCONT, notes);
            raise(SIGSTOP);
            while (!hup || !cont)
                usleep(1000);
            c = 'x';
            _exit(write(p[1], &c, 1) != 1);
        }
        waitpid(pid, NULL, WUNTRACED);
        _exit(0);
    }
    close(p[1]);
    REQUIRE(waitpid(middle, NULL, 0) == middle);
    REQUIRE(read(p[0], &c, 1) == 1 && c == 'x');
    return 0;
}

TEST(an_orphaned_group_hears_of_it)
{
    CHECK_CHILD(orphans_a_stopped_group);
}

/* In a new session, whose leader's group nobody outside of it could continue. */
static int ignores_tstp(void)
{
    REQUIRE(setsid() > 0);
    raise(SIGTSTP);
    raise(SIGTTIN);
    return 0;
}

TEST(an_orphaned_group_does_not_stop)
{
    CHECK_CHILD(ignores_tstp);
}

MAIN
