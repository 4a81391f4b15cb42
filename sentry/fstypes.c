/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fstypes.h"

#include <errno.h>
#include <string.h>

#include "sentry/fs/devfs.h"
#include "sentry/fs/overlay.h"
#include "sentry/fs/pty.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/proc/proc.h"
#include "sentry/proc/sysfs.h"

/* clang-format off */
static const struct fs_type types[] = {
    { "tmpfs",    true, true,  tmpfs_create },
    { "overlay",  true, true,  overlay_create },
    { "ramfs",    true, false, tmpfs_create },
    { "devtmpfs", true, false, devfs_create },
    { "devpts",   true, true,  devpts_create },
    { "proc",     true, true,  proc_create },
    { "sysfs",    true, true,  sysfs_create },
};
/* clang-format on */

void fstypes_register(struct arena *a)
{
    vfs_set_fs_types(a, types, ARRAY_LEN(types));
}

int fstype_create(struct arena *a, const char *type, const char *source, const char *options,
                  const struct actor *who, struct dentry **out)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].name, type) == 0)
            return types[i].create(a, source, options, who, out);
    return -ENODEV;
}
