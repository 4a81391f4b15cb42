/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/prctl.h>

#include "tests/guest/child.h"

#define NOWHERE 8ul

TEST(names_a_thread)
{
    char name[16];

    CHECK(prctl(PR_SET_NAME, "short") == 0);
    memset(name, 'x', sizeof name);
    CHECK(prctl(PR_GET_NAME, name) == 0);
    CHECK(strcmp(name, "short") == 0);
    for (size_t i = 5; i < sizeof name; i++)
        CHECK_EQ(name[i], 0);
    CHECK(prctl(PR_SET_NAME, "a name of more than fifteen bytes") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0);
    CHECK(strcmp(name, "a name of more ") == 0);
    CHECK(prctl(PR_SET_NAME, "") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0);
    CHECK_EQ(name[0], 0);
    CHECK_ERRNO(prctl(PR_SET_NAME, NOWHERE), EFAULT);
    CHECK_ERRNO(prctl(PR_GET_NAME, NOWHERE), EFAULT);
}

static int name_goes_to_the_child(void)
{
    char name[16];

    REQUIRE(prctl(PR_GET_NAME, name) == 0);
    REQUIRE(strcmp(name, "inherited") == 0);
    prctl(PR_SET_NAME, "other");
    return 0;
}

TEST(a_child_begins_with_the_name)
{
    char name[16];

    CHECK(prctl(PR_SET_NAME, "inherited") == 0);
    CHECK_CHILD(name_goes_to_the_child);
    CHECK(prctl(PR_GET_NAME, name) == 0);
    CHECK(strcmp(name, "inherited") == 0);
}

static int no_death_signal(void)
{
    int sig = -1;

    REQUIRE(prctl(PR_GET_PDEATHSIG, &sig) == 0);
    REQUIRE(sig == 0);
    return 0;
}

TEST(death_signal_is_kept_and_not_inherited)
{
    int sig = -1;

    CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
    CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0);
    CHECK_EQ(sig, SIGUSR1);
    CHECK_CHILD(no_death_signal);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, -1l), EINVAL);
    CHECK_ERRNO(prctl(PR_GET_PDEATHSIG, NOWHERE), EFAULT);
    CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
}

TEST(death_signal_comes_when_the_parent_ends)
{
    int up[2], end[2];
    char c = 0;

    CHECK(pipe(up) == 0 && pipe(end) == 0);
    pid_t parent = fork();
    if (parent == 0) {
        if (fork() == 0) {
            sigset_t set;
            int sig = 0;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR2);
            sigprocmask(SIG_BLOCK, &set, NULL);
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            if (write(up[1], "r", 1) != 1)
                _exit(1);
            sigwait(&set, &sig);
            c = sig == SIGUSR2 ? 'y' : 'n';
            _exit(write(end[1], &c, 1) != 1);
        }
        _exit(read(up[0], &c, 1) != 1);
    }
    CHECK(waitpid(parent, NULL, 0) == parent);
    CHECK(read(end[0], &c, 1) == 1);
    CHECK_EQ(c, 'y');
    close(up[0]), close(up[1]), close(end[0]), close(end[1]);
}

TEST(dumpable_is_one_or_nothing)
{
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, -1l), EINVAL);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static int keep_caps(void)
{
    REQUIRE(prctl(PR_GET_KEEPCAPS) == 0);
    REQUIRE(prctl(PR_SET_KEEPCAPS, 1) == 0);
    REQUIRE(prctl(PR_GET_KEEPCAPS) == 1);
    REQUIRE_ERRNO(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
    REQUIRE(prctl(PR_SET_KEEPCAPS, 0) == 0);
    return 0;
}

TEST(capabilities_can_be_kept)
{
    CHECK_CHILD(keep_caps);
}

static int locked_securebits(void)
{
    enum { KEEP_CAPS_LOCKED = 1 << 5 };

    if (geteuid() != 0) {
        REQUIRE_ERRNO(prctl(PR_SET_SECUREBITS, KEEP_CAPS_LOCKED), EPERM);
        return 0;
    }
    REQUIRE(prctl(PR_GET_SECUREBITS) == 0);
    REQUIRE(prctl(PR_SET_SECUREBITS, KEEP_CAPS_LOCKED) == 0);
    REQUIRE(prctl(PR_GET_SECUREBITS) == KEEP_CAPS_LOCKED);
    REQUIRE_ERRNO(prctl(PR_SET_KEEPCAPS, 1), EPERM);
    REQUIRE_ERRNO(prctl(PR_SET_SECUREBITS, 0), EPERM);
    REQUIRE_ERRNO(prctl(PR_SET_SECUREBITS, 1 << 20 | KEEP_CAPS_LOCKED), EPERM);
    return 0;
}

TEST(locked_securebits_stay)
{
    CHECK_CHILD(locked_securebits);
}

static int bounding_set(void)
{
    if (geteuid() != 0) {
        REQUIRE_ERRNO(prctl(PR_CAPBSET_DROP, 0), EPERM);
        return 0;
    }
    REQUIRE(prctl(PR_CAPBSET_READ, 0) == 1);
    REQUIRE(prctl(PR_CAPBSET_DROP, 0) == 0);
    REQUIRE(prctl(PR_CAPBSET_READ, 0) == 0);
    REQUIRE(prctl(PR_CAPBSET_DROP, 0) == 0);
    return 0;
}

TEST(the_bounding_set_only_shrinks)
{
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 64), EINVAL);
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, -1l), EINVAL);
    if (geteuid() == 0)
        CHECK_ERRNO(prctl(PR_CAPBSET_DROP, 64), EINVAL);
    CHECK_CHILD(bounding_set);
}

TEST(ambient_arguments_are_checked)
{
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0), 0);
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 1, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 0);
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, 99, 0, 0, 0), EINVAL);
    /* not inheritable */
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0), EPERM);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 0, 0, 0), 0);
}

static int no_new_privs(void)
{
    REQUIRE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
    REQUIRE_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    REQUIRE_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    REQUIRE_ERRNO(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    REQUIRE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    REQUIRE_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
    int status = -1;
    waitpid(pid, &status, 0);
    REQUIRE(status == 0);
    return 0;
}

TEST(no_new_privileges_for_ever)
{
    CHECK_CHILD(no_new_privs);
}

TEST(timer_slack)
{
    CHECK(prctl(PR_SET_TIMERSLACK, 77777) == 0);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 77777);
    CHECK(prctl(PR_SET_TIMERSLACK, 0) == 0);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
}

TEST(timing_is_statistical)
{
    CHECK_EQ(prctl(PR_GET_TIMING), PR_TIMING_STATISTICAL);
    CHECK(prctl(PR_SET_TIMING, PR_TIMING_STATISTICAL) == 0);
    CHECK_ERRNO(prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP), EINVAL);
}

TEST(a_subreaper_inherits_orphans)
{
    int on = -1, status;

    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0);
    CHECK_EQ(on, 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0);
    CHECK_EQ(on, 1);
    pid_t me = getpid(), middle = fork();
    if (middle == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            while (getppid() == parent)
                usleep(1000);
            _exit(getppid() == me ? 7 : 1);
        }
        _exit(3);
    }
    CHECK(waitpid(middle, &status, 0) == middle);
    CHECK_EQ(WEXITSTATUS(status), 3);
    do /* an orphan of a test before this one may be there too, where we are the init */
        CHECK(waitpid(-1, &status, 0) > 0);
    while (WEXITSTATUS(status) == 0);
    CHECK_EQ(WEXITSTATUS(status), 7);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
    CHECK_ERRNO(prctl(PR_GET_CHILD_SUBREAPER, NOWHERE), EFAULT);
}

TEST(machine_checks)
{
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    CHECK_ERRNO(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0), EINVAL);
    CHECK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0);
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
    CHECK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0) == 0);
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_LATE);
    CHECK(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0) == 0);
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    CHECK_ERRNO(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_MCE_KILL, 2, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 1, 0), EINVAL);
}

TEST(huge_pages_can_be_forgone)
{
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
    CHECK_ERRNO(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_THP_DISABLE, 1, 0, 1, 0), EINVAL);
}

TEST(tid_address)
{
    int *address = NULL, word;

    syscall(SYS_set_tid_address, &word);
    CHECK(prctl(PR_GET_TID_ADDRESS, &address) == 0);
    CHECK(address == &word);
    CHECK_ERRNO(prctl(PR_GET_TID_ADDRESS, NOWHERE), EFAULT);
}

TEST(the_time_stamp_counter)
{
    int mode = -1;

    CHECK(prctl(PR_GET_TSC, &mode) == 0);
    CHECK_EQ(mode, PR_TSC_ENABLE);
    CHECK(prctl(PR_SET_TSC, PR_TSC_ENABLE) == 0);
    CHECK_ERRNO(prctl(PR_SET_TSC, 9), EINVAL);
    CHECK_ERRNO(prctl(PR_GET_TSC, NOWHERE), EFAULT);
}

TEST(no_seccomp)
{
    CHECK_EQ(prctl(PR_GET_SECCOMP), 0);
}

TEST(an_unknown_option)
{
    CHECK_ERRNO(prctl(9999, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(-1, 0, 0, 0, 0), EINVAL);
}

MAIN
