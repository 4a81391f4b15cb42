/* SPDX-License-Identifier: Apache-2.0 */
/* covers: set_tid_address */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/guest/child.h"

static long raw(unsigned long flags, void *stack, int *ptid, int *ctid)
{
    return syscall(SYS_clone, flags, stack, ptid, ctid, 0);
}

TEST(flags_that_exclude_each_other)
{
    CHECK_ERRNO(raw(CLONE_SIGHAND, NULL, NULL, NULL), EINVAL);
    CHECK_ERRNO(raw(CLONE_THREAD, NULL, NULL, NULL), EINVAL);
    CHECK_ERRNO(raw(CLONE_THREAD | CLONE_VM, NULL, NULL, NULL), EINVAL);
    CHECK_ERRNO(raw(CLONE_NEWNS | CLONE_FS, NULL, NULL, NULL), EINVAL);
    CHECK_ERRNO(raw(CLONE_NEWUSER | CLONE_FS, NULL, NULL, NULL), EINVAL);
    CHECK_ERRNO(raw(CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, NULL, NULL, NULL),
                EINVAL);
}

TEST(a_pidfd_needs_the_word_of_its_own)
{
    int fd = -1;

    CHECK_ERRNO(raw(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &fd, NULL), EINVAL);
}

TEST(tids_are_written)
{
    int parent = 0, child = 0, status;
    long pid = raw(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, NULL, &parent, &child);

    if (pid == 0)
        _exit(child == getpid() ? 0 : 1);
    CHECK(pid > 0);
    CHECK_EQ(parent, pid);
    CHECK_EQ(child, 0); /* that word is the child's copy */
    CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

TEST(a_bad_tid_pointer_is_nobodys_error)
{
    int status;
    long pid = raw(CLONE_PARENT_SETTID | SIGCHLD, NULL, (int *)8, NULL);

    if (pid == 0)
        _exit(0);
    CHECK(pid > 0);
    CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
}

static int shared_word;

static int writes(void *arg)
{
    shared_word = *(int *)arg;
    return 0;
}

TEST(memory_may_be_shared)
{
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int arg = 17, status;

    CHECK(stack != MAP_FAILED);
    pid_t pid = clone(writes, stack + 65536, CLONE_VM | SIGCHLD, &arg);
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(shared_word, 17);
    munmap(stack, 65536);
}

static int closes(void *arg)
{
    return close(*(int *)arg);
}

TEST(files_may_be_shared)
{
    char stack[16384] __attribute__((aligned(16)));
    int p[2], status;

    CHECK(pipe(p) == 0);
    pid_t pid = clone(closes, stack + sizeof stack, CLONE_FILES | SIGCHLD, &p[0]);
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_ERRNO(close(p[0]), EBADF);
    close(p[1]);
}

static int goes_to_root(void *arg)
{
    (void)arg;
    umask(0123);
    return chdir("/");
}

TEST(the_working_directory_may_be_shared)
{
    char stack[16384] __attribute__((aligned(16))), cwd[64];
    int status;

    CHECK(chdir("/usr") == 0);
    pid_t pid = clone(goes_to_root, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(getcwd(cwd, sizeof cwd) != NULL);
    CHECK(strcmp(cwd, "/") == 0);
    CHECK_EQ(umask(022), 0123);
}

static int quiet(void *arg)
{
    (void)arg;
    return 5;
}

TEST(a_child_that_ends_without_a_signal)
{
    char stack[16384] __attribute__((aligned(16)));
    int status;
    pid_t pid = clone(quiet, stack + sizeof stack, 0, NULL);

    CHECK(pid > 0);
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD); /* a "clone" child */
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    CHECK_EQ(WEXITSTATUS(status), 5);
    pid = clone(quiet, stack + sizeof stack, 0, NULL);
    CHECK_EQ(waitpid(pid, &status, __WCLONE), pid);
}

static int sister(void *arg)
{
    return getppid() == *(pid_t *)arg ? 0 : 1;
}

/* In a child, so that its parent is one that waits. */
static int has_a_sister(void)
{
    char stack[16384] __attribute__((aligned(16)));
    pid_t parent = getppid();
    pid_t pid = clone(sister, stack + sizeof stack, CLONE_PARENT | SIGCHLD, &parent);

    REQUIRE(pid > 0);
    REQUIRE_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    return 0;
}

/* clone3(2) looks at the number, clone(2) does not. */
TEST(a_signal_that_is_none_is_not_sent)
{
    for (unsigned long sig = 65; sig <= CSIGNAL; sig += 38) {
        int status = -1;
        long pid = raw(sig, NULL, NULL, NULL);

        if (pid == 0)
            _exit(7);
        CHECK(pid > 0);
        CHECK_ERRNO(waitpid((pid_t)pid, &status, 0), ECHILD);
        CHECK_EQ(waitpid((pid_t)pid, &status, __WCLONE), pid);
        CHECK_EQ(WEXITSTATUS(status), 7);
    }
}

TEST(a_sister_is_the_parents_child)
{
    int status, good = 0;

    pid_t pid = fork();
    if (pid == 0)
        _exit(has_a_sister());
    for (int i = 0; i < 2; i++) {
        CHECK(wait(&status) > 0);
        good += status == 0;
    }
    CHECK_EQ(good, 2);
}

/* The word that CLONE_CHILD_CLEARTID clears is woken as a futex: pthread_join needs it. */
static void *returns(void *arg)
{
    return arg;
}

TEST(threads_are_joined)
{
    pthread_t threads[32];
    void *result;

    for (long i = 0; i < 32; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, returns, (void *)i), 0);
    for (long i = 0; i < 32; i++) {
        CHECK_EQ(pthread_join(threads[i], &result), 0);
        CHECK(result == (void *)i);
    }
}

static void *tells_ids(void *arg)
{
    int *ids = arg;

    ids[0] = getpid();
    ids[1] = gettid_raw();
    return NULL;
}

TEST(threads_share_a_process)
{
    pthread_t thread;
    int ids[2];

    CHECK_EQ(pthread_create(&thread, NULL, tells_ids, ids), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(ids[0], getpid());
    CHECK(ids[1] != getpid());
}

static __thread int own;

static void *sets_own(void *arg)
{
    own = 5;
    return (void *)(long)(own + (arg != NULL));
}

TEST(threads_have_a_tls_each)
{
    pthread_t thread;
    void *result;

    own = 1;
    CHECK_EQ(pthread_create(&thread, NULL, sets_own, NULL), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == (void *)5L);
    CHECK_EQ(own, 1);
}

MAIN
