/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/ns: links to namespaces. Opening one gives a file that keeps it alive
 * and that setns(2) takes. The kinds of which there is only the sandbox's own are
 * shown, can be compared, and cannot be entered.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>

#include "sentry/core/slab.h"
#include "sentry/proc/tables.h"
#include "sentry/task/nsfile.h"
#include "sentry/vfs/vfs.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* The numbers of Linux's first ones. */
#define INO_TIME   4026531834ul
#define INO_CGROUP 4026531835ul
#define INO_NET    4026531992ul

/* What a link leads to: an inode whose open makes the file. */
struct ns_inode {
    struct inode inode;
    struct ns_ref ns; /* [I] a reference; type 0: one of the only ones */
};

static struct ns_inode *of(struct inode *i)
{
    return container_of(i, struct ns_inode, inode);
}

static void ns_release(struct inode *i)
{
    if (of(i)->ns.type)
        ns_ref_put(&of(i)->ns);
    inode_destroy(i);
    slab_free(of(i));
}

static int ns_open(struct inode *i, const struct path *at, int flags, const struct actor *who,
                   struct file **out)
{
    (void)at;
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EACCES;
    return of(i)->ns.type ? nsfile_create(who->arena, &of(i)->ns, who->cred, out) : -ENXIO;
}

static const struct inode_ops ns_inode_ops = { .open = ns_open, .release = ns_release };

static const struct slab_type ns_inode_slab =
    SLAB_TYPE(ns_inode, struct ns_inode, .const_ptrs = { PTR_AT(struct ns_inode, inode.ops) });

static int lead_to(struct proc_view *v, const struct ns_ref *ns, uint64_t ino, struct path *out)
{
    struct ns_inode *n = slab_alloc(v->arena, &ns_inode_slab);

    if (!n)
        return -ENOMEM;
    inode_init(&n->inode, anon_superblock(v->arena), &ns_inode_ops, ino, S_IFREG | 0444, 0, 0);
    if (ns)
        ns_ref_get(ns, &n->ns);
    int err = vfs_anon_path(&n->inode, out);
    inode_put(&n->inode);
    return err;
}

static ssize_t read_kind(struct proc_view *v, char *buf, size_t size, const char *name, int type,
                         bool children)
{
    char text[48];
    struct ns_ref ns;
    int err = ns_ref_of(v->task, type, children, &ns);

    if (err)
        return err == -ESRCH ? -ENOENT : err;
    snprintf(text, sizeof text, "%s:[%lu]", name, ns_ref_ino(&ns));
    ns_ref_put(&ns);
    return snprintf(buf, size, "%s", text);
}

static int follow_kind(struct proc_view *v, struct path *out, int type, bool children)
{
    struct ns_ref ns;
    int err = ns_ref_of(v->task, type, children, &ns);

    if (err)
        return err == -ESRCH ? -ENOENT : err;
    err = lead_to(v, &ns, ns_ref_ino(&ns), out);
    ns_ref_put(&ns);
    return err;
}

#define KIND(id, name, type, children)                                    \
    static ssize_t read_##id(struct proc_view *v, char *buf, size_t size) \
    {                                                                     \
        return read_kind(v, buf, size, name, type, children);             \
    }                                                                     \
    static int follow_##id(struct proc_view *v, struct path *out)         \
    {                                                                     \
        return follow_kind(v, out, type, children);                       \
    }
#define ONLY(id, name, ino)                                               \
    static ssize_t read_##id(struct proc_view *v, char *buf, size_t size) \
    {                                                                     \
        (void)v;                                                          \
        return snprintf(buf, size, name ":[%lu]", ino);                   \
    }                                                                     \
    static int follow_##id(struct proc_view *v, struct path *out)         \
    {                                                                     \
        return lead_to(v, NULL, ino, out);                                \
    }
#define NS_LINK(nm, id)                                                                  \
    {                                                                                    \
        .name = (nm), .mode = S_IFLNK | 0777, .flags = PROC_PEEK, .readlink = read_##id, \
        .follow = follow_##id                                                            \
    }

KIND(ipc, "ipc", CLONE_NEWIPC, false)
KIND(mnt, "mnt", CLONE_NEWNS, false)
KIND(pid, "pid", CLONE_NEWPID, false)
KIND(pid_children, "pid", CLONE_NEWPID, true)
KIND(user, "user", CLONE_NEWUSER, false)
KIND(uts, "uts", CLONE_NEWUTS, false)
ONLY(cgroup, "cgroup", INO_CGROUP)
ONLY(net, "net", INO_NET)
ONLY(time, "time", INO_TIME)

const struct proc_entry proc_pid_ns[] = {
    NS_LINK("cgroup", cgroup),
    NS_LINK("ipc", ipc),
    NS_LINK("mnt", mnt),
    NS_LINK("net", net),
    NS_LINK("pid", pid),
    NS_LINK("pid_for_children", pid_children),
    NS_LINK("time", time),
    NS_LINK("time_for_children", time),
    NS_LINK("user", user),
    NS_LINK("uts", uts),
    PROC_END,
};
