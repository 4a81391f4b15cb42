/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts flags become, and in which order. */
#include "runsc/view.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct view v;
static struct err e;

static const struct option_mount *at(const char *target)
{
    for (uint32_t i = 0; i < v.nmounts; i++)
        if (strcmp(v.mounts[i].target, target) == 0)
            return &v.mounts[i];
    return NULL;
}

Test(view, has_a_root_and_what_programs_expect)
{
    cr_assert_eq(view_finish(&v, "/", NULL, &e), 0, "%s", e.text);
    cr_assert_str_eq(v.mounts[0].target, "/");
    cr_assert_eq(v.mounts[0].kind, MOUNT_OVERLAY);
    cr_assert_eq(at("/proc")->kind, MOUNT_PROC);
    cr_assert_eq(at("/dev")->kind, MOUNT_DEV);
    cr_assert_eq(at("/tmp")->kind, MOUNT_TMPFS);
    cr_assert(!v.trees[0].writable);
}

Test(view, mounts_the_deepest_last_whatever_the_order_of_flags)
{
    cr_assert_eq(view_add(&v, VIEW_RW, "/usr/bin", "rw", &e), 0);
    cr_assert_eq(view_add(&v, VIEW_HIDE, "/usr", "hide", &e), 0);
    cr_assert_eq(view_finish(&v, "/", NULL, &e), 0);
    cr_assert(at("/usr") < at("/usr/bin"));
    cr_assert(v.trees[at("/usr/bin")->tree].writable);
}

Test(view, lets_a_flag_win_over_a_default)
{
    cr_assert_eq(view_add(&v, VIEW_RW, "/tmp", "rw", &e), 0);
    cr_assert_eq(view_finish(&v, "/", NULL, &e), 0);
    cr_assert_eq(at("/tmp")->kind, MOUNT_GOFER);
    cr_assert(!at("/tmp")->exclusive);
}

Test(view, keeps_a_current_directory_below_tmp_in_sight)
{
    char dir[] = "/tmp/view-test-XXXXXX";

    cr_assert(mkdtemp(dir));
    cr_assert_eq(view_finish(&v, "/", dir, &e), 0);
    cr_assert_eq(at(dir)->kind, MOUNT_OVERLAY);
    rmdir(dir);
}

Test(view, shows_a_path_elsewhere)
{
    cr_assert_eq(view_add(&v, VIEW_RO, "/etc:/host//etc/./", "ro", &e), 0);
    cr_assert_eq(at("/host/etc")->flags, MS_RDONLY);
    cr_assert_str_eq(v.trees[0].path, "/etc");
}

Test(view, shows_a_file)
{
    cr_assert_eq(view_add(&v, VIEW_RO, "/etc/passwd", "ro", &e), 0);
    cr_assert(at("/etc/passwd")->is_file);
}

Test(view, refuses_what_makes_no_sense)
{
    cr_assert_eq(view_add(&v, VIEW_RO, "/no/such/path", "ro", &e), -ENOENT);
    cr_assert(strstr(e.text, "/no/such/path"));
    cr_assert_eq(view_add(&v, VIEW_TMP, "relative", "tmp", &e), -EINVAL);
    cr_assert_eq(view_add(&v, VIEW_TMP, "/a/../b", "tmp", &e), -EINVAL);
    cr_assert_eq(view_add(&v, VIEW_OVERLAY, "/etc/passwd", "ov", &e), -ENOTDIR);
    cr_assert_eq(view_add(&v, VIEW_RO, "/etc", "ro", &e), 0);
    cr_assert_eq(view_add(&v, VIEW_HIDE, "/etc/", "hide", &e), -EINVAL);
    cr_assert_eq(view_finish(&v, "/no/such/root", NULL, &e), -ENOENT);
}
