/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, below the system calls. */
#include "sentry/fs/tmpfs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/readdir.h"
#include "sentry/vfs/rw.h"
#include "sentry/vfs/xattr.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;

static void start(void)
{
    vfs_world_start(&w);
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(tmpfs, .init = start, .fini = stop);

Test(tmpfs, a_file_keeps_what_is_written)
{
    char buf[64];

    world_put(&w.root, "/a", "hello");
    cr_assert_eq(world_get(&w.root, "/a", buf, sizeof buf), 5);
    cr_assert_str_eq(buf, "hello");
    world_put(&w.root, "/a", "by");
    cr_assert_eq(world_get(&w.root, "/a", buf, sizeof buf), 2);
}

Test(tmpfs, holes_read_as_zero_and_take_no_room)
{
    scoped(file) struct file *f;
    struct attr a;
    char buf[8];

    cr_assert_eq(world_open(&w.root, "/a", O_CREAT | O_RDWR, 0600, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "end", 3, 10 * MIB), 3);
    cr_assert_eq(world_pread(f, buf, 8, 5 * MIB), 8);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(buf[i], 0);
    cr_assert_eq(world_pread(f, buf, 8, 10 * MIB), 3);
    cr_assert_eq(world_pread(f, buf, 8, 10 * MIB + 3), 0);
    cr_assert_eq(inode_getattr(f->inode, &a), 0);
    cr_assert_eq(a.size, 10 * MIB + 3);
    cr_assert_eq(a.blocks, 8);
    cr_assert_eq(file_seek(f, 0, SEEK_DATA), 10 * MIB);
    cr_assert_eq(file_seek(f, 0, SEEK_HOLE), 0);
    cr_assert_eq(file_seek(f, 10 * MIB + 1, SEEK_DATA), 10 * MIB + 1);
    cr_assert_eq(file_seek(f, 10 * MIB + 1, SEEK_HOLE), 10 * MIB + 3);
    cr_assert_eq(file_seek(f, 10 * MIB + 3, SEEK_DATA), -ENXIO);
}

Test(tmpfs, truncation_zeroes_what_comes_back)
{
    scoped(file) struct file *f;
    char buf[8];

    world_put(&w.root, "/a", "abcdefgh");
    cr_assert_eq(world_truncate(&w.root, "/a", 3), 0);
    cr_assert_eq(world_truncate(&w.root, "/a", 8), 0);
    cr_assert_eq(world_open(&w.root, "/a", O_RDONLY, 0, &f), 0);
    cr_assert_eq(world_pread(f, buf, 8, 0), 8);
    cr_assert_eq(memcmp(buf, "abc\0\0\0\0\0", 8), 0);
}

Test(tmpfs, punching_frees_and_zeroes)
{
    static char page[4 * 4096];
    scoped(file) struct file *f;
    struct attr a;
    char buf[2];

    memset(page, 'x', sizeof page);
    cr_assert_eq(world_open(&w.root, "/a", O_CREAT | O_RDWR, 0600, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, page, sizeof page, 0), sizeof page);
    cr_assert_eq(f->ops->fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 3 * 4096),
                 0);
    cr_assert_eq(inode_getattr(f->inode, &a), 0);
    cr_assert_eq(a.blocks, 2 * 8);
    cr_assert_eq(world_pread(f, buf, 2, 99), 2);
    cr_assert_eq(memcmp(buf, "x\0", 2), 0);
    cr_assert_eq(world_pread(f, buf, 2, 100 + 3 * 4096 - 1), 2);
    cr_assert_eq(memcmp(buf, "\0x", 2), 0);
    cr_assert_eq(f->ops->fallocate(f, FALLOC_FL_ZERO_RANGE, 3 * 4096, 4096 * 2), -EOPNOTSUPP);
    cr_assert_eq(f->ops->fallocate(f, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
}

Test(tmpfs, size_and_inodes_are_limited)
{
    static char page[4096];
    struct dentry *root;
    scoped(file) struct file *f;
    struct statfs st;

    cr_assert_eq(tmpfs_create(w.mm.arena, "t", "size=8k,nr_inodes=3", &w.root, &root), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m", 0755), 0);
    cr_assert_eq(world_mount(&w.root, "/m", root, 0), 0);
    cr_assert_eq(world_open(&w.root, "/m/a", O_CREAT | O_RDWR, 0600, &f), 0);
    cr_assert_eq(world_touch(&w.root, "/m/b", O_CREAT | O_RDWR, 0600), 0);
    cr_assert_eq(world_touch(&w.root, "/m/c", O_CREAT | O_RDWR, 0600), -ENOSPC);
    cr_assert_eq(world_pwrite(&w.root, f, page, 4096, 0), 4096);
    cr_assert_eq(world_pwrite(&w.root, f, page, 4096, MIB), 4096);
    cr_assert_eq(world_pwrite(&w.root, f, page, 4096, 2 * MIB), -ENOSPC);
    cr_assert_eq(superblock_statfs(f->inode->sb, &st), 0);
    cr_assert_eq(st.f_bfree, 0);
    cr_assert_eq(st.f_blocks, 2);
    cr_assert_eq(st.f_ffree, 0);
    cr_assert_eq(world_truncate(&w.root, "/m/a", 0), 0);
    cr_assert_eq(superblock_statfs(f->inode->sb, &st), 0);
    cr_assert_eq(st.f_bfree, 2);
}

static uint64_t free_blocks(struct file *f)
{
    struct statfs st;

    cr_assert_eq(superblock_statfs(f->inode->sb, &st), 0);
    return st.f_bfree;
}

Test(tmpfs, an_allocation_that_fails_keeps_nothing)
{
    struct dentry *root;
    scoped(file) struct file *f;
    struct attr a;
    char buf[2];

    cr_assert_eq(tmpfs_create(w.mm.arena, "t", "size=64k", &w.root, &root), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m", 0755), 0);
    cr_assert_eq(world_mount(&w.root, "/m", root, 0), 0);
    cr_assert_eq(world_open(&w.root, "/m/a", O_CREAT | O_RDWR, 0600, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "x", 1, 3 * 4096), 1);
    cr_assert_eq(f->ops->fallocate(f, FALLOC_FL_KEEP_SIZE, 6 * 4096, 4096), 0);
    cr_assert_eq(free_blocks(f), 14);
    cr_assert_eq(f->ops->fallocate(f, 0, 0, 17 * 4096), -ENOSPC, "more than there ever is");
    cr_assert_eq(free_blocks(f), 14);
    cr_assert_eq(f->ops->fallocate(f, 0, 4 * 4096, 16 * 4096), -ENOSPC, "one less than is free");
    cr_assert_eq(free_blocks(f), 14);
    cr_assert_eq(inode_getattr(f->inode, &a), 0);
    cr_assert_eq(a.blocks, 2 * 8, "what was there before stays, also where it is not written to");
    cr_assert_eq(a.size, 3 * 4096 + 1);
    cr_assert_eq(world_pread(f, buf, 1, 3 * 4096), 1);
    cr_assert_eq(buf[0], 'x');
    cr_assert_eq(f->ops->fallocate(f, 0, 0, 16 * 4096), 0);
    cr_assert_eq(free_blocks(f), 0);
}

Test(tmpfs, options_are_checked)
{
    static const struct {
        const char *options;
        int err;
    } rows[] = {
        {"size=1m",                    0      },
        { "size=50%",                  0      },
        { "mode=1777,uid=5,gid=6",     0      },
        { "nr_blocks=10",              0      },
        { "huge=never",                0      },
        { "size=",                     -EINVAL},
        { "size=1x",                   -EINVAL},
        { "mode=9",                    -EINVAL},
        { "what=1",                    -EINVAL},
        { "size=99999999999999999999", -EINVAL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dentry *d = NULL;
        cr_assert_eq(tmpfs_create(w.mm.arena, "t", rows[i].options, &w.root, &d), rows[i].err, "%s",
                     rows[i].options);
        dentry_put(d);
    }
}

Test(tmpfs, unlinked_files_live_while_they_are_open)
{
    scoped(file) struct file *f;
    char buf[8] = "";
    struct attr a;

    world_put(&w.root, "/a", "text");
    cr_assert_eq(world_open(&w.root, "/a", O_RDONLY, 0, &f), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/a"), 0);
    cr_assert_eq(world_stat(&w.root, "/a", true, &a), -ENOENT);
    cr_assert_eq(world_pread(f, buf, 8, 0), 4);
    cr_assert_eq(inode_getattr(f->inode, &a), 0);
    cr_assert_eq(a.nlink, 0);
    ssize_t n = path_print(&w.root, &f->path, buf, 8);
    cr_assert_eq(n, -ENAMETOOLONG);
    char text[64];
    n = path_print(&w.root, &f->path, text, sizeof text);
    cr_assert_eq(n, 12);
    cr_assert_str_eq(text, "/a (deleted)");
}

Test(tmpfs, links_share_an_inode)
{
    struct attr a, b;
    struct path p;

    world_put(&w.root, "/a", "text");
    cr_assert_eq(walk(&w.root, NULL, "/a", 0, &p), 0);
    cr_assert_eq(vfs_link(&w.root, &p, NULL, "/b"), 0);
    path_put(&p);
    cr_assert_eq(world_stat(&w.root, "/a", true, &a), 0);
    cr_assert_eq(world_stat(&w.root, "/b", true, &b), 0);
    cr_assert_eq(a.ino, b.ino);
    cr_assert_eq(a.nlink, 2);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/a"), 0);
    cr_assert_eq(world_stat(&w.root, "/b", true, &b), 0);
    cr_assert_eq(b.nlink, 1);
}

Test(tmpfs, directories_count_their_directories)
{
    struct attr a;

    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/d", 0755), 0);
    cr_assert_eq(world_stat(&w.root, "/", true, &a), 0);
    cr_assert_eq(a.nlink, 3);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/d/e", 0755), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/d"), -ENOTEMPTY);
    cr_assert_eq(world_stat(&w.root, "/d", true, &a), 0);
    cr_assert_eq(a.nlink, 3);
    cr_assert_eq(a.size, 20);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/d/e"), 0);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/d"), 0);
    cr_assert_eq(world_stat(&w.root, "/", true, &a), 0);
    cr_assert_eq(a.nlink, 2);
}

/* One entry at a time, so that each call goes on from a position. */
struct one {
    struct dir_sink sink;
    char name[64];
    bool full;
};

static bool add_one(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
                    unsigned dtype, uint64_t next)
{
    struct one *o = container_of(sink, struct one, sink);

    (void)ino, (void)dtype, (void)next;
    if (o->full)
        return false;
    memcpy(o->name, name, len);
    o->name[len] = '\0';
    o->full = true;
    return true;
}

static const char *next_name(struct file *f, uint64_t *pos)
{
    static struct one o;

    o = (struct one){ .sink.add = add_one };
    cr_assert_eq(file_readdir(f, &o.sink, pos), 0);
    return o.full ? o.name : "";
}

Test(tmpfs, a_reader_misses_nothing_while_entries_come_and_go)
{
    scoped(file) struct file *f;
    uint64_t pos = 0;

    for (char name[] = "/a"; name[1] <= 'e'; name[1]++)
        world_put(&w.root, name, "");
    cr_assert_eq(world_open(&w.root, "/", O_RDONLY | O_DIRECTORY, 0, &f), 0);
    cr_assert_str_eq(next_name(f, &pos), ".");
    cr_assert_str_eq(next_name(f, &pos), "..");
    cr_assert_str_eq(next_name(f, &pos), "a");
    cr_assert_str_eq(next_name(f, &pos), "b");
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/a"), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/b"), 0);
    cr_assert_eq(vfs_unlink(&w.root, NULL, "/c"), 0);
    world_put(&w.root, "/a", "");
    cr_assert_str_eq(next_name(f, &pos), "d");
    cr_assert_str_eq(next_name(f, &pos), "e");
    cr_assert_str_eq(next_name(f, &pos), "a");
    cr_assert_str_eq(next_name(f, &pos), "");
}

Test(tmpfs, a_tree_deeper_than_a_stack_goes_at_once)
{
    struct dentry *root, *d, *child;
    struct inode *i;

    cr_assert_eq(tmpfs_create(w.mm.arena, "t", "nr_inodes=0", &w.root, &root), 0);
    d = dentry_get(root);
    for (int n = 0; n < 20000; n++) {
        struct inode *dir = dentry_inode(d);
        cr_assert_eq(dir->ops->mkdir(dir, "d", S_IFDIR | 0755, &w.root, &i), 0);
        cr_assert_eq(dentry_lookup(d, "d", &w.root, &child), 0);
        inode_put(i);
        dentry_put(d);
        d = child;
    }
    dentry_put(d);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/m", 0755), 0);
    cr_assert_eq(world_mount(&w.root, "/m", root, 0), 0);
    struct path p;
    cr_assert_eq(walk(&w.root, NULL, "/m", 0, &p), 0);
    cr_assert_eq(vfs_umount(&w.root, &p, 0), 0);
    path_put(&p);
    cr_assert_eq(slab_live(w.mm.arena, SLAB_tmpfs), 1);
}

Test(tmpfs, attributes_have_name_spaces)
{
    struct path p;
    char buf[64];

    world_put(&w.root, "/a", "");
    cr_assert_eq(world_chown(&w.root, "/a", USER_ID, USER_ID), 0);
    cr_assert_eq(walk(&w.root, NULL, "/a", 0, &p), 0);
    struct inode *i = dentry_inode(p.dentry);
    cr_assert_eq(vfs_setxattr(&w.user, p.mnt, i, "user.x", "1", 1, 0), 0);
    cr_assert_eq(vfs_setxattr(&w.user, p.mnt, i, "user.x", "2", 1, 1), -EEXIST);
    cr_assert_eq(vfs_setxattr(&w.user, p.mnt, i, "user.y", "2", 1, 2), -ENODATA);
    cr_assert_eq(vfs_setxattr(&w.user, p.mnt, i, "trusted.x", "2", 1, 0), -EPERM);
    cr_assert_eq(vfs_setxattr(&w.root, p.mnt, i, "trusted.x", "22", 2, 0), 0);
    cr_assert_eq(vfs_setxattr(&w.root, p.mnt, i, "other.x", "2", 1, 0), -EOPNOTSUPP);
    cr_assert_eq(vfs_getxattr(&w.user, i, "trusted.x", buf, 64), -ENODATA);
    cr_assert_eq(vfs_getxattr(&w.root, i, "trusted.x", buf, 1), -ERANGE);
    cr_assert_eq(vfs_getxattr(&w.root, i, "trusted.x", buf, 0), 2);
    cr_assert_eq(vfs_listxattr(&w.root, i, buf, 64), 7 + 10);
    cr_assert_eq(vfs_listxattr(&w.user, i, buf, 64), 7);
    cr_assert_eq(vfs_removexattr(&w.user, p.mnt, i, "user.x"), 0);
    cr_assert_eq(vfs_removexattr(&w.user, p.mnt, i, "user.x"), -ENODATA);
    path_put(&p);
}

Test(tmpfs, mapped_pages_are_the_files_pages)
{
    scoped(file) struct file *f;
    struct map_source s = { 0 };
    uptr_t at;
    char c = 0;

    cr_assert_eq(world_open(&w.root, "/a", O_CREAT | O_RDWR, 0600, &f), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "abc", 3, 0), 3);
    cr_assert_eq(f->ops->map(f, PROT_READ | PROT_WRITE, MAP_SHARED, &s), 0);
    cr_assert_eq(
        mm_map(w.mm.mm, uptr(0), 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, &s, &at), 0);
    cr_assert_eq(mm_world_read(w.mm.mm, at.va + 1, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'b');
    cr_assert_eq(mm_world_write(w.mm.mm, at.va, "X", 1), FAULT_DONE);
    cr_assert_eq(world_pread(f, &c, 1, 0), 1);
    cr_assert_eq(c, 'X');
    cr_assert_eq(mm_world_read(w.mm.mm, at.va + PAGE_SIZE, &c, 1), FAULT_BUS);
    cr_assert_eq(world_truncate(&w.root, "/a", 0), 0);
    cr_assert_eq(mm_world_read(w.mm.mm, at.va, &c, 1), FAULT_BUS);
    cr_assert_eq(mm_unmap(w.mm.mm, at, 2 * PAGE_SIZE), 0);
}

Test(tmpfs, a_write_of_guest_memory_ends_where_that_ends)
{
    struct map_source none = { 0 };
    static char bytes[3 * 4096], got[3 * 4096];
    struct file *f;
    struct io io;
    uptr_t at;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(1 + i % 100);
    cr_assert_eq(world_open(&w.root, "/f", O_RDWR | O_CREAT, 0600, &f), 0);
    cr_assert_eq(mm_map(w.mm.mm, uptr(0x30000000), 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, &none, &at),
                 0);
    cr_assert_eq(mm_world_write(w.mm.mm, at.va, bytes, 2 * PAGE_SIZE), FAULT_DONE);
    /* Into pages that are new, then again where they are there, then half and half. */
    const uint64_t places[] = { 100, 100, 5000, 9000 };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        uint64_t pos = places[i];
        cr_assert_eq(io_user(&io, w.mm.mm, uptr_at(at, 1), 3 * PAGE_SIZE), 0);
        cr_expect_eq(f->ops->write(f, &io, &pos), (ssize_t)(2 * PAGE_SIZE - 1));
        cr_expect_eq(pos, places[i] + 2 * PAGE_SIZE - 1);
        cr_expect_eq(world_pread(f, got, 2 * PAGE_SIZE - 1, places[i]),
                     (ssize_t)(2 * PAGE_SIZE - 1));
        cr_expect_arr_eq(got, bytes + 1, 2 * PAGE_SIZE - 1);
    }
    cr_assert_eq(io_user(&io, w.mm.mm, uptr_at(at, 2 * PAGE_SIZE), 10), 0);
    uint64_t pos = MIB;
    cr_expect_eq(f->ops->write(f, &io, &pos), -EFAULT);
    cr_expect_eq(world_pread(f, got, 100, 0), 100);
    for (size_t i = 0; i < 100; i++)
        cr_expect_eq(got[i], 0);
    cr_expect_eq(mm_unmap(w.mm.mm, at, 2 * PAGE_SIZE), 0);
    file_put(f);
}

Test(tmpfs, seals_hold)
{
    struct path root = { 0 }, at = { 0 };
    struct inode *i;
    struct file *f;

    cr_assert_eq(vfs_internal_root(&w.root, "tmpfs", tmpfs_create, &root), 0);
    cr_assert_eq(tmpfs_create_unnamed(root.dentry, 0777, 0, &w.root, &i), 0);
    cr_assert_eq(vfs_name_unlinked(&root, i, "memfd:x", &at), 0);
    cr_assert_eq(i->ops->open(i, &at, O_RDWR, &w.root, &f), 0);
    inode_put(i);
    cr_assert_eq(world_pwrite(&w.root, f, "abc", 3, 0), 3);
    cr_assert_eq(tmpfs_get_seals(f), 0);
    cr_assert_eq(tmpfs_add_seals(f, F_SEAL_SHRINK), 0);
    cr_assert_eq(vfs_truncate_file(&w.root, f, 1), -EPERM);
    cr_assert_eq(vfs_truncate_file(&w.root, f, 10), 0);
    cr_assert_eq(tmpfs_add_seals(f, F_SEAL_GROW), 0);
    cr_assert_eq(vfs_truncate_file(&w.root, f, 11), -EPERM);
    cr_assert_eq(world_pwrite(&w.root, f, "abc", 3, 8), -EPERM);
    cr_assert_eq(world_pwrite(&w.root, f, "abc", 3, 7), 3);
    cr_assert_eq(tmpfs_add_seals(f, F_SEAL_WRITE | F_SEAL_SEAL), 0);
    cr_assert_eq(world_pwrite(&w.root, f, "abc", 3, 0), -EPERM);
    cr_assert_eq(tmpfs_add_seals(f, F_SEAL_WRITE), -EPERM);
    char text[64];
    cr_assert_gt(path_print(&w.root, &f->path, text, sizeof text), 0);
    cr_assert_str_eq(text, "/memfd:x (deleted)");
    file_put(f);
    path_put(&at);
    path_put(&root);
}
