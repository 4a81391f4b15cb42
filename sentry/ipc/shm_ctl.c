/* SPDX-License-Identifier: Apache-2.0 */
/* shmctl(2): what a segment tells, and what its owner may change. */
#include <errno.h>
#include <linux/capability.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/shm_priv.h"

/* ---- telling ---- */

static void stat_locked(struct shm_segment *s, const struct ipc_caller *c, struct shm_stat *out)
    HOLDS(s->object.lock);
static void stat_locked(struct shm_segment *s, const struct ipc_caller *c, struct shm_stat *out)
{
    *out = (struct shm_stat){
        .ds = {.shm_segsz = s->size,
               .shm_atime = s->atime,
               .shm_dtime = s->dtime,
               .shm_ctime = s->ctime,
               .shm_nattch = s->nattch},
        .id = s->object.id,
    };
    ipc_object_stat_locked(&s->object, c->cred->user_ns, &out->ds.shm_perm);
    ipc_object_note_pid(&s->object, &out->cpid, s->cpid);
    ipc_object_note_pid(&s->object, &out->lpid, s->lpid);
}

static int stat_one(struct shm_segment *s, const struct ipc_caller *c, int mode,
                    struct shm_stat *out)
{
    mutex_lock(&s->object.lock);
    int err = mode ? ipc_object_may_locked(&s->object, c, mode) : 0;
    if (!err && s->object.removed)
        err = -EIDRM;
    if (!err)
        stat_locked(s, c, out);
    mutex_unlock(&s->object.lock);
    if (!err)
        out->rss = shared_pages(s->memory) * PAGE_SIZE; /* which is under a lock before ours */
    return err;
}

int shm_stat_get(const struct ipc_caller *c, int id, int cmd, struct shm_stat *out)
{
    struct ipc_ids *ids = &c->ns->shm->ids;
    struct ipc_object *o;
    int err = cmd == IPC_STAT ? ipc_ids_get(ids, id, &o) : ipc_ids_get_slot(ids, id, &o);

    if (err)
        return err;
    err = stat_one(shm_of(o), c, cmd == SHM_STAT_ANY ? 0 : 0444, out);
    ipc_object_put(o);
    return err;
}

bool shm_stat_next(const struct ipc_caller *c, uint32_t *slot, struct shm_stat *out)
{
    struct ipc_object *o;
    int err = -EIDRM;

    while (err && (o = ipc_ids_next(&c->ns->shm->ids, slot))) {
        err = stat_one(shm_of(o), c, 0, out);
        ipc_object_put(o);
        ++*slot;
    }
    return !err;
}

void shm_stat_put(const struct ipc_ns *ns, struct shm_stat *s)
{
    if (s->cpid)
        ns->pids->put(s->cpid);
    if (s->lpid)
        ns->pids->put(s->lpid);
}

int shm_limits_info(const struct ipc_ns *ns, struct shminfo64 *out)
{
    const struct shm_limits *l = &ns->shm->limits;
    unsigned long mni = (unsigned long)atomic_load(&l->mni);

    *out = (struct shminfo64){
        .shmmax = atomic_load(&l->max),
        .shmmin = 1,
        .shmmni = mni,
        .shmseg = mni,
        .shmall = atomic_load(&l->all),
    };
    return ipc_ids_highest(&ns->shm->ids, NULL);
}

int shm_usage_info(const struct ipc_ns *ns, struct shm_info *out)
{
    struct shm_table *t = ns->shm;
    struct ipc_object *o;
    uint32_t in_use;
    int highest = ipc_ids_highest(&t->ids, &in_use);

    *out = (struct shm_info){ .used_ids = (int)in_use };
    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        out->shm_tot += shm_pages(shm_of(o));
        out->shm_rss += shared_pages(shm_of(o)->memory);
        ipc_object_put(o);
    }
    return highest;
}

/* ---- changing ---- */

int shm_set(const struct ipc_caller *c, int id, const struct shmid64_ds *from)
{
    struct shm_segment *s;
    int err = shm_find(c, id, &s);

    if (err)
        return err;
    mutex_lock(&s->object.lock);
    err = s->object.removed ? -EIDRM : ipc_object_owned_locked(&s->object, c);
    if (!err)
        err = ipc_object_set_locked(&s->object, c, &from->shm_perm);
    if (!err)
        s->ctime = ipc_time(s->table->ids.arena);
    mutex_unlock(&s->object.lock);
    ipc_object_put(&s->object);
    return err;
}

/* How much of this person's is locked already, in bytes. */
static uint64_t locked_by(struct shm_table *t, uint32_t uid)
{
    struct ipc_object *o;
    uint64_t sum = 0;

    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        mutex_lock(&o->lock);
        if ((o->mode & SHM_LOCKED) && shm_of(o)->locker == uid)
            sum += shm_pages(shm_of(o)) * PAGE_SIZE;
        mutex_unlock(&o->lock);
        ipc_object_put(o);
    }
    return sum;
}

static int lock_locked(struct shm_segment *s, const struct ipc_caller *c, bool lock, uint64_t had,
                       uint64_t limit) HOLDS(s->object.lock);
static int lock_locked(struct shm_segment *s, const struct ipc_caller *c, bool lock, uint64_t had,
                       uint64_t limit)
{
    bool may = cred_ns_capable(c->cred, c->ns->user_ns, CAP_IPC_LOCK);
    bool own = c->cred->euid == s->object.uid || c->cred->euid == s->object.cuid;

    if (!may && (!own || (lock && limit == 0)))
        return -EPERM;
    if (s->object.removed)
        return -EIDRM;
    if (!lock) {
        s->object.mode &= ~SHM_LOCKED;
        return 0;
    }
    if (s->object.mode & SHM_LOCKED)
        return 0;
    if (!cred_root_capable(c->cred, CAP_IPC_LOCK) &&
        (had > limit || shm_pages(s) * PAGE_SIZE > limit - had))
        return -ENOMEM;
    s->object.mode |= SHM_LOCKED;
    s->locker = c->cred->ruid;
    return 0;
}

int shm_lock(const struct ipc_caller *c, int id, bool lock, uint64_t limit)
{
    struct shm_segment *s;
    int err = shm_find(c, id, &s);

    if (err)
        return err;
    uint64_t had = lock ? locked_by(s->table, c->cred->ruid) : 0;
    mutex_lock(&s->object.lock);
    err = lock_locked(s, c, lock, had, limit);
    mutex_unlock(&s->object.lock);
    ipc_object_put(&s->object);
    return err;
}
