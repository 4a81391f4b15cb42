/* SPDX-License-Identifier: Apache-2.0 */
/* covers: prlimit64, getrlimit, setrlimit */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/guest/child.h"

#define NOBODY 0x3fffffff

TEST(arguments_are_checked)
{
    struct rlimit r = { 5, 4 };

    CHECK_ERRNO(syscall(SYS_getrlimit, 16, &r), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, -1, &r), EINVAL);
    CHECK_ERRNO(syscall(SYS_setrlimit, 16, &r), EINVAL);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, 16, NULL, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_NOFILE, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_setrlimit, RLIMIT_NOFILE, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_setrlimit, RLIMIT_NOFILE, &r), EINVAL);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &r, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_prlimit64, NOBODY, RLIMIT_CORE, NULL, NULL), ESRCH);
    CHECK_EQ(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, NULL), 0);
}

static int lowers(void)
{
    struct rlimit r, old;

    REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
    r = (struct rlimit){ 1 << 20, 1 << 21 };
    REQUIRE(setrlimit(RLIMIT_FSIZE, &r) == 0);
    REQUIRE(prlimit(0, RLIMIT_FSIZE, NULL, &old) == 0);
    REQUIRE(old.rlim_cur == 1 << 20 && old.rlim_max == 1 << 21);
    r.rlim_cur = 1 << 21; /* up to the hard one is free */
    REQUIRE(prlimit(getpid(), RLIMIT_FSIZE, &r, &old) == 0);
    REQUIRE(old.rlim_cur == 1 << 20);
    r.rlim_max = 1 << 22;
    if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) != 1) {
        REQUIRE_ERRNO(setrlimit(RLIMIT_FSIZE, &r), EPERM);
    } else {
        REQUIRE(setrlimit(RLIMIT_FSIZE, &r) == 0);
        REQUIRE(setresuid(1000, 1000, 1000) == 0);
        r.rlim_max = 1 << 23;
        REQUIRE_ERRNO(setrlimit(RLIMIT_FSIZE, &r), EPERM);
    }
    return 0;
}

TEST(a_hard_limit_goes_down_only)
{
    CHECK_CHILD(lowers);
}

static int inherits(void)
{
    struct rlimit r = { 3, 3 };

    REQUIRE(setrlimit(RLIMIT_CORE, &r) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(getrlimit(RLIMIT_CORE, &r) != 0 || r.rlim_cur != 3);
    int status = -1;
    waitpid(pid, &status, 0);
    REQUIRE(status == 0);
    return 0;
}

TEST(a_child_inherits)
{
    CHECK_CHILD(inherits);
}

static int of_another(void)
{
    struct rlimit r;

    if (geteuid() != 0)
        return 0;
    pid_t root = getppid();
    REQUIRE(prlimit(root, RLIMIT_CORE, NULL, &r) == 0);
    REQUIRE(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
    REQUIRE_ERRNO(prlimit(root, RLIMIT_CORE, NULL, &r), EPERM);
    REQUIRE_ERRNO(prlimit(root, RLIMIT_CORE, &r, NULL), EPERM);
    return 0;
}

TEST(another_process)
{
    CHECK_CHILD(of_another);
}

static int few_files(void)
{
    struct rlimit r = { 5, 10 };

    for (int fd = 3; fd < 64; fd++)
        close(fd);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &r) == 0);
    REQUIRE(dup(0) == 3 && dup(0) == 4);
    REQUIRE_ERRNO(dup(0), EMFILE);
    REQUIRE_ERRNO(open("/dev/null", O_RDONLY), EMFILE);
    REQUIRE_ERRNO(dup2(0, 5), EBADF);
    REQUIRE_ERRNO(fcntl(0, F_DUPFD, 5), EINVAL);
    r.rlim_cur = 6;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &r) == 0);
    REQUIRE(dup(0) == 5);
    return 0;
}

TEST(files_are_limited)
{
    CHECK_CHILD(few_files);
}

static int small_file(void)
{
    char name[] = "/tmp/rlimit.XXXXXX";
    struct rlimit r = { 10, 10 };
    int fd = mkstemp(name);

    REQUIRE(fd >= 0);
    unlink(name);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &r) == 0);
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(write(fd, "0123456789abcdef", 16) == 10);
    REQUIRE_ERRNO(write(fd, "x", 1), EFBIG);
    REQUIRE_ERRNO(pwrite(fd, "x", 1, 100), EFBIG);
    REQUIRE_ERRNO(ftruncate(fd, 11), EFBIG);
    REQUIRE(ftruncate(fd, 5) == 0);
    signal(SIGXFSZ, SIG_DFL);
    lseek(fd, 10, SEEK_SET);
    (void)!write(fd, "x", 1);
    return 0;
}

TEST(file_sizes_are_limited)
{
    int status = in_child(small_file);

    CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status), SIGXFSZ);
}

static int little_memory(void)
{
    struct rlimit r = { 64 << 20, 64 << 20 };

    REQUIRE(setrlimit(RLIMIT_AS, &r) == 0);
    REQUIRE(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    REQUIRE(errno == ENOMEM);
    REQUIRE(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    return 0;
}

TEST(memory_is_limited)
{
    CHECK_CHILD(little_memory);
}

static int few_processes(void)
{
    struct rlimit r = { 1, 1 };

    if (geteuid() == 0)
        REQUIRE(setresuid(54321, 54321, 54321) == 0);
    REQUIRE(setrlimit(RLIMIT_NPROC, &r) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    REQUIRE(pid == -1 && errno == EAGAIN);
    return 0;
}

TEST(processes_are_limited)
{
    CHECK_CHILD(few_processes);
}

static int burns(void)
{
    struct rlimit r = { 1, 2 };

    REQUIRE(setrlimit(RLIMIT_CPU, &r) == 0);
    for (;;)
        ;
}

TEST(processor_time_is_limited)
{
    int status = in_child(burns);

    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGXCPU);
}

TEST(more_files_than_the_system_has)
{
    struct rlimit r;

    CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
    r.rlim_max = RLIM_INFINITY;
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &r), EPERM);
}

MAIN
