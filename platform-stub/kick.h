/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of guest threads: none is lost, and none told twice. One word says
 * whether the thread is in the guest, where only a signal reaches it, and whether run()
 * owes its caller a STOP_INTERRUPT.
 */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/time.h"

/* The signal that brings a stub back. Stubs ignore it where it comes late. */
#define KICK_SIGNAL SIGURG

enum {
    THREAD_OUT,    /* not in the guest */
    THREAD_IN,     /* in the guest, or about to go there: an interrupt sends a signal */
    THREAD_KICKED, /* interrupted, and run() has not said so yet */
};

/* From out to in. False where an interrupt came before: it is told now. */
static inline bool kick_go_in(_Atomic uint32_t *state)
{
    uint32_t was = THREAD_OUT;

    if (atomic_compare_exchange_strong(state, &was, THREAD_IN))
        return true;
    atomic_store(state, THREAD_OUT);
    return false;
}

/* From in to out. An interrupt that came in between stays, for the next run(). */
static inline void kick_go_out(_Atomic uint32_t *state)
{
    uint32_t was = THREAD_IN;

    atomic_compare_exchange_strong(state, &was, THREAD_OUT);
}

/* True where an interrupt was due, which is told now. */
static inline bool kick_take(_Atomic uint32_t *state)
{
    uint32_t was = THREAD_KICKED;

    return atomic_compare_exchange_strong(state, &was, THREAD_IN);
}

/*
 * Interrupts a guest thread, from any thread of ours.
 *
 *   state  its word
 *   pid    its stub's, or 0; looked at after the word was changed
 */
void kick(_Atomic uint32_t *state, const _Atomic pid_t *pid);

/* The processor time of a stub whose pid we know; 0 where it is gone. See clock_getcpuclockid(3).
 */
nsec_t stub_time(pid_t pid);
