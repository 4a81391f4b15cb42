/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/mm/late.h"

#include <criterion/criterion.h>

#include "tests/lib/mm_world.h"

#define RW    (PROT_READ | PROT_WRITE)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define LOADS (ANON | MAP_DENYWRITE) /* as a loader says it: what follows will not be looked at */

static struct mm_world w;

static void start(void)
{
    struct aspace *as;

    mm_world_start(&w, 64 * MIB);
    /* A guest has run in it: from here on the platform is told of each change. */
    cr_assert_eq(mm_aspace(w.mm, &as), 0);
}

static void stop(void)
{
    mm_world_stop(&w);
}

static uint64_t map(uint64_t at, uint64_t pages, int prot, int flags)
{
    int64_t got = mm_world_map(&w, w.mm, at, pages * PAGE_SIZE, prot, flags);

    cr_assert_gt(got, 0);
    return (uint64_t)got;
}

static size_t handovers(void)
{
    return fake_counts(w.platform.platform).applies;
}

static bool waits(uint64_t at)
{
    mm_enter(w.mm);
    bool yes = late_has(w.mm, at);
    mm_leave(w.mm);
    return yes;
}

Test(late, what_is_never_touched_comes_to_cost_nothing, .init = start, .fini = stop)
{
    size_t before = 0;

    for (int i = 0; i < 250; i++) {
        if (i == 200)
            before = handovers();
        uint64_t at = map(0, 16, RW, ANON);
        cr_assert(mm_world_agrees(w.mm, false));
        cr_assert_eq(mm_unmap(w.mm, uptr(at), 16 * PAGE_SIZE), 0);
        cr_assert(mm_world_agrees(w.mm, false));
    }
    cr_assert_eq(handovers(), before);
}

Test(late, what_is_always_touched_hardly_ever_waits, .init = start, .fini = stop)
{
    size_t before = handovers();

    for (int i = 0; i < 160; i++) {
        uint64_t at = map(0, 16, RW, ANON);
        cr_assert_eq(mm_world_write(w.mm, at, "x", 1), FAULT_DONE);
        cr_assert_eq(mm_unmap(w.mm, uptr(at), 16 * PAGE_SIZE), 0);
    }
    cr_assert_eq(handovers() - before, 320);
    cr_assert_leq(atomic_load(&w.platform.tally.faults), 10);
}

Test(late, a_guess_that_was_wrong_is_taken_back, .init = start, .fini = stop)
{
    for (int i = 0; i < 100; i++)
        cr_assert_eq(mm_unmap(w.mm, uptr(map(0, 16, RW, ANON)), 16 * PAGE_SIZE), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(mm_world_write(w.mm, map(0, 16, RW, ANON), "x", 1), FAULT_DONE);
    uint64_t faults = atomic_load(&w.platform.tally.faults);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(mm_world_write(w.mm, map(0, 16, RW, ANON), "x", 1), FAULT_DONE);
    cr_assert_leq(atomic_load(&w.platform.tally.faults) - faults, 1);
}

Test(late, a_loader_s_parts_are_handed_over_at_once, .init = start, .fini = stop)
{
    size_t before = handovers();
    uint64_t at = map(0, 60, PROT_READ, LOADS);

    map(at + 10 * PAGE_SIZE, 30, PROT_READ | PROT_EXEC, LOADS | MAP_FIXED);
    map(at + 40 * PAGE_SIZE, 10, PROT_READ, LOADS | MAP_FIXED);
    map(at + 50 * PAGE_SIZE, 4, RW, LOADS | MAP_FIXED);
    map(at + 54 * PAGE_SIZE, 6, RW, ANON | MAP_FIXED);
    cr_assert_eq(handovers(), before);
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert_eq(mm_world_write(w.mm, at + 50 * PAGE_SIZE, "x", 1), FAULT_DONE);
    cr_assert_eq(handovers(), before + 1);
    cr_assert(mm_world_agrees(w.mm, false));
    for (uint64_t i = 0; i < 60; i++)
        cr_assert_not(waits(at + i * PAGE_SIZE));
    cr_assert_eq(mm_world_write(w.mm, at + 20 * PAGE_SIZE, "x", 1), FAULT_ACCERR);
}

Test(late, another_change_takes_it_along, .init = start, .fini = stop)
{
    uint64_t old = map(0, 4, RW, ANON), at = map(0, 4, RW, LOADS);
    size_t before = handovers();

    cr_assert(waits(at));
    cr_assert_eq(mm_protect(w.mm, uptr(old), PAGE_SIZE, PROT_READ), 0);
    cr_assert_not(waits(at));
    cr_assert_eq(handovers(), before + 1);
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(late, rights_change_before_anybody_has_looked, .init = start, .fini = stop)
{
    uint64_t at = map(0, 8, RW, LOADS);

    cr_assert_eq(mm_protect(w.mm, uptr(at + 2 * PAGE_SIZE), 2 * PAGE_SIZE, PROT_READ), 0);
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert_eq(mm_world_write(w.mm, at + 2 * PAGE_SIZE, "x", 1), FAULT_ACCERR);
    cr_assert_eq(mm_world_write(w.mm, at, "x", 1), FAULT_DONE);
}

Test(late, more_parts_than_there_is_room_for, .init = start, .fini = stop)
{
    uint64_t at = map(0, 200, RW, LOADS);

    for (uint64_t i = 1; i < 200; i += 2)
        cr_assert_eq(mm_unmap(w.mm, uptr(at + i * PAGE_SIZE), PAGE_SIZE), 0);
    for (uint64_t i = 0; i < 200; i++) {
        enum fault_result want = i % 2 ? FAULT_MAPERR : FAULT_DONE;
        cr_assert_eq(mm_world_write(w.mm, at + i * PAGE_SIZE, "x", 1), want, "page %lu", i);
    }
    cr_assert(mm_world_agrees(w.mm, true));
}

Test(late, a_child_has_what_its_parent_has_not_looked_at, .init = start, .fini = stop)
{
    uint64_t at = map(0, 4, RW, LOADS);
    struct mm *child;

    cr_assert_eq(copy_out(w.mm, uptr(at), "hello", 6), 0);
    cr_assert_eq(mm_fork(w.mm, &w.limits, &child), 0);
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert(mm_world_agrees(child, false));
    char seen[6];
    cr_assert_eq(mm_world_read(child, at, seen, 6), FAULT_DONE);
    cr_assert_str_eq(seen, "hello");
    mm_put(child);
}

/* What a child had to copy, the next one is given at once. */
Test(late, a_family_learns_what_is_written_after_a_fork, .init = start, .fini = stop)
{
    uint64_t at = map(0, 64, RW, ANON);
    struct mm *child;

    for (uint64_t i = 0; i < 64; i++)
        cr_assert_eq(mm_world_write(w.mm, at + i * PAGE_SIZE, &i, sizeof i), FAULT_DONE);
    for (int fork = 0; fork < 4; fork++) {
        uint64_t seen, faults;

        cr_assert_eq(mm_fork(w.mm, &w.limits, &child), 0);
        faults = atomic_load(&w.platform.tally.faults);
        cr_assert_eq(mm_world_write(child, at + 20 * PAGE_SIZE, "child!!", 8), FAULT_DONE);
        cr_assert_eq(atomic_load(&w.platform.tally.faults) - faults, fork == 0);
        cr_assert_eq(mm_world_read(w.mm, at + 20 * PAGE_SIZE, &seen, sizeof seen), FAULT_DONE);
        cr_assert_eq(seen, 20);
        cr_assert(mm_world_agrees(child, false));
        mm_put(child);
    }
}
