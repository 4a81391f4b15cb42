/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: life, and changes by way of their agents. */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "base/log.h"
#include "base/panic.h"
#include "platform-stub/stub.h"
#include "platform-stub/stubs.h"

static int area_get_locked(struct stubs *stubs) HOLDS(stubs->lock);
static int area_get_locked(struct stubs *stubs)
{
    size_t area = bitmap_find_next_zero(stubs->areas, ASPACES_MAX, 0);

    if (area == ASPACES_MAX)
        return -EAGAIN;
    bitmap_set(stubs->areas, area);
    return (int)area;
}

static int area_get(struct stubs *stubs)
{
    mutex_lock(&stubs->lock);
    int area = area_get_locked(stubs);
    mutex_unlock(&stubs->lock);
    if (area >= 0)
        return area;
    /* What is free only because a dead agent has not been waited for, is made so. */
    corpse_reap_all(stubs);
    mutex_lock(&stubs->lock);
    area = area_get_locked(stubs);
    mutex_unlock(&stubs->lock);
    return area;
}

int aspace_alloc(struct stubs *stubs, struct aspace **out)
{
    struct aspace *as = calloc(1, sizeof *as);
    struct corpse *corpse = calloc(1, sizeof *corpse);
    corpse_reap_some(stubs);
    int area = as && corpse ? area_get(stubs) : -ENOMEM;

    if (area < 0) {
        free(as);
        free(corpse);
        return area;
    }
    as->stubs = stubs;
    as->area = area;
    as->corpse = corpse;
    corpse->as = as;
    list_init(&corpse->node);
    as->corpses = 1;
    list_init(&as->node);
    list_init(&as->living);
    list_init(&as->parked);
    mutex_init(&as->lock, RANK_ASPACE);
    agent_init(&as->agent, &stubs->cmds[area], &stubs->cpus, stubs->sentry);
    mutex_lock(&stubs->lock);
    as->id = stubs->next_id++;
    list_push_back(&stubs->aspaces, &as->node);
    mutex_unlock(&stubs->lock);
    *out = as;
    return 0;
}

void aspace_destroy(struct aspace *as)
{
    if (!as)
        return;
    struct stubs *stubs = as->stubs;
    mutex_lock(&as->lock);
    as->ended = true;
    mutex_unlock(&as->lock);
    mutex_lock(&stubs->lock);
    list_del(&as->node);
    mutex_unlock(&stubs->lock);
    corpse_add(as->corpse, as->agent.pid);
}

/*
 * Has the agent make its calls. It may have been killed from outside: the host's OOM killer ends
 * all processes that share a memory, and one that it leaves could run on in memory that is
 * changed no more. So they all end, before anybody hears of it.
 *
 *   child     where the batch makes a process, its address space: one that lives unknown to us
 *             keeps what is shared with it
 */
static int run_locked(struct aspace *as, struct aspace *child) HOLDS(as->lock);
static int run_locked(struct aspace *as, struct aspace *child)
{
    bool lived = as->agent.pid;
    int err = agent_run(&as->agent, NULL);

    if (!lived || as->agent.pid)
        return err;
    log_warn("stubs: the agent of an address space was killed from outside");
    unsigned killed = corpse_end_all(as);
    if (child) {
        mutex_lock(&as->stubs->lock);
        child->haunted = true;
        mutex_unlock(&as->stubs->lock);
    }
    /* The OOM killer has found the unknown, too; who kills one process has not. */
    if (child == as && killed > 0)
        panic("an agent was killed while it made a guest thread");
    return -EIO;
}

static void put_clone(struct agent *agent, uint64_t flags, uint64_t child)
{
    agent_put(agent, OP_CLONE | OP_VALUE, SYS_clone, flags, 0, 0, 0, 0, child);
}

bool stubs_make_room(struct stubs *stubs, int err)
{
    if ((err != -EAGAIN && err != -ENOMEM) || !stubs->shrink(stubs))
        return false;
    corpse_reap_all(stubs);
    return true;
}

static int fork_once(struct aspace *parent, struct aspace **out)
{
    struct aspace *as;

    int err = aspace_alloc(parent->stubs, &as);
    if (err)
        return err;
    mutex_lock(&parent->lock);
    put_clone(&parent->agent, STUB_CLONE_AGENT, (uint64_t)as->area * STUB_CMD_SIZE);
    err = run_locked(parent, as);
    if (!err)
        as->agent.pid = (pid_t)agent_value(&parent->agent);
    as->agent.cpu = parent->agent.cpu; /* inherited */
    as->owned = parent->owned;
    as->owner = parent->owner;
    mutex_unlock(&parent->lock);
    if (err) {
        log_debug("stubs: the host does not fork an address space: error %d", -err);
        aspace_destroy(as);
        return err;
    }
    *out = as;
    return 0;
}

int aspace_fork(struct aspace *parent, struct aspace **out)
{
    int err;

    do
        err = fork_once(parent, out);
    while (err && stubs_make_room(parent->stubs, err));
    return err;
}

int aspace_create(struct stubs *stubs, struct aspace *seed, struct aspace **out)
{
    return aspace_fork(seed ? seed : stubs->zygote, out);
}

int aspace_place(struct aspace *as, int fd)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", (int)as->agent.pid);
    ssize_t put = host_write(fd, text, (size_t)n);

    return put < 0 ? (int)put : 0;
}

int aspace_spawn_locked(struct aspace *as, uint64_t child, struct corpse *c)
{
    put_clone(&as->agent, STUB_CLONE_THREAD, child);
    int err = run_locked(as, as);
    if (!err)
        corpse_live(c, (pid_t)agent_value(&as->agent));
    return err;
}

int aspace_spawn(struct aspace *as, uint64_t child, struct corpse *c)
{
    int err;

    do {
        mutex_lock(&as->lock);
        err = aspace_spawn_locked(as, child, c);
        mutex_unlock(&as->lock);
    } while (err && stubs_make_room(as->stubs, err));
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
        int fd = atomic_load_explicit(&as->stubs->files[op->file], memory_order_relaxed);
        assert(fd >= 0);
        agent_put(agent, 0, SYS_mmap, op->va, op->size, prot,
                  MAP_SHARED | MAP_FIXED | (op->populate ? MAP_POPULATE : 0), (uint64_t)fd,
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

int aspace_apply(struct aspace *as, const struct mem_op *ops, size_t n)
{
    int err = 0;

    mutex_lock(&as->lock);
    as->narrow_size = 0;
    for (size_t i = 0; i < n && !err; i++) {
        put_mem_op(as, &ops[i]);
        if (i + 1 == n || agent_is_full(&as->agent))
            err = run_locked(as, NULL);
    }
    mutex_unlock(&as->lock);
    return err;
}

int aspace_barrier(struct aspace *as)
{
    struct agent *agent = &as->agent;

    mutex_lock(&as->lock);
    /* Registering again costs next to nothing, and an old kernel may not let a fork inherit it. */
    agent_put(agent, OP_TRY, SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0,
              0);
    agent_put(agent, 0, SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
    int err = run_locked(as, NULL);
    mutex_unlock(&as->lock);
    return err;
}
