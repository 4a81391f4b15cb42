/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/sock/cmsg.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "sentry/fs/eventfd.h"
#include "tests/lib/fs_world.h"

static struct fs_world w;
static struct fdtable *table;

static void start(void)
{
    struct file *f;

    fs_world_start(&w);
    cr_assert_eq(fdtable_create(w.arena, &table), 0);
    cr_assert_eq(eventfd_create(w.arena, w.vfs.root_cred, 0, 0, &f), 0);
    cr_assert_eq(fdtable_install(table, f, 3, false, 100), 3);
    file_put(f);
}

static void stop(void)
{
    fdtable_put(table, &w.vfs.root);
    fs_world_stop(&w);
}

TestSuite(cmsg, .init = start, .fini = stop, .timeout = 20);

struct message {
    struct abi_cmsghdr hdr;
    int32_t fds[4];
};

static int parse(const void *control, size_t size)
{
    struct scm scm;
    int err = cmsg_parse(w.arena, control, size, table, &scm);

    if (err)
        return err;
    int n = scm.files ? (int)scm.files->count : 0;
    scm_destroy(&scm);
    return n;
}

static const struct row {
    const char *claim;
    uint64_t len;
    int32_t level, type, fd;
    size_t size;
    int result;
} rows[] = {
    {"two descriptors",                24,             SOL_SOCKET, SCM_RIGHTS,      3,  24, 2      },
    { "none at all",                   16,             SOL_SOCKET, SCM_RIGHTS,      3,  16, 0      },
    { "one that is not open",          20,             SOL_SOCKET, SCM_RIGHTS,      9,  24, -EBADF },
    { "a negative one",                20,             SOL_SOCKET, SCM_RIGHTS,      -1, 24, -EBADF },
    { "a length below its own header", 15,             SOL_SOCKET, SCM_RIGHTS,      3,  24, -EINVAL},
    { "a length past the end",         25,             SOL_SOCKET, SCM_RIGHTS,      3,  24, -EINVAL},
    { "a length that wraps",           UINT64_MAX - 3, SOL_SOCKET, SCM_RIGHTS,      3,  24, -EINVAL},
    { "bytes too few for a header",    20,             SOL_SOCKET, SCM_RIGHTS,      3,  15, 0      },
    { "another level is not ours",     20,             41,         7,               3,  24, 0      },
    { "an unknown type of ours",       20,             SOL_SOCKET, 77,              3,  24, -EINVAL},
    { "credentials that are cut",      20,             SOL_SOCKET, SCM_CREDENTIALS, 3,  24, -EINVAL},
};

Test(cmsg, parses)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct message m = {
            {r->len, r->level, r->type},
            { r->fd, r->fd,        3,       3 }
        };

        cr_expect_eq(parse(&m, r->size), r->result, "%s", r->claim);
    }
}

Test(cmsg, several_add_up)
{
    struct message m[2] = {
        {{ 20, SOL_SOCKET, SCM_RIGHTS },  { 3 }   },
        { { 24, SOL_SOCKET, SCM_RIGHTS }, { 3, 3 }}
    };
    uint8_t control[48];

    memcpy(control, &m[0], 24);
    memcpy(control + 24, &m[1], 24);
    cr_assert_eq(parse(control, sizeof control), 3);
}

Test(cmsg, no_more_than_linux_takes)
{
    static struct {
        struct abi_cmsghdr hdr;
        int32_t fds[260];
    } m = {
        {16,          SOL_SOCKET, SCM_RIGHTS },
        { 0}
    };

    for (int i = 0; i < 260; i++)
        m.fds[i] = 3;
    m.hdr.len = 16 + SCM_FILES_MAX * 4;
    cr_assert_eq(parse(&m, m.hdr.len), SCM_FILES_MAX);
    m.hdr.len += 4;
    cr_assert_eq(parse(&m, m.hdr.len), -EINVAL);
}
