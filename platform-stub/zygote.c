/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The birth of the first stub. It starts as a copy of ourselves that runs in stub
 * code with registers only; what makes a stub of it are ordinary operations of its
 * command area, so that each error has a way back.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/log.h"
#include "base/sort.h"
#include "platform-stub/scratch.h"
#include "platform-stub/stub.h"
#include "platform-stub/stubs.h"

#define OLD_FDS_MAX 4096

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA  18

/* rt_sigaction(2)'s own layout, which libc hides. */
struct kernel_sigaction {
    uint64_t handler, flags, restorer, mask;
};

/* What arguments of set-up operations point to. */
struct setup {
    struct kernel_sigaction ignore;
    uint64_t held;
    struct __user_cap_header_struct cap_header;
    struct __user_cap_data_struct no_caps[2];
    struct rlimit core;
    char name[16];
    struct sock_fprog prog;
    struct stub_filter filter;
};
static_assert(sizeof(struct setup) <= sizeof(((struct stub_cmd *)0)->data), "no room");

/* Where the stub has a member of struct setup. */
#define AT(member) (STUB_CMD + offsetof(struct stub_cmd, data) + offsetof(struct setup, member))

#define CALL(flags, nr, ...) CALL_(flags, nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(flags, nr, a, b, c, d, e, f, ...)                                                   \
    agent_put(agent, flags, SYS_##nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), \
              (uint64_t)(e), (uint64_t)(f))

static void put_setup_data(const struct stubs *stubs, struct setup *s)
{
    *s = (struct setup){
        .held = stubs->o->held,
        .ignore = {.handler = (uint64_t)(uintptr_t)SIG_IGN},
        .cap_header = {             .version = _LINUX_CAPABILITY_VERSION_3                                     },
 /* 1 and not 0: a core_pattern that is a pipe ignores 0, but not 1 (core(5)). */
        .core = { .rlim_cur = 1,                                      .rlim_max = 1 },
        .name = "runsc-stub",
    };
    stub_filter_make(stubs, &s->filter);
    s->prog.len = s->filter.len;
    s->prog.filter = (struct sock_filter *)AT(filter.insns);
}

/* Unmaps all of our memory that it began with. */
static void put_unmap(struct agent *agent)
{
    const struct {
        uint64_t start, end;
    } holes[] = {
        {0,                           STUB_CODE},
        { STUB_CODE + STUB_CODE_SIZE, STUB_CMD },
        { STUB_CMD + STUB_CMD_SIZE,   STUB_END },
    };

    for (size_t i = 0; i < ARRAY_LEN(holes); i++)
        CALL(0, munmap, holes[i].start, holes[i].end - holes[i].start);
}

/*
 * Nothing that arrives from outside may run a handler, for there is none any more, or kill. What
 * is blocked as well is not lost, though, to a stub that gets a handler for it.
 */
static void put_ignore_signals(struct agent *agent)
{
    for (int sig = 1; sig <= 64; sig++) {
        if (sig != SIGKILL && sig != SIGSTOP)
            CALL(0, rt_sigaction, sig, AT(ignore), 0, sizeof(uint64_t));
    }
    CALL(0, rt_sigprocmask, SIG_SETMASK, AT(held), 0, sizeof(uint64_t));
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes all descriptors but three. */
static int close_others(struct agent *agent, const int keep[3])
{
    unsigned from = 0;

    for (int i = 0; i < 3; i++) {
        unsigned fd = (unsigned)keep[i];
        if (fd > from)
            CALL(0, close_range, from, fd - 1, 0);
        from = fd + 1;
    }
    CALL(0, close_range, from, ~0u, 0);
    return agent_run(agent, NULL);
}

/* The same for Linux before 5.9, which has no close_range(2). */
static int close_others_singly(struct agent *agent, const int keep[3])
{
    int err = 0;

    for (int fd = 0; fd < OLD_FDS_MAX && !err; fd++) {
        if (fd != keep[0] && fd != keep[1] && fd != keep[2])
            CALL(OP_TRY, close, fd);
        if (agent_is_full(agent) || fd + 1 == OLD_FDS_MAX)
            err = agent_run(agent, NULL);
    }
    return err;
}

static int close_all_but(struct agent *agent, int a, int b, int c)
{
    int keep[3] = { a, b, c };

    sort(keep, ARRAY_LEN(keep), sizeof *keep, compare_ints);
    int err = close_others(agent, keep);
    return err == -ENOSYS ? close_others_singly(agent, keep) : err;
}

static void put_scratch(struct agent *agent, const struct stubs *stubs)
{
    CALL(0, mmap, STUB_SCRATCH, STUB_SCRATCH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
         stubs->cmd_fd, SCRATCH_OFF);
    CALL(0, madvise, STUB_SCRATCH, STUB_SCRATCH_SIZE, MADV_DONTFORK);
}

static void put_page(struct agent *agent, const struct stubs *stubs)
{
    if (stubs->o->page)
        CALL(0, mmap, STUB_PAGE, STUB_PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED,
             stubs->cmd_fd, PAGE_OFF);
}

static void put_confine(struct agent *agent)
{
    /* Guests may use AMX, where there is any; those that do not ask first would, natively, not. */
    CALL(OP_TRY, arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
    CALL(OP_TRY, membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    CALL(OP_TRY, prlimit64, 0, RLIMIT_CORE, AT(core), 0);
    CALL(0, prctl, PR_SET_NAME, AT(name), 0, 0, 0);
    /* We trace it with no more rights than it has, so it must have none. */
    CALL(0, capset, AT(cap_header), AT(no_caps));
    CALL(0, prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
    CALL(0, prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* SPEC_ALLOW: what speculates is the guest, over its own memory, as outside a sandbox. */
    CALL(0, seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, AT(prog));
}

static int set_up(struct stubs *stubs)
{
    struct agent *agent = &stubs->zygote->agent;
    unsigned done = 0;

    put_setup_data(stubs, (struct setup *)agent->cmd->data);
    put_unmap(agent);
    put_ignore_signals(agent);
    int err = agent_run(agent, &done);
    if (!err)
        err = close_all_but(agent, stubs->cmd_fd, stubs->stub_sock, stubs->o->ram_fd);
    if (!err) {
        put_scratch(agent, stubs);
        put_page(agent, stubs);
        put_confine(agent);
        err = agent_run(agent, &done);
    }
    if (err)
        log_error("%s: the first stub failed after %u steps: error %d", stubs->o->name, done, -err);
    return err;
}

int zygote_create(struct stubs *stubs)
{
    sigset_t all, old;
    int status;
    pid_t pid = 0;

    mutex_lock(&stubs->zygote->lock);
    /* A handler of ours must not run in a child that has none of our memory. */
    sigfillset(&all);
    int err = host_sigprocmask(SIG_SETMASK, &all, &old);
    if (!err) {
        pid_t child =
            stub_launch(stubs->cmd_fd, stubs->xsave.initial, stubs->xsave.has_xsave, &pid);
        err = child < 0 ? child : host_wait4(child, &status, __WALL) < 0 ? -ECHILD : 0;
        if (host_sigprocmask(SIG_SETMASK, &old, NULL) < 0 && !err)
            err = -EINVAL;
    }
    if (!err && pid < 0)
        err = pid;
    if (!err) {
        stubs->zygote->agent.pid = pid;
        err = set_up(stubs);
    }
    mutex_unlock(&stubs->zygote->lock);
    return err;
}
