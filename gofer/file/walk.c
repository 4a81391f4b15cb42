/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a directory to what lies below it, one component at a time, each opened
 * relative to the descriptor of the one before. Links are never followed: a walk
 * ends at one and hands its text to the sentry, which walks on from its own idea of
 * where the link stands. So no rename or swap on the host can lead a walk astray.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include "base/host.h"
#include "gofer/file/request.h"

int op_nop(struct gofer *g, struct request *q)
{
    (void)g;
    return request_done(q) ? 0 : -EPROTO;
}

int op_attach(struct gofer *g, struct request *q)
{
    uint32_t tree = wire_get_u32(&q->in);
    struct gofer_attr attr;
    gofer_handle_t handle;
    struct statfs fs;

    if (!request_done(q))
        return -EPROTO;
    if (tree >= g->ntrees)
        return -ENOENT;
    int fd = host_fcntl(g->trees[tree].root, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    int err = node_stat(g, fd, &attr, NULL);
    if (!err)
        err = host_fstatfs(fd, &fs);
    if (err) {
        host_close(fd);
        return err;
    }
    /* Without mounts of our own a tree need not begin at the root of one. */
    err = node_add(g, fd, (uint8_t)tree, &attr, node_is_kernel_fs(fs.f_type), &handle);
    if (err)
        return err;
    wire_put_u64(&q->out, handle);
    gofer_put_attr(&q->out, &attr);
    wire_put_u32(&q->out, g->trees[tree].flags);
    wire_put_u64(&q->out, (uint64_t)fs.f_type);
    return 0;
}

int node_open_child(struct gofer *g, const struct node *dir, const char *name,
                    struct gofer_attr *attr, bool *masked)
{
    static const struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };

    if (dir->masked)
        return -ENOENT;
    int fd = host_openat2(dir->fd, name, &how);
    if (fd == -EXDEV)
        return -ENOENT; /* found, and carried out of `dir` before the host was done */
    if (fd < 0)
        return fd;
    int err = node_stat(g, fd, attr, masked);
    if (err) {
        host_close(fd);
        return err;
    }
    return fd;
}

int node_add_child(struct gofer *g, const struct node *dir, const char *name,
                   struct gofer_attr *attr, gofer_handle_t *out)
{
    bool masked;
    int fd = node_open_child(g, dir, name, attr, &masked);

    return fd < 0 ? fd : node_add(g, fd, dir->tree, attr, masked, out);
}

/* What a walk found, and what it says of each step. */
struct steps {
    uint16_t done;
    gofer_handle_t last;
    uint32_t type;
};

static int step(struct gofer *g, const struct node *dir, const char *name, struct wire_writer *out,
                struct steps *s)
{
    struct gofer_attr attr;
    char text[GOFER_LINK_MAX + 1];
    ssize_t len = 0;
    int err = node_add_child(g, dir, name, &attr, &s->last);
    if (err)
        return err;
    if (S_ISLNK(attr.mode)) {
        struct node *link;
        err = node_get(g, s->last, NODE_LINK, &link);
        len = err ? err : host_readlinkat(link->fd, "", text, sizeof text);
        if (len < 0) {
            node_clunk(g, s->last);
            return (int)len;
        }
    }
    wire_put_u64(out, s->last);
    gofer_put_attr(out, &attr);
    wire_put_string_n(out, text, (size_t)len);
    s->type = attr.mode & S_IFMT;
    s->done++;
    return 0;
}

static_assert(GOFER_WALK_MAX * 160 + GOFER_LINK_MAX + 64 < GOFER_BODY_SIZE, "a walk's reply fits");

int op_walk(struct gofer *g, struct request *q)
{
    char names[GOFER_WALK_MAX][GOFER_NAME_MAX + 1];
    struct steps s = { .type = S_IFDIR };
    struct node *dir;
    uint8_t *count_at;
    int err = request_node(g, q, NODE_DIR | NODE_MASKED, &dir);
    unsigned count = wire_get_u16(&q->in);

    if (count > GOFER_WALK_MAX)
        return -EPROTO;
    for (unsigned i = 0; i < count; i++)
        request_name(q, names[i]);
    if (!request_done(q))
        return -EPROTO;
    if (err)
        return err;
    count_at = wire_put_span(&q->out, sizeof s.done);
    for (unsigned i = 0; i < count && !err && s.type == S_IFDIR; i++) {
        if (i > 0 && (err = node_get(g, s.last, NODE_DIR | NODE_MASKED, &dir)) != 0)
            break;
        err = step(g, dir, names[i], &q->out, &s);
    }
    wire_put_u32(&q->out, (uint32_t)err);
    __builtin_memcpy(count_at, &s.done, sizeof s.done);
    return 0;
}
