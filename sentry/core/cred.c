/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: immutable once shared, so that readers need no lock. */
#include "sentry/core/cred.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "sentry/core/slab.h"

static const struct slab_type cred_slab = SLAB_TYPE(cred, struct cred);

int cred_create(struct arena *a, struct user_ns *ns, uint32_t uid, uint32_t gid, uint64_t caps,
                struct cred **out)
{
    struct cred *c = slab_alloc(a, &cred_slab);
    if (!c)
        return -ENOMEM;
    ref_init(&c->ref);
    c->ruid = c->euid = c->suid = c->fsuid = uid;
    c->rgid = c->egid = c->sgid = c->fsgid = gid;
    c->cap_permitted = c->cap_effective = caps & CAPS_ALL;
    c->cap_bounding = CAPS_ALL;
    c->user_ns = user_ns_get(ns);
    *out = c;
    return 0;
}

int cred_copy(const struct cred *from, struct cred **out)
{
    struct cred *c = slab_alloc(arena_of(from), &cred_slab);
    if (!c)
        return -ENOMEM;
    /* All but the count, which others change meanwhile. */
    memcpy((char *)c + sizeof c->ref, (const char *)from + sizeof from->ref,
           sizeof *c - sizeof c->ref);
    ref_init(&c->ref);
    c->groups = NULL;
    c->ngroups = 0;
    c->user_ns = user_ns_get(from->user_ns);
    int err = cred_set_groups(c, from->groups, from->ngroups);
    if (err) {
        cred_put(c);
        return err;
    }
    *out = c;
    return 0;
}

struct cred *cred_get(const struct cred *from)
{
    struct cred *c = (struct cred *)from; /* the count is not part of what never changes */

    ref_get(&c->ref);
    return c;
}

bool cred_same(const struct cred *a, const struct cred *b)
{
    const size_t from = offsetof(struct cred, ruid), end = offsetof(struct cred, no_new_privs);

    if (a == b)
        return true;
    return memcmp((const char *)a + from, (const char *)b + from, end - from) == 0 &&
           a->no_new_privs == b->no_new_privs && a->user_ns == b->user_ns &&
           a->ngroups == b->ngroups &&
           (a->ngroups == 0 || memcmp(a->groups, b->groups, a->ngroups * sizeof *a->groups) == 0);
}

void cred_put(struct cred *c)
{
    if (!c || !ref_put(&c->ref))
        return;
    arena_free(c->groups);
    user_ns_put(c->user_ns);
    slab_free(c);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

int cred_set_groups(struct cred *c, const uint32_t *groups, uint32_t n)
{
    uint32_t *copy = NULL;

    if (n > CRED_GROUPS_MAX)
        return -EINVAL;
    if (n > 0) {
        copy = arena_alloc(arena_of(c), n * sizeof *copy);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, groups, n * sizeof *copy);
        sort(copy, n, sizeof *copy, compare_ids);
    }
    arena_free(c->groups);
    c->groups = copy;
    c->ngroups = n;
    return 0;
}

bool cred_in_group(const struct cred *c, uint32_t kgid)
{
    if (kgid == c->fsgid)
        return true;
    return c->ngroups && bsearch(&kgid, c->groups, c->ngroups, sizeof kgid, compare_ids) != NULL;
}

bool cred_capable(const struct cred *c, int cap)
{
    assert(cap >= 0 && cap < CAP_COUNT);
    return c->cap_effective >> cap & 1;
}

bool cred_root_capable(const struct cred *c, int cap)
{
    return !c->user_ns->parent && cred_capable(c, cap);
}

bool cred_ns_capable(const struct cred *c, const struct user_ns *ns, int cap)
{
    /* user_namespaces(7), "Capabilities": in an ancestor, one has what one has there; the
     * owner of a namespace, seen from its parent, has all. */
    for (;; ns = ns->parent) {
        if (ns == c->user_ns)
            return cred_capable(c, cap);
        if (ns->level <= c->user_ns->level)
            return false;
        if (ns->parent == c->user_ns && ns->owner == c->euid)
            return true;
    }
}
