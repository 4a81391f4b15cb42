/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount(2), umount2(2), pivot_root(2): in a namespace of one's own, which also an
 * ordinary user can have.
 *
 * covers: mount, umount2, pivot_root
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "files.h"

static bool write_text(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    close(fd);
    return ok;
}

/* A mount namespace where we may mount. */
static int own_namespace(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (uid == 0)
        return unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return -1;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_text("/proc/self/uid_map", map))
        return -1;
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_text("/proc/self/gid_map", map)
               ? mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)
               : -1;
}

static int mounts(void)
{
    REQUIRE(own_namespace() == 0);
    REQUIRE(mount("none", "m", "tmpfs", 0, "size=1m,mode=755") == 0);
    REQUIRE(!exists("m/under"));
    put("m/f", "x");
    REQUIRE_ERRNO(rmdir("m"), EBUSY);
    REQUIRE_ERRNO(rename("m", "x"), EBUSY);
    REQUIRE_ERRNO(rename("m/f", "f"), EXDEV);
    REQUIRE_ERRNO(link("m/f", "new"), EXDEV);
    int fd = open("m/f", O_RDONLY);
    REQUIRE_ERRNO(umount("m"), EBUSY);
    close(fd);
    REQUIRE(mount("m", "n", NULL, MS_BIND, NULL) == 0);
    REQUIRE(has("n/f", "x"));
    REQUIRE(mount("none", "n", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
    REQUIRE_ERRNO(open("n/new", O_CREAT | O_WRONLY, 0600), EROFS);
    REQUIRE_ERRNO(unlink("n/f"), EROFS);
    REQUIRE_ERRNO(mkdir("n/f", 0700), EEXIST);
    REQUIRE_ERRNO(chmod("n/f", 0600), EROFS);
    REQUIRE(open("n/f", O_RDONLY) >= 0);
    REQUIRE(umount2("n", MNT_DETACH) == 0);
    REQUIRE(mount("m", "n", NULL, MS_MOVE, NULL) == 0);
    REQUIRE(exists("m/under") && exists("n/f"));
    REQUIRE(umount("n") == 0);
    return 0;
}

/* What goes is not looked at there; what comes is, and what is wrong with it is said first. */
static int read_only(void)
{
    bool is_root = geteuid() == 0;

    REQUIRE(own_namespace() == 0);
    REQUIRE(mount("none", "m", "tmpfs", 0, "mode=777") == 0);
    REQUIRE(mkdir("m/d", 0755) == 0);
    put("m/f", "");
    REQUIRE(mount("none", "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
    REQUIRE_ERRNO(unlink("m/f"), EROFS);
    REQUIRE_ERRNO(unlink("m/f/"), EROFS);
    REQUIRE_ERRNO(unlink("m/d"), EROFS);
    REQUIRE_ERRNO(unlink("m/d/"), EROFS);
    REQUIRE_ERRNO(unlink("m/none"), EROFS);
    REQUIRE_ERRNO(unlink("m/d/."), EISDIR);
    REQUIRE_ERRNO(unlink("m/f/x"), ENOTDIR);
    REQUIRE_ERRNO(rmdir("m/d"), EROFS);
    REQUIRE_ERRNO(rmdir("m/f"), EROFS);
    REQUIRE_ERRNO(rmdir("m/none"), EROFS);
    REQUIRE_ERRNO(rmdir("m/d/."), EINVAL);
    REQUIRE_ERRNO(rmdir("m/d/.."), ENOTEMPTY);
    REQUIRE_ERRNO(mknod("m/f", S_IFREG, 0), EEXIST);
    REQUIRE_ERRNO(mknod("m/x/", S_IFREG, 0), ENOENT);
    REQUIRE_ERRNO(mknod("m/x", S_IFREG, 0), EROFS);
    REQUIRE_ERRNO(symlink("f", "m/f"), EEXIST);
    REQUIRE_ERRNO(symlink("f", "m/x"), EROFS);
    REQUIRE_ERRNO(link("m/f", "m/d"), EEXIST);
    REQUIRE_ERRNO(link("f", "m/x"), EROFS);
    REQUIRE_ERRNO(rename("m/none", "m/x"), EROFS);
    REQUIRE_ERRNO(rename("m/f", "f"), EXDEV);
    REQUIRE_ERRNO(rename("m/f", "m/d/."), EBUSY);
    REQUIRE_ERRNO(open("m/f", O_CREAT | O_EXCL, 0600), EEXIST);
    REQUIRE_ERRNO(open("m/d", O_CREAT, 0600), EISDIR);
    REQUIRE_ERRNO(open("m/x", O_CREAT, 0600), EROFS);
    if (is_root) {
        REQUIRE(become_nobody() == 0);
        REQUIRE_ERRNO(open("m/f", O_WRONLY), EACCES);
        REQUIRE_ERRNO(open("m/f", O_RDONLY | O_TRUNC), EROFS);
    }
    return 0;
}

static int refusals(void)
{
    REQUIRE(own_namespace() == 0);
    REQUIRE_ERRNO(mount("none", "none", "tmpfs", 0, NULL), ENOENT);
    REQUIRE_ERRNO(mount("none", "f", "tmpfs", 0, NULL), ENOTDIR);
    REQUIRE_ERRNO(mount("none", "m", "nofs", 0, NULL), ENODEV);
    REQUIRE_ERRNO(mount("none", "m", NULL, 0, NULL), EINVAL);
    REQUIRE_ERRNO(mount("none", "m", "tmpfs", 0, "nonsense=1"), EINVAL);
    REQUIRE_ERRNO(mount("none", NOWHERE, "tmpfs", 0, NULL), EFAULT);
    REQUIRE_ERRNO(mount("f", "m", NULL, MS_BIND, NULL), ENOTDIR);
    REQUIRE_ERRNO(mount("nothing", "m", NULL, MS_BIND, NULL), ENOENT);
    REQUIRE_ERRNO(mount("none", "m", NULL, MS_REMOUNT, NULL), EINVAL);
    REQUIRE_ERRNO(umount("m"), EINVAL);
    REQUIRE_ERRNO(umount("nothing"), ENOENT);
    REQUIRE_ERRNO(umount2("m", 0x100), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_pivot_root, "nothing", "m"), ENOENT);
    return 0;
}

static int pivots(void)
{
    REQUIRE(own_namespace() == 0);
    REQUIRE(mount("none", "m", "tmpfs", 0, NULL) == 0);
    REQUIRE(mkdir("m/old", 0755) == 0);
    REQUIRE(chdir("m") == 0);
    REQUIRE(syscall(SYS_pivot_root, ".", "old") == 0);
    REQUIRE(exists("/old/proc"));
    REQUIRE(!exists("/proc"));
    REQUIRE(umount2("/old", MNT_DETACH) == 0);
    REQUIRE(!exists("/old/proc"));
    return 0;
}

#define SLAVES 70

static int count_hearers(void)
{
    char name[32];
    int n = 0;

    for (int i = 0; i < SLAVES; i++) {
        snprintf(name, sizeof name, "s%d/sub/f", i);
        n += exists(name);
    }
    return n;
}

static int propagation(void)
{
    char name[16];

    REQUIRE(own_namespace() == 0);
    REQUIRE(mount("none", "m", "tmpfs", 0, "mode=755") == 0);
    REQUIRE(mount("none", "m", NULL, MS_SHARED, NULL) == 0);
    REQUIRE(mkdir("m/sub", 0755) == 0);
    for (int i = 0; i < SLAVES; i++) {
        snprintf(name, sizeof name, "s%d", i);
        REQUIRE(mkdir(name, 0755) == 0);
        REQUIRE(mount("m", name, NULL, MS_BIND, NULL) == 0);
        REQUIRE(mount("none", name, NULL, MS_SLAVE, NULL) == 0);
    }
    REQUIRE(mount("none", "m/sub", "tmpfs", 0, NULL) == 0);
    put("m/sub/f", "");
    REQUIRE(count_hearers() == SLAVES);
    REQUIRE(umount("m/sub") == 0);
    REQUIRE(count_hearers() == 0);
    /* Where it is taken lazily, with what is in it, it does not matter who uses it. */
    REQUIRE(mount("none", "m/sub", "tmpfs", 0, NULL) == 0);
    REQUIRE(mkdir("m/sub/deep", 0755) == 0);
    REQUIRE(mount("none", "m/sub/deep", "tmpfs", 0, NULL) == 0);
    put("m/sub/f", "");
    int fd = open("s7/sub/deep", O_RDONLY);
    REQUIRE(fd >= 0);
    REQUIRE(count_hearers() == SLAVES);
    REQUIRE(umount2("m/sub", MNT_DETACH) == 0);
    REQUIRE(count_hearers() == 0);
    close(fd);
    /* A part of itself, mounted in itself: it does not hear of that. */
    REQUIRE(mkdir("m/sub/b", 0755) == 0);
    put("m/sub/b/under", "");
    REQUIRE(mount("m/sub", "m/sub/b", NULL, MS_BIND, NULL) == 0);
    REQUIRE(exists("m/sub/b/b/under"));
    REQUIRE(umount("m/sub/b") == 0);
    return 0;
}

/* Two who unmount the same: one of them does. */
static int rivals(void)
{
    REQUIRE(own_namespace() == 0);
    pid_t rival = fork();
    if (rival == 0)
        for (;;)
            umount2("m", MNT_DETACH);
    REQUIRE(rival > 0);
    for (int i = 0; i < 2000; i++) {
        REQUIRE(mount("none", "m", "tmpfs", 0, NULL) == 0);
        REQUIRE(umount2("m", MNT_DETACH) == 0 || errno == EINVAL);
    }
    REQUIRE(kill(rival, SIGKILL) == 0);
    REQUIRE(waitpid(rival, NULL, 0) == rival);
    umount2("m", MNT_DETACH);
    REQUIRE(exists("m/under"));
    return 0;
}

TEST(in_a_namespace_of_ones_own)
{
    mkdir("m", 0755);
    put("m/under", "");
    mkdir("n", 0755);
    put("f", "");
    CHECK_CHILD(mounts);
    CHECK_CHILD(read_only);
    CHECK_CHILD(refusals);
    CHECK_CHILD(pivots);
    CHECK_CHILD(propagation);
    CHECK_CHILD(rivals);
    CHECK(exists("m/under"));
}

/* Ids among the options are of the user namespace of who mounts. */
static int as_somebody(void)
{
    struct stat st;

    REQUIRE(become_nobody() == 0);
    REQUIRE(prctl(PR_SET_DUMPABLE, 1) == 0); /* or /proc/self is not ours */
    REQUIRE(own_namespace() == 0);
    REQUIRE(mount("none", "m", "tmpfs", 0, "uid=0,gid=0,mode=755") == 0);
    REQUIRE(stat("m", &st) == 0);
    REQUIRE(st.st_uid == 0 && st.st_gid == 0);
    REQUIRE(mkdir("m/d", 0755) == 0);
    REQUIRE_ERRNO(mount("none", "m", "tmpfs", 0, "uid=7"), EINVAL);
    REQUIRE_ERRNO(mount("none", "m", "tmpfs", 0, "gid=7"), EINVAL);
    return 0;
}

TEST(in_a_user_namespace_of_ones_own)
{
    CHECK_CHILD(as_somebody);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(mount("none", "m", "tmpfs", 0, NULL), EPERM);
    REQUIRE_ERRNO(umount("/proc"), EPERM);
    REQUIRE_ERRNO(syscall(SYS_pivot_root, "m", "n"), EPERM);
    return 0;
}

TEST(permissions)
{
    CHECK_CHILD(without_rights);
}

FILES_MAIN
