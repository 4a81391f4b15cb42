/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes and decodes; nothing else. */
#include "sentry/fs/gofer_calls.h"

#include <errno.h>
#include <string.h>

#include "base/host.h"

static int take_fd(struct gofer_call *call, int *out)
{
    if (call->fd < 0)
        return -EIO;
    *out = call->fd;
    call->fd = -1;
    return 0;
}

static void get_found(struct gofer_call *call, struct gofer_found *out)
{
    out->handle = wire_get_u64(&call->results);
    gofer_get_attr(&call->results, &out->attr);
}

/* Ends a call that gave a handle: where its results are not whole the handle is unknown, and lost.
 */
static int end_with_attr(struct gofer_call *call, int err, struct gofer_attr *out)
{
    struct gofer_attr attr;

    if (err)
        return gofer_call_end(call, err);
    gofer_get_attr(&call->results, &attr);
    err = gofer_call_end(call, 0);
    if (!err && out)
        *out = attr;
    return err;
}

int gofer_attach(struct gofer_client *c, uint32_t tree, struct gofer_attached *out)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_ATTACH, &call);
    wire_put_u32(&call.args, tree);
    int err = gofer_call(&call);
    if (!err) {
        get_found(&call, &out->root);
        out->flags = wire_get_u32(&call.results);
        out->fs_type = wire_get_u64(&call.results);
    }
    return gofer_call_end(&call, err);
}

static int get_steps(struct gofer_call *call, unsigned asked, struct gofer_walk_sink *sink,
                     int *why)
{
    struct gofer_found found;
    char text[GOFER_LINK_MAX + 1];
    unsigned done = wire_get_u16(&call->results);

    if (done > asked)
        return -EIO;
    for (unsigned i = 0; i < done; i++) {
        get_found(call, &found);
        size_t len = wire_get_string(&call->results, text, sizeof text);
        if (!wire_reader_ok(&call->results))
            return -EIO;
        sink->found(sink, &found, text, len);
    }
    *why = (int32_t)wire_get_u32(&call->results);
    return *why > 0 || *why < -4095 ? -EIO : 0;
}

int gofer_walk(struct gofer_client *c, gofer_handle_t dir, const char *const *names, unsigned count,
               struct gofer_walk_sink *sink, int *why)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_WALK, &call);
    wire_put_u64(&call.args, dir);
    wire_put_u16(&call.args, (uint16_t)count);
    for (unsigned i = 0; i < count; i++)
        wire_put_string(&call.args, names[i]);
    int err = gofer_call(&call);
    if (!err)
        err = get_steps(&call, count, sink, why);
    return gofer_call_end(&call, err);
}

int gofer_getattr(struct gofer_client *c, gofer_handle_t node, struct gofer_attr *out)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_GETATTR, &call);
    wire_put_u64(&call.args, node);
    return end_with_attr(&call, gofer_call(&call), out);
}

static_assert((int)ATTR_MODE == (int)GOFER_ATTR_MODE && (int)ATTR_UID == (int)GOFER_ATTR_UID &&
                  (int)ATTR_GID == (int)GOFER_ATTR_GID && (int)ATTR_SIZE == (int)GOFER_ATTR_SIZE &&
                  (int)ATTR_ATIME == (int)GOFER_ATTR_ATIME &&
                  (int)ATTR_MTIME == (int)GOFER_ATTR_MTIME &&
                  (int)ATTR_ATIME_NOW == (int)GOFER_ATTR_ATIME_NOW &&
                  (int)ATTR_MTIME_NOW == (int)GOFER_ATTR_MTIME_NOW,
              "the wire's bits are vfs's");

/* A time that is not to be set may be anything, but must be a time to the gofer. */
static void put_time(struct wire_writer *w, const struct attr_change *c, unsigned bit, unsigned now,
                     const struct timespec *t)
{
    static const struct timespec none = { 0 };

    gofer_put_time(w, (c->which & bit) && !(c->which & now) ? t : &none);
}

int gofer_setattr(struct gofer_client *c, gofer_handle_t node, const struct attr_change *change,
                  struct gofer_attr *out)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_SETATTR, &call);
    wire_put_u64(&call.args, node);
    wire_put_u32(&call.args, change->which & GOFER_ATTR_ALL);
    wire_put_u32(&call.args, change->mode);
    wire_put_u32(&call.args, change->uid);
    wire_put_u32(&call.args, change->gid);
    wire_put_u64(&call.args, change->size);
    put_time(&call.args, change, ATTR_ATIME, ATTR_ATIME_NOW, &change->atime);
    put_time(&call.args, change, ATTR_MTIME, ATTR_MTIME_NOW, &change->mtime);
    return end_with_attr(&call, gofer_call(&call), out);
}

int gofer_open(struct gofer_client *c, gofer_handle_t node, unsigned access,
               struct gofer_attr *attr, int *fd)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_OPEN, &call);
    wire_put_u64(&call.args, node);
    wire_put_u32(&call.args, access);
    int err = gofer_call(&call), came = -1;
    if (!err)
        err = take_fd(&call, &came);
    err = end_with_attr(&call, err, attr);
    if (err)
        host_close(came);
    else
        *fd = came;
    return err;
}

/*
 * Ends a call that makes something: its node, and where `fd` is not NULL a descriptor. The
 * thing is made, and the reply whole, also where only the descriptor got lost: then `*fd` is -1.
 */
static int end_with_new(struct gofer_call *call, int err, struct gofer_found *out, int *fd)
{
    struct gofer_found found;
    int came = -1;

    get_found(call, &found);
    if (err == -ENFILE && wire_reader_ok(&call->results))
        err = 0;
    else if (!err && fd)
        err = take_fd(call, &came);
    err = gofer_call_end(call, err);
    if (err) {
        host_close(came);
        return err;
    }
    *out = found;
    if (fd)
        *fd = came;
    return 0;
}

int gofer_make(struct gofer_client *c, gofer_handle_t dir, const struct gofer_new *what,
               struct gofer_found *out, int *fd)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_MAKE, &call);
    wire_put_u64(&call.args, dir);
    wire_put_string(&call.args, what->name);
    wire_put_u32(&call.args, what->mode);
    wire_put_u32(&call.args, what->uid);
    wire_put_u32(&call.args, what->gid);
    wire_put_u32(&call.args, fd ? GOFER_OPEN_READ | GOFER_OPEN_WRITE : 0);
    wire_put_string(&call.args, what->text ? what->text : "");
    return end_with_new(&call, gofer_call(&call), out, fd);
}

int gofer_tmpfile(struct gofer_client *c, gofer_handle_t dir, const struct gofer_new *what,
                  struct gofer_found *out, int *fd)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_TMPFILE, &call);
    wire_put_u64(&call.args, dir);
    wire_put_u32(&call.args, what->mode);
    wire_put_u32(&call.args, what->uid);
    wire_put_u32(&call.args, what->gid);
    return end_with_new(&call, gofer_call(&call), out, fd);
}

int gofer_link(struct gofer_client *c, gofer_handle_t node, gofer_handle_t dir, const char *name,
               struct gofer_attr *out)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_LINK, &call);
    wire_put_u64(&call.args, node);
    wire_put_u64(&call.args, dir);
    wire_put_string(&call.args, name);
    return end_with_attr(&call, gofer_call(&call), out);
}

int gofer_unlink(struct gofer_client *c, gofer_handle_t dir, const char *name, unsigned flags,
                 struct gofer_found *kept)
{
    struct gofer_call call;
    struct gofer_found found = { 0 };

    gofer_call_begin(c, GOFER_UNLINK, &call);
    wire_put_u64(&call.args, dir);
    wire_put_string(&call.args, name);
    wire_put_u32(&call.args, flags);
    int err = gofer_call(&call);
    if (!err)
        get_found(&call, &found);
    err = gofer_call_end(&call, err);
    if (!err && kept)
        *kept = found;
    return err;
}

int gofer_rename(struct gofer_client *c, gofer_handle_t from, const char *old_name,
                 gofer_handle_t to, const char *new_name, unsigned flags)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_RENAME, &call);
    wire_put_u64(&call.args, from);
    wire_put_string(&call.args, old_name);
    wire_put_u64(&call.args, to);
    wire_put_string(&call.args, new_name);
    wire_put_u32(&call.args, flags);
    return gofer_call_end(&call, gofer_call(&call));
}

ssize_t gofer_readlink(struct gofer_client *c, gofer_handle_t node, char text[GOFER_LINK_MAX + 1])
{
    struct gofer_call call;
    size_t len = 0;

    gofer_call_begin(c, GOFER_READLINK, &call);
    wire_put_u64(&call.args, node);
    int err = gofer_call(&call);
    if (!err)
        len = wire_get_string(&call.results, text, GOFER_LINK_MAX + 1);
    err = gofer_call_end(&call, err);
    return err ? err : (ssize_t)len;
}

/* A name that no directory can have would confuse whoever walks there. */
static bool is_name(const char *name, size_t len)
{
    return len > 0 && !memchr(name, '/', len) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int get_entries(struct wire_reader *r, struct gofer_dir_sink *sink)
{
    char name[GOFER_NAME_MAX + 1];
    struct gofer_attr attr;
    int err = 0;

    while (!err && wire_get_u8(r)) {
        struct gofer_entry e = { .name = name };
        e.ino = wire_get_u64(r);
        e.next = wire_get_u64(r);
        e.type = wire_get_u8(r);
        e.len = wire_get_string(r, name, sizeof name);
        if (wire_get_u8(r)) {
            gofer_get_attr(r, &attr);
            e.attr = &attr;
        }
        if (!wire_reader_ok(r) || !is_name(name, e.len))
            return -EIO;
        err = sink->entry(sink, &e);
    }
    return err;
}

static int get_ahead(struct wire_reader *r, const struct gofer_batch *batch,
                     struct gofer_dir_sink *sink)
{
    int err = 0;

    while (!err && wire_left(r) > 0) {
        struct gofer_found found;
        unsigned which = wire_get_u8(r);
        found.handle = wire_get_u64(r);
        gofer_get_attr(r, &found.attr);
        if (!wire_reader_ok(r) || which >= batch->count || !S_ISDIR(found.attr.mode))
            return -EIO;
        err = sink->ahead(sink, which, &found);
        if (!err)
            err = get_entries(r, sink);
    }
    return err;
}

int gofer_readdir(struct gofer_client *c, gofer_handle_t dir, const char *name,
                  struct gofer_batch batch, struct gofer_dir_sink *sink, struct gofer_found *found)
{
    struct gofer_call call;
    bool end = false;

    *found = (struct gofer_found){ 0 };
    gofer_call_begin(c, GOFER_READDIR, &call);
    wire_put_u64(&call.args, dir);
    wire_put_string(&call.args, name ? name : "");
    wire_put_u64(&call.args, batch.cookie);
    wire_put_u32(&call.args, batch.size ? batch.size : GOFER_BODY_SIZE);
    wire_put_u8(&call.args, (uint8_t)batch.attrs);
    wire_put_u8(&call.args, (uint8_t)batch.count);
    for (unsigned i = 0; i < batch.count; i++)
        wire_put_string(&call.args, batch.ahead[i]);
    int err = gofer_call(&call);
    if (!err) {
        found->handle = wire_get_u64(&call.results);
        if (found->handle)
            gofer_get_attr(&call.results, &found->attr);
        end = wire_get_u8(&call.results);
        err = get_entries(&call.results, sink);
        if (!err)
            err = get_ahead(&call.results, &batch, sink);
    }
    err = gofer_call_end(&call, err);
    return err ? err : end;
}

int gofer_statfs(struct gofer_client *c, gofer_handle_t node, struct statfs *out)
{
    struct gofer_call call;
    struct statfs fs = { 0 };

    gofer_call_begin(c, GOFER_STATFS, &call);
    wire_put_u64(&call.args, node);
    int err = gofer_call(&call);
    if (!err) {
        fs.f_type = (long)wire_get_u64(&call.results);
        fs.f_bsize = (long)wire_get_u64(&call.results);
        fs.f_blocks = wire_get_u64(&call.results);
        fs.f_bfree = wire_get_u64(&call.results);
        fs.f_bavail = wire_get_u64(&call.results);
        fs.f_files = wire_get_u64(&call.results);
        fs.f_ffree = wire_get_u64(&call.results);
        fs.f_namelen = (long)wire_get_u64(&call.results);
        fs.f_frsize = (long)wire_get_u64(&call.results);
        fs.f_flags = (long)wire_get_u64(&call.results);
    }
    err = gofer_call_end(&call, err);
    if (!err)
        *out = fs;
    return err;
}

/* Ends a call whose result is a length, and whose results are that many bytes where `size` is not
 * 0. */
static ssize_t end_with_bytes(struct gofer_call *call, int len, void *buf, size_t size)
{
    if (len > 0 && size) {
        if ((size_t)len > size)
            len = -EIO;
        else
            wire_get_bytes(&call->results, buf, (size_t)len);
    }
    return gofer_call_end(call, len);
}

ssize_t gofer_getxattr(struct gofer_client *c, gofer_handle_t node, const char *name, void *buf,
                       size_t size)
{
    struct gofer_call call;

    size = min(size, (size_t)GOFER_XATTR_MAX);
    gofer_call_begin(c, GOFER_GETXATTR, &call);
    wire_put_u64(&call.args, node);
    wire_put_string(&call.args, name);
    wire_put_u32(&call.args, (uint32_t)size);
    return end_with_bytes(&call, gofer_call_len(&call), buf, size);
}

int gofer_setxattr(struct gofer_client *c, gofer_handle_t node, const char *name, const void *value,
                   size_t size, int flags)
{
    struct gofer_call call;

    if (size > GOFER_XATTR_MAX)
        return -E2BIG;
    gofer_call_begin(c, GOFER_SETXATTR, &call);
    wire_put_u64(&call.args, node);
    wire_put_string(&call.args, name);
    wire_put_u32(&call.args, (uint32_t)flags);
    wire_put_u32(&call.args, (uint32_t)size);
    wire_put_bytes(&call.args, value, size);
    return gofer_call_end(&call, gofer_call(&call));
}

ssize_t gofer_listxattr(struct gofer_client *c, gofer_handle_t node, char *buf, size_t size)
{
    struct gofer_call call;

    size = min(size, (size_t)GOFER_XATTR_MAX);
    gofer_call_begin(c, GOFER_LISTXATTR, &call);
    wire_put_u64(&call.args, node);
    wire_put_u32(&call.args, (uint32_t)size);
    ssize_t n = end_with_bytes(&call, gofer_call_len(&call), buf, size);
    /* Whoever reads the names trusts that each ends with a zero. */
    return n > 0 && size && buf[n - 1] != '\0' ? -EIO : n;
}

int gofer_removexattr(struct gofer_client *c, gofer_handle_t node, const char *name)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_REMOVEXATTR, &call);
    wire_put_u64(&call.args, node);
    wire_put_string(&call.args, name);
    return gofer_call_end(&call, gofer_call(&call));
}

int gofer_fsync(struct gofer_client *c, gofer_handle_t node, bool data_only)
{
    struct gofer_call call;

    gofer_call_begin(c, GOFER_FSYNC, &call);
    wire_put_u64(&call.args, node);
    wire_put_u8(&call.args, data_only);
    return gofer_call_end(&call, gofer_call(&call));
}

int gofer_connect(struct gofer_client *c, gofer_handle_t node, int type, int *fd)
{
    struct gofer_call call;
    int came = -1;

    gofer_call_begin(c, GOFER_CONNECT, &call);
    wire_put_u64(&call.args, node);
    wire_put_u32(&call.args, (uint32_t)type);
    int err = gofer_call(&call);
    if (!err)
        err = take_fd(&call, &came);
    err = gofer_call_end(&call, err);
    if (!err)
        *fd = came;
    return err;
}
