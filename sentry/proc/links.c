/* SPDX-License-Identifier: Apache-2.0 */
/* Links of /proc/PID that lead straight to a place: cwd, root, exe. */
#include <errno.h>
#include <string.h>

#include "sentry/proc/tables.h"
#include "sentry/vfs/path_ref.h"

/* The place as who looks sees it, cut to `size`. */
static ssize_t print(struct proc_view *v, const struct path *p, char *buf, size_t size)
{
    static const char unreachable[] = "(unreachable)";
    char text[PATH_MAX];

    if (!path_is_set(p))
        return -ENOENT;
    ssize_t n = path_print(v->who, p, text, sizeof text);
    if (n < 0)
        return n;
    bool hidden = strncmp(text, unreachable, sizeof unreachable - 1) == 0;
    size_t skip = hidden ? sizeof unreachable - 1 : 0;
    size_t size_out = min((size_t)n - skip, size);
    memcpy(buf, text + skip, size_out);
    return (ssize_t)size_out;
}

ssize_t proc_readlink_follow(struct proc_view *v, char *buf, size_t size,
                             int (*follow)(struct proc_view *v, struct path *out))
{
    struct path p;
    int err = follow(v, &p);

    if (err)
        return err;
    ssize_t n = print(v, &p, buf, size);
    path_put(&p);
    return n;
}

static int follow_fs(struct proc_view *v, struct path *out,
                     void (*get)(struct fs_context *fs, struct path *out))
{
    struct fs_context *fs = task_fs_get(v->task);

    if (!fs)
        return -ENOENT;
    get(fs, out);
    fs_context_put(fs);
    return 0;
}

int proc_follow_cwd(struct proc_view *v, struct path *out)
{
    return follow_fs(v, out, fs_context_cwd);
}

int proc_follow_root(struct proc_view *v, struct path *out)
{
    return follow_fs(v, out, fs_context_root);
}

int proc_follow_exe(struct proc_view *v, struct path *out)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);
    scoped(path_ref) struct path_ref *exe = mm ? mm_get_exe(mm) : NULL;

    if (!exe || !path_is_set(path_ref_path(exe)))
        return -ENOENT;
    path_get(path_ref_path(exe), out);
    return 0;
}

ssize_t proc_readlink_cwd(struct proc_view *v, char *buf, size_t size)
{
    return proc_readlink_follow(v, buf, size, proc_follow_cwd);
}

ssize_t proc_readlink_root(struct proc_view *v, char *buf, size_t size)
{
    return proc_readlink_follow(v, buf, size, proc_follow_root);
}

ssize_t proc_readlink_exe(struct proc_view *v, char *buf, size_t size)
{
    return proc_readlink_follow(v, buf, size, proc_follow_exe);
}
