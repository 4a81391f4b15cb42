/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take objects and bytes from one arena and give them back, some of them each other's.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/core/slab.h"

#define THREADS 4
#define HELD    200

struct item {
    uint64_t who;
    char rest[150];
};

static const struct slab_type item_slab = SLAB_TYPE(kernel, struct item);
static struct arena *a;
static _Atomic(struct item *) shared[HELD]; /* whoever takes one out owns it */

struct worker {
    pthread_t thread;
    uint64_t seed, number;
    char *bytes[HELD];
    int steps;
};

static uint32_t pick(struct worker *k, uint32_t n)
{
    k->seed = k->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(k->seed >> 33) % n;
}

static void swap_item(struct worker *k)
{
    struct item *mine = slab_alloc(a, &item_slab);

    assert(mine && mine->who == 0 && mine->rest[149] == 0);
    mine->who = k->number;
    memset(mine->rest, (int)k->number, sizeof mine->rest);
    struct item *old = atomic_exchange(&shared[pick(k, HELD)], mine);
    if (!old)
        return;
    for (size_t i = 0; i < sizeof old->rest; i++)
        assert(old->rest[i] == (char)old->who);
    slab_free(old);
}

static void swap_bytes(struct worker *k)
{
    char **slot = &k->bytes[pick(k, HELD)];

    if (*slot) {
        assert((*slot)[0] == (char)k->number);
        arena_free(*slot);
        *slot = NULL;
        return;
    }
    size_t size = 1 + pick(k, pick(k, 10) ? 3000 : 200000);
    *slot = arena_alloc(a, size);
    assert(*slot && (*slot)[0] == 0 && (*slot)[size - 1] == 0);
    (*slot)[0] = (*slot)[size - 1] = (char)k->number;
}

static void *work(void *arg)
{
    struct worker *k = arg;

    for (int i = 0; i < k->steps; i++) {
        if (pick(k, 2))
            swap_item(k);
        else
            swap_bytes(k);
    }
    for (int i = 0; i < HELD; i++)
        arena_free(k->bytes[i]);
    return NULL;
}

Test(slab_stress, nothing_is_given_twice_or_lost, .timeout = 120)
{
    static struct worker workers[THREADS];

    cr_assert_eq(arena_create((uint64_t)1 << 30, &a), 0);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){ .number = i + 1, .seed = i, .steps = getenv("LONG") ? 500000 : 20000 };
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < HELD; i++)
        slab_free(shared[i]);
    cr_assert_eq(slab_live(a, SLAB_kernel), 0);
    cr_assert_eq(arena_used(a), 0);
    arena_destroy(a);
}
