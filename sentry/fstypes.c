/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fstypes.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "sentry/fs/devfs.h"
#include "sentry/fs/overlay.h"
#include "sentry/fs/pty.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/proc/proc.h"
#include "sentry/proc/sysfs.h"
#include "sentry/task/tasks.h"

/* There is one for each ipc namespace: that of the caller, or the sandbox's own before it runs. */
static int mqueue_create(struct arena *a, const char *source, const char *options,
                         const struct actor *who, struct dentry **out)
{
    scoped(ipc_ns) struct ipc_ns *ns =
        who->task ? task_ipc_get(who->task) : ipc_ns_get(tasks_of(a)->ipc);

    (void)source;
    if (!ns || !cred_ns_capable(who->cred, ns->user_ns, CAP_SYS_ADMIN))
        return -EPERM;
    if (options && *options)
        return -EINVAL;
    return mqueue_fs_root(ns, out);
}

/* clang-format off */
static const struct fs_type types[] = {
    { "tmpfs",    true, true,  tmpfs_create },
    { "overlay",  true, true,  overlay_create },
    { "ramfs",    true, false, tmpfs_create },
    { "devtmpfs", true, false, devfs_create },
    { "devpts",   true, true,  devpts_create },
    { "proc",     true, true,  proc_create },
    { "sysfs",    true, true,  sysfs_create },
    { "mqueue",   true, true,  mqueue_create },
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
