/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes. A guest may have those of its user namespace: "user.", and
 * what the host's kernel lets us touch of "security." and ACLs; "trusted." is the
 * host's own.
 */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/host.h"
#include "gofer/file/request.h"

static bool is_hidden(const char *name)
{
    return strncmp(name, "trusted.", 8) == 0;
}

static int get_name(struct request *q, char name[GOFER_NAME_MAX + 1])
{
    return wire_get_string(&q->in, name, GOFER_NAME_MAX + 1) > 0 ? 0 : -ERANGE;
}

/* Room for a value in the reply: NULL where only its length is wanted. */
static void *room_for(struct request *q, uint32_t size)
{
    return size ? q->out.at : NULL;
}

/* A length that came with bytes: those are part of the reply. */
static int with_bytes(struct request *q, uint32_t size, ssize_t len)
{
    if (len > 0 && size && !wire_put_span(&q->out, (size_t)len))
        return -E2BIG;
    return (int)len;
}

static_assert(GOFER_BODY_SIZE - GOFER_REPLY_HEAD >= GOFER_XATTR_MAX, "a value fits a reply");

int op_getxattr(struct gofer *g, struct request *q)
{
    struct node *n;
    char name[GOFER_NAME_MAX + 1], path[NODE_PATH_SIZE];
    int err = request_node(g, q, 0, &n);
    int name_err = get_name(q, name);
    uint32_t size = wire_get_u32(&q->in);

    if (!request_done(q) || size > GOFER_XATTR_MAX)
        return -EPROTO;
    if (err || name_err)
        return err ? err : name_err;
    if (is_hidden(name))
        return -ENODATA;
    return with_bytes(q, size,
                      host_getxattr(node_path(g, n->fd, path), name, room_for(q, size), size));
}

int op_setxattr(struct gofer *g, struct request *q)
{
    struct node *n;
    char name[GOFER_NAME_MAX + 1], path[NODE_PATH_SIZE];
    int err = request_node(g, q, NODE_WRITE, &n);
    int name_err = get_name(q, name);
    uint32_t flags = wire_get_u32(&q->in);
    uint32_t size = wire_get_u32(&q->in);
    const void *value = wire_get_span(&q->in, size);

    if (!request_done(q) || size > GOFER_XATTR_MAX)
        return -EPROTO;
    if (err || name_err)
        return err ? err : name_err;
    if (flags & ~(unsigned)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if (is_hidden(name))
        return -EPERM;
    return host_setxattr(node_path(g, n->fd, path), name, value, size, (int)flags);
}

/* Takes hidden names out of a list. Gives the bytes that are left. */
static ssize_t show_names(char *list, ssize_t size)
{
    char *to = list;

    for (char *at = list; at < list + size;) {
        size_t len = strnlen(at, (size_t)(list + size - at)) + 1;
        if (!is_hidden(at)) {
            memmove(to, at, len);
            to += len;
        }
        at += len;
    }
    return to - list;
}

/*
 * The list goes by way of the private copy's buffer, which is no longer needed: in
 * the shared one it could change while it is looked through.
 */
int op_listxattr(struct gofer *g, struct request *q)
{
    struct node *n;
    char path[NODE_PATH_SIZE], *list = (char *)g->request;
    int err = request_node(g, q, 0, &n);
    uint32_t size = wire_get_u32(&q->in);

    if (!request_done(q) || size > GOFER_XATTR_MAX)
        return -EPROTO;
    if (err)
        return err;
    ssize_t len = host_listxattr(node_path(g, n->fd, path), list, GOFER_XATTR_MAX);
    if (len < 0)
        return (int)len;
    len = show_names(list, len);
    if (size && len > (ssize_t)size)
        return -ERANGE;
    if (size)
        wire_put_bytes(&q->out, list, (size_t)len);
    return (int)len;
}

int op_removexattr(struct gofer *g, struct request *q)
{
    struct node *n;
    char name[GOFER_NAME_MAX + 1], path[NODE_PATH_SIZE];
    int err = request_node(g, q, NODE_WRITE, &n);
    int name_err = get_name(q, name);

    if (!request_done(q))
        return -EPROTO;
    if (err || name_err)
        return err ? err : name_err;
    if (is_hidden(name))
        return -EPERM;
    return host_removexattr(node_path(g, n->fd, path), name);
}
