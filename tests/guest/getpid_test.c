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
