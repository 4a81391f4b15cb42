/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a walk will ask for next. A path of many components that nobody has walked yet
 * is one message: all steps are taken at once, and what they found waits here until
 * the walk comes by, a moment later.
 *
 * A child is good as long as it has the name under which it was found
 * (gofer_inode.parent and name are kept true by all changes), the lack of one until
 * anything changes. In a shared tree both are good for one look, within a moment, by
 * the walk that they were found for: it is told from others by where its path lies.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "sentry/fs/gofer_priv.h"

#define MOMENT NSEC_PER_MSEC

/* The names that a path begins with, as far as they are plain ones. */
struct names {
    unsigned count;
    const char *at[GOFER_WALK_MAX];
    const char *path[GOFER_WALK_MAX]; /* where in the path each begins */
    char text[GOFER_WALK_MAX * 64];
};

static void split(const char *path, struct names *out)
{
    size_t used = 0;

    out->count = 0;
    while (out->count < GOFER_WALK_MAX) {
        size_t len = strcspn(path, "/");
        bool dots = (len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.');
        if (len == 0 || len > GOFER_NAME_MAX || dots || used + len + 1 > sizeof out->text)
            return;
        char *name = memcpy(out->text + used, path, len);
        name[len] = '\0';
        used += len + 1;
        out->path[out->count] = path;
        out->at[out->count++] = name;
        path += len;
        path += strspn(path, "/");
    }
}

static void put_ahead(struct gofer_ahead *a)
{
    arena_free(a->name);
    if (a->dir)
        inode_put(&a->dir->inode);
    if (a->child)
        inode_put(&a->child->inode);
}

static nsec_t now_of(const struct gofer_sb *sb)
{
    return clock_now(arena_host(sb->sb.arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);
}

/* Is this step the one from `dir` by `name`, and to be believed? */
static bool is_step_locked(const struct gofer_sb *sb, const struct gofer_ahead *a,
                           const struct gofer_inode *dir, const char *name)
{
    if (a->dir != dir || (sb->shared && now_of(sb) - a->when > MOMENT))
        return false;
    if (a->child)
        return a->child->parent == dir && strcmp(a->child->name, name) == 0;
    return a->seq == atomic_load_explicit(&sb->changes, memory_order_acquire) &&
           strcmp(a->name, name) == 0;
}

/* The place of a step in the ring, or NULL. */
static struct gofer_ahead *find_locked(struct gofer_sb *sb, const struct gofer_inode *dir,
                                       const char *name) HOLDS(sb->lock);
static struct gofer_ahead *find_locked(struct gofer_sb *sb, const struct gofer_inode *dir,
                                       const char *name)
{
    for (size_t i = 0; i < GOFER_AHEAD_MAX; i++)
        if (is_step_locked(sb, &sb->ahead[i], dir, name))
            return &sb->ahead[i];
    return NULL;
}

/* Keeps a step, in the place of an older answer or of the oldest. Its references are taken. */
static void keep_step(struct gofer_sb *sb, struct gofer_ahead step, const char *name)
{
    step.when = sb->shared ? now_of(sb) : 0;
    mutex_lock(&sb->lock);
    struct gofer_ahead *at = find_locked(sb, step.dir, name);
    if (!at) {
        at = &sb->ahead[sb->next_ahead];
        sb->next_ahead = (sb->next_ahead + 1) % GOFER_AHEAD_MAX;
    }
    struct gofer_ahead old = *at;
    *at = step;
    mutex_unlock(&sb->lock);
    put_ahead(&old);
}

/* A walk that keeps what it finds. */
struct steps {
    struct gofer_walk_sink sink;
    struct gofer_sb *sb;
    const struct names *names;
    struct gofer_inode *dir; /* a reference: where the next step is taken */
    unsigned done;
    uint64_t seq;
    bool failed;
};

static void take_step(struct gofer_walk_sink *sink, const struct gofer_found *f, const char *text,
                      size_t len)
{
    struct steps *s = container_of(sink, struct steps, sink);
    struct gofer_inode *gi;

    if (s->failed) {
        gofer_client_clunk(gofer_client_of(s->dir), f->handle);
        return;
    }
    s->failed = gofer_intern(s->sb, f, s->seq, &gi) < 0;
    if (s->failed)
        return;
    gofer_place(gi, s->dir, s->names->at[s->done]);
    gofer_keep_text(gi, text, len);
    inode_get(&gi->inode);
    keep_step(s->sb,
              (struct gofer_ahead){ .dir = s->dir, .child = gi, .path = s->names->path[s->done] },
              s->names->at[s->done]);
    s->done++;
    s->dir = gi;
}

/* Where the walk ended at a name that is not there, that is kept, too, unless things have changed.
 */
static void keep_end(struct steps *s, int why)
{
    struct gofer_ahead end = { 0 };

    if (why != -ENOENT || s->failed || s->done >= s->names->count)
        return;
    if (atomic_load_explicit(&s->sb->changes, memory_order_acquire) != s->seq)
        return;
    const char *name = s->names->at[s->done];
    end.name = arena_strndup(s->sb->sb.arena, name, strlen(name));
    if (!end.name)
        return;
    end.dir = s->dir;
    end.seq = s->seq;
    end.path = s->names->path[s->done];
    inode_get(&s->dir->inode);
    keep_step(s->sb, end, name);
}

/* Is there an answer for it already? */
static bool is_known(struct gofer_inode *dir, const char *name, const char *path)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    struct gofer_found found;

    mutex_lock(&sb->lock);
    const struct gofer_ahead *a = find_locked(sb, dir, name);
    bool taken = a && (!sb->shared || a->path == path);
    mutex_unlock(&sb->lock);
    return taken || gofer_list_lookup(dir, name, &found) != 0;
}

void gofer_look_ahead_op(struct inode *inode, const char *path, const struct actor *who)
{
    struct gofer_inode *dir = gofer_inode_of(inode);
    struct gofer_sb *sb = gofer_sb_of(dir);
    struct names names;
    gofer_handle_t h;
    int why = 0;

    (void)who;
    split(path, &names);
    if (names.count < 2 || is_known(dir, names.at[0], path))
        return;
    struct steps s = { .sink.found = take_step,
                       .sb = sb,
                       .names = &names,
                       .dir = dir,
                       .seq = atomic_load_explicit(&sb->changes, memory_order_acquire) };
    inode_get(inode);
    int err = GOFER_RETRY(
        dir, h, gofer_walk(gofer_client_of(dir), h, names.at, names.count, &s.sink, &why));
    if (!err)
        keep_end(&s, why);
    inode_put(&s.dir->inode);
}

int gofer_ahead_take(struct gofer_inode *dir, const char *name, struct gofer_inode **out)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    struct gofer_ahead found = { 0 };

    mutex_lock(&sb->lock);
    struct gofer_ahead *a = find_locked(sb, dir, name);
    if (a) {
        found = *a;
        *a = (struct gofer_ahead){ 0 };
    }
    mutex_unlock(&sb->lock);
    if (!found.dir)
        return 0;
    *out = keep(found.child);
    put_ahead(&found);
    return *out ? 1 : -ENOENT;
}

void gofer_ahead_drop(struct gofer_sb *sb)
{
    for (size_t i = 0; i < GOFER_AHEAD_MAX; i++) {
        mutex_lock(&sb->lock);
        struct gofer_ahead a = sb->ahead[i];
        sb->ahead[i] = (struct gofer_ahead){ 0 };
        mutex_unlock(&sb->lock);
        put_ahead(&a);
    }
}
