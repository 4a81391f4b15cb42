/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: unshare(2), setns(2), and those of clone(2). Without rights most can only be refused.
 * covers: setns, sethostname, setdomainname, uname
 */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

#include "tests/guest/child.h"

static bool may(int flags)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(flags) != 0);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

TEST(flags_are_checked)
{
    CHECK_ERRNO(unshare(0x1000000), EINVAL);
    CHECK_ERRNO(unshare(CLONE_VFORK), EINVAL);
    CHECK_EQ(unshare(0), 0);
    CHECK_EQ(unshare(CLONE_FILES | CLONE_FS), 0);
    CHECK_EQ(unshare(CLONE_THREAD), 0); /* there is but one */
}

static void *sleeps(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static int with_threads(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, sleeps, NULL);
    REQUIRE_ERRNO(unshare(CLONE_THREAD), EINVAL);
    REQUIRE_ERRNO(unshare(CLONE_VM), EINVAL);
    REQUIRE_ERRNO(unshare(CLONE_NEWUSER), EINVAL);
    REQUIRE(unshare(CLONE_FILES) == 0);
    return 0;
}

TEST(threads_share_more)
{
    CHECK_CHILD(with_threads);
}

static int own_uts(void)
{
    struct utsname before, after;
    int status;

    REQUIRE(uname(&before) == 0);
    REQUIRE(unshare(CLONE_NEWUTS) == 0);
    REQUIRE(sethostname("elsewhere", 9) == 0);
    REQUIRE(setdomainname("example", 7) == 0);
    REQUIRE(uname(&after) == 0);
    REQUIRE(strcmp(after.nodename, "elsewhere") == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(uname(&after) != 0 || strcmp(after.nodename, "elsewhere") != 0);
    REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
    REQUIRE_ERRNO(syscall(SYS_sethostname, "x", -1), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_sethostname, "x", 65), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_sethostname, 8L, 5), EFAULT);
    return 0;
}

TEST(a_name_of_ones_own)
{
    struct utsname before, after;

    CHECK_EQ(uname(&before), 0);
    CHECK(strcmp(before.sysname, "Linux") == 0 && strcmp(before.machine, "x86_64") == 0);
    if (!may(CLONE_NEWUTS))
        return;
    CHECK_CHILD(own_uts);
    CHECK_EQ(uname(&after), 0);
    CHECK(strcmp(before.nodename, after.nodename) == 0);
}

/* ---- pids ---- */

static int is_init(void)
{
    REQUIRE(getpid() == 1 && getppid() == 0);
    kill(1, SIGTERM); /* lost on an init without a handler */
    kill(1, SIGKILL);
    return 0;
}

static int own_pids(void)
{
    int status;

    REQUIRE(unshare(CLONE_NEWPID) == 0);
    REQUIRE_ERRNO(unshare(CLONE_NEWPID), EINVAL); /* children are elsewhere already */
    pid_t pid = fork();
    if (pid == 0)
        _exit(is_init());
    REQUIRE(pid > 1);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    REQUIRE(status == 0);
    REQUIRE_ERRNO(fork(), ENOMEM); /* its init is gone */
    return 0;
}

TEST(numbers_of_ones_own)
{
    if (!may(CLONE_NEWPID))
        return;
    CHECK_CHILD(own_pids);
}

static int ends_with_its_init(void)
{
    struct gate g;
    int p[2], status;
    char c;

    REQUIRE(unshare(CLONE_NEWPID) == 0);
    REQUIRE(pipe(p) == 0 && gate_open(&g) == 0);
    pid_t init = fork();
    if (init == 0) {
        if (fork() == 0) {
            gate_let(&g); /* holds nobody up */
            (void)!write(p[1], "x", 1);
            for (;;)
                pause();
        }
        (void)!read(p[0], &c, 1);
        gate_pass(&g);
        _exit(4);
    }
    close(p[1]);
    gate_let(&g);
    REQUIRE(waitpid(init, &status, 0) == init);
    REQUIRE(WEXITSTATUS(status) == 4);
    REQUIRE(read(p[0], &c, 1) == 0); /* the other one is dead */
    return 0;
}

TEST(all_die_with_the_init)
{
    if (!may(CLONE_NEWPID))
        return;
    CHECK_CHILD(ends_with_its_init);
}

static int an_init_adopts(void)
{
    struct gate g;
    int status;

    REQUIRE(unshare(CLONE_NEWPID) == 0);
    REQUIRE(gate_open(&g) == 0);
    pid_t init = fork();
    if (init == 0) {
        pid_t middle = fork();
        if (middle == 0) {
            if (fork() == 0) {
                gate_pass(&g);
                _exit(getppid() == 1 ? 3 : 9);
            }
            _exit(0);
        }
        if (waitpid(middle, NULL, 0) != middle)
            _exit(8);
        gate_let(&g);
        _exit(wait(&status) > 0 && WEXITSTATUS(status) == 3 ? 0 : 7);
    }
    gate_let(&g);
    REQUIRE(waitpid(init, &status, 0) == init);
    return WEXITSTATUS(status);
}

TEST(orphans_go_to_the_nearest_init)
{
    if (!may(CLONE_NEWPID))
        return;
    CHECK_CHILD(an_init_adopts);
}

/* ---- users ---- */

static int own_users(void)
{
    uid_t outside = getuid();

    REQUIRE(unshare(CLONE_NEWUSER) == 0);
    REQUIRE(getuid() == 65534); /* no map was written */
    REQUIRE_ERRNO(setuid(outside), EINVAL);
    REQUIRE(unshare(CLONE_NEWUTS) == 0); /* all capabilities, in there */
    REQUIRE(sethostname("inside", 6) == 0);
    return 0;
}

TEST(users_of_ones_own)
{
    if (!may(CLONE_NEWUSER))
        return;
    CHECK_CHILD(own_users);
}

static int write_map(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* The one user and the one group in there are called 0: who has no name can make no namespace. */
static int in_a_new_one(uid_t uid, gid_t gid)
{
    char map[32];

    if (unshare(CLONE_NEWUSER) || write_map("/proc/self/setgroups", "deny"))
        return -1;
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (write_map("/proc/self/uid_map", map))
        return -1;
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_map("/proc/self/gid_map", map);
}

static int own_numbers(void)
{
    char of[3][64] = { "", "", "" };

    for (int i = 0; i < 3; i++) {
        REQUIRE(readlink("/proc/self/ns/user", of[i], sizeof of[i] - 1) > 0);
        REQUIRE(strcmp(of[i], "user:[0]") != 0);
        for (int k = 0; k < i; k++)
            REQUIRE(strcmp(of[k], of[i]) != 0);
        if (i < 2)
            REQUIRE(in_a_new_one(geteuid(), getegid()) == 0);
    }
    return 0;
}

TEST(each_namespace_of_users_has_a_number)
{
    if (!may(CLONE_NEWUSER))
        return;
    CHECK_CHILD(own_numbers);
}

/* ---- who sends, seen from elsewhere ---- */

/* Root of a namespace of nobody's, that calls itself 0. */
static int sends_as_root(void)
{
    siginfo_t si = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };

    REQUIRE(prctl(PR_SET_DUMPABLE, 1) == 0);
    REQUIRE(unshare(CLONE_NEWUSER) == 0);
    REQUIRE(write_map("/proc/self/uid_map", "0 54321 1") == 0 && getuid() == 0);
    REQUIRE(kill(getppid(), SIGUSR1) == 0);
    REQUIRE(syscall(SYS_rt_sigqueueinfo, getppid(), SIGRTMIN, &si) == 0);
    return 0;
}

static int hears_who_it_was(void)
{
    const int expected[] = { SIGUSR1, SIGRTMIN, SIGCHLD };
    struct timespec time = { .tv_sec = 5 };
    siginfo_t si;
    sigset_t set;

    REQUIRE(geteuid() != 0 || setresuid(54321, 54321, 54321) == 0);
    if (geteuid() != 54321)
        return 0;
    sigemptyset(&set);
    for (int i = 0; i < 3; i++)
        sigaddset(&set, expected[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(sends_as_root());
    for (int i = 0; i < 3; i++) {
        int sig = sigtimedwait(&set, &si, &time);
        REQUIRE(sig == SIGUSR1 || sig == SIGRTMIN || sig == SIGCHLD);
        REQUIRE(si.si_uid == 54321);
        REQUIRE(sig != SIGCHLD || si.si_status == 0);
    }
    return waitpid(pid, NULL, 0) != pid;
}

TEST(a_sender_is_called_as_where_the_signal_arrives)
{
    if (!may(CLONE_NEWUSER))
        return;
    CHECK_CHILD(hears_who_it_was);
}

/* Whoever is in a namespace cannot pass for somebody outside, whom its init would obey. */
static int cannot_end_its_init(void)
{
    siginfo_t si = { .si_signo = SIGKILL, .si_code = SI_QUEUE };
    int status;

    REQUIRE(unshare(CLONE_NEWPID) == 0);
    pid_t init = fork();
    if (init == 0) {
        pid_t child = fork();
        if (child == 0)
            _exit(syscall(SYS_rt_sigqueueinfo, 1, SIGKILL, &si) != 0);
        if (waitpid(child, &status, 0) != child || status != 0)
            _exit(1);
        usleep(20000);
        _exit(0);
    }
    REQUIRE(waitpid(init, &status, 0) == init && status == 0);
    return 0;
}

TEST(an_init_is_safe_from_its_children)
{
    if (!may(CLONE_NEWPID))
        return;
    CHECK_CHILD(cannot_end_its_init);
}

/* What is everybody's is asked of the first namespace: nobody gets it by making another. */
static int powerless(void)
{
    struct msqid_ds ds;

    REQUIRE(geteuid() != 0 || (setgroups(0, NULL) == 0 && setresgid(54321, 54321, 54321) == 0));
    REQUIRE(geteuid() != 0 || setresuid(54321, 54321, 54321) == 0);
    REQUIRE(prctl(PR_SET_DUMPABLE, 1) == 0);
    REQUIRE(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 4096, 4096 }) == 0);
    REQUIRE(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 1, 1 }) == 0);
    REQUIRE_ERRNO(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EAGAIN);
    REQUIRE(unshare(CLONE_NEWUSER | CLONE_NEWIPC) == 0);
    REQUIRE_ERRNO(fork(), EAGAIN);
    REQUIRE_ERRNO(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 8192, 8192 }), EPERM);
    int queue = msgget(IPC_PRIVATE, 0600);
    REQUIRE(queue >= 0 && msgctl(queue, IPC_STAT, &ds) == 0);
    ds.msg_qbytes++;
    REQUIRE_ERRNO(msgctl(queue, IPC_SET, &ds), EPERM);
    int segment = shmget(IPC_PRIVATE, 8192, 0600);
    REQUIRE(segment >= 0);
    REQUIRE_ERRNO(shmctl(segment, SHM_LOCK, NULL), ENOMEM);
    REQUIRE_ERRNO(shmget(IPC_PRIVATE, 4 << 20, SHM_HUGETLB | 0600), EPERM);
    char *two = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE_ERRNO(mlock(two, 8192), ENOMEM);
    return 0;
}

static int powerless_of_files(void)
{
    const int size = 4096;
    int ends[2], pair[2];

    REQUIRE(geteuid() != 0 || setresuid(54321, 54321, 54321) == 0);
    REQUIRE(unshare(CLONE_NEWUSER) == 0);
    REQUIRE(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    REQUIRE_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, 2 << 20), EPERM);
    REQUIRE_ERRNO(setsockopt(pair[0], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), EPERM);
    REQUIRE_ERRNO(mknod("/tmp/unshare_test.null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
    REQUIRE_ERRNO(setxattr("/tmp", "trusted.x", "", 0, 0), EPERM);
    return 0;
}

TEST(a_namespace_of_users_has_no_power_over_the_machine)
{
    if (!may(CLONE_NEWUSER | CLONE_NEWIPC))
        return;
    CHECK_CHILD(powerless);
    CHECK_CHILD(powerless_of_files);
}

/* ---- setns ---- */

static int enters(void)
{
    struct gate ready, done;
    struct utsname name;

    REQUIRE(gate_open(&ready) == 0 && gate_open(&done) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        unshare(CLONE_NEWUTS);
        (void)!sethostname("yonder", 6);
        gate_let(&ready);
        gate_pass(&done);
        _exit(0);
    }
    gate_pass(&ready);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    REQUIRE(fd >= 0);
    REQUIRE_ERRNO(setns(fd, 0), EINVAL);
    REQUIRE(setns(fd, CLONE_NEWUTS) == 0);
    gate_let(&done);
    REQUIRE(uname(&name) == 0 && strcmp(name.nodename, "yonder") == 0);
    waitpid(pid, NULL, 0);
    return 0;
}

TEST(another_processs_namespace)
{
    CHECK_ERRNO(setns(-1, 0), EBADF);
    CHECK_ERRNO(setns(0, 0), EINVAL);
    if (may(CLONE_NEWUTS))
        CHECK_CHILD(enters);
}

MAIN
