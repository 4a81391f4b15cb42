/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows by number, and how the sentry and the platform see them.
 *
 * A window is known to the platform under a number of its own and, once somebody
 * copies through it, mapped in the sentry. Both are host state: after a restore
 * they are made again when they are next needed.
 */
#include "sentry/mm/window.h"
#include "sentry/mm/frame_table.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/host.h"
#include "base/rbtree.h"
#include "base/ref.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/slab.h"
#include "sentry/mm/frame_priv.h"

#define ABOVE_RAM ((uint64_t)1 << 18) /* windows start at a whole GiB above RAM */

/* [I] never changes   [l] the windows' lock */
struct window {
    struct rb_node node;       /* [l] by pfn */
    struct ref ref;            /* its owner's, and one for each pin */
    hostfd_t fd;               /* [I] */
    uint64_t first, count;     /* [I] pages of the file */
    pfn_t pfn;                 /* [I] */
    bool writable;             /* [I] */
    uint32_t file;             /* [l] the platform's number */
    struct platform *known_by; /* [l] host: who gave that number; NULL: nobody */
    char *map;                 /* [l] host: where it is mapped; NULL: nowhere yet */
};

static const struct slab_type window_slab =
    SLAB_TYPE(window, struct window,
              .host_ptrs = { PTR_AT(struct window, known_by), PTR_AT(struct window, map) });

struct windows {
    struct mutex lock;   /* RANK_WINDOWS */
    struct rb_root tree; /* [l] */
    pfn_t base;          /* [I] no window lies below */
};

static const struct slab_type windows_slab = SLAB_TYPE(windows, struct windows);

static struct windows *windows_of(struct arena *a)
{
    return arena_root(a, ROOT_WINDOWS);
}

int windows_create(struct arena *a)
{
    struct windows *ws = slab_alloc(a, &windows_slab);
    if (!ws)
        return -ENOMEM;
    mutex_init(&ws->lock, RANK_WINDOWS);
    ws->base = (ram_total(a) / PAGE_SIZE + ABOVE_RAM - 1) & ~(ABOVE_RAM - 1);
    arena_set_root(a, ROOT_WINDOWS, ws);
    return 0;
}

void windows_destroy(struct arena *a)
{
    struct windows *ws = windows_of(a);

    if (!ws)
        return;
    assert(rb_empty(&ws->tree));
    slab_free(ws);
    arena_set_root(a, ROOT_WINDOWS, NULL);
}

static struct window *find_locked(struct windows *ws, pfn_t pfn) HOLDS(ws->lock);
static struct window *find_locked(struct windows *ws, pfn_t pfn)
{
    struct rb_node *n = ws->tree.node;

    while (n) {
        struct window *w = rb_entry(n, struct window, node);
        if (pfn < w->pfn)
            n = n->left;
        else if (pfn - w->pfn >= w->count)
            n = n->right;
        else
            return w;
    }
    return NULL;
}

static bool before(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, const struct window, node)->pfn <
           rb_entry(b, const struct window, node)->pfn;
}

/* The lowest place with room, so that numbers stay small: a processor has few physical bits. */
static void insert_locked(struct windows *ws, struct window *w) HOLDS(ws->lock);
static void insert_locked(struct windows *ws, struct window *w)
{
    pfn_t at = ws->base;
    struct rb_node *n;

    rb_for_each (n, &ws->tree) {
        struct window *next = rb_entry(n, struct window, node);
        if (next->pfn - at >= w->count)
            break;
        at = next->pfn + next->count;
    }
    w->pfn = at;
    rb_insert(&ws->tree, &w->node, before);
}

/* The platform's number, asked for when it is first needed. */
static int make_known_locked(struct arena *a, struct window *w)
{
    const struct platform_ref *p = platform_of(a);

    if (w->known_by)
        return 0;
    int err = p->ops->file_add(p->platform, hostfd_get(a, w->fd), &w->file);
    if (!err)
        w->known_by = p->platform;
    return err;
}

int window_create(struct arena *a, hostfd_t fd, uint64_t first, uint64_t count, bool writable,
                  struct window **out)
{
    struct windows *ws = windows_of(a);
    struct window *w = slab_alloc(a, &window_slab);

    assert(count > 0);
    if (!w)
        return -ENOMEM;
    ref_init(&w->ref);
    w->fd = fd;
    w->first = first;
    w->count = count;
    w->writable = writable;
    mutex_lock(&ws->lock);
    int err = make_known_locked(a, w);
    if (!err)
        insert_locked(ws, w);
    mutex_unlock(&ws->lock);
    if (err) {
        slab_free(w);
        return err;
    }
    *out = w;
    return 0;
}

pfn_t window_pfn(const struct window *w, uint64_t index)
{
    assert(index >= w->first && index - w->first < w->count);
    return w->pfn + (index - w->first);
}

static void put(struct arena *a, struct window *w)
{
    struct windows *ws = windows_of(a);
    const struct platform_ref *p = platform_of(a);

    mutex_lock(&ws->lock);
    bool last = ref_put(&w->ref);
    if (last)
        rb_erase(&ws->tree, &w->node);
    mutex_unlock(&ws->lock);
    if (!last)
        return;
    if (w->known_by)
        p->ops->file_del(p->platform, w->file);
    if (w->map) {
        int err = host_munmap(w->map, w->count * PAGE_SIZE);
        assert(!err);
    }
    slab_free(w);
}

void window_destroy(struct window *w)
{
    if (w)
        put(arena_of(w), w);
}

static void backing_locked(struct arena *a, struct windows *ws, pfn_t pfn, struct backing *out)
    HOLDS(ws->lock);
static void backing_locked(struct arena *a, struct windows *ws, pfn_t pfn, struct backing *out)
{
    struct window *w = find_locked(ws, pfn);

    assert(w);
    int err = make_known_locked(a, w);
    assert(!err && "a file that the platform knew before");
    out->file = w->file;
    out->off = (w->first + (pfn - w->pfn)) * PAGE_SIZE;
    out->run = w->count - (pfn - w->pfn);
}

void pfn_backing(struct arena *a, pfn_t pfn, struct backing *out)
{
    struct windows *ws = windows_of(a);

    if (frame_is_ram(a, pfn)) {
        *out = (struct backing){ FILE_RAM, pfn * PAGE_SIZE, ram_of(a)->size / PAGE_SIZE - pfn };
        return;
    }
    mutex_lock(&ws->lock);
    backing_locked(a, ws, pfn, out);
    mutex_unlock(&ws->lock);
}

static int map_locked(struct arena *a, struct window *w)
{
    void *at;

    if (w->map)
        return 0;
    int err = host_mmap(NULL, w->count * PAGE_SIZE, PROT_READ | (w->writable ? PROT_WRITE : 0),
                        MAP_SHARED, hostfd_get(a, w->fd), (int64_t)(w->first * PAGE_SIZE), &at);
    if (!err)
        w->map = at;
    return err;
}

int pfn_ptr(struct arena *a, pfn_t pfn, char **out)
{
    struct windows *ws = windows_of(a);

    if (frame_is_ram(a, pfn)) {
        *out = frame_ptr(a, pfn);
        return 0;
    }
    mutex_lock(&ws->lock);
    struct window *w = find_locked(ws, pfn);
    assert(w);
    int err = map_locked(a, w);
    if (!err)
        *out = w->map + (pfn - w->pfn) * PAGE_SIZE;
    mutex_unlock(&ws->lock);
    return err;
}

void pfn_pin(struct arena *a, pfn_t pfn, uint64_t count)
{
    struct windows *ws = windows_of(a);

    if (frame_is_ram(a, pfn)) {
        frame_get(a, pfn, count);
        return;
    }
    mutex_lock(&ws->lock);
    struct window *w = find_locked(ws, pfn);
    assert(w);
    ref_get(&w->ref);
    mutex_unlock(&ws->lock);
}

void pfn_unpin(struct arena *a, pfn_t pfn, uint64_t count)
{
    struct windows *ws = windows_of(a);

    if (frame_is_ram(a, pfn)) {
        frame_put(a, pfn, count);
        return;
    }
    mutex_lock(&ws->lock);
    struct window *w = find_locked(ws, pfn);
    mutex_unlock(&ws->lock);
    assert(w);
    put(a, w);
}
