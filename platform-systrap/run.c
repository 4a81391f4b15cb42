/* SPDX-License-Identifier: Apache-2.0 */
/* One turn in the guest: registers into the slot, a turn, a stop, registers out. */
#include <errno.h>
#include <signal.h>

#include "platform-systrap/regs_amd64.h"
#include "platform-systrap/systrap_priv.h"

/* Whether the stub has stopped for us; if not, it goes on. */
enum verdict { RESUME, STOPPED };

static void from_frame(struct guest_thread *t, const struct signal_frame *f,
                       struct guest_regs *regs)
{
    regs_from_frame(t->stub, f, regs);
    t->brief = false;
}

/* One of those that have a handler (entry.S), as `signo` of a slot says it; 0: none of them. */
static int known_signal(uint32_t signo)
{
    switch (signo) {
    case SIGSYS:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case KICK_SIGNAL:
        return (int)signo;
    default:
        return 0;
    }
}

/* What the stub says, of which nothing may be believed: it is the guest that says it. */
static enum verdict look(struct guest_thread *t, struct guest_regs *regs, struct guest_stop *stop)
{
    struct stub *s = t->stub;
    struct signal_frame frame;
    uint32_t why = slot_read(s->slot->why);

    if (likely(why == WHY_CALL)) {
        regs_from_call(s, regs);
        if (unlikely(slot_read(s->slot->pkru)))
            s->slot->pkru = 0; /* it could not have come this way */
        t->brief = true;
        stop->why = STOP_SYSCALL;
        return STOPPED;
    }
    stop->why = STOP_INTERRUPT; /* also where what is said makes no sense */
    int signo = known_signal(slot_read(s->slot->signo));
    if ((why != WHY_SIGNAL && why != WHY_ROLLBACK) || signo == 0)
        return STOPPED;
    if (signo == KICK_SIGNAL) {
        if (!kick_take(&t->state)) {
            if (why == WHY_SIGNAL && frame_copy(s, &frame))
                from_frame(t, &frame, regs);
            return RESUME; /* told already, in another way */
        }
    }
    if (why == WHY_ROLLBACK && signo == KICK_SIGNAL) {
        regs->orig_rax = UINT64_MAX;
        return STOPPED;
    }
    if (!frame_copy(s, &frame))
        return STOPPED;
    if (why == WHY_SIGNAL)
        from_frame(t, &frame, regs);
    regs->orig_rax = UINT64_MAX;
    if (signo != KICK_SIGNAL)
        stop_from_frame(signo, &frame, regs, stop);
    return STOPPED;
}

bool systrap_narrow(struct aspace *as, uint64_t va, uint64_t size, int prot)
{
    if (va >= STUB_START - NARROW_MAX || size >= NARROW_MAX)
        return false;
    mutex_lock(&as->lock);
    bool is_free = as->narrow_size == 0;
    if (is_free) {
        as->narrow_at = va;
        as->narrow_size = size;
        as->narrow_prot = prot;
    }
    mutex_unlock(&as->lock);
    return is_free;
}

/* The rights that its stub is to give up before it goes on. The order for that. */
static uint32_t narrow_order(struct stub *s, struct aspace *as)
{
    if (likely(!atomic_load_explicit(&as->narrow_size, memory_order_relaxed)))
        return 0;
    mutex_lock(&as->lock);
    uint64_t size = as->narrow_size; /* 0, where a batch was quicker */
    s->slot->narrow_at = as->narrow_at;
    s->slot->narrow_size = size;
    s->slot->narrow_prot = (uint32_t)as->narrow_prot;
    as->narrow_size = 0;
    mutex_unlock(&as->lock);
    return size ? ORDER_NARROW : 0;
}

/* Whether it has all it needs but its result. What needs a frame to go on needs all. */
static bool in_slot(struct guest_thread *t, struct guest_regs *regs)
{
    if (unlikely(slot_read(t->stub->slot->pkru)))
        systrap_regs_get(t, regs);
    return t->brief;
}

int systrap_run(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                struct guest_stop *stop)
{
    corpse_reap_some(&t->p->stubs);
    int err = systrap_thread_enter(t, as);
    if (err)
        return err;
    *stop = (struct guest_stop){ .why = STOP_INTERRUPT, .brief = t->brief };
    if (!kick_go_in(&t->state))
        return 0;
    do {
        uint32_t orders = ORDER_RUN | systrap_fpu_orders(t) | narrow_order(t->stub, as);
        orders |= in_slot(t, regs) ? ORDER_RESULT : regs_to_slot(t->stub, regs);
        err = turn(t, orders, regs->rax);
    } while (!err && look(t, regs, stop) == RESUME);
    kick_go_out(&t->state);
    stop->brief = t->brief;
    return err;
}

void systrap_regs_get(struct guest_thread *t, struct guest_regs *regs)
{
    if (t->brief)
        regs_from_slot(t->stub, regs);
    t->brief = false;
}
