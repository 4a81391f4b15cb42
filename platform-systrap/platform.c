/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform-systrap: guests as processes whose calls become signals (seccomp's
 * SECCOMP_RET_TRAP), or come straight to our code where a call site was rewritten.
 * Registers change hands in shared memory.
 *
 * The address space, its agent and all else that does not concern the running of
 * threads is platform-stub/. entry.S tells what happens in a guest thread, turn.c how
 * it and its sentry thread meet.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "platform-stub/spare.h"
#include "platform-systrap/page.h"
#include "platform-systrap/patch.h"
#include "platform-systrap/systrap_priv.h"

static void systrap_destroy(struct platform *p)
{
    struct guest_thread *t;

    if (!p)
        return;
    while ((t = list_first(&p->threads, struct guest_thread, node)))
        systrap_thread_destroy(t);
    systrap_aspaces_end(p);
    stubs_destroy(&p->stubs);
    free(p);
}

/* Whether a thread comes to life here: better known now than when a guest is to run. */
static int try_to_run(struct platform *p)
{
    struct guest_regs regs = { .cs = GUEST_CS, .ss = GUEST_SS, .eflags = EFLAGS_FIXED };
    struct guest_stop stop;
    struct guest_thread *t;

    int err = systrap_thread_create(p, &t);
    if (err)
        return err;
    err = systrap_run(t, p->stubs.zygote, &regs, &stop);
    if (err)
        log_error("systrap: a stub does not run: error %d", -err);
    else if (stop.why != STOP_FAULT)
        err = -EIO; /* nothing is mapped at 0 */
    systrap_thread_destroy(t);
    parked_end(p->stubs.zygote);
    corpse_reap_all(&p->stubs);
    return err;
}

/* clang-format off */
/* What new threads do before the tight filter is on and while they wait; what agents do for their
 * slots. */
static const struct stub_rule rules[] = {
    { SYS_sched_yield,     { { TEST_END, 0, 0 } } },
    { SYS_madvise,         { { TEST_EQUAL, 2, MADV_DONTFORK },
                             { TEST_FROM, 0, STUB_SLOTS }, { TEST_BELOW, 0, STUB_SLOTS_END } } },
    { SYS_set_tid_address, { { TEST_FROM, 0, STUB_SLOTS }, { TEST_BELOW, 0, STUB_SLOTS_END } } },
    { SYS_sigaltstack,     { { TEST_END, 0, 0 } } },
    { SYS_rt_sigaction,    { { TEST_END, 0, 0 } } },
    { SYS_rt_sigprocmask,  { { TEST_END, 0, 0 } } },
    { SYS_rt_sigreturn,    { { TEST_END, 0, 0 } } },
    { SYS_seccomp,         { { TEST_EQUAL, 0, 1 } } }, /* SECCOMP_SET_MODE_FILTER */
};
/* clang-format on */

static int systrap_create(const struct platform_options *opts, struct platform **out)
{
    const struct stubs_options o = { .name = "systrap",
                                     .ram_fd = opts->ram_fd,
                                     .rules = rules,
                                     .rule_count = ARRAY_LEN(rules),
                                     .traps = true,
                                     .held = UINT64_C(1) << (KICK_SIGNAL - 1),
                                     .page = page_make,
                                     .slots_size = STUB_SLOTS_SIZE };
    struct platform *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    list_init(&p->threads);
    p->stubs.gone = slot_put;
    p->stubs.bury = slots_bury;
    p->stubs.shrink = systrap_shrink;
    int err = stubs_create(&p->stubs, &o);
    p->cpu_count = opts->no_spin ? 0 : (unsigned)CPU_COUNT(&p->stubs.cpus.all);
    p->no_answers = opts->no_answers;
    seats_init(&p->seats, p->cpu_count);
    if (!err)
        err = try_to_run(p);
    if (err) {
        systrap_destroy(p);
        return err;
    }
    *out = p;
    return 0;
}

static uint64_t systrap_task_size(const struct platform *p)
{
    (void)p;
    return STUB_START;
}

static size_t systrap_fpu_size(const struct platform *p)
{
    return p->stubs.xsave.size;
}

static int systrap_file_add(struct platform *p, int fd, uint32_t *out)
{
    return file_add(&p->stubs, fd, out);
}

static void systrap_file_del(struct platform *p, uint32_t file)
{
    file_del(&p->stubs, file);
}

static int systrap_aspace_create(struct platform *p, struct aspace *seed, struct aspace **out)
{
    return aspace_create(&p->stubs, seed, out);
}

static int systrap_aspace_reuse(struct platform *p, const struct aspace_owner *owner,
                                struct aspace **out)
{
    return spare_take(&p->stubs, owner, out);
}

static bool systrap_make_room(struct platform *p)
{
    return stubs_make_room(&p->stubs, -EAGAIN);
}

const struct platform_ops platform_systrap = {
    .name = "systrap",
    .probe = systrap_probe,
    .create = systrap_create,
    .destroy = systrap_destroy,
    .task_size = systrap_task_size,
    .fpu_size = systrap_fpu_size,
    .hides_fsgsbase = true,
    .file_add = systrap_file_add,
    .file_del = systrap_file_del,
    .aspace_create = systrap_aspace_create,
    .aspace_place = aspace_place,
    .aspace_fork = aspace_fork,
    .aspace_empty = spare_empty,
    .aspace_destroy = systrap_aspace_destroy,
    .aspace_own = spare_own,
    .aspace_reuse = systrap_aspace_reuse,
    .make_room = systrap_make_room,
    .reuse_beats_fork = true,
    .aspace_apply = aspace_apply,
    .aspace_narrow = systrap_narrow,
    .aspace_barrier = aspace_barrier,
    .thread_room = slots_room,
    .thread_create = systrap_thread_create,
    .thread_destroy = systrap_thread_destroy,
    .thread_leave = systrap_thread_leave,
    .run = systrap_run,
    .regs_get = systrap_regs_get,
    .interrupt = systrap_interrupt,
    .fpu_get = systrap_fpu_get,
    .fpu_set = systrap_fpu_set,
    .fpu_reset = systrap_fpu_reset,
    .cpu_time = systrap_cpu_time,
    .answer = systrap_answer,
    .linger = systrap_linger,
    .patch = &systrap_patch,
};
