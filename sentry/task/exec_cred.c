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

#include <linux/securebits.h>

#include "sentry/task/group.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/file_caps.h"
#include "sentry/vfs/mount.h"

/* Those that count for `c`. An odd value counts as none. */
static bool read_file_caps(struct file *f, const struct cred *c, struct file_caps *out)
{
    struct inode *i = f->inode;
    struct vfs_ns_cap_data d;

    if (!i->ops->getxattr)
        return false;
    ssize_t n = i->ops->getxattr(i, FILE_CAPS_NAME, &d, sizeof d);
    if (n < 0 || file_caps_decode(&d, (size_t)n, out) != 0 || !file_caps_count(out, c->user_ns))
        return false;
    out->permitted &= CAPS_ALL;
    out->inheritable &= CAPS_ALL;
    return true;
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
    if (!user_ns_has_uid(c->user_ns, a.uid) || !user_ns_has_gid(c->user_ns, a.gid))
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

/* P'(permitted) without ambient, and F(effective). `f` is NULL where the file has none. */
static int file_permitted(struct cred *c, const struct file_caps *f, bool *effective)
{
    uint32_t root = user_ns_uid_in(c->user_ns, 0);

    c->cap_permitted =
        f ? (f->permitted & c->cap_bounding) | (f->inheritable & c->cap_inheritable) : 0;
    *effective = f && f->effective;
    if (f && f->effective && f->permitted & ~c->cap_permitted)
        return -EPERM; /* the program would run without what it counts on */
    if (c->securebits & SECBIT_NOROOT || root == ID_NONE)
        return 0;
    if (f && c->ruid != root && c->euid == root)
        return 0; /* set-user-ID-root with capabilities of its own: those alone */
    if (c->euid == root || c->ruid == root)
        c->cap_permitted = c->cap_bounding | c->cap_inheritable;
    if (c->euid == root)
        *effective = true;
    return 0;
}

/* Has any thread of `g` this root and cwd? RANK_TASKS is held. */
static bool has_fs(struct thread_group *g, const struct fs_context *fs)
{
    struct task *t;
    bool has = false;

    list_for_each (t, &g->tasks, group_node) {
        mutex_lock(&t->lock);
        has |= t->fs == fs;
        mutex_unlock(&t->lock);
    }
    return has;
}

/* Does another process share the root and cwd (CLONE_FS)? It could mislead the program. */
static bool shares_fs(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g;
    bool shares = false;

    mutex_lock(&ts->lock);
    list_for_each (g, &ts->groups, all)
        shares |= g != t->group && has_fs(g, t->fs);
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
    struct file_caps caps;
    struct cred *c;
    bool effective, has_caps = false;

    int err = cred_copy(old, &c);
    if (err)
        return err;
    *out = (struct exec_cred){ .cred = c };
    if (may_set_id(old, file)) {
        take_file_ids(c, file, &out->set_id);
        has_caps = read_file_caps(file, old, &caps);
    }
    err = file_permitted(c, has_caps ? &caps : NULL, &effective);
    if (err)
        return err; /* the caller puts the credentials */
    bool set_id = c->euid != old->ruid || c->egid != old->rgid;
    hold_down(t, c, old, set_id);
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    if (has_caps || set_id)
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
