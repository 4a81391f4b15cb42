/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform-ptrace: guests as traced processes. It needs nothing of the host but
 * ptrace(2) of one's own children, and is the slowest. platform-stub/agent.c tells how it
 * works.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>

#include "base/log.h"
#include "platform-ptrace/ptrace_priv.h"
#include "platform-stub/spare.h"

static bool shrink(struct stubs *stubs)
{
    struct aspace *as = spare_drop(stubs);

    aspace_destroy(as);
    return as;
}

static void ptrace_destroy(struct platform *p)
{
    struct guest_thread *t;
    struct aspace *as;

    if (!p)
        return;
    while ((t = list_first(&p->threads, struct guest_thread, node)))
        ptrace_thread_destroy(t);
    while ((as = list_first(&p->stubs.aspaces, struct aspace, node)))
        aspace_destroy(as);
    while (shrink(&p->stubs))
        ;
    stubs_destroy(&p->stubs);
    free(p);
}

/* Whether we may trace what we make: better known now than when a guest is to run. */
static int try_to_trace(struct platform *p)
{
    struct corpse *c = corpse_create(p->stubs.zygote);

    int err = c ? aspace_spawn(p->stubs.zygote, (uint64_t)CHILD_IS_THREAD, c) : -ENOMEM;
    if (!err) {
        err = stub_seize(c->pid);
        if (err)
            log_error("ptrace: a stub cannot be traced: error %d", -err);
        if (err != -EIO)
            stub_end(c->pid);
    }
    corpse_free(c);
    return err;
}

static int ptrace_create(const struct platform_options *opts, struct platform **out)
{
    const struct stubs_options o = { .name = "ptrace", .ram_fd = opts->ram_fd };
    struct platform *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    mutex_init(&p->lock, RANK_PLATFORM);
    list_init(&p->threads);
    p->stubs.shrink = shrink;
    int err = stubs_create(&p->stubs, &o);
    if (!err)
        err = try_to_trace(p);
    if (err) {
        ptrace_destroy(p);
        return err;
    }
    *out = p;
    return 0;
}

static uint64_t ptrace_task_size(const struct platform *p)
{
    (void)p;
    return STUB_START;
}

static size_t ptrace_fpu_size(const struct platform *p)
{
    return p->stubs.xsave.size;
}

static int ptrace_file_add(struct platform *p, int fd, uint32_t *out)
{
    return file_add(&p->stubs, fd, out);
}

static void ptrace_file_del(struct platform *p, uint32_t file)
{
    file_del(&p->stubs, file);
}

static int ptrace_aspace_create(struct platform *p, struct aspace *seed, struct aspace **out)
{
    return aspace_create(&p->stubs, seed, out);
}

/* A stub stands while its thread is out of run(), and who is killed then runs nothing more. */
static void ptrace_aspace_destroy(struct aspace *as)
{
    aspace_destroy(as ? spare_put(as, false) : NULL);
}

static int ptrace_aspace_reuse(struct platform *p, const struct aspace_owner *owner,
                               struct aspace **out)
{
    return spare_take(&p->stubs, owner, out);
}

static bool ptrace_make_room(struct platform *p)
{
    return stubs_make_room(&p->stubs, -EAGAIN);
}

const struct platform_ops platform_ptrace = {
    .name = "ptrace",
    .probe = ptrace_probe,
    .create = ptrace_create,
    .destroy = ptrace_destroy,
    .task_size = ptrace_task_size,
    .fpu_size = ptrace_fpu_size,
    .file_add = ptrace_file_add,
    .file_del = ptrace_file_del,
    .aspace_create = ptrace_aspace_create,
    .aspace_place = aspace_place,
    .aspace_fork = aspace_fork,
    .aspace_empty = spare_empty,
    .aspace_destroy = ptrace_aspace_destroy,
    .aspace_own = spare_own,
    .aspace_reuse = ptrace_aspace_reuse,
    .make_room = ptrace_make_room,
    .aspace_apply = aspace_apply,
    .aspace_barrier = aspace_barrier,
    .thread_create = ptrace_thread_create,
    .thread_destroy = ptrace_thread_destroy,
    .thread_leave = ptrace_thread_leave,
    .run = ptrace_run,
    .interrupt = ptrace_interrupt,
    .fpu_get = ptrace_fpu_get,
    .fpu_set = ptrace_fpu_set,
    .fpu_reset = ptrace_fpu_reset,
    .cpu_time = ptrace_cpu_time,
};
