/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads on one tree, whose gofer has few places: names are made, found, moved
 * and removed while others list, stat and open. What each thread has for itself must be
 * as it left it; the rest must only not break.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentry/vfs/walk.h"
#include "tests/lib/gofer_world.h"

#define THREADS 6
#define TURNS   150

static struct gofer_world w;

struct guest {
    pthread_t thread;
    unsigned n, wrong, last_line;
    int last_err;
};

#define EXPECT(g, x)                   \
    do {                               \
        int got_ = (int)(x);           \
        if (got_) {                    \
            (g)->wrong++;              \
            (g)->last_line = __LINE__; \
            (g)->last_err = got_;      \
        }                              \
    } while (0)

static bool skip(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned dtype,
                 uint64_t next)
{
    (void)s, (void)name, (void)len, (void)ino, (void)dtype, (void)next;
    return true;
}

static void list(struct guest *g, const char *path)
{
    struct dir_sink sink = { skip };
    struct file *f;
    uint64_t pos = 0;
    int err = gofer_world_open(&w, path, O_RDONLY | O_DIRECTORY, 0, &f);

    EXPECT(g, err);
    if (!err) {
        EXPECT(g, f->ops->readdir(f, &sink, &pos));
        file_put(f);
    }
}

/* Makes a file, and sees it as it was made by every way there is. */
static void own_file(struct guest *g, unsigned turn)
{
    char name[64], moved[64], buf[8] = "";
    struct attr attr = { 0 };
    struct file *f;
    snprintf(name, sizeof name, "/own-%u/f-%u", g->n, turn % 10);
    snprintf(moved, sizeof moved, "/common/m-%u", g->n);
    int err = gofer_world_open(&w, name, O_RDWR | O_CREAT | O_EXCL, 0600, &f);

    EXPECT(g, err);
    if (err)
        return;
    EXPECT(g, gofer_world_write(f, "hello", 5, 0) != 5);
    EXPECT(g, gofer_world_stat(&w, name, &attr));
    EXPECT(g, attr.size != 5);
    EXPECT(g, vfs_rename(&w.who, NULL, name, NULL, moved, 0));
    EXPECT(g, gofer_world_stat(&w, name, &attr) != -ENOENT);
    EXPECT(g, gofer_world_stat(&w, moved, &attr));
    EXPECT(g, gofer_world_read(f, buf, 5, 0) != 5 || strcmp(buf, "hello") != 0);
    EXPECT(g, vfs_unlink(&w.who, NULL, moved));
    EXPECT(g, inode_getattr(f->inode, &attr));
    EXPECT(g, attr.nlink != 0);
    file_put(f);
}

/* Where others are busy, too. */
static void common(unsigned turn)
{
    char name[64];
    struct attr attr;
    struct file *f;
    snprintf(name, sizeof name, "/common/c-%u", turn % 7);

    if (gofer_world_open(&w, name, O_RDWR | O_CREAT, 0600, &f) == 0) {
        if (gofer_world_write(f, "x", 1, turn) != 1)
            cr_assert(false, "an open file is written");
        file_put(f);
    }
    (void)!gofer_world_stat(&w, name, &attr);
    if (turn % 3 == 0)
        (void)!vfs_unlink(&w.who, NULL, name);
}

static void *guest(void *arg)
{
    struct guest *g = arg;
    char dir[32];
    snprintf(dir, sizeof dir, "/own-%u", g->n);

    EXPECT(g, vfs_mkdir(&w.who, NULL, dir, 0700));
    for (unsigned turn = 0; turn < TURNS; turn++) {
        own_file(g, turn);
        common(turn + g->n);
        if (turn % 8 == 0)
            list(g, dir);
        if (turn % 8 == 1)
            list(g, "/common");
    }
    EXPECT(g, vfs_rmdir(&w.who, NULL, dir));
    return NULL;
}

static void stress(uint32_t flags)
{
    struct guest guests[THREADS] = { 0 };
    /* So few that they are fought for. */
    gofer_world_start_with(&w, flags, 32);
    cr_assert_eq(vfs_mkdir(&w.who, NULL, "/common", 0700), 0);

    for (unsigned i = 0; i < THREADS; i++) {
        guests[i].n = i;
        pthread_create(&guests[i].thread, NULL, guest, &guests[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(guests[i].thread, NULL);
        cr_expect_eq(guests[i].wrong, 0, "thread %u: %u times, last at line %u: %d", i,
                     guests[i].wrong, guests[i].last_line, guests[i].last_err);
    }
    gofer_world_stop(&w);
}

Test(gofer_stress, an_exclusive_tree, .timeout = 120)
{
    stress(0);
}

Test(gofer_stress, a_shared_tree, .timeout = 120)
{
    stress(GOFER_TREE_SHARED);
}

/* ---- attributes of one file, which two change and one writes to ---- */

#define CHANGES 300

static struct file *one;
static _Atomic bool stop;

static void *write_on(void *arg)
{
    while (!stop)
        EXPECT((struct guest *)arg, gofer_world_write(one, "x", 1, 0) != 1);
    return NULL;
}

static void *change_mode(void *arg)
{
    struct guest *g = arg;
    struct attr attr = { 0 };

    for (uint32_t i = 0; !stop; i++) {
        struct attr_change c = { .which = ATTR_MODE, .mode = 0600 | (i & 077) };
        EXPECT(g, vfs_setattr_file(&w.who, one, &c));
        EXPECT(g, inode_getattr(one->inode, &attr));
        EXPECT(g, (attr.mode & 0777) != c.mode);
    }
    return NULL;
}

static void change_owner(struct guest *g, bool may)
{
    struct attr attr = { 0 };

    for (uint32_t i = 0; i < CHANGES; i++) {
        uint32_t id = may ? 1000 + i % 7 : w.who.cred->fsuid;
        struct attr_change c = { .which = ATTR_UID, .uid = id };
        EXPECT(g, vfs_setattr_file(&w.who, one, &c));
        EXPECT(g, inode_getattr(one->inode, &attr));
        EXPECT(g, attr.uid != id);
    }
}

static void change_at_once(uint32_t flags)
{
    struct guest guests[3] = { 0 };
    gofer_world_start(&w, flags);
    cr_assert_eq(gofer_world_open(&w, "/f", O_RDWR | O_CREAT, 0600, &one), 0);
    pthread_create(&guests[0].thread, NULL, write_on, &guests[0]);
    pthread_create(&guests[1].thread, NULL, change_mode, &guests[1]);
    change_owner(&guests[2], geteuid() == 0);
    stop = true;
    pthread_join(guests[0].thread, NULL);
    pthread_join(guests[1].thread, NULL);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(guests[i].wrong, 0, "%d: %u times, last at line %u: %d", i, guests[i].wrong,
                     guests[i].last_line, guests[i].last_err);
    file_put(one);
    gofer_world_stop(&w);
}

Test(gofer_stress, attributes_of_an_exclusive_tree, .timeout = 120)
{
    change_at_once(0);
}

Test(gofer_stress, attributes_of_a_shared_tree, .timeout = 120)
{
    change_at_once(GOFER_TREE_SHARED);
}
