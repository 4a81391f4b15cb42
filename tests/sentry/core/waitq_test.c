/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/core/waitq.h"

#include <criterion/criterion.h>

struct counter {
    struct waiter waiter;
    int woken;
    unsigned bits;
};

static void wake(struct waiter *w, unsigned bits)
{
    struct counter *c = container_of(w, struct counter, waiter);

    c->woken++;
    c->bits = bits;
}

static const struct waiter_ops ops = { .wake = wake };

static void init(struct counter *c, bool exclusive)
{
    *c = (struct counter){
        .waiter = {.ops = &ops, .exclusive = exclusive}
    };
}

Test(waitq, wakes_who_waits_and_nobody_else)
{
    struct counter a, b;
    struct waitq q;

    waitq_init(&q);
    init(&a, false);
    init(&b, false);
    waitq_wake(&q, 1);
    waitq_add(&q, &a.waiter);
    waitq_add(&q, &b.waiter);
    waitq_wake(&q, 5);
    cr_assert_eq(a.woken, 1);
    cr_assert_eq(b.bits, 5);
    waitq_del(&q, &a.waiter);
    waitq_del(&q, &a.waiter);
    waitq_wake(&q, 2);
    cr_assert_eq(a.woken, 1);
    cr_assert_eq(b.woken, 2);
    waitq_del(&q, &b.waiter);
    waitq_destroy(&q);
}

Test(waitq, one_of_the_exclusive_is_woken_and_all_others)
{
    struct counter c[4];
    struct waitq q;

    waitq_init(&q);
    for (int i = 0; i < 4; i++) {
        init(&c[i], i == 1 || i == 2);
        waitq_add(&q, &c[i].waiter);
    }
    waitq_wake_one(&q, 1);
    cr_assert_eq(c[0].woken + c[1].woken + c[3].woken, 3);
    cr_assert_eq(c[2].woken, 0);
    for (int i = 0; i < 4; i++)
        waitq_del(&q, &c[i].waiter);
    waitq_destroy(&q);
}

Test(waitq, leaving_without_having_joined_is_fine)
{
    struct counter c;
    struct waitq q;

    waitq_init(&q);
    init(&c, false);
    waitq_del(&q, &c.waiter);
    waitq_destroy(&q);
}
