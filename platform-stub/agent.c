/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stub processes, and how we talk to those that are ours.
 *
 * Theory of operation
 *
 * A guest address space is the address space of host processes, the stubs:
 *
 *   zygote         the agent of an address space in which nothing is mapped. All
 *                  other stubs descend from it.
 *   agent          one for each address space. It makes the host calls that change
 *                  the address space: mmap, munmap, mprotect, and clone.
 *   guest threads  share an agent's memory (CLONE_VM). What they run is the guest's,
 *                  whose calls come to the sentry: platform-ptrace traces them, and
 *                  with PTRACE_SYSEMU the host kernel never acts on a call; on
 *                  platform-systrap a filter more leaves them a few calls that its
 *                  own code needs (page.c), and makes signals of all others.
 *
 * All are children of the sentry (CLONE_PARENT), each a process of its own, which can
 * be killed and waited for alone. They share one descriptor table, not with the
 * sentry, and it holds memory files and a socket only. A filter lets them call the host
 * from pages of stub code alone, and only what filter.c lists.
 *
 * At the top of each stub's address space, out of the guest's reach, are those pages
 * (stub.S) and the stub's command area, read-only there; of what platform-systrap has
 * there besides, the slots, agents know nothing. We write operations into the area, count
 * `seq` up and wake the agent, which makes the calls in order and answers. A batch is one
 * hand-over, whatever its length.
 *
 * An agent runs in memory that a hostile guest writes at the same time. So it keeps
 * what it knows in registers, has no stack, takes orders from pages only that no stub
 * can write, and takes no signal that has a handler. A guest thread may jump into
 * its code with registers of its choice, but that is guest code then, and its calls are
 * the guest's: from this page not one of them reaches the host.
 *
 * Nor may a guest forge an answer. There is no page that an agent can write and a
 * guest thread beside it cannot, so the agent does not write: it has the host kernel
 * copy (pwrite) bytes of a read-only page into the memory file of the command areas, at a
 * place that is ours to name. That call no guest thread can make, nor have one made. The last
 * byte range written is `done`; we sleep on it, or see it change.
 *
 * New processes are known by what clone(2) gave the agent, not by what they say.
 *
 * Death: each stub asks to be killed with its parent (PR_SET_PDEATHSIG) and then looks
 * whether the parent still lives; who is traced is killed with its tracer as well
 * (PTRACE_O_EXITKILL). An agent that is killed from outside is found out by agent_run(),
 * which looks each second of a wait; all of its address space are ended then (aspace.c).
 */
#include "platform-stub/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cycles.h"
#include "base/host.h"
#include "base/panic.h"

#define LOOK_AFTER NSEC_PER_SEC

/* How long a batch may take, and each operation of it, in cycles of the time stamp counter. */
#define YIELD_SPAN    UINT64_C(100000)
#define YIELD_SPAN_OP UINT64_C(10000)
#define PENALTY_MAX   63

void agent_init(struct agent *a, struct stub_cmd *cmd, const struct cpus *cpus, pid_t sentry)
{
    *a = (struct agent){ .cmd = cmd, .cpus = cpus, .cpu = -1 };
    cmd->count = cmd->value = 0;
    cmd->error = cmd->left = 0;
    cmd->sentry = (uint32_t)sentry;
    atomic_store(&cmd->sleeping, 0);
    atomic_store(&cmd->done, 0);
    atomic_store(&cmd->seq, 0);
}

void agent_put(struct agent *a, unsigned flags, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
               uint64_t a3, uint64_t a4, uint64_t a5)
{
    assert(!agent_is_full(a) && !a->begun);
    struct stub_op op = {
        (uint64_t)nr, {a0, a1, a2, a3, a4, a5},
         flags
    };

    a->cmd->ops[a->count++] = op;
    a->cmd->used = max(a->cmd->used, (uint32_t)a->count);
}

void agent_wipe(struct stub_cmd *cmd)
{
    assert(cmd->used <= STUB_OPS_MAX);
    memset(cmd->ops, 0, cmd->used * sizeof cmd->ops[0]);
    cmd->used = 0;
}

bool agent_is_dead(struct agent *a)
{
    int status;

    if (a->pid && host_wait4(a->pid, &status, WNOHANG | __WALL) != 0)
        a->pid = 0;
    return !a->pid;
}

static bool has_answered(const struct agent *a, uint32_t seq)
{
    return atomic_load(&a->cmd->done) == seq;
}

/*
 * Yields to the agent, which was woken on our CPU: it runs at once, nobody has to be woken again,
 * and nobody held where it is. Where others are there to whom that yields, too, it is the wrong
 * way, for some batches: who sleeps comes before who computes.
 *
 *   returns   false where there is no answer yet
 */
static bool yield_for_answer(struct agent *a, uint32_t seq)
{
    uint64_t since = cycles(), span = YIELD_SPAN + YIELD_SPAN_OP * a->sent;
    bool late = false;

    /* As a rule the host has let it run when it was woken, and has come back to us since. */
    if (has_answered(a, seq))
        return true;
    if (a->pause > 0) {
        a->pause--;
        return false;
    }
    while (!late && !has_answered(a, seq)) {
        host_sched_yield();
        late = cycles() - since > span;
    }
    a->penalty = late ? min(2 * a->penalty + 1, PENALTY_MAX) : 0;
    a->pause = a->penalty;
    return has_answered(a, seq);
}

static int wait_for_answer(struct agent *a, uint32_t seq)
{
    struct stub_cmd *cmd = a->cmd;
    uint32_t was;
    int err = 0;

    /* Said before we look at `done` again; the agent looks at it after it has answered. */
    atomic_store(&cmd->sleeping, 1);
    while (!err && (was = atomic_load(&cmd->done)) != seq) {
        nsec_t deadline = nsec_add(host_clock_gettime(CLOCK_MONOTONIC), LOOK_AFTER);
        if (host_futex_wait_shared(&cmd->done, was, deadline) == -ETIMEDOUT && agent_is_dead(a))
            err = -EIO;
    }
    atomic_store_explicit(&cmd->sleeping, 0, memory_order_relaxed);
    return err;
}

/* Tells it to go on. Gives the number of the batch. */
static uint32_t start(struct agent *a)
{
    struct stub_cmd *cmd = a->cmd;
    uint32_t seq = atomic_load_explicit(&cmd->seq, memory_order_relaxed) + 1;

    cmd->count = a->sent = a->count;
    cmd->value = 0;
    cmd->error = cmd->left = 0;
    a->count = 0;
    atomic_store(&cmd->seq, seq);
    host_futex_wake_shared(&cmd->seq, 1);
    return seq;
}

/* What has become of the batch. */
static int answer(const struct agent *a, unsigned *done)
{
    const struct stub_cmd *cmd = a->cmd;

    if (cmd->error && cmd->left > a->sent)
        panic("an agent left %u of %u operations", cmd->left, a->sent);
    if (done)
        *done = a->sent - cmd->left;
    return -(int)cmd->error;
}

int agent_run(struct agent *a, unsigned *done)
{
    assert(!a->begun);
    if (done)
        *done = 0;
    if (!a->pid) {
        a->count = 0;
        return -EIO;
    }
    int err = 0, cpu = cpus_here(a->cpus);
    if (cpu >= 0 && cpu != a->cpu)
        cpus_bring(a->cpus, a->pid, a->cpu = cpu);
    uint32_t seq = start(a);
    if (!yield_for_answer(a, seq)) {
        cpus_stay(a->cpus);
        err = wait_for_answer(a, seq);
        cpus_roam(a->cpus);
    }
    return err ? err : answer(a, done);
}

void agent_begin(struct agent *a)
{
    assert(!a->begun && a->pid);
    if (a->cpu >= 0)
        cpus_free(a->cpus, a->pid);
    a->cpu = -1;
    start(a);
    a->begun = true;
}

int agent_finish(struct agent *a)
{
    assert(a->begun);
    a->begun = false;
    int err = wait_for_answer(a, atomic_load_explicit(&a->cmd->seq, memory_order_relaxed));
    return err ? err : answer(a, NULL);
}
