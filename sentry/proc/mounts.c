/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mounts, mountinfo and mountstats: the mounts below the process's root. */
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sentry/proc/tables.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"

#define BLANKS " \t\n#" /* written in octal: fstab(5) */

struct walk {
    struct text *t;
    struct actor who; /* whose root it is */
};

static bool print(const struct actor *who, const struct path *p, char buf[PATH_MAX])
{
    return path_print(who, p, buf, PATH_MAX) >= 0 && buf[0] == '/';
}

/* Where a directory stands in its file system: a bind mount need not show all of one. */
static void print_root(const struct path *root, char buf[PATH_MAX])
{
    struct dentry *at = dentry_get(root->dentry);
    char name[256], *start = buf + PATH_MAX - 1;

    *start = '\0';
    for (;;) {
        scoped(dentry) struct dentry *child = at;
        at = dentry_parent(child);
        size_t n = at != child ? dentry_name(child, name, sizeof name) : 0;
        if (n == 0 || (size_t)(start - buf) <= n)
            break;
        start -= n;
        memcpy(start, name, n);
        *--start = '/';
    }
    dentry_put(at);
    memmove(buf, *start ? start : "/", strlen(*start ? start : "/") + 1);
}

static void show_options(struct text *t, const struct mount_info *m)
{
    /* Both begin with "rw" or "ro"; the file system's are the more telling. */
    bool ro = strncmp(m->options, "ro", 2) == 0 || strncmp(m->sb_options, "ro", 2) == 0;

    text_printf(t, "%s%s%s", ro ? "ro" : "rw", m->options + 2, m->sb_options + 2);
}

static int see_mount(const struct mount_info *m, void *arg)
{
    struct walk *w = arg;
    char at[PATH_MAX];

    if (!print(&w->who, &m->point, at))
        return 0;
    text_escaped(w->t, *m->source ? m->source : "none", BLANKS);
    text_char(w->t, ' ');
    text_escaped(w->t, at, BLANKS);
    text_printf(w->t, " %s ", m->type);
    show_options(w->t, m);
    text_string(w->t, " 0 0\n");
    return 0;
}

static int see_info(const struct mount_info *m, void *arg)
{
    struct walk *w = arg;
    char at[PATH_MAX], root[PATH_MAX];
    if (!print(&w->who, &m->point, at))
        return 0;
    print_root(&m->root, root);
    text_printf(w->t, "%lu %lu %u:%u ", m->id, m->parent_id, major(m->dev), minor(m->dev));
    text_escaped(w->t, m->origin, BLANKS);
    if (!*m->origin || root[1])
        text_escaped(w->t, root, BLANKS);
    text_char(w->t, ' ');
    text_escaped(w->t, at, BLANKS);
    text_printf(w->t, " %s%s%s - %s ", m->options, *m->propagation ? " " : "", m->propagation,
                m->type);
    text_escaped(w->t, *m->source ? m->source : "none", BLANKS);
    text_printf(w->t, " %s\n", m->sb_options);
    return 0;
}

static int see_stats(const struct mount_info *m, void *arg)
{
    struct walk *w = arg;
    char at[PATH_MAX];

    if (!print(&w->who, &m->point, at))
        return 0;
    text_string(w->t, "device ");
    text_escaped(w->t, *m->source ? m->source : "none", BLANKS);
    text_string(w->t, " mounted on ");
    text_escaped(w->t, at, BLANKS);
    text_printf(w->t, " with fstype %s\n", m->type);
    return 0;
}

static int visit(struct proc_view *v, struct text *t,
                 int (*see)(const struct mount_info *m, void *arg))
{
    struct fs_context *fs = task_fs_get(v->task);
    struct walk w = {
        .t = t, .who = {.arena = v->arena, .fs = fs}
    };

    if (!fs)
        return -EINVAL;
    const struct cred *c = task_cred_get(v->task);
    w.who.cred = c;
    int err = mnt_ns_visit(fs_context_mnt_ns(fs), &w.who, see, &w);
    cred_put((struct cred *)c);
    fs_context_put(fs);
    return err;
}

int proc_show_mounts(struct proc_view *v, struct text *t)
{
    return visit(v, t, see_mount);
}

int proc_show_mountinfo(struct proc_view *v, struct text *t)
{
    return visit(v, t, see_info);
}

int proc_show_mountstats(struct proc_view *v, struct text *t)
{
    return visit(v, t, see_stats);
}
