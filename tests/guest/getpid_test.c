/* SPDX-License-Identifier: Apache-2.0 */
/* covers: getpid, getppid, gettid, set_tid_address, set_robust_list, get_robust_list, sync, syncfs
 */
#include <fcntl.h>
#include <pthread.h>

#include "tests/guest/child.h"

static pid_t parent;

static int child(void)
{
    REQUIRE(getppid() == parent);
    REQUIRE(getpid() != parent);
    REQUIRE(gettid_raw() == getpid());
    return 0;
}

TEST(a_child_knows_its_parent)
{
    parent = getpid();
    CHECK_CHILD(child);
    CHECK_EQ(gettid_raw(), getpid());
}

static void *thread(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)(getpid() == parent && gettid_raw() != parent);
}

TEST(a_thread_has_its_own_number)
{
    pthread_t t;
    void *right;

    CHECK_EQ(pthread_create(&t, NULL, thread, NULL), 0);
    pthread_join(t, &right);
    CHECK(right != NULL);
}

/* Asks and does nothing else, so that nothing else could tell it. */
static int waits_for_another_parent(int ready)
{
    pid_t mine = getppid();
    struct timespec from, now;

    for (int i = 0; i < 1000; i++)
        REQUIRE(getppid() == mine);
    REQUIRE(write(ready, "x", 1) == 1);
    clock_gettime(CLOCK_MONOTONIC, &from);
    while (getppid() == mine) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        REQUIRE(now.tv_sec - from.tv_sec < 10);
    }
    return 0;
}

static int leaves_a_child(void)
{
    int ready[2], result[2];
    char c;

    REQUIRE(pipe(ready) == 0 && pipe(result) == 0);
    if (fork() == 0) {
        if (fork() == 0) {
            c = (char)waits_for_another_parent(ready[1]);
            _exit(write(result[1], &c, 1) != 1);
        }
        _exit(read(ready[0], &c, 1) != 1);
    }
    REQUIRE(read(result[0], &c, 1) == 1);
    return c;
}

TEST(who_only_asks_sees_its_parent_go)
{
    CHECK_CHILD(leaves_a_child);
}

static int changes_nothing(void)
{
    return !(getuid() == 4 && geteuid() == 5 && getgid() == 1 && getegid() == 2);
}

static int changes_ids(void)
{
    for (int i = 0; i < 1000; i++)
        REQUIRE(getuid() == geteuid() && getgid() == getegid());
    if (geteuid() != 0)
        return 0;
    REQUIRE(setresgid(1, 2, 3) == 0 && getgid() == 1 && getegid() == 2);
    REQUIRE(setresuid(4, 5, 6) == 0 && getuid() == 4 && geteuid() == 5);
    return in_child(changes_nothing) == 0 ? 0 : __LINE__ % 250;
}

TEST(ids_are_those_that_were_set)
{
    CHECK_CHILD(changes_ids);
}

TEST(set_tid_address_gives_the_number)
{
    int word;

    CHECK_EQ(syscall(SYS_set_tid_address, &word), gettid_raw());
    CHECK_EQ(syscall(SYS_set_tid_address, 8),
             gettid_raw()); /* it is not looked at before the end */
    CHECK_EQ(syscall(SYS_set_tid_address, NULL), gettid_raw());
}

TEST(robust_lists)
{
    char head[24], *got;
    size_t len;

    CHECK_ERRNO(syscall(SYS_set_robust_list, head, 23), EINVAL);
    CHECK_ERRNO(syscall(SYS_set_robust_list, head, 25), EINVAL);
    CHECK_EQ(syscall(SYS_set_robust_list, head, 24), 0);
    CHECK_EQ(syscall(SYS_get_robust_list, 0, &got, &len), 0);
    CHECK(got == head);
    CHECK_EQ(len, 24);
    CHECK_EQ(syscall(SYS_get_robust_list, getpid(), &got, &len), 0);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0x3fffffff, &got, &len), ESRCH);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0, 8, &len), EFAULT);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0, &got, 8), EFAULT);
    CHECK_EQ(syscall(SYS_set_robust_list, NULL, 24), 0);
}

static int asks_root(void)
{
    char *got;
    size_t len;

    if (geteuid() != 0)
        return 0;
    REQUIRE(setresuid(1000, 1000, 1000) == 0);
    REQUIRE_ERRNO(syscall(SYS_get_robust_list, getppid(), &got, &len), EPERM);
    return 0;
}

TEST(the_list_of_another_user)
{
    CHECK_CHILD(asks_root);
}

TEST(syncs)
{
    int fd = open("/tmp", O_RDONLY), path = open("/tmp", O_PATH);

    CHECK(fd >= 0 && path >= 0);
    sync();
    CHECK_EQ(syncfs(fd), 0);
    CHECK_ERRNO(syncfs(-1), EBADF);
    CHECK_ERRNO(syncfs(path), EBADF);
    close(fd), close(path);
}

MAIN
