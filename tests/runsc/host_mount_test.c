/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's table of mounts says of a directory, and how much of it is shown. */
#include "runsc/host_mount.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mountinfo.h"

static void check_options(const char *list, bool paths, const char *want)
{
    char *got = host_mount_options(list, paths);

    cr_expect_str_eq(got, want);
    free(got);
}

Test(host_mount, options_that_are_shown)
{
    check_options("rw", false, "");
    check_options("ro,discard,errors=remount-ro\n", false, ",discard,errors=remount-ro");
    check_options("rw,lowerdir=/a:/b,upperdir=/c,workdir=/d,uuid=on", false, ",uuid=on");
    check_options("lowerdir+=/a,lowerdirs=x", false, ",lowerdirs=x");
    check_options("lowerdir=/a:/b", true, ",lowerdir=/a:/b");
    check_options("", false, "");
}

Test(host_mount, options_that_are_too_many_are_left_out_whole)
{
    char list[400] = "a,";

    memset(list + 2, 'x', 300);
    strcat(list, ",b");
    check_options(list, false, ",a,b");
}

Test(host_mount, a_line_of_the_table)
{
    char line[] =
        "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";

    cr_expect(mountinfo_field(line, 20) == NULL);
    cr_expect_eq(strncmp(mountinfo_type(line), "ext3 /dev", 9), 0);
    char *point = mountinfo_field(line, 5);
    mountinfo_cut(point);
    cr_expect_str_eq(point, "/mnt 2");
    cr_expect(mountinfo_type((char[]){ "no type" }) == NULL);
}

Test(host_mount, of_a_directory)
{
    struct host_mount m;

    host_mount_find("/proc/self", &m);
    cr_assert(m.type);
    cr_expect_str_eq(m.type, "proc");
    host_mount_free(&m);
    host_mount_find("/no/such/place", &m);
    cr_expect(!m.type && !m.source && !m.root && !m.options);
}
