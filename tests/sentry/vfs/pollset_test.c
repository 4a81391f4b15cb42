/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/pollset.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sentry/fs/eventfd.h"
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

TestSuite(pollset, .init = start, .fini = stop, .timeout = 20);

static int woken;
static void count_wake(struct waiter *waiter, unsigned bits)
{
    (void)waiter, (void)bits;
    woken++;
}
static const struct waiter_ops count_ops = { .wake = count_wake };

static struct file *new_event(uint32_t count)
{
    struct file *f;

    cr_assert_eq(eventfd_create(w.arena, w.vfs.root_cred, count, 0, &f), 0);
    return f;
}

Test(pollset, the_first_look_joins_no_queue)
{
    struct poll_entry e[2] = {
        {.file = new_event(0),  .events = POLLIN},
        { .file = new_event(1), .events = POLLIN}
    };
    struct pollset s;

    pollset_init(&s, NULL, e, 2);
    cr_assert_eq(pollset_check(&s), 1);
    cr_assert_eq(e[0].ready, 0);
    cr_assert_eq(e[1].ready, POLLIN);
    cr_assert_not(e[0].joined);
    pollset_destroy(&s);
}

Test(pollset, later_looks_wait_for_all)
{
    struct file *f = file_get(new_event(0));
    struct poll_entry e[3] = {
        {.file = NULL,          .events = POLLIN},
        { .file = f,            .events = POLLIN},
        { .file = new_event(0), .events = POLLIN}
    };
    struct waiter waiter = { .ops = &count_ops };
    struct pollset s;
    uint64_t n = 1;

    pollset_init(&s, NULL, e, 3);
    waitq_add(&s.waitq, &waiter);
    cr_assert_eq(pollset_check(&s), -EAGAIN);
    cr_assert_eq(pollset_check(&s), -EAGAIN);
    cr_assert_eq(fs_write(f, &n, 8), 8);
    cr_assert_eq(woken, 1);
    cr_assert_eq(pollset_check(&s), 1);
    cr_assert_eq(e[1].ready, POLLIN);
    /* A read makes room, which nobody asked about. */
    cr_assert_eq(fs_read(f, &n, 8), 8);
    cr_assert_eq(woken, 1);
    waitq_del(&s.waitq, &waiter);
    pollset_destroy(&s);
    file_put(f);
}
