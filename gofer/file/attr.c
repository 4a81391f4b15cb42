/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a node and of its file system, and changes of it. */
#include <errno.h>
#include <fcntl.h>

#include "base/host.h"
#include "gofer/file/request.h"

static int put_attr_of(struct gofer *g, struct request *q, const struct node *n)
{
    struct gofer_attr attr;
    int err = node_stat(g, n->fd, &attr, NULL);

    if (!err)
        gofer_put_attr(&q->out, &attr);
    return err;
}

int op_getattr(struct gofer *g, struct request *q)
{
    struct node *n;
    int err = request_node(g, q, NODE_MASKED, &n);

    if (!request_done(q))
        return -EPROTO;
    return err ? err : put_attr_of(g, q, n);
}

struct change {
    uint32_t which, mode, uid, gid;
    uint64_t size;
    struct timespec atime, mtime;
};

static int set_size(struct gofer *g, const struct node *n, const struct change *c)
{
    if (n->type != S_IFREG)
        return n->type == S_IFDIR ? -EISDIR : -EINVAL;
    if (c->size > INT64_MAX)
        return -EINVAL;
    int fd = node_reopen(g, n->fd, O_WRONLY, 0);
    if (fd < 0)
        return fd;
    int err = host_ftruncate(fd, (int64_t)c->size);
    host_close(fd);
    return err;
}

/* An owner that has no number in our namespace is EINVAL: to the host, and so to a guest. */
static int set_owner(const struct gofer *g, const struct node *n, const struct change *c)
{
    uid_t uid = c->which & GOFER_ATTR_UID ? node_owner(g, c->uid, g->uid) : (uid_t)-1;
    gid_t gid = c->which & GOFER_ATTR_GID ? node_owner(g, c->gid, g->gid) : (gid_t)-1;
    int err = node_may_own(g, n, uid, gid);

    if (!err)
        err = host_fchownat(n->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    return err;
}

static int set_mode(struct gofer *g, const struct node *n, const struct change *c)
{
    char path[NODE_PATH_SIZE];

    if (n->type == S_IFLNK)
        return -EOPNOTSUPP;
    return host_fchmodat(AT_FDCWD, node_path(g, n->fd, path), c->mode & 07777);
}

static struct timespec time_to_set(unsigned which, unsigned bit, unsigned now,
                                   const struct timespec *t)
{
    if (which & now)
        return (struct timespec){ .tv_nsec = UTIME_NOW };
    return which & bit ? *t : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int set_times(struct gofer *g, const struct node *n, const struct change *c)
{
    char path[NODE_PATH_SIZE];
    struct timespec times[2] = {
        time_to_set(c->which, GOFER_ATTR_ATIME, GOFER_ATTR_ATIME_NOW, &c->atime),
        time_to_set(c->which, GOFER_ATTR_MTIME, GOFER_ATTR_MTIME_NOW, &c->mtime),
    };

    return host_utimensat(AT_FDCWD, node_path(g, n->fd, path), times, 0);
}

static bool time_is_valid(const struct timespec *t)
{
    return t->tv_nsec >= 0 && t->tv_nsec < NSEC_PER_SEC;
}

/* Owner before mode, for a change of owner clears set-id bits. */
static int apply(struct gofer *g, const struct node *n, const struct change *c)
{
    int err = 0;

    if (c->which & GOFER_ATTR_SIZE)
        err = set_size(g, n, c);
    if (!err && (c->which & (GOFER_ATTR_UID | GOFER_ATTR_GID)))
        err = set_owner(g, n, c);
    if (!err && (c->which & GOFER_ATTR_MODE))
        err = set_mode(g, n, c);
    if (!err && (c->which & (GOFER_ATTR_ATIME | GOFER_ATTR_MTIME | GOFER_ATTR_ATIME_NOW |
                             GOFER_ATTR_MTIME_NOW)))
        err = set_times(g, n, c);
    return err;
}

int op_setattr(struct gofer *g, struct request *q)
{
    struct node *n;
    struct change c;
    int err = request_node(g, q, NODE_WRITE, &n);

    c.which = wire_get_u32(&q->in);
    c.mode = wire_get_u32(&q->in);
    c.uid = wire_get_u32(&q->in);
    c.gid = wire_get_u32(&q->in);
    c.size = wire_get_u64(&q->in);
    gofer_get_time(&q->in, &c.atime);
    gofer_get_time(&q->in, &c.mtime);
    if (!request_done(q) || (c.which & ~(unsigned)GOFER_ATTR_ALL) || !time_is_valid(&c.atime) ||
        !time_is_valid(&c.mtime))
        return -EPROTO;
    if (!err)
        err = apply(g, n, &c);
    return err ? err : put_attr_of(g, q, n);
}

int op_statfs(struct gofer *g, struct request *q)
{
    struct node *n;
    struct statfs fs;
    int err = request_node(g, q, NODE_MASKED, &n);

    if (!request_done(q))
        return -EPROTO;
    if (!err)
        err = host_fstatfs(n->fd, &fs);
    if (err)
        return err;
    const uint64_t all[] = {
        (uint64_t)fs.f_type,   (uint64_t)fs.f_bsize, fs.f_blocks, fs.f_bfree,
        fs.f_bavail,           fs.f_files,           fs.f_ffree,  (uint64_t)fs.f_namelen,
        (uint64_t)fs.f_frsize, (uint64_t)fs.f_flags,
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        wire_put_u64(&q->out, all[i]);
    return 0;
}

int op_fsync(struct gofer *g, struct request *q)
{
    struct node *n;
    int err = request_node(g, q, 0, &n);
    bool data_only = wire_get_u8(&q->in);

    if (!request_done(q))
        return -EPROTO;
    if (err)
        return err;
    if (n->type != S_IFREG && n->type != S_IFDIR)
        return -EINVAL;
    int fd = node_reopen(g, n->fd, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    err = data_only ? host_fdatasync(fd) : host_fsync(fd);
    host_close(fd);
    return err;
}
