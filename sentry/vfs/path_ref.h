/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path with a count of its own: what an address space keeps of the files in it
 * (map_source.path, mm_set_exe()), without knowing vfs.
 */
#pragma once

#include "sentry/mm/mm.h"
#include "sentry/vfs/walk.h"

struct path_ref;

/* Errors: ENOMEM. `out` is given. */
must_use int path_ref_create(struct arena *a, const struct path *p, struct path_ref **out);

struct path_ref *path_ref_get(struct path_ref *r);
void path_ref_put(struct path_ref *r);
DEFINE_SCOPED(path_ref)

/*
 * From now to the ref's end nobody can open `inode` for writing, or change its size: it is a
 * program that runs. Once, and before the ref is shared.
 *
 *   errors    ETXTBSY where it is open for writing
 */
must_use int path_ref_deny_write(struct path_ref *r, struct inode *inode);

/* The other way round: it stays open for writing, as it is now, by a mapping that outlives its
 * descriptor. */
void path_ref_stay_writer(struct path_ref *r, struct inode *inode);

/* Borrowed for as long as the reference is held. */
const struct path *path_ref_path(const struct path_ref *r);

/* For mm_set_path_hooks(). */
extern const struct path_hooks path_ref_hooks;
