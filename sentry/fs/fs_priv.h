/* SPDX-License-Identifier: Apache-2.0 */
/* The state of this folder that belongs to no single object. */
#pragma once

#include "base/lock.h"
#include "sentry/core/arena.h"
#include "sentry/fs/fs.h"

struct tty;

/* [I] never changes   [graph] under epoll_graph */
struct fs_state {
    struct mutex epoll_graph; /* RANK_EPOLL_GRAPH: new edges between epolls */
    uint64_t epoll_searches;  /* [graph] searches of that graph so far */
    struct mutex notify;      /* RANK_NOTIFY: inotify's watches and queues */
    struct tty *console;      /* [I] once made; its owner's reference, or NULL */
};

static inline struct fs_state *fs_state_of(struct arena *a)
{
    return arena_root(a, ROOT_FS);
}

static inline struct mutex *fs_epoll_graph(struct arena *a)
{
    return &fs_state_of(a)->epoll_graph;
}

static inline uint64_t *fs_epoll_searches(struct arena *a)
{
    return &fs_state_of(a)->epoll_searches;
}
