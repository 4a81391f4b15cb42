/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/gofer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sentry/fs/gofer_priv.h"
#include "sentry/vfs/path_ref.h"
#include "tests/lib/gofer_world.h"

static struct gofer_world w;

static void exclusive(void)
{
    gofer_world_start(&w, 0);
}

static void shared(void)
{
    gofer_world_start(&w, GOFER_TREE_SHARED);
}

static void read_only(void)
{
    gofer_world_start(&w, GOFER_TREE_RO);
}

static void stop(void)
{
    gofer_world_stop(&w);
}

TestSuite(gofer, .init = exclusive, .fini = stop);
TestSuite(gofer_shared, .init = shared, .fini = stop);
TestSuite(gofer_ro, .init = read_only, .fini = stop);

static void make_dir(const char *name)
{
    char path[256];

    cr_assert_eq(mkdir(gofer_pair_path(&w.pair, name, path), 0755), 0);
}

static struct file *must_open(const char *path, int flags, uint32_t mode)
{
    struct file *f = NULL;
    int err = gofer_world_open(&w, path, flags, mode, &f);

    cr_assert_eq(err, 0, "%s: %d", path, err);
    return f;
}

static struct attr must_stat(const char *path)
{
    struct attr attr = { 0 };
    int err = gofer_world_stat(&w, path, &attr);

    cr_assert_eq(err, 0, "%s: %d", path, err);
    return attr;
}

Test(gofer, a_file_is_read_without_the_gofer)
{
    char buf[16] = "";
    gofer_pair_put(&w.pair, "f", "hello", 5);
    struct file *f = must_open("/f", O_RDONLY, 0);

    gofer_world_asked(&w);
    cr_expect_eq(gofer_world_read(f, buf, sizeof buf, 0), 5);
    cr_expect_str_eq(buf, "hello");
    cr_expect_eq(gofer_world_read(f, buf, sizeof buf, 5), 0);
    cr_expect_eq(gofer_world_asked(&w), 0);
    file_put(f);
}

Test(gofer, a_second_open_and_stat_ask_nobody)
{
    make_dir("d");
    gofer_pair_put(&w.pair, "d/f", "hello", 5);
    file_put(must_open("/d/f", O_RDONLY, 0));
    cr_expect_leq(gofer_world_asked(&w), 3);

    file_put(must_open("/d/f", O_RDONLY, 0));
    cr_expect_eq(must_stat("/d/f").size, 5);
    cr_expect_eq(must_stat("/d").mode, S_IFDIR | 0755);
    cr_expect_eq(gofer_world_asked(&w), 0);
}

Test(gofer, a_path_that_nobody_walked_yet_is_one_message)
{
    const char *dirs[] = { "a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e" };
    struct attr attr;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        make_dir(dirs[i]);
    gofer_pair_put(&w.pair, "a/b/c/d/e/f", "hello", 5);

    cr_expect_eq(must_stat("/a/b/c/d/e/f").size, 5);
    cr_expect_eq(gofer_world_asked(&w), 1);
    cr_expect_eq(must_stat("/a/b/c").mode, S_IFDIR | 0755);
    cr_expect_eq(gofer_world_asked(&w), 0);
    cr_expect_eq(gofer_world_stat(&w, "/a/b/x/y/z", &attr), -ENOENT);
    cr_expect_eq(gofer_world_asked(&w), 1);
    cr_expect_eq(vfs_mkdir(&w.who, NULL, "/a/b/x", 0777), 0);
    cr_expect_eq(must_stat("/a/b/x").mode, S_IFDIR | 0755);
    cr_expect_eq(gofer_world_stat(&w, "/a/b/x/y/z", &attr), -ENOENT);
}

Test(gofer, what_is_not_there_is_remembered)
{
    struct attr attr;

    cr_expect_eq(gofer_world_stat(&w, "/none", &attr), -ENOENT);
    gofer_world_asked(&w);
    cr_expect_eq(gofer_world_stat(&w, "/none", &attr), -ENOENT);
    cr_expect_eq(gofer_world_asked(&w), 0);
}

Test(gofer, writes_are_seen_at_once_by_all)
{
    char buf[16] = "", path[256];
    struct stat st;
    struct file *a = must_open("/f", O_RDWR | O_CREAT, 0666), *b = must_open("/f", O_RDONLY, 0);

    cr_expect_eq(gofer_world_write(a, "hello", 5, -1), 5);
    cr_expect_eq(gofer_world_read(b, buf, sizeof buf, 0), 5);
    cr_expect_eq(must_stat("/f").size, 5);
    cr_expect_eq(stat(gofer_pair_path(&w.pair, "f", path), &st), 0);
    cr_expect_eq(st.st_size, 5);
    cr_expect_eq(st.st_mode, S_IFREG | 0644);
    struct attr attr = must_stat("/f");
    cr_expect_eq(attr.mtime.tv_sec, st.st_mtim.tv_sec);
    cr_expect_eq(attr.mtime.tv_nsec, st.st_mtim.tv_nsec);
    file_put(a);
    file_put(b);
}

Test(gofer, appends_go_to_the_end)
{
    gofer_pair_put(&w.pair, "f", "12345", 5);
    struct file *f = must_open("/f", O_WRONLY | O_APPEND, 0);
    char buf[16] = "";

    cr_expect_eq(gofer_world_write(f, "67", 2, 0), 2);
    cr_expect_eq(must_stat("/f").size, 7);
    file_put(f);
    f = must_open("/f", O_RDONLY, 0);
    cr_expect_eq(gofer_world_read(f, buf, sizeof buf, 0), 7);
    cr_expect_str_eq(buf, "1234567");
    file_put(f);
}

Test(gofer, names_come_and_go)
{
    struct attr attr, moved;
    char buf[64] = "";

    cr_assert_eq(vfs_mkdir(&w.who, NULL, "/d", 0777), 0);
    cr_assert_eq(vfs_mkdir(&w.who, NULL, "/d", 0777), -EEXIST);
    cr_assert_eq(vfs_symlink(&w.who, "../d/f", NULL, "/d/l"), 0);
    struct file *f = must_open("/d/l", O_RDWR | O_CREAT, 0600);
    cr_expect_eq(gofer_world_write(f, "x", 1, 0), 1);
    file_put(f);
    attr = must_stat("/d/f");
    cr_expect_eq(attr.mode, S_IFREG | 0600);
    cr_expect_eq(must_stat("/d/l").mode & S_IFMT, S_IFLNK);
    cr_expect_eq(must_stat("/d").nlink, 2);
    cr_assert_eq(vfs_rename(&w.who, NULL, "/d/f", NULL, "/g", 0), 0);
    cr_expect_eq(gofer_world_stat(&w, "/d/f", &moved), -ENOENT);
    moved = must_stat("/g");
    cr_expect_eq(moved.ino, attr.ino);
    f = must_open("/g", O_RDWR, 0);
    cr_assert_eq(vfs_unlink(&w.who, NULL, "/g"), 0);
    cr_expect_eq(gofer_world_stat(&w, "/g", &moved), -ENOENT);
    cr_expect_eq(gofer_world_read(f, buf, 1, 0), 1, "it is open still");
    cr_expect_eq(inode_getattr(f->inode, &moved), 0);
    cr_expect_eq(moved.nlink, 0);
    file_put(f);
    cr_assert_eq(vfs_rmdir(&w.who, NULL, "/d"), -ENOTEMPTY);
    cr_assert_eq(vfs_unlink(&w.who, NULL, "/d/l"), 0);
    cr_assert_eq(vfs_rmdir(&w.who, NULL, "/d"), 0);
    cr_expect_eq(gofer_world_stat(&w, "/d", &moved), -ENOENT);
}

Test(gofer, hard_links_are_one_inode)
{
    struct path at;
    gofer_pair_put(&w.pair, "a", "x", 1);

    cr_assert_eq(walk(&w.who, NULL, "/a", 0, &at), 0);
    cr_assert_eq(vfs_link(&w.who, &at, NULL, "/b"), 0);
    path_put(&at);
    cr_expect_eq(must_stat("/b").nlink, 2);
    cr_expect_eq(must_stat("/a").nlink, 2);
    cr_expect_eq(must_stat("/a").ino, must_stat("/b").ino);
    struct file *a = must_open("/a", O_RDWR, 0), *b = must_open("/b", O_RDWR, 0);
    cr_expect_eq(a->inode, b->inode);
    file_put(a);
    file_put(b);
    cr_assert_eq(vfs_unlink(&w.who, NULL, "/a"), 0);
    cr_expect_eq(must_stat("/b").nlink, 1);
}

Test(gofer, attributes_change_as_asked)
{
    struct attr_change c = { .which = ATTR_MODE, .mode = 0600 };
    struct path at;
    gofer_pair_put(&w.pair, "f", "hello", 5);

    cr_assert_eq(walk(&w.who, NULL, "/f", 0, &at), 0);
    cr_assert_eq(vfs_setattr(&w.who, &at, &c), 0);
    cr_expect_eq(must_stat("/f").mode, S_IFREG | 0600);
    c = (struct attr_change){
        .which = ATTR_ATIME | ATTR_MTIME, .atime = {5,  6},
               .mtime = { 7, 8}
    };
    cr_assert_eq(vfs_setattr(&w.who, &at, &c), 0);
    struct attr attr = must_stat("/f");
    cr_expect_eq(attr.atime.tv_sec, 5);
    cr_expect_eq(attr.mtime.tv_nsec, 8);
    cr_assert_eq(vfs_truncate(&w.who, &at, 2), 0);
    cr_expect_eq(must_stat("/f").size, 2);
    path_put(&at);
    struct file *f = must_open("/f", O_RDWR, 0);
    gofer_world_asked(&w);
    cr_assert_eq(vfs_truncate_file(&w.who, f, 1), 0);
    cr_expect_eq(must_stat("/f").size, 1);
    cr_expect_eq(gofer_world_asked(&w), 0, "an open file is cut here");
    file_put(f);
}

Test(gofer, a_directory_gives_its_group_but_no_right_to_run_as_it)
{
    struct attr_change c = { .which = ATTR_MODE, .mode = 0755 };
    struct actor user = w.who;
    struct path at;
    struct cred *cred;
    struct file *f;
    struct attr attr;
    char path[256];

    if (geteuid() != 0)
        cr_skip_test("only root gives files away");
    make_dir("d");
    cr_assert_eq(walk(&w.who, NULL, "/", 0, &at), 0);
    cr_assert_eq(vfs_setattr(&w.who, &at, &c), 0);
    path_put(&at);
    cr_assert_eq(chown(gofer_pair_path(&w.pair, "d", path), 0, 4242), 0);
    cr_assert_eq(chmod(path, 02777), 0);
    cr_assert_eq(cred_create(w.who.arena, w.user_ns, 1000, 1000, 0, &cred), 0);
    user.cred = cred;
    cr_assert_eq(vfs_mknod(&user, NULL, "/d/f", S_IFREG | 02755, 0), 0);
    attr = must_stat("/d/f");
    cr_expect_eq(attr.mode, S_IFREG | 0755);
    cr_expect_eq(attr.gid, 4242);
    cr_assert_eq(vfs_mknod(&user, NULL, "/d/g", S_IFREG | 02644, 0), 0);
    cr_expect_eq(must_stat("/d/g").mode, S_IFREG | 02644, "it runs as nobody");
    cr_assert_eq(vfs_mkdir(&user, NULL, "/d/sub", 0755), 0);
    attr = must_stat("/d/sub");
    cr_expect_eq(attr.mode, S_IFDIR | 02755);
    cr_expect_eq(attr.gid, 4242);
    struct open_how_k how = { .flags = O_TMPFILE | O_RDWR, .mode = 02755 };
    cr_assert_eq(vfs_open(&user, NULL, "/d", &how, &f), 0);
    cr_assert_eq(inode_getattr(f->inode, &attr), 0);
    cr_expect_eq(attr.mode, S_IFREG | 0755);
    file_put(f);
    cred_put(cred);
}

struct count {
    struct dir_sink sink;
    unsigned count, room;
    char last[256];
};

static bool count_name(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
                       unsigned dtype, uint64_t next)
{
    struct count *c = (struct count *)s;

    (void)ino, (void)dtype, (void)next;
    if (c->room-- == 0)
        return false;
    c->count++;
    memcpy(c->last, name, len);
    c->last[len] = '\0';
    return true;
}

/* Reads a directory `at_once` names at a time. */
static unsigned count_names(const char *path, unsigned at_once)
{
    struct file *f = must_open(path, O_RDONLY | O_DIRECTORY, 0);
    unsigned total = 0, got;
    uint64_t pos = 0;

    do {
        struct count c = { .sink.add = count_name, .room = at_once };
        cr_assert_eq(f->ops->readdir(f, &c.sink, &pos), 0);
        got = c.count;
        total += got;
    } while (got > 0);
    file_put(f);
    return total;
}

/* Numbers in the order in which a directory names them; -1 for other names. */
struct order {
    struct dir_sink sink;
    unsigned count;
    int names[64];
};

static bool note_order(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
                       unsigned dtype, uint64_t next)
{
    struct order *o = container_of(s, struct order, sink);

    (void)len, (void)ino, (void)dtype, (void)next;
    cr_assert_lt(o->count, ARRAY_LEN(o->names));
    o->names[o->count++] = name[0] == '.' ? -1 : atoi(name);
    return true;
}

Test(gofer, a_directory_lists_each_name_once)
{
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "file-number-%d", i);
        gofer_pair_put(&w.pair, name, "", 0);
    }

    cr_expect_eq(count_names("/", 7), 1002);
    cr_expect_eq(count_names("/", 1000000), 1002);
    cr_expect_eq(count_names("/", 1), 1002);
}

Test(gofer, a_listing_answers_for_what_is_in_it)
{
    char name[32];
    struct attr attr;
    make_dir("d");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "d/%d", i);
        gofer_pair_put(&w.pair, name, "abc", (size_t)(i % 4));
    }
    cr_expect_eq(count_names("/d", 20), 102);
    gofer_world_asked(&w);

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "/d/%d", i);
        attr = must_stat(name);
        cr_expect_eq(attr.size, (uint64_t)(i % 4));
    }
    cr_expect_eq(gofer_world_stat(&w, "/d/none", &attr), -ENOENT);
    cr_expect_eq(count_names("/d", 20), 102);
    cr_expect_eq(gofer_world_asked(&w), 0);
    /* What changes is read again. */
    file_put(must_open("/d/new", O_CREAT | O_WRONLY, 0600));
    cr_expect_eq(must_stat("/d/new").size, 0);
    cr_expect_eq(count_names("/d", 20), 103);
    cr_expect_eq(vfs_unlink(&w.who, NULL, "/d/5"), 0);
    cr_expect_eq(count_names("/d", 20), 102);
    cr_expect_eq(gofer_world_stat(&w, "/d/5", &attr), -ENOENT);
    /* A file known by the listing alone can be opened. */
    file_put(must_open("/d/7", O_RDONLY, 0));
}

/* Whoever asks for several names of a directory will ask for the others. */
Test(gofer, directories_that_are_listed_one_by_one_come_ahead)
{
    char name[64];
    struct attr attr;
    make_dir("d");
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "d/%d", i);
        make_dir(name);
        for (int k = 0; k < i; k++) {
            snprintf(name, sizeof name, "d/%d/f%d", i, k);
            gofer_pair_put(&w.pair, name, "abc", 3);
        }
    }
    cr_expect_eq(count_names("/d", 1000), 62);
    gofer_world_asked(&w);

    struct file *f = must_open("/d", O_RDONLY | O_DIRECTORY, 0);
    struct order order = { .sink.add = note_order };
    uint64_t pos = 0;
    cr_assert_eq(f->ops->readdir(f, &order.sink, &pos), 0);
    file_put(f);
    cr_assert_eq(order.count, 62);
    for (unsigned i = 0; i < order.count; i++) {
        if (order.names[i] < 0)
            continue;
        snprintf(name, sizeof name, "/d/%d", order.names[i]);
        cr_expect_eq(count_names(name, 1000), (unsigned)order.names[i] + 2, "%s", name);
    }
    cr_expect_leq(gofer_world_asked(&w), 20);
    /* Again nobody is asked; and what changes is seen. */
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "/d/%d", i);
        cr_expect_eq(count_names(name, 1000), (unsigned)i + 2);
    }
    cr_expect_eq(gofer_world_asked(&w), 0);
    file_put(must_open("/d/7/new", O_RDWR | O_CREAT, 0600));
    cr_expect_eq(count_names("/d/7", 1000), 10);
    cr_expect_eq(vfs_unlink(&w.who, NULL, "/d/8/f3"), 0);
    cr_expect_eq(count_names("/d/8", 1000), 9);
    cr_expect_eq(gofer_world_stat(&w, "/d/8/f3", &attr), -ENOENT);
    cr_expect_eq(must_stat("/d/8/f4").size, 3);
    cr_expect_eq(vfs_rmdir(&w.who, NULL, "/d/0"), 0);
    cr_expect_eq(gofer_world_open(&w, "/d/0", O_RDONLY, 0, &f), -ENOENT);
}

Test(gofer, a_directory_is_read_when_its_names_are_asked_for_singly)
{
    char name[32];
    struct attr attr;
    make_dir("d");
    make_dir("e");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "d/%d", i);
        gofer_pair_put(&w.pair, name, "abc", (size_t)(i % 4));
    }
    gofer_world_asked(&w);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "/d/%d", i);
        attr = must_stat(name);
        cr_expect_eq(attr.size, (uint64_t)(i % 4));
    }
    cr_expect_lt(gofer_world_asked(&w), 10);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "/e/%d", i);
        cr_expect_eq(gofer_world_stat(&w, name, &attr), -ENOENT);
    }
    cr_expect_lt(gofer_world_asked(&w), 10);
}

/* Listing alone does not want the attributes of each file; who does then want them gets them. */
Test(gofer, who_only_lists_is_told_less_and_nothing_wrong)
{
    char name[32];
    struct attr attr;
    for (int d = 0; d < 40; d++) {
        snprintf(name, sizeof name, "d%d", d);
        make_dir(name);
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "d%d/%d", d, i);
            gofer_pair_put(&w.pair, name, "abc", (size_t)(i % 4));
        }
    }
    for (int d = 0; d < 40; d++) {
        snprintf(name, sizeof name, "/d%d", d);
        cr_expect_eq(count_names(name, 20), 102);
    }
    for (int d = 39; d >= 20; d--) {
        gofer_world_asked(&w);
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "/d%d/%d", d, i);
            attr = must_stat(name);
            cr_expect_eq(attr.size, (uint64_t)(i % 4));
        }
        cr_expect_leq(gofer_world_asked(&w), 10);
        snprintf(name, sizeof name, "/d%d/none", d);
        cr_expect_eq(gofer_world_stat(&w, name, &attr), -ENOENT);
    }
}

Test(gofer, an_unlinked_file_that_only_the_listing_knew_stays_usable)
{
    struct path at;
    struct attr attr;
    make_dir("d");
    gofer_pair_put(&w.pair, "d/f", "abc", 3);
    count_names("/d", 20);
    cr_assert_eq(walk(&w.who, NULL, "/d/f", 0, &at), 0);
    cr_assert_eq(vfs_unlink(&w.who, NULL, "/d/f"), 0);

    cr_expect_eq(inode_getattr(dentry_inode(at.dentry), &attr), 0);
    cr_expect_eq(attr.nlink, 0);
    cr_expect_eq(attr.size, 3);
    path_put(&at);
}

Test(gofer, what_a_rename_covers_stays_usable)
{
    struct path at;
    struct attr attr;
    gofer_pair_put(&w.pair, "a", "1", 1);
    gofer_pair_put(&w.pair, "b", "22", 2);
    count_names("/", 20);
    cr_assert_eq(walk(&w.who, NULL, "/b", 0, &at), 0);
    cr_assert_eq(vfs_rename(&w.who, NULL, "/a", NULL, "/b", 0), 0);

    cr_expect_eq(inode_getattr(dentry_inode(at.dentry), &attr), 0);
    cr_expect_eq(attr.nlink, 0);
    cr_expect_eq(attr.size, 2);
    path_put(&at);
    cr_expect_eq(must_stat("/b").size, 1);
}

static uint64_t map_file(struct file *f, uint64_t len, int prot, int flags)
{
    struct map_source source;
    uptr_t at;

    cr_assert_eq(f->ops->map(f, prot, flags, &source), 0);
    mm_set_path_hooks(w.mm.mm, &path_ref_hooks);
    int err = mm_map(w.mm.mm, uptr(0), len, prot, flags, &source, &at);
    cr_assert_eq(err, 0, "%d", err);
    return at.va;
}

Test(gofer, a_mapped_file_is_the_hosts_pages)
{
    char buf[16] = "";
    gofer_pair_put(&w.pair, "f", "hello", 5);
    struct file *f = must_open("/f", O_RDWR, 0);
    uint64_t private = map_file(f, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    uint64_t common = map_file(f, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);

    cr_expect_eq(mm_world_read(w.mm.mm, private, buf, 5), FAULT_DONE);
    cr_expect_str_eq(buf, "hello");
    cr_expect_eq(mm_world_write(w.mm.mm, private, "J", 1), FAULT_DONE);
    cr_expect_eq(gofer_world_read(f, buf, 5, 0), 5);
    cr_expect_str_eq(buf, "hello", "a private write stays private");
    cr_expect_eq(mm_world_write(w.mm.mm, common, "C", 1), FAULT_DONE);
    cr_expect_eq(gofer_world_read(f, buf, 5, 0), 5);
    cr_expect_str_eq(buf, "Cello");
    file_put(f);
    cr_expect_eq(mm_world_read(w.mm.mm, common, buf, 5), FAULT_DONE, "a mapping keeps its file");
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(private), PAGE_SIZE), 0);
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(common), PAGE_SIZE), 0);
}

Test(gofer, beyond_the_end_is_sigbus)
{
    char buf[16];
    static const char page[3 * 4096];
    gofer_pair_put(&w.pair, "f", page, sizeof page);
    struct file *f = must_open("/f", O_RDWR, 0);
    uint64_t at = map_file(f, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);

    cr_expect_eq(mm_world_read(w.mm.mm, at + 2 * PAGE_SIZE, buf, 1), FAULT_DONE);
    cr_expect_eq(mm_world_read(w.mm.mm, at + 3 * PAGE_SIZE, buf, 1), FAULT_BUS);
    cr_expect_eq(vfs_truncate_file(&w.who, f, PAGE_SIZE), 0);
    cr_expect_eq(mm_world_read(w.mm.mm, at + PAGE_SIZE, buf, 1), FAULT_BUS);
    cr_expect_eq(mm_world_read(w.mm.mm, at, buf, 1), FAULT_DONE);
    /* It grows, beyond what the first window covered. */
    cr_expect_eq(vfs_truncate_file(&w.who, f, 8 * MIB), 0);
    cr_expect_eq(mm_world_read(w.mm.mm, at + 3 * PAGE_SIZE, buf, 1), FAULT_DONE);
    uint64_t more = map_file(f, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED);
    cr_expect_eq(mm_world_write(w.mm.mm, more + 7 * MIB, "x", 1), FAULT_DONE);
    cr_expect_eq(gofer_world_read(f, buf, 1, 7 * MIB), 1);
    cr_expect_eq(buf[0], 'x');
    file_put(f);
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(at), 4 * PAGE_SIZE), 0);
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(more), 8 * MIB), 0);
}

Test(gofer, idle_descriptors_are_bounded)
{
    char name[32];
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "%d", i);
        gofer_pair_put(&w.pair, name, "x", 1);
    }
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "/%d", i);
        file_put(must_open(name, O_RDONLY, 0));
    }
    gofer_world_asked(&w);

    file_put(must_open("/599", O_RDONLY, 0));
    cr_expect_eq(gofer_world_asked(&w), 0);
    file_put(must_open("/0", O_RDONLY, 0));
    cr_expect_eq(gofer_world_asked(&w), 1);
}

/* The pair's gofer holds 4096 nodes. */
Test(gofer, more_files_than_the_gofer_can_hold_are_found_again)
{
    char name[64];
    struct attr attr;
    make_dir("d");
    for (int i = 0; i < 6000; i++) {
        snprintf(name, sizeof name, "d/%d", i);
        gofer_pair_put(&w.pair, name, "x", (size_t)(i & 1));
    }

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 6000; i++) {
            snprintf(name, sizeof name, "/d/%d", i);
            int err = gofer_world_stat(&w, name, &attr);
            cr_assert_eq(err, 0, "%s: %d", name, err);
            cr_assert_eq(attr.size, (uint64_t)(i & 1));
        }
    file_put(must_open("/d/0", O_RDONLY, 0));
}

Test(gofer, a_deep_path_is_found_again)
{
    char path[1024] = "", host[1400];
    for (int i = 0; i < 80; i++) {
        snprintf(path + strlen(path), 16, "/d%d", i);
        snprintf(host, sizeof host, "%s%s", w.pair.dir, path);
        cr_assert_eq(mkdir(host, 0755), 0);
    }
    struct attr before = must_stat(path);

    /* The gofer forgets them all: the first generation of each place. */
    for (uint64_t i = 1; i <= 200; i++)
        gofer_client_clunk(w.pair.client, UINT64_C(1) << 32 | i);
    strcat(path, "/none");
    struct attr after;
    cr_expect_eq(gofer_world_stat(&w, path, &after), -ENOENT);
    *strrchr(path, '/') = '\0';
    after = must_stat(path);
    cr_expect_eq(before.ino, after.ino);
}

Test(gofer, named_attributes_that_are_not_there_are_asked_for_once)
{
    struct path at;
    char buf[16];
    gofer_pair_put(&w.pair, "f", "x", 1);
    cr_assert_eq(walk(&w.who, NULL, "/f", 0, &at), 0);
    struct inode *i = dentry_inode(at.dentry);

    cr_expect_eq(i->ops->getxattr(i, "security.capability", buf, sizeof buf), -ENODATA);
    gofer_world_asked(&w);
    cr_expect_eq(i->ops->getxattr(i, "security.capability", buf, sizeof buf), -ENODATA);
    cr_expect_eq(gofer_world_asked(&w), 0);
    if (i->ops->setxattr(i, "user.a", "v", 1, 0) == 0) {
        cr_expect_eq(i->ops->getxattr(i, "user.a", buf, sizeof buf), 1);
        cr_expect_eq(i->ops->listxattr(i, buf, sizeof buf), 7);
    }
    path_put(&at);
}

Test(gofer, a_file_without_a_name_gets_one)
{
    struct file *f = must_open("/", O_TMPFILE | O_RDWR, 0600);
    cr_expect_eq(gofer_world_write(f, "abc", 3, 0), 3);
    cr_expect_eq(vfs_link(&w.who, &f->path, NULL, "/named"), 0);
    file_put(f);

    cr_expect_eq(must_stat("/named").size, 3);
    cr_expect_eq(must_stat("/named").nlink, 1);
}

Test(gofer, a_dead_gofer_gives_errors_and_open_files_go_on)
{
    char buf[4];
    struct attr attr;
    struct file *f;
    gofer_pair_put(&w.pair, "f", "abc", 3);
    f = must_open("/f", O_RDONLY, 0);
    gofer_pair_kill(&w.pair);

    cr_expect_eq(gofer_world_stat(&w, "/other", &attr), -EIO);
    cr_expect_eq(gofer_world_read(f, buf, 3, 0), 3);
    file_put(f);
}

Test(gofer_shared, changes_of_the_host_are_seen)
{
    char path[256], buf[8] = "";
    struct attr attr;
    gofer_pair_put(&w.pair, "f", "1", 1);

    cr_expect_eq(must_stat("/f").size, 1);
    gofer_pair_put(&w.pair, "f", "22", 2);
    cr_expect_eq(must_stat("/f").size, 2);
    struct file *f = must_open("/f", O_RDONLY, 0);
    gofer_pair_put(&w.pair, "f", "333", 3);
    cr_expect_eq(inode_getattr(f->inode, &attr), 0);
    cr_expect_eq(attr.size, 3);
    cr_expect_eq(chmod(gofer_pair_path(&w.pair, "f", path), 0600), 0);
    cr_expect_eq(inode_getattr(f->inode, &attr), 0);
    cr_expect_eq(attr.mode, S_IFREG | 0600);
    /* Another file in its place. */
    cr_expect_eq(unlink(path), 0);
    gofer_pair_put(&w.pair, "f", "other", 5);
    cr_expect_eq(must_stat("/f").size, 5);
    cr_expect_eq(gofer_world_read(f, buf, 8, 0), 3);
    file_put(f);
    cr_expect_eq(unlink(path), 0);
    cr_expect_eq(gofer_world_stat(&w, "/f", &attr), -ENOENT);
    gofer_pair_put(&w.pair, "f", "", 0);
    cr_expect_eq(must_stat("/f").size, 0);
}

Test(gofer_shared, a_stat_is_one_message)
{
    gofer_pair_put(&w.pair, "f", "1", 1);
    must_stat("/f");
    gofer_world_asked(&w);

    must_stat("/f");
    cr_expect_eq(gofer_world_asked(&w), 1);
}

Test(gofer_shared, a_walk_is_one_message_and_sees_what_is_there_now)
{
    char from[256], to[256];
    struct attr attr;
    make_dir("a");
    make_dir("a/b");
    make_dir("a/b/c");
    gofer_pair_put(&w.pair, "a/b/c/f", "1", 1);

    for (int i = 0; i < 3; i++) {
        cr_expect_eq(must_stat("/a/b/c/f").size, 1);
        cr_expect_eq(gofer_world_asked(&w), 1);
    }
    cr_expect_eq(gofer_world_stat(&w, "/a/b/x/f", &attr), -ENOENT);
    cr_expect_eq(gofer_world_asked(&w), 1);
    cr_expect_eq(
        rename(gofer_pair_path(&w.pair, "a/b/c", from), gofer_pair_path(&w.pair, "a/b/x", to)), 0);
    cr_expect_eq(must_stat("/a/b/x/f").size, 1);
    cr_expect_eq(gofer_world_stat(&w, "/a/b/c/f", &attr), -ENOENT);
    gofer_pair_put(&w.pair, "a/b/x/f", "22", 2);
    cr_expect_eq(must_stat("/a/b/x/f").size, 2);
}

Test(gofer_shared, a_mapping_sees_how_long_the_file_is_now)
{
    char buf[8];
    static const char page[2 * 4096];
    gofer_pair_put(&w.pair, "f", page, 4096);
    struct file *f = must_open("/f", O_RDONLY, 0);
    uint64_t at = map_file(f, 2 * PAGE_SIZE, PROT_READ, MAP_SHARED);

    cr_expect_eq(mm_world_read(w.mm.mm, at + PAGE_SIZE, buf, 1), FAULT_BUS);
    char path[256];
    cr_expect_eq(truncate(gofer_pair_path(&w.pair, "f", path), 2 * 4096), 0);
    cr_expect_eq(mm_world_read(w.mm.mm, at + PAGE_SIZE, buf, 1), FAULT_DONE);
    file_put(f);
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(at), 2 * PAGE_SIZE), 0);
}

Test(gofer_ro, nothing_changes)
{
    struct file *f;
    gofer_pair_put(&w.pair, "f", "1", 1);

    cr_expect_eq(gofer_world_open(&w, "/f", O_RDWR, 0, &f), -EROFS);
    cr_expect_eq(gofer_world_open(&w, "/g", O_RDWR | O_CREAT, 0, &f), -EROFS);
    cr_expect_eq(vfs_mkdir(&w.who, NULL, "/d", 0777), -EROFS);
    cr_expect_eq(vfs_unlink(&w.who, NULL, "/f"), -EROFS);
    f = must_open("/f", O_RDONLY, 0);
    uint64_t at = map_file(f, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    cr_expect_eq(mm_world_write(w.mm.mm, at, "x", 1), FAULT_DONE);
    file_put(f);
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(at), PAGE_SIZE), 0);
}

/* A read into guest memory at `at`, as a program makes it. */
static ssize_t guest_read(struct file *f, uint64_t at, size_t size, uint64_t pos)
{
    struct io io;

    cr_assert_eq(io_user(&io, w.mm.mm, uptr(at), size), 0);
    return f->ops->read(f, &io, &pos);
}

Test(gofer_ro, small_reads_again_and_again_are_the_files_bytes)
{
    char bytes[3 * 4096 + 100], path[256], got[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 4096);
    gofer_pair_put(&w.pair, "f", bytes, sizeof bytes);
    struct file *f = must_open("/f", O_RDONLY, 0);
    uint64_t at = map_file(f, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    struct gofer_inode *gi = gofer_inode_of(f->inode);

    for (uint64_t i = 0; i < 20; i++) {
        cr_expect_eq(guest_read(f, at + 100, 200, i * 600), 200);
        cr_expect_eq(mm_world_read(w.mm.mm, at + 100, got, 200), FAULT_DONE);
        cr_expect_arr_eq(got, bytes + i * 600, 200);
    }
    cr_expect(gi->view, "it is mapped by now");
    cr_expect_eq(guest_read(f, at, 200, sizeof bytes - 50), 50, "to the end");
    cr_expect_eq(guest_read(f, at, 200, sizeof bytes), 0);
    cr_expect_eq(guest_read(f, at + PAGE_SIZE - 10, 200, 0), 10, "to where memory ends");
    cr_expect_eq(guest_read(f, at + PAGE_SIZE, 200, 0), -EFAULT);
    cr_expect_eq(guest_read(f, at, 0, 0), 0);
    /* What was promised not to happen kills nobody. */
    cr_expect_eq(truncate(gofer_pair_path(&w.pair, "f", path), 10), 0);
    cr_expect_eq(guest_read(f, at, 200, 2 * 4096), 0);
    cr_expect_eq(mm_unmap(w.mm.mm, uptr(at), PAGE_SIZE), 0);
    file_put(f);
    f = must_open("/f", O_RDONLY, 0);
    file_put(f);
}
