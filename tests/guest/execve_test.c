/* SPDX-License-Identifier: Apache-2.0 */
/* The program runs itself again, as what its first argument says. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/guest/child.h"

static char self[4096];

static void exec_as(const char *role, char *const envp[])
{
    char *argv[] = { self, (char *)role, "x y", "", NULL };

    execve(self, argv, envp);
}

static int runs_as(const char *role)
{
    char *envp[] = { "A=1", "B=", NULL };
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        exec_as(role, envp);
        _exit(99);
    }
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST(errors)
{
    char *argv[] = { "x", NULL };
    char name[] = "/tmp/execve_XXXXXX";
    int fd = mkstemp(name);

    CHECK(fd >= 0);
    CHECK_ERRNO(execve("/nowhere", argv, argv + 1), ENOENT);
    CHECK_ERRNO(execve("/tmp", argv, argv + 1), EACCES);
    CHECK_ERRNO(execve("", argv, argv + 1), ENOENT);
    CHECK_ERRNO(execve(name, argv, argv + 1), EACCES);
    CHECK_EQ(fchmod(fd, 0700), 0);
    CHECK_EQ(close(fd), 0);
    CHECK_ERRNO(execve(name, argv, argv + 1), ENOEXEC);
    CHECK_ERRNO(syscall(SYS_execve, 8L, argv, argv + 1), EFAULT);
    CHECK_ERRNO(syscall(SYS_execve, self, 8L, argv + 1), EFAULT);
    CHECK_ERRNO(execve("/bin/true/x", argv, argv + 1), ENOTDIR);
    unlink(name);
}

TEST(arguments_and_environment)
{
    CHECK_EQ(runs_as("arguments"), 0);
}

static int arguments(int argc, char **argv)
{
    extern char **environ;

    REQUIRE(argc == 4);
    REQUIRE(strcmp(argv[2], "x y") == 0 && argv[3][0] == 0);
    REQUIRE(strcmp(environ[0], "A=1") == 0 && strcmp(environ[1], "B=") == 0 && !environ[2]);
    return 0;
}

static void handler(int sig)
{
    (void)sig;
}

TEST(signals)
{
    sigset_t set;

    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK_EQ(runs_as("signals"), 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static int signals(void)
{
    struct sigaction act;
    sigset_t set;
    stack_t ss;

    sigaction(SIGUSR1, NULL, &act);
    REQUIRE(act.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, NULL, &act);
    REQUIRE(act.sa_handler == SIG_IGN);
    sigprocmask(SIG_BLOCK, NULL, &set);
    REQUIRE(sigismember(&set, SIGHUP) && !sigismember(&set, SIGUSR1));
    sigaltstack(NULL, &ss);
    REQUIRE(ss.ss_flags == SS_DISABLE);
    return 0;
}

/* A blocked signal that is pending is still there afterwards. */
TEST(pending_signals_stay)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGUSR1);
        exec_as("pending", NULL);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static int pending(void)
{
    sigset_t set;

    sigpending(&set);
    REQUIRE(sigismember(&set, SIGUSR1));
    return 0;
}

TEST(descriptors)
{
    int a = open("/", O_RDONLY), b = open("/", O_RDONLY | O_CLOEXEC), status;
    pid_t pid = fork();

    if (pid == 0) {
        dup2(a, 100);
        fcntl(b, F_DUPFD_CLOEXEC, 101);
        exec_as("descriptors", NULL);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(a);
    close(b);
}

static int descriptors(void)
{
    REQUIRE(fcntl(100, F_GETFD) == 0);
    REQUIRE_ERRNO(fcntl(101, F_GETFD), EBADF);
    return 0;
}

static pid_t leader;

static void *execs(void *arg)
{
    char pid[32];
    char *argv[] = { self, "thread", pid, NULL };

    (void)arg;
    snprintf(pid, sizeof pid, "%d", leader);
    execve(self, argv, argv + 3);
    _exit(99);
}

static void *spins(void *arg)
{
    for (volatile int i = 0;; i++)
        ;
    return arg;
}

static void *sleeps(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static _Noreturn int a_thread_execs(void)
{
    pthread_t thread;

    leader = getpid();
    pthread_create(&thread, NULL, spins, NULL);
    pthread_create(&thread, NULL, sleeps, NULL);
    pthread_create(&thread, NULL, execs, NULL);
    for (;;)
        pause();
}

TEST(a_thread_becomes_the_process)
{
    for (int i = 0; i < 5; i++)
        CHECK_CHILD(a_thread_execs);
}

static int the_leader_execs(void)
{
    pthread_t thread;

    leader = getpid();
    pthread_create(&thread, NULL, spins, NULL);
    pthread_create(&thread, NULL, sleeps, NULL);
    execs(NULL);
    return 98;
}

TEST(the_leader_ends_the_others)
{
    CHECK_CHILD(the_leader_execs);
}

static int thread(const char *pid)
{
    REQUIRE(getpid() == atoi(pid) && gettid_raw() == getpid());
    REQUIRE_ERRNO(syscall(SYS_tgkill, getpid(), getpid() + 1, 0), ESRCH);
    return 0;
}

TEST(the_name_is_the_files)
{
    CHECK_EQ(runs_as("name"), 0);
}

static int name(void)
{
    char is[16], *base = strrchr(self, '/') + 1;

    REQUIRE(prctl(PR_GET_NAME, is) == 0);
    REQUIRE(strncmp(is, base, 15) == 0);
    return 0;
}

TEST(a_script_has_an_interpreter)
{
    char file[] = "/tmp/execve_XXXXXX", line[5000];
    char *argv[] = { "ignored", "last", NULL };
    int fd = mkstemp(file), status;

    CHECK(fd >= 0);
    int n = snprintf(line, sizeof line, "#! %s script \n", self);
    CHECK_EQ(write(fd, line, (size_t)n), n);
    CHECK_EQ(fchmod(fd, 0700), 0);
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        execve(file, argv, argv + 2);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    unlink(file);
    if (strlen(self) < 200) /* a longer line is cut */
        CHECK_EQ(status, 0);
}

static int script(int argc, char **argv)
{
    REQUIRE(argc == 4);
    REQUIRE(strncmp(argv[2], "/tmp/execve_", 12) == 0);
    REQUIRE(strcmp(argv[3], "last") == 0);
    return 0;
}

TEST(a_set_user_id_program)
{
    char file[] = "/tmp/execve_XXXXXX";
    char buf[65536];
    int status;

    if (geteuid() != 0)
        return;
    int in = open(self, O_RDONLY), out = mkstemp(file);
    CHECK(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
        CHECK_EQ(write(out, buf, (size_t)n), n);
    CHECK_EQ(fchown(out, 1234, 1235), 0);
    CHECK_EQ(fchmod(out, 06755), 0);
    close(in);
    close(out);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = { file, "setid", "1234", NULL };
        execve(file, argv, argv + 3);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    bool allowed = status == 0;
    pid = fork();
    if (pid == 0) {
        char *argv[] = { file, "setid", "0", NULL };
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execve(file, argv, argv + 3);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    unlink(file);
    CHECK_EQ(status, 0);
    (void)allowed; /* /tmp may be mounted nosuid */
}

static int setid(const char *uid)
{
    unsigned want = (unsigned)atoi(uid);
    uid_t r, e, s;

    getresuid(&r, &e, &s);
    REQUIRE(r == 0);
    REQUIRE(e == want && s == want);
    REQUIRE(getegid() == (want ? 1235 : 0));
    return 0;
}

/* ---- ETXTBSY ---- */

static char copy[] = "/tmp/execve_copy_XXXXXX";

/* This program again, under another name. */
static bool make_copy(void)
{
    char buf[65536];
    int in = open(self, O_RDONLY);

    strcpy(strrchr(copy, '_'), "_XXXXXX");
    int out = mkstemp(copy);
    if (in < 0 || out < 0)
        return false;
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
        if (write(out, buf, (size_t)n) != n)
            return false;
    return fchmod(out, 0755) == 0 && close(in) == 0 && close(out) == 0;
}

/* Starts the copy; it has said that it runs, and ends when `*end` is closed. */
static pid_t start_copy(int *end)
{
    char *argv[] = { copy, "sleeper", NULL }, c;
    int up[2], down[2];

    if (pipe2(up, O_CLOEXEC) || pipe2(down, O_CLOEXEC))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        execve(copy, argv, argv + 2);
        _exit(99);
    }
    close(up[1]);
    close(down[0]);
    *end = down[1];
    ssize_t n = read(up[0], &c, 1);
    close(up[0]);
    return n == 1 ? pid : -1;
}

/* It forks: the child keeps running what its parent ran. */
static int sleeper(void)
{
    char c;
    pid_t pid = fork();

    if (pid < 0 || (pid == 0 && write(1, "r", 1) != 1))
        return 1;
    if (pid == 0)
        return read(0, &c, 1) != 0;
    return 0;
}

TEST(what_runs_is_not_written_to)
{
    int end, status;

    CHECK(make_copy());
    pid_t pid = start_copy(&end);
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid); /* its child runs on */
    CHECK_ERRNO(open(copy, O_WRONLY), ETXTBSY);
    CHECK_ERRNO(open(copy, O_RDWR), ETXTBSY);
    CHECK_ERRNO(open(copy, O_RDONLY | O_TRUNC), ETXTBSY);
    CHECK_ERRNO(open(copy, O_WRONLY | O_CREAT, 0600), ETXTBSY);
    CHECK_ERRNO(truncate(copy, 0), ETXTBSY);
    CHECK_ERRNO(open("/proc/self/exe", O_WRONLY), ETXTBSY);
    CHECK_ERRNO(truncate("/proc/self/exe", 0), ETXTBSY);
    int fd = open(copy, O_RDONLY);
    CHECK(fd >= 0);
    CHECK_EQ(fchmod(fd, 0700), 0);
    close(fd);
    close(end);
    for (int i = 0; (fd = open(copy, O_WRONLY)) < 0 && i < 1000; i++) {
        CHECK_EQ(errno, ETXTBSY);
        usleep(10000);
    }
    CHECK(fd >= 0);
    close(fd);
    CHECK_EQ(truncate(copy, 0), 0);
    unlink(copy);
}

static int exec_copy(void)
{
    char *argv[] = { copy, "name", NULL };

    execve(copy, argv, argv + 2);
    return errno;
}

TEST(what_is_written_to_is_not_run)
{
    static const int types[] = { MAP_SHARED, MAP_PRIVATE };

    CHECK(make_copy());
    int fd = open(copy, O_WRONLY);
    CHECK(fd >= 0);
    CHECK_EQ(in_child(exec_copy), ETXTBSY << 8);
    close(fd);
    CHECK_EQ(in_child(exec_copy), 0);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        fd = open(copy, O_RDWR);
        CHECK(fd >= 0);
        void *p = mmap(NULL, 4096, PROT_READ, types[i], fd, 0);
        CHECK(p != MAP_FAILED);
        close(fd);
        CHECK_EQ(in_child(exec_copy), ETXTBSY << 8);
        CHECK_EQ(munmap(p, 4096), 0);
        CHECK_EQ(in_child(exec_copy), 0);
    }
    unlink(copy);
}

TEST(a_script_is_free_once_its_interpreter_runs)
{
    char file[] = "/tmp/execve_XXXXXX", c;
    char *argv[] = { file, NULL };
    int fd = mkstemp(file), up[2], down[2], status;
    static const char text[] = "#!/bin/sh\necho; read x\n";

    CHECK(fd >= 0 && pipe(up) == 0 && pipe(down) == 0);
    CHECK_EQ(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    CHECK_EQ(fchmod(fd, 0700), 0);
    pid_t pid = fork();
    if (pid == 0) {
        execve(file, argv, argv + 1);
        _exit(errno);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, ETXTBSY << 8);
    close(fd);
    pid = fork();
    if (pid == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        execve(file, argv, argv + 1);
        _exit(99);
    }
    CHECK_EQ(read(up[0], &c, 1), 1);
    CHECK((fd = open(file, O_WRONLY)) >= 0);
    close(fd);
    CHECK_EQ(write(down[1], "\n", 1), 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    for (int i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
    unlink(file);
}

int main(int argc, char **argv)
{
    const char *role = argc > 1 ? argv[1] : "";

    if (argv[0][0] == '/')
        snprintf(self, sizeof self, "%s", argv[0]);
    else if (!realpath(argv[0], self))
        SKIP_ALL("where am I?");
    if (!*role)
        return guest_main();
    if (!strcmp(role, "sleeper"))
        return sleeper();
    if (!strcmp(role, "arguments"))
        return arguments(argc, argv);
    if (!strcmp(role, "signals"))
        return signals();
    if (!strcmp(role, "pending"))
        return pending();
    if (!strcmp(role, "descriptors"))
        return descriptors();
    if (!strcmp(role, "thread"))
        return thread(argv[2]);
    if (!strcmp(role, "name"))
        return name();
    if (!strcmp(role, "script"))
        return script(argc, argv);
    if (!strcmp(role, "setid"))
        return setid(argv[2]);
    return 97;
}
