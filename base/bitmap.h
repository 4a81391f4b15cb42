/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of small numbers, as bits in an array of 64-bit words that the caller owns.
 * `len` is always in bits. Not atomic: the owner's lock guards them.
 */
#pragma once

#include "base/cc.h"

/* How many words hold `len` bits. */
#define BITMAP_WORDS(len) (((size_t)(len) + 63) / 64)

static inline void bitmap_set(uint64_t *map, size_t i)
{
    map[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t i)
{
    map[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline bool bitmap_test(const uint64_t *map, size_t i)
{
    return map[i / 64] >> (i % 64) & 1;
}

/* The first bit at or after `from` that differs from those in `flip`; `len` if none. */
static inline size_t bitmap_find_(const uint64_t *map, size_t len, size_t from, uint64_t flip)
{
    if (from >= len)
        return len;
    size_t word = from / 64;
    uint64_t bits = (map[word] ^ flip) & (~UINT64_C(0) << (from % 64));
    while (bits == 0) {
        if (++word >= BITMAP_WORDS(len))
            return len;
        bits = map[word] ^ flip;
    }
    size_t at = word * 64 + (size_t)__builtin_ctzll(bits);
    return at < len ? at : len;
}

/* The first set bit at or after `from`, or `len`. */
static inline size_t bitmap_find_next_set(const uint64_t *map, size_t len, size_t from)
{
    return bitmap_find_(map, len, from, 0);
}

/* The first clear bit at or after `from`, or `len`. */
static inline size_t bitmap_find_next_zero(const uint64_t *map, size_t len, size_t from)
{
    return bitmap_find_(map, len, from, ~UINT64_C(0));
}

static inline size_t bitmap_count(const uint64_t *map, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len / 64; i++)
        n += (size_t)__builtin_popcountll(map[i]);
    if (len % 64)
        n += (size_t)__builtin_popcountll(map[len / 64] & ((UINT64_C(1) << (len % 64)) - 1));
    return n;
}

#define bitmap_for_each_set(i, map, len)                               \
    for ((i) = bitmap_find_next_set(map, len, 0); (i) < (size_t)(len); \
         (i) = bitmap_find_next_set(map, len, (i) + 1))
