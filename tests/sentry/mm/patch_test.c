/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patched call sites as memory: when a page is replaced, who sees it, and how it goes. What
 * the bytes are is the planner's; here it is that of platform-systrap.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform-systrap/patch.h"
#include "sentry/mm/patch.h"
#include "tests/lib/mm_world.h"

#define PAGES  8u
#define TEXT   (PROT_READ | PROT_EXEC)
#define CALL_A 0x400u /* mov $39,%eax; syscall: in page 0 and 2 */
#define CALL_B 0x800u /* syscall; cmp $-4095,%rax: in page 0 */
#define OTHER  4u     /* a page that is another program's: calls at CALL_C, CALL_D and CALL_E */
#define CALL_C 0x3feu /* mov $110,%eax; syscall: overlaps CALL_A */
#define CALL_D 0xc00u /* mov $39,%eax; syscall */
#define CALL_E 0xd00u /* the same */
#define MANY   64     /* traps that are enough */

/* A file of the host with calls in it. */
struct text_file {
    struct mappable mappable;
    struct window *window;
    int fd;
};

static struct mm_world w;
static struct text_file file;
static struct platform_ops ops;
static struct mm *mm;

static int locate(struct mappable *m, uint64_t index, uint64_t max, unsigned access,
                  struct extent *out)
{
    (void)m, (void)access;
    if (index >= PAGES)
        return -EFAULT;
    *out = (struct extent){ window_pfn(file.window, index), min(max, PAGES - index), true };
    return 0;
}

static uint64_t size_of(struct mappable *m)
{
    (void)m;
    return PAGES * PAGE_SIZE;
}

static void nothing(struct mappable *m)
{
    (void)m;
}

static const struct mappable_ops file_ops = {
    .locate = locate,
    .size = size_of,
    .get = nothing,
    .put = nothing,
};

static void put_bytes(uint64_t at, const void *bytes, size_t size)
{
    cr_assert_eq(pwrite(file.fd, bytes, size, (off_t)at), (ssize_t)size);
}

static void make_file(void)
{
    uint8_t nops[PAGES * PAGE_SIZE];
    hostfd_t h;

    memset(nops, 0x90, sizeof nops);
    file.fd = memfd_create("text", MFD_CLOEXEC);
    put_bytes(0, nops, sizeof nops);
    put_bytes(CALL_A, "\xb8\x27\0\0\0\x0f\x05", 7);
    put_bytes(2 * PAGE_SIZE + CALL_A, "\xb8\x27\0\0\0\x0f\x05", 7);
    put_bytes(CALL_B, "\xe8\0\0\0\0\x0f\x05\x48\x3d\x01\xf0\xff\xff", 13);
    put_bytes(OTHER * PAGE_SIZE + CALL_C, "\xb8\x6e\0\0\0\x0f\x05", 7);
    put_bytes(OTHER * PAGE_SIZE + CALL_D, "\xb8\x27\0\0\0\x0f\x05", 7);
    put_bytes(OTHER * PAGE_SIZE + CALL_E, "\xb8\x27\0\0\0\x0f\x05", 7);
    cr_assert_eq(hostfd_add(w.arena, dup(file.fd), &h), 0);
    cr_assert_eq(window_create(w.arena, h, 0, PAGES, true, &file.window), 0);
    mappable_init(&file.mappable, &file_ops, 5, 6);
}

static struct mm *new_mm(void)
{
    struct aspace *as;
    struct mm *made;

    cr_assert_eq(mm_create(w.arena, &w.limits, NULL, NULL, &made), 0);
    patch_set_owner(made, 1000);
    cr_assert_eq(mm_aspace(made, &as), 0);
    return made;
}

static void start(void)
{
    mm_world_start(&w, 64 * MIB);
    ops = fake_platform;
    ops.patch = &systrap_patch;
    w.platform.ops = &ops;
    cr_assert_eq(patch_create(w.arena), 0);
    make_file();
    mm = new_mm();
}

static void stop(void)
{
    mm_put(mm);
    mm_put(w.mm);
    w.mm = NULL;
    window_destroy(file.window);
    close(file.fd);
    patch_destroy(w.arena);
    mm_world_stop(&w);
}

static uint64_t map_pages(struct mm *in, uint64_t at, uint64_t first, uint64_t pages, int flags)
{
    struct map_source source = {
        .mappable = &file.mappable,
        .off = first * PAGE_SIZE,
        .may_write = true,
        .may_exec = true,
    };
    uptr_t out;

    cr_assert_eq(mm_map(in, uptr(at), pages * PAGE_SIZE, TEXT, flags, &source, &out), 0);
    return out.va;
}

static uint64_t map(struct mm *in, uint64_t at, int flags)
{
    return map_pages(in, at, 0, PAGES, flags);
}

/* The other program's page, over whatever is there. */
static void map_other(struct mm *in, uint64_t at)
{
    map_pages(in, at, OTHER, 1, MAP_PRIVATE | MAP_FIXED);
}

/* A call that ends at `rip` and traps. */
static struct patch_detour trap(struct mm *in, uint64_t rip)
{
    uint64_t nr = (rip & PAGE_MASK) == CALL_C + 7 ? 110 : 39;
    struct guest_regs r = { .rip = rip, .rcx = rip, .orig_rax = nr, .rsp = 0x7000 };
    struct guest_stop stop = { .why = STOP_SYSCALL, .trapped = true };
    struct patch_detour d;

    cr_assert_not(patch_stopped(in, &r, &stop, &d));
    cr_assert_eq(r.rip, rip);
    return d;
}

static void trap_often(struct mm *in, uint64_t rip)
{
    for (int i = 0; i < MANY; i++)
        trap(in, rip);
}

static uint8_t byte_at(struct mm *in, uint64_t va)
{
    uint8_t b;

    cr_assert_eq(mm_world_read(in, va, &b, 1), FAULT_DONE);
    return b;
}

/* Has the guest a jump there? */
static bool is_patched(struct mm *in, uint64_t va)
{
    return byte_at(in, va) == 0xff && byte_at(in, va + 1) == 0x24;
}

/* Where a jump at `va` leads to. */
static uint64_t jump_target(struct mm *in, uint64_t va)
{
    uint64_t to;
    uint32_t pointer;

    cr_assert_eq(mm_world_read(in, va + 3, &pointer, sizeof pointer), FAULT_DONE);
    cr_assert_eq(mm_world_read(in, pointer, &to, sizeof to), FAULT_DONE);
    return to;
}

static struct patch_stats stats(void)
{
    struct patch_stats s = { 0 };

    cr_assert(patch_get_stats(w.arena, &s));
    return s;
}

Test(patch, a_site_is_replaced_when_it_has_trapped_often, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap(mm, at + CALL_A + 7);
    cr_assert_not(is_patched(mm, at + CALL_A), "innocent");
    trap_often(mm, at + CALL_A + 7);
    cr_assert(is_patched(mm, at + CALL_A));
    uint64_t code = jump_target(mm, at + CALL_A);
    cr_assert_eq(systrap_patch.slot_at(code), 0);
    cr_assert_eq(byte_at(mm, code), 0xb8);
    cr_assert_eq(byte_at(mm, at + CALL_A - 1), 0x90);
    cr_assert_eq(byte_at(mm, at + CALL_A + 7), 0x90);
    cr_assert_not(is_patched(mm, at + 2 * PAGE_SIZE + CALL_A), "the same code elsewhere");
    cr_assert_eq(stats().sites, 1);
    cr_assert(mm_world_agrees(mm, false));
}

Test(patch, a_second_site_joins_the_first, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    trap_often(mm, at + CALL_B + 7);
    cr_assert(is_patched(mm, at + CALL_A) && is_patched(mm, at + CALL_B + 5));
    cr_assert_neq(jump_target(mm, at + CALL_A), jump_target(mm, at + CALL_B + 5));
    cr_assert(mm_world_agrees(mm, false));
}

Test(patch, what_is_no_text_of_a_file_stays, .init = start, .fini = stop)
{
    int64_t anon =
        mm_world_map(&w, mm, 0, PAGE_SIZE, TEXT | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    uint64_t shared = map(mm, 0, MAP_SHARED);

    cr_assert_eq(mm_world_write(mm, (uint64_t)anon + 128, "\xb8\x27\0\0\0\x0f\x05", 7), FAULT_DONE);
    trap_often(mm, (uint64_t)anon + 128 + 7);
    trap_often(mm, shared + CALL_A + 7);
    cr_assert_not(is_patched(mm, (uint64_t)anon + 128));
    cr_assert_not(is_patched(mm, shared + CALL_A));
    cr_assert_eq(stats().sites, 0);
}

Test(patch, the_next_program_starts_with_it, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct mm *other = new_mm();

    trap_often(mm, at + CALL_A + 7);
    uint64_t there = map(other, at + 64 * PAGES * PAGE_SIZE, MAP_PRIVATE);
    cr_assert_neq(there, at);
    cr_assert(is_patched(other, there + CALL_A));
    cr_assert_eq(jump_target(other, there + CALL_A), jump_target(mm, at + CALL_A),
                 "slots are known");
    cr_assert(mm_world_agrees(other, false));
    cr_assert_eq(stats().sites, 1);
    cr_assert_eq(stats().shared, 1);
    mm_put(other);
}

Test(patch, programs_that_run_for_a_moment_add_up, .init = start, .fini = stop)
{
    uint64_t at = 0;

    for (int i = 0; i < MANY; i++) {
        struct mm *other = new_mm();
        at = map(other, 0, MAP_PRIVATE);
        if (is_patched(other, at + CALL_A)) {
            cr_assert_gt(i, 4);
            cr_assert_not(is_patched(other, at + CALL_B + 5), "one call in each is not enough");
            mm_put(other);
            return;
        }
        trap(other, at + CALL_A + 7);
        trap(other, at + CALL_A + 7);
        trap(other, at + CALL_B + 7);
        mm_put(other);
    }
    cr_assert_fail("never");
}

static bool starts_patched(uint32_t owner)
{
    struct mm *other = new_mm();

    patch_set_owner(other, owner);
    uint64_t at = map(other, 0, MAP_PRIVATE);
    bool is = is_patched(other, at + CALL_A);
    mm_put(other);
    return is;
}

Test(patch, of_another_users_program_nothing_is_believed, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    cr_assert(starts_patched(1000));
    cr_assert_not(starts_patched(1001));
    cr_assert_not(starts_patched(0));
    cr_assert_not(starts_patched(PATCH_ALONE));
}

Test(patch, of_roots_all_is, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    patch_set_owner(mm, 0);
    trap_often(mm, at + CALL_A + 7);
    cr_assert(starts_patched(0) && starts_patched(1001));
}

Test(patch, who_changes_hands_is_alone, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    patch_set_owner(mm, PATCH_ALONE);
    trap_often(mm, at + CALL_A + 7);
    cr_assert(is_patched(mm, at + CALL_A));
    cr_assert_not(starts_patched(1000) || starts_patched(0) || starts_patched(PATCH_ALONE));
}

Test(patch, but_not_where_the_file_has_changed, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct mm *other = new_mm();

    trap_often(mm, at + CALL_A + 7);
    put_bytes(100, "\xcc", 1);
    uint64_t there = map(other, 0, MAP_PRIVATE);
    cr_assert_not(is_patched(other, there + CALL_A));
    cr_assert_eq(byte_at(other, there + 100), 0xcc);
    put_bytes(100, "\x90", 1);
    put_bytes(CALL_A, "\xb8\x28", 2);
    there = map(other, 0, MAP_PRIVATE);
    cr_assert_eq(byte_at(other, there + CALL_A + 1), 0x28);
    mm_put(other);
}

Test(patch, a_page_mapped_twice_is_patched_once, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    uint64_t again = map(mm, 0, MAP_PRIVATE);
    cr_assert_not(is_patched(mm, again + CALL_A));
    cr_assert_eq(mm_unmap(mm, uptr(at), PAGES * PAGE_SIZE), 0);
    again = map(mm, 0, MAP_PRIVATE);
    cr_assert(is_patched(mm, again + CALL_A), "what has gone gives its slot back");
}

Test(patch, fork_inherits, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct mm *child;

    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(mm_fork(mm, &w.limits, &child), 0);
    cr_assert(is_patched(child, at + CALL_A));
    cr_assert_eq(jump_target(child, at + CALL_A), jump_target(mm, at + CALL_A));
    /* Trampolines of one are not the other's. */
    trap_often(child, at + CALL_B + 7);
    cr_assert(is_patched(child, at + CALL_B + 5));
    cr_assert_not(is_patched(mm, at + CALL_B + 5));
    uint64_t code = jump_target(child, at + CALL_B + 5);
    cr_assert_neq(byte_at(child, code), byte_at(mm, code));
    cr_assert(mm_world_agrees(mm, false) && mm_world_agrees(child, false));
    mm_put(child);
}

Test(patch, who_writes_gets_the_original_first, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    uint8_t old[7];

    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(mm_protect(mm, uptr(at), PAGE_SIZE, TEXT | PROT_WRITE), 0);
    cr_assert_eq(byte_at(mm, at + CALL_A), 0xb8);
    cr_assert_eq(mm_world_write(mm, at + CALL_A + 1, "\x28", 1), FAULT_DONE);
    cr_assert_eq(mm_protect(mm, uptr(at), PAGE_SIZE, TEXT), 0);
    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(byte_at(mm, at + CALL_A + 1), 0x28, "its own copy stays its own");

    uint64_t second = at + 2 * PAGE_SIZE + CALL_A;
    trap_often(mm, second + 7);
    cr_assert(is_patched(mm, second));
    cr_assert_eq(mm_access(mm, uptr(second), old, sizeof old, false), 7);
    cr_assert_arr_eq(old, "\xb8\x27\0\0\0\x0f\x05", 7, "a debugger sees the original");
    cr_assert_not(is_patched(mm, second));
    trap_often(mm, second + 7);
    cr_assert(is_patched(mm, second), "and later it is hot again");
    cr_assert(mm_world_agrees(mm, false));
}

Test(patch, text_that_moves_is_restored, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    uptr_t to;

    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(mm_remap(mm, uptr(at), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
                          uptr(at - 64 * PAGE_SIZE), &to),
                 0);
    cr_assert_eq(byte_at(mm, to.va + CALL_A), 0xb8);
    cr_assert(mm_world_agrees(mm, false));
}

static int count_low(const struct vma_info *v, void *arg)
{
    *(int *)arg += v->start < PATCH_START + PATCH_SIZE;
    return 0;
}

Test(patch, the_region_is_the_guests_if_it_wants_it, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE), total;
    struct mm_usage before, after;
    int low = 0;

    mm_usage(mm, &before);
    trap_often(mm, at + CALL_A + 7);
    mm_usage(mm, &after);
    cr_assert_eq(mm_visit(mm, 0, false, count_low, &low), 0);
    cr_assert_eq(low, 0, "nobody sees it");
    cr_assert_eq(after.total, before.total);
    total = after.total;

    int64_t got = mm_world_map(&w, mm, PATCH_START + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
    cr_assert_eq(got, PATCH_START + PAGE_SIZE);
    cr_assert_eq(byte_at(mm, at + CALL_A), 0xb8, "nothing leads there any more");
    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(byte_at(mm, at + CALL_A), 0xb8);
    mm_usage(mm, &after);
    cr_assert_eq(after.total, total + PAGE_SIZE);
    cr_assert(mm_world_agrees(mm, false));
}

/* Whoever calls by the region's address finds nothing there, from then on. */
static void meets_nothing(int (*call)(uptr_t at))
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    cr_assert(is_patched(mm, at + CALL_A));
    cr_assert_lt(call(uptr(PATCH_START)), 0);
    cr_assert_eq(byte_at(mm, at + CALL_A), 0xb8);
    cr_assert(mm_world_agrees(mm, false));
}

static int call_protect(uptr_t at)
{
    return mm_protect(mm, at, PAGE_SIZE, PROT_READ | PROT_WRITE);
}

static int call_advise(uptr_t at)
{
    return mm_advise(mm, at, PAGE_SIZE, MADV_DONTNEED);
}

static int call_remap(uptr_t at)
{
    uptr_t to;

    return mm_remap(mm, at, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, uptr(0x10000000),
                    &to);
}

Test(patch, no_call_changes_the_region, .init = start, .fini = stop)
{
    meets_nothing(call_protect);
}

Test(patch, nor_takes_its_pages, .init = start, .fini = stop)
{
    meets_nothing(call_advise);
}

Test(patch, nor_moves_it, .init = start, .fini = stop)
{
    meets_nothing(call_remap);
}

Test(patch, the_region_was_taken_before, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    cr_assert_gt(mm_world_map(&w, mm, PATCH_START, PAGE_SIZE, PROT_READ,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED),
                 0);
    trap_often(mm, at + CALL_A + 7);
    cr_assert_not(is_patched(mm, at + CALL_A));
}

Test(patch, off_is_off, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct mm *child;

    trap_often(mm, at + CALL_A + 7);
    patch_off(mm);
    cr_assert_not(is_patched(mm, at + CALL_A));
    trap_often(mm, at + CALL_A + 7);
    cr_assert_not(is_patched(mm, at + CALL_A));
    cr_assert_eq(mm_fork(mm, &w.limits, &child), 0);
    trap_often(child, at + CALL_A + 7);
    cr_assert_not(is_patched(child, at + CALL_A));
    mm_put(child);
}

/* ---- other text in the same place ---- */

Test(patch, a_call_where_another_program_had_one, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    cr_assert(is_patched(mm, at + CALL_A));
    map_other(mm, at);
    trap_often(mm, at + CALL_D + 7);
    cr_assert(is_patched(mm, at + CALL_D));
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(trap(mm, at + CALL_C + 7).to, 0, "whose trampoline would that be?");
    cr_assert(is_patched(mm, at + CALL_C));
    cr_assert(mm_world_agrees(mm, false));
}

Test(patch, what_is_remembered_is_what_is_there, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct mm *next = new_mm();

    trap_often(mm, at + CALL_A + 7);
    map_other(mm, at);
    trap_often(mm, at + CALL_D + 7);
    trap_often(mm, at + CALL_E + 7);
    uint64_t there = map(next, 0, MAP_PRIVATE) + OTHER * PAGE_SIZE;
    cr_assert(is_patched(next, there + CALL_D) && is_patched(next, there + CALL_E));
    mm_put(next);
}

Test(patch, a_site_whose_page_was_restored_is_replaced_again, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    uint8_t byte;

    trap_often(mm, at + CALL_A + 7);
    trap_often(mm, at + CALL_B + 7);
    uint64_t code = jump_target(mm, at + CALL_A);
    cr_assert_eq(mm_access(mm, uptr(at), &byte, 1, false), 1);
    trap_often(mm, at + CALL_B + 7);
    cr_assert(is_patched(mm, at + CALL_B + 5));
    cr_assert_not(is_patched(mm, at + CALL_A));
    trap_often(mm, at + CALL_A + 7);
    cr_assert(is_patched(mm, at + CALL_A));
    cr_assert_eq(jump_target(mm, at + CALL_A), code, "threads may still be there");
    cr_assert(mm_world_agrees(mm, false));
}

/* A planner that is wrong: the call's site begins before another's has ended. */
static bool plan_overlap(const struct patch_text *text, struct patch_site *out)
{
    size_t from = text->after - 9;

    *out = (struct patch_site){ .size = 9, .call = 7, .after = 9, .starts = 1u | 1u << 7 };
    memcpy(out->old, text->bytes + from, out->size);
    return true;
}

Test(patch, sites_never_overlap, .init = start, .fini = stop)
{
    static struct patch_ops wrong;
    uint64_t at = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    uint64_t code = jump_target(mm, at + CALL_A);
    wrong = systrap_patch;
    wrong.plan = plan_overlap;
    ops.patch = &wrong;
    trap_often(mm, at + CALL_A + 7 + 4);
    cr_assert_eq(jump_target(mm, at + CALL_A), code);
    cr_assert_eq(byte_at(mm, at + CALL_A + 7), 0x90);
}

Test(patch, a_child_that_is_not_to_have_the_text, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct mm *child;

    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(mm_advise(mm, uptr(at), PAGE_SIZE, MADV_DONTFORK), 0);
    cr_assert_eq(mm_fork(mm, &w.limits, &child), 0);
    map_other(child, at);
    trap_often(child, at + CALL_D + 7);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(trap(child, at + CALL_C + 7).to, 0);
    cr_assert(is_patched(child, at + CALL_C));
    mm_put(child);
}

/* ---- threads ---- */

static bool stopped(struct guest_regs *r, enum platform_stop why, int signo, int code,
                    struct patch_detour *d)
{
    struct guest_stop stop = { .why = why, .signo = signo, .code = code };

    return patch_stopped(mm, r, &stop, d);
}

Test(patch, a_thread_in_the_middle_is_mended, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct guest_regs r = { .rip = at + CALL_A + 5, .rax = 39 };
    struct patch_detour d;

    trap_often(mm, at + CALL_A + 7);
    uint64_t code = jump_target(mm, at + CALL_A);
    cr_assert(stopped(&r, STOP_EXCEPTION, SIGILL, ILL_ILLOPN, &d));
    cr_assert_eq(r.rip, at + CALL_A + 5, "nobody sees where it really goes");
    patch_resumes(mm, &r, &d);
    cr_assert_eq(r.rip, code + 5);

    /* No old instruction begins there. */
    r.rip = at + CALL_A + 3;
    cr_assert(stopped(&r, STOP_EXCEPTION, SIGILL, ILL_ILLOPN, &d), "perhaps it was there before");
    cr_assert_not(stopped(&r, STOP_EXCEPTION, SIGILL, ILL_ILLOPN, &d), "its own fault");
    r.rip = at + CALL_A + 64;
    cr_assert_not(stopped(&r, STOP_EXCEPTION, SIGILL, ILL_ILLOPN, &d));
    cr_assert_eq(stats().mended, 2);
}

Test(patch, a_thread_behind_its_call_when_that_is_replaced, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE), rip = at + CALL_B + 7;
    struct guest_regs r = { .rip = rip };
    struct patch_detour d = { 0 };

    for (int i = 0; i < MANY && !d.to; i++)
        d = trap(mm, rip);
    cr_assert_eq(d.from, rip);
    patch_resumes(mm, &r, &d);
    cr_assert_eq(systrap_patch.slot_at(r.rip), systrap_patch.slot_at(jump_target(mm, rip - 2)));

    /* Its next call comes from the trampoline, and seems to come from the site. */
    uint64_t back = r.rip;
    r.rcx = r.rip;
    cr_assert_not(stopped(&r, STOP_SYSCALL, 0, 0, &d));
    cr_assert_eq(r.rip, rip);
    cr_assert_eq(r.rcx, rip);
    patch_resumes(mm, &r, &d);
    cr_assert_eq(r.rip, back);

    /* A signal handler runs first: then there is no detour. */
    cr_assert_not(stopped(&r, STOP_INTERRUPT, 0, 0, &d));
    r.rip = 0x1234;
    patch_resumes(mm, &r, &d);
    cr_assert_eq(r.rip, 0x1234);
}

Test(patch, a_thread_in_a_site_that_was_restored, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct guest_regs r = { .rip = at + CALL_A + 5 };
    struct patch_detour d;
    uint8_t byte;

    trap_often(mm, at + CALL_A + 7);
    cr_assert_eq(mm_access(mm, uptr(at + CALL_A), &byte, 1, false), 1);
    cr_assert(stopped(&r, STOP_FAULT, SIGSEGV, SI_KERNEL, &d), "it met our bytes just before");
    cr_assert_eq(d.to, 0, "and goes on in the original");
    cr_assert_not(stopped(&r, STOP_FAULT, SIGSEGV, SI_KERNEL, &d), "twice is not ours");
}

/* Text goes while a thread is in a call that it made from there. */
static void goes_on_in_what_is_there(void (*change)(uint64_t at), bool as_before)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE), rip = at + CALL_B + 7, code;
    struct guest_regs r = { .rip = rip };
    struct patch_detour d;

    trap_often(mm, rip);
    code = jump_target(mm, rip - 2) + 14;
    r.rip = r.rcx = code;
    cr_assert_not(stopped(&r, STOP_SYSCALL, 0, 0, &d));
    change(at);
    patch_resumes(mm, &r, &d);
    cr_assert_eq(r.rip, as_before ? code : rip);
    /* Or it was in the guest meanwhile, and comes out only now. */
    r.rip = code;
    cr_assert_not(stopped(&r, STOP_INTERRUPT, 0, 0, &d));
    cr_assert_eq(r.rip, rip);
    patch_resumes(mm, &r, &d);
    cr_assert_eq(r.rip, as_before ? code : rip);
}

static void change_nothing(uint64_t at)
{
    cr_assert_eq(mm_unmap(mm, uptr(at + PAGE_SIZE), PAGE_SIZE), 0);
}

static void change_text(uint64_t at)
{
    map_other(mm, at);
    trap_often(mm, at + CALL_D + 7);
    cr_assert(is_patched(mm, at + CALL_D));
}

static void change_rights(uint64_t at)
{
    cr_assert_eq(mm_protect(mm, uptr(at), PAGE_SIZE, TEXT | PROT_WRITE), 0);
}

Test(patch, a_call_is_as_long_as_it_likes, .init = start, .fini = stop)
{
    goes_on_in_what_is_there(change_nothing, true);
}

Test(patch, it_returns_to_the_text_of_then, .init = start, .fini = stop)
{
    goes_on_in_what_is_there(change_text, false);
}

Test(patch, it_returns_to_text_that_may_be_written, .init = start, .fini = stop)
{
    goes_on_in_what_is_there(change_rights, false);
}

Test(patch, a_call_that_keeps_its_registers_back, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE), rip = at + CALL_B + 7;
    struct guest_stop call = { .why = STOP_SYSCALL, .brief = true };
    struct guest_stop not_yet = { .why = STOP_INTERRUPT, .brief = true };
    struct guest_regs r = { 0 };
    struct patch_detour d;

    trap_often(mm, rip);
    uint64_t code = jump_target(mm, rip - 2) + 14;
    cr_assert_not(patch_stopped(mm, &r, &call, &d));
    cr_assert(patch_may_return(mm, &d));
    map_other(mm, at);
    cr_assert_not(patch_stopped(mm, &r, &not_yet, &d));
    cr_assert_not(patch_may_return(mm, &d), "to a trampoline that is left");
    r.rip = code;
    patch_shows(mm, &r, &d);
    patch_resumes(mm, &r, &d);
    cr_assert_eq(r.rip, rip);
}

Test(patch, faults_of_the_guest_are_its_own, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE);
    struct guest_regs r = { .rip = at + CALL_B + 5 };
    struct patch_detour d;

    trap_often(mm, at + CALL_B + 7);
    uint64_t code = jump_target(mm, at + CALL_B + 5);
    cr_assert_not(stopped(&r, STOP_FAULT, SIGSEGV, SEGV_MAPERR, &d));
    /* In the trampoline, it seems to be at the site. */
    r.rip = code + 14;
    cr_assert_not(stopped(&r, STOP_FAULT, SIGSEGV, SI_KERNEL, &d));
    cr_assert_eq(r.rip, at + CALL_B + 7);
    r.rip = code + 3;
    cr_assert_not(stopped(&r, STOP_INTERRUPT, 0, 0, &d));
    cr_assert_eq(r.rip, at + CALL_B + 5, "it has not called yet");
}

Test(patch, all_slots_may_be_used, .init = start, .fini = stop)
{
    /* More programs than there are slots, one after the other: none is refused. */
    for (unsigned i = 0; i < PATCH_SLOTS + 40; i++) {
        struct mm *other = new_mm();
        uint8_t mark = (uint8_t)i;
        put_bytes(17 + i % 64, &mark, 1); /* a new file, in effect */
        uint64_t at = map(other, 0, MAP_PRIVATE);
        cr_assert_not(is_patched(other, at + CALL_A));
        trap_often(other, at + CALL_A + 7);
        cr_assert(is_patched(other, at + CALL_A));
        mm_put(other);
    }
}

/* All but the first slot are given to others, for a moment: it is the next. */
static void go_round(void)
{
    for (unsigned i = 1; i < PATCH_SLOTS; i++) {
        struct mm *other = new_mm();
        patch_set_owner(other, PATCH_ALONE);
        trap_often(other, map(other, 0, MAP_PRIVATE) + CALL_A + 7);
        mm_put(other);
    }
}

/* The slot that the site at `at` + CALL_D gets then. */
static int slot_of_call_d(uint64_t at)
{
    go_round();
    trap_often(mm, at + CALL_D + 7);
    return systrap_patch.slot_at(jump_target(mm, at + CALL_D));
}

Test(patch, a_slot_is_kept_while_a_thread_may_come_out, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE), other = map(mm, 0, MAP_PRIVATE);
    uint8_t byte;

    trap_often(mm, at + CALL_A + 7);
    uint64_t code = jump_target(mm, at + CALL_A);
    cr_assert_eq(mm_access(mm, uptr(at), &byte, 1, false), 1);
    cr_assert_neq(slot_of_call_d(other + OTHER * PAGE_SIZE), systrap_patch.slot_at(code));
    struct guest_regs r = { .rip = code };
    struct patch_detour d;
    cr_assert_not(stopped(&r, STOP_INTERRUPT, 0, 0, &d));
    cr_assert_eq(r.rip, at + CALL_A);
}

Test(patch, and_no_longer, .init = start, .fini = stop)
{
    uint64_t at = map(mm, 0, MAP_PRIVATE), other = map(mm, 0, MAP_PRIVATE);

    trap_often(mm, at + CALL_A + 7);
    uint64_t code = jump_target(mm, at + CALL_A);
    map_other(mm, at);
    cr_assert_eq(slot_of_call_d(other + OTHER * PAGE_SIZE), systrap_patch.slot_at(code));
}
