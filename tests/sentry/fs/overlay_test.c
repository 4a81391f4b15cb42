/* SPDX-License-Identifier: Apache-2.0 */
/* One tree over another: what is seen, what is copied, what stays as it was. */
#include "sentry/fs/overlay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/rw.h"
#include "sentry/vfs/xattr.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;

/*
 * /low is the lower tree, also seen where it is; /o the overlay.
 *
 *   f          "file", 0644         dir/a dir/b    files
 *   h1 h2      one file             dir/sub/deep   a file
 *   l → f      a link               empty/         a directory
 */
static void start(void)
{
    struct path low, p;
    struct dentry *root;

    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/low", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o", 0755), 0);
    world_put(&w.root, "/low/f", "file");
    world_put(&w.root, "/low/h1", "hard");
    cr_assert_eq(walk(&w.root, NULL, "/low/h1", 0, &p), 0);
    cr_assert_eq(vfs_link(&w.root, &p, NULL, "/low/h2"), 0);
    path_put(&p);
    cr_assert_eq(vfs_symlink(&w.root, "f", NULL, "/low/l"), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/low/dir", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/low/dir/sub", 0750), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/low/empty", 0755), 0);
    world_put(&w.root, "/low/dir/a", "a");
    world_put(&w.root, "/low/dir/b", "b");
    world_put(&w.root, "/low/dir/sub/deep", "deep");
    cr_assert_eq(walk(&w.root, NULL, "/low", 0, &low), 0);
    cr_assert_eq(overlay_create_discardable(dentry_get(low.dentry), NULL, &w.root, &root), 0);
    path_put(&low);
    cr_assert_eq(world_mount(&w.root, "/o", root, MS_RELATIME), 0);
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(overlay, .init = start, .fini = stop);

static const char *text_of(const char *name)
{
    static char buf[256];
    ssize_t n = world_get(&w.root, name, buf, sizeof buf);

    if (n < 0)
        snprintf(buf, sizeof buf, "error %zd", n);
    return buf;
}

static const char *names_in(const char *name)
{
    static char buf[512];
    int err = world_list(&w.root, name, buf, sizeof buf);

    if (err)
        snprintf(buf, sizeof buf, "error %d", err);
    return buf;
}

static struct attr attr_of(const char *name)
{
    struct attr a = { 0 };

    cr_assert_eq(world_stat(&w.root, name, false, &a), 0, "%s", name);
    return a;
}

/* Forgets all names that nobody uses, so that the next look asks the layers. */
static void forget(void)
{
    struct path p;

    for (int i = 0; i < 4; i++) {
        cr_assert_eq(walk(&w.root, NULL, "/o/dir", 0, &p), 0);
        dentry_drop_children(p.dentry);
        path_put(&p);
        cr_assert_eq(walk(&w.root, NULL, "/o", 0, &p), 0);
        dentry_drop_children(p.dentry);
        path_put(&p);
    }
}

Test(overlay, what_is_below_is_seen)
{
    uint64_t files = slab_live(w.mm.arena, SLAB_tmpfs_inode);

    cr_assert_str_eq(names_in("/o"), "dir empty f h1 h2 l");
    cr_assert_str_eq(names_in("/o/dir"), "a b sub");
    cr_assert_str_eq(text_of("/o/f"), "file");
    cr_assert_str_eq(text_of("/o/l"), "file");
    cr_assert_eq(attr_of("/o/f").ino, attr_of("/low/f").ino);
    cr_assert_neq(attr_of("/o/f").dev, attr_of("/low/f").dev);
    cr_assert_eq(slab_live(w.mm.arena, SLAB_tmpfs_inode), files, "nothing was copied");
}

Test(overlay, a_write_copies_and_leaves_the_lower_file_alone)
{
    struct attr before = attr_of("/o/dir/a"), after;
    scoped(file) struct file *f;

    virtual_clock_advance(&w.clock, NSEC_PER_SEC);
    cr_assert_eq(world_open(&w.root, "/o/dir/a", O_RDWR, 0, &f), 0);
    cr_assert_eq(attr_of("/o/dir/a").mtime.tv_sec, before.mtime.tv_sec);
    cr_assert_eq(world_pwrite(&w.root, f, "XY", 2, 0), 2);
    cr_assert_str_eq(text_of("/o/dir/a"), "XY");
    cr_assert_str_eq(text_of("/low/dir/a"), "a");
    after = attr_of("/o/dir/a");
    cr_assert_eq(after.ino, before.ino);
    cr_assert_eq(after.size, 2);
    cr_assert_eq(after.mtime.tv_sec, before.mtime.tv_sec + 1);
    forget();
    cr_assert_str_eq(text_of("/o/dir/a"), "XY");
    cr_assert_eq(attr_of("/o/dir/a").ino, before.ino);
    cr_assert_str_eq(names_in("/o/dir"), "a b sub");
}

Test(overlay, a_copy_is_exact)
{
    struct attr low, up;
    struct path p;
    char buf[16];

    cr_assert_eq(world_chown(&w.root, "/low/f", 7, 8), 0);
    cr_assert_eq(world_chmod(&w.root, "/low/f", 04751), 0);
    cr_assert_eq(walk(&w.root, NULL, "/low/f", 0, &p), 0);
    cr_assert_eq(vfs_setxattr(&w.root, p.mnt, dentry_inode(p.dentry), "user.k", "value", 5, 0), 0);
    path_put(&p);
    low = attr_of("/low/f");
    virtual_clock_advance(&w.clock, 100 * NSEC_PER_SEC);
    cr_assert_eq(walk(&w.root, NULL, "/o/f", 0, &p), 0);
    cr_assert_eq(vfs_setxattr(&w.root, p.mnt, dentry_inode(p.dentry), "user.other", "1", 1, 0), 0);
    cr_assert_eq(vfs_getxattr(&w.root, dentry_inode(p.dentry), "user.k", buf, 16), 5);
    cr_assert_eq(vfs_listxattr(&w.root, dentry_inode(p.dentry), buf, 0) > 0, true);
    path_put(&p);
    up = attr_of("/o/f");
    cr_assert_eq(up.mode, low.mode);
    cr_assert_eq(up.uid, 7);
    cr_assert_eq(up.gid, 8);
    cr_assert_eq(up.mtime.tv_sec, low.mtime.tv_sec);
    cr_assert_eq(up.atime.tv_sec, low.atime.tv_sec);
    cr_assert_eq(up.size, low.size);
    cr_assert_str_eq(text_of("/o/f"), "file");
}

Test(overlay, a_reader_sees_what_a_later_writer_writes)
{
    scoped(file) struct file *r, *f;
    char buf[8] = "";

    cr_assert_eq(world_open(&w.root, "/o/f", O_RDONLY, 0, &r), 0);
    cr_assert_eq(world_pread(r, buf, 4, 0), 4);
    cr_assert_eq(world_open(&w.root, "/o/f", O_WRONLY, 0, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "FI", 2, 0), 2);
    cr_assert_eq(world_pread(r, buf, 4, 0), 4);
    cr_assert_str_eq(buf, "FIle");
}

Test(overlay, a_mapping_sees_what_a_later_writer_writes)
{
    scoped(file) struct file *r, *f;
    struct map_source s = { 0 }, priv = { 0 };
    uptr_t at, own;
    char c = 0;

    cr_assert_eq(world_open(&w.root, "/o/f", O_RDONLY, 0, &r), 0);
    cr_assert_eq(r->ops->map(r, PROT_READ, MAP_SHARED, &s), 0);
    cr_assert_eq(mm_map(w.mm.mm, uptr(0), PAGE_SIZE, PROT_READ, MAP_SHARED, &s, &at), 0);
    cr_assert_eq(r->ops->map(r, PROT_READ | PROT_WRITE, MAP_PRIVATE, &priv), 0);
    cr_assert_eq(
        mm_map(w.mm.mm, uptr(0), PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, &priv, &own), 0);
    cr_assert_eq(mm_world_read(w.mm.mm, at.va, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'f');
    cr_assert_eq(mm_world_write(w.mm.mm, own.va, "P", 1), FAULT_DONE);
    cr_assert_eq(world_open(&w.root, "/o/f", O_WRONLY, 0, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "W", 1, 0), 1);
    cr_assert_eq(mm_world_read(w.mm.mm, at.va, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'W');
    cr_assert_eq(mm_world_read(w.mm.mm, own.va, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'P', "what was written privately stays");
    cr_assert_eq(mm_unmap(w.mm.mm, at, PAGE_SIZE), 0);
    cr_assert_eq(mm_unmap(w.mm.mm, own, PAGE_SIZE), 0);
}

Test(overlay, hard_links_stay_together)
{
    cr_assert_eq(attr_of("/o/h1").nlink, 2);
    world_put(&w.root, "/o/h1", "soft");
    cr_assert_str_eq(text_of("/o/h2"), "soft");
    forget();
    cr_assert_str_eq(text_of("/o/h2"), "soft");
    cr_assert_eq(attr_of("/o/h1").ino, attr_of("/o/h2").ino);
    cr_assert_eq(attr_of("/o/h2").nlink, 2);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/h1"), 0);
    cr_assert_eq(attr_of("/o/h2").nlink, 1);
    cr_assert_str_eq(text_of("/o/h2"), "soft");
    cr_assert_str_eq(text_of("/low/h2"), "hard");
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/h2"), 0);
    cr_assert_str_eq(names_in("/o"), "dir empty f l");
}

Test(overlay, removed_names_stay_removed)
{
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/f"), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/l"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o/empty"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o/dir"), -ENOTEMPTY);
    forget();
    cr_assert_str_eq(names_in("/o"), "dir h1 h2");
    cr_assert_str_eq(text_of("/o/f"), "error -2");
    cr_assert_str_eq(names_in("/low"), "dir empty f h1 h2 l");
    world_put(&w.root, "/o/f", "new");
    cr_assert_str_eq(text_of("/o/f"), "new");
    cr_assert_neq(attr_of("/o/f").ino, attr_of("/low/f").ino);
}

Test(overlay, a_directory_made_anew_is_empty)
{
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/dir/sub/deep"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o/dir/sub"), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/dir/a"), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/dir/b"), 0);
    cr_assert_str_eq(names_in("/o/dir"), "");
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o/dir"), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o/dir", 0700), 0);
    forget();
    cr_assert_str_eq(names_in("/o/dir"), "");
    cr_assert_str_eq(text_of("/o/dir/a"), "error -2");
    world_put(&w.root, "/o/dir/b", "B");
    cr_assert_str_eq(names_in("/o/dir"), "b");
}

Test(overlay, directories_move_with_what_is_in_them)
{
    uint64_t ino = attr_of("/o/dir").ino;

    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/dir", NULL, "/o/moved", 0), 0);
    cr_assert_str_eq(names_in("/o"), "empty f h1 h2 l moved");
    cr_assert_str_eq(names_in("/o/moved"), "a b sub");
    cr_assert_str_eq(text_of("/o/moved/sub/deep"), "deep");
    cr_assert_eq(attr_of("/o/moved").ino, ino);
    world_put(&w.root, "/o/moved/a", "changed");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/moved", NULL, "/o/empty/again", 0), 0);
    struct path p;
    cr_assert_eq(walk(&w.root, NULL, "/o", 0, &p), 0);
    dentry_drop_children(p.dentry);
    path_put(&p);
    cr_assert_str_eq(text_of("/o/empty/again/a"), "changed");
    cr_assert_str_eq(text_of("/o/empty/again/sub/deep"), "deep");
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o/dir", 0755), 0);
    cr_assert_str_eq(names_in("/o/dir"), "", "nothing of the old one comes back");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/empty/again/sub", NULL, "/o/dir/sub", 0), 0);
    cr_assert_str_eq(text_of("/o/dir/sub/deep"), "deep");
    cr_assert_str_eq(names_in("/o/empty/again"), "a b");
    cr_assert_str_eq(names_in("/low/dir"), "a b sub");
}

Test(overlay, files_move)
{
    uint64_t ino = attr_of("/o/f").ino;

    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/f", NULL, "/o/dir/f", 0), 0);
    cr_assert_str_eq(text_of("/o/dir/f"), "file");
    cr_assert_eq(attr_of("/o/dir/f").ino, ino);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/dir/f", NULL, "/o/dir/a", 0), 0);
    cr_assert_str_eq(text_of("/o/dir/a"), "file");
    cr_assert_str_eq(names_in("/o/dir"), "a b sub");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/dir/a", NULL, "/o/f", 0), 0);
    cr_assert_str_eq(names_in("/o/dir"), "b sub");
    cr_assert_str_eq(text_of("/o/f"), "file");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/f", NULL, "/o/dir", RENAME_EXCHANGE), 0);
    cr_assert_str_eq(text_of("/o/dir"), "file");
    cr_assert_str_eq(names_in("/o/f"), "b sub");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/f", NULL, "/o/empty", 0), 0);
    cr_assert_str_eq(names_in("/o/empty"), "b sub");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/empty", NULL, "/o/x", RENAME_WHITEOUT), -EINVAL);
}

Test(overlay, truncation_copies_only_what_is_kept)
{
    struct file *f;
    uint64_t used = ram_used(w.mm.arena);
    static char big[64 * 4096];

    memset(big, 'x', sizeof big);
    cr_assert_eq(world_open(&w.root, "/low/f", O_WRONLY, 0, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, big, sizeof big, 0), sizeof big);
    file_put(f);
    used = ram_used(w.mm.arena);
    cr_assert_eq(world_truncate(&w.root, "/o/f", 5000), 0);
    cr_assert_leq(ram_used(w.mm.arena), used + 4 * PAGE_SIZE);
    cr_assert_eq(attr_of("/o/f").size, 5000);
    cr_assert_eq(attr_of("/low/f").size, sizeof big);
}

Test(overlay, an_unlinked_lower_file_can_still_change)
{
    scoped(file) struct file *f;
    struct attr a;

    cr_assert_eq(world_open(&w.root, "/o/f", O_RDONLY, 0, &f), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/f"), 0);
    struct attr_change c = { .which = ATTR_MODE, .mode = 0600 };
    cr_assert_eq(vfs_setattr_file(&w.root, f, &c), 0);
    cr_assert_eq(inode_getattr(f->inode, &a), 0);
    cr_assert_eq(a.mode, S_IFREG | 0600);
    cr_assert_eq(a.nlink, 0);
    cr_assert_str_eq(names_in("/o"), "dir empty h1 h2 l");
}

Test(overlay, sparse_files_stay_sparse)
{
    struct file *f;
    struct attr a;

    cr_assert_eq(world_open(&w.root, "/low/f", O_WRONLY, 0, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "end", 3, 30 * MIB), 3);
    file_put(f);
    cr_assert_eq(world_chmod(&w.root, "/o/f", 0600), 0);
    a = attr_of("/o/f");
    cr_assert_eq(a.size, 30 * MIB + 3);
    cr_assert_lt(a.blocks, 2048);
}

Test(overlay, symlinks_and_unnamed_files_work_above)
{
    struct file *f;
    struct attr a;

    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/l", NULL, "/o/dir/l", 0), 0);
    cr_assert_eq(vfs_symlink(&w.root, "dir/a", NULL, "/o/l"), 0);
    cr_assert_str_eq(text_of("/o/l"), "a");
    cr_assert_str_eq(text_of("/o/dir/l"), "error -2");
    cr_assert_eq(world_open(&w.root, "/o/dir", O_TMPFILE | O_RDWR, 0600, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "tmp", 3, 0), 3);
    cr_assert_eq(vfs_link(&w.root, &f->path, NULL, "/o/named"), 0);
    file_put(f);
    cr_assert_str_eq(text_of("/o/named"), "tmp");
    a = attr_of("/o/named");
    cr_assert_eq(a.nlink, 1);
    cr_assert_eq(vfs_mknod(&w.root, NULL, "/o/fifo", S_IFIFO | 0600, 0), 0);
    cr_assert_eq(vfs_mknod(&w.root, NULL, "/o/white", S_IFCHR | 0600, 0), -EPERM);
}

/* ---- by mount(2), with the upper tree in sight ---- */

static const struct fs_type types[] = {
    {.name = "overlay", .user_ns_ok = true, .create = overlay_create},
    { .name = "tmpfs",  .user_ns_ok = true, .create = tmpfs_create  },
};

static int mount_at(const char *at, const char *type, const char *options)
{
    struct path p;

    vfs_set_fs_types(w.mm.arena, types, 2);
    cr_assert_eq(walk(&w.root, NULL, at, WALK_FOLLOW, &p), 0);
    int err = vfs_mount(&w.root, "none", &p, type, 0, options);
    path_put(&p);
    return err;
}

static void umount_at(const char *at)
{
    struct path p;

    cr_assert_eq(walk(&w.root, NULL, at, WALK_FOLLOW, &p), 0);
    cr_assert_eq(vfs_umount(&w.root, &p, 0), 0);
    path_put(&p);
}

Test(overlay, marks_on_the_upper_tree_are_those_of_linux)
{
    struct attr a;
    struct path p;
    char buf[64] = "";

    for (const char **d = (const char *[]){ "/up", "/work", "/low2", "/mnt", NULL }; *d; d++)
        cr_assert_eq(vfs_mkdir(&w.root, NULL, *d, 0755), 0);
    world_put(&w.root, "/low2/only2", "2");
    world_put(&w.root, "/low2/f", "hidden");
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low:/low2,upperdir=/up,workdir=/work"), 0);
    cr_assert_str_eq(names_in("/mnt"), "dir empty f h1 h2 l only2");
    cr_assert_str_eq(text_of("/mnt/f"), "file");
    world_put(&w.root, "/mnt/dir/a", "A");
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/mnt/only2"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/mnt/empty"), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/mnt/empty", 0755), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/mnt/dir/sub", NULL, "/mnt/sub", 0), 0);
    cr_assert_str_eq(names_in("/mnt"), "dir empty f h1 h2 l sub");
    umount_at("/mnt");
    cr_assert_str_eq(names_in("/up"), "dir empty only2 sub");
    a = attr_of("/up/only2");
    cr_assert(S_ISCHR(a.mode) && a.rdev == 0);
    cr_assert_eq(walk(&w.root, NULL, "/up/empty", 0, &p), 0);
    cr_assert_eq(vfs_getxattr(&w.root, dentry_inode(p.dentry), "trusted.overlay.opaque", buf, 64),
                 1);
    path_put(&p);
    cr_assert_eq(walk(&w.root, NULL, "/up/sub", 0, &p), 0);
    cr_assert_eq(vfs_getxattr(&w.root, dentry_inode(p.dentry), "trusted.overlay.redirect", buf, 64),
                 8);
    cr_assert_eq(strncmp(buf, "/dir/sub", 8), 0);
    path_put(&p);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low:/low2,upperdir=/up,workdir=/work"), 0);
    cr_assert_str_eq(names_in("/mnt"), "dir empty f h1 h2 l sub");
    cr_assert_str_eq(text_of("/mnt/dir/a"), "A");
    cr_assert_str_eq(text_of("/mnt/sub/deep"), "deep");
    umount_at("/mnt");
}

Test(overlay, without_an_upper_tree_nothing_changes)
{
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/mnt", 0755), 0);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low:/low/dir"), 0);
    cr_assert_str_eq(names_in("/mnt"), "a b dir empty f h1 h2 l sub");
    cr_assert_eq(world_touch(&w.root, "/mnt/new", O_CREAT | O_WRONLY, 0600), -EROFS);
    cr_assert_eq(world_touch(&w.root, "/mnt/f", O_WRONLY, 0), -EROFS);
    umount_at("/mnt");
}

Test(overlay, options_are_checked)
{
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/mnt", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/up", 0755), 0);
    cr_assert_eq(mount_at("/mnt", "overlay", ""), -EINVAL);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/nothing"), -ENOENT);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low/f"), -ENOTDIR);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low,upperdir=/up"), -EINVAL);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low,upperdir=/up,workdir=/up"), -EINVAL);
    cr_assert_eq(mount_at("/mnt", "overlay", "lowerdir=/low,what=1"), -EINVAL);
}

Test(overlay, at_most_two_lie_one_over_the_other)
{
    static const char *const dirs[] = { "/e", "/l1", "/l2", "/l3", "/u", "/w" };

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        cr_assert_eq(vfs_mkdir(&w.root, NULL, dirs[i], 0755), 0);
    cr_assert_eq(mount_at("/l1", "overlay", "lowerdir=/low:/e"), 0);
    cr_assert_eq(mount_at("/l2", "overlay", "lowerdir=/l1:/e,upperdir=/u,workdir=/w"), 0);
    cr_assert_str_eq(text_of("/l2/dir/sub/deep"), "deep");
    cr_assert_eq(mount_at("/l3", "overlay", "lowerdir=/l2:/e"), -EINVAL);
    cr_assert_eq(mount_at("/l3", "overlay", "lowerdir=/e:/l2"), -EINVAL);
    umount_at("/l2");
    umount_at("/l1");
}

/* /o2: an overlay over /low, with /up and /work in sight. */
static void mount_open(void)
{
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/up", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/work", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o2", 0755), 0);
    cr_assert_eq(mount_at("/o2", "overlay", "lowerdir=/low,upperdir=/up,workdir=/work"), 0);
}

Test(overlay, a_directory_is_not_put_below_itself_behind_our_back)
{
    struct attr a;

    mount_open();
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o2/a", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o2/b", 0755), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/up/b", NULL, "/up/a/b", 0), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o2/a", NULL, "/o2/b/a", 0), -EINVAL);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o2/b", NULL, "/o2/c", 0), -ESTALE);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o2/b"), 0, "it has no name above, and none below");
    cr_assert_eq(world_stat(&w.root, "/up/a/b", true, &a), 0);
    umount_at("/o2");
}

Test(overlay, any_name_of_a_copied_file_moves)
{
    cr_assert_eq(world_chmod(&w.root, "/o/h1", 0600), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/h2", NULL, "/o/h3", 0), 0);
    cr_assert_str_eq(text_of("/o/h3"), "hard");
    cr_assert_eq(attr_of("/o/h3").ino, attr_of("/o/h1").ino);
    cr_assert_eq(attr_of("/o/h3").nlink, 2);
    forget();
    cr_assert_str_eq(names_in("/o"), "dir empty f h1 h3 l");
}

Test(overlay, any_name_of_a_copied_file_changes_places)
{
    cr_assert_eq(world_chmod(&w.root, "/o/h1", 0600), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/f", NULL, "/o/h2", RENAME_EXCHANGE), 0);
    forget();
    cr_assert_str_eq(text_of("/o/f"), "hard");
    cr_assert_str_eq(text_of("/o/h2"), "file");
    cr_assert_eq(attr_of("/o/f").ino, attr_of("/o/h1").ino);
}

Test(overlay, the_last_name_of_a_copied_file_moves)
{
    cr_assert_eq(world_chmod(&w.root, "/o/h1", 0600), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o/h1"), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o/h2", NULL, "/o/dir/h", 0), 0);
    forget();
    cr_assert_str_eq(text_of("/o/dir/h"), "hard");
    cr_assert_eq(attr_of("/o/dir/h").mode, S_IFREG | 0600);
    cr_assert_str_eq(names_in("/o"), "dir empty f l");
}

static void empty_dir(const char *top, bool but_deep)
{
    static const char *const files[] = { "dir/a", "dir/b", "dir/sub/deep" };
    char name[64];

    for (size_t i = 0; i < ARRAY_LEN(files) - but_deep; i++) {
        snprintf(name, sizeof name, "%s/%s", top, files[i]);
        cr_assert_eq(vfs_unlink(&w.root, NULL, name), 0);
    }
}

Test(overlay, a_directory_of_whiteouts_is_replaced_whole)
{
    mount_open();
    empty_dir("/o2", false);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o2/dir/sub"), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o2/new", 0755), 0);
    world_put(&w.root, "/o2/new/n", "n");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/o2/new", NULL, "/o2/dir", 0), 0);
    cr_assert_str_eq(names_in("/o2/dir"), "n");
    cr_assert_str_eq(names_in("/work/work"), "", "what was replaced is gone");
    umount_at("/o2");
    cr_assert_eq(mount_at("/o2", "overlay", "lowerdir=/low,upperdir=/up,workdir=/work"), 0);
    cr_assert_str_eq(names_in("/o2/dir"), "n");
    umount_at("/o2");
}

Test(overlay, a_removed_directory_shows_nothing_of_what_is_below)
{
    scoped(file) struct file *f;
    struct path p, q;

    mount_open();
    cr_assert_eq(walk(&w.root, NULL, "/o2/dir/sub", 0, &p), 0);
    cr_assert_eq(world_open(&w.root, "/o2/dir/sub", O_RDONLY | O_DIRECTORY, 0, &f), 0);
    empty_dir("/o2", false);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o2/dir/sub"), 0);
    cr_assert_eq(walk(&w.root, &p, "deep", 0, &q), -ENOENT);
    cr_assert_eq(vfs_mkdir(&w.root, &p, "x", 0755), -ENOENT);
    path_put(&p);
    cr_assert_str_eq(names_in("/up/dir"), "a b sub");
    cr_assert_str_eq(names_in("/work/work"), "");
    file_put(keep(f));
    umount_at("/o2");
}

Test(overlay, a_removal_that_fails_brings_nothing_back)
{
    mount_open();
    empty_dir("/o2", true);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o2/dir"), -ENOTEMPTY);
    cr_assert_str_eq(names_in("/o2/dir"), "sub");
    cr_assert_str_eq(names_in("/up/dir"), "a b");
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/o2/dir/sub/deep"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/o2/dir/sub"), 0);
    /* Behind its back: a directory that it shows as empty is none. */
    world_put(&w.root, "/up/dir/behind", "1");
    cr_assert_eq(vfs_rename(&w.root, NULL, "/up/dir", NULL, "/up/elsewhere", 0), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/up/dir", 0755), 0);
    cr_assert_lt(vfs_rmdir(&w.root, NULL, "/o2/dir"), 0);
    cr_assert_str_eq(names_in("/up/elsewhere"), "a b behind sub");
    umount_at("/o2");
}

Test(overlay, many_copies_are_let_go_of)
{
    char name[32];

    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "/low/empty/%d", i);
        world_put(&w.root, name, "");
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "/o/empty/%d", i);
        cr_assert_eq(world_chmod(&w.root, name, 0600), 0);
    }
}
