/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashing, and hash tables whose nodes live inside what they hold.
 *
 * The mixer multiplies to 128 bits and folds the halves. Where a guest chooses
 * the keys, the seed must be random and secret, or it could aim at one bucket.
 */
#pragma once

#include <string.h>

#include "base/cc.h"
#include "base/macro.h"

#define HASH_K0 UINT64_C(0x9e3779b97f4a7c15) /* 2^64 divided by the golden ratio */
#define HASH_K1 UINT64_C(0xd1b54a32d192ed03)
#define HASH_K2 UINT64_C(0x8cb92ba72f3d8dd7)

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 wide = (unsigned __int128)a * b;
    return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

static inline uint64_t hash_u64(uint64_t x)
{
    return hash_mix(hash_mix(x ^ HASH_K0, HASH_K1) ^ x, HASH_K2);
}

/* Hashes two words; chain it for more. */
static inline uint64_t hash_pair(uint64_t a, uint64_t b)
{
    return hash_mix(hash_u64(a) ^ HASH_K1, b ^ HASH_K2);
}

/*
 * Fewer than eight bytes as a number, which of the same length no others have. In two reads that
 * may overlap: a copy of so few bytes that the compiler cannot count is a call, and then waits.
 */
static inline uint64_t hash_rest(const unsigned char *at, size_t n)
{
    uint32_t first, last;

    if (n >= sizeof first) {
        memcpy(&first, at, sizeof first);
        memcpy(&last, at + n - sizeof last, sizeof last);
        return (uint64_t)first << 32 | last;
    }
    return n ? (uint64_t)at[0] << 16 | (uint64_t)at[n / 2] << 8 | at[n - 1] : 0;
}

/* Hashes `n` bytes. Different lengths of zeroes have different hashes. */
static inline uint64_t hash_bytes(uint64_t seed, const void *p, size_t n)
{
    const unsigned char *at = (const unsigned char *)p;
    uint64_t h = hash_mix(seed ^ HASH_K0, n ^ HASH_K1), word;

    for (; n >= sizeof word; at += sizeof word, n -= sizeof word) {
        memcpy(&word, at, sizeof word);
        h = hash_mix(h ^ HASH_K0 ^ word, h ^ HASH_K2) ^ word;
    }
    return hash_u64(h ^ hash_mix(hash_rest(at, n) ^ HASH_K1, h ^ HASH_K0));
}

struct hnode {
    struct hnode *next;
    uint64_t hash;
};

/* The caller owns the array of buckets, and its lock guards all of this. */
struct htab {
    struct hnode **buckets;
    size_t mask; /* number of buckets, a power of two, less one */
    size_t count;
};

/*
 * Makes an empty table.
 *
 *   buckets   borrowed until the table is gone or has moved to others
 *   len       a power of two
 */
static inline void htab_init(struct htab *t, struct hnode **buckets, size_t len)
{
    assert(len > 0 && (len & (len - 1)) == 0);
    memset(buckets, 0, len * sizeof *buckets);
    *t = (struct htab){ .buckets = buckets, .mask = len - 1 };
}

static inline void htab_insert(struct htab *t, struct hnode *n, uint64_t hash)
{
    struct hnode **slot = &t->buckets[hash & t->mask];

    n->hash = hash;
    n->next = *slot;
    *slot = n;
    t->count++;
}

/* Takes out `n`, which must be in the table. */
static inline void htab_remove(struct htab *t, struct hnode *n)
{
    struct hnode **slot = &t->buckets[n->hash & t->mask];

    while (*slot != n) {
        assert(*slot);
        slot = &(*slot)->next;
    }
    *slot = n->next;
    n->next = NULL;
    t->count--;
}

/* Whether the table should get more buckets: there are more nodes than buckets. */
static inline bool htab_is_full(const struct htab *t)
{
    return t->count > t->mask;
}

/*
 * Moves to another array of buckets.
 *
 *   returns   the old array, given back to the caller
 */
static inline struct hnode **htab_rehash(struct htab *t, struct hnode **buckets, size_t len)
{
    struct htab old = *t;

    htab_init(t, buckets, len);
    for (size_t i = 0; i <= old.mask; i++) {
        struct hnode *next;
        for (struct hnode *n = old.buckets[i]; n; n = next) {
            next = n->next;
            htab_insert(t, n, n->hash);
        }
    }
    return old.buckets;
}

/* The first node of this hash at or after `n` in its chain, or NULL. */
static inline struct hnode *htab_same_hash_(struct hnode *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

static inline struct hnode *htab_first_hash_(const struct htab *t, uint64_t hash)
{
    return htab_same_hash_(t->buckets[hash & t->mask], hash);
}

/*
 * Goes over all that have this hash; the body compares the keys. The body may
 * remove `pos` if it then leaves the loop.
 */
#define htab_for_each(pos, t, hash, member) \
    htab_for_each_(pos, t, hash, member, CAT(hnode_at_, __LINE__))
#define htab_for_each_(pos, t, h, member, at)                                \
    for (struct hnode *at = htab_first_hash_(t, h);                          \
         at && ((pos) = container_of(at, __typeof__(*(pos)), member), true); \
         at = htab_same_hash_(at->next, at->hash))
