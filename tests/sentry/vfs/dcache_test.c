/* SPDX-License-Identifier: Apache-2.0 */
/* How many names are kept, and what it costs to keep to it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "sentry/core/slab.h"
#include "sentry/mm/frame.h"
#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/vfs_priv.h"
#include "tests/lib/vfs_world.h"

#define PINNED_MAX 20000

static struct vfs_world w;
static struct dentry *pinned[PINNED_MAX];
static uint32_t npinned;

static void start(void)
{
    vfs_world_start(&w);
}

static void unpin_all(void)
{
    while (npinned > 0)
        dentry_put(pinned[--npinned]);
}

static void stop(void)
{
    unpin_all();
    vfs_world_stop(&w);
}

TestSuite(dcache, .init = start, .fini = stop);

static struct vfs *vfs(void)
{
    return vfs_of(w.mm.arena);
}

static uint32_t most(void)
{
    return (uint32_t)(ram_total(w.mm.arena) / DCACHE_SHARE);
}

/* Looks at a name that is not there; given. */
static struct dentry *look(const char *prefix, uint32_t i)
{
    struct path root;
    struct dentry *d;
    char name[32];

    snprintf(name, sizeof name, "%s%u", prefix, i);
    fs_context_root(w.fs, &root);
    cr_assert_eq(dentry_lookup(root.dentry, name, &w.root, &d), 0);
    path_put(&root);
    return d;
}

/* Uses `n` names, and all of them just now. */
static void pin(uint32_t n)
{
    cr_assert_leq(n, PINNED_MAX);
    for (npinned = 0; npinned < n; npinned++)
        pinned[npinned] = look("pinned", npinned);
    for (uint32_t i = 0; i < n; i++)
        dentry_put(look("pinned", i));
}

static void miss(uint32_t n)
{
    static uint32_t next;

    while (n-- > 0)
        dentry_put(look("absent", next++));
}

/* Names that the hand has not gone over since they were last used. */
static uint32_t count_used(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < npinned; i++)
        n += (dentry_state(pinned[i]) & DENTRY_USED) != 0;
    return n;
}

Test(dcache, names_that_nobody_uses_are_kept_up_to_a_limit)
{
    miss(most());
    cr_assert_geq(vfs()->ncached, most());
    miss(3 * most());
    cr_assert_leq(vfs()->ncached, most() + most() / 16);
    cr_assert_geq(vfs()->ncached, most() - most() / 16);
}

Test(dcache, a_miss_costs_the_same_however_many_names_are_in_use)
{
    uint32_t n = 2 * most();

    pin(n);
    cr_assert_geq(vfs()->ncached, n);
    cr_assert_eq(count_used(), n);
    miss(1);
    cr_assert_geq(count_used(), n - 256, "one miss went over %u names", n - count_used());
}

Test(dcache, what_nobody_uses_goes_though_more_than_the_limit_is_in_use)
{
    uint32_t n = 2 * most();

    pin(n);
    miss(3 * n);
    cr_assert_leq(vfs()->ncached, n + n / 8, "%u names, %u in use", vfs()->ncached, n);
    unpin_all();
    miss(n);
    cr_assert_leq(vfs()->ncached, most() + most() / 16);
}
