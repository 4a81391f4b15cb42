/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest threads, and the stubs they run in. A stub belongs to one address space for
 * life. When its thread ends, or goes to another address space, it is parked there for
 * the next one: a new process with a new filter costs a hundred times a call.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-stub/spare.h"
#include "platform-systrap/systrap_priv.h"

#define PARKED_MAX 16 /* in one address space */

/* ---- stubs ---- */

static void stub_free(struct stub *s)
{
    if (s)
        corpse_free(s->corpse);
    free(s);
}

static void stub_bury(struct stub *s)
{
    corpse_add(s->corpse, s->pid);
    free(s);
}

static int spawn_once(struct platform *p, struct aspace *as, struct corpse *c)
{
    uint64_t va = slot_address(c->slot);
    struct agent *agent = &as->agent;
    int fd = p->stubs.cmd_fd;

    mutex_lock(&as->lock);
    agent_put(agent, 0, SYS_mmap, va, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
              (uint64_t)fd, SLOTS_OFF + (uint64_t)c->slot * SLOT_SIZE);
    agent_put(agent, 0, SYS_madvise, va, SLOT_SIZE, MADV_DONTFORK, 0, 0, 0);
    int err = aspace_spawn_locked(as, va, c);
    mutex_unlock(&as->lock);
    return err;
}

/* Its slot, and a process that waits there for its first turn. */
static int spawn(struct platform *p, struct aspace *as, struct corpse *c)
{
    int err;

    do
        err = spawn_once(p, as, c);
    while (err && stubs_make_room(&p->stubs, err));
    if (!err)
        cpus_free(&p->stubs.cpus, c->pid); /* its agent is held on one CPU, and it inherits that */
    return err;
}

static int stub_create(struct platform *p, struct aspace *as, struct stub **out)
{
    struct stub *s = calloc(1, sizeof *s);
    int err = -ENOMEM;

    if (s)
        s->corpse = corpse_create(as);
    if (s && s->corpse) {
        uint32_t n = s->corpse->slot = slot_get(p, as);
        list_init(&s->node);
        s->slot = slot_at(p, n);
        s->slot_va = slot_address(n);
        err = n ? spawn(p, as, s->corpse) : -EAGAIN;
        s->pid = s->corpse->pid;
    }
    if (err) {
        stub_free(s);
        return err;
    }
    *out = s;
    return 0;
}

static struct stub *stub_unpark(struct aspace *as)
{
    mutex_lock(&as->lock);
    struct stub *s = list_first(&as->parked, struct stub, node);
    if (s)
        list_del(&s->node);
    mutex_unlock(&as->lock);
    return s;
}

/* False where it is not worth it. */
static bool stub_park(struct aspace *as, struct stub *s)
{
    unsigned count = 0;
    struct list *at;

    mutex_lock(&as->lock);
    for (at = as->parked.next; at != &as->parked; at = at->next)
        count++;
    bool parks = !as->ended && count < PARKED_MAX;
    if (parks)
        list_push_back(&as->parked, &s->node);
    mutex_unlock(&as->lock);
    return parks;
}

void parked_end(struct aspace *as)
{
    struct stub *s;

    while ((s = stub_unpark(as)))
        stub_bury(s);
}

static void end(struct aspace *as)
{
    mutex_lock(&as->lock);
    as->ended = true; /* nothing is parked there any more */
    mutex_unlock(&as->lock);
    parked_end(as);
    aspace_destroy(as);
}

void systrap_aspace_destroy(struct aspace *as)
{
    if (as)
        atomic_store_explicit(&as->talks, false, memory_order_relaxed);
    as = as ? spare_put(as, true) : NULL;
    if (as)
        end(as);
}

bool systrap_shrink(struct stubs *stubs)
{
    struct aspace *as = spare_drop(stubs);

    if (as)
        end(as);
    return as;
}

void systrap_aspaces_end(struct platform *p)
{
    struct aspace *as;

    while ((as = list_first(&p->stubs.aspaces, struct aspace, node)))
        end(as);
    while (systrap_shrink(&p->stubs))
        ;
}

/* ---- threads ---- */

int systrap_thread_create(struct platform *p, struct guest_thread **out)
{
    struct guest_thread *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->p = p;
    list_init(&t->node);
    list_init(&t->talk.queued);
    t->talk.stub_cpu = t->couple.cpu = -1;
    cpus_roam(&p->stubs.cpus); /* who has made this thread may be held, and it inherits that */
    mutex_init(&t->lock, RANK_STUB);
    mutex_lock(&p->stubs.lock);
    list_push_back(&p->threads, &t->node);
    mutex_unlock(&p->stubs.lock);
    *out = t;
    return 0;
}

/* The stub goes: its time is kept, its pid is nobody's any more. */
static struct stub *part(struct guest_thread *t)
{
    struct stub *s = t->stub;

    mutex_lock(&t->lock);
    if (s->pid)
        t->past_cpu = nsec_add(t->past_cpu, stub_time(s->pid) - s->cpu_before);
    atomic_store(&t->pid, 0);
    mutex_unlock(&t->lock);
    seat_give(t);
    couple_part(t);
    t->stub = NULL;
    t->brief = false; /* what it has not told is gone with it */
    if (t->fpu_at == FPU_IN_STUB)
        t->fpu_at = FPU_INITIAL; /* gone with it, where nobody has kept it */
    return s;
}

static void leave(struct guest_thread *t)
{
    struct stub *s = t->stub ? part(t) : NULL;

    if (s && !stub_park(s->corpse->as, s))
        stub_bury(s);
}

void systrap_thread_leave(struct guest_thread *t)
{
    leave(t);
}

void systrap_thread_lost(struct guest_thread *t)
{
    stub_bury(part(t));
}

void systrap_thread_destroy(struct guest_thread *t)
{
    if (!t)
        return;
    leave(t);
    mutex_lock(&t->p->stubs.lock);
    list_del(&t->node);
    mutex_unlock(&t->p->stubs.lock);
    free(t->fpu);
    free(t);
}

/* All that the slot's stub answers: what another thread had told it is gone. */
static void put_answers(const struct guest_thread *t, struct slot *slot)
{
    memset(slot->answers, 0, sizeof slot->answers);
    for (size_t i = 0; i < t->nanswers; i++) {
        const struct guest_answer *a = &t->answers[i];
        if (a->nr < SLOT_ANSWER_CALLS)
            slot->answers[a->nr] = (uint64_t)a->value + 1;
    }
}

void systrap_answer(struct guest_thread *t, const struct guest_answer *answers, size_t n)
{
    assert(n <= GUEST_ANSWERS_MAX);
    if (t->p->no_answers)
        return;
    for (size_t i = 0; i < n; i++)
        t->answers[i] = answers[i];
    t->nanswers = n;
    if (t->stub)
        put_answers(t, t->stub->slot);
}

static void meet(struct guest_thread *t, struct stub *s)
{
    put_answers(t, s->slot);
    mutex_lock(&t->lock);
    t->stub = s;
    atomic_store(&t->pid, s->pid);
    mutex_unlock(&t->lock);
    seat_meet(t);
}

static int enter(struct guest_thread *t, struct aspace *as)
{
    struct stub *s = stub_unpark(as);

    if (s) {
        s->cpu_before = stub_time(s->pid);
    } else {
        int err = stub_create(t->p, as, &s);
        if (err)
            return err;
        if (t->fpu_at == FPU_INITIAL)
            t->fpu_at = FPU_IN_STUB; /* as the zygote's is, and nobody has touched it since */
    }
    meet(t, s);
    return 0;
}

int systrap_thread_enter(struct guest_thread *t, struct aspace *as)
{
    if (likely(t->stub && t->stub->corpse->as == as))
        return 0;
    if (t->stub) {
        int err = systrap_fpu_keep(t);
        if (err)
            return err;
        leave(t);
    }
    return enter(t, as);
}

void systrap_interrupt(struct guest_thread *t)
{
    kick(&t->state, &t->pid);
}

nsec_t systrap_cpu_time(const struct guest_thread *t)
{
    struct mutex *lock = (struct mutex *)&t->lock;

    mutex_lock(lock);
    pid_t pid = atomic_load(&t->pid);
    nsec_t now = t->past_cpu;
    if (pid)
        now = nsec_add(now, stub_time(pid) - t->stub->cpu_before);
    mutex_unlock(lock);
    return now;
}
