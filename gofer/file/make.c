/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New files, with the owner that the sentry says. A file is made with no more
 * rights than it will have, then given to its owner, then gets its set-id bits. If
 * the owner cannot be, it is taken away again and the answer is EOVERFLOW, as
 * Linux's for an id that has no number in the file system's namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include "base/host.h"
#include "gofer/file/request.h"

struct plan {
    struct node *dir;
    char name[GOFER_NAME_MAX + 1];
    uint32_t mode, uid, gid, access;
    char text[GOFER_LINK_MAX + 1];
};

/* Makes it under its name. For a regular file gives its descriptor, else 0. */
static int make_name(const struct plan *p)
{
    struct open_how how = {
        .flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
        .mode = p->mode & 0777,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };

    switch (p->mode & S_IFMT) {
    case S_IFREG:
        return host_openat2(p->dir->fd, p->name, &how);
    case S_IFDIR:
        return host_mkdirat(p->dir->fd, p->name, p->mode & 01777);
    case S_IFLNK:
        return host_symlinkat(p->text, p->dir->fd, p->name);
    case S_IFIFO:
    case S_IFSOCK:
        return host_mknodat(p->dir->fd, p->name, p->mode & (S_IFMT | 0777), 0);
    default: /* a device */
        return -EPERM;
    }
}

/* Makes what is open at `fd`, and has just been made by us, belong to whom it should. */
static int settle(struct gofer *g, int fd, const struct plan *p, struct gofer_attr *attr)
{
    char path[NODE_PATH_SIZE];
    int err = node_may_own(g, p->dir, p->uid, p->gid);

    if (!err)
        err = node_stat(g, fd, attr, NULL);
    if (err)
        return err;
    if ((attr->mode & S_IFMT) != (p->mode & S_IFMT))
        return -ESTALE; /* somebody else's, put there in our place */
    bool owner = attr->uid == p->uid && attr->gid == p->gid;
    bool mode = S_ISLNK(p->mode) || (attr->mode & 07777) == (p->mode & 07777);
    if (owner && mode)
        return 0;
    if (!owner)
        err = host_fchownat(fd, "", node_owner(g, p->uid, g->uid), node_owner(g, p->gid, g->gid),
                            AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (err)
        return err == -EPERM || err == -EINVAL ? -EOVERFLOW : err;
    if (!S_ISLNK(p->mode))
        err = host_fchmodat(AT_FDCWD, node_path(g, fd, path), p->mode & 07777);
    return err ? err : node_stat(g, fd, attr, NULL);
}

/* An O_PATH descriptor of what was made: by name, or through the one it was made with. */
static int open_made(struct gofer *g, const struct plan *p, int made)
{
    struct gofer_attr attr;
    bool masked;

    if (made >= 0)
        return node_reopen(g, made, O_PATH, 0);
    return node_open_child(g, p->dir, p->name, &attr, &masked);
}

static void unmake(const struct plan *p)
{
    /* Gone already, or not ours any more: either way there is nothing left to undo. */
    int err = host_unlinkat(p->dir->fd, p->name, S_ISDIR(p->mode) ? AT_REMOVEDIR : 0);
    (void)err;
}

static int make(struct gofer *g, struct request *q, const struct plan *p)
{
    struct gofer_attr attr;
    gofer_handle_t handle;
    int err = make_name(p);

    if (err < 0)
        return err;
    scoped_fd int made = S_ISREG(p->mode) ? err : -1;
    int fd = open_made(g, p, made);
    err = fd < 0 ? fd : settle(g, fd, p, &attr);
    if (err < 0) {
        host_close(fd);
    } else {
        err = node_add(g, fd, p->dir->tree, &attr, false, &handle);
    }
    if (err < 0) {
        unmake(p);
        return err;
    }
    wire_put_u64(&q->out, handle);
    gofer_put_attr(&q->out, &attr);
    if (p->access)
        q->gift = keep_fd(&made);
    return 0;
}

int op_make(struct gofer *g, struct request *q)
{
    struct plan p;
    int flags, err = request_node(g, q, NODE_DIR | NODE_WRITE, &p.dir);

    request_name(q, p.name);
    p.mode = wire_get_u32(&q->in);
    p.uid = wire_get_u32(&q->in);
    p.gid = wire_get_u32(&q->in);
    p.access = wire_get_u32(&q->in);
    wire_get_string(&q->in, p.text, sizeof p.text);
    if (!request_done(q))
        return -EPROTO;
    if (p.access && (!S_ISREG(p.mode) || open_flags_of(p.access, &flags) < 0))
        return -EPROTO;
    if (S_ISLNK(p.mode) && p.text[0] == '\0')
        return -ENOENT;
    return err ? err : make(g, q, &p);
}

int op_tmpfile(struct gofer *g, struct request *q)
{
    struct plan p = { .mode = 0 };
    struct gofer_attr attr;
    gofer_handle_t handle;
    int err = request_node(g, q, NODE_DIR | NODE_WRITE, &p.dir);

    p.mode = (wire_get_u32(&q->in) & 07777) | S_IFREG;
    p.uid = wire_get_u32(&q->in);
    p.gid = wire_get_u32(&q->in);
    if (!request_done(q))
        return -EPROTO;
    if (err)
        return err;
    int made = node_reopen(g, p.dir->fd, O_TMPFILE | O_RDWR, p.mode & 0777);
    if (made < 0)
        return made;
    q->gift = made;
    int fd = node_reopen(g, made, O_PATH, 0);
    if (fd < 0)
        return fd;
    err = settle(g, fd, &p, &attr);
    if (err) {
        host_close(fd);
        return err;
    }
    err = node_add(g, fd, p.dir->tree, &attr, false, &handle);
    if (err)
        return err;
    wire_put_u64(&q->out, handle);
    gofer_put_attr(&q->out, &attr);
    return 0;
}
