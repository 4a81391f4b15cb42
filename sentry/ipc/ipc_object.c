/* SPDX-License-Identifier: Apache-2.0 */
/* What one object of System V is to its owner and to others. */
#include "sentry/ipc/ipc_object.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "sentry/ipc/ipc_ns.h"

void ipc_object_init(struct ipc_object *o, const struct ipc_kind *kind, const struct ipc_caller *c,
                     int flags)
{
    ref_init(&o->ref);
    mutex_init(&o->lock, RANK_IPC_OBJECT);
    o->kind = kind;
    o->pids = c->ns->pids;
    o->key = IPC_PRIVATE;
    o->uid = o->cuid = c->cred->euid;
    o->gid = o->cgid = c->cred->egid;
    o->mode = (uint32_t)flags & 0777;
}

struct ipc_object *ipc_object_get(struct ipc_object *o)
{
    ref_get(&o->ref);
    return o;
}

void ipc_object_put(struct ipc_object *o)
{
    if (o && ref_put(&o->ref))
        o->kind->destroy(o);
}

/* ipc/util.c, ipcperms(): any of the three sets of bits may say what is wanted. */
int ipc_object_may_locked(const struct ipc_object *o, const struct ipc_caller *c, int mode)
{
    uint32_t wanted = (uint32_t)mode >> 6 | (uint32_t)mode >> 3 | (uint32_t)mode;
    uint32_t granted = o->mode;

    if (c->cred->euid == o->cuid || c->cred->euid == o->uid)
        granted >>= 6;
    else if (cred_in_group(c->cred, o->cgid) || cred_in_group(c->cred, o->gid))
        granted >>= 3;
    if (!(wanted & ~granted & 7) || cred_ns_capable(c->cred, c->ns->user_ns, CAP_IPC_OWNER))
        return 0;
    return -EACCES;
}

int ipc_object_owned_locked(const struct ipc_object *o, const struct ipc_caller *c)
{
    if (c->cred->euid == o->cuid || c->cred->euid == o->uid ||
        cred_ns_capable(c->cred, c->ns->user_ns, CAP_SYS_ADMIN))
        return 0;
    return -EPERM;
}

int ipc_object_set_locked(struct ipc_object *o, const struct ipc_caller *c,
                          const struct ipc64_perm *from)
{
    uint32_t uid = user_ns_uid_in(c->cred->user_ns, from->uid);
    uint32_t gid = user_ns_gid_in(c->cred->user_ns, from->gid);

    if (uid == ID_NONE || gid == ID_NONE)
        return -EINVAL;
    o->uid = uid;
    o->gid = gid;
    o->mode = (o->mode & ~0777u) | (from->mode & 0777u);
    return 0;
}

void ipc_object_stat_locked(const struct ipc_object *o, const struct user_ns *ns,
                            struct ipc64_perm *out)
{
    *out = (struct ipc64_perm){
        .key = o->key,
        .uid = user_ns_uid_out(ns, o->uid),
        .gid = user_ns_gid_out(ns, o->gid),
        .cuid = user_ns_uid_out(ns, o->cuid),
        .cgid = user_ns_gid_out(ns, o->cgid),
        .mode = o->mode,
        .seq = (unsigned short)((uint32_t)o->id / IPC_SLOTS_MAX),
    };
}

int64_t ipc_time(struct arena *a)
{
    return clock_now((struct clock *)arena_host(a, HOST_CLOCK), CLOCK_ID_REALTIME) / NSEC_PER_SEC;
}

void ipc_object_note_pid(const struct ipc_object *o, struct pid **who, struct pid *pid)
{
    struct pid *old = *who;

    if (old == pid)
        return;
    *who = pid ? o->pids->get(pid) : NULL;
    if (old)
        o->pids->put(old);
}
