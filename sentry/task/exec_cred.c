/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials across execve(2).
 *
 *     P'(ambient)     = set-id or file capabilities ? 0 : P(ambient)
 *     P'(permitted)   = (P(inheritable) & F(inheritable)) | (F(permitted) & P(bounding)) |
 * P'(ambient) P'(effective)   = F(effective) ? P'(permitted) : P'(ambient)
 *
 * and root counts as a file with all capabilities, unless SECBIT_NOROOT.
 *
 *   source    capabilities(7); security/commoncap.c, cap_bprm_creds_from_file(), Linux 6.6
 */
#include "sentry/task/exec_cred.h"

#include <endian.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>

#include "sentry/task/group.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/mount.h"

struct file_caps {
    bool present, effective;
    uint64_t permitted, inheritable;
};

/* Is `kuid` root in `ns` or in one above it? */
static bool owns(const struct user_ns *ns, uint32_t kuid)
{
    for (; ns; ns = ns->parent) {
        if (user_ns_uid_out(ns, kuid) == 0)
            return true;
    }
    return false;
}

/* security.capability: struct vfs_cap_data, version 2 or 3. An odd one counts as none. */
static struct file_caps read_file_caps(struct file *f, const struct cred *c)
{
    struct inode *i = f->inode;
    struct vfs_ns_cap_data d;
    struct file_caps out = { 0 };

    if (!i->ops->getxattr)
        return out;
    memset(&d, 0, sizeof d);
    ssize_t n = i->ops->getxattr(i, "security.capability", &d, sizeof d);
    if (n < (ssize_t)XATTR_CAPS_SZ_2)
        return out;
    uint32_t magic = le32toh(d.magic_etc), version = magic & VFS_CAP_REVISION_MASK;
    bool v2 = version == VFS_CAP_REVISION_2 && n == XATTR_CAPS_SZ_2;
    bool v3 = version == VFS_CAP_REVISION_3 && n == XATTR_CAPS_SZ_3;
    if ((!v2 && !v3) || (v3 && !owns(c->user_ns, le32toh(d.rootid))))
        return out;
    out.present = true;
    out.effective = magic & VFS_CAP_FLAGS_EFFECTIVE;
    out.permitted = le32toh(d.data[0].permitted) | (uint64_t)le32toh(d.data[1].permitted) << 32;
    out.inheritable = le32toh(d.data[0].inheritable) | (uint64_t)le32toh(d.data[1].inheritable)
                                                           << 32;
    out.permitted &= CAPS_ALL;
    out.inheritable &= CAPS_ALL;
    return out;
}

static bool may_set_id(const struct cred *c, struct file *f)
{
    return !c->no_new_privs && !(f->path.mnt && mount_flags(f->path.mnt) & MS_NOSUID);
}

/* Set-id bits of the file. Ids that its namespace does not know are not taken. */
static void take_file_ids(struct cred *c, struct file *f, bool *set_id)
{
    struct attr a;

    if (inode_getattr(f->inode, &a) != 0 || !(a.mode & (S_ISUID | S_ISGID)))
        return;
    if (user_ns_uid_out(c->user_ns, a.uid) == ID_OVERFLOW ||
        user_ns_gid_out(c->user_ns, a.gid) == ID_OVERFLOW)
        return;
    if (a.mode & S_ISUID) {
        c->euid = a.uid;
        *set_id = true;
    }
    /* without group execute it is a mandatory-locking mark of old */
    if ((a.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
        c->egid = a.gid;
        *set_id = true;
    }
}

/* P'(permitted) without ambient, and F(effective). */
static int file_permitted(struct cred *c, const struct file_caps *f, bool *effective)
{
    uint32_t root = user_ns_uid_in(c->user_ns, 0);

    c->cap_permitted =
        f->present ? (f->permitted & c->cap_bounding) | (f->inheritable & c->cap_inheritable) : 0;
    *effective = f->effective;
    if (f->present && f->effective && f->permitted & ~c->cap_permitted)
        return -EPERM; /* the program would run without what it counts on */
    if (c->securebits & SECBIT_NOROOT || root == ID_NONE)
        return 0;
    if (f->present && c->ruid != root && c->euid == root)
        return 0; /* set-user-ID-root with capabilities of its own: those alone */
    if (c->euid == root || c->ruid == root)
        c->cap_permitted = c->cap_bounding | c->cap_inheritable;
    if (c->euid == root)
        *effective = true;
    return 0;
}

/* Does another process share the root and cwd (CLONE_FS)? It could mislead the program. */
static bool shares_fs(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g;
    bool shares = false;

    mutex_lock(&ts->lock);
    list_for_each (g, &ts->groups, all) {
        struct task *other = g->leader;
        if (g == t->group || !other)
            continue;
        mutex_lock(&other->lock);
        shares |= other->fs == t->fs;
        mutex_unlock(&other->lock);
    }
    mutex_unlock(&ts->lock);
    return shares;
}

/* Nobody gains anything under no_new_privs, or while others share the root and cwd. */
static void hold_down(struct task *t, struct cred *c, const struct cred *old, bool set_id)
{
    bool gains = c->cap_permitted & ~old->cap_permitted;

    if ((!set_id && !gains) || (!old->no_new_privs && !shares_fs(t)))
        return;
    if (old->no_new_privs || !cred_capable(old, CAP_SETUID)) {
        c->euid = c->ruid;
        c->egid = c->rgid;
    }
    c->cap_permitted &= old->cap_permitted;
}

int exec_cred_make(struct task *t, struct file *file, struct exec_cred *out)
{
    const struct cred *old = t->cred;
    struct file_caps caps = { 0 };
    struct cred *c;
    bool effective;

    int err = cred_copy(old, &c);
    if (err)
        return err;
    *out = (struct exec_cred){ .cred = c };
    if (may_set_id(old, file)) {
        take_file_ids(c, file, &out->set_id);
        caps = read_file_caps(file, old);
    }
    err = file_permitted(c, &caps, &effective);
    if (err)
        return err; /* the caller puts the credentials */
    bool set_id = c->euid != old->ruid || c->egid != old->rgid;
    hold_down(t, c, old, set_id);
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    if (caps.present || set_id)
        c->cap_ambient = 0;
    c->cap_permitted |= c->cap_ambient;
    c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
    c->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
    bool real_root = c->ruid == user_ns_uid_in(c->user_ns, 0);
    out->gained = set_id || (!real_root && (effective || c->cap_permitted & ~c->cap_ambient));
    return 0;
}

void exec_cred_ids(const struct exec_cred *e, struct load_ids *out)
{
    const struct cred *c = e->cred;

    *out = (struct load_ids){
        .uid = user_ns_uid_out(c->user_ns, c->ruid),
        .euid = user_ns_uid_out(c->user_ns, c->euid),
        .gid = user_ns_gid_out(c->user_ns, c->rgid),
        .egid = user_ns_gid_out(c->user_ns, c->egid),
        .secure = e->gained,
    };
}
