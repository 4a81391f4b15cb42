/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that do their worst, and what only a guest with a slot can do. */
#include <linux/futex.h>
#include <sys/syscall.h>

#define PLATFORM platform_systrap
#include "tests/platform/attack.h"
#include "tests/platform/hostile.h"

extern const char stub_page[];

/* Of futex(2) the guest gets what wakes and sleeps on slots, and nothing else. */
static bool on_slots(const struct guest_regs *regs)
{
    return regs->rdi >= STUB_SLOTS && regs->rdi < STUB_SLOTS_END &&
           (regs->rsi == FUTEX_WAIT || regs->rsi == FUTEX_WAKE);
}

Test(hostile, futexes_but_those_of_slots_are_calls)
{
    static const uint64_t words[] = { DATA_AT,        CODE_AT,        0,         SECRET_AT,
                                      STUB_START - 4, STUB_SLOTS_END, STUB_CODE, STUB_CMD,
                                      STUB_SLOTS,     UINT64_MAX };
    static const uint64_t ops[] = { FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME, (uint64_t)1 << 32,
                                    (uint64_t)1 << 63 };
    struct world w;
    int places = 0;

    world_start(&w);
    for (uint64_t off = 0; off + 1 < PAGE_SIZE; off++) {
        if (memcmp(stub_page + off, "\x0f\x05", 2) != 0)
            continue;
        places++;
        for (size_t i = 0; i < ARRAY_LEN(words) * 32; i++) {
            struct guest_regs regs = rig_regs(STUB_PAGE + off);
            regs.rax = SYS_futex;
            regs.rdi = words[i / 32];
            regs.rsi = i % 32 < 16 ? i % 16 : ops[i % 4];
            if (on_slots(&regs))
                continue;
            cr_assert_eq(rig_run(&w.r, &regs), STOP_SYSCALL);
            cr_assert_eq((long)regs.orig_rax, SYS_futex);
        }
    }
    cr_assert_gt(places, 3);
    world_stop(&w);
}

static uint64_t slot_of_neighbour(struct world *w)
{
    struct guest_regs regs = rig_regs(TELLER_AT);

    cr_assert_eq(OPS->run(w->neighbour, w->other, &regs, &w->r.stop), 0);
    cr_assert_eq(w->r.stop.why, STOP_SYSCALL);
    return regs.orig_rax;
}

/* Slots of other address spaces are not there, whatever a fork has copied. */
Test(hostile, only_its_own_slots_are_there)
{
    struct aspace *child;
    struct world w;
    int seen = 0;

    world_start(&w);
    uint64_t slot = slot_of(&w, w.r.t), next = slot_of_neighbour(&w);
    cr_assert_neq(slot, next);
    cr_assert_eq(OPS->aspace_fork(w.r.as, &child), 0);
    CODE(&w.r, LOOP_AT + 16, "\x48\x8b\x07\x0f\x05"); /* mov (%rdi), %rax; syscall */
    for (uint64_t va = STUB_SLOTS; va < slot + 64 * SLOT_SIZE; va += SLOT_SIZE) {
        struct guest_regs regs = rig_regs(LOOP_AT + 16);
        regs.rdi = va;
        cr_assert_eq(OPS->run(w.r.t, child, &regs, &w.r.stop), 0);
        seen += w.r.stop.why == STOP_SYSCALL;
        cr_assert((va != slot && va != next) || w.r.stop.why == STOP_FAULT);
    }
    cr_assert_eq(seen, 1);
    OPS->aspace_destroy(child);
    world_stop(&w);
}
