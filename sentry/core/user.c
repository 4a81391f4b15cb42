/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of the user ids that have anything in use; one that has nothing leaves it. */
#include "sentry/core/user.h"

#include <errno.h>

#include "base/lock.h"
#include "base/rbtree.h"
#include "sentry/core/slab.h"

/* [l] under lock */
struct users {
    struct mutex lock;  /* RANK_USERS */
    struct rb_root ids; /* [l] struct user_counts, by uid */
};

struct user_counts {
    struct rb_node node;
    uint32_t uid;
    uint64_t in_use[USER_COUNTS];
};

static const struct slab_type users_slab = SLAB_TYPE(users, struct users);
static const struct slab_type user_slab = SLAB_TYPE(user, struct user_counts);

static struct users *users_of(const struct arena *a)
{
    return arena_root(a, ROOT_USERS);
}

int users_create(struct arena *a)
{
    struct users *us = slab_alloc(a, &users_slab);

    if (!us)
        return -ENOMEM;
    mutex_init(&us->lock, RANK_USERS);
    arena_set_root(a, ROOT_USERS, us);
    return 0;
}

void users_destroy(struct arena *a)
{
    struct users *us = users_of(a);

    assert(!us || rb_empty(&us->ids));
    arena_set_root(a, ROOT_USERS, NULL);
    slab_free(us);
}

/* `slot` and `parent` say where a new one belongs. */
static struct user_counts *find_locked(struct users *us, uint32_t uid, struct rb_node **parent,
                                       struct rb_node ***slot) HOLDS(us->lock)
{
    *parent = NULL;
    *slot = &us->ids.node;
    while (**slot) {
        struct user_counts *u = rb_entry(**slot, struct user_counts, node);
        if (u->uid == uid)
            return u;
        *parent = **slot;
        *slot = uid < u->uid ? &(*parent)->left : &(*parent)->right;
    }
    return NULL;
}

static int charge_locked(struct users *us, uint32_t uid, enum user_count what, uint64_t by,
                         uint64_t limit) HOLDS(us->lock)
{
    struct rb_node *parent, **slot;
    struct user_counts *u = find_locked(us, uid, &parent, &slot);

    if (by > limit || (u ? u->in_use[what] : 0) > limit - by)
        return -EAGAIN;
    if (!u) {
        u = slab_alloc(arena_of(us), &user_slab);
        if (!u)
            return -ENOMEM;
        u->uid = uid;
        rb_link(&u->node, parent, slot);
        rb_fixup(&us->ids, &u->node);
    }
    u->in_use[what] += by;
    return 0;
}

int user_charge_by(struct arena *a, uint32_t uid, enum user_count what, uint64_t by, uint64_t limit)
{
    struct users *us = users_of(a);

    mutex_lock(&us->lock);
    int err = charge_locked(us, uid, what, by, limit);
    mutex_unlock(&us->lock);
    return err;
}

void user_uncharge_by(struct arena *a, uint32_t uid, enum user_count what, uint64_t by)
{
    struct users *us = users_of(a);
    struct rb_node *parent, **slot;
    bool empty = true;

    mutex_lock(&us->lock);
    struct user_counts *u = find_locked(us, uid, &parent, &slot);
    assert(u && u->in_use[what] >= by);
    u->in_use[what] -= by;
    for (int i = 0; i < USER_COUNTS; i++)
        empty &= u->in_use[i] == 0;
    if (empty) {
        rb_erase(&us->ids, &u->node);
        slab_free(u);
    }
    mutex_unlock(&us->lock);
}

uint64_t user_in_use(struct arena *a, uint32_t uid, enum user_count what)
{
    struct users *us = users_of(a);
    struct rb_node *parent, **slot;

    mutex_lock(&us->lock);
    struct user_counts *u = find_locked(us, uid, &parent, &slot);
    uint64_t n = u ? u->in_use[what] : 0;
    mutex_unlock(&us->lock);
    return n;
}
