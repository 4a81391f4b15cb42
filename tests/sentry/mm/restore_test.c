/* SPDX-License-Identifier: Apache-2.0 */
/* An arena with address spaces in it is saved, unmapped, and attached again: they go on. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentry/core/slab.h"
#include "sentry/mm/mm.h"
#include "tests/lib/mm_world.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct mm_world w;

/* The process, but for what a restored one makes anew, is another one. */
static void save_and_attach(struct mm *child)
{
    struct platform *old = w.platform.platform;
    struct aspace *a, *b;

    void *ram = arena_host(w.arena, HOST_RAM), *fds = arena_host(w.arena, HOST_FDS);
    int fd = memfd_create("saved", MFD_CLOEXEC);

    cr_assert_eq(mm_aspace(w.mm, &a) | mm_aspace(child, &b), 0);
    cr_assert_eq(arena_save(w.arena, fd), 0);
    arena_destroy(w.arena);
    fake_platform.aspace_destroy(a);
    fake_platform.aspace_destroy(b);
    fake_platform.destroy(old);
    cr_assert_eq(arena_attach(fd, &w.arena), 0);
    close(fd);
    arena_set_host(w.arena, HOST_RAM, ram);
    arena_set_host(w.arena, HOST_FDS, fds);
    arena_set_host(w.arena, HOST_RNG, &w.rng);
    arena_set_host(w.arena, HOST_PLATFORM, &w.platform);
    struct platform_options opts = { .ram_fd = ram_fd(w.arena) };
    cr_assert_eq(fake_platform.create(&opts, &w.platform.platform), 0);
    w.mm = arena_root(w.arena, ROOT_KERNEL);
}

Test(restore, memory_is_as_it_was)
{
    struct limits *limits;
    struct mm *child;
    char why[200], text[16];

    mm_world_start(&w, 64 * MIB);
    limits = arena_alloc(w.arena, sizeof *limits);
    limits_init(limits);
    mm_set_limits(w.mm, limits);
    uint64_t at = (uint64_t)mm_world_map(&w, w.mm, 0, 4 * MIB, RW, ANON);
    uint64_t shared = (uint64_t)mm_world_map(&w, w.mm, 0, MIB, RW, MAP_SHARED | MAP_ANONYMOUS);
    cr_assert_eq(mm_world_write(w.mm, at + 3 * MIB, "private", 8), FAULT_DONE);
    cr_assert_eq(mm_world_write(w.mm, shared + 5, "shared", 7), FAULT_DONE);
    cr_assert_eq(
        mm_map_special(w.mm, uptr(0x70000000), PAGE_SIZE, PROT_READ, 0, "[vdso]", "code", 5), 0);
    cr_assert_eq(mm_fork(w.mm, limits, &child), 0);
    cr_assert(arena_check(w.arena, why, sizeof why), "%s", why);
    arena_set_root(w.arena, ROOT_KERNEL, w.mm);
    arena_set_root(w.arena, ROOT_TASKS, child);

    save_and_attach(child);
    child = arena_root(w.arena, ROOT_TASKS);
    cr_assert_eq(mm_world_read(w.mm, at + 3 * MIB, text, 8), FAULT_DONE);
    cr_assert_str_eq(text, "private");
    cr_assert_eq(mm_world_read(child, shared + 5, text, 7), FAULT_DONE);
    cr_assert_str_eq(text, "shared");
    cr_assert_eq(mm_world_write(child, at + 3 * MIB, "changed", 8), FAULT_DONE);
    cr_assert_eq(mm_world_read(w.mm, at + 3 * MIB, text, 8), FAULT_DONE);
    cr_assert_str_eq(text, "private");
    cr_assert_eq(mm_world_read(child, 0x70000000, text, 5), FAULT_DONE);
    cr_assert_str_eq(text, "code");
    cr_assert_eq(mm_protect(w.mm, uptr(at), 4 * MIB, PROT_READ), 0);
    cr_assert_eq(mm_world_write(w.mm, at + 3 * MIB, "x", 1), FAULT_ACCERR);
    cr_assert_eq(mm_world_read(w.mm, at + 3 * MIB, text, 8), FAULT_DONE);
    cr_assert(mm_world_agrees(w.mm, true));
    cr_assert(mm_world_agrees(child, true));
    mm_put(child);
    arena_set_root(w.arena, ROOT_KERNEL, NULL);
    mm_set_limits(w.mm, &w.limits);
    arena_free(limits);
    mm_world_stop(&w);
}
