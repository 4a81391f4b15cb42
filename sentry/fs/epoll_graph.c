/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which epoll watches which: a graph without circles and at most five deep, so that a
 * wake travels through it in bounded time and on a bounded stack.
 *
 * New edges are made only under the sandbox's one lock for this graph, which the caller
 * holds; edges may vanish meanwhile, which makes the answer too strict at worst.
 */
#include "sentry/fs/epoll_priv.h"
#include "sentry/fs/fs_priv.h"

#define NEST_MAX 4 /* edges in a row */

/* One search; each epoll is looked into once. */
struct search {
    uint64_t nr;
    const struct epoll *seek; /* may not be met; NULL: any may */
};

static int deepest_below(struct epoll *ep, const struct search *s, int limit);

/* Steps from `ep` down to the last epoll under it; more than NEST_MAX where `seek` is met. */
static int depth_below(struct epoll *ep, const struct search *s, int limit)
{
    if (ep == s->seek || limit < 0)
        return NEST_MAX + 1;
    if (ep->seen != s->nr) {
        ep->depth = deepest_below(ep, s, limit);
        ep->seen = s->nr;
    }
    return ep->depth;
}

static int deepest_below(struct epoll *ep, const struct search *s, int limit)
{
    struct rb_node *n;
    int deepest = 0;

    mutex_lock_nested(&ep->lock);
    rb_for_each (n, &ep->items) {
        struct epoll_item *i = rb_entry(n, struct epoll_item, node);
        if (!file_is_epoll(i->file))
            continue;
        deepest = max(deepest, 1 + depth_below(epoll_of(i->file), s, limit - 1));
        if (deepest > NEST_MAX)
            break;
    }
    mutex_unlock(&ep->lock);
    return deepest;
}

static int highest_above(struct epoll *ep, const struct search *s, int limit);

/* Steps from `ep` up to the last that watches it, over others. */
static int depth_above(struct epoll *ep, const struct search *s, int limit)
{
    if (limit < 0)
        return NEST_MAX + 1;
    if (ep->seen != s->nr) {
        ep->depth = highest_above(ep, s, limit);
        ep->seen = s->nr;
    }
    return ep->depth;
}

static int highest_above(struct epoll *ep, const struct search *s, int limit)
{
    struct file_watch *w;
    int highest = 0;

    mutex_lock_nested(&ep->file.watch_lock);
    list_for_each (w, &ep->file.watches, node) {
        if (w->ops != &epoll_watch_ops)
            continue; /* an owner: fcntl(F_SETOWN) */
        struct epoll_item *i = container_of(w, struct epoll_item, watch);
        highest = max(highest, 1 + depth_above(i->epoll, s, limit - 1));
        if (highest > NEST_MAX)
            break;
    }
    mutex_unlock(&ep->file.watch_lock);
    return highest;
}

int epoll_check_nesting(struct epoll *ep, struct epoll *target)
{
    uint64_t *searches = fs_epoll_searches(ep->file.arena);
    struct search down = { ++*searches, ep };
    struct search up = { ++*searches, NULL };
    int below = depth_below(target, &down, NEST_MAX);

    if (below > NEST_MAX)
        return -ELOOP;
    return below + 1 + depth_above(ep, &up, NEST_MAX) > NEST_MAX ? -ELOOP : 0;
}
