/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories, read in batches with what stat(2) would say of each entry: a guest
 * that lists a directory nearly always asks for that next.
 *
 * Positions are the host's own cookies. A node keeps the directory open between
 * two batches; where the next begins elsewhere, it seeks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#include "base/host.h"
#include "gofer/file/request.h"

#define CHUNK_SIZE 4096 /* bytes of the host's entries at a time */
#define ENTRY_MAX  (1 + 8 + 8 + 1 + 2 + GOFER_NAME_MAX + 1 + 128 + 1) /* and what ends them */
#define HEAD_MAX   (1 + 8 + 128) /* of a directory that is listed ahead */

/* As getdents64(2) lays an entry out: at these offsets. */
enum { DIRENT_INO = 0, DIRENT_OFF = 8, DIRENT_RECLEN = 16, DIRENT_TYPE = 18, DIRENT_NAME = 19 };

struct entry {
    uint64_t ino, next;
    uint8_t type;
    const char *name;
    size_t size; /* of the record */
};

static void parse_entry(const uint8_t *at, struct entry *e)
{
    uint16_t reclen;

    memcpy(&e->ino, at + DIRENT_INO, sizeof e->ino);
    memcpy(&e->next, at + DIRENT_OFF, sizeof e->next);
    memcpy(&reclen, at + DIRENT_RECLEN, sizeof reclen);
    e->type = at[DIRENT_TYPE];
    e->name = (const char *)at + DIRENT_NAME;
    e->size = reclen;
}

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/*
 * Not shown: what the sentry knows anyway, and names longer than Linux's own file systems
 * have, which no request could name either (FUSE, vfat and ntfs in other encodings).
 */
static bool is_left_out(const char *name)
{
    return is_dot(name) || strlen(name) > GOFER_NAME_MAX;
}

static void put_entry(struct gofer *g, struct wire_writer *w, const struct node *n,
                      const struct entry *e, enum gofer_attrs attrs)
{
    bool wanted = attrs == GOFER_ATTRS_ALL ||
                  (attrs == GOFER_ATTRS_DIRS && (e->type == DT_DIR || e->type == DT_UNKNOWN));
    struct gofer_attr attr;

    wire_put_u8(w, 1);
    wire_put_u64(w, e->ino);
    wire_put_u64(w, e->next);
    wire_put_u8(w, e->type);
    wire_put_string(w, e->name);
    /* Gone since, or a mount: the sentry will have to walk there. */
    wanted = wanted && node_stat_at(g, n->dir_fd, e->name, &attr) == 0;
    wire_put_u8(w, wanted);
    if (wanted)
        gofer_put_attr(w, &attr);
}

/* By its ".", which costs half of what the way over procfs does. */
static int open_to_read(struct gofer *g, const struct node *n)
{
    static const struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };
    int fd = host_openat2(n->fd, ".", &how);

    /* One may be allowed to read it and not to go through it. */
    return fd == -EACCES ? node_reopen(g, n->fd, O_RDONLY | O_DIRECTORY, 0) : fd;
}

static int seek_to(struct gofer *g, struct node *n, uint64_t cookie)
{
    if (n->dir_fd < 0) {
        int fd = open_to_read(g, n);
        if (fd < 0)
            return fd;
        n->dir_fd = fd;
        n->dir_cookie = 0;
    }
    if (n->dir_cookie == cookie)
        return 0;
    if (cookie > INT64_MAX)
        return -EINVAL;
    int64_t at = host_lseek(n->dir_fd, (int64_t)cookie, SEEK_SET);
    n->dir_cookie = cookie;
    return at < 0 ? (int)at : 0;
}

/* Writes entries until `w` has no room for another. Gives 1 at the end of the directory, 0, or
 * -errno. */
static int read_entries(struct gofer *g, struct node *n, struct wire_writer *w,
                        enum gofer_attrs attrs)
{
    _Alignas(8) uint8_t chunk[CHUNK_SIZE];
    struct entry e;

    for (;;) {
        ssize_t size = host_getdents64(n->dir_fd, chunk, sizeof chunk);
        if (size <= 0)
            return size == 0 ? 1 : (int)size;
        for (ssize_t at = 0; at < size; at += (ssize_t)e.size) {
            parse_entry(chunk + at, &e);
            if (is_left_out(e.name)) {
                n->dir_cookie = e.next;
                continue;
            }
            if ((size_t)(w->end - w->at) < ENTRY_MAX) {
                /* What was read too far is read again. */
                int64_t back = host_lseek(n->dir_fd, (int64_t)n->dir_cookie, SEEK_SET);
                return back < 0 ? (int)back : 0;
            }
            put_entry(g, w, n, &e, attrs);
            n->dir_cookie = e.next;
        }
    }
}

/* The directory itself, or the one of a name in it, whose node is then the reply's first part. */
static int find_dir(struct gofer *g, struct request *q, const char *name, struct node **n)
{
    struct gofer_attr attr;
    gofer_handle_t h = 0;

    if (name[0] == '\0') {
        wire_put_u64(&q->out, 0);
        return 0;
    }
    int err = node_add_child(g, *n, name, &attr, &h);
    if (err)
        return err;
    err = node_get(g, h, NODE_DIR | NODE_MASKED, n);
    if (err) {
        node_clunk(g, h);
        return err;
    }
    wire_put_u64(&q->out, h);
    gofer_put_attr(&q->out, &attr);
    return 0;
}

/* Entries into what is left of the reply; 1 at the end. */
static int list(struct gofer *g, struct request *q, struct node *n, uint64_t cookie,
                enum gofer_attrs attrs)
{
    if (n->masked)
        return 1;
    int err = seek_to(g, n, cookie);
    if (!err)
        err = read_entries(g, n, &q->out, attrs);
    if (err != 0) {
        host_close(n->dir_fd);
        n->dir_fd = -1;
    }
    return err;
}

/*
 * Lists a directory that was not asked for yet. False: there is no room for all of it, and
 * nothing of it was written. One that cannot be listed is left out.
 */
static bool list_ahead(struct gofer *g, struct request *q, const struct node *parent,
                       unsigned which, const char *name, enum gofer_attrs attrs)
{
    struct gofer_attr attr;
    gofer_handle_t h;
    struct node *n;

    if ((size_t)(q->out.end - q->out.at) < HEAD_MAX + ENTRY_MAX)
        return false;
    if (node_add_child(g, parent, name, &attr, &h))
        return true;
    uint8_t *start = q->out.at;
    wire_put_u8(&q->out, (uint8_t)which);
    wire_put_u64(&q->out, h);
    gofer_put_attr(&q->out, &attr);
    int end = node_get(g, h, NODE_DIR | NODE_MASKED, &n);
    if (!end)
        end = list(g, q, n, 0, attrs);
    if (end == 1) {
        wire_put_u8(&q->out, 0);
        return true;
    }
    q->out.at = start;
    node_clunk(g, h);
    return end < 0;
}

/* What the request asks. `ahead` names directories beside the one it is about. */
struct asked {
    char name[GOFER_NAME_MAX + 1];
    uint64_t cookie;
    uint32_t bytes;
    enum gofer_attrs attrs;
    unsigned count;
    char ahead[GOFER_NEXT_MAX][GOFER_NAME_MAX + 1];
};

static bool get_asked(struct request *q, struct asked *a)
{
    request_name_or_none(q, a->name);
    a->cookie = wire_get_u64(&q->in);
    a->bytes = wire_get_u32(&q->in);
    a->attrs = wire_get_u8(&q->in);
    a->count = wire_get_u8(&q->in);
    if (a->count > GOFER_NEXT_MAX || (a->count > 0 && !a->name[0]))
        return false;
    for (unsigned i = 0; i < a->count; i++)
        request_name(q, a->ahead[i]);
    return request_done(q);
}

/*
 * A directory that was walked to, but cannot be read, is no failure of the whole: its
 * handle is given, and nothing that was read; asked for itself it then tells why.
 */
int op_readdir(struct gofer *g, struct request *q)
{
    struct node *parent, *n;
    struct asked a;
    int err = request_node(g, q, NODE_DIR | NODE_MASKED, &parent);

    if (!get_asked(q, &a))
        return -EPROTO;
    n = parent;
    if (!err)
        err = find_dir(g, q, a.name, &n);
    if (err)
        return err;
    uint8_t *end = wire_put_span(&q->out, 1);
    /* Less than a reply has room for, but never too little for one entry. */
    size_t room = max((size_t)a.bytes, (size_t)ENTRY_MAX);
    if (room < (size_t)(q->out.end - q->out.at))
        q->out.end = q->out.at + room;
    uint8_t *start = q->out.at;
    err = list(g, q, n, a.cookie, a.attrs);
    if (err < 0 && a.name[0]) {
        q->out.at = start;
        err = 0;
    }
    *end = err > 0;
    wire_put_u8(&q->out, 0);
    /* As far as there is room for one like the largest before. */
    size_t largest = (size_t)(q->out.at - start);
    for (unsigned i = 0; err > 0 && i < a.count; i++) {
        start = q->out.at;
        if ((size_t)(q->out.end - start) < largest ||
            !list_ahead(g, q, parent, i, a.ahead[i], a.attrs))
            break;
        largest = max(largest, (size_t)(q->out.at - start));
    }
    return min(err, 0);
}
