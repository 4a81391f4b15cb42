/* SPDX-License-Identifier: Apache-2.0 */
/* A stub's registers in its slot and its signal frames, and what its signals say. */
#pragma once

#include <signal.h>

#include "platform-systrap/systrap_priv.h"

/* What we look at of a signal frame, copied before we do. */
struct signal_frame {
    uint64_t gregs[23]; /* as struct sigcontext_64 has them: REG_* of <sys/ucontext.h> */
    uint64_t fpstate;   /* address of the XSAVE area, in the stub */
    int32_t signo, error, code, pad;
    uint64_t addr;   /* si_addr, or si_call_addr */
    int32_t syscall; /* SIGSYS */
    uint32_t arch;
};

/* False where the slot does not say where it is. */
bool frame_copy(const struct stub *s, struct signal_frame *out);

/*
 * Writes what the stub is to go on with. Values that the processor would not take are
 * replaced by such as it does.
 *
 *   returns   ORDER_IRET or ORDER_FRAME where these registers, or its PKRU, need it, or 0
 */
must_use uint32_t regs_to_slot(struct stub *s, const struct guest_regs *regs);

/* The call that a rewritten call site has made: number and arguments, and nothing else. */
void regs_from_call(const struct stub *s, struct guest_regs *regs);
/* What else such a site has left. */
void regs_from_slot(const struct stub *s, struct guest_regs *regs);
/* What a signal frame has. What is not there stays as it was, with which the stub was resumed. */
void regs_from_frame(const struct stub *s, const struct signal_frame *f, struct guest_regs *regs);

/* Says what a signal of the processor, or of a filter, means. Calls change `regs`. */
void stop_from_frame(int signo, const struct signal_frame *f, struct guest_regs *regs,
                     struct guest_stop *stop);
