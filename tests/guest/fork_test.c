/* SPDX-License-Identifier: Apache-2.0 */
/* covers: getpid, getppid */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
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

MAIN
