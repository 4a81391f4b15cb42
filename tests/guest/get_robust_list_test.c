/* SPDX-License-Identifier: Apache-2.0 */
/* get_robust_list(2), set_robust_list(2), and what becomes of the list of a dead thread */
#include "futex.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>

TEST(what_was_set_is_got)
{
    struct robust_list_head head = { { &head.list }, 0, NULL }, *was, *now;
    size_t size;

    CHECK_EQ(syscall(SYS_get_robust_list, 0, &was, &size), 0);
    CHECK_EQ(size, sizeof head);
    CHECK_ERRNO(syscall(SYS_set_robust_list, &head, sizeof head - 1), EINVAL);
    CHECK_EQ(syscall(SYS_set_robust_list, &head, sizeof head), 0);
    CHECK_EQ(syscall(SYS_get_robust_list, getpid(), &now, &size), 0);
    CHECK(now == &head);
    CHECK_EQ(syscall(SYS_set_robust_list, was, sizeof head), 0);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0x3ffffffe, &now, &size), ESRCH);
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0, (void *)8, &size), EFAULT);
}

static pthread_mutex_t robust;

static void *die_holding(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&robust);
    return NULL;
}

TEST(a_thread_that_dies_marks_its_locks)
{
    pthread_mutexattr_t attr;
    pthread_t thread;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    CHECK_EQ(pthread_mutex_init(&robust, &attr), 0);
    pthread_create(&thread, NULL, die_holding, NULL);
    pthread_join(thread, NULL);
    CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&robust), 0);
    CHECK_EQ(pthread_mutex_unlock(&robust), 0);
}

TEST(a_process_that_dies_wakes_who_waits)
{
    pthread_mutex_t *m =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    _Atomic int *step = (_Atomic int *)(m + 1);
    pthread_mutexattr_t attr;
    int status;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_mutex_init(m, &attr), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(m);
        *step = 1;
        usleep(30000); /* so that the parent most likely sleeps by then */
        _exit(0);
    }
    while (!*step)
        sched_yield();
    CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(pthread_mutex_unlock(m), 0); /* and it is lost, since nobody said that it is fine */
    CHECK_EQ(pthread_mutex_lock(m), ENOTRECOVERABLE);
    munmap(m, 4096);
}

struct entry {
    struct robust_list list;
    _Atomic uint32_t word;
};

static struct entry entries[2];
static struct robust_list_head own;

static void *die_with_own_list(void *arg)
{
    uint32_t tid = (uint32_t)syscall(SYS_gettid);

    own.futex_offset = offsetof(struct entry, word);
    own.list.next = &entries[0].list;
    entries[0].list.next = &own.list;
    entries[0].word = tid | FUTEX_WAITERS;
    own.list_op_pending = &entries[1].list;
    entries[1].word = arg ? 0 : tid;
    syscall(SYS_set_robust_list, &own, sizeof own);
    return NULL;
}

TEST(the_entry_that_is_being_changed_counts_too)
{
    pthread_t thread;

    pthread_create(&thread, NULL, die_with_own_list, NULL);
    pthread_join(thread, NULL);
    CHECK_EQ(entries[0].word, FUTEX_WAITERS | FUTEX_OWNER_DIED);
    CHECK_EQ(entries[1].word, FUTEX_OWNER_DIED);
}

static void *die_with_a_loop(void *arg)
{
    (void)arg;
    own.futex_offset = 8;
    own.list.next = &entries[0].list;
    own.list_op_pending = (void *)16;
    entries[0].list.next = &entries[1].list;
    entries[1].list.next = &entries[0].list;
    syscall(SYS_set_robust_list, &own, sizeof own);
    return NULL;
}

TEST(a_list_without_an_end_ends)
{
    pthread_t thread;

    pthread_create(&thread, NULL, die_with_a_loop, NULL);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

MAIN
