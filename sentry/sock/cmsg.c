/* SPDX-License-Identifier: Apache-2.0 */
/* Ancillary data, to and from its form in guest memory. The rules are those of net/core/scm.c. */
#include "sentry/sock/cmsg.h"

#include <string.h>

void scm_files_destroy(struct scm_files *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; i < f->count; i++)
        file_put(f->files[i]);
    arena_free(f);
}

void scm_destroy(struct scm *s)
{
    scm_files_destroy(s->files);
    s->files = NULL;
}

int scm_files_copy(struct arena *a, const struct scm_files *f, struct scm_files **out)
{
    struct scm_files *copy = arena_alloc(a, sizeof *f + f->count * sizeof f->files[0]);

    if (!copy)
        return -ENOMEM;
    copy->count = f->count;
    for (uint32_t i = 0; i < f->count; i++)
        copy->files[i] = file_get(f->files[i]);
    *out = copy;
    return 0;
}

int cmsg_next(const void *control, size_t size, const struct abi_cmsghdr **at)
{
    size_t off = 0;

    if (*at)
        off = (size_t)((const char *)*at - (const char *)control) + ABI_CMSG_ALIGN((*at)->len);
    *at = NULL;
    if (off > size || size - off < sizeof(struct abi_cmsghdr))
        return 0;
    const struct abi_cmsghdr *c = (const void *)((const char *)control + off);
    if (c->len < sizeof *c || c->len > size - off)
        return -EINVAL;
    *at = c;
    return 0;
}

static int add_files(struct arena *a, const struct abi_cmsghdr *c, struct fdtable *table,
                     struct scm *out)
{
    size_t count = cmsg_data_size(c) / sizeof(int);
    const char *fds = cmsg_data(c);

    if (count == 0)
        return 0;
    if (!out->files) {
        out->files = arena_alloc(a, sizeof *out->files + SCM_FILES_MAX * sizeof(struct file *));
        if (!out->files)
            return -ENOMEM;
    }
    if (count > SCM_FILES_MAX - out->files->count)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, fds + i * sizeof fd, sizeof fd);
        struct file *f = fd < 0 ? NULL : fdtable_file(table, fd);
        if (!f)
            return -EBADF;
        out->files->files[out->files->count++] = f;
    }
    return 0;
}

static int parse_one(struct arena *a, const struct abi_cmsghdr *c, struct fdtable *table,
                     struct scm *out)
{
    if (c->level != SOL_SOCKET)
        return 0;
    switch (c->type) {
    case SCM_RIGHTS:
        return add_files(a, c, table, out);
    case SCM_CREDENTIALS:
        if (c->len != ABI_CMSG_LEN(sizeof out->cred))
            return -EINVAL;
        memcpy(&out->cred, cmsg_data(c), sizeof out->cred);
        out->has_cred = true;
        return 0;
    default:
        return -EINVAL;
    }
}

int cmsg_parse(struct arena *a, const void *control, size_t size, struct fdtable *table,
               struct scm *out)
{
    const struct abi_cmsghdr *c = NULL;
    struct scm scm = { .files = NULL };
    int err;

    while (!(err = cmsg_next(control, size, &c)) && c) {
        err = parse_one(a, c, table, &scm);
        if (err)
            break;
    }
    if (err) {
        scm_destroy(&scm);
        return err;
    }
    *out = scm;
    return 0;
}

int cmsg_put(struct cmsg_out *out, int level, int type, const void *data, size_t size)
{
    struct abi_cmsghdr hdr = { .len = ABI_CMSG_LEN(size), .level = level, .type = type };

    if (out->left < sizeof hdr) {
        out->flags |= MSG_CTRUNC;
        return 0;
    }
    if (out->left < hdr.len) {
        out->flags |= MSG_CTRUNC;
        hdr.len = out->left;
    }
    int err = copy_out_struct(out->mm, out->at, &hdr);
    if (!err)
        err = copy_out(out->mm, uptr_at(out->at, sizeof hdr), data, hdr.len - sizeof hdr);
    if (err)
        return err;
    size_t space = min(ABI_CMSG_SPACE(size), out->left);
    out->at = uptr_at(out->at, space);
    out->left -= space;
    out->done += space;
    return 0;
}

size_t cmsg_room_fds(const struct cmsg_out *out)
{
    return out->left < sizeof(struct abi_cmsghdr)
               ? 0
               : (out->left - sizeof(struct abi_cmsghdr)) / sizeof(int);
}
