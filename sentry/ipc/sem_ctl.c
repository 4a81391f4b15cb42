/* SPDX-License-Identifier: Apache-2.0 */
/* semctl(2): what a set tells, and how its values are set. */
#include <errno.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/sem_priv.h"

#define SEM_USZ 20 /* SEMUSZ: said since ever, and never true */

/* What is done to a set under its lock. */
typedef int verb(struct sem_set *s, const struct ipc_caller *c, void *arg);

/* `mode`: the right that it takes, 0 where none; EACCES before EIDRM. */
static int run(struct sem_set *s, const struct ipc_caller *c, int mode, verb *does, void *arg)
{
    mutex_lock(&s->object.lock);
    int err = mode ? ipc_object_may_locked(&s->object, c, mode) : 0;
    if (!err && s->object.removed)
        err = -EIDRM;
    if (!err)
        err = does(s, c, arg);
    mutex_unlock(&s->object.lock);
    return err;
}

static int find_and_run(const struct ipc_caller *c, int id, int mode, verb *does, void *arg)
{
    struct sem_set *s;
    int err = sem_find(c, id, &s);

    if (err)
        return err;
    err = run(s, c, mode, does, arg);
    ipc_object_put(&s->object);
    return err;
}

/* ---- one value ---- */

struct one {
    int nr, value;
    struct sem_one *out;
};

/* Who waits for it: by the operation that each cannot do. */
static int waiting_locked(struct sem_set *s, int nr, bool zero) HOLDS(s->object.lock);
static int waiting_locked(struct sem_set *s, int nr, bool zero)
{
    struct sem_wait *w;
    int n = 0;

    list_for_each (w, &s->queue, node) {
        const struct sembuf *op = &w->request.ops[w->blocking];
        n += op->sem_num == nr && (zero ? op->sem_op == 0 : op->sem_op < 0);
    }
    return n;
}

static int get_one_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
    HOLDS(s->object.lock);
static int get_one_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    const struct one *o = arg;

    (void)c;
    if (o->nr < 0 || (uint32_t)o->nr >= s->count)
        return -EINVAL;
    *o->out = (struct sem_one){
        .value = s->sems[o->nr].value,
        .nwait = waiting_locked(s, o->nr, false),
        .zwait = waiting_locked(s, o->nr, true),
    };
    ipc_object_note_pid(&s->object, &o->out->pid, s->sems[o->nr].pid);
    return 0;
}

int sem_get_one(const struct ipc_caller *c, int id, int nr, struct sem_one *out)
{
    return find_and_run(c, id, 0444, get_one_locked, &(struct one){ .nr = nr, .out = out });
}

/* Nobody owes it anything any more. */
static void set_locked(struct sem_set *s, const struct ipc_caller *c, uint32_t nr, int value)
    HOLDS(s->object.lock);
static void set_locked(struct sem_set *s, const struct ipc_caller *c, uint32_t nr, int value)
{
    struct sem_undo *u;

    list_for_each (u, &s->undos, of_set)
        u->adjust[nr] = 0;
    s->sems[nr].value = value;
    ipc_object_note_pid(&s->object, &s->sems[nr].pid, c->pid);
}

static int set_one_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
    HOLDS(s->object.lock);
static int set_one_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    const struct one *o = arg;

    /* semctl_setval(): the number comes before the rights */
    if (o->nr < 0 || (uint32_t)o->nr >= s->count)
        return -EINVAL;
    int err = ipc_object_may_locked(&s->object, c, 0222);
    if (err)
        return err;
    set_locked(s, c, (uint32_t)o->nr, o->value);
    s->ctime = ipc_time(arena_of(s));
    sem_settle_locked(s, false);
    return 0;
}

int sem_set_value(const struct ipc_caller *c, int id, int nr, int value)
{
    if (value < 0 || value > SEMVMX)
        return -ERANGE;
    return find_and_run(c, id, 0, set_one_locked, &(struct one){ .nr = nr, .value = value });
}

/* ---- all values ---- */

struct all {
    uint16_t *out;
    const uint16_t *in;
    unsigned count;
};

static int count_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    (void)c;
    *(unsigned *)arg = s->count;
    return 0;
}

int sem_count(const struct ipc_caller *c, int id, int mode, unsigned *count)
{
    return find_and_run(c, id, mode, count_locked, count);
}

/* Another set of this id may have another count, by now. */
static int get_all_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
    HOLDS(s->object.lock);
static int get_all_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    const struct all *a = arg;

    (void)c;
    if (a->count != s->count)
        return -EIDRM;
    for (uint32_t i = 0; i < s->count; i++)
        a->out[i] = (uint16_t)s->sems[i].value;
    return 0;
}

int sem_get_all(const struct ipc_caller *c, int id, uint16_t *values, unsigned count)
{
    return find_and_run(c, id, 0444, get_all_locked,
                        &(struct all){ .out = values, .count = count });
}

static int set_all_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
    HOLDS(s->object.lock);
static int set_all_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    const struct all *a = arg;

    if (a->count != s->count)
        return -EIDRM;
    for (uint32_t i = 0; i < s->count; i++)
        set_locked(s, c, i, a->in[i]);
    s->ctime = ipc_time(arena_of(s));
    sem_settle_locked(s, false);
    return 0;
}

int sem_set_all(const struct ipc_caller *c, int id, const uint16_t *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (values[i] > SEMVMX)
            return -ERANGE;
    return find_and_run(c, id, 0222, set_all_locked, &(struct all){ .in = values, .count = count });
}

/* ---- the set ---- */

static int stat_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
    HOLDS(s->object.lock);
static int stat_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    struct semid64_ds *out = arg;

    *out = (struct semid64_ds){
        .sem_otime = s->otime,
        .sem_ctime = s->ctime,
        .sem_nsems = s->count,
    };
    ipc_object_stat_locked(&s->object, c->cred->user_ns, &out->sem_perm);
    return 0;
}

int sem_stat_get(const struct ipc_caller *c, int id, int cmd, struct semid64_ds *out, int *found)
{
    struct ipc_ids *ids = &c->ns->sem.ids;
    struct ipc_object *o;
    int err = cmd == IPC_STAT ? ipc_ids_get(ids, id, &o) : ipc_ids_get_slot(ids, id, &o);

    if (err)
        return err;
    err = run(sem_of(o), c, cmd == SEM_STAT_ANY ? 0 : 0444, stat_locked, out);
    *found = o->id;
    ipc_object_put(o);
    return err;
}

bool sem_stat_next(const struct ipc_caller *c, uint32_t *slot, struct semid64_ds *out, int *id)
{
    struct ipc_object *o;
    int err = -EIDRM;

    while (err && (o = ipc_ids_next(&c->ns->sem.ids, slot))) {
        err = run(sem_of(o), c, 0, stat_locked, out);
        *id = o->id;
        ipc_object_put(o);
        ++*slot;
    }
    return !err;
}

int sem_info(struct ipc_ns *ns, bool used, struct seminfo *out)
{
    struct sem_table *t = &ns->sem;
    uint32_t sets;
    int highest = ipc_ids_highest(&t->ids, &sets);

    *out = (struct seminfo){
        .semmap = SEMMNS,
        .semmni = atomic_load(&t->mni),
        .semmns = atomic_load(&t->mns),
        .semmnu = SEMMNS,
        .semmsl = atomic_load(&t->msl),
        .semopm = atomic_load(&t->opm),
        .semume = SEMOPM,
        .semusz = SEM_USZ,
        .semvmx = SEMVMX,
        .semaem = SEMAEM,
    };
    if (!used)
        return highest;
    mutex_lock(&t->ids.lock);
    out->semaem = (int)t->used;
    mutex_unlock(&t->ids.lock);
    out->semusz = (int)sets;
    return highest;
}

static int set_perm_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
    HOLDS(s->object.lock);
static int set_perm_locked(struct sem_set *s, const struct ipc_caller *c, void *arg)
{
    const struct semid64_ds *from = arg;
    int err = ipc_object_owned_locked(&s->object, c);

    if (!err)
        err = ipc_object_set_locked(&s->object, c, &from->sem_perm);
    if (!err)
        s->ctime = ipc_time(arena_of(s));
    return err;
}

int sem_set_perm(const struct ipc_caller *c, int id, const struct semid64_ds *from)
{
    struct semid64_ds copy = *from;

    return find_and_run(c, id, 0, set_perm_locked, &copy);
}
