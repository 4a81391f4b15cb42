/* SPDX-License-Identifier: Apache-2.0 */
/* Names that leave the cache: while others change them, and with their directory. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/dentry_priv.h"
#include "tests/lib/vfs_world.h"

static struct vfs_world w;

static void start(void)
{
    vfs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/x", 0755), 0);
    cr_assert_eq(vfs_mkdir(&w.root, NULL, "/y", 0755), 0);
    world_put(&w.root, "/x/a", "");
    world_put(&w.root, "/y/b", "");
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(dentry_move, .init = start, .fini = stop);

/* The name of that path, given. */
static struct dentry *name_at(const char *path)
{
    struct path p;

    cr_assert_eq(walk(&w.root, NULL, path, 0, &p), 0);
    struct dentry *d = dentry_get(p.dentry);
    path_put(&p);
    return d;
}

/* Exchanges x/a and y/b, of which a look-up has forgotten some meanwhile. */
static void exchange(bool forget_a, bool forget_b)
{
    scoped(dentry) struct dentry *a = name_at("/x/a"), *b = name_at("/y/b");
    scoped(dentry) struct dentry *x = name_at("/x"), *y = name_at("/y");
    bool both = !forget_a && !forget_b;

    if (forget_a)
        dentry_forget(a, false);
    if (forget_b)
        dentry_forget(b, false);
    dentry_exchange(a, b);
    cr_assert_eq(a->parent, y);
    cr_assert_eq(b->parent, x);
    cr_assert_str_eq(a->name, "b");
    cr_assert_str_eq(b->name, "a");
    cr_assert_eq(dentry_is_child(a, y, "b", 1), both);
    cr_assert_eq(dentry_is_child(b, x, "a", 1), both);
    cr_assert_eq(x->children.count, both ? 1 : 0);
    cr_assert_eq(y->children.count, both ? 1 : 0);
    dentry_drop_children(x);
    dentry_drop_children(y);
    /* What the test holds is all that is left. */
    cr_assert_eq(ref_count(&a->ref), both ? 2 : 1);
    cr_assert_eq(ref_count(&b->ref), both ? 2 : 1);
}

Test(dentry_move, exchanged_names_are_both_in_the_cache_or_neither)
{
    exchange(false, false);
    exchange(true, false);
    exchange(false, true);
    exchange(true, true);
}

/* Looks at names below /x that are not there; those between `from` and `to` are held. */
static void look_at_absent(unsigned n, unsigned from, unsigned to, struct dentry **held)
{
    scoped(dentry) struct dentry *x = name_at("/x");

    for (unsigned i = 0; i < n; i++) {
        struct dentry *d;
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        cr_assert_eq(dentry_lookup(x, name, &w.root, &d), 0);
        if (i >= from && i < to)
            held[i - from] = keep(d);
        dentry_put(d);
    }
}

Test(dentry_move, children_that_nobody_uses_all_go_and_the_others_stay)
{
    struct dentry *held[100];
    scoped(dentry) struct dentry *x = name_at("/x");

    for (unsigned n = 1; n <= 4096; n *= 4) {
        unsigned from = n / 2, to = min(n, from + (unsigned)ARRAY_LEN(held));
        look_at_absent(n, from, to, held);
        cr_assert_geq(x->children.count, n);
        dentry_drop_children(x);
        cr_assert_eq(x->children.count, to - from, "of %u", n);
        for (unsigned i = 0; i < to - from; i++) {
            cr_assert(dentry_is_child(held[i], x, held[i]->name, held[i]->name_len));
            dentry_put(held[i]);
        }
        dentry_drop_children(x);
        cr_assert_eq(x->children.count, 0, "of %u", n);
    }
}

Test(dentry_move, a_removed_directory_takes_its_absent_names_along)
{
    size_t before = slab_live(w.mm.arena, SLAB_dentry);

    cr_assert_eq(vfs_unlink(&w.root, NULL, "/x/a"), 0);
    look_at_absent(1000, 0, 0, NULL);
    cr_assert_eq(slab_live(w.mm.arena, SLAB_dentry), before - 1 + 1000);
    cr_assert_eq(vfs_rmdir(&w.root, NULL, "/x"), 0);
    cr_assert_eq(slab_live(w.mm.arena, SLAB_dentry), before - 2);
}
