/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2): all kinds over all kinds, and what the flags change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "tests/lib/vfs_world.h"

static struct vfs_world w;

static void stop(void)
{
    vfs_world_stop(&w);
}

/* f1 f2: files; e1 e2: empty directories; full: one with something in it; f1b: another name of f1
 */
static void start(void)
{
    struct path p;

    vfs_world_start(&w);
    world_put(&w.root, "/f1", "1");
    world_put(&w.root, "/f2", "22");
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/e1", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/e2", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/full", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/full/sub", 0755), 0);
    world_put(&w.root, "/full/x", "x");
    cr_assert_eq(vfs_symlink(&w.root, "f1", NULL, "/link"), 0);
    cr_assert_eq(walk(&w.root, NULL, "/f1", 0, &p), 0);
    cr_assert_eq(vfs_link(&w.root, &p, NULL, "/f1b"), 0);
    path_put(&p);
}

TestSuite(rename, .init = start, .fini = stop);

static const struct {
    const char *from, *to;
    unsigned flags;
    int err;
} rows[] = {
    {"/f1",        "/new",          0,                                  0         },
    { "/f1",       "/f2",           0,                                  0         },
    { "/f1",       "/f1",           0,                                  0         },
    { "/f1",       "/f1b",          0,                                  0         },
    { "/f1",       "/e1",           0,                                  -EISDIR   },
    { "/e1",       "/f1",           0,                                  -ENOTDIR  },
    { "/e1",       "/e2",           0,                                  0         },
    { "/e1",       "/full",         0,                                  -ENOTEMPTY},
    { "/full",     "/e1",           0,                                  0         },
    { "/full",     "/full/sub",     0,                                  -EINVAL   },
    { "/full",     "/full/sub/new", 0,                                  -EINVAL   },
    { "/full/sub", "/full",         0,                                  -ENOTEMPTY},
    { "/full/x",   "/full",         0,                                  -ENOTEMPTY},
    { "/full/sub", "/sub",          0,                                  0         },
    { "/nothing",  "/f1",           0,                                  -ENOENT   },
    { "/f1",       "/nowhere/x",    0,                                  -ENOENT   },
    { "/f1",       "/f2/x",         0,                                  -ENOTDIR  },
    { "/f1",       "/new/",         0,                                  -ENOTDIR  },
    { "/f1/",      "/new",          0,                                  -ENOTDIR  },
    { "/e1",       "/new/",         0,                                  0         },
    { "/e1/",      "/new",          0,                                  0         },
    { "/link",     "/f2",           0,                                  0         },
    { "/",         "/new",          0,                                  -EBUSY    },
    { "/e1/.",     "/new",          0,                                  -EBUSY    },
    { "/e1/..",    "/new",          0,                                  -EBUSY    },
    { "/f1",       "/",             0,                                  -EBUSY    },
    { "/f1",       "/e1/.",         0,                                  -EBUSY    },
    { "/f1",       "/f2",           RENAME_NOREPLACE,                   -EEXIST   },
    { "/f1",       "/f1",           RENAME_NOREPLACE,                   -EEXIST   },
    { "/f1",       "/new",          RENAME_NOREPLACE,                   0         },
    { "/nothing",  "/f1",           RENAME_NOREPLACE,                   -ENOENT   },
    { "/f1",       "/e1",           RENAME_EXCHANGE,                    0         },
    { "/full",     "/f1",           RENAME_EXCHANGE,                    0         },
    { "/f1",       "/full/sub",     RENAME_EXCHANGE,                    0         },
    { "/f1",       "/nothing",      RENAME_EXCHANGE,                    -ENOENT   },
    { "/full",     "/full/x",       RENAME_EXCHANGE,                    -EINVAL   },
    { "/full/x",   "/full",         RENAME_EXCHANGE,                    -EINVAL   },
    { "/f1",       "/f2",           RENAME_EXCHANGE | RENAME_NOREPLACE, -EINVAL   },
    { "/f1",       "/f2",           0x80,                               -EINVAL   },
    { "/f1",       "/new",          RENAME_WHITEOUT,                    0         },
};

Test(rename, the_matrix)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attr from = { 0 }, to = { 0 }, now;
        int had_from = world_stat(&w.root, rows[i].from, false, &from);
        int had_to = world_stat(&w.root, rows[i].to, false, &to);
        int err = vfs_rename(&w.root, NULL, rows[i].from, NULL, rows[i].to, rows[i].flags);
        cr_assert_eq(err, rows[i].err, "%s → %s: %d", rows[i].from, rows[i].to, err);
        if (!err) {
            cr_assert_eq(world_stat(&w.root, rows[i].to, false, &now), 0);
            cr_assert_eq(now.ino, from.ino, "%s → %s", rows[i].from, rows[i].to);
            int has_from = world_stat(&w.root, rows[i].from, false, &now);
            if (rows[i].flags & RENAME_EXCHANGE)
                cr_assert_eq(now.ino, to.ino);
            else if (rows[i].flags & RENAME_WHITEOUT)
                cr_assert(S_ISCHR(now.mode) && now.rdev == 0);
            else if (!had_to && from.ino == to.ino)
                cr_assert_eq(has_from, 0, "two names of one: nothing happens");
            else
                cr_assert_eq(has_from, -ENOENT);
            stop();
            start();
        } else if (!had_from) {
            cr_assert_eq(world_stat(&w.root, rows[i].from, false, &now), 0);
            cr_assert_eq(now.ino, from.ino);
        }
    }
}

Test(rename, open_files_and_directories_come_along)
{
    scoped(file) struct file *f = NULL;
    char text[600], name[300];
    struct path p;

    memset(name, 'n', 250);
    name[0] = '/';
    name[250] = '\0';
    cr_assert_eq(world_open(&w.root, "/full/x", O_RDONLY, 0, &f), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/full", NULL, name, 0), 0);
    cr_assert_gt(path_print(&w.root, &f->path, text, sizeof text), 0);
    cr_assert_eq(strncmp(text, name, 250), 0);
    cr_assert_str_eq(text + 250, "/x");
    cr_assert_eq(vfs_rename(&w.root, NULL, name, NULL, "/e1/short", 0), 0);
    cr_assert_gt(path_print(&w.root, &f->path, text, sizeof text), 0);
    cr_assert_str_eq(text, "/e1/short/x");
    cr_assert_eq(walk(&w.root, NULL, "/e1/short/sub/../..", 0, &p), 0);
    cr_assert_gt(path_print(&w.root, &p, text, sizeof text), 0);
    cr_assert_str_eq(text, "/e1");
    path_put(&p);
}

Test(rename, link_counts_follow_directories)
{
    struct attr a;

    cr_assert_eq(vfs_rename(&w.root, NULL, "/full/sub", NULL, "/e1/sub", 0), 0);
    cr_assert_eq(world_stat(&w.root, "/full", true, &a), 0);
    cr_assert_eq(a.nlink, 2);
    cr_assert_eq(world_stat(&w.root, "/e1", true, &a), 0);
    cr_assert_eq(a.nlink, 3);
    cr_assert_eq(vfs_rename(&w.root, NULL, "/e1/sub", NULL, "/full/x", RENAME_EXCHANGE), 0);
    cr_assert_eq(world_stat(&w.root, "/full", true, &a), 0);
    cr_assert_eq(a.nlink, 3);
    cr_assert_eq(world_stat(&w.root, "/e1", true, &a), 0);
    cr_assert_eq(a.nlink, 2);
}

Test(rename, exchanged_names_both_last)
{
    char long_name[200], text[300];
    scoped(file) struct file *f = NULL;

    memset(long_name, 'l', 150);
    long_name[0] = '/';
    long_name[150] = '\0';
    world_put(&w.root, long_name, "long");
    cr_assert_eq(world_open(&w.root, long_name, O_RDONLY, 0, &f), 0);
    cr_assert_eq(vfs_rename(&w.root, NULL, long_name, NULL, "/f2", RENAME_EXCHANGE), 0);
    cr_assert_eq(world_get(&w.root, "/f2", text, sizeof text), 4);
    cr_assert_eq(world_get(&w.root, long_name, text, sizeof text), 2);
    cr_assert_gt(path_print(&w.root, &f->path, text, sizeof text), 0);
    cr_assert_str_eq(text, "/f2");
}

Test(rename, a_directory_of_others_stays_where_it_is)
{
    cr_assert_eq(world_chmod(&w.root, "/", 0777), 0);
    cr_assert_eq(world_chmod(&w.root, "/e1", 0777), 0);
    cr_assert_eq(vfs_rename(&w.user, NULL, "/full", NULL, "/e1/full", 0), -EACCES);
    cr_assert_eq(vfs_rename(&w.user, NULL, "/full", NULL, "/same-parent", 0), 0);
    cr_assert_eq(vfs_rename(&w.user, NULL, "/f1", NULL, "/e1/f1", 0), 0);
}
