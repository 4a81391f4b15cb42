/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/fs_priv.h"

#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/fs/device.h"
#include "sentry/fs/inotify.h"

static const struct slab_type fs_state_slab = SLAB_TYPE(fs_state, struct fs_state);

int fs_create(struct arena *a)
{
    struct fs_state *s = slab_alloc(a, &fs_state_slab);

    if (!s)
        return -ENOMEM;
    mutex_init(&s->epoll_graph, RANK_EPOLL_GRAPH);
    mutex_init(&s->notify, RANK_NOTIFY);
    arena_set_root(a, ROOT_FS, s);
    vfs_set_special_opens(a, &fs_special_opens);
    vfs_set_hooks(a, &inotify_hooks);
    return 0;
}

void fs_destroy(struct arena *a)
{
    slab_free(fs_state_of(a));
    arena_set_root(a, ROOT_FS, NULL);
}
