/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/sched.h>
#include <sched.h>
#include <stddef.h>

#include "tests/guest/child.h"

static long raw(struct clone_args *a, size_t size)
{
    return syscall(SYS_clone3, a, size);
}

TEST(the_size_is_checked)
{
    struct clone_args a = { .exit_signal = SIGCHLD };
    struct {
        struct clone_args a;
        char more[64];
    } big = { .more = { [40] = 1 } };

    CHECK_ERRNO(raw(&a, 63), EINVAL);
    CHECK_ERRNO(raw(&a, 0), EINVAL);
    CHECK_ERRNO(raw(&a, 5000), E2BIG);
    CHECK_ERRNO(raw((struct clone_args *)&big, sizeof big), E2BIG);
    CHECK_ERRNO(raw((struct clone_args *)8, sizeof a), EFAULT);
}

TEST(forks)
{
    struct clone_args a = { .exit_signal = SIGCHLD };
    int status;
    long pid = raw(&a, sizeof a);

    if (pid == 0)
        _exit(9);
    CHECK(pid > 0);
    CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 9);
}

TEST(a_short_struct_is_fine)
{
    struct clone_args a = { .exit_signal = SIGCHLD };
    long pid = raw(&a, CLONE_ARGS_SIZE_VER0);

    if (pid == 0)
        _exit(0);
    CHECK(pid > 0);
    CHECK_EQ(waitpid((pid_t)pid, NULL, 0), pid);
}

TEST(arguments_are_checked)
{
    int tid = 5;
    struct clone_args a = { .exit_signal = 65 };

    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .exit_signal = 1ull << 32 };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .flags = CLONE_DETACHED };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .flags = 1ull << 40 };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .stack = 0x1000 };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .stack_size = 0x1000 };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .set_tid_size = 1 };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .set_tid = (uintptr_t)&tid };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .set_tid = (uintptr_t)&tid, .set_tid_size = 33 };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
    a = (struct clone_args){ .flags = CLONE_PARENT, .exit_signal = SIGCHLD };
    CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
}

TEST(a_chosen_number_must_be_free)
{
    int tid = getpid();
    struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&tid, .set_tid_size = 1 };

    if (geteuid() != 0)
        CHECK_ERRNO(raw(&a, sizeof a), EPERM);
    else
        CHECK_ERRNO(raw(&a, sizeof a), EEXIST);
    tid = -1;
    if (geteuid() == 0)
        CHECK_ERRNO(raw(&a, sizeof a), EINVAL);
}

TEST(a_number_can_be_chosen)
{
    int tid = 29001, status;
    struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&tid, .set_tid_size = 1 };

    if (geteuid() != 0)
        return;
    long pid = raw(&a, sizeof a);
    if (pid == 0)
        _exit(getpid() == 29001 ? 0 : 1);
    if (pid < 0 && errno == EEXIST)
        return; /* the host has one */
    CHECK_EQ(pid, 29001);
    CHECK_EQ(waitpid(29001, &status, 0), 29001);
    CHECK_EQ(status, 0);
}

/* In the namespace of the parent nobody has given us any rights. */
static int asks_for_two(void)
{
    int tids[] = { 50, 29050 }, status;
    struct clone_args a = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1 };

    long pid = raw(&a, sizeof a);
    if (pid == 0)
        _exit(getpid() != 50);
    REQUIRE(pid == 50 && waitpid(50, &status, 0) == 50 && status == 0);
    a.set_tid_size = 2;
    REQUIRE_ERRNO(raw(&a, sizeof a), EPERM);
    a.set_tid_size = 30;
    REQUIRE_ERRNO(raw(&a, sizeof a), EINVAL);
    return 0;
}

static int in_own_namespaces(void)
{
    REQUIRE(geteuid() != 0 || setresuid(54321, 54321, 54321) == 0);
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
        return 0; /* as the host's administrator wishes */
    return child_ok(asks_for_two) ? 0 : 1;
}

TEST(each_namespace_is_asked_for_its_number)
{
    CHECK_CHILD(in_own_namespaces);
}

static void handler(int sig)
{
    (void)sig;
}

TEST(handlers_can_be_cleared)
{
    struct clone_args a = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
    struct sigaction act;
    int status;

    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    long pid = raw(&a, sizeof a);
    if (pid == 0) {
        sigaction(SIGUSR1, NULL, &act);
        bool reset = act.sa_handler == SIG_DFL;
        sigaction(SIGUSR2, NULL, &act);
        _exit(reset && act.sa_handler == SIG_IGN ? 0 : 1);
    }
    CHECK(pid > 0);
    CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

TEST(a_pidfd_comes_with_it)
{
    int fd = -1, status;
    struct clone_args a = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uintptr_t)&fd };
    long pid = raw(&a, sizeof a);

    if (pid == 0)
        _exit(4);
    CHECK(pid > 0);
    CHECK(fd >= 0);
    siginfo_t si;
    CHECK_EQ(waitid((idtype_t)3 /* P_PIDFD */, (id_t)fd, &si, WEXITED), 0);
    CHECK_EQ(si.si_status, 4);
    CHECK_ERRNO(waitpid((pid_t)pid, &status, 0), ECHILD);
    close(fd);
}

MAIN
