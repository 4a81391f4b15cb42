/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEM_UNDO: what a process has done to semaphores is undone when it ends.
 *
 * A debt hangs in two lists: of those who owe it (threads share one by CLONE_SYSVSEM), and of
 * the set. It goes with the first of the two: when the last debtor ends, who pays it then, or
 * when the set is removed.
 */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/sem_priv.h"

static const struct slab_type undo_list_slab = SLAB_TYPE(sem_undo_list, struct sem_undo_list);
static const struct slab_type undo_slab = SLAB_TYPE(sem_undo, struct sem_undo);

int sem_undo_create(struct arena *a, struct sem_undo_list **out)
{
    struct sem_undo_list *l = slab_alloc(a, &undo_list_slab);

    if (!l)
        return -ENOMEM;
    ref_init(&l->ref);
    l->arena = a;
    list_init(&l->undos);
    *out = l;
    return 0;
}

struct sem_undo_list *sem_undo_get(struct sem_undo_list *l)
{
    ref_get(&l->ref);
    return l;
}

static void undo_free(struct sem_undo *u)
{
    arena_free(u->adjust);
    slab_free(u);
}

static int undo_create(struct arena *a, struct sem_set *s, struct sem_undo **out)
{
    struct sem_undo *u = slab_alloc(a, &undo_slab);

    if (!u)
        return -ENOMEM;
    list_init(&u->of_list);
    list_init(&u->of_set);
    u->set = s;
    u->adjust = arena_alloc(a, s->count * sizeof *u->adjust);
    if (!u->adjust) {
        undo_free(u);
        return -ENOMEM;
    }
    *out = u;
    return 0;
}

static int find_locked(struct sem_undo_list *l, struct sem_set *s, struct sem_undo **out)
    HOLDS(s->object.lock);
static int find_locked(struct sem_undo_list *l, struct sem_set *s, struct sem_undo **out)
{
    struct sem_undo *u;

    if (s->object.removed)
        return -EIDRM;
    list_for_each (u, &l->undos, of_list) {
        if (u->set == s) {
            *out = u;
            return 0;
        }
    }
    int err = undo_create(l->arena, s, &u);
    if (err)
        return err;
    list_push_back(&l->undos, &u->of_list);
    list_push_back(&s->undos, &u->of_set);
    *out = u;
    return 0;
}

int sem_undo_find(struct sem_table *t, struct sem_undo_list *l, struct sem_set *s, int16_t **adjust)
{
    struct sem_undo *u;

    mutex_lock(&t->ids.lock);
    mutex_lock(&s->object.lock);
    int err = find_locked(l, s, &u);
    if (!err)
        *adjust = u->adjust;
    mutex_unlock(&s->object.lock);
    mutex_unlock(&t->ids.lock);
    return err;
}

static void unlink_undo(struct sem_undo *u)
{
    list_del(&u->of_list);
    list_del(&u->of_set);
}

void sem_undo_forget_locked(struct sem_table *t, struct sem_set *s)
{
    struct sem_undo *u;

    (void)t;
    while ((u = list_first(&s->undos, struct sem_undo, of_set))) {
        unlink_undo(u);
        undo_free(u);
    }
}

/* exit_sem(): what is owed is paid as far as the limits of a value let it. */
static void pay_locked(struct sem_set *s, const struct sem_undo *u, struct pid *by)
    HOLDS(s->object.lock);
static void pay_locked(struct sem_set *s, const struct sem_undo *u, struct pid *by)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!u->adjust[i])
            continue;
        s->sems[i].value = sem_adjusted(s->sems[i].value, u->adjust[i]);
        ipc_object_note_pid(&s->object, &s->sems[i].pid, by);
    }
    sem_settle_locked(s, true);
}

/* The first of its debts. False where there is none. */
static bool pay_one(struct sem_undo_list *l, struct sem_table *t, struct pid *by)
{
    mutex_lock(&t->ids.lock);
    struct sem_undo *u = list_first(&l->undos, struct sem_undo, of_list);
    if (u) {
        struct sem_set *s = u->set;
        mutex_lock(&s->object.lock);
        unlink_undo(u);
        pay_locked(s, u, by);
        mutex_unlock(&s->object.lock);
    }
    mutex_unlock(&t->ids.lock);
    if (u)
        undo_free(u);
    return u;
}

void sem_undo_put(struct sem_undo_list *l, struct ipc_ns *ns, struct pid *by)
{
    if (!l || !ref_put(&l->ref))
        return;
    while (pay_one(l, &ns->sem, by))
        ;
    slab_free(l);
}
