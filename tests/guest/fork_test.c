/* SPDX-License-Identifier: Apache-2.0 */
/* covers: getpid, getppid */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>

#include "tests/guest/child.h"

static int value = 1;

static int sees_its_own(void)
{
    value = 2;
    REQUIRE(getppid() > 0);
    return 0;
}

TEST(memory_is_copied)
{
    CHECK_CHILD(sees_its_own);
    CHECK_EQ(value, 1);
}

TEST(shared_memory_is_shared)
{
    int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), status;

    CHECK(p != MAP_FAILED);
    pid_t pid = fork();
    if (pid == 0) {
        *p = 42;
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(*p, 42);
    munmap(p, 4096);
}

TEST(the_child_knows_its_parent)
{
    int status;
    pid_t me = getpid(), pid = fork();

    if (pid == 0)
        _exit(getppid() == me && getpid() != me && getpid() == gettid_raw() ? 0 : 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

TEST(files_share_a_position)
{
    char name[] = "/tmp/fork_test_XXXXXX";
    int status, fd = mkstemp(name);

    CHECK(fd >= 0);
    unlink(name);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(fd, "abc", 3) != 3);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
    close(fd);
}

TEST(a_closed_descriptor_stays_open_in_the_other)
{
    int p[2], status;
    char c;

    CHECK(pipe(p) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(p[0]);
        _exit(write(p[1], "x", 1) != 1);
    }
    close(p[1]);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    close(p[0]);
}

TEST(float_registers_are_copied)
{
    double x = 1.25, y;
    int status;

    __asm__ volatile("movsd %0, %%xmm9" : : "m"(x) : "xmm9");
    pid_t pid = (pid_t)syscall(SYS_fork);
    __asm__ volatile("movsd %%xmm9, %0" : "=m"(y));
    if (pid == 0)
        _exit(y == 1.25 ? 0 : 1);
    CHECK(y == 1.25);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void *forks(void *arg)
{
    int status;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(7);
        if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
            return (void *)1;
    }
    return NULL;
}

TEST(several_threads_fork)
{
    pthread_t threads[4];
    void *result;

    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, forks, NULL), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(threads[i], &result), 0);
        CHECK(result == NULL);
    }
}

static volatile pid_t other_tid;

static void *waits_for_ever(void *arg)
{
    other_tid = gettid_raw();
    pause();
    return arg;
}

static int has_one_thread(void)
{
    REQUIRE_ERRNO(syscall(SYS_tgkill, getpid(), other_tid, 0), ESRCH);
    return 0;
}

TEST(only_the_caller_goes_over)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, waits_for_ever, NULL), 0);
    while (!other_tid)
        sched_yield();
    CHECK_CHILD(has_one_thread);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

static int chain(int depth)
{
    int status;
    pid_t pid;

    if (depth == 0)
        return 0;
    pid = fork();
    if (pid == 0)
        _exit(chain(depth - 1));
    return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

TEST(children_have_children)
{
    CHECK_EQ(chain(12), 0);
}

/* Children that write all over while their parent writes and forks again: no fork fails, each child
 * has what its parent had then, and none sees what another writes. */
TEST(forks_among_children_that_write)
{
    enum { CHILDREN = 24, CHUNK = 64 << 10, CHUNKS = 40 };
    static char memory[CHUNKS][CHUNK];
    pid_t pids[CHILDREN];

    for (int i = 0; i < CHILDREN; i++) {
        for (int c = 0; c < CHUNKS; c++)
            memory[c][0] = (char)i;
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] > 0)
            continue;
        for (int turn = 0; turn < 200; turn++) {
            int c = (turn * 7 + i) % CHUNKS;
            if (turn < CHUNKS && memory[c][0] != i)
                _exit(1);
            memory[c][0] = memory[c][4096] = -1;
        }
        _exit(0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status;

        CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
        CHECK_EQ(status, 0);
    }
}

/* A leaf of a page table covers 2 MiB: families share these. Each page knows its writer. */
enum { BIG = 16 << 20, STEP = 4096 };
static char *big;

static int has_all(size_t from, size_t to, char what)
{
    for (size_t at = from; at < to; at += STEP) {
        if (big[at] != what)
            return 0;
    }
    return 1;
}

static void write_all(size_t from, size_t to, char what)
{
    for (size_t at = from; at < to; at += STEP)
        big[at] = what;
}

/* What a child, and then its parent, may do with memory that they have in common. */
static int change(int how)
{
    size_t mib = 1 << 20;
    int status;
    pid_t pid;
    char *to;

    switch (how) {
    case 0:
        write_all(0, BIG, 9);
        return has_all(0, BIG, 9);
    case 1:
        big[5 * mib] = 9;
        return has_all(5 * mib + STEP, BIG, 1) && big[5 * mib] == 9;
    case 2: /* parts of leaves, and whole ones */
        if (munmap(big + 3 * mib, 4 * mib + STEP))
            return 0;
        return has_all(0, 3 * mib, 1) && has_all(7 * mib + STEP, BIG, 1);
    case 3:
        if (madvise(big + mib, 6 * mib, MADV_DONTNEED))
            return 0;
        return has_all(0, mib, 1) && has_all(mib, 7 * mib, 0) && has_all(7 * mib, BIG, 1);
    case 4:
        if (mprotect(big + mib, 8 * mib, PROT_READ) || !has_all(0, BIG, 1) ||
            mprotect(big, BIG, PROT_READ | PROT_WRITE))
            return 0;
        write_all(2 * mib, 4 * mib, 9);
        return has_all(2 * mib, 4 * mib, 9) && has_all(4 * mib, BIG, 1);
    case 5:
        to = mmap(NULL, BIG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mremap(big + mib, 5 * mib, 5 * mib, MREMAP_MAYMOVE | MREMAP_FIXED, to + mib) !=
            to + mib)
            return 0;
        to[mib] = 9;
        return to[mib + STEP] == 1 && to[6 * mib - STEP] == 1 && has_all(6 * mib, BIG, 1);
    default: /* a child of its own */
        pid = fork();
        if (pid == 0) {
            write_all(0, BIG, 9);
            _exit(!has_all(0, BIG, 9));
        }
        return waitpid(pid, &status, 0) == pid && status == 0 && has_all(0, BIG, 1);
    }
}

TEST(whoever_changes_large_memory_changes_his_own)
{
    for (int how = 0; how < 14; how++) {
        int status;
        size_t shift = how < 7 ? 0 : 3 * STEP;
        char *all =
            mmap(NULL, BIG + (4 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        CHECK(all != MAP_FAILED);
        big = (char *)(((uintptr_t)all + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1)) + shift;
        write_all(0, BIG, 1);
        for (int turn = 0; turn < 3; turn++) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(!change(how % 7));
            if (turn == 2) /* while the child is there */
                CHECK(change((how + 3) % 7));
            CHECK_EQ(waitpid(pid, &status, 0), pid);
            CHECK_EQ(status, 0);
            if (turn < 2)
                CHECK(has_all(0, BIG, 1));
        }
        munmap(all, BIG + (4 << 20));
    }
}

MAIN
