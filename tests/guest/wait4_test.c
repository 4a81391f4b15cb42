/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/resource.h>

#include "tests/guest/child.h"

static pid_t exits(int code)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(code);
    return pid;
}

TEST(there_are_no_children)
{
    CHECK_ERRNO(wait(NULL), ECHILD);
    CHECK_ERRNO(waitpid(999999, NULL, 0), ECHILD);
    CHECK_ERRNO(waitpid(getpid(), NULL, 0), ECHILD);
    CHECK_ERRNO(waitpid(-999999, NULL, WNOHANG), ECHILD);
    CHECK_ERRNO(waitpid((pid_t)0x80000000, NULL, 0), ESRCH);
}

TEST(options_are_checked)
{
    CHECK_ERRNO(waitpid(-1, NULL, 0x100), EINVAL);
    CHECK_ERRNO(waitpid(-1, NULL, WEXITED), EINVAL); /* waitid's alone */
    CHECK_ERRNO(waitpid(-1, NULL, WNOWAIT), EINVAL);
}

TEST(the_code_has_eight_bits)
{
    int status;
    pid_t pid = exits(0x1ff);

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0xff00);
}

TEST(nothing_yet)
{
    struct gate g;
    int status = 77;

    CHECK_EQ(gate_open(&g), 0);
    pid_t pid = fork();
    if (pid == 0) {
        gate_pass(&g);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    CHECK_EQ(status, 77);
    gate_let(&g);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
}

TEST(only_the_one_that_is_asked_for)
{
    pid_t a = exits(1), b = exits(2);
    int status;

    CHECK_EQ(waitpid(b, &status, 0), b);
    CHECK_EQ(WEXITSTATUS(status), 2);
    CHECK_EQ(waitpid(-1, &status, 0), a);
    CHECK_EQ(WEXITSTATUS(status), 1);
}

TEST(by_process_group)
{
    struct gate g;
    int status;

    CHECK_EQ(gate_open(&g), 0);
    pid_t a = fork();
    if (a == 0) {
        gate_pass(&g);
        _exit(1);
    }
    CHECK_EQ(setpgid(a, a), 0);
    pid_t b = exits(2);
    CHECK_EQ(waitpid(0, &status, 0), b); /* our group */
    CHECK_ERRNO(waitpid(0, &status, 0), ECHILD);
    gate_let(&g);
    CHECK_EQ(waitpid(-a, &status, 0), a);
}

TEST(a_bad_address_loses_the_child)
{
    pid_t pid = exits(0);

    CHECK_ERRNO(waitpid(pid, (int *)8, 0), EFAULT);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
}

TEST(resource_usage_comes_with_it)
{
    struct rusage u;
    int status;
    pid_t pid = fork();

    memset(&u, 0xff, sizeof u);
    if (pid == 0) {
        for (volatile int i = 0; i < 30000000; i++)
            ;
        _exit(0);
    }
    CHECK_EQ(wait4(pid, &status, 0, &u), pid);
    CHECK(u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec > 0);
    CHECK(u.ru_maxrss > 0);
}

static volatile int chld;

static void counts(int sig)
{
    (void)sig;
    chld++;
}

TEST(sigchld_tells)
{
    struct sigaction act = { .sa_handler = counts, .sa_flags = SA_RESTART };

    sigaction(SIGCHLD, &act, NULL);
    chld = 0;
    pid_t pid = exits(0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_EQ(chld, 1);
    signal(SIGCHLD, SIG_DFL);
}

static void *waits(void *arg)
{
    pid_t pid = *(pid_t *)arg;

    return (void *)(long)(waitpid(pid, NULL, 0) == pid);
}

TEST(any_thread_may_wait)
{
    pthread_t thread;
    void *result;
    pid_t pid = exits(0);

    CHECK_EQ(pthread_create(&thread, NULL, waits, &pid), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == (void *)1L);
}

static void *waits_for_own(void *arg)
{
    pid_t pid = *(pid_t *)arg;

    errno = 0;
    return (void *)(long)(waitpid(pid, NULL, __WNOTHREAD | WNOHANG) == -1 && errno == ECHILD);
}

TEST(a_thread_may_ask_for_its_own_alone)
{
    pthread_t thread;
    void *result;
    pid_t pid = exits(0);

    CHECK_EQ(pthread_create(&thread, NULL, waits_for_own, &pid), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == (void *)1L);
    CHECK_EQ(waitpid(pid, NULL, __WNOTHREAD), pid);
}

/* ---- stops ---- */

TEST(stops_and_goes_on)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    CHECK_EQ(setpgid(pid, pid), 0); /* an orphaned group would not heed SIGTSTP */
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told once */
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
    CHECK(WIFCONTINUED(status));
    CHECK_EQ(kill(pid, SIGTSTP), 0);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK_EQ(WSTOPSIG(status), SIGTSTP);
    CHECK_EQ(kill(pid, SIGKILL), 0); /* kills what is stopped */
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WTERMSIG(status), SIGKILL);
}

static void *sleeps(void *arg)
{
    for (;;)
        pause();
    return arg;
}

TEST(all_threads_stop)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, sleeps, NULL);
        pthread_create(&thread, NULL, sleeps, NULL);
        raise(SIGSTOP);
        _exit(6);
    }
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 6);
}

TEST(nocldstop_is_silent)
{
    struct sigaction act = { .sa_handler = counts, .sa_flags = SA_RESTART | SA_NOCLDSTOP };
    int status;

    sigaction(SIGCHLD, &act, NULL);
    chld = 0;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    kill(pid, SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK_EQ(chld, 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(chld, 1);
    signal(SIGCHLD, SIG_DFL);
}

/* ---- orphans ---- */

/* The grandchild waits until its parent has gone, and tells who has it now. */
static int makes_an_orphan(void)
{
    struct gate g;
    int p[2];
    pid_t heir = 0;

    REQUIRE(pipe(p) == 0 && gate_open(&g) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t me = getpid();
        if (fork() == 0) {
            gate_pass(&g);
            while (getppid() == me)
                usleep(1000);
            heir = getppid();
            _exit(write(p[1], &heir, sizeof heir) != sizeof heir);
        }
        _exit(0);
    }
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    gate_let(&g);
    REQUIRE(read(p[0], &heir, sizeof heir) == sizeof heir);
    REQUIRE(heir != pid);
    REQUIRE_ERRNO(wait(NULL), ECHILD); /* not ours: it went to an init or a subreaper above */
    return 0;
}

TEST(orphans_are_adopted)
{
    CHECK_CHILD(makes_an_orphan);
}

MAIN
