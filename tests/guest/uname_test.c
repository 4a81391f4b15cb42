/* SPDX-License-Identifier: Apache-2.0 */
/* covers: uname, sethostname, setdomainname, sysinfo, unshare, setns, personality */
#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "tests/guest/child.h"

TEST(names)
{
    struct utsname u;

    CHECK_EQ(uname(&u), 0);
    CHECK(strcmp(u.sysname, "Linux") == 0);
    CHECK(strcmp(u.machine, "x86_64") == 0);
    CHECK(u.release[0] >= '3' && u.release[0] <= '9');
    CHECK(u.version[0] == '#');
    CHECK_ERRNO(syscall(SYS_uname, 8), EFAULT);
}

static int new_names(void)
{
    struct utsname u;
    char longest[65];

    memset(longest, 'n', sizeof longest);
    REQUIRE_ERRNO(syscall(SYS_sethostname, "x", -1), geteuid() ? EPERM : EINVAL);
    if (geteuid() != 0) {
        REQUIRE_ERRNO(sethostname("x", 1), EPERM);
        REQUIRE_ERRNO(setdomainname("x", 1), EPERM);
        REQUIRE_ERRNO(unshare(CLONE_NEWUTS), EPERM);
        return 0;
    }
    REQUIRE(unshare(CLONE_NEWUTS) == 0);
    REQUIRE(sethostname("inside", 6) == 0 && setdomainname("domain", 3) == 0);
    REQUIRE(uname(&u) == 0 && strcmp(u.nodename, "inside") == 0);
    REQUIRE(strcmp(u.domainname, "dom") == 0);
    REQUIRE(sethostname(longest, 64) == 0);
    REQUIRE(uname(&u) == 0 && strlen(u.nodename) == 64);
    REQUIRE_ERRNO(sethostname(longest, 65), EINVAL);
    REQUIRE_ERRNO(setdomainname(longest, 65), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_sethostname, 8, 3), EFAULT);
    REQUIRE_ERRNO(syscall(SYS_setdomainname, 8, 3), EFAULT);
    REQUIRE(sethostname("", 0) == 0);
    REQUIRE(uname(&u) == 0 && u.nodename[0] == 0);
    return 0;
}

TEST(a_namespace_has_names_of_its_own)
{
    struct utsname before, after;

    CHECK_EQ(uname(&before), 0);
    CHECK_CHILD(new_names);
    CHECK_EQ(uname(&after), 0);
    CHECK(strcmp(before.nodename, after.nodename) == 0);
}

static int goes_back(void)
{
    struct utsname before, u;

    if (geteuid() != 0)
        return 0;
    int fd = open("/proc/self/ns/uts", O_RDONLY), null = open("/dev/null", O_RDONLY);
    REQUIRE(fd >= 0 && null >= 0);
    REQUIRE(uname(&before) == 0);
    REQUIRE(unshare(CLONE_NEWUTS) == 0 && sethostname("other", 5) == 0);
    REQUIRE_ERRNO(setns(fd, CLONE_NEWNS), EINVAL);
    REQUIRE_ERRNO(setns(-1, 0), EBADF);
    REQUIRE_ERRNO(setns(null, 0), EINVAL);
    REQUIRE(setns(fd, CLONE_NEWUTS) == 0);
    REQUIRE(uname(&u) == 0 && strcmp(u.nodename, before.nodename) == 0);
    REQUIRE(setns(fd, 0) == 0);
    return 0;
}

TEST(setns_goes_back)
{
    CHECK_CHILD(goes_back);
}

static int unshares(void)
{
    REQUIRE_ERRNO(unshare(1), EINVAL);
    REQUIRE_ERRNO(unshare(CLONE_PARENT), EINVAL);
    REQUIRE(unshare(0) == 0);
    REQUIRE(unshare(CLONE_FS | CLONE_FILES) == 0);
    REQUIRE(unshare(CLONE_THREAD) == 0); /* of one thread: nothing to do */
    REQUIRE(unshare(CLONE_VM) == 0);
    REQUIRE(unshare(CLONE_SIGHAND) == 0);
    return 0;
}

TEST(unshare_checks_its_flags)
{
    CHECK_CHILD(unshares);
}

TEST(sysinfo_is_sane)
{
    struct sysinfo i;

    CHECK_EQ(sysinfo(&i), 0);
    CHECK(i.mem_unit > 0 && i.totalram > 0 && i.freeram <= i.totalram);
    CHECK(i.procs > 0 && i.uptime > 0);
    CHECK_ERRNO(syscall(SYS_sysinfo, 8), EFAULT);
}

static int persona(void)
{
    REQUIRE(personality(0xffffffff) == 0);
    REQUIRE(personality(ADDR_NO_RANDOMIZE) == 0);
    REQUIRE(personality(0xffffffff) == ADDR_NO_RANDOMIZE);
    REQUIRE(personality(PER_LINUX) == ADDR_NO_RANDOMIZE);
    REQUIRE(personality(UNAME26) == 0);
    struct utsname u;
    REQUIRE(uname(&u) == 0 && strncmp(u.release, "2.6.", 4) == 0);
    return 0;
}

TEST(personalities)
{
    CHECK_CHILD(persona);
}

MAIN
