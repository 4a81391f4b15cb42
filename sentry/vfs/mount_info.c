/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts as /proc shows them: proc(5), /proc/PID/mountinfo. */
#include <stdio.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

static void options_of(const struct mount *m, char *buf, size_t size)
{
    static const struct {
        unsigned long flag;
        const char *word;
    } words[] = {
        {MS_NOSUID,      ",nosuid"    },
        { MS_NODEV,      ",nodev"     },
        { MS_NOEXEC,     ",noexec"    },
        { MS_NOATIME,    ",noatime"   },
        { MS_NODIRATIME, ",nodiratime"},
        { MS_RELATIME,   ",relatime"  }
    };
    unsigned long flags = mount_flags(m);
    size_t n = (size_t)snprintf(buf, size, "%s", flags & MS_RDONLY ? "ro" : "rw");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (flags & words[i].flag)
            n += (size_t)snprintf(buf + n, size - n, "%s", words[i].word);
}

static void sb_options_of(struct superblock *sb, char *buf, size_t size)
{
    size_t n = (size_t)snprintf(buf, size, "%s", superblock_flags(sb) & SB_RDONLY ? "ro" : "rw");

    if (sb->origin_options)
        snprintf(buf + n, size - n, "%s", sb->origin_options);
    else if (sb->ops->show_options)
        sb->ops->show_options(sb, buf + n, size - n);
}

static void propagation_of(const struct mount *m, char *buf, size_t size)
{
    size_t n = 0;

    *buf = '\0';
    if (m->group)
        n += (size_t)snprintf(buf + n, size - n, "shared:%lu ", (unsigned long)m->group);
    if (m->master)
        n += (size_t)snprintf(buf + n, size - n, "master:%lu ", (unsigned long)m->master->group);
    if (m->unbindable)
        n += (size_t)snprintf(buf + n, size - n, "unbindable ");
    if (n > 0)
        buf[n - 1] = '\0';
}

static void fill_locked(struct mount *m, struct mount_info *info)
{
    info->id = m->id;
    info->parent_id = m->parent ? m->parent->id : m->id;
    info->dev = m->sb->dev;
    info->source = m->source;
    info->type = m->sb->origin_type ?: m->sb->type;
    info->origin = m->sb->origin ? m->sb->origin : "";
    info->root = (struct path){ m, m->root };
    info->point = (struct path){ m, m->root };
    options_of(m, info->options, sizeof info->options);
    propagation_of(m, info->propagation, sizeof info->propagation);
}

/* The next in the namespace by id after `id`, with a reference. */
static struct mount *next_by_id(struct vfs *v, struct mnt_ns *ns, uint64_t id,
                                struct mount_info *info)
{
    struct mount *m, *best = NULL;

    mutex_lock(&v->mounts_lock);
    list_for_each (m, &ns->mounts, ns_node)
        if (m->id > id && (!best || m->id < best->id))
            best = m;
    if (best) {
        mount_get(best);
        fill_locked(best, info);
    }
    mutex_unlock(&v->mounts_lock);
    return best;
}

int mnt_ns_visit(struct mnt_ns *ns, const struct actor *who,
                 int (*see)(const struct mount_info *m, void *arg), void *arg)
{
    struct vfs *v = vfs_of(ns->arena);
    struct mount_info info;
    struct mount *m;
    uint64_t id = 0;
    int stop = 0;

    (void)who;
    while (!stop && (m = next_by_id(v, ns, id, &info))) {
        id = info.id;
        sb_options_of(m->sb, info.sb_options, sizeof info.sb_options);
        stop = see(&info, arg);
        mount_put(m);
    }
    return stop;
}
