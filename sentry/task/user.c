/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of the user ids that have anything in use; one that has nothing leaves it. */
#include "sentry/task/user.h"

#include <errno.h>

#include "base/rbtree.h"
#include "sentry/core/slab.h"
#include "sentry/task/tasks.h"

struct user_counts {
    struct rb_node node;
    uint32_t uid;
    uint64_t in_use[USER_COUNTS];
};

static const struct slab_type user_slab = SLAB_TYPE(user, struct user_counts);

/* `slot` and `parent` say where a new one belongs. */
static struct user_counts *find_locked(struct tasks *ts, uint32_t uid, struct rb_node **parent,
                                       struct rb_node ***slot) HOLDS(ts->users_lock)
{
    *parent = NULL;
    *slot = &ts->users.node;
    while (**slot) {
        struct user_counts *u = rb_entry(**slot, struct user_counts, node);
        if (u->uid == uid)
            return u;
        *parent = **slot;
        *slot = uid < u->uid ? &(*parent)->left : &(*parent)->right;
    }
    return NULL;
}

static int charge_locked(struct tasks *ts, uint32_t uid, enum user_count what, uint64_t limit)
    HOLDS(ts->users_lock)
{
    struct rb_node *parent, **slot;
    struct user_counts *u = find_locked(ts, uid, &parent, &slot);

    if (limit <= (u ? u->in_use[what] : 0))
        return -EAGAIN;
    if (!u) {
        u = slab_alloc(ts->arena, &user_slab);
        if (!u)
            return -ENOMEM;
        u->uid = uid;
        rb_link(&u->node, parent, slot);
        rb_fixup(&ts->users, &u->node);
    }
    u->in_use[what]++;
    return 0;
}

int user_charge(struct arena *a, uint32_t uid, enum user_count what, uint64_t limit)
{
    struct tasks *ts = tasks_of(a);

    mutex_lock(&ts->users_lock);
    int err = charge_locked(ts, uid, what, limit);
    mutex_unlock(&ts->users_lock);
    return err;
}

void user_uncharge(struct arena *a, uint32_t uid, enum user_count what)
{
    struct tasks *ts = tasks_of(a);
    struct rb_node *parent, **slot;
    bool empty = true;

    mutex_lock(&ts->users_lock);
    struct user_counts *u = find_locked(ts, uid, &parent, &slot);
    assert(u && u->in_use[what] > 0);
    u->in_use[what]--;
    for (int i = 0; i < USER_COUNTS; i++)
        empty &= u->in_use[i] == 0;
    if (empty) {
        rb_erase(&ts->users, &u->node);
        slab_free(u);
    }
    mutex_unlock(&ts->users_lock);
}

uint64_t user_in_use(struct arena *a, uint32_t uid, enum user_count what)
{
    struct tasks *ts = tasks_of(a);
    struct rb_node *parent, **slot;

    mutex_lock(&ts->users_lock);
    struct user_counts *u = find_locked(ts, uid, &parent, &slot);
    uint64_t n = u ? u->in_use[what] : 0;
    mutex_unlock(&ts->users_lock);
    return n;
}
