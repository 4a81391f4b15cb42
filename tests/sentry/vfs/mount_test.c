/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of mounts: mount, bind, move, umount, pivot_root, namespaces, propagation. */
#include "sentry/vfs/mount.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;

static const struct fs_type types[] = {
    {.name = "tmpfs", .user_ns_ok = true, .create = tmpfs_create}
};

static void start(void)
{
    vfs_world_start(&w);
    vfs_set_fs_types(w.mm.arena, types, 1);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/n", 0755), 0);
    world_put(&w.root, "/file", "outer");
    world_put(&w.root, "/m/under", "under");
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(mount, .init = start, .fini = stop);

static int do_mount(const struct actor *who, const char *source, const char *at, const char *type,
                    unsigned long flags, const char *options)
{
    struct path p;
    int err = walk(who, NULL, at, WALK_FOLLOW, &p);

    if (err)
        return err;
    err = vfs_mount(who, source, &p, type, flags, options);
    path_put(&p);
    return err;
}

static int do_umount(const struct actor *who, const char *at, int flags)
{
    struct path p;
    int err = walk(who, NULL, at, WALK_FOLLOW, &p);

    if (err)
        return err;
    err = vfs_umount(who, &p, flags);
    path_put(&p);
    return err;
}

static bool exists(const char *name)
{
    struct attr a;

    return world_stat(&w.root, name, true, &a) == 0;
}

Test(mount, a_mount_covers_and_uncovers)
{
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    cr_assert(!exists("/m/under"));
    world_put(&w.root, "/m/inner", "");
    cr_assert(exists("/m/inner"));
    cr_assert(exists("/m/../file"));
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/m"), -EBUSY);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/m", NULL, "/k", 0), -EBUSY);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/m/inner", NULL, "/inner", 0), -EXDEV);
    cr_assert_eq(do_umount(&w.root, "/m", 0), 0);
    cr_assert(exists("/m/under"));
    cr_assert(!exists("/m/inner"));
}

Test(mount, errors_are_linux_errors)
{
    cr_assert_eq(do_mount(&w.user, "x", "/m", "tmpfs", 0, NULL), -EPERM);
    cr_assert_eq(do_mount(&w.root, "x", "/m", "nofs", 0, NULL), -ENODEV);
    cr_assert_eq(do_mount(&w.root, "x", "/m", NULL, 0, NULL), -EINVAL);
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, "bad=1"), -EINVAL);
    cr_assert_eq(do_mount(&w.root, "x", "/file", "tmpfs", 0, NULL), -ENOTDIR);
    cr_assert_eq(do_mount(&w.root, "/nothing", "/m", NULL, MS_BIND, NULL), -ENOENT);
    cr_assert_eq(do_mount(&w.root, "/file", "/m", NULL, MS_BIND, NULL), -ENOTDIR);
    cr_assert_eq(do_umount(&w.root, "/m", 0), -EINVAL);
    cr_assert_eq(do_umount(&w.root, "/", 0), -EBUSY);
    cr_assert_eq(do_umount(&w.user, "/m", 0), -EPERM);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_REMOUNT, NULL), -EINVAL);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_SHARED | MS_PRIVATE, NULL), -EINVAL);
}

Test(mount, busy_mounts_stay_unless_detached)
{
    scoped(file) struct file *f = NULL;
    char c;

    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/f", "text");
    cr_assert_eq(world_open(&w.root, "/m/f", O_RDONLY, 0, &f), 0);
    cr_assert_eq(do_umount(&w.root, "/m", 0), -EBUSY);
    cr_assert_eq(do_umount(&w.root, "/m", MNT_DETACH), 0);
    cr_assert(exists("/m/under"));
    cr_assert_eq(world_pread(f, &c, 1, 0), 1);
    cr_assert_eq(slab_live(w.mm.arena, SLAB_tmpfs), 2);
}

Test(mount, binds_show_the_same_thing_twice)
{
    struct attr a, b;

    cr_assert_eq(do_mount(&w.root, "/m", "/n", NULL, MS_BIND, NULL), 0);
    cr_assert(exists("/n/under"));
    world_put(&w.root, "/n/new", "");
    cr_assert(exists("/m/new"));
    cr_assert_eq(do_mount(&w.root, "/file", "/m/under", NULL, MS_BIND, NULL), 0);
    cr_assert_eq(world_stat(&w.root, "/file", true, &a), 0);
    cr_assert_eq(world_stat(&w.root, "/m/under", true, &b), 0);
    cr_assert_eq(a.ino, b.ino);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/m/under"), -EBUSY);
    cr_assert_eq(do_umount(&w.root, "/m/under", 0), 0);
    cr_assert_eq(do_umount(&w.root, "/n", 0), 0);
}

Test(mount, recursive_binds_take_what_is_below)
{
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/sub", 0755), 0);
    cr_assert_eq(do_mount(&w.root, "x", "/m/sub", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/sub/inner", "");
    cr_assert_eq(do_mount(&w.root, "/m", "/n", NULL, MS_BIND, NULL), 0);
    cr_assert(!exists("/n/sub/inner"));
    cr_assert_eq(do_umount(&w.root, "/n", 0), 0);
    cr_assert_eq(do_mount(&w.root, "/m", "/n", NULL, MS_BIND | MS_REC, NULL), 0);
    cr_assert(exists("/n/sub/inner"));
    cr_assert_eq(do_umount(&w.root, "/n", 0), -EBUSY);
    cr_assert_eq(do_umount(&w.root, "/n", MNT_DETACH), 0);
    cr_assert(exists("/m/sub/inner"));
}

Test(mount, flags_are_obeyed)
{
    cr_assert_eq(do_mount(&w.root, "/m", "/n", NULL, MS_BIND, NULL), 0);
    cr_assert_eq(do_mount(&w.root, "", "/n", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    cr_assert_eq(world_touch(&w.root, "/n/x", O_CREAT | O_WRONLY, 0600), -EROFS);
    cr_assert_eq(world_touch(&w.root, "/n/under", O_WRONLY, 0), -EROFS);
    cr_assert_eq(world_touch(&w.root, "/n/under", O_RDONLY, 0), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/n/x", 0755), -EROFS);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/n/under"), -EROFS);
    cr_assert_eq(world_chmod(&w.root, "/n/under", 0600), -EROFS);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/x", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/n/x", 0755), -EEXIST, "that comes first");
}

Test(mount, a_file_system_becomes_read_only_when_nobody_writes)
{
    struct file *f;

    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    cr_assert_eq(world_open(&w.root, "/m/f", O_CREAT | O_WRONLY, 0600, &f), 0);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL), -EBUSY);
    file_put(f);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    cr_assert_eq(world_touch(&w.root, "/m/f", O_WRONLY, 0), -EROFS);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_REMOUNT, "size=1m"), 0);
    cr_assert_eq(world_touch(&w.root, "/m/f", O_WRONLY, 0), 0);
}

Test(mount, moves_take_the_tree_along)
{
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/f", "");
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/d", 0755), 0);
    cr_assert_eq(do_mount(&w.root, "/m", "/m/d", NULL, MS_MOVE, NULL), -ELOOP);
    cr_assert_eq(do_mount(&w.root, "/n", "/m/d", NULL, MS_MOVE, NULL), -EINVAL);
    cr_assert_eq(do_mount(&w.root, "/m", "/n", NULL, MS_MOVE, NULL), 0);
    cr_assert(exists("/n/f"));
    cr_assert(exists("/m/under"));
}

Test(mount, stacked_mounts_come_off_in_turn)
{
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/1", "");
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/2", "");
    cr_assert(!exists("/m/1"));
    cr_assert_eq(do_umount(&w.root, "/m", 0), 0);
    cr_assert(exists("/m/1"));
    cr_assert_eq(do_umount(&w.root, "/m", 0), 0);
    cr_assert(exists("/m/under"));
}

Test(mount, pivot_root_changes_the_root)
{
    struct path fresh, old, root;
    char text[64];

    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/old", 0755), 0);
    fs_context_root(w.fs, &root);
    cr_assert_eq(walk(&w.root, NULL, "/m", 0, &fresh), 0);
    cr_assert_eq(walk(&w.root, NULL, "/n", 0, &old), 0);
    cr_assert_eq(vfs_pivot_root(&w.root, &fresh, &old), -EBUSY);
    path_put(&old);
    cr_assert_eq(walk(&w.root, NULL, "/m/old", 0, &old), 0);
    cr_assert_eq(vfs_pivot_root(&w.user, &fresh, &old), -EPERM);
    cr_assert_eq(vfs_pivot_root(&w.root, &fresh, &old), 0);
    fs_context_replace(w.fs, &root, &fresh);
    cr_assert(exists("/old/file"));
    cr_assert(!exists("/file"));
    path_put(&root);
    path_put(&fresh);
    path_put(&old);
    cr_assert_eq(do_umount(&w.root, "/old", MNT_DETACH), 0);
    cr_assert(!exists("/old/file"));
    cr_assert_eq(walk(&w.root, NULL, "/old/../..", 0, &root), 0);
    cr_assert_gt(path_print(&w.root, &root, text, sizeof text), 0);
    cr_assert_str_eq(text, "/");
    path_put(&root);
}

/* A copy of the namespace, with a context in it. */
static void copy_ns(struct mnt_ns **ns, struct fs_context **fs, struct actor *who)
{
    cr_assert_eq(fs_context_copy(w.fs, fs), 0);
    cr_assert_eq(mnt_ns_copy(w.ns, w.user_ns, *fs, ns), 0);
    *who = w.root;
    who->fs = *fs;
}

Test(mount, a_namespace_has_mounts_of_its_own)
{
    struct fs_context *fs;
    struct mnt_ns *ns;
    struct actor other;
    struct attr a;

    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/f", "");
    copy_ns(&ns, &fs, &other);
    cr_assert_eq(world_stat(&other, "/m/f", true, &a), 0);
    cr_assert_eq(do_mount(&other, "x", "/n", "tmpfs", 0, NULL), 0);
    world_put(&other, "/n/theirs", "");
    cr_assert(!exists("/n/theirs"));
    cr_assert_eq(do_umount(&other, "/m", 0), 0);
    cr_assert(exists("/m/f"));
    fs_context_put(fs);
    mnt_ns_put(ns);
}

Test(mount, shared_mounts_tell_each_other)
{
    struct fs_context *fs;
    struct mnt_ns *ns;
    struct actor other;
    struct attr a;

    cr_assert_eq(do_mount(&w.root, "", "/", NULL, MS_SHARED | MS_REC, NULL), 0);
    copy_ns(&ns, &fs, &other);
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/f", "");
    cr_assert_eq(world_stat(&other, "/m/f", true, &a), 0);
    cr_assert_eq(do_umount(&w.root, "/m", 0), 0);
    cr_assert_eq(world_stat(&other, "/m/f", true, &a), -ENOENT);
    /* A slave hears, and is not heard. */
    cr_assert_eq(do_mount(&other, "", "/", NULL, MS_SLAVE | MS_REC, NULL), 0);
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/f", "");
    cr_assert_eq(world_stat(&other, "/m/f", true, &a), 0);
    cr_assert_eq(do_mount(&other, "x", "/n", "tmpfs", 0, NULL), 0);
    world_put(&other, "/n/theirs", "");
    cr_assert(!exists("/n/theirs"));
    cr_assert_eq(do_mount(&other, "", "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
    cr_assert_eq(do_umount(&w.root, "/m", 0), 0);
    cr_assert_eq(world_stat(&other, "/m/f", true, &a), 0);
    fs_context_put(fs);
    mnt_ns_put(ns);
}

#define SLAVES 70

/* /n0, /n1 and so on hear what happens in /m. */
static void make_slaves(unsigned long bind_flags)
{
    char name[16];

    for (int i = 0; i < SLAVES; i++) {
        snprintf(name, sizeof name, "/n%d", i);
        cr_assert_eq(vfs_mkdir(&w.root, NULL, name, 0755), 0);
        cr_assert_eq(do_mount(&w.root, "/m", name, NULL, bind_flags, NULL), 0);
        cr_assert_eq(do_mount(&w.root, "", name, NULL, MS_SLAVE, NULL), 0);
    }
}

static int count_hearers(void)
{
    char name[32];
    int n = 0;

    for (int i = 0; i < SLAVES; i++) {
        snprintf(name, sizeof name, "/n%d/sub/inner", i);
        n += exists(name);
    }
    return n;
}

Test(mount, however_many_hear_of_a_mount_all_do)
{
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/sub", 0755), 0);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_SHARED, NULL), 0);
    make_slaves(MS_BIND);
    cr_assert_eq(do_mount(&w.root, "y", "/m/sub", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/sub/inner", "");
    cr_assert_eq(count_hearers(), SLAVES);
    cr_assert_eq(do_umount(&w.root, "/m/sub", 0), 0);
    cr_assert_eq(count_hearers(), 0);
}

Test(mount, however_many_had_a_mount_before_all_lose_it)
{
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/sub", 0755), 0);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_SHARED, NULL), 0);
    cr_assert_eq(do_mount(&w.root, "y", "/m/sub", "tmpfs", 0, NULL), 0);
    world_put(&w.root, "/m/sub/inner", "");
    make_slaves(MS_BIND | MS_REC);
    cr_assert_eq(count_hearers(), SLAVES);
    cr_assert_eq(do_umount(&w.root, "/m/sub", 0), 0);
    cr_assert_eq(count_hearers(), 0);
}

Test(mount, a_shared_mount_in_itself_is_there_once)
{
    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", 0, NULL), 0);
    cr_assert_eq(do_mount(&w.root, "", "/m", NULL, MS_SHARED, NULL), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/a", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m/a/b", 0755), 0);
    world_put(&w.root, "/m/a/b/inner", "");
    cr_assert_eq(do_mount(&w.root, "/m/a", "/m/a/b", NULL, MS_BIND, NULL), 0);
    cr_assert(exists("/m/a/b/b/inner"), "what it covers is seen in the copy");
    cr_assert_eq(do_umount(&w.root, "/m/a/b", 0), 0);
    cr_assert(exists("/m/a/b/inner"));
}

struct lines {
    char text[1024];
};

static int add_line(const struct mount_info *m, void *arg)
{
    struct lines *l = arg;
    char point[64], line[400];

    cr_assert_gt(path_print(&w.root, &m->point, point, sizeof point), 0);
    snprintf(line, sizeof line, "%s %s %s;", point, m->type, m->options);
    strcat(l->text, line);
    return 0;
}

Test(mount, mounts_are_listed)
{
    struct lines l = { "" };

    cr_assert_eq(do_mount(&w.root, "x", "/m", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k"), 0);
    cr_assert_eq(do_mount(&w.root, "/m", "/n", NULL, MS_BIND, NULL), 0);
    cr_assert_eq(mnt_ns_visit(w.ns, &w.root, add_line, &l), 0);
    cr_assert_str_eq(l.text,
                     "/ tmpfs rw,relatime;/m tmpfs rw,nosuid,noexec,relatime;"
                     "/n tmpfs rw,nosuid,noexec,relatime;");
}
