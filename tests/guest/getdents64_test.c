/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getdents64(2), getdents(2)
 *
 * covers: getdents64, getdents
 */
#include "files.h"

struct dent {
    uint64_t ino, off;
    uint16_t len;
    uint8_t type;
    char name[];
};

static char buf[65536];

/* How many entries of that name and type are in what was read. */
static int count(long n, const char *name, int type)
{
    int found = 0;

    for (long at = 0; at < n;) {
        const struct dent *d = (const void *)(buf + at);
        found += strcmp(d->name, name) == 0 && d->type == type && d->ino != 0;
        at += d->len;
    }
    return found;
}

TEST(all_entries_with_their_types)
{
    put("file", "");
    mkdir("dir", 0755);
    CHECK(symlink("x", "link") == 0 && mknod("fifo", S_IFIFO | 0600, 0) == 0);
    int d = open(".", O_RDONLY);
    long n = syscall(SYS_getdents64, d, buf, sizeof buf);
    CHECK(n > 0);
    CHECK(count(n, ".", DT_DIR) == 1 && count(n, "..", DT_DIR) == 1);
    CHECK(count(n, "file", DT_REG) == 1 && count(n, "dir", DT_DIR) == 1);
    CHECK(count(n, "link", DT_LNK) == 1 && count(n, "fifo", DT_FIFO) == 1);
    CHECK_EQ(syscall(SYS_getdents64, d, buf, sizeof buf), 0);
    close(d);
}

TEST(small_buffers_and_many_entries)
{
    char name[32];
    bool seen[500] = { false };
    int d, total = 0;
    long n;
    mkdir("many", 0755);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "many/name-%03d", i);
        put(name, "");
    }
    d = open("many", O_RDONLY);
    while ((n = syscall(SYS_getdents64, d, buf, 200)) > 0)
        for (long at = 0; at < n;) {
            const struct dent *e = (const void *)(buf + at);
            int i;
            if (sscanf(e->name, "name-%d", &i) == 1) {
                CHECK(!seen[i]);
                seen[i] = true;
                total++;
            }
            at += e->len;
        }
    CHECK_EQ(n, 0);
    CHECK_EQ(total, 500);
    close(d);
}

TEST(a_position_can_be_gone_back_to)
{
    char first[64];
    int d = open("many", O_RDONLY);
    CHECK(syscall(SYS_getdents64, d, buf, 100) > 0);
    off_t pos = lseek(d, 0, SEEK_CUR);
    CHECK(syscall(SYS_getdents64, d, buf, 100) > 0);
    strcpy(first, ((struct dent *)buf)->name);
    CHECK_EQ(lseek(d, pos, SEEK_SET), pos);
    CHECK(syscall(SYS_getdents64, d, buf, 100) > 0);
    CHECK(strcmp(first, ((struct dent *)buf)->name) == 0);
    close(d);
}

TEST(removal_while_reading)
{
    DIR *d = opendir("many");
    struct dirent *e;
    char name[300];
    int removed = 0;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') {
            snprintf(name, sizeof name, "many/%s", e->d_name);
            removed += unlink(name) == 0;
        }
    closedir(d);
    CHECK_EQ(removed, 500);
    CHECK(rmdir("many") == 0);
}

TEST(the_old_form_has_the_type_at_the_end)
{
    int d = open(".", O_RDONLY);
    long n = syscall(SYS_getdents, d, buf, sizeof buf);
    CHECK(n > 0);
    bool found = false;
    for (long at = 0; at < n;) {
        uint16_t len;
        memcpy(&len, buf + at + 16, 2);
        if (strcmp(buf + at + 18, "dir") == 0)
            found = buf[at + len - 1] == DT_DIR;
        at += len;
    }
    CHECK(found);
    close(d);
}

TEST(errors)
{
    int d = open(".", O_RDONLY), f = open("file", O_RDONLY);
    CHECK_ERRNO(syscall(SYS_getdents64, f, buf, sizeof buf), ENOTDIR);
    CHECK_ERRNO(syscall(SYS_getdents64, -1, buf, sizeof buf), EBADF);
    CHECK_ERRNO(syscall(SYS_getdents64, d, buf, 10), EINVAL);
    CHECK_ERRNO(syscall(SYS_getdents64, d, NOWHERE, 1000), EFAULT);
    mkdir("gone", 0755);
    int g = open("gone", O_RDONLY);
    CHECK(rmdir("gone") == 0);
    CHECK_ERRNO(syscall(SYS_getdents64, g, buf, sizeof buf), ENOENT);
    close(d), close(f), close(g);
}

FILES_MAIN
