/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2) and record locks. */
#include "sentry/vfs/filelock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/fdtable.h"
#include "sentry/vfs/filelock_priv.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;
static struct file *a, *b;

static void start(void)
{
    vfs_world_start(&w);
    cr_assert_eq(world_open(&w.root, "/f", O_CREAT | O_RDWR, 0600, &a), 0);
    cr_assert_eq(world_open(&w.root, "/f", O_RDWR, 0, &b), 0);
}

static void stop(void)
{
    file_put(a);
    file_put(b);
    vfs_world_stop(&w);
}

TestSuite(filelock, .init = start, .fini = stop);

Test(filelock, flocks_exclude)
{
    cr_assert_eq(flock_try(a, LOCK_EX), 0);
    cr_assert_eq(flock_try(b, LOCK_SH), -EAGAIN);
    cr_assert_eq(flock_try(a, LOCK_SH), 0);
    cr_assert_eq(flock_try(b, LOCK_SH), 0);
    cr_assert_eq(flock_try(a, LOCK_EX), -EAGAIN, "and what it had is gone");
    cr_assert_eq(flock_try(b, LOCK_EX), 0);
    cr_assert_eq(flock_try(b, LOCK_UN), 0);
    cr_assert_eq(flock_try(b, LOCK_UN), 0);
    cr_assert_eq(flock_try(a, LOCK_EX), 0);
    file_put(a);
    cr_assert_eq(flock_try(b, LOCK_EX), 0);
    a = NULL;
}

static int p1, p2, p3; /* their addresses are owners */

static struct record rec(const int *owner, bool exclusive, uint64_t start, uint64_t end)
{
    return (struct record){ owner, 1, exclusive, start, end };
}

static int set(const int *owner, bool exclusive, uint64_t start, uint64_t end)
{
    struct record r = rec(owner, exclusive, start, end);

    return record_try(a->inode, &r, NULL);
}

static int clear(const int *owner, uint64_t start, uint64_t end)
{
    struct record r = rec(owner, false, start, end);

    return record_unlock(a->inode, &r);
}

/* What `owner` has, as "w0-9 r20-29". */
static const char *shown(const int *owner)
{
    static char text[256];
    struct file_locks *l = file_locks_peek(a->inode);
    struct file_lock *k;

    *text = '\0';
    list_for_each (k, &l->records, node)
        if (k->owner == owner)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c%lu-%lu",
                     *text ? " " : "", k->exclusive ? 'w' : 'r', (unsigned long)k->start,
                     (unsigned long)k->end);
    return text;
}

Test(filelock, ranges_split_and_merge)
{
    cr_assert_eq(set(&p1, true, 0, 99), 0);
    cr_assert_eq(clear(&p1, 40, 59), 0);
    cr_assert_str_eq(shown(&p1), "w0-39 w60-99");
    cr_assert_eq(set(&p1, false, 30, 69), 0);
    cr_assert_str_eq(shown(&p1), "w0-29 r30-69 w70-99");
    cr_assert_eq(set(&p1, true, 30, 69), 0);
    cr_assert_str_eq(shown(&p1), "w0-99");
    cr_assert_eq(set(&p1, true, 100, 109), 0);
    cr_assert_str_eq(shown(&p1), "w0-109");
    cr_assert_eq(set(&p1, false, 10, 19), 0);
    cr_assert_str_eq(shown(&p1), "w0-9 r10-19 w20-109");
    cr_assert_eq(clear(&p1, 5, 24), 0);
    cr_assert_str_eq(shown(&p1), "w0-4 w25-109");
    cr_assert_eq(clear(&p1, 0, INT64_MAX), 0);
    cr_assert_str_eq(shown(&p1), "");
    cr_assert_eq(slab_live(w.mm.arena, SLAB_file_lock), 0);
}

Test(filelock, records_exclude_other_owners_where_they_overlap)
{
    struct record r, in_the_way;

    cr_assert_eq(set(&p1, true, 0, 9), 0);
    cr_assert_eq(set(&p2, false, 5, 15), -EAGAIN);
    cr_assert_eq(set(&p2, false, 10, 15), 0);
    cr_assert_eq(set(&p3, false, 10, 12), 0);
    cr_assert_eq(set(&p3, true, 10, 12), -EAGAIN);
    r = rec(&p3, true, 0, INT64_MAX);
    cr_assert(record_test(a->inode, &r, &in_the_way));
    cr_assert_eq(in_the_way.owner, &p1);
    r = rec(&p3, false, 10, 100);
    cr_assert(!record_test(a->inode, &r, &in_the_way));
    file_locks_drop_owner(a->inode, (const struct fdtable *)(const void *)&p1);
    cr_assert_eq(set(&p3, true, 0, 9), 0);
}

Test(filelock, circles_are_found)
{
    struct record_wait *w1 = NULL, *w2 = NULL, *w3 = NULL;
    struct record r;

    cr_assert_eq(set(&p1, true, 0, 0), 0);
    cr_assert_eq(set(&p2, true, 1, 1), 0);
    cr_assert_eq(set(&p3, true, 2, 2), 0);
    r = rec(&p1, true, 1, 1);
    cr_assert_eq(record_try(a->inode, &r, &w1), -EAGAIN);
    r = rec(&p2, true, 2, 2);
    cr_assert_eq(record_try(a->inode, &r, &w2), -EAGAIN);
    r = rec(&p3, true, 0, 0);
    cr_assert_eq(record_try(a->inode, &r, &w3), -EDEADLK);
    record_wait_end(a->inode, w3);
    record_wait_end(a->inode, w2);
    w3 = NULL;
    cr_assert_eq(record_try(a->inode, &r, &w3), -EAGAIN, "nobody waits for the third any more");
    record_wait_end(a->inode, w3);
    record_wait_end(a->inode, w1);
}

Test(filelock, closing_any_descriptor_gives_up_the_process_locks)
{
    struct fdtable *t;

    cr_assert_eq(fdtable_create(w.mm.arena, &t), 0);
    cr_assert_eq(fdtable_install(t, a, 0, false, 10), 0);
    cr_assert_eq(fdtable_install(t, b, 0, false, 10), 1);
    struct record r = { t, 1, true, 0, 9 };
    cr_assert_eq(record_try(a->inode, &r, NULL), 0);
    cr_assert_eq(set(&p1, true, 0, 0), -EAGAIN);
    cr_assert_eq(fdtable_close(t, 1, &w.root), 0);
    cr_assert_eq(set(&p1, true, 0, 0), 0);
    fdtable_put(t, &w.root);
}
