/* SPDX-License-Identifier: Apache-2.0 */
#include "gofer_world.h"

#include "base/clock.h"
#include "sentry/core/slab.h"
#include "sentry/fs/gofer.h"
#include "sentry/vfs/vfs.h"

#define MUST(x)         \
    do {                \
        int err_ = (x); \
        assert(!err_);  \
    } while (0)

void gofer_world_start(struct gofer_world *w, uint32_t flags)
{
    gofer_world_start_with(w, flags, 4096);
}

void gofer_world_start_with(struct gofer_world *w, uint32_t flags, uint32_t handles)
{
    struct dentry *root;
    struct path at;

    *w = (struct gofer_world){ 0 };
    mm_world_start(&w->mm, 64 * MIB);
    struct arena *a = w->mm.arena;
    arena_set_host(a, HOST_CLOCK, (void *)(uintptr_t)&clock_real);
    gofer_pair_start_with(&w->pair, flags, handles);
    arena_set_host(a, HOST_GOFER, w->pair.client);
    MUST(vfs_create(a));
    MUST(user_ns_create_root(a, &w->user_ns));
    MUST(cred_create(a, w->user_ns, 0, 0, CAPS_ALL, &w->cred));
    MUST(gofer_fs_create(a, NULL, 0, false, &root));
    MUST(mnt_ns_create(a, w->user_ns, root, "gofer", 0, &w->ns));
    mnt_ns_root(w->ns, &at);
    MUST(fs_context_create(a, &at, w->ns, &w->fs));
    path_put(&at);
    fs_context_set_umask(w->fs, 022);
    w->who = (struct actor){ .arena = a, .cred = w->cred, .fs = w->fs, .limits = &w->mm.limits };
    gofer_world_asked(w);
}

void gofer_world_stop(struct gofer_world *w)
{
    struct arena *a = w->mm.arena;

    mm_put(w->mm.mm);
    fs_context_put(w->fs);
    mnt_ns_put(w->ns);
    cred_put(w->cred);
    user_ns_put(w->user_ns);
    assert(slab_live(a, SLAB_gofer_sb) == 0);
    assert(slab_live(a, SLAB_gofer_inode) == 0);
    assert(slab_live(a, SLAB_gofer_file) == 0);
    assert(slab_live(a, SLAB_gofer_dir) == 0);
    assert(slab_live(a, SLAB_gofer_list) == 0);
    assert(slab_live(a, SLAB_gofer_window) == 0);
    assert(slab_live(a, SLAB_window) == 0);
    assert(ram_used(a) == 0);
    fake_platform.destroy(w->mm.platform.platform);
    ram_destroy(a);
    hostfds_destroy(a);
    gofer_pair_stop(&w->pair);
    arena_destroy(a);
}

uint64_t gofer_world_asked(struct gofer_world *w)
{
    uint64_t now = gofer_client_requests(w->pair.client), asked = now - w->asked;

    w->asked = now;
    return asked;
}

int gofer_world_open(struct gofer_world *w, const char *path, int flags, uint32_t mode,
                     struct file **out)
{
    struct open_how_k how = { .flags = flags, .mode = mode };

    return vfs_open(&w->who, NULL, path, &how, out);
}

int gofer_world_stat(struct gofer_world *w, const char *path, struct attr *out)
{
    struct path at;
    int err = walk(&w->who, NULL, path, 0, &at);

    if (err)
        return err;
    err = inode_getattr(dentry_inode(at.dentry), out);
    path_put(&at);
    return err;
}

ssize_t gofer_world_read(struct file *f, void *buf, size_t size, int64_t pos)
{
    struct io io;
    uint64_t at = pos < 0 ? f->pos : (uint64_t)pos;

    io_kernel(&io, buf, size);
    ssize_t n = f->ops->read(f, &io, &at);
    if (pos < 0)
        f->pos = at;
    return n;
}

ssize_t gofer_world_write(struct file *f, const void *buf, size_t size, int64_t pos)
{
    struct io io;
    uint64_t at = pos < 0 ? f->pos : (uint64_t)pos;

    io_kernel(&io, (void *)(uintptr_t)buf, size);
    ssize_t n = f->ops->write(f, &io, &at);
    if (pos < 0)
        f->pos = at;
    return n;
}
