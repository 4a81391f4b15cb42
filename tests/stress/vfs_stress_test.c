/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that do everything to the same few names, in a tmpfs and in an overlay.
 * What is asked: no race, no deadlock, no leak, and a tree that agrees with itself.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/fs/overlay.h"
#include "sentry/vfs/filelock.h"
#include "sentry/vfs/readdir.h"
#include "sentry/vfs/rw.h"
#include "tests/lib/vfs_world.h"

#define THREADS 4
#define NAMES   6

static struct vfs_world w;
static const char *top;

/* A name at random: /top/a, /top/a/b, … two levels of directories over files. */
static const char *any_name(unsigned *seed, char buf[64])
{
    int n = snprintf(buf, 64, "%s", top);

    for (int depth = 1 + rand_r(seed) % 3; depth > 0; depth--)
        n += snprintf(buf + n, 64 - (size_t)n, "/%c", 'a' + rand_r(seed) % NAMES);
    return buf;
}

static bool take_nothing(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
                         unsigned dtype, uint64_t next)
{
    (void)s, (void)name, (void)len, (void)ino, (void)dtype, (void)next;
    return true;
}

static void use_file(const char *name, unsigned *seed)
{
    struct dir_sink sink = { take_nothing };
    char buf[300], text[4096] = "some bytes";
    struct file *f;
    uint64_t pos = 0;

    if (world_open(&w.root, name, rand_r(seed) % 2 ? O_RDWR : O_RDONLY, 0, &f))
        return;
    if (f->ops->readdir) {
        (void)!file_readdir(f, &sink, &pos);
    } else {
        (void)!world_pread(f, text, sizeof text, 0);
        if (f->kind & FILE_WRITE)
            (void)!world_pwrite(&w.root, f, text, sizeof text, (uint64_t)(rand_r(seed) % 20000));
        if (rand_r(seed) % 4 == 0)
            (void)!flock_try(f, rand_r(seed) % 2 ? 1 : 2);
    }
    (void)!path_print(&w.root, &f->path, buf, sizeof buf);
    file_put(f);
}

static void link_to(const char *from, const char *to)
{
    struct path p;

    if (walk(&w.root, NULL, from, 0, &p))
        return;
    (void)!vfs_link(&w.root, &p, NULL, to);
    path_put(&p);
}

static void step(unsigned *seed)
{
    char a[64], b[64];
    struct attr attr;

    any_name(seed, a);
    any_name(seed, b);
    switch (rand_r(seed) % 14) {
    case 0:
    case 1:
        (void)!vfs_mkdir(&w.root, NULL, a, 0755);
        break;
    case 2:
        (void)!vfs_rmdir(&w.root, NULL, a);
        break;
    case 3:
    case 4:
        (void)!world_touch(&w.root, a, O_CREAT | O_WRONLY, 0644);
        break;
    case 5:
        (void)!vfs_unlink(&w.root, NULL, a);
        break;
    case 6:
        (void)!vfs_rename(&w.root, NULL, a, NULL, b, 0);
        break;
    case 7:
        (void)!vfs_rename(&w.root, NULL, a, NULL, b, 2 /* RENAME_EXCHANGE */);
        break;
    case 8:
        link_to(a, b);
        break;
    case 9:
        (void)!vfs_symlink(&w.root, "a/b", NULL, a);
        break;
    case 10:
        (void)!world_truncate(&w.root, a, (uint64_t)(rand_r(seed) % 10000));
        break;
    case 11:
        (void)!world_chmod(&w.root, a, 0700);
        break;
    case 12:
        (void)!world_stat(&w.root, a, true, &attr);
        break;
    default:
        use_file(a, seed);
    }
}

static int steps;

static void *body(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < steps; i++)
        step(&seed);
    return NULL;
}

/* Which of our names were listed. */
struct listed {
    struct dir_sink sink;
    bool has[NAMES];
};

static bool note(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned dtype,
                 uint64_t next)
{
    struct listed *l = container_of(s, struct listed, sink);

    (void)ino, (void)dtype, (void)next;
    if (name[0] == '.')
        return true;
    assert(len == 1 && name[0] >= 'a' && name[0] < 'a' + NAMES && !l->has[name[0] - 'a']);
    l->has[name[0] - 'a'] = true;
    return true;
}

/* Every name that is listed can be looked up, and goes. */
static void remove_all(const struct path *dir)
{
    struct listed l = { .sink.add = note };
    struct file *f;
    uint64_t pos = 0;

    cr_assert_eq(vfs_open_path(&w.root, dir, O_RDONLY, &f), 0);
    cr_assert_eq(file_readdir(f, &l.sink, &pos), 0);
    file_put(f);
    for (int i = 0; i < NAMES; i++) {
        char name[2] = { (char)('a' + i), 0 };
        struct path p;
        int err = walk(&w.root, dir, name, 0, &p);
        cr_assert_eq(err, l.has[i] ? 0 : -ENOENT, "%s: %d, listed %d", name, err, l.has[i]);
        if (err)
            continue;
        bool is_dir = inode_is(dentry_inode(p.dentry), S_IFDIR);
        if (is_dir)
            remove_all(&p);
        path_put(&p);
        err = is_dir ? vfs_rmdir(&w.root, dir, name) : vfs_unlink(&w.root, dir, name);
        cr_assert_eq(err, 0, "%s: %d", name, err);
    }
}

static void run(void)
{
    pthread_t t[THREADS];
    struct path p;

    steps = getenv("LONG") ? 200000 : 3000;
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, body, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    cr_assert_eq(walk(&w.root, NULL, top, 0, &p), 0);
    remove_all(&p);
    path_put(&p);
}

Test(vfs_stress, a_tmpfs_under_everything_at_once, .timeout = 600)
{
    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/t", 0755), 0);
    top = "/t";
    run();
    vfs_world_stop(&w);
}

Test(vfs_stress, an_overlay_under_everything_at_once, .timeout = 600)
{
    struct dentry *root;
    struct path low;
    unsigned seed = 99;

    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/low", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/o", 0755), 0);
    top = "/low";
    for (int i = 0; i < 300; i++)
        step(&seed);
    cr_assert_eq(walk(&w.root, NULL, "/low", 0, &low), 0);
    cr_assert_eq(overlay_create_discardable(dentry_get(low.dentry), "nr_inodes=0", &w.root, &root),
                 0);
    path_put(&low);
    cr_assert_eq(world_mount(&w.root, "/o", root, 0), 0);
    top = "/o";
    run();
    vfs_world_stop(&w);
}

static void *mounter(void *arg)
{
    for (int i = 0; i < steps / 10; i++) {
        struct path p;
        if (walk(&w.root, NULL, "/t/a", WALK_FOLLOW, &p) == 0) {
            if (i % 2)
                (void)!vfs_mount(&w.root, "/t/b", &p, NULL, MS_BIND, NULL);
            else
                (void)!vfs_umount(&w.root, &p, 2 /* MNT_DETACH */);
            path_put(&p);
        }
    }
    return arg;
}

Test(vfs_stress, mounts_come_and_go_meanwhile, .timeout = 600)
{
    pthread_t t, m;
    struct path p;

    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/t", 0755), 0);
    top = "/t";
    steps = getenv("LONG") ? 200000 : 5000;
    cr_assert_eq(pthread_create(&t, NULL, body, (void *)7), 0);
    cr_assert_eq(pthread_create(&m, NULL, mounter, NULL), 0);
    pthread_join(t, NULL);
    pthread_join(m, NULL);
    /* Until nothing is mounted any more. */
    while (walk(&w.root, NULL, "/t/a", WALK_FOLLOW, &p) == 0) {
        int err = vfs_umount(&w.root, &p, 2);
        path_put(&p);
        if (err)
            break;
    }
    vfs_world_stop(&w);
}
