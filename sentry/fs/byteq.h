/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes with a limit, in arena memory that it takes when it needs it. */
#pragma once

#include "sentry/core/arena.h"

/* The owner's lock guards all of it. `head` and `tail` count up for ever. */
struct byteq {
    uint8_t *bytes;
    uint32_t size;       /* bytes there is memory for: a power of two, or 0 */
    uint32_t limit;      /* a power of two that `size` does not pass */
    uint32_t head, tail; /* written to, read from */
};

void byteq_init(struct byteq *q, uint32_t limit);
void byteq_destroy(struct byteq *q);

static inline uint32_t byteq_len(const struct byteq *q)
{
    return q->head - q->tail;
}

/* Bytes that may be put, if there is memory. */
static inline uint32_t byteq_room(const struct byteq *q)
{
    return q->limit - byteq_len(q);
}

/* Puts as many of `n` as there is room for. Returns how many. */
size_t byteq_put(struct arena *a, struct byteq *q, const void *from, size_t n);
/* The first bytes, in one piece: may be fewer than there are. */
size_t byteq_peek(const struct byteq *q, const uint8_t **out);
/* The first `n` are done with. */
void byteq_drop(struct byteq *q, size_t n);
