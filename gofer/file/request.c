/* SPDX-License-Identifier: Apache-2.0 */
#include "gofer/file/request.h"

#include <errno.h>
#include <string.h>

#include "base/host.h"

static op_fn *const ops[GOFER_OP_COUNT] = {
    [GOFER_NOP] = op_nop,
    [GOFER_ATTACH] = op_attach,
    [GOFER_WALK] = op_walk,
    [GOFER_GETATTR] = op_getattr,
    [GOFER_SETATTR] = op_setattr,
    [GOFER_OPEN] = op_open,
    [GOFER_MAKE] = op_make,
    [GOFER_TMPFILE] = op_tmpfile,
    [GOFER_LINK] = op_link,
    [GOFER_UNLINK] = op_unlink,
    [GOFER_RENAME] = op_rename,
    [GOFER_READLINK] = op_readlink,
    [GOFER_READDIR] = op_readdir,
    [GOFER_STATFS] = op_statfs,
    [GOFER_GETXATTR] = op_getxattr,
    [GOFER_SETXATTR] = op_setxattr,
    [GOFER_LISTXATTR] = op_listxattr,
    [GOFER_REMOVEXATTR] = op_removexattr,
    [GOFER_FSYNC] = op_fsync,
    [GOFER_CONNECT] = op_connect,
};

/*
 * The handle is read, and looked up, before the arguments behind it have been
 * checked. That is harmless, for a lookup changes nothing.
 */
int request_node(struct gofer *g, struct request *q, unsigned need, struct node **out)
{
    return node_get(g, wire_get_u64(&q->in), need, out);
}

void request_name_or_none(struct request *q, char out[GOFER_NAME_MAX + 1])
{
    wire_get_string(&q->in, out, GOFER_NAME_MAX + 1);
    if (strchr(out, '/') || strcmp(out, ".") == 0 || strcmp(out, "..") == 0) {
        out[0] = '\0';
        q->in.failed = true;
    }
}

void request_name(struct request *q, char out[GOFER_NAME_MAX + 1])
{
    request_name_or_none(q, out);
    if (out[0] == '\0')
        q->in.failed = true;
}

static int dispatch(struct gofer *g, struct request *q)
{
    unsigned op = wire_get_u16(&q->in), clunks = wire_get_u8(&q->in);

    if (clunks > GOFER_CLUNK_MAX || wire_left(&q->in) < clunks * sizeof(gofer_handle_t))
        return -EPROTO;
    for (unsigned i = 0; i < clunks; i++)
        node_clunk(g, wire_get_u64(&q->in));
    if (!wire_reader_ok(&q->in) || op >= GOFER_OP_COUNT)
        return -EPROTO;
    return ops[op](g, q);
}

size_t gofer_answer(struct gofer *g, const void *in, size_t size, void *out, int *gift)
{
    struct request q = { .gift = -1 };
    struct wire_writer head;

    wire_reader_init(&q.in, in, size);
    wire_writer_init(&head, out, GOFER_REPLY_HEAD);
    wire_writer_init(&q.out, (uint8_t *)out + GOFER_REPLY_HEAD, GOFER_BODY_SIZE - GOFER_REPLY_HEAD);
    int result = dispatch(g, &q);
    if (result >= 0 && !wire_writer_ok(&q.out))
        result = -EMSGSIZE;
    if (result < 0) {
        host_close(q.gift);
        q.gift = -1;
    }
    wire_put_u32(&head, (uint32_t)result);
    wire_put_u8(&head, q.gift >= 0);
    *gift = q.gift;
    return GOFER_REPLY_HEAD + (result < 0 ? 0 : wire_written(&q.out));
}
