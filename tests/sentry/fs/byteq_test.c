/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/byteq.h"

#include <criterion/criterion.h>
#include <string.h>

static struct arena *a;

static void start(void)
{
    cr_assert_eq(arena_create(UINT64_C(16) << 20, &a), 0);
}

static void stop(void)
{
    arena_destroy(a);
}

TestSuite(byteq, .init = start, .fini = stop, .timeout = 20);

static size_t take(struct byteq *q, uint8_t *out, size_t n)
{
    const uint8_t *bytes;
    size_t done = 0, part;

    while (done < n && (part = byteq_peek(q, &bytes)) > 0) {
        part = min(part, n - done);
        memcpy(out + done, bytes, part);
        byteq_drop(q, part);
        done += part;
    }
    return done;
}

Test(byteq, has_no_memory_before_it_needs_some)
{
    struct byteq q;
    uint64_t used = arena_used(a);

    byteq_init(&q, 4096);
    cr_assert_eq(arena_used(a), used);
    cr_assert_eq(byteq_room(&q), 4096u);
    byteq_destroy(&q);
}

Test(byteq, takes_what_its_limit_allows)
{
    static uint8_t bytes[5000];
    struct byteq q;

    byteq_init(&q, 4096);
    cr_assert_eq(byteq_put(a, &q, bytes, sizeof bytes), 4096u);
    cr_assert_eq(byteq_put(a, &q, bytes, 1), 0u);
    byteq_drop(&q, 10);
    cr_assert_eq(byteq_put(a, &q, bytes, 100), 10u);
    byteq_destroy(&q);
}

Test(byteq, keeps_the_order_while_it_grows_and_wraps)
{
    uint8_t in = 0, out = 0, b[97];
    struct byteq q;

    byteq_init(&q, 2048);
    for (int round = 0; round < 500; round++) {
        size_t n = (size_t)(round * 7 % 97);
        for (size_t i = 0; i < n; i++)
            b[i] = (uint8_t)(in + i);
        in = (uint8_t)(in + byteq_put(a, &q, b, n));
        n = take(&q, b, (size_t)(round * 5 % 89));
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(b[i], out++);
    }
    byteq_destroy(&q);
}
