/* SPDX-License-Identifier: Apache-2.0 */
/* Paths with a count: one for each mapping of a file, shared by the copies that fork makes. */
#include "sentry/vfs/path_ref.h"

#include <assert.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/inode.h"

/* [I] never changes once it is shared */
struct path_ref {
    struct ref ref;
    struct path path;               /* [I] references */
    struct inode *denied, *written; /* [I] references: who may not be written, who is; or NULL */
};

static const struct slab_type path_ref_slab = SLAB_TYPE(path_ref, struct path_ref);

int path_ref_create(struct arena *a, const struct path *p, struct path_ref **out)
{
    struct path_ref *r = slab_alloc(a, &path_ref_slab);

    if (!r)
        return -ENOMEM;
    ref_init(&r->ref);
    if (path_is_set(p))
        path_get(p, &r->path);
    *out = r;
    return 0;
}

struct path_ref *path_ref_get(struct path_ref *r)
{
    ref_get(&r->ref);
    return r;
}

void path_ref_put(struct path_ref *r)
{
    if (!r || !ref_put(&r->ref))
        return;
    if (r->denied)
        inode_allow_write(r->denied);
    if (r->written)
        inode_put_write(r->written);
    inode_put(r->denied);
    inode_put(r->written);
    if (path_is_set(&r->path))
        path_put(&r->path);
    slab_free(r);
}

int path_ref_deny_write(struct path_ref *r, struct inode *inode)
{
    assert(!r->denied);
    int err = inode_deny_write(inode);
    if (!err)
        r->denied = inode_get(inode);
    return err;
}

void path_ref_stay_writer(struct path_ref *r, struct inode *inode)
{
    assert(!r->written);
    if (inode_get_write(inode) == 0) /* it has a writer, so this cannot fail */
        r->written = inode_get(inode);
}

const struct path *path_ref_path(const struct path_ref *r)
{
    return &r->path;
}

static void *hook_get(void *path)
{
    return path_ref_get(path);
}

static void hook_put(void *path)
{
    path_ref_put(path);
}

const struct path_hooks path_ref_hooks = { .get = hook_get, .put = hook_put };
