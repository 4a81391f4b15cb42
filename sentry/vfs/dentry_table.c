/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a directory: names that are in the cache, by their hashes. */
#include "sentry/core/buckets.h"
#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs_priv.h"

#define FIRST_BUCKETS 4

uint64_t dentry_hash(const struct dentry *dir, const char *name, size_t len)
{
    return hash_bytes(vfs_of(dir->sb->arena)->name_seed, name, len);
}

struct dentry *dentry_find_locked(struct dentry *dir, const char *name, size_t len, uint64_t hash)
{
    struct dentry *d;

    if (dir->children.count == 0)
        return NULL;
    htab_for_each (d, &dir->children, hash, node)
        if (d->name_len == len && memcmp(d->name, name, len) == 0)
            return d;
    return NULL;
}

bool dentry_reserve_locked(struct dentry *dir)
{
    return buckets_reserve(dir->sb->arena, &dir->children, FIRST_BUCKETS);
}

void dentry_hash_locked(struct dentry *dir, struct dentry *d, uint64_t hash)
{
    htab_insert(&dir->children, &d->node, hash);
    dentry_state_set(d, DENTRY_HASHED | DENTRY_USED);
    ref_get(&d->ref);
    dcache_add(d);
}

void dentry_unhash_locked(struct dentry *dir, struct dentry *d)
{
    dcache_del(d);
    htab_remove(&dir->children, &d->node);
    dentry_state_clear(d, DENTRY_HASHED);
    dir->forgets++;
    prefix_dentry_changed(d);
}
