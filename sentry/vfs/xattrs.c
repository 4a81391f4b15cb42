/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/xattrs.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

struct xattr {
    struct list node;
    size_t size; /* of the value */
    char *value; /* behind the name, in the same piece of memory */
    char name[];
};

void xattrs_init(struct xattrs *x)
{
    list_init(&x->all);
}

void xattrs_destroy(struct xattrs *x)
{
    struct xattr *a;

    while ((a = list_pop_front(&x->all, struct xattr, node)))
        arena_free(a);
}

static struct xattr *find(const struct xattrs *x, const char *name)
{
    struct xattr *a;

    list_for_each (a, &x->all, node)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

ssize_t xattrs_get(const struct xattrs *x, const char *name, void *buf, size_t size)
{
    const struct xattr *a = find(x, name);

    if (!a)
        return -ENODATA;
    if (size == 0)
        return (ssize_t)a->size;
    if (size < a->size)
        return -ERANGE;
    if (a->size > 0)
        memcpy(buf, a->value, a->size);
    return (ssize_t)a->size;
}

static struct xattr *xattr_new(struct arena *a, const char *name, const void *value, size_t size)
{
    size_t len = strlen(name) + 1;
    struct xattr *x = arena_alloc(a, sizeof *x + len + size);

    if (!x)
        return NULL;
    list_init(&x->node);
    memcpy(x->name, name, len);
    x->value = x->name + len;
    x->size = size;
    if (size > 0)
        memcpy(x->value, value, size);
    return x;
}

int xattrs_set(struct xattrs *x, struct arena *a, const char *name, const void *value, size_t size,
               int flags)
{
    struct xattr *old = find(x, name);

    if (old && flags & XATTR_CREATE)
        return -EEXIST;
    if (!old && flags & XATTR_REPLACE)
        return -ENODATA;
    struct xattr *fresh = xattr_new(a, name, value, size);
    if (!fresh)
        return -ENOMEM;
    list_push_back(&x->all, &fresh->node);
    if (old) {
        list_del(&old->node);
        arena_free(old);
    }
    return 0;
}

int xattrs_remove(struct xattrs *x, const char *name)
{
    struct xattr *a = find(x, name);

    if (!a)
        return -ENODATA;
    list_del(&a->node);
    arena_free(a);
    return 0;
}

ssize_t xattrs_list(const struct xattrs *x, char *buf, size_t size)
{
    size_t total = 0;
    struct xattr *a;

    list_for_each (a, &x->all, node) {
        size_t len = strlen(a->name) + 1;
        if (size > 0) {
            if (size - total < len)
                return -ERANGE;
            memcpy(buf + total, a->name, len);
        }
        total += len;
    }
    return (ssize_t)total;
}

int xattrs_copy(const struct xattrs *from, struct arena *a, struct xattrs *to)
{
    struct xattr *x;

    list_for_each (x, &from->all, node) {
        int err = xattrs_set(to, a, x->name, x->value, x->size, 0);
        if (err)
            return err;
    }
    return 0;
}
