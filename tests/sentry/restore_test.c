/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel is written to files in the middle of its work, and goes on in a program
 * whose code lies elsewhere: what checkpoint, clone and rollback will stand on.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sentry/core/hostfd.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/rng.h"
#include "sentry/core/timer.h"
#include "sentry/fs/fs.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/sock/socket.h"
#include "sentry/syscall/sock_hooks.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/futex.h"
#include "sentry/task/group.h"
#include "sentry/task/pid.h"
#include "sentry/task/session.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/vfs.h"
#include "tests/lib/fake_platform.h"

#define SAVED    "RESTORE_TEST_SAVED" /* in the environment of the program that goes on */
#define SCRATCH  0x10000000ull        /* one page of the guest: strings and buffers */
#define RAM_SIZE ((uint64_t)64 << 20)

static struct platform_ref platform;
static struct rng rng;

static const struct tasks_ops tasks_ops = { .dispatch = syscall_dispatch };

/* What stands outside an arena, old or new. */
static void give_host(struct arena *a)
{
    rng_init_seeded(&rng, 1);
    platform.ops = &fake_platform;
    arena_set_host(a, HOST_CLOCK, (void *)&clock_real);
    arena_set_host(a, HOST_RNG, &rng);
    arena_set_host(a, HOST_PLATFORM, &platform);
    arena_set_host(a, HOST_CTTY, (void *)&task_ctty_hooks);
    cr_assert_eq(hostfds_create(a), 0);
}

static void start_platform(struct arena *a)
{
    const struct platform_options opts = { .ram_fd = ram_fd(a) };

    cr_assert_eq(fake_platform.create(&opts, &platform.platform), 0);
}

static struct mnt_ns *make_tree(struct arena *a, struct user_ns *ns, struct cred *root)
{
    const struct actor who = { .arena = a, .cred = root };
    struct dentry *top;
    struct mnt_ns *mounts;

    cr_assert_eq(tmpfs_create(a, "tmpfs", "", &who, &top), 0);
    cr_assert_eq(mnt_ns_create(a, ns, top, "tmpfs", 0, &mounts), 0);
    return mounts;
}

static struct task *make_task(struct arena *a, struct cred *root, struct mnt_ns *mounts)
{
    struct task_spec spec = { .cred = root, .name = "guest" };
    struct limits limits;
    struct path top;
    struct task *t;
    uptr_t at;

    limits_init(&limits);
    mnt_ns_root(mounts, &top);
    spec.limits = &limits;
    cr_assert_eq(mm_create(a, &tasks_of(a)->orphan_limits, NULL, NULL, &spec.mm), 0);
    cr_assert_eq(fdtable_create(a, &spec.files), 0);
    cr_assert_eq(fs_context_create(a, &top, mounts, &spec.fs), 0);
    path_put(&top);
    spec.regs = &(struct guest_regs){ .rip = 0x1234 };
    cr_assert_eq(task_create_init(a, &spec, &t), 0);
    cr_assert_eq(mm_map(t->mm, uptr(SCRATCH), 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, &(struct map_source){ 0 }, &at),
                 0);
    return t;
}

static struct arena *make_kernel(struct task **t)
{
    struct tasks_options opts = { .ops = &tasks_ops, .nodename = "saved", .cpus = 1 };
    struct cred *root;
    struct arena *a;

    cr_assert_eq(arena_create((uint64_t)256 << 20, &a), 0);
    give_host(a);
    cr_assert_eq(ram_create(a, RAM_SIZE), 0);
    start_platform(a);
    cr_assert_eq(user_ns_create_root(a, &opts.user_ns), 0);
    cr_assert_eq(timers_create(a), 0);
    cr_assert_eq(vfs_create(a), 0);
    cr_assert_eq(fs_create(a), 0);
    cr_assert_eq(sock_create_state(a, &syscall_sock_hooks), 0);
    cr_assert_eq(futexes_create(a), 0);
    cr_assert_eq(tasks_create(a, &opts), 0);
    cr_assert_eq(cred_create(a, opts.user_ns, 0, 0, CAPS_ALL, &root), 0);
    *t = make_task(a, root, make_tree(a, opts.user_ns, root));
    return a;
}

/* The host's half goes; what is left of the kernel goes with its arena. */
static void end(struct arena *a, struct task *t)
{
    task_discard(t);
    fake_platform.destroy(platform.platform);
    ram_destroy(a);
    hostfds_destroy(a);
    arena_destroy(a);
}

static long call(struct task *t, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return syscall_dispatch(t, (uint64_t)nr, (uint64_t[6]){ a0, a1, a2, a3 });
}

static uint64_t put(struct task *t, const char *text)
{
    cr_assert_eq(copy_out(t->mm, uptr(SCRATCH), text, strlen(text) + 1), 0);
    return SCRATCH;
}

static const char *got(struct task *t, size_t size)
{
    static char text[64];

    cr_assert_eq(copy_in(t->mm, text, uptr(SCRATCH), size), 0);
    text[size] = 0;
    return text;
}

/* Descriptors: 0 a file, 1 an eventfd, 2 and 3 a pipe, 4 and 5 a pair of sockets. */
static void work_before(struct task *t)
{
    cr_assert_eq(call(t, SYS_openat, (uint64_t)AT_FDCWD, put(t, "/file"), O_CREAT | O_RDWR, 0644),
                 0);
    cr_assert_eq(call(t, SYS_write, 0, put(t, "in a file"), 9, 0), 9);
    cr_assert_eq(call(t, SYS_eventfd2, 5, 0, 0, 0), 1);
    cr_assert_eq(call(t, SYS_pipe2, SCRATCH, 0, 0, 0), 0);
    cr_assert_eq(call(t, SYS_write, 3, put(t, "in a pipe"), 9, 0), 9);
    cr_assert_eq(call(t, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, SCRATCH), 0);
    cr_assert_eq(call(t, SYS_write, 5, put(t, "in a socket"), 11, 0), 11);
    cr_assert_eq(call(t, SYS_mkdirat, (uint64_t)AT_FDCWD, put(t, "/dir"), 0700, 0), 0);
    cr_assert_eq(call(t, SYS_chdir, put(t, "/dir"), 0, 0, 0), 0);
}

static void work_after(struct task *t)
{
    uint64_t n = 0;

    cr_assert_eq(t->regs.rip, 0x1234);
    cr_assert_eq(call(t, SYS_getpid, 0, 0, 0, 0), 1);
    cr_assert_eq(call(t, SYS_pread64, 0, SCRATCH, 9, 0), 9);
    cr_assert_str_eq(got(t, 9), "in a file");
    cr_assert_eq(call(t, SYS_read, 1, SCRATCH, 8, 0), 8);
    cr_assert_eq(copy_in(t->mm, &n, uptr(SCRATCH), 8), 0);
    cr_assert_eq(n, 5);
    cr_assert_eq(call(t, SYS_read, 2, SCRATCH, 9, 0), 9);
    cr_assert_str_eq(got(t, 9), "in a pipe");
    cr_assert_eq(call(t, SYS_read, 4, SCRATCH, 11, 0), 11);
    cr_assert_str_eq(got(t, 11), "in a socket");
    cr_assert_eq(call(t, SYS_getcwd, SCRATCH, 64, 0, 0), 5);
    cr_assert_str_eq(got(t, 4), "/dir");
    /* And it is no museum: names, files and memory can still be made. */
    cr_assert_eq(call(t, SYS_openat, (uint64_t)AT_FDCWD, put(t, "new"), O_CREAT | O_WRONLY, 0600),
                 6);
    cr_assert_eq(call(t, SYS_write, 6, put(t, "more"), 4, 0), 4);
    cr_assert_eq(call(t, SYS_unlinkat, (uint64_t)AT_FDCWD, put(t, "/file"), 0, 0), 0);
    cr_assert_gt(call(t, SYS_brk, 0, 0, 0, 0), -1);
}

/* RAM is sparse: holes stay holes. */
static void copy_ram(int from, int to)
{
    static char page[4096];
    off_t at = 0;

    cr_assert_eq(ftruncate(to, (off_t)RAM_SIZE), 0);
    while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
        cr_assert_eq(pread(from, page, sizeof page, at), (ssize_t)sizeof page);
        cr_assert_eq(pwrite(to, page, sizeof page, at), (ssize_t)sizeof page);
        at += (off_t)sizeof page;
    }
}

/* Runs in a program of its own; by itself it does nothing. */
Test(restore, goes_on_with_what_another_program_saved)
{
    const char *paths = getenv(SAVED);
    char arena_path[64], ram_path[64];
    struct arena *a;
    int nr = 1;

    if (!paths)
        return;
    cr_assert_eq(sscanf(paths, "%63[^,],%63s", arena_path, ram_path), 2);
    int fd = open(arena_path, O_RDONLY | O_CLOEXEC), ram = memfd_create("ram", MFD_CLOEXEC);
    int saved_ram = open(ram_path, O_RDONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && ram >= 0 && saved_ram >= 0);
    cr_assert_eq(arena_attach(fd, &a), 0);
    copy_ram(saved_ram, ram);
    give_host(a);
    cr_assert_eq(ram_attach(a, ram), 0);
    start_platform(a);

    struct thread_group *g = tasks_next_group(tasks_of(a)->pid_ns, &nr);
    cr_assert(g);
    struct task *t = group_leader(g);
    char why[256];
    group_put(g);
    work_after(t);
    cr_assert(arena_check(a, why, sizeof why), "%s", why);
    end(a, t);
}

Test(restore, a_kernel_goes_on_in_another_program)
{
    char arena_path[] = "/tmp/restore-arena-XXXXXX", ram_path[] = "/tmp/restore-ram-XXXXXX";
    char saved[160], why[256];
    struct task *t;
    int status;

    if (getenv(SAVED))
        return;
    struct arena *a = make_kernel(&t);
    work_before(t);
    cr_assert(arena_check(a, why, sizeof why), "%s", why);
    int fd = mkstemp(arena_path), ram = mkstemp(ram_path);
    cr_assert(fd >= 0 && ram >= 0);
    cr_assert_eq(arena_save(a, fd), 0);
    copy_ram(ram_fd(a), ram);

    snprintf(saved, sizeof saved, "%s=%s,%s", SAVED, arena_path, ram_path);
    pid_t pid = fork();
    if (pid == 0) {
        execle("/proc/self/exe", "restore_test", "--filter",
               "restore/goes_on_with_what_another_program_saved", NULL, (char *[]){ saved, NULL });
        _exit(127);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    unlink(arena_path);
    unlink(ram_path);
    end(a, t);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
