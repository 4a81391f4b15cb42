/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test lives in a process of its own, and is killed where the filter says so:
 * a forked child shows how.
 */
#include "base/filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/host.h"

static const enum process processes[] = {
    SENTRY_PTRACE, SENTRY_SYSTRAP, SENTRY_KVM, GOFER, NETGOFER,
};

/* How a child ends that jails itself and makes one call: its wait status. */
static int status_of(enum process process, long (*body)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (filter_install(process))
            syscall(SYS_exit_group, 99);
        long result = body();
        syscall(SYS_exit_group, result < 0 ? 1 : 0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

#define PASSES(process, body) cr_assert_eq(status_of(process, body), 0)
#define KILLS(process, body)                                            \
    do {                                                                \
        int status_ = status_of(process, body);                         \
        cr_assert(WIFSIGNALED(status_) && WTERMSIG(status_) == SIGSYS); \
    } while (0)

static long do_nothing(void)
{
    return 0;
}

static long do_write(void)
{
    return syscall(SYS_write, 2, "", 0);
}

static long do_open(void)
{
    return syscall(SYS_open, "/", O_RDONLY);
}

static long do_socket(void)
{
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long do_execve(void)
{
    return syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static long do_map(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
}

static long do_map_code(void)
{
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long do_make_process(void)
{
    return syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
}

static long do_make_device(void)
{
    return syscall(SYS_mknodat, -1, "x", S_IFCHR | 0600, 0);
}

static long do_make_fifo(void)
{
    return syscall(SYS_mknodat, -1, "x", S_IFIFO | 0600, 0) == -1 && errno == EBADF ? 0 : -1;
}

static long do_traceme(void)
{
    return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}

static long do_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0 : -1;
}

/* Even to ourselves, which needs no rights. */
static long do_signal(void)
{
    pid_t pid = getpid();

    return syscall(SYS_tgkill, pid, pid, 0) == -1 && errno == EPERM ? 0 : -1;
}

static long do_signal_by_descriptor(void)
{
    return fcntl(0, F_SETOWN, 1);
}

static long do_duplicate(void)
{
    return fcntl(2, F_DUPFD_CLOEXEC, 0);
}

static long do_abort(void)
{
    abort();
}

/* getpid by the number of the x32 ABI. */
static long do_x32(void)
{
    return syscall(0x40000000 + SYS_getpid);
}

/* getpid by the 32-bit way in. */
static long do_int80(void)
{
    long result = 20;

    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void *thread_body(void *arg)
{
    return arg;
}

static long do_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_body, NULL))
        return -1;
    return pthread_join(thread, NULL) ? -1 : 0;
}

Test(filter, every_process_may_end)
{
    for (size_t i = 0; i < ARRAY_LEN(processes); i++)
        PASSES(processes[i], do_nothing);
}

Test(filter, what_is_in_no_column_kills)
{
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        KILLS(processes[i], do_execve);
        KILLS(processes[i], do_open);
        KILLS(processes[i], do_x32);
        KILLS(processes[i], do_int80);
    }
}

Test(filter, what_is_in_the_column_passes)
{
    PASSES(SENTRY_PTRACE, do_write);
    PASSES(GOFER, do_write);
    PASSES(NETGOFER, do_socket);
    KILLS(SENTRY_SYSTRAP, do_socket);
    KILLS(GOFER, do_socket);
}

Test(filter, nobody_makes_code)
{
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        PASSES(processes[i], do_map);
        KILLS(processes[i], do_map_code);
    }
}

Test(filter, the_sentry_makes_threads)
{
    PASSES(SENTRY_PTRACE, do_thread);
    PASSES(SENTRY_KVM, do_clone3);
}

Test(filter, the_gofer_makes_no_device)
{
    PASSES(GOFER, do_make_fifo);
    KILLS(GOFER, do_make_device);
}

Test(filter, the_gofer_signals_nobody)
{
    PASSES(GOFER, do_signal);
    PASSES(GOFER, do_duplicate);
    KILLS(GOFER, do_signal_by_descriptor);
}

/* In debug builds the sanitizer answers for how it ends. */
Test(filter, the_gofer_can_abort, .disabled = DEBUG)
{
    int status = status_of(GOFER, do_abort);

    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) != SIGSYS, "%x", (unsigned)status);
}

/* The leak check of the address sanitizer needs these, so debug builds have them. */
Test(filter, the_sentry_makes_no_process_and_traces_only_as_it_must, .disabled = DEBUG)
{
    KILLS(SENTRY_PTRACE, do_make_process);
    KILLS(SENTRY_PTRACE, do_traceme);
    KILLS(SENTRY_KVM, do_traceme);
}

static unsigned calls_of(enum process process)
{
    unsigned n = 0;

#define HOSTCALL(name, who, why) n += ((who)&process) != 0;
#include "base/hostcalls.def"
    return n;
}

Test(filter, the_sentrys_surface_stays_small)
{
    cr_assert_leq(calls_of(SENTRY_PTRACE), 45);
    cr_assert_leq(calls_of(SENTRY_SYSTRAP), 45);
    cr_assert_leq(calls_of(SENTRY_KVM), 45);
}

Test(filter, every_process_has_a_program)
{
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        unsigned short len = 0;
        cr_assert_not_null(filter_program(processes[i], &len));
        cr_assert_gt(len, 4);
    }
}

Test(filter, a_mask_of_processes_has_none, .signal = SIGABRT)
{
    unsigned short len;

    filter_program(SENTRY, &len);
}
