/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: life, and changes by way of their agents. */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "platform-ptrace/ptrace_priv.h"
#include "platform-ptrace/stub.h"

static int slot_get_locked(struct platform *p) HOLDS(p->lock);
static int slot_get_locked(struct platform *p)
{
    size_t slot = bitmap_find_next_zero(p->slots, ASPACES_MAX, 0);

    if (slot == ASPACES_MAX)
        return -EAGAIN;
    bitmap_set(p->slots, slot);
    return (int)slot;
}

static int slot_get(struct platform *p)
{
    mutex_lock(&p->lock);
    int slot = slot_get_locked(p);
    mutex_unlock(&p->lock);
    if (slot >= 0)
        return slot;
    /* What is free only because a dead agent has not been waited for, is made so. */
    corpse_reap_all(p);
    mutex_lock(&p->lock);
    slot = slot_get_locked(p);
    mutex_unlock(&p->lock);
    return slot;
}

int aspace_alloc(struct platform *p, struct aspace **out)
{
    struct aspace *as = calloc(1, sizeof *as);
    struct corpse *corpse = calloc(1, sizeof *corpse);
    corpse_reap_some(p);
    int slot = as && corpse ? slot_get(p) : -ENOMEM;

    if (slot < 0) {
        free(as);
        free(corpse);
        return slot;
    }
    as->p = p;
    as->slot = slot;
    as->corpse = corpse;
    list_init(&as->node);
    mutex_init(&as->lock, RANK_ASPACE);
    agent_init(&as->agent, &p->cmds[slot], &p->cpus, p->sentry);
    mutex_lock(&p->lock);
    as->id = p->next_id++;
    list_push_back(&p->aspaces, &as->node);
    mutex_unlock(&p->lock);
    *out = as;
    return 0;
}

void ptrace_aspace_destroy(struct aspace *as)
{
    if (!as)
        return;
    struct platform *p = as->p;
    mutex_lock(&p->lock);
    list_del(&as->node);
    mutex_unlock(&p->lock);
    corpse_add(p, as->corpse, as->agent.pid, as->slot);
    free(as);
}

static void put_clone(struct agent *agent, uint64_t flags, uint64_t child)
{
    agent_put(agent, OP_CLONE | OP_VALUE, SYS_clone, flags, 0, 0, 0, 0, child);
}

int ptrace_aspace_fork(struct aspace *parent, struct aspace **out)
{
    struct aspace *as;

    int err = aspace_alloc(parent->p, &as);
    if (err)
        return err;
    mutex_lock(&parent->lock);
    put_clone(&parent->agent, STUB_CLONE_AGENT, (uint64_t)as->slot * STUB_CMD_SIZE);
    err = agent_run(&parent->agent, NULL);
    if (!err)
        as->agent.pid = (pid_t)agent_value(&parent->agent);
    as->agent.cpu = parent->agent.cpu; /* inherited */
    mutex_unlock(&parent->lock);
    if (err) {
        ptrace_aspace_destroy(as);
        return err;
    }
    *out = as;
    return 0;
}

int ptrace_aspace_create(struct platform *p, struct aspace **out)
{
    return ptrace_aspace_fork(p->zygote, out);
}

int aspace_spawn(struct aspace *as, pid_t *out)
{
    mutex_lock(&as->lock);
    put_clone(&as->agent, STUB_CLONE_THREAD, (uint64_t)CHILD_IS_THREAD);
    int err = agent_run(&as->agent, NULL);
    if (!err)
        *out = (pid_t)agent_value(&as->agent);
    mutex_unlock(&as->lock);
    return err;
}

static void put_mem_op(struct aspace *as, const struct mem_op *op)
{
    struct agent *agent = &as->agent;
    uint64_t prot = (uint64_t)op->prot;

    /* The stub's own pages are above: nothing that the sentry gets wrong may reach them. */
    assert(op->size > 0 && op->va < STUB_START && op->size <= STUB_START - op->va);
    assert((op->prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) == 0);
    switch (op->kind) {
    case MEM_MAP: {
        assert(op->file < FILES_MAX);
        int fd = atomic_load_explicit(&as->p->files[op->file], memory_order_relaxed);
        assert(fd >= 0);
        agent_put(agent, 0, SYS_mmap, op->va, op->size, prot, MAP_SHARED | MAP_FIXED, (uint64_t)fd,
                  op->off);
        break;
    }
    case MEM_UNMAP:
        agent_put(agent, 0, SYS_munmap, op->va, op->size, 0, 0, 0, 0);
        break;
    case MEM_PROTECT:
        agent_put(agent, 0, SYS_mprotect, op->va, op->size, prot, 0, 0, 0);
        break;
    }
}

int ptrace_aspace_apply(struct aspace *as, const struct mem_op *ops, size_t n)
{
    int err = 0;

    mutex_lock(&as->lock);
    for (size_t i = 0; i < n && !err; i++) {
        put_mem_op(as, &ops[i]);
        if (i + 1 == n || agent_is_full(&as->agent))
            err = agent_run(&as->agent, NULL);
    }
    mutex_unlock(&as->lock);
    return err;
}

int ptrace_aspace_barrier(struct aspace *as)
{
    struct agent *agent = &as->agent;

    mutex_lock(&as->lock);
    /* Registering again costs next to nothing, and an old kernel may not let a fork inherit it. */
    agent_put(agent, OP_TRY, SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0,
              0);
    agent_put(agent, 0, SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
    int err = agent_run(agent, NULL);
    mutex_unlock(&as->lock);
    return err;
}
