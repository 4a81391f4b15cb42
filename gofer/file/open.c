/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for the sentry: of regular files, and of connected sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/host.h"
#include "gofer/file/request.h"

int open_flags_of(uint32_t access, int *out)
{
    static const int flags[] = {
        [GOFER_OPEN_READ] = O_RDONLY,
        [GOFER_OPEN_WRITE] = O_WRONLY,
        [GOFER_OPEN_READ | GOFER_OPEN_WRITE] = O_RDWR,
    };

    if (access == 0 || access >= ARRAY_LEN(flags))
        return -EPROTO;
    *out = flags[access];
    return 0;
}

int op_open(struct gofer *g, struct request *q)
{
    struct node *n;
    struct gofer_attr attr;
    int flags;
    gofer_handle_t h = wire_get_u64(&q->in);
    uint32_t access = wire_get_u32(&q->in);

    if (!request_done(q) || open_flags_of(access, &flags) < 0)
        return -EPROTO;
    /* Only what is a regular file is ever opened: a node's type cannot change. */
    int err = node_get(g, h, NODE_REG | (access & GOFER_OPEN_WRITE ? NODE_WRITE : 0), &n);
    if (err)
        return err;
    int fd = node_reopen(g, n->fd, flags, 0);
    if (fd < 0)
        return fd;
    q->gift = fd;
    err = node_stat(g, fd, &attr, NULL);
    if (!err)
        gofer_put_attr(&q->out, &attr);
    return err;
}

int op_connect(struct gofer *g, struct request *q)
{
    struct node *n;
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int err = request_node(g, q, 0, &n);
    uint32_t type = wire_get_u32(&q->in);

    if (!request_done(q) || (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET))
        return -EPROTO;
    if (err)
        return err;
    if (n->type != S_IFSOCK || !(g->trees[n->tree].flags & GOFER_TREE_CONNECT))
        return -ECONNREFUSED;
    int fd = host_socket(AF_UNIX, (int)type | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    q->gift = fd;
    node_path(g, n->fd, at.sun_path);
    return host_connect(fd, (const struct sockaddr *)&at, sizeof at);
}
