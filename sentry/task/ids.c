/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change is made on a copy, which is then published. Without CAP_SETUID an id may
 * only become one that the task has already; which ones count differs by call.
 */
#include "sentry/task/ids.h"

#include <linux/capability.h>
#include <linux/securebits.h>

#define BIT(cap) ((uint64_t)1 << (cap))
/* Follow fsuid: CAP_FS_SET. */
#define CAPS_OF_FSUID                                                                     \
    (BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | \
     BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_MAC_OVERRIDE) | BIT(CAP_LINUX_IMMUTABLE))

/* ---- capabilities follow ---- */

static bool any_is(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
    return a == id || b == id || c == id;
}

/* As cap_emulate_setxuid(). */
static void fix_caps(struct cred *c, const struct cred *old)
{
    uint32_t root = user_ns_uid_in(old->user_ns, 0);

    if (old->securebits & SECBIT_NO_SETUID_FIXUP || root == ID_NONE)
        return;
    if (any_is(root, old->ruid, old->euid, old->suid) && !any_is(root, c->ruid, c->euid, c->suid)) {
        if (!(old->securebits & SECBIT_KEEP_CAPS))
            c->cap_permitted = c->cap_effective = 0;
        c->cap_ambient = 0;
    }
    if (old->euid == root && c->euid != root)
        c->cap_effective = 0;
    if (old->euid != root && c->euid == root)
        c->cap_effective = c->cap_permitted;
}

static void fix_fs_caps(struct cred *c, const struct cred *old)
{
    uint32_t root = user_ns_uid_in(old->user_ns, 0);

    if (old->securebits & SECBIT_NO_SETUID_FIXUP || root == ID_NONE)
        return;
    if (old->fsuid == root && c->fsuid != root)
        c->cap_effective &= ~CAPS_OF_FSUID;
    if (old->fsuid != root && c->fsuid == root)
        c->cap_effective |= c->cap_permitted & CAPS_OF_FSUID;
}

/* ---- user ids ---- */

/* An argument: kernel id in *out, which stays ID_NONE for -1. Errors: EINVAL. */
static int uid_arg(const struct task *t, uint32_t uid, uint32_t *out)
{
    *out = uid == ID_NONE ? ID_NONE : user_ns_uid_in(t->cred->user_ns, uid);
    return uid != ID_NONE && *out == ID_NONE ? -EINVAL : 0;
}

static int gid_arg(const struct task *t, uint32_t gid, uint32_t *out)
{
    *out = gid == ID_NONE ? ID_NONE : user_ns_gid_in(t->cred->user_ns, gid);
    return gid != ID_NONE && *out == ID_NONE ? -EINVAL : 0;
}

static int publish_uids(struct task *t, uint32_t ruid, uint32_t euid, uint32_t suid)
{
    struct cred *c;

    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->ruid = ruid;
    c->euid = c->fsuid = euid;
    c->suid = suid;
    fix_caps(c, t->cred);
    task_set_cred(t, c);
    return 0;
}

int ids_set_uid(struct task *t, uint32_t uid)
{
    const struct cred *old = t->cred;
    uint32_t id = user_ns_uid_in(old->user_ns, uid);

    if (uid == ID_NONE || id == ID_NONE)
        return -EINVAL;
    if (task_capable(t, CAP_SETUID))
        return publish_uids(t, id, id, id);
    if (id != old->ruid && id != old->suid)
        return -EPERM;
    return publish_uids(t, old->ruid, id, old->suid);
}

int ids_set_reuid(struct task *t, uint32_t ruid, uint32_t euid)
{
    const struct cred *old = t->cred;
    bool power = task_capable(t, CAP_SETUID);
    uint32_t r, e;

    if (uid_arg(t, ruid, &r) != 0 || uid_arg(t, euid, &e) != 0)
        return -EINVAL;
    if (r != ID_NONE && r != old->ruid && r != old->euid && !power)
        return -EPERM;
    if (e != ID_NONE && !any_is(e, old->ruid, old->euid, old->suid) && !power)
        return -EPERM;
    bool save = r != ID_NONE || (e != ID_NONE && e != old->ruid);
    uint32_t effective = e != ID_NONE ? e : old->euid;
    return publish_uids(t, r != ID_NONE ? r : old->ruid, effective, save ? effective : old->suid);
}

int ids_set_resuid(struct task *t, uint32_t ruid, uint32_t euid, uint32_t suid)
{
    const struct cred *old = t->cred;
    uint32_t want[3] = { ruid, euid, suid };
    const uint32_t have[3] = { old->ruid, old->euid, old->suid };

    for (int i = 0; i < 3; i++) {
        if (uid_arg(t, want[i], &want[i]) != 0)
            return -EINVAL;
    }
    for (int i = 0; i < 3; i++) {
        if (want[i] == ID_NONE)
            want[i] = have[i];
        else if (!any_is(want[i], have[0], have[1], have[2]) && !task_capable(t, CAP_SETUID))
            return -EPERM;
    }
    return publish_uids(t, want[0], want[1], want[2]);
}

uint32_t ids_set_fsuid(struct task *t, uint32_t uid)
{
    const struct cred *old = t->cred;
    uint32_t id = user_ns_uid_in(old->user_ns, uid);
    uint32_t was = user_ns_uid_out(old->user_ns, old->fsuid);
    struct cred *c;

    if (id == ID_NONE || id == old->fsuid)
        return was;
    if (!any_is(id, old->ruid, old->euid, old->suid) && !task_capable(t, CAP_SETUID))
        return was;
    if (cred_copy(old, &c) != 0)
        return was;
    c->fsuid = id;
    fix_fs_caps(c, old);
    task_set_cred(t, c);
    return was;
}

/* ---- group ids ---- */

static int publish_gids(struct task *t, uint32_t rgid, uint32_t egid, uint32_t sgid)
{
    struct cred *c;

    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->rgid = rgid;
    c->egid = c->fsgid = egid;
    c->sgid = sgid;
    task_set_cred(t, c);
    return 0;
}

int ids_set_gid(struct task *t, uint32_t gid)
{
    const struct cred *old = t->cred;
    uint32_t id = user_ns_gid_in(old->user_ns, gid);

    if (gid == ID_NONE || id == ID_NONE)
        return -EINVAL;
    if (task_capable(t, CAP_SETGID))
        return publish_gids(t, id, id, id);
    if (id != old->rgid && id != old->sgid)
        return -EPERM;
    return publish_gids(t, old->rgid, id, old->sgid);
}

int ids_set_regid(struct task *t, uint32_t rgid, uint32_t egid)
{
    const struct cred *old = t->cred;
    bool power = task_capable(t, CAP_SETGID);
    uint32_t r, e;

    if (gid_arg(t, rgid, &r) != 0 || gid_arg(t, egid, &e) != 0)
        return -EINVAL;
    if (r != ID_NONE && r != old->rgid && r != old->egid && !power)
        return -EPERM;
    if (e != ID_NONE && !any_is(e, old->rgid, old->egid, old->sgid) && !power)
        return -EPERM;
    bool save = r != ID_NONE || (e != ID_NONE && e != old->rgid);
    uint32_t effective = e != ID_NONE ? e : old->egid;
    return publish_gids(t, r != ID_NONE ? r : old->rgid, effective, save ? effective : old->sgid);
}

int ids_set_resgid(struct task *t, uint32_t rgid, uint32_t egid, uint32_t sgid)
{
    const struct cred *old = t->cred;
    uint32_t want[3] = { rgid, egid, sgid };
    const uint32_t have[3] = { old->rgid, old->egid, old->sgid };

    for (int i = 0; i < 3; i++) {
        if (gid_arg(t, want[i], &want[i]) != 0)
            return -EINVAL;
    }
    for (int i = 0; i < 3; i++) {
        if (want[i] == ID_NONE)
            want[i] = have[i];
        else if (!any_is(want[i], have[0], have[1], have[2]) && !task_capable(t, CAP_SETGID))
            return -EPERM;
    }
    return publish_gids(t, want[0], want[1], want[2]);
}

uint32_t ids_set_fsgid(struct task *t, uint32_t gid)
{
    const struct cred *old = t->cred;
    uint32_t id = user_ns_gid_in(old->user_ns, gid);
    uint32_t was = user_ns_gid_out(old->user_ns, old->fsgid);
    struct cred *c;

    if (id == ID_NONE || id == old->fsgid)
        return was;
    if (!any_is(id, old->rgid, old->egid, old->sgid) && !task_capable(t, CAP_SETGID))
        return was;
    if (cred_copy(old, &c) != 0)
        return was;
    c->fsgid = id;
    task_set_cred(t, c);
    return was;
}

bool ids_may_set_groups(const struct task *t)
{
    const struct user_ns *ns = t->cred->user_ns;

    return task_capable(t, CAP_SETGID) && ns->gids.n > 0 && !ns->setgroups_denied;
}

int ids_set_groups(struct task *t, const uint32_t *groups, uint32_t n)
{
    struct cred *c;

    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    err = cred_set_groups(c, groups, n);
    if (err)
        cred_put(c);
    else
        task_set_cred(t, c);
    return err;
}
