/* SPDX-License-Identifier: Apache-2.0 */
/* Names that files that exist get, lose and exchange; and what a link says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/host.h"
#include "gofer/file/request.h"

int op_link(struct gofer *g, struct request *q)
{
    struct node *n, *dir;
    struct gofer_attr attr;
    char name[GOFER_NAME_MAX + 1], path[NODE_PATH_SIZE];
    int err = request_node(g, q, NODE_WRITE, &n);
    int dir_err = request_node(g, q, NODE_DIR | NODE_WRITE, &dir);

    request_name(q, name);
    if (!request_done(q))
        return -EPROTO;
    if (err || dir_err)
        return err ? err : dir_err;
    if (n->tree != dir->tree)
        return -EXDEV;
    if (n->type == S_IFDIR)
        return -EPERM;
    /* FOLLOW: our descriptor's magic link, not what it may itself be a link to. */
    err = host_linkat(AT_FDCWD, node_path(g, n->fd, path), dir->fd, name, AT_SYMLINK_FOLLOW);
    if (!err)
        err = node_stat(g, n->fd, &attr, NULL);
    if (!err)
        gofer_put_attr(&q->out, &attr);
    return err;
}

/* Holds on to what a name leads to before the name goes. */
static int keep_victim(struct gofer *g, const struct node *dir, const char *name,
                       gofer_handle_t *out)
{
    struct gofer_attr attr;

    return node_add_child(g, dir, name, &attr, out);
}

int op_unlink(struct gofer *g, struct request *q)
{
    struct node *dir, *victim;
    char name[GOFER_NAME_MAX + 1];
    gofer_handle_t kept = 0;
    struct gofer_attr attr = { 0 };
    int err = request_node(g, q, NODE_DIR | NODE_WRITE, &dir);

    request_name(q, name);
    uint32_t flags = wire_get_u32(&q->in);
    if (!request_done(q) || (flags & ~(unsigned)(GOFER_UNLINK_DIR | GOFER_UNLINK_KEEP)))
        return -EPROTO;
    if (!err && (flags & GOFER_UNLINK_KEEP))
        err = keep_victim(g, dir, name, &kept);
    if (!err)
        err = host_unlinkat(dir->fd, name, flags & GOFER_UNLINK_DIR ? AT_REMOVEDIR : 0);
    if (!err && kept && (err = node_get(g, kept, NODE_MASKED, &victim)) == 0)
        err = node_stat(g, victim->fd, &attr, NULL);
    if (err) {
        node_clunk(g, kept);
        return err;
    }
    wire_put_u64(&q->out, kept);
    gofer_put_attr(&q->out, &attr);
    return 0;
}

int op_rename(struct gofer *g, struct request *q)
{
    struct node *from, *to;
    char old_name[GOFER_NAME_MAX + 1], new_name[GOFER_NAME_MAX + 1];
    int err = request_node(g, q, NODE_DIR | NODE_WRITE, &from);

    request_name(q, old_name);
    int to_err = request_node(g, q, NODE_DIR | NODE_WRITE, &to);
    request_name(q, new_name);
    uint32_t flags = wire_get_u32(&q->in);
    if (!request_done(q))
        return -EPROTO;
    if (err || to_err)
        return err ? err : to_err;
    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL; /* RENAME_WHITEOUT would make a device */
    if (from->tree != to->tree)
        return -EXDEV;
    return host_renameat2(from->fd, old_name, to->fd, new_name, flags);
}

int op_readlink(struct gofer *g, struct request *q)
{
    struct node *n;
    char text[GOFER_LINK_MAX + 1];
    int err = request_node(g, q, NODE_LINK, &n);

    if (!request_done(q))
        return -EPROTO;
    if (err)
        return err;
    ssize_t len = host_readlinkat(n->fd, "", text, sizeof text);
    if (len < 0)
        return (int)len;
    wire_put_string_n(&q->out, text, (size_t)len);
    return 0;
}
