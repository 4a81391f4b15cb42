/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment in address spaces: shmat(2), shmdt(2), and what fork, exec, exit and munmap(2) do
 * to the count. As in Linux it counts ranges: one that mprotect(2) cuts in two counts twice.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/shm_priv.h"
#include "sentry/mm/mm.h"
#include "sentry/vfs/path_ref.h"

static struct shm_segment *of(struct mappable *m)
{
    return container_of(m, struct shm_segment, mappable);
}

/* ---- what mm asks ---- */

static int shm_locate(struct mappable *m, uint64_t index, uint64_t most, unsigned access,
                      struct extent *out)
{
    struct mappable *memory = of(m)->memory;

    return memory->ops->locate(memory, index, most, access, out);
}

static uint64_t shm_map_size(struct mappable *m)
{
    return of(m)->size;
}

static int shm_punch(struct mappable *m, uint64_t from, uint64_t to)
{
    struct mappable *memory = of(m)->memory;
    int err = memory->ops->punch(memory, from, to);

    mappable_zap(m, from, to, false);
    return err;
}

static void shm_map_get(struct mappable *m)
{
    ipc_object_get(&of(m)->object);
}

static void shm_map_put(struct mappable *m)
{
    ipc_object_put(&of(m)->object);
}

/* __shm_open(): what went when its last range did is not to be had again. */
static int shm_opened(struct mappable *m, struct pid *by)
{
    struct shm_segment *s = of(m);

    mutex_lock(&s->object.lock);
    bool gone = s->object.removed && s->nattch == 0;
    if (!gone) {
        s->nattch++;
        s->atime = ipc_time(s->table->ids.arena);
        if (by)
            ipc_object_note_pid(&s->object, &s->lpid, by);
    }
    mutex_unlock(&s->object.lock);
    return gone ? -EINVAL : 0;
}

static void shm_closed(struct mappable *m, struct pid *by)
{
    shm_release(of(m), by, true);
}

const struct mappable_ops shm_mappable_ops = {
    .locate = shm_locate,
    .size = shm_map_size,
    .punch = shm_punch,
    .get = shm_map_get,
    .put = shm_map_put,
    .opened = shm_opened,
    .closed = shm_closed,
};

/* ---- attach ---- */

/* How the caller wants it, decoded. */
struct attach {
    uptr_t at;
    int prot, map_flags;
    int mode; /* S_I*UGO that it takes */
};

/* do_shmat(), in its order. */
static int decode(uptr_t at, int flags, struct attach *out)
{
    bool remap = flags & SHM_REMAP;

    *out = (struct attach){ .at = at, .prot = PROT_READ, .mode = 0444, .map_flags = MAP_SHARED };
    if (at.va & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        out->at = uptr(page_down(at.va));
    }
    if (remap && !out->at.va)
        return -EINVAL;
    if (at.va) /* SHM_RND may have made it 0: that page it is, then */
        out->map_flags |= remap ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    if (!(flags & SHM_RDONLY)) {
        out->prot |= PROT_WRITE;
        out->mode |= 0222;
    }
    if (flags & SHM_EXEC) {
        out->prot |= PROT_EXEC;
        out->mode |= 0111;
    }
    return 0;
}

/* Counts as a range until shm_release(): it cannot go meanwhile. */
static int hold(const struct ipc_caller *c, struct shm_segment *s, int mode)
{
    mutex_lock(&s->object.lock);
    int err = ipc_object_may_locked(&s->object, c, mode);
    if (!err && s->object.removed)
        err = -EIDRM;
    if (!err)
        s->nattch++;
    mutex_unlock(&s->object.lock);
    return err;
}

static int map(struct mm *mm, struct shm_segment *s, const struct attach *a, uptr_t *out)
{
    struct map_source source = {
        .mappable = &s->mappable,
        .may_write = a->prot & PROT_WRITE,
        .may_exec = true,
        .path = path_ref_get(s->path),
    };
    uint64_t end;

    if (a->at.va && __builtin_add_overflow(a->at.va, s->size, &end)) {
        path_ref_put(s->path);
        return -EINVAL;
    }
    ipc_object_get(&s->object); /* the source's */
    int err = mm_map(mm, a->at, s->size, a->prot, a->map_flags, &source, out);
    return err == -EEXIST ? -EINVAL : err;
}

int shm_attach(const struct ipc_caller *c, struct mm *mm, int id, uptr_t at, int flags, uptr_t *out)
{
    struct shm_segment *s;
    struct attach a;
    int err = id < 0 ? -EINVAL : decode(at, flags, &a);

    if (!err)
        err = shm_find(c, id, &s);
    if (err)
        return err;
    err = hold(c, s, a.mode);
    if (!err) {
        err = map(mm, s, &a, out);
        shm_release(s, err ? NULL : c->pid, false);
    }
    ipc_object_put(&s->object);
    return err;
}

int shm_detach(const struct ipc_caller *c, struct mm *mm, uptr_t at)
{
    return mm_unmap_kind(mm, at, &shm_mappable_ops, c->pid);
}
