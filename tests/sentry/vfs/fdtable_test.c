/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and what they stand for. */
#include "sentry/vfs/fdtable.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>

#include "tests/lib/vfs_world.h"

static struct vfs_world w;
static struct file *f;
static struct fdtable *t;

static void start(void)
{
    vfs_world_start(&w);
    cr_assert_eq(world_open(&w.root, "/f", O_CREAT | O_RDWR, 0600, &f), 0);
    cr_assert_eq(fdtable_create(w.mm.arena, &t), 0);
}

static void stop(void)
{
    fdtable_put(t, &w.root);
    cr_assert_eq(ref_count(&f->ref), 1);
    file_put(f);
    vfs_world_stop(&w);
}

TestSuite(fdtable, .init = start, .fini = stop);

Test(fdtable, the_lowest_number_is_given)
{
    for (int i = 0; i < 200; i++)
        cr_assert_eq(fdtable_install(t, f, 0, false, 1024), i);
    cr_assert_eq(fdtable_close(t, 5, &w.root), 0);
    cr_assert_eq(fdtable_close(t, 100, &w.root), 0);
    cr_assert_eq(fdtable_install(t, f, 50, false, 1024), 100);
    cr_assert_eq(fdtable_install(t, f, 0, false, 1024), 5);
    cr_assert_eq(fdtable_install(t, f, 0, false, 1024), 200);
    cr_assert_eq(fdtable_install(t, f, 0, false, 201), -EMFILE);
    cr_assert_eq(fdtable_install(t, f, 300, false, 1024), 300);
    cr_assert_eq(fdtable_next(t, 201), 300);
    cr_assert_eq(fdtable_next(t, 301), -1);
}

Test(fdtable, dup2_replaces)
{
    cr_assert_eq(fdtable_install_at(t, f, 7, true, 1024, &w.root), 7);
    cr_assert_eq(fdtable_get_flags(t, 7), 1);
    cr_assert_eq(fdtable_install_at(t, f, 7, false, 1024, &w.root), 7);
    cr_assert_eq(fdtable_get_flags(t, 7), 0);
    cr_assert_eq(fdtable_install_at(t, f, 1024, false, 1024, &w.root), -EBADF);
    cr_assert_eq(fdtable_install_at(t, f, -1, false, 1024, &w.root), -EBADF);
    cr_assert_eq(ref_count(&f->ref), 2);
}

Test(fdtable, a_reserved_number_is_filled_or_given_back)
{
    scoped_slot slot = { 0 };

    for (int shared = 0; shared < 2; shared++) {
        struct fdtable *sharer = shared ? fdtable_get(t) : NULL;
        cr_assert_eq(fdtable_reserve(t, 0, &slot), -EMFILE);
        cr_assert_eq(fdtable_reserve(t, 1024, &slot), 0);
        cr_assert_eq(slot.fd, 0);
        cr_assert_eq(fdtable_next(t, 0), -1);
        fdtable_unreserve(&slot);
        cr_assert_eq(fdtable_reserve(t, 1024, &slot), 0);
        cr_assert_eq(fdtable_fill(&slot, f, true), 0);
        fdtable_unreserve(&slot);
        cr_assert_eq(fdtable_get_flags(t, 0), 1);
        cr_assert_eq(fdtable_install(t, f, 0, false, 1024), 1);
        cr_assert_eq(fdtable_close_range(t, 0, 1, false, &w.root), 0);
        fdtable_put(sharer, &w.root);
    }
    for (int i = 0; i < 64; i++)
        cr_assert_eq(fdtable_install(t, f, 0, false, 1024), i);
    cr_assert_eq(fdtable_reserve(t, 64, &slot), -EMFILE);
    cr_assert_eq(fdtable_reserve(t, 65, &slot), 0); /* which takes more room */
    cr_assert_eq(fdtable_fill(&slot, f, false), 64);
    cr_assert_eq(ref_count(&f->ref), 66);
}

Test(fdtable, others_do_not_get_what_is_reserved)
{
    struct fdtable *sharer = fdtable_get(t), *copy;
    struct fd_slot slot;

    cr_assert_eq(fdtable_reserve(t, 1024, &slot), 0);
    cr_assert_eq(fdtable_install(sharer, f, 0, false, 1024), 1);
    cr_assert_eq(fdtable_install_at(sharer, f, 0, false, 1024, &w.root), -EBUSY);
    cr_assert_eq(fdtable_close(sharer, 0, &w.root), -EBADF);
    cr_assert_null(fdtable_file(sharer, 0));
    cr_assert_eq(fdtable_copy(sharer, &copy), 0);
    cr_assert_eq(fdtable_next(copy, 0), 1);
    cr_assert_eq(fdtable_install(copy, f, 0, false, 1024), 0);
    fdtable_put(copy, &w.root);
    cr_assert_eq(fdtable_close_range(sharer, 0, UINT32_MAX, true, &w.root), 0);
    cr_assert_eq(fdtable_close_range(sharer, 0, UINT32_MAX, false, &w.root), 0);
    cr_assert_eq(fdtable_next(sharer, 0), -1);
    cr_assert_eq(fdtable_fill(&slot, f, false), 0);
    cr_assert_eq(fdtable_get_flags(t, 0), 0);
    fdtable_put(sharer, &w.root);
}

Test(fdtable, ranges_close_and_mark)
{
    for (int i = 0; i < 10; i++)
        cr_assert_eq(fdtable_install(t, f, 0, false, 1024), i);
    cr_assert_eq(fdtable_close_range(t, 3, 5, false, &w.root), 0);
    cr_assert_eq(fdtable_get_flags(t, 4), -EBADF);
    cr_assert_eq(fdtable_close_range(t, 6, UINT32_MAX, true, &w.root), 0);
    cr_assert_eq(fdtable_get_flags(t, 6), 1);
    cr_assert_eq(fdtable_get_flags(t, 2), 0);
    cr_assert_eq(fdtable_close_range(t, 6, 5, true, &w.root), -EINVAL);
    fdtable_close_on_exec(t, &w.root);
    cr_assert_eq(fdtable_next(t, 3), -1);
    cr_assert_eq(fdtable_close(t, 3, &w.root), -EBADF);
    cr_assert_eq(fdtable_close(t, -1, &w.root), -EBADF);
    cr_assert_eq(fdtable_close(t, INT32_MAX, &w.root), -EBADF);
}

Test(fdtable, copies_are_independent)
{
    struct fdtable *copy;

    cr_assert_eq(fdtable_install(t, f, 0, true, 1024), 0);
    cr_assert_eq(fdtable_install(t, f, 500, false, 1024), 500);
    cr_assert_eq(fdtable_copy(t, &copy), 0);
    cr_assert_eq(fdtable_close(t, 0, &w.root), 0);
    cr_assert_eq(fdtable_get_flags(copy, 0), 1);
    cr_assert_eq(fdtable_get_flags(copy, 500), 0);
    fdtable_put(copy, &w.root);
}

Test(fdtable, a_file_is_counted_for_a_call_only_where_the_table_is_shared)
{
    cr_assert_eq(fdtable_install(t, f, 0, false, 1024), 0);
    for (int shared = 0; shared < 2; shared++) {
        struct fdtable *other = shared ? fdtable_get(t) : NULL;
        scoped_use use = fdtable_use(t, 0);
        scoped_use none = fdtable_use(t, 1), beyond = fdtable_use(t, 64),
                   negative = fdtable_use(t, -1);
        cr_expect_eq(use.file, f);
        cr_expect_eq(ref_count(&f->ref), 2u + (unsigned)shared);
        cr_expect(!none.file && !beyond.file && !negative.file);
        if (shared) {
            cr_expect_eq(fdtable_close(other, 0, &w.root), 0);
            cr_expect_eq(ref_count(&f->ref), 2, "what is closed meanwhile stays for the call");
        }
        fdtable_put(other, &w.root);
    }
    cr_expect_eq(ref_count(&f->ref), 1);
}
