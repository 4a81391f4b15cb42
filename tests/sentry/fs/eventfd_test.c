/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/eventfd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/eventfd.h>

#include "tests/lib/fs_world.h"

static struct fs_world w;

static void start(void)
{
    fs_world_start(&w);
}

static void stop(void)
{
    fs_world_stop(&w);
}

TestSuite(eventfd, .init = start, .fini = stop, .timeout = 20);

static const struct row {
    const char *claim;
    uint32_t count;
    int flags;
    uint64_t add; /* 0: do not write */
    ssize_t written, read;
    uint64_t got;
} rows[] = {
    {"an empty counter blocks a read",     0, 0,             0,              0,       -EAGAIN, 0             },
    { "a read takes all",                  3, 0,             4,              8,       8,       7             },
    { "a semaphore gives one",             2, EFD_SEMAPHORE, 3,              8,       8,       1             },
    { "the largest number is refused",     0, 0,             UINT64_MAX,     -EINVAL, -EAGAIN, 0             },
    { "the largest that is none fits",     0, 0,             UINT64_MAX - 1, 8,       8,       UINT64_MAX - 1},
    { "one more than fits blocks a write", 1, 0,             UINT64_MAX - 1, -EAGAIN, 8,       1             },
};

Test(eventfd, counts)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct file *f;
        uint64_t n = r->add;

        cr_assert_eq(eventfd_create(w.arena, w.vfs.root_cred, r->count, r->flags, &f), 0);
        if (r->add)
            cr_expect_eq(fs_write(f, &n, 8), r->written, "%s", r->claim);
        n = 0;
        cr_expect_eq(fs_read(f, &n, 8), r->read, "%s", r->claim);
        cr_expect_eq(n, r->got, "%s", r->claim);
        file_put(f);
    }
}

Test(eventfd, wakes_only_when_something_changed)
{
    struct listener l;
    struct file *f;
    uint64_t n = UINT64_MAX - 1;

    cr_assert_eq(eventfd_create(w.arena, w.vfs.root_cred, 0, 0, &f), 0);
    listen_to(&l, f);
    cr_assert_eq(fs_read(f, &n, 8), -EAGAIN);
    cr_assert_eq(listen_count(&l), 0);
    n = UINT64_MAX - 1;
    cr_assert_eq(fs_write(f, &n, 8), 8);
    cr_assert_eq(listen_count(&l), 1);
    cr_assert_eq(fs_write(f, &n, 8), -EAGAIN);
    cr_assert_eq(listen_count(&l), 0);
    cr_assert_eq(eventfd_add(f, 1), -EAGAIN);
    listen_end(&l);
    file_put(f);
}

Test(eventfd, sizes_are_checked)
{
    struct file *f;
    uint64_t n[2] = { 1, 1 };

    cr_assert_eq(eventfd_create(w.arena, w.vfs.root_cred, 1, 0, &f), 0);
    cr_assert_eq(fs_read(f, n, 7), -EINVAL);
    cr_assert_eq(fs_write(f, n, 7), -EINVAL);
    cr_assert_eq(fs_write(f, n, 16), -EINVAL);
    cr_assert_eq(fs_read(f, n, 16), 8);
    file_put(f);
}
