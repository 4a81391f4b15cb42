/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runsc-sentry: from a fresh process to a running sandbox, in one thread and in this
 * order: empty the root, hear what is wanted, make what needs rights, lock the jail,
 * build the kernel, start the guest. After that this thread waits for the guest's end,
 * and another listens to runsc.
 */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/clock.h"
#include "base/host.h"
#include "base/host_jail.h"
#include "base/log.h"
#include "base/panic.h"
#include "sentry/control.h"
#include "sentry/core/hostfd.h"
#include "sentry/core/hostpoll.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/rng.h"
#include "sentry/fs/gofer_client.h"
#include "sentry/jail.h"
#include "sentry/kernel.h"
#include "sentry/listen.h"
#include "sentry/load/vdso.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/patch.h"
#include "sentry/process.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/sysprint.h"

#define ARENA_LIMIT \
    ((uint64_t)4 << 30) /* bytes of kernel objects, of which most sandboxes use a few MB */
#define RAM_LEAST ((uint64_t)64 << 20)

/* All that is ours alone and lives as long as the process. */
struct boot {
    struct sandbox_options o;
    struct options_storage *storage;
    struct platform_ref platform;
    enum process process; /* which filter */
    struct rng rng;
    struct arena *arena;
    struct kernel *kernel;
    struct gofer_client *gofer;
    struct listener listener;
    struct boot_error error;
};

static void step(const struct boot *b, const char *what)
{
    if (b->o.timing)
        control_step(CONTROL_FD, what);
}

/* ---- before the jail ---- */

/* The platforms that there are, and what the filter of a sentry on each is. `auto` is the first
 * that works. */
static const struct {
    const struct platform_ops *ops;
    enum process process;
} platforms[] = {
    {&platform_systrap, SENTRY_SYSTRAP},
    { &platform_ptrace, SENTRY_PTRACE },
};

/* Half of what the host has may be too little and all of it too much: what it has is what we show.
 */
static uint64_t ram_size(const struct boot *b)
{
    uint64_t pages = (uint64_t)get_phys_pages();
    uint64_t mem = b->o.pod ? 0 : b->o.mem; /* the first container's limit is not the pod's */

    return max(mem ? page_up(mem) : pages * PAGE_SIZE, mem ? PAGE_SIZE : RAM_LEAST);
}

static int make_memory(struct boot *b)
{
    int err = arena_create(ARENA_LIMIT, &b->arena);

    if (err)
        return boot_fail(&b->error, err, "no room for the kernel's objects: %s", strerror(-err));
    rng_init_host(&b->rng);
    arena_set_host(b->arena, HOST_CLOCK, (void *)&clock_real);
    arena_set_host(b->arena, HOST_RNG, &b->rng);
    err = hostfds_create(b->arena);
    if (!err)
        err = hostpoll_create(b->arena);
    if (!err)
        err = ram_create(b->arena, ram_size(b));
    if (err)
        return boot_fail(&b->error, err, "no room for the guest's memory (%llu MiB): %s",
                         (unsigned long long)(ram_size(b) >> 20), strerror(-err));
    return 0;
}

/* Tries platform number `i`. */
static int try_platform(struct boot *b, size_t i)
{
    const struct platform_options opts = { .ram_fd = ram_fd(b->arena),
                                           .log_level = b->o.log_level,
                                           .no_spin = b->o.no_spin,
                                           .no_answers = b->o.no_libos };
    const struct platform_ops *ops = platforms[i].ops;
    const char *why = "";
    int err = ops->probe(&why);

    if (err)
        return boot_fail(&b->error, err, "platform %s does not work here: %s", ops->name, why);
    err = ops->create(&opts, &b->platform.platform);
    if (err)
        return boot_fail(&b->error, err, "platform %s does not start: %s", ops->name,
                         strerror(-err));
    b->platform.ops = ops;
    b->process = platforms[i].process;
    return 0;
}

/* Each that is wanted, until one works. */
static int choose_platform(struct boot *b)
{
    const char *want = b->o.platform;
    bool any = strcmp(want, "auto") == 0;

    for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
        if (!any && strcmp(want, platforms[i].ops->name) != 0)
            continue;
        int err = try_platform(b, i);
        if (!any || !err)
            return err;
        log_info("%s", b->error.text);
    }
    if (any)
        return b->error.err;
    return boot_fail(&b->error, -EINVAL, "there is no platform \"%s\"; use systrap, ptrace or auto",
                     want);
}

static int make_platform(struct boot *b)
{
    int err = choose_platform(b);

    if (err)
        return err;
    arena_set_host(b->arena, HOST_PLATFORM, &b->platform);
    err = b->o.no_patch ? 0 : patch_create(b->arena);
    return err ? boot_fail(&b->error, err, "no room for patches") : 0;
}

static int meet_gofer(struct boot *b)
{
    int err = gofer_client_create(b->o.fds[OPTION_FD_GOFER], &b->gofer);

    b->o.fds[OPTION_FD_GOFER] = -1;
    if (err)
        return boot_fail(&b->error, err, "the gofer does not answer: %s", strerror(-err));
    arena_set_host(b->arena, HOST_GOFER, b->gofer);
    return 0;
}

/* ---- after the start ---- */

/* The first process has ended: what is left of the sandbox goes with its pid namespace. */
static _Noreturn void end(struct boot *b, int status)
{
    struct syscall_stats *s = syscall_stats(b->arena);

    struct patch_stats p;

    if (s->counting)
        syscall_summary(b->arena, hostfd_get(b->arena, s->summary_out));
    if (patch_get_stats(b->arena, &p))
        log_debug("%lu calls trapped; %lu call sites replaced, %lu shared, %lu threads mended",
                  p.traps, p.sites, p.shared, p.mended);
    control_send(CONTROL_FD, CONTROL_EXIT, (uint64_t)status);
    host_exit(0);
}

/* How many processors the guest sees, where no flag said: those that we may run on. */
static uint32_t count_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) ? 1 : (uint32_t)max(CPU_COUNT(&set), 1);
}

static void on_forbidden_call(int sig, siginfo_t *si, void *context)
{
    (void)sig, (void)context;
    panic("host call %d is not in hostcalls.def (from %p)", si->si_syscall, si->si_call_addr);
}

/* Debug builds: the filter traps instead of killing, and we say what it was that we should not
 * call. */
static void explain_forbidden_calls(void)
{
    const struct sigaction act = { .sa_sigaction = on_forbidden_call, .sa_flags = SA_SIGINFO };

    if (DEBUG)
        (void)!host_sigaction(SIGSYS, &act, NULL);
}

/* Debug builds only: a sanitizer's report needs the host's files. */
static bool unjailed(void)
{
    return DEBUG && getenv("RUNSC_UNJAILED");
}

static int boot(struct boot *b)
{
    if (!b->o.cpus)
        b->o.cpus = count_cpus();
    step(b, "sentry up, options read");
    int err = make_memory(b);
    if (!err)
        err = make_platform(b);
    step(b, "memory and platform made");
    if (!err)
        err = meet_gofer(b);
    step(b, "gofer met");
    if (err)
        return err;
    explain_forbidden_calls();
    /* A guest has a limit of its own, but what all of them have open is ours. Not before the
       platform is made, whose stubs need no more than they are given. */
    uint64_t fds = host_raise_nofile();
    log_debug("%llu descriptors at most", (unsigned long long)fds);
    err = unjailed() ? 0 : jail_lock(b->process);
    if (err)
        return boot_fail(&b->error, err, "the sentry's jail does not close: %s", strerror(-err));
    step(b, "jail locked");
    err = kernel_create(b->arena, &b->o, &b->kernel, &b->error);
    step(b, "kernel built");
    return err ? err : kernel_prepare(b->kernel, &b->o, &b->error);
}

/* Now, or where the options say so, when runsc does. */
static int start(struct boot *b)
{
    b->listener = (struct listener){
        .sock = CONTROL_FD,
        .kernel = b->kernel,
        .container = kernel_first(b->kernel),
        .gofer = b->gofer,
        .go = PARK_INIT,
        .gone_on = !b->o.hold,
    };
    int err = listen_start(&b->listener);

    if (err)
        return boot_fail(&b->error, err, "cannot start a thread: %s", strerror(-err));
    if (b->o.hold) {
        control_send(CONTROL_FD, CONTROL_CREATED, 0);
        int sig = listen_wait_go(&b->listener);
        if (sig)
            end(b, sig);
    }
    return guest_container_start(kernel_first(b->kernel), &b->error);
}

static int probe(void)
{
    bool picked = false;

    for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
        const char *why = "";
        char what[32];
        int err = platforms[i].ops->probe(&why);

        snprintf(what, sizeof what, "platform %s", platforms[i].ops->name);
        printf("  %s  %-18s %s\n", err ? " no" : "yes", what,
               err      ? why
               : picked ? "works"
                        : "works; --platform=auto picks it");
        picked |= !err;
    }
    return !picked;
}

int main(int argc, char *argv[])
{
    struct boot b = { .error.err = 0 };

    if (argc == 2 && strcmp(argv[1], "--syscalls") == 0)
        return syscalls_print();
    if (argc == 2 && strcmp(argv[1], "--probe") == 0)
        return probe();
    bool tsc = vdso_host_has_tsc();
    /* libc allocates for its threads. With an arena for each it would ask the host how many CPUs
     * there are, which the jail forbids. */
    mallopt(M_ARENA_MAX, 1);
    int err = unjailed() ? 0 : jail_empty_root();
    if (!err)
        err = control_start(CONTROL_FD, &b.o, &b.storage);
    b.o.tsc = tsc;
    if (err) {
        control_fail(CONTROL_FD, err, 0, "the sentry cannot start: %s", strerror(-err));
        return EXIT_FAILURE;
    }
    log_start(b.o.fds[OPTION_FD_LOG], (enum log_level)b.o.log_level, "sentry");
    err = boot(&b);
    if (!err)
        err = start(&b);
    if (err) {
        control_fail(CONTROL_FD, err, b.error.status, "%s", b.error.text);
        return EXIT_FAILURE;
    }
    control_send(CONTROL_FD, CONTROL_RUNNING, 0);
    step(&b, "guest runs");
    struct guest_process *init = guest_container_init(kernel_first(b.kernel));
    for (;;) {
        int status = process_wait(init);

        if (!WIFSTOPPED(status))
            end(&b, status);
        process_suspend(init);
        control_send(CONTROL_FD, CONTROL_SUSPEND, (uint64_t)WSTOPSIG(status));
    }
}
