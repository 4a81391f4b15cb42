/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read(2), write(2): bytes, positions, faults, limits.
 *
 * covers: read, write
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "files.h"

TEST(bytes_come_back)
{
    char buf[16] = "";
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    CHECK_EQ(write(fd, "hello", 5), 5);
    CHECK_EQ(read(fd, buf, 5), 0);
    CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
    CHECK_EQ(read(fd, buf, sizeof buf), 4);
    CHECK(strcmp(buf, "ello") == 0);
    CHECK_EQ(write(fd, "", 0), 0);
    CHECK_EQ(read(fd, buf, 0), 0);
    close(fd);
}

TEST(a_shared_description_has_one_position)
{
    char c;
    int a = open("f", O_RDONLY), b = dup(a), other = open("f", O_RDONLY);
    CHECK_EQ(read(a, &c, 1), 1);
    CHECK_EQ(read(b, &c, 1), 1);
    CHECK_EQ(c, 'e');
    CHECK_EQ(read(other, &c, 1), 1);
    CHECK_EQ(c, 'h');
    close(a), close(b), close(other);
}

TEST(errors)
{
    char c;
    int d = open(".", O_RDONLY), r = open("f", O_RDONLY), w = open("f", O_WRONLY);
    CHECK_ERRNO(read(-1, &c, 1), EBADF);
    CHECK_ERRNO(write(-1, &c, 1), EBADF);
    CHECK_ERRNO(read(w, &c, 1), EBADF);
    CHECK_ERRNO(write(r, &c, 1), EBADF);
    CHECK_ERRNO(read(d, &c, 1), EISDIR);
    CHECK_ERRNO(write(d, &c, 1), EBADF);
    CHECK_ERRNO(read(r, NOWHERE, 1), EFAULT);
    CHECK_ERRNO(write(w, NOWHERE, 1), EFAULT);
    CHECK_ERRNO(read(r, (void *)-4096L, 1), EFAULT);
    close(d), close(r), close(w);
}

TEST(what_went_over_before_a_fault_counts)
{
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'x', 4096);
    CHECK(mprotect(p + 4096, 4096, PROT_NONE) == 0);
    int fd = open("g", O_CREAT | O_RDWR, 0600);
    CHECK_EQ(write(fd, p + 4096 - 10, 20), 10);
    CHECK_EQ(stat_of("g").st_size, 10);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    lseek(fd, 0, SEEK_SET);
    CHECK_EQ(read(fd, p + 4096 - 15, 20), 15);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 15);
    close(fd);
    munmap(p, 8192);
}

TEST(a_gap_is_zero)
{
    char buf[10];
    int fd = open("h", O_CREAT | O_RDWR, 0600);
    lseek(fd, 100000, SEEK_SET);
    CHECK_EQ(write(fd, "end", 3), 3);
    CHECK_EQ(lseek(fd, 99995, SEEK_SET), 99995);
    CHECK_EQ(read(fd, buf, 10), 8);
    CHECK(memcmp(buf, "\0\0\0\0\0end", 8) == 0);
    close(fd);
}

static volatile int signals;

static void count(int sig)
{
    (void)sig;
    signals++;
}

static int limited(void)
{
    struct rlimit r = { 10, 10 };
    int fd = open("limited", O_CREAT | O_RDWR, 0600);

    REQUIRE(setrlimit(RLIMIT_FSIZE, &r) == 0);
    signal(SIGXFSZ, count);
    REQUIRE(write(fd, "0123456", 7) == 7);
    REQUIRE(write(fd, "0123456", 7) == 3);
    REQUIRE(signals == 0);
    REQUIRE_ERRNO(write(fd, "x", 1), EFBIG);
    REQUIRE(signals == 1);
    REQUIRE_ERRNO(ftruncate(fd, 11), EFBIG);
    REQUIRE(signals == 2);
    REQUIRE(ftruncate(fd, 5) == 0);
    REQUIRE_ERRNO(pwrite(fd, "x", 1, 10), EFBIG);
    REQUIRE(signals == 3);
    REQUIRE(write(fd, "", 0) == 0);
    return 0;
}

TEST(files_do_not_grow_past_the_limit)
{
    CHECK_CHILD(limited);
}

static int kills(void)
{
    struct rlimit r = { 10, 10 };
    int fd = open("limited", O_RDWR);

    setrlimit(RLIMIT_FSIZE, &r);
    r = (struct rlimit){ 0, 0 };
    setrlimit(RLIMIT_CORE, &r);
    return (int)pwrite(fd, "x", 1, 10);
}

TEST(and_who_does_not_listen_dies)
{
    int status = in_child(kills);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGXFSZ);
}

static int writes_setid(void)
{
    REQUIRE(become_nobody() == 0);
    int fd = open("setid", O_WRONLY);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, "x", 1) == 1);
    return 0;
}

TEST(a_write_takes_set_id_bits_away)
{
    put("setid", "");
    if (geteuid() == 0)
        CHECK(chown("setid", NOBODY, NOBODY) == 0);
    CHECK(chmod("setid", 06777) == 0);
    CHECK_CHILD(writes_setid);
    CHECK_EQ(stat_of("setid").st_mode, S_IFREG | 0777);
}

TEST(times_move_with_what_is_done)
{
    struct timespec old[2] = {
        {1000,  0},
        { 1000, 0}
    };
    CHECK(utimensat(AT_FDCWD, "f", old, 0) == 0);
    int fd = open("f", O_RDWR);
    char c;
    CHECK_EQ(stat_of("f").st_mtime, 1000);
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK(stat_of("f").st_mtime == 1000);
    CHECK_EQ(write(fd, &c, 1), 1);
    CHECK(stat_of("f").st_mtime > 1000);
    close(fd);
}

FILES_MAIN
