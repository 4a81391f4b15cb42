/* SPDX-License-Identifier: Apache-2.0 */
/* From paths to what they name, and who may go there. */
#include "sentry/vfs/walk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;

/*
 * /d/f          a file            /d/sub/        a directory
 * /l → d/f      /dl → /d          /loop → loop   /gone → nowhere
 * /up → d/sub/../f                /locked/f      0700 of root
 */
static void start(void)
{
    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/d", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/d/sub", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/locked", 0700), 0);
    world_put(&w.root, "/d/f", "f");
    world_put(&w.root, "/locked/f", "f");
    cr_assert_eq(vfs_symlink(&w.root, "d/f", NULL, "/l"), 0);
    cr_assert_eq(vfs_symlink(&w.root, "/d", NULL, "/dl"), 0);
    cr_assert_eq(vfs_symlink(&w.root, "loop", NULL, "/loop"), 0);
    cr_assert_eq(vfs_symlink(&w.root, "nowhere", NULL, "/gone"), 0);
    cr_assert_eq(vfs_symlink(&w.root, "d/sub/../f", NULL, "/up"), 0);
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(walk, .init = start, .fini = stop);

static const struct {
    const char *name;
    unsigned flags;
    bool as_user;
    int err;
    const char *printed;
} rows[] = {
    {"/",                0,                              false, 0,        "/"      },
    { "//",              0,                              false, 0,        "/"      },
    { "/..",             0,                              false, 0,        "/"      },
    { "/d/f",            0,                              false, 0,        "/d/f"   },
    { "/d//./f",         0,                              false, 0,        "/d/f"   },
    { "d/f",             0,                              false, 0,        "/d/f"   },
    { "/d/sub/../f",     0,                              false, 0,        "/d/f"   },
    { "/d/f/",           0,                              false, -ENOTDIR, NULL     },
    { "/d/f/x",          0,                              false, -ENOTDIR, NULL     },
    { "/d/f/.",          0,                              false, -ENOTDIR, NULL     },
    { "/d/x",            0,                              false, -ENOENT,  NULL     },
    { "/x/y",            0,                              false, -ENOENT,  NULL     },
    { "",                0,                              false, -ENOENT,  NULL     },
    { "",                WALK_EMPTY,                     false, 0,        "/"      },
    { "/l",              0,                              false, 0,        "/l"     },
    { "/l",              WALK_FOLLOW,                    false, 0,        "/d/f"   },
    { "/l/",             0,                              false, -ENOTDIR, NULL     },
    { "/dl",             0,                              false, 0,        "/dl"    },
    { "/dl/",            0,                              false, 0,        "/d"     },
    { "/dl/f",           0,                              false, 0,        "/d/f"   },
    { "/dl/../l",        WALK_FOLLOW,                    false, 0,        "/d/f"   },
    { "/up",             WALK_FOLLOW,                    false, 0,        "/d/f"   },
    { "/loop",           0,                              false, 0,        "/loop"  },
    { "/loop",           WALK_FOLLOW,                    false, -ELOOP,   NULL     },
    { "/loop/x",         0,                              false, -ELOOP,   NULL     },
    { "/gone",           WALK_FOLLOW,                    false, -ENOENT,  NULL     },
    { "/d",              WALK_DIRECTORY,                 false, 0,        "/d"     },
    { "/d/f",            WALK_DIRECTORY,                 false, -ENOTDIR, NULL     },
    { "/locked/f",       0,                              true,  -EACCES,  NULL     },
    { "/locked/nothing", 0,                              true,  -EACCES,  NULL     },
    { "/locked",         0,                              true,  0,        "/locked"},
    { "/locked/..",      0,                              true,  -EACCES,  NULL     },
    { "/l",              WALK_FOLLOW | WALK_NO_SYMLINKS, false, -ELOOP,   NULL     },
    { "/dl/f",           WALK_NO_SYMLINKS,               false, -ELOOP,   NULL     },
    { "/d/f",            WALK_BENEATH,                   false, -EXDEV,   NULL     },
    { "d/../d/f",        WALK_BENEATH,                   false, 0,        "/d/f"   },
    { "..",              WALK_BENEATH,                   false, -EXDEV,   NULL     },
    { "dl/f",            WALK_BENEATH,                   false, -EXDEV,   NULL     },
    { "dl/f",            WALK_IN_ROOT,                   false, 0,        "/d/f"   },
    { "../d/f",          WALK_IN_ROOT,                   false, 0,        "/d/f"   },
};

Test(walk, paths_lead_where_linux_says)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct actor *who = rows[i].as_user ? &w.user : &w.root;
        char text[256];
        struct path p;
        int err = walk(who, NULL, rows[i].name, rows[i].flags, &p);
        cr_assert_eq(err, rows[i].err, "%s: %d", rows[i].name, err);
        if (err)
            continue;
        cr_assert_gt(path_print(&w.root, &p, text, sizeof text), 0);
        cr_assert_str_eq(text, rows[i].printed, "%s: %s", rows[i].name, text);
        path_put(&p);
    }
}

Test(walk, names_are_at_most_255_bytes)
{
    char name[300];
    struct path p;

    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[256] = '\0';
    cr_assert_eq(walk(&w.root, NULL, name, 0, &p), -ENOENT);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, name, 0755), 0);
    cr_assert_eq(walk(&w.root, NULL, name, 0, &p), 0);
    path_put(&p);
    name[256] = 'x';
    name[257] = '\0';
    cr_assert_eq(walk(&w.root, NULL, name, 0, &p), -ENAMETOOLONG);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, name, 0755), -ENAMETOOLONG);
}

Test(walk, forty_links_are_followed_and_not_one_more)
{
    char name[16], target[16];
    struct path p;

    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "/c%d", i);
        snprintf(target, sizeof target, i == 1 ? "d" : "c%d", i - 1);
        cr_assert_eq(vfs_symlink(&w.root, target, NULL, name), 0);
    }
    cr_assert_eq(walk(&w.root, NULL, "/c40", WALK_FOLLOW, &p), 0);
    path_put(&p);
    cr_assert_eq(walk(&w.root, NULL, "/c40/f", 0, &p), 0);
    path_put(&p);
    cr_assert_eq(walk(&w.root, NULL, "/c41", WALK_FOLLOW, &p), -ELOOP);
}

Test(walk, long_links_in_the_middle_are_remembered)
{
    char target[4096];
    struct path p;
    size_t n = 0;

    /* Longer than what a walk has room for: "d/../d/../…d". */
    while (n < 4000)
        n += (size_t)sprintf(target + n, "d/../");
    strcpy(target + n, "d");
    cr_assert_eq(vfs_symlink(&w.root, target, NULL, "/long"), 0);
    cr_assert_eq(walk(&w.root, NULL, "/long/sub/../../long/f", 0, &p), 0);
    path_put(&p);
}

Test(walk, a_removed_directory_has_nothing_in_it)
{
    struct path cwd, p;
    char text[64];

    cr_assert_eq(walk(&w.root, NULL, "/d/sub", 0, &cwd), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/d/sub"), 0);
    cr_assert_eq(walk(&w.root, &cwd, "x", 0, &p), -ENOENT);
    cr_assert_eq(vfs_mkdir(&w.root, &cwd, "x", 0755), -ENOENT);
    cr_assert_eq(walk(&w.root, &cwd, "..", 0, &p), 0);
    path_put(&p);
    cr_assert_gt(path_print(&w.root, &cwd, text, sizeof text), 0);
    cr_assert_str_eq(text, "/d/sub (deleted)");
    path_put(&cwd);
}

Test(walk, chroot_ends_dotdot)
{
    struct fs_context *fs;
    struct actor jailed = w.root;
    struct path p;
    char text[64];

    cr_assert_eq(fs_context_copy(w.fs, &fs), 0);
    jailed.fs = fs;
    cr_assert_eq(walk(&w.root, NULL, "/d", 0, &p), 0);
    fs_context_set_root(fs, &p);
    path_put(&p);
    cr_assert_eq(walk(&jailed, NULL, "/../../f", 0, &p), 0);
    cr_assert_gt(path_print(&jailed, &p, text, sizeof text), 0);
    cr_assert_str_eq(text, "/f");
    path_put(&p);
    fs_context_cwd(fs, &p); /* still outside */
    cr_assert_gt(path_print(&jailed, &p, text, sizeof text), 0);
    cr_assert_str_eq(text, "(unreachable)/");
    path_put(&p);
    fs_context_put(fs);
}

static const struct {
    const char *name;
    int flags;
    bool as_user;
    int err;
} opens[] = {
    {"/d/f",      O_RDONLY,                 false, 0       },
    { "/d/f",     O_RDONLY,                 true,  0       },
    { "/d/f",     O_WRONLY,                 true,  -EACCES },
    { "/d/f",     O_RDONLY | O_TRUNC,       true,  -EACCES },
    { "/d/f",     O_RDONLY | O_NOATIME,     true,  -EPERM  },
    { "/d/f",     O_WRONLY | O_CREAT,       false, 0       },
    { "/d/f",     O_CREAT | O_EXCL,         false, -EEXIST },
    { "/gone",    O_CREAT | O_EXCL,         false, -EEXIST },
    { "/loop",    O_CREAT | O_EXCL,         false, -EEXIST },
    { "/l",       O_NOFOLLOW,               false, -ELOOP  },
    { "/l",       O_NOFOLLOW | O_PATH,      false, 0       },
    { "/l",       O_NOFOLLOW | O_DIRECTORY, false, -ENOTDIR},
    { "/d",       O_RDONLY,                 false, 0       },
    { "/d",       O_WRONLY,                 false, -EISDIR },
    { "/d",       O_RDWR,                   false, -EISDIR },
    { "/d",       O_RDONLY | O_CREAT,       false, -EISDIR },
    { "/d",       O_RDONLY | O_TRUNC,       false, -EISDIR },
    { "/d/",      O_RDONLY | O_CREAT,       false, -EISDIR },
    { "/d/new/",  O_WRONLY | O_CREAT,       false, -EISDIR },
    { "/d/.",     O_WRONLY | O_CREAT,       false, -EISDIR },
    { "/d/f/",    O_RDONLY,                 false, -ENOTDIR},
    { "/d/f",     O_RDONLY | O_DIRECTORY,   false, -ENOTDIR},
    { "/d/new",   O_RDONLY,                 false, -ENOENT },
    { "/d/new",   O_WRONLY | O_CREAT,       true,  -EACCES },
    { "/x/new",   O_WRONLY | O_CREAT,       false, -ENOENT },
    { "/d/f/new", O_WRONLY | O_CREAT,       false, -ENOTDIR},
    { "/d",       O_WRONLY | O_TMPFILE,     false, 0       },
    { "/d",       O_RDWR | O_TMPFILE,       true,  -EACCES },
    { "/d/f",     O_RDWR | O_TMPFILE,       false, -ENOTDIR},
    { "/gone",    O_WRONLY | O_CREAT,       false, 0       },
    { "/nowhere", O_RDONLY,                 false, 0       },
};

Test(walk, open_gives_linux_errors)
{
    for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
        int err =
            world_touch(opens[i].as_user ? &w.user : &w.root, opens[i].name, opens[i].flags, 0644);
        cr_assert_eq(err, opens[i].err, "%s %o: %d", opens[i].name, opens[i].flags, err);
    }
}

Test(walk, a_new_file_may_be_opened_however_its_mode_is)
{
    scoped(file) struct file *f;
    struct attr a;

    cr_assert_eq(world_chmod(&w.root, "/d", 0777), 0);
    cr_assert_eq(world_open(&w.user, "/d/new", O_CREAT | O_RDWR, 0, &f), 0);
    cr_assert_eq(world_pwrite(&w.user, f, "x", 1, 0), 1);
    cr_assert_eq(world_touch(&w.user, "/d/new", O_RDONLY, 0), -EACCES);
    fs_context_set_umask(w.fs, 027);
    cr_assert_eq(world_touch(&w.user, "/d/new2", O_CREAT | O_WRONLY, 0666), 0);
    cr_assert_eq(world_stat(&w.root, "/d/new2", true, &a), 0);
    cr_assert_eq(a.mode, S_IFREG | 0640);
    cr_assert_eq(a.uid, USER_ID);
}

Test(walk, a_set_group_id_directory_passes_its_group_on)
{
    struct attr a;

    cr_assert_eq(world_chown(&w.root, "/d", 0, 50), 0);
    cr_assert_eq(world_chmod(&w.root, "/d", 02777), 0);
    cr_assert_eq(vfs_mkdir(&w.user, NULL, "/d/new", 0755), 0);
    cr_assert_eq(world_stat(&w.root, "/d/new", true, &a), 0);
    cr_assert_eq(a.gid, 50);
    cr_assert_eq(a.mode, S_IFDIR | 02755);
    cr_assert_eq(world_touch(&w.user, "/d/exec", O_CREAT | O_WRONLY, 02755), 0);
    cr_assert_eq(world_stat(&w.root, "/d/exec", true, &a), 0);
    cr_assert_eq(a.gid, 50);
    cr_assert_eq(a.mode, S_IFREG | 0755, "the user is not in the group");
}

Test(walk, sticky_directories_protect)
{
    cr_assert_eq(world_chmod(&w.root, "/d", 01777), 0);
    cr_assert_eq(vfs_unlink(&w.user, NULL, "/d/f"), -EPERM);
    cr_assert_eq(vfs_rename(&w.user, NULL, "/d/f", NULL, "/d/g", 0), -EPERM);
    cr_assert_eq(world_touch(&w.user, "/d/mine", O_CREAT | O_WRONLY, 0644), 0);
    cr_assert_eq(vfs_unlink(&w.user, NULL, "/d/mine"), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/d/f"), 0);
}

Test(walk, set_id_bits_go_with_a_write)
{
    scoped(file) struct file *f;
    struct attr a;

    cr_assert_eq(world_chown(&w.root, "/d/f", USER_ID, USER_ID), 0);
    cr_assert_eq(world_chmod(&w.root, "/d/f", 06777), 0);
    cr_assert_eq(world_open(&w.user, "/d/f", O_RDWR, 0, &f), 0);
    cr_assert_eq(world_pwrite(&w.user, f, "x", 1, 0), 1);
    cr_assert_eq(world_stat(&w.root, "/d/f", true, &a), 0);
    cr_assert_eq(a.mode, S_IFREG | 0777);
    cr_assert_eq(world_chmod(&w.root, "/d/f", 06777), 0);
    cr_assert_eq(world_chown(&w.root, "/d/f", 5, 5), 0);
    cr_assert_eq(world_stat(&w.root, "/d/f", true, &a), 0);
    cr_assert_eq(a.mode, S_IFREG | 0777);
}

Test(walk, writers_and_programs_exclude_each_other)
{
    struct file *f;

    cr_assert_eq(world_open(&w.root, "/d/f", O_WRONLY, 0, &f), 0);
    cr_assert_eq(inode_deny_write(f->inode), -ETXTBSY);
    struct inode *i = inode_get(f->inode);
    file_put(f);
    cr_assert_eq(inode_deny_write(i), 0);
    cr_assert_eq(world_touch(&w.root, "/d/f", O_WRONLY, 0), -ETXTBSY);
    cr_assert_eq(world_truncate(&w.root, "/d/f", 0), -ETXTBSY);
    cr_assert_eq(world_touch(&w.root, "/d/f", O_RDONLY, 0), 0);
    inode_allow_write(i);
    cr_assert_eq(world_touch(&w.root, "/d/f", O_WRONLY, 0), 0);
    inode_put(i);
}

Test(walk, an_unnamed_file_gets_a_name)
{
    struct file *f;
    struct attr a;

    cr_assert_eq(world_open(&w.root, "/d", O_TMPFILE | O_RDWR, 0600, &f), 0);
    cr_assert_eq(vfs_link(&w.root, &f->path, NULL, "/d/named"), 0);
    cr_assert_eq(world_stat(&w.root, "/d/named", true, &a), 0);
    cr_assert_eq(a.nlink, 1);
    file_put(f);
    cr_assert_eq(world_open(&w.root, "/d", O_TMPFILE | O_RDWR | O_EXCL, 0600, &f), 0);
    cr_assert_eq(vfs_link(&w.root, &f->path, NULL, "/d/never"), -ENOENT);
    file_put(f);
}

Test(walk, names_that_nobody_uses_are_forgotten)
{
    struct path p;
    char name[32];

    for (int i = 0; i < 40000; i++) {
        snprintf(name, sizeof name, "/n%d", i);
        cr_assert_eq(walk(&w.root, NULL, name, 0, &p), -ENOENT);
    }
    cr_assert_lt(slab_live(w.mm.arena, SLAB_dentry), 33000);
    cr_assert_eq(walk(&w.root, NULL, "/d/f", 0, &p), 0);
    path_put(&p);
}
