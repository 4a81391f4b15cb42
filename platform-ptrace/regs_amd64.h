/* SPDX-License-Identifier: Apache-2.0 */
/* A stub's registers, and what its signals say about the processor. */
#pragma once

#include <signal.h>

#include "platform-ptrace/ptrace_priv.h"

/* Reads the registers of a stopped stub. Errors: ESRCH where it was killed. */
must_use int regs_get(struct guest_thread *t, struct guest_regs *out);

/*
 * Sets those that differ. The host does not take every value (a segment of the kernel,
 * a base above the user's): such a register keeps what it has. A stub that was killed
 * takes none.
 */
void regs_set(struct guest_thread *t, const struct guest_regs *regs);

/*
 * True where the registers are as the `syscall` instruction leaves them, from 64-bit code.
 * `int $0x80` leaves them so only if the guest has arranged for it, and then
 * gets, with the same registers, what `syscall` would have given it.
 */
bool regs_after_syscall(const struct guest_regs *regs);

/* Asks the host which table of calls the stub that stands in a call meant. */
bool regs_call_is_32bit(struct guest_thread *t);

/*
 * Says what a signal of the processor means.
 *
 *   info      si_code > 0
 *   regs      as the signal found them; changed where a vsyscall becomes a call
 *   returns   false where it means nothing to a guest
 */
bool stop_from_signal(int sig, const siginfo_t *info, struct guest_regs *regs,
                      struct guest_stop *stop);
