/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/fdinfo: only for who may look into the process. */
#include <dirent.h>
#include <fcntl.h>

#include "tests/guest/child.h"

static char dir[64], file[80];
static int fd;

static void name_those_of(pid_t pid)
{
    snprintf(dir, sizeof dir, "/proc/%d/fdinfo", pid);
    snprintf(file, sizeof file, "%s/%d", dir, fd);
}

static int is_refused(void)
{
    const char *name = file;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY);

    REQUIRE(become_user(1000) == 0);
    REQUIRE_ERRNO(open(dir, O_RDONLY | O_DIRECTORY), EACCES);
    REQUIRE_ERRNO(open(file, O_RDONLY), EACCES);
    REQUIRE_ERRNO(openat(proc, name + strlen("/proc/"), O_RDONLY), EACCES);
    return 0;
}

static int has_its_own(void)
{
    char b[256];

    REQUIRE(setgroups(0, NULL) == 0 && setresgid(1000, 1000, 1000) == 0);
    REQUIRE(setresuid(1000, 1000, 1000) == 0); /* which makes it undumpable */
    name_those_of(getpid());
    int f = open(file, O_RDONLY);
    REQUIRE(f >= 0 && read(f, b, sizeof b) > 0);
    DIR *d = opendir(dir);
    REQUIRE(d && readdir(d));
    return 0;
}

TEST(others_see_nothing_of_it)
{
    fd = open("/", O_RDONLY);
    name_those_of(getpid());
    if (geteuid() == 0)
        CHECK_CHILD(is_refused);
    close(fd);
}

TEST(everybody_has_his_own)
{
    fd = open("/", O_RDONLY);
    if (geteuid() == 0)
        CHECK_CHILD(has_its_own);
    close(fd);
}

MAIN
