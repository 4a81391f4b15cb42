/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: how they begin and end, and whose they are. */
#include "sentry/ipc/shm.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/stat.h>

#include "sentry/core/slab.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/shm_priv.h"
#include "sentry/mm/frame.h"
#include "sentry/vfs/inode.h"
#include "sentry/vfs/path_ref.h"
#include "sentry/vfs/vfs.h"

#define SHM_MIN      1u
#define SHM_MOST     (UINT64_MAX - (UINT64_C(1) << 24)) /* shmmax and shmall to begin with */
#define SHM_SEGMENTS 4096
#define SHM_DEV      1 /* of Linux's internal tmpfs: 0:1 */

#define HUGE_2M 21
#define HUGE_1G 30

static const struct slab_type shm_table_slab = SLAB_TYPE(shm_table, struct shm_table);
static const struct slab_type shm_segment_slab =
    SLAB_TYPE(shm_segment, struct shm_segment,
              .const_ptrs = { IPC_OBJECT_PTRS(struct shm_segment),
                              PTR_AT(struct shm_segment, mappable.ops) });

/* ---- the table ---- */

int shm_table_create(struct arena *a, struct shm_table **out)
{
    struct shm_table *t = slab_alloc(a, &shm_table_slab);

    if (!t)
        return -ENOMEM;
    ref_init(&t->ref);
    ipc_ids_init(&t->ids, a);
    t->limits.max = t->limits.all = SHM_MOST;
    t->limits.mni = SHM_SEGMENTS;
    *out = t;
    return 0;
}

static void table_put(struct shm_table *t)
{
    if (!ref_put(&t->ref))
        return;
    ipc_ids_destroy(&t->ids);
    slab_free(t);
}

void shm_leave_table_locked(struct shm_segment *s)
{
    struct shm_table *t = s->table;

    if (s->creator)
        atomic_fetch_sub(&t->created, 1);
    s->creator = NULL;
    t->pages -= shm_pages(s);
    ipc_ids_remove_locked(&s->table->ids, &s->object);
}

/* Whoever has it attached keeps the memory. */
static void leave_table(struct shm_segment *s)
{
    shm_enter(s);
    bool was_in = !s->object.removed;
    if (was_in)
        shm_leave_table_locked(s);
    shm_leave(s);
    if (was_in)
        ipc_object_put(&s->object); /* the table's */
}

void shm_table_end(struct shm_table *t)
{
    struct ipc_object *o;

    if (!t)
        return;
    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        leave_table(shm_of(o));
        ipc_object_put(o);
    }
    table_put(t);
}

/* ---- a segment ---- */

/* What shmget(2) asks for. */
struct wish {
    uint64_t size;
    int key;
};

static int name_it(struct shm_segment *s, struct arena *a, int key, const struct cred *cred)
{
    scoped(inode) struct inode *inode = NULL;
    struct path root, at;
    char name[24];
    int err = anon_inode_create(a, S_IFREG | 0777, cred, &inode);

    if (!err)
        err = vfs_anon_path(inode, &root);
    if (err)
        return err;
    snprintf(name, sizeof name, "SYSV%08x", (unsigned)key);
    err = vfs_name_unlinked(&root, inode, name, &at);
    path_put(&root);
    if (err)
        return err;
    err = path_ref_create(a, &at, &s->path);
    path_put(&at);
    return err;
}

/* hugetlb_file_setup(), where no huge pages are set aside. */
static int refuse_huge(const struct ipc_caller *c, int flags)
{
    int size = (flags >> SHM_HUGE_SHIFT) & SHM_HUGE_MASK;

    if (size && size != HUGE_2M && size != HUGE_1G)
        return -EINVAL;
    return cred_root_capable(c->cred, CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
}

static int check_size(const struct ipc_caller *c, uint64_t size, int flags)
{
    const struct shm_table *t = c->ns->shm;
    uint64_t pages = (size >> PAGE_SHIFT) + !!(size & PAGE_MASK);

    if (size < SHM_MIN || size > atomic_load(&t->limits.max))
        return -EINVAL;
    if (pages > UINT64_MAX >> PAGE_SHIFT || pages > atomic_load(&t->limits.all))
        return -ENOSPC;
    if (flags & SHM_HUGETLB)
        return refuse_huge(c, flags);
    if (size > INT64_MAX)
        return -EINVAL; /* no file is so large */
    /* mm/util.c: what could never fit is refused, unless that is said to be fine */
    if (!(flags & SHM_NORESERVE) && size > ram_total(t->ids.arena))
        return -ENOMEM;
    return 0;
}

static const struct ipc_kind shm_kind;

static int shm_create(const struct ipc_caller *c, int flags, const void *want,
                      struct ipc_object **out)
{
    const struct wish *w = want;
    struct arena *a = c->ns->shm->ids.arena;
    int err = check_size(c, w->size, flags);

    if (err)
        return err;
    struct shm_segment *s = slab_alloc(a, &shm_segment_slab);
    if (!s)
        return -ENOMEM;
    ipc_object_init(&s->object, &shm_kind, c, flags);
    ref_get(&c->ns->shm->ref);
    s->table = c->ns->shm;
    mappable_init(&s->mappable, &shm_mappable_ops, SHM_DEV, 0);
    s->size = w->size;
    s->ctime = ipc_time(a);
    ipc_object_note_pid(&s->object, &s->cpid, c->pid);
    err = shared_create(a, w->size, &s->memory);
    if (!err)
        err = name_it(s, a, w->key, c->cred);
    if (err) {
        ipc_object_put(&s->object);
        return err;
    }
    *out = &s->object;
    return 0;
}

static int shm_serves(const struct ipc_object *o, const void *want)
{
    const struct wish *w = want;

    return container_of(o, const struct shm_segment, object)->size < w->size ? -EINVAL : 0;
}

static int shm_admit_locked(const struct ipc_object *o, const struct ipc_caller *c)
{
    const struct shm_table *t = c->ns->shm;
    uint64_t all = atomic_load(&t->limits.all);
    uint64_t pages = shm_pages(container_of(o, const struct shm_segment, object));

    return t->pages > all || pages > all - t->pages ? -ENOSPC : 0;
}

static void shm_enter_locked(struct ipc_object *o, const struct ipc_caller *c)
{
    struct shm_segment *s = shm_of(o);

    s->mappable.ino = (uint64_t)o->id; /* as /proc/PID/maps shows it; nobody maps it yet */
    s->creator = c->task;
    s->table->pages += shm_pages(s);
    atomic_fetch_add(&s->table->created, 1);
}

static void shm_destroy(struct ipc_object *o)
{
    struct shm_segment *s = shm_of(o);

    ipc_object_note_pid(o, &s->cpid, NULL);
    ipc_object_note_pid(o, &s->lpid, NULL);
    path_ref_put(s->path);
    if (s->memory)
        s->memory->ops->put(s->memory);
    table_put(s->table);
    slab_free(s);
}

static const struct ipc_kind shm_kind = {
    .create = shm_create,
    .serves = shm_serves,
    .admit_locked = shm_admit_locked,
    .enter_locked = shm_enter_locked,
    .destroy = shm_destroy,
};

int shm_open_key(const struct ipc_caller *c, int key, uint64_t size, int flags)
{
    struct shm_table *t = c->ns->shm;
    const struct wish w = { .size = size, .key = key };

    return ipc_ids_open(&t->ids, c, &shm_kind, key, flags, &w,
                        (uint32_t)atomic_load(&t->limits.mni));
}

int shm_find(const struct ipc_caller *c, int id, struct shm_segment **out)
{
    struct ipc_object *o;
    int err = ipc_ids_get(&c->ns->shm->ids, id, &o);

    if (!err)
        *out = shm_of(o);
    return err;
}

/* ---- the end ---- */

/* Has it nobody any more, and is to go then? */
static bool is_due_locked(const struct shm_segment *s) HOLDS(s->object.lock);
static bool is_due_locked(const struct shm_segment *s)
{
    return !s->object.removed && s->nattch == 0 &&
           ((s->object.mode & SHM_DEST) || atomic_load(&s->table->limits.rmid_forced));
}

void shm_release(struct shm_segment *s, struct pid *by, bool detached)
{
    shm_enter(s);
    s->nattch--;
    if (by)
        ipc_object_note_pid(&s->object, &s->lpid, by);
    if (detached)
        s->dtime = ipc_time(s->table->ids.arena);
    bool due = is_due_locked(s);
    if (due)
        shm_leave_table_locked(s);
    shm_leave(s);
    if (due)
        ipc_object_put(&s->object); /* the table's, and not the last */
}

static int remove_locked(struct shm_segment *s, const struct ipc_caller *c, bool *left)
    HOLDS(s->table->ids.lock, s->object.lock);
static int remove_locked(struct shm_segment *s, const struct ipc_caller *c, bool *left)
{
    int err = s->object.removed ? -EIDRM : ipc_object_owned_locked(&s->object, c);

    if (err)
        return err;
    if (s->nattch) {
        s->object.mode |= SHM_DEST;
        ipc_ids_forget_key_locked(&s->table->ids, &s->object);
        return 0;
    }
    shm_leave_table_locked(s);
    *left = true;
    return 0;
}

int shm_remove(const struct ipc_caller *c, int id)
{
    struct shm_segment *s;
    bool left = false;
    int err = shm_find(c, id, &s);

    if (err)
        return err;
    shm_enter(s);
    err = remove_locked(s, c, &left);
    shm_leave(s);
    if (left)
        ipc_object_put(&s->object); /* the table's */
    ipc_object_put(&s->object);
    return err;
}

/* Its creator is `task`, or nobody any more: it may be due. */
static bool orphan_locked(struct shm_segment *s, const void *task)
    HOLDS(s->table->ids.lock, s->object.lock);
static bool orphan_locked(struct shm_segment *s, const void *task)
{
    if (s->object.removed || s->creator != task)
        return false;
    if (task)
        atomic_fetch_sub(&s->table->created, 1);
    s->creator = NULL;
    if (!is_due_locked(s))
        return false;
    shm_leave_table_locked(s);
    return true;
}

static void orphan_all(struct shm_table *t, const void *task)
{
    struct ipc_object *o;

    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        struct shm_segment *s = shm_of(o);
        shm_enter(s);
        bool left = orphan_locked(s, task);
        shm_leave(s);
        if (left)
            ipc_object_put(o); /* the table's */
        ipc_object_put(o);
    }
}

void shm_exit(struct ipc_ns *ns, const void *task)
{
    if (atomic_load(&ns->shm->created))
        orphan_all(ns->shm, task);
}

void shm_remove_orphans(struct ipc_ns *ns)
{
    orphan_all(ns->shm, NULL);
}
