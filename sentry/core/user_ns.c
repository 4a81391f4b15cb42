/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces: their tree, and what ids are called in each. */
#include <errno.h>
#include <string.h>

#include "sentry/core/cred.h"
#include "sentry/core/slab.h"

#define LEVELS_MAX 32
#define FIRST_INO  UINT64_C(0xeffffffd) /* PROC_USER_INIT_INO, linux/proc_ns.h */

static const struct slab_type user_ns_slab = SLAB_TYPE(user_ns, struct user_ns);

static struct user_ns *create(struct arena *a, struct user_ns *parent)
{
    struct user_ns *ns = slab_alloc(a, &user_ns_slab);
    if (!ns)
        return NULL;
    ref_init(&ns->ref);
    if (parent) {
        ns->parent = user_ns_get(parent);
        ns->level = parent->level + 1;
        ns->setgroups_denied = parent->setgroups_denied;
    }
    return ns;
}

static int map_all(struct arena *a, struct id_map *map)
{
    map->extents = arena_alloc(a, sizeof *map->extents);
    if (!map->extents)
        return -ENOMEM;
    map->extents[0] = (struct id_extent){ .count = UINT32_MAX };
    map->n = 1;
    return 0;
}

int user_ns_create_root(struct arena *a, struct user_ns **out)
{
    struct user_ns *ns = create(a, NULL);
    if (!ns)
        return -ENOMEM;
    ns->ino = FIRST_INO;
    int err = map_all(a, &ns->uids);
    if (!err)
        err = map_all(a, &ns->gids);
    if (err) {
        user_ns_put(ns);
        return err;
    }
    *out = ns;
    return 0;
}

int user_ns_show(struct user_ns *ns, bool groups, const struct id_extent *map, uint32_t n)
{
    struct id_map *shown = groups ? &ns->shown_gids : &ns->shown_uids;

    shown->extents = arena_alloc(arena_of(ns), n * sizeof *map);
    if (!shown->extents)
        return -ENOMEM;
    memcpy(shown->extents, map, n * sizeof *map);
    shown->n = n;
    return 0;
}

/* From a name in `map` to the parent's, or back. ID_NONE where there is none. */
static uint32_t translate(const struct id_map *map, uint32_t id, bool in)
{
    for (uint32_t i = 0; i < map->n; i++) {
        const struct id_extent *e = &map->extents[i];
        uint32_t from = in ? e->inside : e->outside, to = in ? e->outside : e->inside;
        if (id >= from && id - from < e->count)
            return to + (id - from);
    }
    return ID_NONE;
}

/* One step to the parent for each level, for extents are written in the parent's ids. */
static uint32_t to_kernel(const struct user_ns *ns, bool gid, uint32_t id)
{
    for (; ns && id != ID_NONE; ns = ns->parent)
        id = translate(gid ? &ns->gids : &ns->uids, id, true);
    return id;
}

static uint32_t from_kernel(const struct user_ns *ns, bool gid, uint32_t id)
{
    if (ns->parent)
        id = from_kernel(ns->parent, gid, id);
    return id == ID_NONE ? ID_NONE : translate(gid ? &ns->gids : &ns->uids, id, false);
}

int user_ns_create(struct user_ns *parent, const struct cred *creator, uint64_t ino,
                   struct user_ns **out)
{
    if (parent->level >= LEVELS_MAX)
        return -ENOSPC;
    if (!user_ns_has_uid(parent, creator->euid) || !user_ns_has_gid(parent, creator->egid))
        return -EPERM;
    struct user_ns *ns = create(arena_of(parent), parent);
    if (!ns)
        return -ENOMEM;
    ns->owner = creator->euid;
    ns->group = creator->egid;
    ns->ino = ino;
    *out = ns;
    return 0;
}

struct user_ns *user_ns_get(struct user_ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

void user_ns_put(struct user_ns *ns)
{
    while (ns && ref_put(&ns->ref)) {
        struct user_ns *parent = ns->parent;
        arena_free(ns->uids.extents);
        arena_free(ns->gids.extents);
        arena_free(ns->shown_uids.extents);
        arena_free(ns->shown_gids.extents);
        slab_free(ns);
        ns = parent;
    }
}

uint32_t user_ns_uid_in(const struct user_ns *ns, uint32_t uid)
{
    return to_kernel(ns, false, uid);
}

uint32_t user_ns_gid_in(const struct user_ns *ns, uint32_t gid)
{
    return to_kernel(ns, true, gid);
}

uint32_t user_ns_uid_out(const struct user_ns *ns, uint32_t kuid)
{
    uint32_t id = from_kernel(ns, false, kuid);

    return id == ID_NONE ? ID_OVERFLOW : id;
}

uint32_t user_ns_gid_out(const struct user_ns *ns, uint32_t kgid)
{
    uint32_t id = from_kernel(ns, true, kgid);

    return id == ID_NONE ? ID_OVERFLOW : id;
}

bool user_ns_has_uid(const struct user_ns *ns, uint32_t kuid)
{
    return from_kernel(ns, false, kuid) != ID_NONE;
}

bool user_ns_has_gid(const struct user_ns *ns, uint32_t kgid)
{
    return from_kernel(ns, true, kgid) != ID_NONE;
}
