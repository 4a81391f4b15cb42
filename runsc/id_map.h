/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of ids, as user namespaces of the host have them. */
#pragma once

#include <sys/types.h>

#include "base/cc.h"
#include "sentry/options.h"

struct id_maps {
    struct option_id_range *uids, *gids;
    size_t nuids, ngids;
};

/* Writes /proc/PID/uid_map, or gid_map. Errors: those of the host; E2BIG. */
must_use int id_map_write(pid_t pid, const char *file, const struct option_id_range *map, size_t n);

/* What `inside` is called outside; false: nothing. */
bool id_map_out(const struct option_id_range *map, size_t n, uint32_t inside, uint32_t *out);
/* Is `outside` called anything inside? */
bool id_map_has(const struct option_id_range *map, size_t n, uint32_t outside);

/*
 * A user namespace that nobody lives in, for its maps.
 *
 *   returns   a descriptor: given; -errno
 */
must_use int id_map_ns(const struct id_maps *maps);
