/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/byteq.h"

#include <string.h>

#define SIZE_MIN 256u

void byteq_init(struct byteq *q, uint32_t limit)
{
    *q = (struct byteq){ .limit = limit };
}

void byteq_destroy(struct byteq *q)
{
    arena_free(q->bytes);
    q->bytes = NULL;
}

/* Memory for `len` bytes, if it can be had. */
static void grow(struct arena *a, struct byteq *q, uint32_t len)
{
    uint32_t size = q->size ? q->size : SIZE_MIN, have = byteq_len(q);

    while (size < len && size < q->limit)
        size *= 2;
    if (size == q->size)
        return;
    uint8_t *bytes = arena_alloc(a, size);
    if (!bytes)
        return;
    for (uint32_t i = 0; i < have; i++)
        bytes[i] = q->bytes[(q->tail + i) & (q->size - 1)];
    arena_free(q->bytes);
    *q = (struct byteq){ .bytes = bytes, .size = size, .limit = q->limit, .head = have };
}

size_t byteq_put(struct arena *a, struct byteq *q, const void *from, size_t n)
{
    size_t want = min(n, (size_t)byteq_room(q));

    if (want > q->size - byteq_len(q))
        grow(a, q, byteq_len(q) + (uint32_t)want);
    want = min(want, (size_t)(q->size - byteq_len(q)));
    for (size_t done = 0; done < want;) {
        uint32_t at = q->head & (q->size - 1);
        size_t part = min(want - done, (size_t)(q->size - at));
        memcpy(q->bytes + at, (const uint8_t *)from + done, part);
        q->head += (uint32_t)part;
        done += part;
    }
    return want;
}

size_t byteq_peek(const struct byteq *q, const uint8_t **out)
{
    if (byteq_len(q) == 0)
        return 0;
    uint32_t at = q->tail & (q->size - 1);
    *out = q->bytes + at;
    return min(byteq_len(q), q->size - at);
}

void byteq_drop(struct byteq *q, size_t n)
{
    assert_slow(n <= byteq_len(q));
    q->tail += (uint32_t)n;
}
