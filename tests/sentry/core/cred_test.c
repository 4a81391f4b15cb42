/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/core/cred.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sentry/core/slab.h"

#define CAP_CHOWN     0
#define CAP_SYS_ADMIN 21

static struct arena *a;
static struct user_ns *root;

static void start(void)
{
    int err = arena_create(4 << 20, &a);
    cr_assert_eq(err, 0);
    cr_assert_eq(user_ns_create_root(a, &root), 0);
}

static void stop(void)
{
    user_ns_put(root);
    cr_assert_eq(arena_used(a), 0);
    arena_destroy(a);
}

Test(cred, a_copy_is_its_own, .init = start, .fini = stop)
{
    static const uint32_t groups[] = { 30, 10, 20 };
    struct cred *c, *d;

    cr_assert_eq(cred_create(a, root, 1000, 100, 1 << CAP_CHOWN, &c), 0);
    cr_assert_eq(cred_set_groups(c, groups, 3), 0);
    cr_assert_eq(c->groups[0], 10);
    cr_assert_eq(cred_copy(c, &d), 0);
    cr_assert_eq(cred_set_groups(d, groups, 1), 0);
    cr_assert(cred_in_group(c, 20));
    cr_assert_not(cred_in_group(d, 20));
    cr_assert(cred_in_group(d, 30));
    cr_assert(cred_in_group(d, 100), "the fsgid counts");
    cr_assert_eq(cred_set_groups(d, groups, CRED_GROUPS_MAX + 1), -EINVAL);
    cr_assert(cred_capable(d, CAP_CHOWN));
    cr_assert_not(cred_capable(d, CAP_SYS_ADMIN));
    cred_put(c);
    cred_put(d);
}

static void map(struct user_ns *ns, uint32_t inside, uint32_t outside, uint32_t count)
{
    struct id_map *maps[] = { &ns->uids, &ns->gids };

    for (int i = 0; i < 2; i++) {
        maps[i]->extents = arena_alloc(a, sizeof *maps[i]->extents);
        maps[i]->extents[0] = (struct id_extent){ inside, outside, count };
        maps[i]->n = 1;
    }
}

Test(cred, ids_are_translated_level_by_level, .init = start, .fini = stop)
{
    struct user_ns *ns, *inner;
    struct cred *c, *d;

    cr_assert_eq(cred_create(a, root, 1000, 1000, 0, &c), 0);
    cr_assert_eq(user_ns_create(root, c, 7, &ns), 0);
    cr_assert_eq(user_ns_uid_in(ns, 0), ID_NONE);
    cr_assert_eq(user_ns_uid_out(ns, 1000), ID_OVERFLOW);
    map(ns, 0, 1000, 10);
    cr_assert_eq(user_ns_uid_in(ns, 3), 1003);
    cr_assert_eq(user_ns_uid_in(ns, 10), ID_NONE);
    cr_assert_eq(user_ns_gid_out(ns, 1009), 9);
    cr_assert_eq(user_ns_create(ns, c, 8, &inner), 0);
    map(inner, 500, 5, 2);
    cr_assert_eq(user_ns_uid_in(inner, 501), 1006);
    cr_assert_eq(user_ns_uid_out(inner, 1006), 501);
    cr_assert_eq(user_ns_uid_out(inner, 1000), ID_OVERFLOW);
    cr_assert_eq(user_ns_uid_in(root, 4000000000u), 4000000000u);
    cr_assert(user_ns_has_uid(ns, 1009));
    cr_assert_not(user_ns_has_gid(ns, 1010));
    cr_assert(user_ns_has_uid(root, ID_OVERFLOW), "a number like any other");
    cr_assert_not(user_ns_has_uid(ns, ID_OVERFLOW));
    cr_assert_eq(inner->ino, 8);
    /* Who has no name in a namespace cannot make another one there. */
    cr_assert_eq(cred_create(a, root, 5, 5, 0, &d), 0);
    struct user_ns *none;
    cr_assert_eq(user_ns_create(ns, d, 7, &none), -EPERM);
    cred_put(d);
    user_ns_put(inner);
    user_ns_put(ns);
    cred_put(c);
}

Test(cred, the_owner_of_a_namespace_rules_in_it, .init = start, .fini = stop)
{
    struct user_ns *ns;
    struct cred *owner, *other, *inside;

    cr_assert_eq(cred_create(a, root, 1000, 1000, 0, &owner), 0);
    cr_assert_eq(cred_create(a, root, 1001, 1001, 0, &other), 0);
    cr_assert_eq(user_ns_create(root, owner, 7, &ns), 0);
    cr_assert_eq(cred_create(a, ns, 1000, 1000, CAPS_ALL, &inside), 0);
    cr_assert(cred_ns_capable(owner, ns, CAP_SYS_ADMIN));
    cr_assert_not(cred_ns_capable(owner, root, CAP_SYS_ADMIN));
    cr_assert_not(cred_ns_capable(other, ns, CAP_SYS_ADMIN));
    cr_assert(cred_ns_capable(inside, ns, CAP_SYS_ADMIN));
    cr_assert_not(cred_ns_capable(inside, root, CAP_SYS_ADMIN));
    cred_put(inside);
    cred_put(other);
    cred_put(owner);
    user_ns_put(ns);
}

Test(cred, levels_end, .init = start, .fini = stop)
{
    struct user_ns *ns = user_ns_get(root), *next;
    struct cred *c;
    int err = 0, n = 0;

    cr_assert_eq(cred_create(a, root, 0, 0, CAPS_ALL, &c), 0);
    while ((err = user_ns_create(ns, c, 7, &next)) == 0) {
        map(next, 0, 0, 1);
        user_ns_put(ns);
        ns = next;
        n++;
    }
    cr_assert_eq(err, -ENOSPC);
    cr_assert_eq(n, 32);
    user_ns_put(ns);
    cred_put(c);
}
