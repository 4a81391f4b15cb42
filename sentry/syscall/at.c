/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/syscall/at.h"

#include <fcntl.h>

int at_get(struct task *t, int dirfd, uptr_t path, unsigned walk_flags, struct at *out)
{
    out->file = NULL;
    out->base = NULL;
    task_actor(t, &out->who);
    int err = task_path(t, path, out->name);
    if (err)
        return err;
    if (!out->name[0] && !(walk_flags & WALK_EMPTY))
        return -ENOENT;
    if (out->name[0] == '/' &&
        !(walk_flags &
          (WALK_BENEATH | WALK_IN_ROOT))) /* the descriptor does not matter, however bad it is */
        return 0;
    return task_dirfd(t, dirfd, &out->file, &out->base);
}

void at_put(struct at *a)
{
    file_put(a->file);
}

int at_walk(struct task *t, int dirfd, uptr_t path, unsigned walk_flags, struct at *a,
            struct path *out)
{
    int err = at_get(t, dirfd, path, walk_flags, a);

    return err ? err : walk(&a->who, a->base, a->name, walk_flags, out);
}
