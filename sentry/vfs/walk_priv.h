/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk in progress.
 *
 * walk_start() sets it to where the path starts; walk_to_last() goes on to the
 * directory of the last component and leaves that in `last`; walk_last() takes it.
 * A symbolic link on the way is pushed: the text of the link is gone through
 * before what is left of the path.
 */
#pragma once

#include "sentry/vfs/dentry.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/walk.h"

#define WALK_LINKS_MAX 40
#define WALK_TEXT      1024 /* room for the texts of links before memory is asked for */

enum last_kind {
    LAST_NAME,
    LAST_ROOT, /* the path was "/" or a link to it */
    LAST_DOT,
    LAST_DOTDOT,
};

/* What is left of a path when a link in the middle of it is gone through. */
struct walk_level {
    const char *rest;
    char *memory; /* arena bytes that go with this level, or NULL */
    size_t text;  /* how much of walk.text was used before it */
};

struct walk {
    const struct actor *who;
    struct path at;   /* references */
    struct path root; /* references; where ".." and "/" end; not set before it is needed */
    const char *rest; /* what is still to be gone */
    unsigned flags;
    unsigned links; /* gone through so far */
    unsigned depth; /* levels in use */
    uint32_t moves; /* of vfs, when a scoped walk began */
    enum last_kind kind;
    const char *last; /* the last component; not NUL-terminated */
    size_t last_len;
    bool slash; /* a '/' follows it */
    bool keyed; /* nobody knows yet where `key` leads to */
    bool known; /* w->at is where it leads to */
    bool plain; /* nothing was met that keeps it from being kept */
    struct prefix_key key;
    bool jumped; /* the last step went through a magic link */
    size_t text_used;
    struct walk_level levels[WALK_LINKS_MAX];
    char text[WALK_TEXT];
};

/* Errors: ENOENT for an empty path; EACCES, ENOTDIR. Then walk_end() need not, but may, be called.
 */
must_use int walk_start(struct walk *w, const struct actor *who, const struct path *base,
                        const char *name, unsigned flags);
void walk_end(struct walk *w);

/* ---- walk_step.c ---- */

/* What w->at leads to. */
struct inode *walk_here(const struct walk *w);
/* "..": never above the root, over mounts. Errors: EXDEV; EAGAIN in a confined walk. */
must_use int walk_step_up(struct walk *w);
/* The text of the link on top is gone through. */
void walk_pop_level(struct walk *w);

/* Goes to the directory of the last component. Errors: those of walk(). */
must_use int walk_to_last(struct walk *w);

/* Takes "", ".", ".." or "/": w->at is there. */
must_use int walk_last_dot(struct walk *w);
/* The name itself, uncrossed, given: walk_enter() goes there. */
must_use int walk_last_name(struct walk *w, struct dentry **out);
/* Steps onto `d` (taken) below w->at, and what is mounted on it. Errors: EXDEV. */
must_use int walk_enter(struct walk *w, struct dentry *d);
/*
 * w->at is a symbolic link in the directory `dir` (taken): goes on with its text.
 *
 *   returns   1: walk_to_last() has more to do; 0: a magic link has led w->at to its end
 *   errors    ELOOP, EACCES, ENOENT (an empty link), ENAMETOOLONG, ENOMEM
 */
must_use int walk_link(struct walk *w, struct path *dir);

/* Takes the last component whatever it is, following links where the flags say. */
must_use int walk_finish(struct walk *w);
