/* SPDX-License-Identifier: Apache-2.0 */
/*
 * covers: setuid, setgid, setreuid, setregid, setresuid, setresgid, getresuid, getresgid,
 * covers: setfsuid, setfsgid, getuid, geteuid, getgid, getegid, getgroups, setgroups
 *
 * Raw calls: the library's own change every thread, which is not what is tested.
 */
#include <grp.h>
#include <sys/fsuid.h>

#include "tests/guest/child.h"

#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)
#define A               1001
#define B               1002
#define C               1003

static bool uids(uid_t r, uid_t e, uid_t s)
{
    uid_t ids[3];

    return CALL(getresuid, &ids[0], &ids[1], &ids[2]) == 0 && ids[0] == r && ids[1] == e &&
           ids[2] == s && getuid() == r && geteuid() == e;
}

static bool gids(gid_t r, gid_t e, gid_t s)
{
    gid_t ids[3];

    return CALL(getresgid, &ids[0], &ids[1], &ids[2]) == 0 && ids[0] == r && ids[1] == e &&
           ids[2] == s && getgid() == r && getegid() == e;
}

TEST(three_addresses_are_checked)
{
    uid_t id;

    CHECK_ERRNO(CALL(getresuid, 8, &id, &id), EFAULT);
    CHECK_ERRNO(CALL(getresuid, &id, 8, &id), EFAULT);
    CHECK_ERRNO(CALL(getresuid, &id, &id, 8), EFAULT);
    CHECK_ERRNO(CALL(getresgid, 8, &id, &id), EFAULT);
    CHECK_ERRNO(CALL(getresgid, &id, &id, 8), EFAULT);
}

TEST(no_id_is_minus_one)
{
    CHECK_ERRNO(CALL(setuid, -1), EINVAL);
    CHECK_ERRNO(CALL(setgid, -1), EINVAL);
    CHECK_EQ(CALL(setreuid, -1, -1), 0);
    CHECK_EQ(CALL(setregid, -1, -1), 0);
    CHECK_EQ(CALL(setresuid, -1, -1, -1), 0);
    CHECK_EQ(CALL(setresgid, -1, -1, -1), 0);
}

static int as_user(void)
{
    uid_t u = getuid();
    gid_t g = getgid();

    REQUIRE(CALL(setuid, u) == 0 && CALL(setgid, g) == 0);
    REQUIRE_ERRNO(CALL(setuid, u + 1), EPERM);
    REQUIRE_ERRNO(CALL(setuid, 0), EPERM);
    REQUIRE_ERRNO(CALL(setgid, 0), EPERM);
    REQUIRE_ERRNO(CALL(setreuid, 0, -1), EPERM);
    REQUIRE_ERRNO(CALL(setreuid, -1, 0), EPERM);
    REQUIRE_ERRNO(CALL(setregid, -1, 0), EPERM);
    REQUIRE_ERRNO(CALL(setresuid, -1, -1, 0), EPERM);
    REQUIRE_ERRNO(CALL(setresgid, -1, -1, 0), EPERM);
    REQUIRE_ERRNO(CALL(setgroups, 0, NULL), EPERM);
    REQUIRE(CALL(setfsuid, 0) == u && CALL(setfsuid, -1) == u);
    REQUIRE(CALL(setfsgid, 0) == g && CALL(setfsgid, -1) == g);
    REQUIRE(uids(u, u, u) && gids(g, g, g));
    return 0;
}

static int root_becomes_user(void)
{
    if (getuid() == 0) {
        REQUIRE(CALL(setgroups, 0, NULL) == 0);
        REQUIRE(CALL(setgid, A) == 0 && gids(A, A, A));
        REQUIRE(CALL(setuid, A) == 0 && uids(A, A, A));
    }
    return as_user();
}

TEST(a_user_has_only_his_own)
{
    CHECK_CHILD(root_becomes_user);
}

static int three_ids(void)
{
    if (getuid() != 0)
        return 0;
    REQUIRE(CALL(setresuid, A, B, C) == 0 && uids(A, B, C));
    REQUIRE_ERRNO(CALL(setuid, 0), EPERM);
    REQUIRE(CALL(setuid, A) == 0 && uids(A, A, C)); /* the effective one alone */
    REQUIRE(CALL(setuid, C) == 0 && uids(A, C, C));
    REQUIRE_ERRNO(CALL(setuid, B), EPERM); /* it was let go */
    REQUIRE(CALL(setresuid, C, A, -1) == 0 && uids(C, A, C));
    REQUIRE_ERRNO(CALL(setresuid, -1, B, -1), EPERM);
    REQUIRE(CALL(setfsuid, C) == A && CALL(setfsuid, -1) == C);
    return 0;
}

static int three_gids(void)
{
    if (getuid() != 0)
        return 0;
    REQUIRE(CALL(setresgid, A, B, C) == 0 && gids(A, B, C));
    REQUIRE(CALL(setfsgid, -1) == B);
    REQUIRE(CALL(setresuid, A, A, A) == 0);
    REQUIRE_ERRNO(CALL(setgid, 0), EPERM);
    REQUIRE(CALL(setgid, A) == 0 && gids(A, A, C));
    REQUIRE(CALL(setgid, C) == 0 && gids(A, C, C));
    REQUIRE_ERRNO(CALL(setgid, B), EPERM);
    REQUIRE(CALL(setresgid, C, A, -1) == 0 && gids(C, A, C));
    REQUIRE(CALL(setfsgid, C) == A && CALL(setfsgid, -1) == C);
    return 0;
}

TEST(three_ids_change_places)
{
    CHECK_CHILD(three_ids);
    CHECK_CHILD(three_gids);
}

static int reuid(void)
{
    if (getuid() != 0)
        return 0;
    REQUIRE(CALL(setreuid, -1, A) == 0 && uids(0, A, A));
    REQUIRE(CALL(setreuid, -1, 0) == 0 && uids(0, 0, A)); /* the saved one stays */
    REQUIRE(CALL(setreuid, A, -1) == 0 && uids(A, 0, 0)); /* real set: saved follows effective */
    REQUIRE(CALL(setreuid, A, B) == 0 && uids(A, B, B));
    REQUIRE(CALL(setreuid, B, A) == 0 && uids(B, A, A));
    REQUIRE_ERRNO(CALL(setreuid, C, -1), EPERM);
    REQUIRE_ERRNO(CALL(setreuid, -1, C), EPERM);
    return 0;
}

static int reuid_saved(void)
{
    if (getuid() != 0)
        return 0;
    REQUIRE(CALL(setresuid, A, B, C) == 0);
    REQUIRE_ERRNO(CALL(setreuid, C, -1), EPERM);          /* not from the saved one … */
    REQUIRE(CALL(setreuid, -1, C) == 0 && uids(A, C, C)); /* … but to it */
    return 0;
}

static int regid(void)
{
    if (getuid() != 0)
        return 0;
    REQUIRE(CALL(setregid, A, B) == 0 && gids(A, B, B));
    REQUIRE(CALL(setresuid, A, A, A) == 0);
    REQUIRE(CALL(setregid, B, A) == 0 && gids(B, A, A));
    REQUIRE_ERRNO(CALL(setregid, C, -1), EPERM);
    REQUIRE_ERRNO(CALL(setregid, -1, C), EPERM);
    return 0;
}

TEST(real_and_effective_swap)
{
    CHECK_CHILD(reuid);
    CHECK_CHILD(reuid_saved);
    CHECK_CHILD(regid);
}

static int groups(void)
{
    gid_t in[] = { 30, 10, 20 }, out[8] = { 0 };

    REQUIRE_ERRNO(CALL(getgroups, -1, out), EINVAL);
    if (getuid() != 0)
        return 0;
    REQUIRE(CALL(setgroups, 3, in) == 0);
    REQUIRE(CALL(getgroups, 0, NULL) == 3);
    REQUIRE(CALL(getgroups, 8, out) == 3);
    REQUIRE(out[0] == 10 && out[1] == 20 && out[2] == 30); /* the kernel keeps them sorted */
    REQUIRE_ERRNO(CALL(getgroups, 2, out), EINVAL);
    REQUIRE_ERRNO(CALL(getgroups, 3, 8), EFAULT);
    REQUIRE_ERRNO(CALL(setgroups, 65537, in), EINVAL);
    REQUIRE_ERRNO(CALL(setgroups, -1, in), EINVAL);
    REQUIRE_ERRNO(CALL(setgroups, 3, 8), EFAULT);
    in[1] = (gid_t)-1;
    REQUIRE_ERRNO(CALL(setgroups, 3, in), EINVAL);
    REQUIRE(CALL(setgroups, 0, NULL) == 0);
    REQUIRE(CALL(getgroups, 8, out) == 0);
    return 0;
}

TEST(groups_are_sorted)
{
    CHECK_CHILD(groups);
}

static int many_groups(void)
{
    static gid_t list[65536];

    if (getuid() != 0)
        return 0;
    for (gid_t i = 0; i < 65536; i++)
        list[i] = i;
    REQUIRE(CALL(setgroups, 65536, list) == 0);
    REQUIRE(CALL(getgroups, 0, NULL) == 65536);
    memset(list, 0, sizeof list);
    REQUIRE(CALL(getgroups, 65536, list) == 65536);
    REQUIRE(list[65535] == 65535);
    return 0;
}

TEST(there_may_be_many_groups)
{
    CHECK_CHILD(many_groups);
}

MAIN
