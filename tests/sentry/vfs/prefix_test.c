/* SPDX-License-Identifier: Apache-2.0 */
/* What paths begin with is remembered, and never believed for too long. */
#include "sentry/vfs/prefix.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/vfs_priv.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;

/* /a/b/f is "old", /other/f is "new", /l leads to /a. */
static void start(void)
{
    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/a", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/a/b", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/other", 0755), 0);
    world_put(&w.root, "/a/b/f", "old");
    world_put(&w.root, "/other/f", "new");
    cr_assert_eq(vfs_symlink(&w.root, "a", NULL, "/l"), 0);
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(prefix, .init = start, .fini = stop);

/* The first letter of what a file says: 'o', 'n', or the errno. */
static int says(const struct actor *who, const char *name)
{
    struct file *f;
    char c = 0;
    int err = world_open(who, name, O_RDONLY, 0, &f);

    if (err)
        return err;
    cr_assert_eq(world_pread(f, &c, 1, 0), 1);
    file_put(f);
    return c;
}

/* Is what this path begins with remembered? */
static bool is_known(const struct actor *who, const char *name)
{
    struct vfs *v = vfs_of(w.mm.arena);
    struct prefix_key k;
    struct path at = { 0 };
    unsigned links;

    if (!prefix_key(who, NULL, name, &k))
        return false;
    bool found = prefix_find(v, &k, &at, &links);
    path_put(&at);
    return found;
}

static void learn(const struct actor *who, const char *name)
{
    cr_assert_eq(says(who, name), 'o');
    cr_assert(is_known(who, name));
    cr_assert_eq(says(who, name), 'o');
}

Test(prefix, names_that_come_and_go_disturb_nothing)
{
    learn(&w.root, "/a/b/f");
    world_put(&w.root, "/a/b/g", "new");
    cr_expect_eq(vfs_rename(&w.root, NULL, "/a/b/g", NULL, "/a/b/f", 0), 0);
    cr_expect(is_known(&w.root, "/a/b/f"));
    cr_expect_eq(says(&w.root, "/a/b/f"), 'n');
    cr_expect_eq(vfs_unlink(&w.root, NULL, "/a/b/f"), 0);
    cr_expect(is_known(&w.root, "/a/b/f"));
    cr_expect_eq(says(&w.root, "/a/b/f"), -ENOENT);
}

Test(prefix, a_directory_that_moves_takes_its_names_along)
{
    learn(&w.root, "/a/b/f");
    cr_expect_eq(vfs_rename(&w.root, NULL, "/a", NULL, "/c", 0), 0);
    cr_expect_eq(says(&w.root, "/a/b/f"), -ENOENT);
    cr_expect_eq(says(&w.root, "/c/b/f"), 'o');
    cr_expect_eq(vfs_mkdir(&w.root, NULL, "/a", 0755), 0);
    cr_expect_eq(vfs_rename(&w.root, NULL, "/other", NULL, "/a/b", 0), 0);
    cr_expect_eq(says(&w.root, "/a/b/f"), 'n');
    cr_expect_eq(vfs_rename(&w.root, NULL, "/a/b", NULL, "/c/b", RENAME_EXCHANGE), 0);
    cr_expect_eq(says(&w.root, "/a/b/f"), 'o');
}

Test(prefix, a_link_that_is_replaced_leads_elsewhere)
{
    learn(&w.root, "/l/b/f");
    cr_expect_eq(vfs_rename(&w.root, NULL, "/other", NULL, "/a/b2", 0), 0);
    cr_expect_eq(vfs_unlink(&w.root, NULL, "/l"), 0);
    cr_expect_eq(says(&w.root, "/l/b/f"), -ENOENT);
    cr_expect_eq(vfs_mkdir(&w.root, NULL, "/x", 0755), 0);
    cr_expect_eq(vfs_rename(&w.root, NULL, "/a/b2", NULL, "/x/b", 0), 0);
    cr_expect_eq(vfs_symlink(&w.root, "x", NULL, "/l"), 0);
    cr_expect_eq(says(&w.root, "/l/b/f"), 'n');
}

Test(prefix, links_on_the_way_count)
{
    char name[64] = "/l";

    for (int i = 0; i < 45; i++) {
        char next[64];
        snprintf(next, sizeof next, "/l%d", i);
        cr_assert_eq(vfs_symlink(&w.root, name, NULL, next), 0);
        strcpy(name, next);
    }
    learn(&w.root, "/l20/b/f");
    cr_assert_eq(vfs_symlink(&w.root, "/l25", NULL, "/a/b/back"), 0);
    cr_expect_eq(says(&w.root, "/l5/b/back/b/f"), 'o');
    cr_expect_eq(says(&w.root, "/l20/b/back"), -ELOOP, "22 before, 27 behind");
}

Test(prefix, who_may_no_longer_go_there_is_told_so)
{
    learn(&w.user, "/a/b/f");
    cr_expect_eq(world_chmod(&w.root, "/a", 0700), 0);
    cr_expect_eq(says(&w.user, "/a/b/f"), -EACCES);
    cr_expect_eq(says(&w.root, "/a/b/f"), 'o');
    cr_expect_eq(says(&w.user, "/a/b/f"), -EACCES, "what root knows is root's");
    cr_expect_eq(world_chown(&w.root, "/a", USER_ID, USER_ID), 0);
    learn(&w.user, "/a/b/f");
    cr_expect_eq(world_chown(&w.root, "/a/b", 0, 0), 0);
    cr_expect_eq(world_chmod(&w.root, "/a/b", 0600), 0);
    cr_expect_eq(says(&w.user, "/a/b/f"), -EACCES, "the last directory of all");
}

Test(prefix, who_may_all_the_same_knows_the_same)
{
    struct actor other = w.user;
    uint32_t group = 7;
    struct cred *c;

    learn(&w.user, "/a/b/f");
    cr_assert_eq(cred_copy(w.user.cred, &c), 0);
    other.cred = c;
    cr_expect(is_known(&other, "/a/b/f"), "as a program does that was run");
    c->cap_effective = (uint64_t)1 << CAP_DAC_READ_SEARCH;
    cr_expect_not(is_known(&other, "/a/b/f"), "it may more");
    c->cap_effective = w.user.cred->cap_effective;
    c->fsgid++;
    cr_expect_not(is_known(&other, "/a/b/f"), "another group");
    c->fsgid--;
    cr_expect(is_known(&other, "/a/b/f"));
    cr_assert_eq(cred_set_groups(c, &group, 1), 0);
    cr_expect_not(is_known(&other, "/a/b/f"), "one group more");
    cred_put(c);
}

Test(prefix, mounts_come_and_go)
{
    uint64_t before = slab_live(w.mm.arena, SLAB_mount);
    struct dentry *root;
    struct path at;

    learn(&w.root, "/a/b/f");
    cr_assert_eq(tmpfs_create(w.mm.arena, "tmpfs", NULL, &w.root, &root), 0);
    cr_assert_eq(world_mount(&w.root, "/a", root, 0), 0);
    cr_expect_eq(says(&w.root, "/a/b/f"), -ENOENT);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/a/b", 0755), 0);
    world_put(&w.root, "/a/b/f", "new");
    cr_expect_eq(says(&w.root, "/a/b/f"), 'n');
    cr_expect(is_known(&w.root, "/a/b/f"));
    cr_assert_eq(walk(&w.root, NULL, "/a", 0, &at), 0);
    cr_expect_eq(vfs_umount(&w.root, &at, 0), 0, "what is only remembered is not busy");
    path_put(&at);
    cr_expect_eq(slab_live(w.mm.arena, SLAB_mount), before);
    cr_expect_eq(says(&w.root, "/a/b/f"), 'o');
}

Test(prefix, a_directory_that_is_removed_is_gone)
{
    uint64_t before = slab_live(w.mm.arena, SLAB_tmpfs_inode);

    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/a/d", 0755), 0);
    world_put(&w.root, "/a/d/f", "old");
    learn(&w.root, "/a/d/f");
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/a/d/f"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/a/d"), 0);
    cr_expect_eq(slab_live(w.mm.arena, SLAB_tmpfs_inode), before);
    cr_expect_eq(says(&w.root, "/a/d/f"), -ENOENT);
    cr_expect_eq(world_touch(&w.root, "/a/d/f", O_RDWR | O_CREAT, 0600), -ENOENT);
}

Test(prefix, where_a_path_starts_matters)
{
    struct path a, other;

    cr_assert_eq(walk(&w.root, NULL, "/a", 0, &a), 0);
    cr_assert_eq(walk(&w.root, NULL, "/other", 0, &other), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/other/b", 0755), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/other/f", NULL, "/other/b/f", 0), 0);
    fs_context_set_cwd(w.fs, &a);
    learn(&w.root, "b/f");
    fs_context_set_cwd(w.fs, &other);
    cr_expect_eq(says(&w.root, "b/f"), 'n');
    learn(&w.root, "/a/b/f");
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/other/a", 0755), 0);
    fs_context_set_root(w.fs, &other);
    cr_expect_eq(says(&w.root, "/a/b/f"), -ENOENT);
    cr_expect_eq(says(&w.root, "../../b/f"), 'n');
    path_put(&a);
    path_put(&other);
}
