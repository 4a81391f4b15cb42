/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces that have ended and begin again: who gets them, and what is left in them. */
#define PLATFORM platform_systrap
#include "base/host.h"
#include "platform-systrap/systrap_priv.h"
#include "tests/platform/spare.h"

Test(spare, the_same_processes_begin_again)
{
    static pid_t before[CHILDREN_MAX], after[CHILDREN_MAX];
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    size_t n = children_of(getpid(), before);
    end_it(&r);
    cr_assert_eq(reuse(&r, &me), 0);
    rig_apply(r.as, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    rig_apply(r.as, op_map(DATA_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, DATA_OFF));
    run_there(&r);
    cr_assert_eq(children_of(getpid(), after), n);
    cr_assert_eq(memcmp(before, after, n * sizeof before[0]), 0);
    rig_stop(&r);
}

Test(spare, a_thread_that_is_still_there_ends_with_it)
{
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    OPS->aspace_destroy(r.as); /* the thread has not left */
    cr_assert_eq(reuse(&r, &me), -EAGAIN);
    OPS->thread_destroy(r.t);
    cr_assert_eq(OPS->thread_create(r.p, &r.t), 0);
    r.as = NULL;
    rig_stop(&r);
}

/* 1: incq DATA_AT; jmp 1b */
#define COUNT_UP "\x48\xff\x04\x25\x00\x00\x60\x00\xeb\xf6"

/* What the guest's other threads could have done to one that is parked. */
static void wake_parked(struct slot *slot, uint64_t rip)
{
    slot->regs = rig_regs(rip);
    slot->orders = ORDER_RUN;
    atomic_store(&slot->turn, TURN_GUEST);
    host_futex_wake_shared(&slot->turn, 1);
}

/* Whether a process has something mapped there; also false where it is dead. */
static bool has_mapped(pid_t pid, uint64_t va)
{
    char path[64], line[512];
    unsigned long begin, end;
    bool has = false;

    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    while (maps && !has && fgets(line, sizeof line, maps))
        has = sscanf(line, "%lx-%lx", &begin, &end) == 2 && begin <= va && va < end;
    if (maps)
        fclose(maps);
    return has;
}

Test(spare, who_runs_on_has_no_memory_left)
{
    for (int i = 0; i < 20; i++) {
        struct rig r;

        start(&r);
        CODE(&r, CODE_AT + 64, COUNT_UP);
        run_there(&r);
        struct slot *slot = r.t->stub->slot;
        pid_t pid = r.t->stub->pid;
        volatile uint64_t *count = (uint64_t *)(r.ram + DATA_OFF);
        OPS->thread_leave(r.t);
        wake_parked(slot, CODE_AT + 64);
        while (*count == 42)
            sched_yield();
        cr_assert(has_mapped(pid, DATA_AT));
        OPS->aspace_destroy(r.as);
        cr_assert_not(has_mapped(pid, DATA_AT));
        r.as = NULL;
        rig_stop(&r);
    }
}
