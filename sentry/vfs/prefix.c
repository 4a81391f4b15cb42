/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/prefix.h"

#include <errno.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

#define PREFIXES 256u /* a power of two */
#define TEXT_MAX 96u  /* bytes; a longer one is not kept */

/*
 * Each has its place by its hash. The lock is only ever tried: to walk costs little more
 * than to wait.
 *
 * [l] under lock
 */
struct prefix {
    struct mutex lock;       /* RANK_PREFIX: a leaf */
    uint32_t gen;            /* [l] of prefix_key() */
    uint32_t len, links;     /* [l] */
    uint64_t hash;           /* [l] */
    const struct cred *cred; /* [l] a reference; NULL: empty */
    struct path root,
        start;           /* [l] compared only: while `gen` is good, nobody else has the address */
    struct path at;      /* [l] references; `dentry` may be looked at without the lock */
    char text[TEXT_MAX]; /* [l] */
};

int prefixes_create(struct vfs *v)
{
    v->prefixes = arena_alloc(v->arena, PREFIXES * sizeof *v->prefixes);
    if (!v->prefixes)
        return -ENOMEM;
    for (size_t i = 0; i < PREFIXES; i++)
        mutex_init(&v->prefixes[i].lock, RANK_PREFIX);
    return 0;
}

void prefixes_destroy(struct vfs *v)
{
    prefix_drop_all(v);
    arena_free(v->prefixes);
}

static uint32_t gen_of(struct vfs *v)
{
    return atomic_load_explicit(&v->prefix_gen, memory_order_seq_cst);
}

void prefix_changed(struct vfs *v)
{
    atomic_fetch_add_explicit(&v->prefix_gen, 1, memory_order_seq_cst);
}

void prefix_dentry_changed(const struct dentry *d)
{
    const struct inode *i = dentry_inode(d);

    if (i && (inode_is(i, S_IFDIR) || inode_is(i, S_IFLNK)) && prefix_may_cross(d->sb))
        prefix_changed(vfs_of(d->sb->arena));
}

/* Bytes before the last component; 0 where there is no name among them. */
static size_t prefix_len(const char *name)
{
    size_t len = strlen(name), start = 0;

    while (len > 0 && name[len - 1] == '/')
        len--;
    while (len > 0 && name[len - 1] != '/')
        len--;
    while (start < len && name[start] == '/')
        start++;
    return start < len ? len : 0;
}

bool prefix_key(const struct actor *who, const struct path *base, const char *name,
                struct prefix_key *out)
{
    struct vfs *v = vfs_of(who->arena);
    struct path cwd;

    out->len = prefix_len(name);
    if (out->len == 0 || out->len > TEXT_MAX || !who->fs)
        return false;
    out->gen = gen_of(v);
    if (!fs_context_peek(who->fs, &out->root, &cwd))
        return false;
    out->start = name[0] == '/' ? out->root : base ? *base : cwd;
    if (!path_is_set(&out->start))
        return false;
    out->cred = who->cred;
    out->text = name;
    out->hash = hash_bytes(hash_pair((uintptr_t)out->start.dentry, out->cred->fsuid) ^ v->name_seed,
                           name, out->len);
    return true;
}

static bool path_is(const struct path *a, const struct path *b)
{
    return a->mnt == b->mnt && a->dentry == b->dentry;
}

static bool is_for_locked(const struct prefix *p, const struct prefix_key *k) HOLDS(p->lock);
static bool is_for_locked(const struct prefix *p, const struct prefix_key *k)
{
    return p->cred && p->hash == k->hash && p->gen == k->gen && p->len == k->len &&
           path_is(&p->start, &k->start) && path_is(&p->root, &k->root) &&
           memcmp(p->text, k->text, k->len) == 0 && cred_same(p->cred, k->cred);
}

static struct prefix *place_of(struct vfs *v, const struct prefix_key *k)
{
    return &v->prefixes[k->hash & (PREFIXES - 1)];
}

bool prefix_find(struct vfs *v, const struct prefix_key *k, struct path *at, unsigned *links)
{
    struct prefix *p = place_of(v, k);
    bool found = false;

    if (!mutex_trylock(&p->lock))
        return false;
    /* Still good: what has happened by now would have raised the count. */
    if (is_for_locked(p, k) && gen_of(v) == k->gen) {
        path_get(&p->at, at);
        *links = p->links;
        found = true;
    }
    mutex_unlock(&p->lock);
    return found;
}

/* Empties it: what it had is given. */
static void take_locked(struct prefix *p, struct path *at, const struct cred **cred) HOLDS(p->lock);
static void take_locked(struct prefix *p, struct path *at, const struct cred **cred)
{
    *at = p->at;
    *cred = keep(p->cred);
    __atomic_store_n(&p->at.dentry, NULL, __ATOMIC_SEQ_CST);
    p->at.mnt = NULL;
    p->hash = 0;
}

static void fill_locked(struct prefix *p, const struct prefix_key *k, const struct path *at,
                        unsigned links) HOLDS(p->lock);
static void fill_locked(struct prefix *p, const struct prefix_key *k, const struct path *at,
                        unsigned links)
{
    p->at.mnt = mount_get(at->mnt);
    __atomic_store_n(&p->at.dentry, dentry_get(at->dentry), __ATOMIC_SEQ_CST);
    p->cred = cred_get(k->cred);
    p->root = k->root;
    p->start = k->start;
    p->gen = k->gen;
    p->links = links;
    p->hash = k->hash;
    p->len = (uint32_t)k->len;
    memcpy(p->text, k->text, k->len);
}

static void put(struct path *at, const struct cred *cred)
{
    path_put(at);
    if (cred)
        cred_put((struct cred *)(uintptr_t)cred);
}

void prefix_keep(struct vfs *v, const struct prefix_key *k, const struct path *at, unsigned links)
{
    const struct cred *cred, *late_cred = NULL;
    struct prefix *p = place_of(v, k);
    struct path old, late = { 0 };

    if (!mount_is_attached(at->mnt) || !mutex_trylock(&p->lock))
        return;
    take_locked(p, &old, &cred);
    fill_locked(p, k, at, links);
    /* Only now: who raises the count looks at what is kept after that. */
    if (gen_of(v) != k->gen)
        take_locked(p, &late, &late_cred);
    mutex_unlock(&p->lock);
    put(&old, cred);
    put(&late, late_cred);
}

static void drop(struct prefix *p)
{
    const struct cred *cred;
    struct path at;

    mutex_lock(&p->lock);
    take_locked(p, &at, &cred);
    mutex_unlock(&p->lock);
    put(&at, cred);
}

/* Who keeps it at this very moment sees that the count was raised, and does not. */
void prefix_forget(struct dentry *dir)
{
    struct vfs *v = vfs_of(dir->sb->arena);

    for (size_t i = 0; i < PREFIXES; i++)
        if (__atomic_load_n(&v->prefixes[i].at.dentry, __ATOMIC_SEQ_CST) == dir)
            drop(&v->prefixes[i]);
}

void prefix_drop_all(struct vfs *v)
{
    prefix_changed(v);
    for (size_t i = 0; i < PREFIXES; i++)
        drop(&v->prefixes[i]);
}
