/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/claim.h"

#include <errno.h>

#include "base/host.h"
#include "base/panic.h"

enum { FREE, TAKEN, WANTED /* taken, and somebody may sleep */ };

bool claim_try(_Atomic uint32_t *claim)
{
    uint32_t was = FREE;

    return atomic_compare_exchange_strong_explicit(claim, &was, TAKEN, memory_order_acquire,
                                                   memory_order_relaxed);
}

void claim_take(_Atomic uint32_t *claim)
{
    if (likely(claim_try(claim)))
        return;
    while (atomic_exchange_explicit(claim, WANTED, memory_order_acquire) != FREE) {
        int err = host_futex_wait(claim, WANTED, NSEC_NEVER);
        if (err && err != -EAGAIN && err != -EINTR)
            panic("futex wait: %d", err);
    }
}

void claim_drop(_Atomic uint32_t *claim)
{
    uint32_t was = atomic_exchange_explicit(claim, FREE, memory_order_release);

    assert(was != FREE);
    if (was == WANTED)
        host_futex_wake(claim, 1);
}
