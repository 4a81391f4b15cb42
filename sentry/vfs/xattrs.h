/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes kept in memory, for file systems that live there. */
#pragma once

#include <sys/types.h>

#include "base/list.h"
#include "sentry/core/arena.h"

/* Its owner's lock guards it. */
struct xattrs {
    struct list all; /* struct xattr, the oldest first */
};

void xattrs_init(struct xattrs *x);
void xattrs_destroy(struct xattrs *x);

/* The value: its size; only that where `size` is 0. Errors: ENODATA, ERANGE. */
must_use ssize_t xattrs_get(const struct xattrs *x, const char *name, void *buf, size_t size);
/* `flags`: XATTR_CREATE, XATTR_REPLACE. Errors: EEXIST, ENODATA, ENOMEM. */
must_use int xattrs_set(struct xattrs *x, struct arena *a, const char *name, const void *value,
                        size_t size, int flags);
/* Errors: ENODATA. */
must_use int xattrs_remove(struct xattrs *x, const char *name);
/* All names, each with its NUL; only how many bytes where `size` is 0. Errors: ERANGE. */
must_use ssize_t xattrs_list(const struct xattrs *x, char *buf, size_t size);
/* Copies all. Errors: ENOMEM. */
must_use int xattrs_copy(const struct xattrs *from, struct arena *a, struct xattrs *to);
