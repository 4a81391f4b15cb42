/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/mm/mm.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "sentry/mm/vma.h"
#include "tests/lib/mm_world.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct mm_world w;

static void start(void)
{
    mm_world_start(&w, 64 * MIB);
}

static void stop(void)
{
    mm_world_stop(&w);
}

Test(map, memory_reads_as_zero_and_keeps_what_is_written, .init = start, .fini = stop)
{
    char buf[100], text[] = "hello";
    int64_t at = mm_world_map(&w, w.mm, 0, 10 * MIB, RW, ANON);

    cr_assert_gt(at, 0);
    memset(buf, 1, sizeof buf);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + 5 * MIB - 50, buf, sizeof buf), FAULT_DONE);
    for (size_t i = 0; i < sizeof buf; i++)
        cr_assert_eq(buf[i], 0);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at + 4094, text, sizeof text), FAULT_DONE);
    cr_assert_eq(copy_in(w.mm, buf, uptr((uint64_t)at + 4094), sizeof text), 0);
    cr_assert_str_eq(buf, "hello");
    cr_assert_eq(copy_out(w.mm, uptr((uint64_t)at + 8 * MIB), "there", 6), 0);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + 8 * MIB, buf, 6), FAULT_DONE);
    cr_assert_str_eq(buf, "there");
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at), 10 * MIB), 0);
    cr_assert_eq(copy_in(w.mm, buf, uptr((uint64_t)at), 1), -EFAULT);
}

Test(map, rights_are_kept, .init = start, .fini = stop)
{
    char c = 'x';
    int64_t at = mm_world_map(&w, w.mm, 0, 4 * PAGE_SIZE, PROT_READ, ANON);

    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at, &c, 1), FAULT_DONE);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at, &c, 1), FAULT_ACCERR);
    cr_assert_eq(copy_out(w.mm, uptr((uint64_t)at), &c, 1), -EFAULT);
    cr_assert_eq(mm_access(w.mm, uptr((uint64_t)at), &c, 1, true), 1);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at, &c, 1), FAULT_ACCERR);
    cr_assert_eq(mm_protect(w.mm, uptr((uint64_t)at), PAGE_SIZE, RW), 0);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at, &c, 1), FAULT_DONE);
    cr_assert_eq(mm_protect(w.mm, uptr((uint64_t)at), PAGE_SIZE, PROT_NONE), 0);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at, &c, 1), FAULT_ACCERR);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + 5 * PAGE_SIZE, &c, 1), FAULT_MAPERR);
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(map, a_fork_sees_its_own_from_then_on, .init = start, .fini = stop)
{
    struct mm *child;
    int64_t at = mm_world_map(&w, w.mm, 0, MIB, RW, ANON);
    int64_t shared = mm_world_map(&w, w.mm, 0, MIB, RW, MAP_SHARED | MAP_ANONYMOUS);
    char buf[8];

    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at, "parent", 7), FAULT_DONE);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)shared, "before", 7), FAULT_DONE);
    cr_assert_eq(mm_fork(w.mm, &w.limits, &child), 0);
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert(mm_world_agrees(child, false));
    cr_assert_eq(mm_world_read(child, (uint64_t)at, buf, 7), FAULT_DONE);
    cr_assert_str_eq(buf, "parent");
    cr_assert_eq(mm_world_write(child, (uint64_t)at, "child!", 7), FAULT_DONE);
    cr_assert_eq(mm_world_write(child, (uint64_t)shared, "after!", 7), FAULT_DONE);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at, buf, 7), FAULT_DONE);
    cr_assert_str_eq(buf, "parent");
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)shared, buf, 7), FAULT_DONE);
    cr_assert_str_eq(buf, "after!");
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at, "PARENT", 7), FAULT_DONE);
    cr_assert_eq(mm_world_read(child, (uint64_t)at, buf, 7), FAULT_DONE);
    cr_assert_str_eq(buf, "child!");
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert(mm_world_agrees(child, false));
    mm_put(child);
}

/* Both write to the same page after a fork: from the second time on that costs no fault. */
Test(map, what_one_fork_copied_the_next_copies_ahead, .init = start, .fini = stop)
{
    uint64_t at = (uint64_t)mm_world_map(&w, w.mm, 0, MIB, RW, ANON);
    struct mm *child;

    for (char i = 0; i < 5; i++) {
        char c = i, seen;
        cr_assert_eq(mm_world_write(w.mm, at + 70000, &c, 1), FAULT_DONE);
        cr_assert_eq(mm_fork(w.mm, &w.limits, &child), 0);
        size_t applies = fake_counts(w.platform.platform).applies;
        cr_assert_eq(mm_world_read(child, at + 70000, &seen, 1), FAULT_DONE);
        cr_assert_eq(seen, i);
        c = 100;
        cr_assert_eq(mm_world_write(child, at + 70000, &c, 1), FAULT_DONE);
        cr_assert_eq(mm_world_read(w.mm, at + 70000, &seen, 1), FAULT_DONE);
        cr_assert_eq(seen, i);
        cr_assert_eq(mm_world_write(w.mm, at + 70000, &c, 1), FAULT_DONE);
        if (i > 0)
            cr_assert_eq(fake_counts(w.platform.platform).applies, applies);
        cr_assert(mm_world_agrees(child, false));
        mm_put(child);
    }
    /* Another holder of the mm may be another thread: nothing is copied ahead then. */
    struct mm *held = mm_get(w.mm);
    cr_assert_eq(mm_fork(w.mm, &w.limits, &child), 0);
    size_t applies = fake_counts(w.platform.platform).applies;
    cr_assert_eq(mm_world_write(w.mm, at + 70000, "x", 1), FAULT_DONE);
    cr_assert_gt(fake_counts(w.platform.platform).applies, applies);
    mm_put(child);
    mm_put(held);
}

Test(map, the_heap_grows_and_shrinks, .init = start, .fini = stop)
{
    struct mm_layout l;

    mm_get_layout(w.mm, &l);
    l.start_brk = 0x555555560000;
    mm_set_layout(w.mm, &l);
    cr_assert_eq(mm_brk(w.mm, uptr(0), RW).va, 0x555555560000);
    cr_assert_eq(mm_brk(w.mm, uptr(0x555555560123), RW).va, 0x555555560123);
    cr_assert_eq(mm_world_write(w.mm, 0x555555560ff0, "x", 1), FAULT_DONE);
    cr_assert_eq(mm_world_write(w.mm, 0x555555561000, "x", 1), FAULT_MAPERR);
    cr_assert_eq(mm_brk(w.mm, uptr(0x555555760000), RW).va, 0x555555760000);
    cr_assert_eq(mm_world_write(w.mm, 0x555555660000, "x", 1), FAULT_DONE);
    cr_assert_eq(mm_brk(w.mm, uptr(0x555555561000), RW).va, 0x555555561000);
    cr_assert_eq(mm_world_write(w.mm, 0x555555660000, "x", 1), FAULT_MAPERR);
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(map, errors_are_linux_s, .init = start, .fini = stop)
{
    int64_t at = mm_world_map(&w, w.mm, 0, MIB, RW, ANON);

    cr_assert_eq(mm_world_map(&w, w.mm, 0, 0, RW, ANON), -EINVAL);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, PAGE_SIZE, RW, MAP_ANONYMOUS), -EINVAL);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, UINT64_MAX, RW, ANON), -ENOMEM);
    cr_assert_eq(mm_world_map(&w, w.mm, 0x1001, PAGE_SIZE, RW, ANON | MAP_FIXED), -EINVAL);
    cr_assert_eq(mm_world_map(&w, w.mm, 0x1000, PAGE_SIZE, RW, ANON | MAP_FIXED), -EPERM);
    cr_assert_eq(mm_world_map(&w, w.mm, (uint64_t)at, PAGE_SIZE, RW, ANON | MAP_FIXED_NOREPLACE),
                 -EEXIST);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, 128 * MIB, RW, ANON), -ENOMEM);
    cr_assert_gt(mm_world_map(&w, w.mm, 0, 128 * MIB, RW, ANON | MAP_NORESERVE), 0);
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at + 1), PAGE_SIZE), -EINVAL);
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at), 0), -EINVAL);
    cr_assert_eq(mm_protect(w.mm, uptr((uint64_t)at), 2 * MIB, PROT_READ), -ENOMEM);
    cr_assert_eq(mm_protect(w.mm, uptr((uint64_t)at), MIB, 0x100), -EINVAL);
}

/* What is left of a mapping keeps all of its table: so that counts, from the start. */
Test(map, shared_memory_counts_by_its_length, .init = start, .fini = stop)
{
    uint64_t tib = MIB * MIB, before = arena_used(w.arena);
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    int64_t at = mm_world_map(&w, w.mm, 0, 40 * tib, RW, flags);
    char c = 'x';

    cr_assert_gt(at, 0);
    cr_assert_geq(arena_used(w.arena) - before, 160 * MIB);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at, "a", 1), FAULT_DONE);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)at + 40 * tib - 1, "z", 1), FAULT_DONE);
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at + PAGE_SIZE), 40 * tib - PAGE_SIZE), 0);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, 40 * tib, RW, flags), -ENOMEM);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'a');
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at), PAGE_SIZE), 0);
    at = mm_world_map(&w, w.mm, 0, 40 * tib, RW, flags);
    cr_assert_gt(at, 0);
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at), 40 * tib), 0);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, 1000 * tib, RW, flags), -ENOMEM);
}

/* One page in sixteen is touched: the others are lent, and come back when RAM ends. */
Test(map, only_what_is_touched_counts, .init = start, .fini = stop)
{
    uint64_t touched = 16 * MIB / PAGE_SIZE, step = 16 * PAGE_SIZE;
    int64_t at = mm_world_map(&w, w.mm, 0, touched * step, RW, ANON | MAP_NORESERVE);

    for (uint64_t i = 0; i < touched; i++)
        cr_assert_eq(mm_world_write(w.mm, (uint64_t)at + i * step, &i, sizeof i), FAULT_DONE,
                     "%lu of %lu", i, touched);
    for (uint64_t i = 0; i < touched; i++) {
        uint64_t seen[2];
        cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + i * step, seen, sizeof seen), FAULT_DONE);
        cr_assert_eq(seen[0], i);
        cr_assert_eq(seen[1], 0);
    }
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(map, memory_has_an_end, .init = start, .fini = stop)
{
    int64_t at = mm_world_map(&w, w.mm, 0, 256 * MIB, RW, ANON | MAP_NORESERVE);
    enum fault_result r = FAULT_DONE;
    uint64_t va;

    for (va = (uint64_t)at; r == FAULT_DONE && va < (uint64_t)at + 256 * MIB; va += PAGE_SIZE)
        r = mm_world_write(w.mm, va, "x", 1);
    cr_assert_eq(r, FAULT_OOM);
    cr_assert_gt(va, (uint64_t)at + 60 * MIB);
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert_eq(mm_unmap(w.mm, uptr((uint64_t)at), 256 * MIB), 0);
    cr_assert_lt(ram_used(w.arena), MIB);
}

/* ---- mremap() that finds no memory ---- */

#define MOVES_FROM 16u
#define MOVES      16u /* pages of 64 */

static int move_middle(uint64_t at, uint64_t to)
{
    uptr_t out;

    return mm_remap(w.mm, uptr(at + MOVES_FROM * PAGE_SIZE), MOVES * PAGE_SIZE, MOVES * PAGE_SIZE,
                    MREMAP_MAYMOVE | MREMAP_FIXED, uptr(to), &out);
}

static uint64_t map_numbered(void)
{
    uint64_t at = (uint64_t)mm_world_map(&w, w.mm, 0, 64 * PAGE_SIZE, RW, ANON);

    for (uint64_t i = 0; i < 64; i++)
        cr_assert_eq(mm_world_write(w.mm, at + i * PAGE_SIZE, &i, sizeof i), FAULT_DONE);
    return at;
}

static void expect_untouched(uint64_t at, uint32_t nvmas)
{
    uint64_t seen;

    for (uint64_t i = 0; i < 64; i++) {
        cr_assert_eq(mm_world_read(w.mm, at + i * PAGE_SIZE, &seen, sizeof seen), FAULT_DONE);
        cr_assert_eq(seen, i);
    }
    cr_assert_eq(w.mm->nvmas, nvmas);
    cr_assert(mm_world_agrees(w.mm, false));
}

/* The range at its new place, and two cuts at the old one. */
Test(map, without_kernel_memory_nothing_moves, .init = start, .fini = stop)
{
    uint64_t at = map_numbered(), to = at - MIB, seen;
    uint32_t nvmas = w.mm->nvmas;

    for (uint64_t room = 0; room < 3; room++) {
        uint64_t left = room * sizeof(struct vma) + sizeof(struct vma) / 2;
        void *all = arena_alloc(w.arena, arena_limit(w.arena) - arena_used(w.arena) - left);
        cr_assert_not_null(all);
        cr_assert_eq(move_middle(at, to), -ENOMEM, "room for %lu", room);
        arena_free(all);
        expect_untouched(at, nvmas);
    }
    cr_assert_eq(move_middle(at, to), 0);
    cr_assert_eq(w.mm->nvmas, nvmas + 2);
    cr_assert_eq(mm_world_read(w.mm, to + PAGE_SIZE, &seen, sizeof seen), FAULT_DONE);
    cr_assert_eq(seen, MOVES_FROM + 1);
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(map, without_ram_nothing_moves, .init = start, .fini = stop)
{
    uint64_t at = map_numbered(), to = 0x40000000; /* where there are no tables */
    uint32_t nvmas = w.mm->nvmas;
    uint64_t total = ram_total(w.arena);

    cr_assert_eq(ram_limit(w.arena, PAGE_SIZE), PAGE_SIZE, "less than there is in use");
    cr_assert_eq(move_middle(at, to), -ENOMEM);
    expect_untouched(at, nvmas);
    cr_assert_eq(ram_limit(w.arena, 0), total);
    cr_assert_eq(move_middle(at, to), 0);
    cr_assert_eq(w.mm->nvmas, nvmas + 2);
}
