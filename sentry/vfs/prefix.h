/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes: where the directories are that paths began with lately.
 *
 * Programs name file after file of the same directories. What a walk found for all of a
 * path but its last component is kept here by its text, and the next walk with the same
 * beginning starts there. A prefix is good as long as nothing has happened that could
 * change what it leads to, or whether the caller may go there: one count, v->prefix_gen,
 * is raised by whatever does. That is
 *
 *     a directory or symbolic link that leaves its place, or is freed (dentry.c)
 *     a mount that comes or goes (mount.c)
 *     a directory's owner or mode (setattr.c)
 *
 * and never a file's coming or going. Prefixes through file systems that change by
 * themselves, or have rules of their own, are not kept, so what happens there (in /proc at
 * every look) raises nothing.
 *
 * What is kept has references, but keeps nothing from going: prefixes are dropped when
 * a mount leaves its tree, and those of a directory when that is removed.
 */
#pragma once

#include "sentry/vfs/walk.h"

struct prefix;
struct vfs;

/*
 * What a prefix is found by. Pointers but for `text` are compared only, and credentials by what
 * they say: each execve() makes its own.
 */
struct prefix_key {
    const struct cred *cred;
    struct path root, start;
    const char *text; /* to the last '/' */
    size_t len;
    uint64_t hash;
    uint32_t gen; /* v->prefix_gen, before anything was looked at */
};

must_use int prefixes_create(struct vfs *v);
void prefixes_destroy(struct vfs *v);

/*
 * How `name` begins, seen from there.
 *
 *   base      as in walk()
 *   returns   false where there is nothing worth to be kept
 */
bool prefix_key(const struct actor *who, const struct path *base, const char *name,
                struct prefix_key *out);
/* Where it leads to: `at` is given, and the number of links on the way. False: nobody knows. */
bool prefix_find(struct vfs *v, const struct prefix_key *k, struct path *at, unsigned *links);
/* It leads to `at`, unless things have changed since prefix_key(). */
void prefix_keep(struct vfs *v, const struct prefix_key *k, const struct path *at, unsigned links);

/* What a prefix leads to may be another place from now on. Any lock may be held. */
void prefix_changed(struct vfs *v);
/* The same, where a directory or link `d` leaves its place, or is freed. */
void prefix_dentry_changed(const struct dentry *d);
/* May prefixes that lead through it be kept? */
static inline bool prefix_may_cross(const struct superblock *sb)
{
    return !(superblock_flags(sb) & (SB_NOCACHE | SB_REVALIDATE));
}
/* A directory was removed: nobody may keep it. No lock may be held. */
void prefix_forget(struct dentry *dir);
/* The same for all. */
void prefix_drop_all(struct vfs *v);
