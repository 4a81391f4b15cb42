/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing can be read from a namespace's file; ioctl_ns(2) asks it about its family. */
#include "sentry/task/nsfile.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>

#include "sentry/core/slab.h"
#include "sentry/task/ns.h"
#include "sentry/task/task_priv.h"

struct nsfile {
    struct file file;
    struct ns_ref ns; /* [I] a reference */
};

static struct nsfile *of(struct file *f)
{
    return container_of(f, struct nsfile, file);
}

/* Gives the caller a descriptor of `ns`. */
static long install(const struct ioctl *c, const struct ns_ref *ns)
{
    scoped(file) struct file *f = NULL;
    int err = nsfile_create(c->who->arena, ns, c->who->cred, &f);

    return err ? err : task_install(c->who->task, f, true);
}

static long install_user(const struct ioctl *c, struct user_ns *ns)
{
    /* one that the caller cannot see from its own is not shown */
    for (const struct user_ns *at = ns; at; at = at->parent) {
        if (at == c->who->cred->user_ns)
            return install(c, &(struct ns_ref){ .type = CLONE_NEWUSER, .user = ns });
    }
    return -EPERM;
}

static long install_parent(const struct ioctl *c, const struct ns_ref *ns)
{
    if (ns->type == CLONE_NEWUSER)
        return ns->user->parent ? install_user(c, ns->user->parent) : -EPERM;
    if (ns->type != CLONE_NEWPID)
        return -EINVAL;
    struct pid_ns *parent = ns->pid->parent;
    if (!parent || !pid_ns_is_within(parent, pid_ns_of(c->who->task->pid)))
        return -EPERM;
    return install(c, &(struct ns_ref){ .type = CLONE_NEWPID, .pid = parent });
}

static long nsfile_ioctl(struct file *f, const struct ioctl *c)
{
    const struct ns_ref *ns = &of(f)->ns;

    switch (c->cmd) {
    case NS_GET_USERNS:
        return ns_ref_owner(ns) ? install_user(c, ns_ref_owner(ns)) : -EPERM;
    case NS_GET_PARENT:
        return install_parent(c, ns);
    case NS_GET_NSTYPE:
        return ns->type;
    case NS_GET_OWNER_UID: {
        if (ns->type != CLONE_NEWUSER)
            return -EINVAL;
        uint32_t uid = user_ns_uid_out(c->who->cred->user_ns, ns->user->owner);
        return copy_out_struct(c->mm, uptr(c->arg), &uid);
    }
    default:
        return -ENOTTY;
    }
}

static void nsfile_release(struct file *f)
{
    struct nsfile *n = of(f);

    ns_ref_put(&n->ns);
    file_destroy(f);
    slab_free(n);
}

static const struct file_ops nsfile_ops = {
    .name = "ns",
    .ioctl = nsfile_ioctl,
    .release = nsfile_release,
};

static const struct slab_type nsfile_slab =
    SLAB_TYPE(nsfile, struct nsfile, .const_ptrs = { PTR_AT(struct nsfile, file.ops) });

int nsfile_create(struct arena *a, const struct ns_ref *ns, const struct cred *cred,
                  struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(a, S_IFREG | 0444, NULL, &inode);

    if (err)
        return err;
    struct nsfile *n = slab_alloc(a, &nsfile_slab);
    if (!n)
        return -ENOMEM;
    file_init(&n->file, a, &nsfile_ops, NULL, inode, O_RDONLY, cred);
    ns_ref_get(ns, &n->ns);
    *out = &n->file;
    return 0;
}

const struct ns_ref *nsfile_ref(const struct file *f)
{
    return f->ops == &nsfile_ops ? &of((struct file *)f)->ns : NULL;
}
