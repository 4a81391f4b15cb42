/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes of /proc and /sys: an entry of a table, and whom it is about. */
#include "sentry/proc/node.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "sentry/core/slab.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/dentry.h"

static const struct slab_type proc_node_slab = SLAB_TYPE(
    proc_node, struct proc_node,
    .const_ptrs = { PTR_AT(struct proc_node, inode.ops), PTR_AT(struct proc_node, entry) });
static const struct slab_type proc_fs_slab =
    SLAB_TYPE(proc_fs, struct proc_fs,
              .const_ptrs = { PTR_AT(struct proc_fs, sb.ops), PTR_AT(struct proc_fs, sb.type) });

struct pid_ns *proc_pids(const struct proc_view *v)
{
    return v->fs->pids;
}

int proc_nr(const struct proc_view *v, const struct pid *p)
{
    return pid_nr(p, v->fs->pids);
}

int64_t proc_number(const char *s)
{
    int64_t n = 0;

    if (!*s || (s[0] == '0' && s[1]))
        return -1;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -1;
        n = n * 10 + (*s - '0');
        if (n > INT32_MAX)
            return -1;
    }
    return n;
}

uint64_t proc_ino(uint64_t dir, const char *name)
{
    /* Beyond what tables could have, and never 0, which readdir(3) takes for no entry. */
    return hash_bytes(dir, name, strlen(name)) >> 1 | UINT64_C(1) << 32;
}

static struct task *task_of_pid(struct arena *a, struct pid *p)
{
    struct tasks *ts = tasks_of(a);

    if (!p)
        return NULL;
    mutex_lock(&ts->lock);
    struct task *t = p->task ? task_get(p->task) : NULL;
    mutex_unlock(&ts->lock);
    return t;
}

int proc_view_begin(struct proc_view *v, struct inode *i, const struct actor *who)
{
    struct proc_node *n = proc_node_of(i);

    *v = (struct proc_view){
        .arena = i->sb->arena,
        .fs = proc_fs_of(i),
        .who = who,
        .viewer = who ? who->task : NULL,
        .task = task_of_pid(i->sb->arena, n->pid),
        .thread = n->thread,
        .arg = n->arg,
    };
    return n->pid && !v->task ? -ESRCH : 0;
}

void proc_view_end(struct proc_view *v)
{
    task_put(v->task);
    v->task = NULL;
}

static int check_peek(const struct proc_view *v, const struct proc_entry *e, unsigned flag)
{
    if (!(e->flags & flag) || !v->viewer)
        return 0;
    return task_may_access(v->viewer, v->task) ? -EACCES : 0;
}

int proc_check_peek(const struct proc_view *v, const struct proc_entry *e)
{
    return check_peek(v, e, PROC_PEEK);
}

/* A process's files are its effective user's, or root's where nobody may look into it. */
static void update_owner(struct inode *i)
{
    struct proc_node *n = proc_node_of(i);
    scoped(task) struct task *t = task_of_pid(i->sb->arena, n->pid);

    if (!t)
        return;
    const struct cred *c = task_cred_get(t);
    struct mm *mm = task_mm_get(t);
    bool own = (mm && mm_dumpable(mm) == 1) || n->entry->mode == (S_IFDIR | 0555);
    mutex_lock(&i->lock);
    i->attr.uid = own ? c->euid : 0;
    i->attr.gid = own ? c->egid : 0;
    mutex_unlock(&i->lock);
    mm_put(mm);
    cred_put((struct cred *)c);
}

static int node_getattr(struct inode *i, struct attr *out)
{
    update_owner(i);
    return inode_getattr_generic(i, out);
}

/* Linux's proc_fd_permission(): after setuid(2), which makes its files root's, too. */
static bool is_own(struct inode *i, const struct actor *who)
{
    struct proc_node *n = proc_node_of(i);

    if (!(n->entry->flags & PROC_SELF) || !who->task)
        return false;
    scoped(task) struct task *t = task_of_pid(i->sb->arena, n->pid);
    return t && t->group == who->task->group;
}

/* Linux's proc_fdinfo_permission(). */
static int check_fence(struct inode *i, const struct actor *who)
{
    const struct proc_entry *e = proc_node_of(i)->entry;
    struct proc_view v;

    if (!(e->flags & PROC_FENCED))
        return 0;
    int err = proc_view_begin(&v, i, who);
    if (err)
        return err;
    err = check_peek(&v, e, PROC_FENCED);
    proc_view_end(&v);
    return err;
}

static int node_permission(struct inode *i, unsigned may, const struct actor *who)
{
    int err = check_fence(i, who);

    if (err)
        return err;
    if (proc_node_of(i)->entry->flags & PROC_STRICT && may & MAY_WRITE && !(inode_mode(i) & 0222))
        return -EACCES;
    update_owner(i);
    err = perm_generic(i, may, who);
    return err && is_own(i, who) ? 0 : err;
}

/* chmod and chown are refused; a truncation, by open(2) for writing, changes nothing. */
static int node_setattr(struct inode *i, const struct attr_change *change, const struct actor *who)
{
    (void)i, (void)who;
    return change->which & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static void node_release(struct inode *i)
{
    struct proc_node *n = proc_node_of(i);

    pid_put(n->pid);
    inode_destroy(i);
    slab_free(n);
}

static const struct proc_entry *find_child(const struct proc_entry *dir, const char *name)
{
    for (const struct proc_entry *e = dir->children; e && e->name; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}

static int find(struct proc_view *v, struct proc_node *dir, const char *name,
                struct proc_found *out)
{
    *out = (struct proc_found){
        .entry = find_child(dir->entry, name),
        .thread = dir->thread,
        .arg = dir->arg,
    };
    if (out->entry)
        return 0;
    return dir->entry->names ? dir->entry->names->lookup(v, name, out) : -ENOENT;
}

static int dir_lookup(struct inode *i, const char *name, const struct actor *who,
                      struct inode **out)
{
    struct proc_node *dir = proc_node_of(i);
    struct proc_found found;
    struct proc_view v;

    int err = proc_view_begin(&v, i, who);
    if (!err) {
        err = find(&v, dir, name, &found);
        proc_view_end(&v);
    }
    if (err)
        return err == -ESRCH ? -ENOENT : err;
    scoped(pid) struct pid *pid = found.pid ? found.pid : dir->pid ? pid_get(dir->pid) : NULL;
    found.pid = pid;
    return proc_node_create(proc_fs_of(i), &found, proc_ino(i->attr.ino, name), out);
}

/* Begins a look at a link, whose target not everybody may know. */
static int begin_link(struct proc_view *v, struct inode *i, const struct actor *who)
{
    int err = proc_view_begin(v, i, who);

    if (err)
        return -ENOENT;
    err = proc_check_peek(v, proc_node_of(i)->entry);
    if (err)
        proc_view_end(v);
    return err;
}

static ssize_t link_readlink(struct inode *i, const struct actor *who, char *buf, size_t size)
{
    struct proc_view v;
    int err = begin_link(&v, i, who);

    if (err)
        return err;
    ssize_t n = proc_node_of(i)->entry->readlink(&v, buf, size);
    proc_view_end(&v);
    return n;
}

static int link_follow(struct inode *i, const struct actor *who, struct path *out)
{
    struct proc_view v;
    int err = begin_link(&v, i, who);

    if (err)
        return err;
    err = proc_node_of(i)->entry->follow(&v, out);
    proc_view_end(&v);
    return err;
}

#define COMMON                                                                       \
    .getattr = node_getattr, .setattr = node_setattr, .permission = node_permission, \
    .release = node_release

static const struct inode_ops dir_ops = { COMMON, .lookup = dir_lookup, .open = proc_dir_open };
static const struct inode_ops file_inode_ops = { COMMON, .open = proc_file_open };
static const struct inode_ops link_ops = { COMMON, .readlink = link_readlink };
static const struct inode_ops magic_ops = { COMMON, .readlink = link_readlink,
                                            .follow = link_follow };

static const struct inode_ops *ops_of(const struct proc_entry *e)
{
    switch (e->mode & S_IFMT) {
    case S_IFDIR:
        return &dir_ops;
    case S_IFLNK:
        return e->follow ? &magic_ops : &link_ops;
    default:
        return &file_inode_ops;
    }
}

int proc_node_create(struct proc_fs *fs, const struct proc_found *found, uint64_t ino,
                     struct inode **out)
{
    struct proc_node *n = slab_alloc(fs->sb.arena, &proc_node_slab);

    if (!n)
        return -ENOMEM;
    n->entry = found->entry;
    n->pid = found->pid ? pid_get(found->pid) : NULL;
    n->thread = found->thread;
    n->arg = found->arg;
    inode_init(&n->inode, &fs->sb, ops_of(found->entry), ino,
               found->mode ? found->mode : found->entry->mode, 0, 0);
    n->inode.attr.nlink = (found->entry->mode & S_IFMT) == S_IFDIR ? 2 : 1;
    *out = &n->inode;
    return 0;
}

static void fs_release(struct superblock *sb)
{
    struct proc_fs *fs = container_of(sb, struct proc_fs, sb);

    pid_ns_put(fs->pids);
    slab_free(fs);
}

static const struct superblock_ops fs_ops = { .release = fs_release };

int proc_fs_create(struct arena *a, const char *type, uint32_t magic, const struct proc_entry *root,
                   struct pid_ns *pids, struct dentry **out)
{
    const struct proc_found top = { .entry = root };
    struct proc_fs *fs = slab_alloc(a, &proc_fs_slab);
    struct inode *inode;

    if (!fs) {
        pid_ns_put(pids);
        return -ENOMEM;
    }
    superblock_init(&fs->sb, a, &fs_ops, type, magic, SB_NOCACHE | SB_NOATIME);
    fs->pids = pids;
    int err = proc_node_create(fs, &top, PROC_ROOT_INO, &inode);
    if (!err)
        err = dentry_create_root(inode, out);
    superblock_put(&fs->sb); /* its inodes hold it */
    return err;
}
