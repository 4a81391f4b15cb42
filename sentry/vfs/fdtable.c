/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of a process.
 *
 * A slot and its bits change together under the lock; files are put outside it,
 * since the last put of a file may do anything.
 */
#include "sentry/vfs/fdtable.h"

#include <errno.h>
#include <string.h>

#include "base/bitmap.h"
#include "sentry/core/slab.h"
#include "sentry/vfs/filelock.h"

#define FIRST_SLOTS 64
#define SLOTS_MAX   (1u << 20) /* /proc/sys/fs/nr_open */

/* [l] under lock */
struct fdtable {
    struct ref ref;
    struct mutex lock;   /* RANK_FDTABLE */
    uint32_t size;       /* [l] slots; a multiple of 64 */
    uint32_t first_free; /* [l] no free slot is below it */
    struct file **files; /* [l] references; NULL: free, or reserved */
    uint64_t *used;      /* [l] bits: reserved ones too */
    uint64_t *cloexec;   /* [l] bits; only of used ones */
    struct file *own_files[FIRST_SLOTS];
    uint64_t own_bits[2];
};

static const struct slab_type fdtable_slab = SLAB_TYPE(fdtable, struct fdtable);

int fdtable_create(struct arena *a, struct fdtable **out)
{
    struct fdtable *t = slab_alloc(a, &fdtable_slab);

    if (!t)
        return -ENOMEM;
    ref_init(&t->ref);
    mutex_init(&t->lock, RANK_FDTABLE);
    t->size = FIRST_SLOTS;
    t->files = t->own_files;
    t->used = &t->own_bits[0];
    t->cloexec = &t->own_bits[1];
    *out = t;
    return 0;
}

static void free_slots(struct fdtable *t)
{
    if (t->files != t->own_files)
        arena_free(t->files); /* one piece: files, used, cloexec */
}

/* Room for number `fd`, which is below SLOTS_MAX. */
static int grow_locked(struct fdtable *t, uint32_t fd) HOLDS(t->lock);
static int grow_locked(struct fdtable *t, uint32_t fd)
{
    uint32_t size = t->size;

    if (fd < size)
        return 0;
    while (size <= fd)
        size *= 2;
    size_t words = BITMAP_WORDS(size), old_words = BITMAP_WORDS(t->size);
    void *piece =
        arena_alloc(arena_of(t), size * sizeof(struct file *) + 2 * words * sizeof(uint64_t));
    if (!piece)
        return -ENOMEM;
    struct file **files = piece;
    uint64_t *used = (uint64_t *)(files + size), *cloexec = used + words;
    memcpy(files, t->files, t->size * sizeof(struct file *));
    memcpy(used, t->used, old_words * sizeof(uint64_t));
    memcpy(cloexec, t->cloexec, old_words * sizeof(uint64_t));
    free_slots(t);
    t->files = files;
    t->used = used;
    t->cloexec = cloexec;
    t->size = size;
    return 0;
}

/* Takes the file out of a slot that is in use: its reference passes to the caller. */
static struct file *clear_locked(struct fdtable *t, uint32_t fd) HOLDS(t->lock);
static struct file *clear_locked(struct fdtable *t, uint32_t fd)
{
    struct file *f = t->files[fd];

    t->files[fd] = NULL;
    bitmap_clear(t->used, fd);
    bitmap_clear(t->cloexec, fd);
    t->first_free = min(t->first_free, fd);
    return f;
}

int fdtable_copy(struct fdtable *t, struct fdtable **out)
{
    struct fdtable *copy;
    int err = fdtable_create(arena_of(t), &copy);

    if (err)
        return err;
    mutex_lock(&t->lock);
    mutex_lock_nested(&copy->lock); /* nobody else can have it */
    err = grow_locked(copy, t->size - 1);
    if (!err) {
        size_t fd;
        copy->first_free = t->first_free;
        memcpy(copy->used, t->used, BITMAP_WORDS(t->size) * sizeof(uint64_t));
        memcpy(copy->cloexec, t->cloexec, BITMAP_WORDS(t->size) * sizeof(uint64_t));
        bitmap_for_each_set (fd, t->used, t->size) {
            if (t->files[fd])
                copy->files[fd] = file_get(t->files[fd]);
            else
                (void)!clear_locked(copy, (uint32_t)fd); /* who has it reserved fills but its own */
        }
    }
    mutex_unlock(&copy->lock);
    mutex_unlock(&t->lock);
    if (err) {
        fdtable_put(copy, NULL);
        return err;
    }
    *out = copy;
    return 0;
}

struct fdtable *fdtable_get(struct fdtable *t)
{
    ref_get(&t->ref);
    return t;
}

bool fdtable_is_shared(const struct fdtable *t)
{
    return ref_count(&t->ref) > 1;
}

/* Everything that goes with the end of a descriptor. The reference is taken. */
static void close_file(struct fdtable *t, struct file *f, const struct actor *who)
{
    if (f->ops->flush)
        f->ops->flush(f, who);
    if (f->inode)
        file_locks_drop_owner(f->inode, t);
    file_put(f);
}

void fdtable_put(struct fdtable *t, const struct actor *who)
{
    size_t fd;

    if (!t || !ref_put(&t->ref))
        return;
    bitmap_for_each_set (fd, t->used, t->size)
        close_file(t, t->files[fd], who);
    free_slots(t);
    slab_free(t);
}

static struct file *file_at(const struct fdtable *t, int fd)
{
    struct file *f = likely((uint32_t)fd < t->size) ? t->files[fd] : NULL;

    return f ? file_get(f) : NULL;
}

/*
 * A table is changed by threads that share it, and others only look. So where the caller has
 * the only reference, nobody changes it, and nobody will during this call: no lock is needed.
 */
struct file *fdtable_file(struct fdtable *t, int fd)
{
    if (ref_is_only(&t->ref))
        return file_at(t, fd);
    mutex_lock(&t->lock);
    struct file *f = file_at(t, fd);
    mutex_unlock(&t->lock);
    return f;
}

struct file_use fdtable_use(struct fdtable *t, int fd)
{
    if (likely(ref_is_only(&t->ref)))
        return (struct file_use){ likely((uint32_t)fd < t->size) ? t->files[fd] : NULL, false };
    struct file *f = fdtable_file(t, fd);
    return (struct file_use){ f, f != NULL };
}

static void set_locked(struct fdtable *t, uint32_t fd, struct file *f, bool cloexec) HOLDS(t->lock);
static void set_locked(struct fdtable *t, uint32_t fd, struct file *f, bool cloexec)
{
    t->files[fd] = f;
    bitmap_set(t->used, fd);
    if (cloexec)
        bitmap_set(t->cloexec, fd);
    else
        bitmap_clear(t->cloexec, fd);
}

/* The lowest free number from `from` on; there may have to be room for it first. */
static int find_free(const struct fdtable *t, uint32_t from, uint64_t limit)
{
    uint32_t start = max(from, t->first_free);
    size_t fd = start < t->size ? bitmap_find_next_zero(t->used, t->size, start) : start;

    return fd >= limit || fd >= SLOTS_MAX ? -EMFILE : (int)fd;
}

/* The same, made in use: its file is still to be set. */
static int take_free_locked(struct fdtable *t, uint32_t from, uint64_t limit) HOLDS(t->lock);
static int take_free_locked(struct fdtable *t, uint32_t from, uint64_t limit)
{
    int fd = find_free(t, from, limit);
    int err = fd < 0 ? fd : grow_locked(t, (uint32_t)fd);

    if (err)
        return err;
    bitmap_set(t->used, (size_t)fd);
    if (from <= t->first_free)
        t->first_free = (uint32_t)fd + 1;
    return fd;
}

int fdtable_install(struct fdtable *t, struct file *f, int from, bool cloexec, uint64_t limit)
{
    if (from < 0 || (uint64_t)from >= limit)
        return -EMFILE;
    mutex_lock(&t->lock);
    int fd = take_free_locked(t, (uint32_t)from, limit);
    if (fd >= 0)
        set_locked(t, (uint32_t)fd, file_get(f), cloexec);
    mutex_unlock(&t->lock);
    return fd;
}

/* In a table that nobody shares, what is free now is free until the call ends. */
int fdtable_reserve(struct fdtable *t, uint64_t limit, struct fd_slot *out)
{
    bool shared = !ref_is_only(&t->ref);
    int fd = shared ? 0 : find_free(t, 0, limit);
    bool mark = shared || (fd >= 0 && (uint32_t)fd >= t->size);

    if (mark) {
        mutex_lock(&t->lock);
        fd = take_free_locked(t, 0, limit);
        mutex_unlock(&t->lock);
    }
    if (fd < 0)
        return fd;
    *out = (struct fd_slot){ .table = t, .fd = fd, .marked = mark };
    return 0;
}

int fdtable_fill(struct fd_slot *s, struct file *f, bool cloexec)
{
    struct fdtable *t = s->table;

    mutex_lock(&t->lock);
    assert(!t->files[s->fd] && bitmap_test(t->used, (size_t)s->fd) == s->marked);
    set_locked(t, (uint32_t)s->fd, file_get(f), cloexec);
    if (!s->marked)
        t->first_free = (uint32_t)s->fd + 1;
    mutex_unlock(&t->lock);
    s->table = NULL;
    return s->fd;
}

void fdtable_unreserve(struct fd_slot *s)
{
    struct fdtable *t = s->table;

    if (!t || !s->marked)
        return;
    mutex_lock(&t->lock);
    struct file *f = clear_locked(t, (uint32_t)s->fd);
    assert(!f);
    mutex_unlock(&t->lock);
    s->table = NULL;
}

int fdtable_install_at(struct fdtable *t, struct file *f, int fd, bool cloexec, uint64_t limit,
                       const struct actor *who)
{
    struct file *old = NULL;

    if (fd < 0 || (uint64_t)fd >= limit || (uint32_t)fd >= SLOTS_MAX)
        return -EBADF;
    mutex_lock(&t->lock);
    int err = grow_locked(t, (uint32_t)fd);
    if (!err && !t->files[fd] && bitmap_test(t->used, (size_t)fd))
        err = -EBUSY;
    if (!err) {
        old = t->files[fd];
        set_locked(t, (uint32_t)fd, file_get(f), cloexec);
    }
    mutex_unlock(&t->lock);
    if (old)
        close_file(t, old, who);
    return err ? err : fd;
}

int fdtable_close(struct fdtable *t, int fd, const struct actor *who)
{
    struct file *f = NULL;

    mutex_lock(&t->lock);
    if ((uint32_t)fd < t->size && t->files[fd])
        f = clear_locked(t, (uint32_t)fd);
    mutex_unlock(&t->lock);
    if (!f)
        return -EBADF;
    close_file(t, f, who);
    return 0;
}

/* The lowest number from `from` on with such a bit, and a file; the table's size: none. */
static size_t next_file_locked(const struct fdtable *t, const uint64_t *bits, size_t from)
    HOLDS(t->lock);
static size_t next_file_locked(const struct fdtable *t, const uint64_t *bits, size_t from)
{
    size_t fd = bitmap_find_next_set(bits, t->size, from);

    while (fd < t->size && !t->files[fd])
        fd = bitmap_find_next_set(bits, t->size, fd + 1);
    return fd;
}

/* The lowest used number in [from, to], its close-on-exec bit as wanted; taken out. NULL: none. */
static struct file *take_next(struct fdtable *t, unsigned *from, unsigned to, bool only_cloexec)
{
    struct file *f = NULL;

    mutex_lock(&t->lock);
    size_t fd = next_file_locked(t, only_cloexec ? t->cloexec : t->used, *from);
    if (fd < t->size && fd <= to) {
        f = clear_locked(t, (uint32_t)fd);
        *from = (unsigned)fd + 1;
    }
    mutex_unlock(&t->lock);
    return f;
}

static void mark_range(struct fdtable *t, unsigned from, unsigned to)
{
    size_t fd;

    mutex_lock(&t->lock);
    for (fd = bitmap_find_next_set(t->used, t->size, from); fd < t->size && fd <= to;
         fd = bitmap_find_next_set(t->used, t->size, fd + 1))
        bitmap_set(t->cloexec, fd);
    mutex_unlock(&t->lock);
}

int fdtable_close_range(struct fdtable *t, unsigned from, unsigned to, bool cloexec_only,
                        const struct actor *who)
{
    struct file *f;

    if (from > to)
        return -EINVAL;
    if (cloexec_only) {
        mark_range(t, from, to);
        return 0;
    }
    while ((f = take_next(t, &from, to, false)))
        close_file(t, f, who);
    return 0;
}

void fdtable_close_on_exec(struct fdtable *t, const struct actor *who)
{
    unsigned from = 0;
    struct file *f;

    while ((f = take_next(t, &from, UINT32_MAX, true)))
        close_file(t, f, who);
}

int fdtable_get_flags(struct fdtable *t, int fd)
{
    int flags = -EBADF;

    mutex_lock(&t->lock);
    if ((uint32_t)fd < t->size && t->files[fd])
        flags = bitmap_test(t->cloexec, (size_t)fd) ? 1 : 0; /* FD_CLOEXEC */
    mutex_unlock(&t->lock);
    return flags;
}

int fdtable_set_flags(struct fdtable *t, int fd, int flags)
{
    int err = -EBADF;

    mutex_lock(&t->lock);
    if ((uint32_t)fd < t->size && t->files[fd]) {
        set_locked(t, (uint32_t)fd, t->files[fd], flags & 1);
        err = 0;
    }
    mutex_unlock(&t->lock);
    return err;
}

int fdtable_next(struct fdtable *t, int from)
{
    mutex_lock(&t->lock);
    size_t fd = next_file_locked(t, t->used, (size_t)from);
    int n = fd < t->size ? (int)fd : -1;
    mutex_unlock(&t->lock);
    return n;
}

int fdtable_size(struct fdtable *t)
{
    mutex_lock(&t->lock);
    int n = (int)t->size;
    mutex_unlock(&t->lock);
    return n;
}
