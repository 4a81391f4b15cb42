/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/guest/child.h"

static pid_t exits(int code)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(code);
    return pid;
}

static pid_t sleeps(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    return pid;
}

TEST(arguments_are_checked)
{
    siginfo_t si;

    CHECK_ERRNO(waitid(P_ALL, 0, &si, 0), EINVAL);
    CHECK_ERRNO(waitid(P_ALL, 0, &si, WNOHANG), EINVAL);
    CHECK_ERRNO(waitid(P_ALL, 0, &si, WEXITED | 0x100), EINVAL);
    CHECK_ERRNO(waitid((idtype_t)77, 0, &si, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PID, 0, &si, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PID, 999999, &si, WEXITED), ECHILD);
    CHECK_ERRNO(waitid((idtype_t)3, 999, &si, WEXITED), EBADF);
    CHECK_ERRNO(waitid((idtype_t)3, 0, &si, WEXITED), EBADF); /* stdin is no pidfd */
}

TEST(how_it_ended)
{
    siginfo_t si;
    pid_t pid = exits(5);

    memset(&si, 0xff, sizeof si);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED), 0);
    CHECK_EQ(si.si_signo, SIGCHLD);
    CHECK_EQ(si.si_code, CLD_EXITED);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_uid, getuid());
    CHECK_EQ(si.si_status, 5);
    pid = sleeps();
    kill(pid, SIGTERM);
    CHECK_EQ(waitid(P_ALL, 0, &si, WEXITED), 0);
    CHECK_EQ(si.si_code, CLD_KILLED);
    CHECK_EQ(si.si_status, SIGTERM);
}

TEST(nothing_yet)
{
    siginfo_t si;
    pid_t pid = sleeps();

    memset(&si, 0xff, sizeof si);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG), 0);
    CHECK_EQ(si.si_pid, 0);
    CHECK_EQ(si.si_signo, 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED), 0);
}

TEST(nowait_leaves_it)
{
    siginfo_t si;
    pid_t pid = exits(1);

    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    CHECK_EQ(si.si_status, 1);
    CHECK_EQ(waitid(P_PID, (id_t)pid, NULL, WEXITED), 0);
    CHECK_ERRNO(waitid(P_PID, (id_t)pid, &si, WEXITED), ECHILD);
}

TEST(only_what_is_asked_for)
{
    siginfo_t si;
    pid_t pid = sleeps();

    kill(pid, SIGSTOP);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WSTOPPED), 0);
    CHECK_EQ(si.si_code, CLD_STOPPED);
    CHECK_EQ(si.si_status, SIGSTOP);
    kill(pid, SIGCONT);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WCONTINUED | WNOWAIT), 0);
    CHECK_EQ(si.si_code, CLD_CONTINUED);
    CHECK_EQ(si.si_status, SIGCONT);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WCONTINUED), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    CHECK_ERRNO(waitid(P_PID, (id_t)pid, &si, WSTOPPED), ECHILD); /* it will not stop any more */
    CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED), 0);
}

TEST(by_pidfd)
{
    siginfo_t si;
    pid_t pid = exits(9);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    CHECK(fd >= 0);
    CHECK_EQ(waitid((idtype_t)3, (id_t)fd, &si, WEXITED), 0);
    CHECK_EQ(si.si_pid, pid);
    CHECK_EQ(si.si_status, 9);
    CHECK_ERRNO(waitid((idtype_t)3, (id_t)fd, &si, WEXITED), ECHILD);
    close(fd);
}

TEST(a_bad_address)
{
    pid_t pid = exits(0);

    CHECK_ERRNO(waitid(P_PID, (id_t)pid, (siginfo_t *)8, WEXITED), EFAULT);
}

MAIN
