/* SPDX-License-Identifier: Apache-2.0 */
/* One turn in the guest: registers into the slot, a turn, a stop, registers out. */
#include <errno.h>

#include "platform-systrap/regs_amd64.h"
#include "platform-systrap/systrap_priv.h"

/* Whether the stub has stopped for us; if not, it goes on. */
enum verdict { RESUME, STOPPED };

/* What the stub says, of which nothing may be believed: it is the guest that says it. */
static enum verdict look(struct guest_thread *t, struct guest_regs *regs, struct guest_stop *stop)
{
    struct stub *s = t->stub;
    struct signal_frame frame;
    uint32_t why = s->slot->why;

    if (why == WHY_CALL) {
        regs_from_call(s, regs);
        s->slot->pkru = 0; /* it could not have come this way */
        stop->why = STOP_SYSCALL;
        return STOPPED;
    }
    stop->why = STOP_INTERRUPT; /* also where what is said makes no sense */
    if (why != WHY_SIGNAL && why != WHY_ROLLBACK)
        return STOPPED;
    int signo = (int)s->slot->signo;
    if (signo == KICK_SIGNAL) {
        if (!kick_take(&t->state)) {
            if (why == WHY_SIGNAL && frame_copy(s, &frame))
                regs_from_frame(s, &frame, regs);
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
        regs_from_frame(s, &frame, regs);
    regs->orig_rax = UINT64_MAX;
    if (signo != KICK_SIGNAL)
        stop_from_frame(signo, &frame, regs, stop);
    return STOPPED;
}

int systrap_run(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                struct guest_stop *stop)
{
    corpse_reap_some(&t->p->stubs);
    int err = systrap_thread_enter(t, as);
    if (err)
        return err;
    *stop = (struct guest_stop){ .why = STOP_INTERRUPT };
    if (!kick_go_in(&t->state))
        return 0;
    do {
        uint32_t orders = ORDER_RUN | systrap_fpu_orders(t) | regs_to_slot(t->stub, regs);
        err = turn(t, orders);
    } while (!err && look(t, regs, stop) == RESUME);
    kick_go_out(&t->state);
    return err;
}
