/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node of the gofer an inode is.
 *
 * A node may be taken from an inode at any time (gofer_handles_trim), also while another
 * thread is about to use it: that thread gets ESTALE, finds the node again and asks
 * again. Numbers of nodes are never used twice, so it cannot hit another one.
 *
 * To find a node again one walks down from the nearest ancestor that still has one, by
 * the names under which each was last seen, and checks at every step that the file
 * there is the one it was: its number, its type, and in a shared tree its birth.
 */
#include <errno.h>
#include <string.h>

#include "sentry/fs/gofer_priv.h"

static gofer_handle_t handle_of(struct gofer_inode *gi)
{
    mutex_lock(&gi->inode.lock);
    gofer_handle_t h = gi->handle;
    mutex_unlock(&gi->inode.lock);
    return h;
}

void gofer_handle_adopt(struct gofer_inode *gi, gofer_handle_t h)
{
    if (h == 0)
        return;
    mutex_lock(&gi->inode.lock);
    if (gi->handle == 0) {
        gi->handle = h;
        h = 0;
    }
    mutex_unlock(&gi->inode.lock);
    gofer_client_clunk(gofer_client_of(gi), h);
}

bool gofer_handle_lost(struct gofer_inode *gi, gofer_handle_t h)
{
    struct gofer_sb *sb = gofer_sb_of(gi);

    mutex_lock(&gi->inode.lock);
    bool ours = gi->handle == h;
    if (ours)
        gi->handle = 0;
    mutex_unlock(&gi->inode.lock);
    /* ESTALE may be the host's own (NFS, FUSE): then the gofer still has the node. If it has
       not, this is nothing to it. */
    if (ours)
        gofer_client_clunk(gofer_client_of(gi), h);
    mutex_lock(&sb->lock);
    bool known = gi->parent != NULL;
    mutex_unlock(&sb->lock);
    return known || gi == sb->root;
}

/* The way from an ancestor that has a node down to an inode: references and copies of names. */
struct way {
    struct gofer_inode *from;
    unsigned count;
    struct gofer_inode *inodes[GOFER_WALK_MAX]; /* from the top down */
    char *names[GOFER_WALK_MAX];
    char text[GOFER_WALK_MAX * (GOFER_NAME_MAX + 1)];
};

static void way_leave(struct way *w)
{
    for (unsigned i = 0; i < w->count; i++)
        inode_put(&w->inodes[i]->inode);
    if (w->from)
        inode_put(&w->from->inode);
}

/*
 * Up from `gi` until an ancestor has a node, or the way is full: then it leads to an
 * ancestor of `gi` only, and another one has to be taken after it.
 */
static int way_find(struct gofer_inode *gi, struct way *w)
{
    struct gofer_sb *sb = gofer_sb_of(gi);
    struct gofer_inode *at = gi;
    unsigned depth = 0, skip;
    size_t used = 0;
    int err = 0;

    w->count = 0;
    w->from = NULL;
    mutex_lock(&sb->lock);
    /* handle is read without its lock: where it is just being taken away, the walk gives ESTALE. */
    for (; at != sb->root && at->parent; at = at->parent) {
        if (at != gi && atomic_load_explicit(&at->handle, memory_order_relaxed) != 0)
            break;
        depth++;
    }
    if (at != sb->root && !at->parent &&
        atomic_load_explicit(&at->handle, memory_order_relaxed) == 0)
        err = -ESTALE;
    skip = depth > GOFER_WALK_MAX ? depth - GOFER_WALK_MAX : 0;
    struct gofer_inode *end = gi;
    for (unsigned i = 0; i < skip; i++)
        end = end->parent;
    if (!err) {
        w->from = at;
        inode_get(&at->inode);
        w->count = depth - skip;
        at = end;
        for (unsigned i = w->count; i-- > 0; at = at->parent) {
            size_t size = strlen(at->name) + 1;
            w->inodes[i] = at;
            inode_get(&at->inode);
            w->names[i] = memcpy(w->text + used, at->name, size);
            used += size;
        }
    }
    mutex_unlock(&sb->lock);
    return err;
}

/* Where the walk has come to. */
struct steps {
    struct gofer_walk_sink sink;
    struct gofer_client *client;
    struct way *way;
    unsigned done;
    bool wrong; /* something else stands there */
};

static void found_step(struct gofer_walk_sink *sink, const struct gofer_found *f, const char *text,
                       size_t len)
{
    struct steps *s = container_of(sink, struct steps, sink);
    struct gofer_inode *gi = s->way->inodes[s->done];

    (void)text, (void)len;
    if (s->wrong || !gofer_is_found_again(gi, &f->attr)) {
        s->wrong = true;
        gofer_client_clunk(s->client, f->handle);
    } else {
        gofer_handle_adopt(gi, f->handle);
        s->done++;
    }
}

static int walk_way(struct gofer_client *c, struct way *w)
{
    struct steps s = { .sink.found = found_step, .client = c, .way = w };
    gofer_handle_t h = handle_of(w->from);
    int why = 0;

    if (h == 0)
        return -EAGAIN;
    int err = gofer_walk(c, h, (const char *const *)w->names, w->count, &s.sink, &why);
    if (err == -ESTALE)
        return gofer_handle_lost(w->from, h) ? -EAGAIN : -ESTALE;
    if (err)
        return err;
    if (s.done == w->count)
        return 0;
    return why == -EMFILE || why == -EACCES ? why : -ESTALE;
}

static int find_root_again(struct gofer_inode *root)
{
    struct gofer_sb *sb = gofer_sb_of(root);
    struct gofer_attached at;
    int err = gofer_attach(gofer_client_of(root), sb->tree, &at);

    if (!err)
        gofer_handle_adopt(root, at.root.handle);
    return err;
}

static int find_again(struct gofer_inode *gi)
{
    struct gofer_sb *sb = gofer_sb_of(gi);
    struct way w;

    if (gi == sb->root)
        return find_root_again(gi);
    int err = way_find(gi, &w);
    if (err)
        return err;
    if (w.from == sb->root && handle_of(w.from) == 0)
        err = find_root_again(w.from);
    if (!err)
        err = walk_way(gofer_client_of(gi), &w);
    way_leave(&w);
    return err;
}

int gofer_handle(struct gofer_inode *gi, gofer_handle_t *out)
{
    /* Bounded: each turn but the last loses a race with those who take nodes away. */
    for (int tries = 0; tries < 1000; tries++) {
        *out = handle_of(gi);
        if (*out)
            return 0;
        int err = find_again(gi);
        if (err == -EMFILE)
            gofer_handles_trim(gofer_sb_of(gi));
        else if (err && err != -EAGAIN)
            return err;
    }
    return -EIO;
}

bool gofer_may_retry(struct gofer_inode *gi, gofer_handle_t h, int err)
{
    if (err == -ESTALE && h)
        return gofer_handle_lost(gi, h);
    if (err != -EMFILE)
        return false;
    gofer_handles_trim(gofer_sb_of(gi));
    return true;
}

void gofer_handles_trim(struct gofer_sb *sb)
{
    struct gofer_client *c = gofer_sb_client(sb);
    struct htab *t = &sb->inodes;

    for (size_t i = 0;; i++) {
        gofer_handle_t taken[64];
        size_t n = 0;
        mutex_lock(&sb->lock);
        bool done = i > t->mask;
        for (struct hnode *at = done ? NULL : t->buckets[i]; at && n < ARRAY_LEN(taken);
             at = at->next) {
            struct gofer_inode *gi = container_of(at, struct gofer_inode, node);
            if (!gi->parent || !mutex_trylock(&gi->inode.lock))
                continue;
            if (!gi->leaving) {
                taken[n++] = gi->handle;
                gi->handle = 0;
            }
            mutex_unlock(&gi->inode.lock);
        }
        mutex_unlock(&sb->lock);
        if (done)
            return;
        while (n > 0)
            gofer_client_clunk(c, taken[--n]);
    }
}

/* Is `gi` above `dir`, or `dir` itself? Then it cannot be in it, and the tree would eat its tail.
 */
static bool is_above_locked(const struct gofer_inode *gi, const struct gofer_inode *dir)
{
    for (; dir; dir = dir->parent)
        if (dir == gi)
            return true;
    return false;
}

void gofer_place(struct gofer_inode *gi, struct gofer_inode *parent, const char *name)
{
    struct gofer_sb *sb = gofer_sb_of(gi);
    char *fresh = arena_strndup(sb->sb.arena, name, strlen(name));
    struct gofer_inode *old = NULL;

    if (!fresh)
        return;
    mutex_lock(&sb->lock);
    if (gi != sb->root && !is_above_locked(gi, parent)) {
        char *was = gi->name;
        old = gi->parent;
        inode_get(&parent->inode);
        gi->parent = parent;
        gi->name = fresh;
        fresh = was;
    }
    mutex_unlock(&sb->lock);
    arena_free(fresh);
    if (old)
        inode_put(&old->inode);
}

bool gofer_placed_in(struct gofer_inode *gi, struct gofer_inode **parent,
                     char name[GOFER_NAME_MAX + 1])
{
    struct gofer_sb *sb = gofer_sb_of(gi);

    mutex_lock(&sb->lock);
    bool placed = gi->parent != NULL;
    if (placed) {
        *parent = gi->parent;
        inode_get(&gi->parent->inode);
        memcpy(name, gi->name, strlen(gi->name) + 1);
    }
    mutex_unlock(&sb->lock);
    return placed;
}

void gofer_unplace(struct gofer_inode *gi, struct gofer_inode *parent, const char *name)
{
    struct gofer_sb *sb = gofer_sb_of(gi);
    char *was = NULL;

    mutex_lock(&sb->lock);
    bool here = gi->parent == parent && parent && strcmp(gi->name, name) == 0;
    if (here) {
        was = gi->name;
        gi->name = NULL;
        gi->parent = NULL;
    }
    mutex_unlock(&sb->lock);
    arena_free(was);
    if (here)
        inode_put(&parent->inode);
}
