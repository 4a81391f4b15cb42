/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/readdir.h"
#include "sentry/vfs/rw.h"

static void make_root(struct vfs_world *w)
{
    struct dentry *root;
    struct path at;

    int err = tmpfs_create(w->mm.arena, "tmpfs", "mode=755", &w->root, &root);
    assert(!err);
    err = mnt_ns_create(w->mm.arena, w->user_ns, root, "tmpfs", MS_RELATIME, &w->ns);
    assert(!err);
    mnt_ns_root(w->ns, &at);
    err = fs_context_create(w->mm.arena, &at, w->ns, &w->fs);
    assert(!err);
    path_put(&at);
}

void vfs_world_start(struct vfs_world *w)
{
    mm_world_start(&w->mm, 64 * MIB);
    struct arena *a = w->mm.arena;
    virtual_clock_init(&w->clock);
    arena_set_host(a, HOST_CLOCK, &w->clock.clock);
    int err = user_ns_create_root(a, &w->user_ns);
    assert(!err);
    err = cred_create(a, w->user_ns, 0, 0, CAPS_ALL, &w->root_cred);
    assert(!err);
    err = cred_create(a, w->user_ns, USER_ID, USER_ID, 0, &w->user_cred);
    assert(!err);
    err = vfs_create(a);
    assert(!err);
    w->root = (struct actor){ .arena = a, .cred = w->root_cred, .limits = &w->mm.limits };
    make_root(w);
    w->root.fs = w->fs;
    w->user = w->root;
    w->user.cred = w->user_cred;
}

void vfs_world_stop(struct vfs_world *w)
{
    struct arena *a = w->mm.arena;

    fs_context_put(w->fs);
    mnt_ns_put(w->ns);
    vfs_destroy(a);
    cred_put(w->root_cred);
    cred_put(w->user_cred);
    user_ns_put(w->user_ns);
    assert(slab_live(a, SLAB_dentry) == 0);
    assert(slab_live(a, SLAB_tmpfs_inode) == 0);
    assert(slab_live(a, SLAB_tmpfs) == 0);
    assert(slab_live(a, SLAB_page_node) == 0);
    assert(slab_live(a, SLAB_mount) == 0);
    assert(slab_live(a, SLAB_file) == 0);
    mm_world_stop(&w->mm);
}

int world_open(const struct actor *who, const char *name, int flags, uint32_t mode,
               struct file **out)
{
    struct open_how_k how = { .flags = flags, .mode = mode };

    *out = NULL;
    return vfs_open(who, NULL, name, &how, out);
}

int world_touch(const struct actor *who, const char *name, int flags, uint32_t mode)
{
    struct file *f;
    int err = world_open(who, name, flags, mode, &f);

    file_put(f);
    return err;
}

int world_stat(const struct actor *who, const char *name, bool follow, struct attr *out)
{
    struct path p;
    int err = walk(who, NULL, name, follow ? WALK_FOLLOW : 0, &p);

    if (err)
        return err;
    err = inode_getattr(dentry_inode(p.dentry), out);
    path_put(&p);
    return err;
}

ssize_t world_pwrite(const struct actor *who, struct file *f, const void *buf, size_t size,
                     uint64_t at)
{
    struct io io;

    io_kernel(&io, (void *)(uintptr_t)buf, size);
    return file_write_at(who, f, &io, at, false);
}

ssize_t world_pread(struct file *f, void *buf, size_t size, uint64_t at)
{
    struct io io;

    io_kernel(&io, buf, size);
    return file_read_at(f, &io, at);
}

void world_put(const struct actor *who, const char *name, const char *text)
{
    scoped(file) struct file *f;
    int err = world_open(who, name, O_CREAT | O_WRONLY | O_TRUNC, 0644, &f);

    assert(!err);
    assert(world_pwrite(who, f, text, strlen(text), 0) == (ssize_t)strlen(text));
}

ssize_t world_get(const struct actor *who, const char *name, char *buf, size_t size)
{
    scoped(file) struct file *f;
    int err = world_open(who, name, O_RDONLY, 0, &f);

    if (err)
        return err;
    ssize_t n = world_pread(f, buf, size - 1, 0);
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

static int change(const struct actor *who, const char *name, struct attr_change *c)
{
    struct path p;
    int err = walk(who, NULL, name, WALK_FOLLOW, &p);

    if (err)
        return err;
    err = vfs_setattr(who, &p, c);
    path_put(&p);
    return err;
}

int world_chmod(const struct actor *who, const char *name, uint32_t mode)
{
    return change(who, name, &(struct attr_change){ .which = ATTR_MODE, .mode = mode });
}

int world_chown(const struct actor *who, const char *name, uint32_t uid, uint32_t gid)
{
    return change(who, name,
                  &(struct attr_change){ .which = ATTR_UID | ATTR_GID, .uid = uid, .gid = gid });
}

int world_truncate(const struct actor *who, const char *name, uint64_t size)
{
    struct path p;
    int err = walk(who, NULL, name, WALK_FOLLOW, &p);

    if (err)
        return err;
    err = vfs_truncate(who, &p, size);
    path_put(&p);
    return err;
}

struct names {
    struct dir_sink sink;
    char name[64][64];
    size_t n;
};

static bool add_name(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
                     unsigned dtype, uint64_t next)
{
    struct names *l = container_of(sink, struct names, sink);

    (void)dtype, (void)next;
    assert(ino != 0);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    assert(l->n < 64 && len < 64);
    memcpy(l->name[l->n], name, len);
    l->name[l->n++][len] = '\0';
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int world_list(const struct actor *who, const char *name, char *buf, size_t size)
{
    struct names l = { .sink.add = add_name };
    scoped(file) struct file *f;
    uint64_t pos = 0;
    int err = world_open(who, name, O_RDONLY | O_DIRECTORY, 0, &f);

    if (!err)
        err = file_readdir(f, &l.sink, &pos);
    if (err)
        return err;
    qsort(l.name, l.n, sizeof l.name[0], by_name);
    *buf = '\0';
    for (size_t i = 0; i < l.n; i++) {
        assert(strlen(buf) + strlen(l.name[i]) + 2 < size);
        if (i > 0)
            strcat(buf, " ");
        strcat(buf, l.name[i]);
    }
    return 0;
}

int world_mount(const struct actor *who, const char *at, struct dentry *root, unsigned long flags)
{
    struct path p;
    int err = walk(who, NULL, at, WALK_FOLLOW, &p);

    if (err) {
        dentry_put(root);
        return err;
    }
    err = mount_attach(root, "test", flags, &p);
    path_put(&p);
    return err;
}
