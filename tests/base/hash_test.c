/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <criterion/criterion.h>

struct item {
    struct hnode node;
    uint64_t key;
};

static struct item *find(const struct htab *t, uint64_t key)
{
    struct item *it;

    htab_for_each (it, t, hash_u64(key), node) {
        if (it->key == key)
            return it;
    }
    return NULL;
}

Test(hash, lengths_of_zeroes_differ)
{
    static const char zeroes[64];
    uint64_t seen[64];

    for (size_t n = 0; n < 64; n++) {
        seen[n] = hash_bytes(1, zeroes, n);
        for (size_t m = 0; m < n; m++)
            cr_assert_neq(seen[n], seen[m]);
    }
}

Test(hash, the_seed_and_each_byte_matter)
{
    char text[] = "the quick brown fox jumps over";
    uint64_t plain = hash_bytes(1, text, sizeof text);

    cr_assert_neq(plain, hash_bytes(2, text, sizeof text));
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] ^= 1;
        cr_assert_neq(plain, hash_bytes(1, text, sizeof text));
        text[i] ^= 1;
    }
    cr_assert_eq(plain, hash_bytes(1, text, sizeof text));
}

Test(hash, each_byte_of_a_short_name_matters)
{
    unsigned char name[8] = "abcdefgh";

    for (size_t n = 1; n < 8; n++)
        for (size_t i = 0; i < n; i++) {
            uint64_t rest = hash_rest(name, n), hash = hash_bytes(1, name, n);
            for (unsigned flip = 1; flip < 256; flip++) {
                name[i] ^= (unsigned char)flip;
                cr_assert_neq(hash_rest(name, n), rest);
                cr_assert_neq(hash_bytes(1, name, n), hash);
                name[i] ^= (unsigned char)flip;
            }
        }
    /* Nothing behind the end is looked at. */
    cr_assert_eq(hash_rest((const unsigned char *)"abX", 2),
                 hash_rest((const unsigned char *)"abY", 2));
}

/* Counts how often each output bit flips for one input bit: near half the time. */
Test(hash, one_bit_in_flips_half_of_the_bits_out)
{
    for (int in = 0; in < 64; in++) {
        int flips = 0;
        for (uint64_t x = 1; x <= 64; x++)
            flips += __builtin_popcountll(hash_u64(x) ^ hash_u64(x ^ UINT64_C(1) << in));
        cr_assert(flips > 64 * 64 * 4 / 10 && flips < 64 * 64 * 6 / 10, "bit %d: %d", in, flips);
    }
}

Test(htab, holds_what_was_put_in_through_a_rehash)
{
    static struct hnode *small[4], *large[64];
    static struct item items[100];
    struct htab t;

    htab_init(&t, small, ARRAY_LEN(small));
    for (uint64_t i = 0; i < ARRAY_LEN(items); i++) {
        items[i].key = i * 4096;
        htab_insert(&t, &items[i].node, hash_u64(items[i].key));
        cr_assert_eq(htab_is_full(&t), i + 1 >= ARRAY_LEN(small));
    }
    cr_assert_eq(htab_rehash(&t, large, ARRAY_LEN(large)), small);
    for (uint64_t i = 0; i < ARRAY_LEN(items); i++)
        cr_assert_eq(find(&t, i * 4096), &items[i]);
    cr_assert_null(find(&t, 1));
    for (uint64_t i = 0; i < ARRAY_LEN(items); i += 2)
        htab_remove(&t, &items[i].node);
    cr_assert_eq(t.count, ARRAY_LEN(items) / 2);
    for (uint64_t i = 0; i < ARRAY_LEN(items); i++)
        cr_assert_eq(find(&t, i * 4096), i % 2 ? &items[i] : NULL);
}

Test(htab, keys_of_one_hash_live_together)
{
    static struct hnode *buckets[2];
    struct item a = { .key = 1 }, b = { .key = 2 }, *it;
    struct htab t;
    int seen = 0;

    htab_init(&t, buckets, ARRAY_LEN(buckets));
    htab_insert(&t, &a.node, 77);
    htab_insert(&t, &b.node, 77);
    htab_for_each (it, &t, 77, node)
        seen += (int)it->key;
    cr_assert_eq(seen, 3);
    htab_for_each (it, &t, 79, node)
        cr_assert_fail();
}
