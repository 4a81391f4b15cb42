/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays that a program mounts for itself, in a tmpfs: how many lie one over the other,
 * what is done to their layers behind their back, and who changes what somebody removes.
 *
 * covers: mount, rename, rmdir
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "files.h"

/* m: a tmpfs with l, u, w, o, in a mount namespace of our own. */
static int start(void)
{
    static const char *const dirs[] = { "l", "u", "w", "o" };

    REQUIRE(unshare(CLONE_NEWNS) == 0);
    REQUIRE(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    REQUIRE(mount("none", "m", "tmpfs", 0, "mode=755") == 0);
    REQUIRE(chdir("m") == 0);
    for (int i = 0; i < 4; i++)
        REQUIRE(mkdir(dirs[i], 0755) == 0);
    return 0;
}

static int mount_one(void)
{
    return mount("o", "o", "overlay", 0, "lowerdir=l,upperdir=u,workdir=w");
}

/* Overlay `i` over overlay `i - 1`; the first over "0". */
static int stack(int i)
{
    char at[16], options[64];

    snprintf(at, sizeof at, "%d", i);
    snprintf(options, sizeof options, "lowerdir=%d:l,upperdir=u%d,workdir=w%d", i - 1, i, i);
    mkdir(at, 0755);
    return mount("o", at, "overlay", 0, options);
}

static int stacked(void)
{
    REQUIRE(start() == 0);
    REQUIRE(mkdir("0", 0755) == 0 && mkdir("0/d", 0755) == 0);
    put("0/d/f", "deep");
    for (int i = 1; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "w%d", i);
        REQUIRE(mkdir(name, 0755) == 0);
        snprintf(name, sizeof name, "u%d", i);
        REQUIRE(mkdir(name, 0755) == 0);
        snprintf(name, sizeof name, "u%d/d", i);
        REQUIRE(mkdir(name, 0755) == 0);
    }
    REQUIRE(stack(1) == 0);
    REQUIRE(stack(2) == 0);
    REQUIRE_ERRNO(stack(3), EINVAL);
    REQUIRE(has("2/d/f", "deep"));
    return 0;
}

/* A directory that was moved below another in the upper tree cannot take that one in. */
static int cycle(void)
{
    REQUIRE(start() == 0);
    REQUIRE(mount_one() == 0);
    REQUIRE(mkdir("o/a", 0755) == 0 && mkdir("o/b", 0755) == 0);
    REQUIRE(exists("o/b"));
    REQUIRE(rename("u/b", "u/a/b") == 0);
    REQUIRE(rename("o/a", "o/b/a") == -1);
    int b = open("u/a/b", O_RDONLY | O_DIRECTORY), u = open("u", O_RDONLY | O_DIRECTORY);
    REQUIRE(b >= 0 && u >= 0);
    REQUIRE(close(openat(b, "x", O_CREAT | O_WRONLY, 0644)) == 0);
    REQUIRE(renameat(b, "x", u, "x") == 0);
    return 0;
}

/* One of the names of a file is changed; then the other is moved. */
static int links(void)
{
    REQUIRE(start() == 0);
    put("l/x", "text");
    REQUIRE(link("l/x", "l/y") == 0);
    REQUIRE(mount_one() == 0);
    REQUIRE(chmod("o/x", 0600) == 0);
    REQUIRE(rename("o/y", "o/z") == 0);
    REQUIRE(has("o/z", "text") && has("o/x", "text") && !exists("o/y"));
    REQUIRE(syscall(SYS_renameat2, AT_FDCWD, "o/x", AT_FDCWD, "o/z", 2 /* RENAME_EXCHANGE */) == 0);
    REQUIRE(has("o/z", "text") && has("o/x", "text"));
    return 0;
}

/* Copies of files, while somebody moves about in the work directory what he finds there. */
static int copies(void)
{
    REQUIRE(start() == 0);
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "l/%d", i);
        put(name, "some text that is copied");
    }
    REQUIRE(mount_one() == 0);
    pid_t rival = fork();
    if (rival == 0)
        for (unsigned i = 0;; i++) {
            char from[32], to[16];
            snprintf(from, sizeof from, "w/work/#%x", i % 200);
            snprintf(to, sizeof to, "u/%u", i % 200);
            rename(from, to);
        }
    REQUIRE(rival > 0);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "o/%d", i);
        (void)!chmod(name, 0600); /* may fail: but it ends */
    }
    REQUIRE(kill(rival, SIGKILL) == 0);
    REQUIRE(waitpid(rival, NULL, 0) == rival);
    return 0;
}

#define DIRS  60
#define FILES 30

/* Of who makes a file in a directory and who removes that, one finds that he was too late. */
static int removals(void)
{
    char name[32];

    REQUIRE(start() == 0);
    for (int d = 0; d < DIRS; d++) {
        snprintf(name, sizeof name, "l/d%d", d);
        REQUIRE(mkdir(name, 0755) == 0);
        for (int f = 0; f < FILES; f++) {
            snprintf(name, sizeof name, "l/d%d/f%d", d, f);
            put(name, "");
        }
    }
    REQUIRE(mount_one() == 0);
    for (int d = 0; d < DIRS; d++) {
        for (int f = 0; f < FILES; f++) {
            snprintf(name, sizeof name, "o/d%d/f%d", d, f);
            REQUIRE(unlink(name) == 0);
        }
        pid_t rival = fork();
        if (rival == 0) {
            for (volatile int i = 0; i < d * 2000; i++)
                ;
            _exit(open(name, O_CREAT | O_EXCL | O_RDWR, 0644) >= 0);
        }
        char dir[16];
        int status;
        snprintf(dir, sizeof dir, "o/d%d", d);
        bool removed = rmdir(dir) == 0;
        REQUIRE(waitpid(rival, &status, 0) == rival);
        REQUIRE(exists(dir) == !removed);
        REQUIRE(WEXITSTATUS(status) == !removed);
        snprintf(name, sizeof name, "o/d%d/f0", d);
        REQUIRE(!exists(name));
    }
    return 0;
}

TEST(in_a_namespace_of_ones_own)
{
    if (geteuid() != 0)
        SKIP_ALL("only root mounts an overlay");
    mkdir("m", 0755);
    CHECK_CHILD(stacked);
    CHECK_CHILD(cycle);
    CHECK_CHILD(links);
    CHECK_CHILD(copies);
    CHECK_CHILD(removals);
}

FILES_MAIN
