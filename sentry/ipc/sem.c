/* SPDX-License-Identifier: Apache-2.0 */
/* Sets: how they begin and end. */
#include "sentry/ipc/sem.h"

#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/sem_priv.h"

#define SEM_MSL 32000
#define SEM_MNS 1024000000 /* SEM_MNI of SEM_MSL each */
#define SEM_OPM 500
#define SEM_MNI 32000

static const struct slab_type sem_set_slab =
    SLAB_TYPE(sem_set, struct sem_set, .const_ptrs = { IPC_OBJECT_PTRS(struct sem_set) });

void sem_table_init(struct sem_table *t, struct arena *a)
{
    ipc_ids_init(&t->ids, a);
    t->msl = SEM_MSL;
    t->mns = SEM_MNS;
    t->opm = SEM_OPM;
    t->mni = SEM_MNI;
}

/* ---- a set ---- */

static const struct ipc_kind sem_kind;

static int sem_create(const struct ipc_caller *c, int flags, const void *want,
                      struct ipc_object **out)
{
    struct arena *a = c->ns->sem.ids.arena;
    uint32_t count = *(const uint32_t *)want;
    struct sem_set *s = count ? slab_alloc(a, &sem_set_slab) : NULL;

    if (!s)
        return count ? -ENOMEM : -EINVAL;
    ipc_object_init(&s->object, &sem_kind, c, flags);
    list_init(&s->queue);
    list_init(&s->undos);
    s->count = count;
    s->ctime = ipc_time(a);
    s->sems = arena_alloc(a, count * sizeof *s->sems);
    if (!s->sems) {
        ipc_object_put(&s->object);
        return -ENOMEM;
    }
    *out = &s->object;
    return 0;
}

static int sem_serves(const struct ipc_object *o, const void *want)
{
    const struct sem_set *s = container_of(o, const struct sem_set, object);

    return *(const uint32_t *)want > s->count ? -EINVAL : 0;
}

static int sem_admit_locked(const struct ipc_object *o, const struct ipc_caller *c)
{
    const struct sem_table *t = &c->ns->sem;
    uint64_t used = (uint64_t)t->used + container_of(o, const struct sem_set, object)->count;

    return used > (uint64_t)atomic_load(&t->mns) ? -ENOSPC : 0;
}

static void sem_enter_locked(struct ipc_object *o, const struct ipc_caller *c)
{
    c->ns->sem.used += sem_of(o)->count;
}

static void sem_destroy(struct ipc_object *o)
{
    struct sem_set *s = sem_of(o);

    assert(list_empty(&s->queue) && list_empty(&s->undos));
    for (uint32_t i = 0; s->sems && i < s->count; i++)
        ipc_object_note_pid(o, &s->sems[i].pid, NULL);
    arena_free(s->sems);
    slab_free(s);
}

static const struct ipc_kind sem_kind = {
    .create = sem_create,
    .serves = sem_serves,
    .admit_locked = sem_admit_locked,
    .enter_locked = sem_enter_locked,
    .destroy = sem_destroy,
};

int sem_open_key(const struct ipc_caller *c, int key, int count, int flags)
{
    struct sem_table *t = &c->ns->sem;
    uint32_t want = (uint32_t)count;

    if (count < 0 || count > atomic_load(&t->msl))
        return -EINVAL;
    return ipc_ids_open(&t->ids, c, &sem_kind, key, flags, &want, (uint32_t)atomic_load(&t->mni));
}

int sem_find(const struct ipc_caller *c, int id, struct sem_set **out)
{
    struct ipc_object *o;
    int err = ipc_ids_get(&c->ns->sem.ids, id, &o);

    if (!err)
        *out = sem_of(o);
    return err;
}

/* ---- the end ---- */

static void leave_table_locked(struct sem_table *t, struct sem_set *s)
    HOLDS(t->ids.lock, s->object.lock);
static void leave_table_locked(struct sem_table *t, struct sem_set *s)
{
    sem_answer_all_locked(s, -EIDRM);
    sem_undo_forget_locked(t, s);
    t->used -= s->count;
    ipc_ids_remove_locked(&t->ids, &s->object);
}

int sem_remove(const struct ipc_caller *c, int id)
{
    struct sem_table *t = &c->ns->sem;
    struct sem_set *s;
    int err = sem_find(c, id, &s);

    if (err)
        return err;
    mutex_lock(&t->ids.lock);
    mutex_lock(&s->object.lock);
    err = s->object.removed ? -EIDRM : ipc_object_owned_locked(&s->object, c);
    if (!err)
        leave_table_locked(t, s);
    mutex_unlock(&s->object.lock);
    mutex_unlock(&t->ids.lock);
    if (!err)
        ipc_object_put(&s->object); /* the table's */
    ipc_object_put(&s->object);
    return err;
}

void sem_table_end(struct sem_table *t)
{
    struct ipc_object *o;

    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        struct sem_set *s = sem_of(o);
        mutex_lock(&t->ids.lock);
        mutex_lock(&s->object.lock);
        leave_table_locked(t, s);
        mutex_unlock(&s->object.lock);
        mutex_unlock(&t->ids.lock);
        ipc_object_put(o); /* the table's */
        ipc_object_put(o);
    }
    ipc_ids_destroy(&t->ids);
}
