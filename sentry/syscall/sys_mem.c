/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the caller. */
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/personality.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/task.h"
#include "sentry/vfs/path_ref.h"

#define CAP_IPC_LOCK 14

/* Whether what is to be read is to be run, too: personality(2). */
static bool reads_run(const struct task *t, int prot)
{
    return prot & PROT_READ && atomic_load(&t->personality) & READ_IMPLIES_EXEC;
}

/* What mmap() needs of an open file, in Linux's order of errors. */
static int source_of_file(struct task *t, int prot, int flags, int fd, struct map_source *out)
{
    scoped(file) struct file *f = task_file(t, fd);
    int type = flags & MAP_TYPE;

    if (!f)
        return -EBADF;
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (type != MAP_PRIVATE && (prot & PROT_WRITE) && !(f->kind & FILE_WRITE))
        return -EACCES;
    if (!(f->kind & FILE_READ))
        return -EACCES;
    if (!f->ops->map)
        return -ENODEV;
    int err = f->ops->map(f, prot, flags, out);
    if (err || !out->mappable || !path_is_set(&f->path))
        return err;
    struct path_ref *path;
    err = path_ref_create(t->arena, &f->path, &path);
    if (err) {
        out->mappable->ops->put(out->mappable);
        return err;
    }
    if (f->kind & FILE_WRITER)
        path_ref_stay_writer(path, f->inode);
    out->path = path;
    return 0;
}

long sys_mmap(struct task *t, uptr_t addr, size_t len, int prot, int flags, int fd, int64_t off)
{
    struct map_source source = { 0 };
    uptr_t at;
    int err = 0;

    if ((uint64_t)off & PAGE_MASK)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS) && len == 0) {
        scoped(file) struct file *f = task_file(t, fd);
        return f ? -EINVAL : -EBADF;
    }
    if (!(flags & MAP_ANONYMOUS))
        err = source_of_file(t, prot, flags, fd, &source);
    if (err)
        return err;
    source.off = (uint64_t)off;
    if (reads_run(t, prot) && (!source.mappable || source.may_exec))
        prot |= PROT_EXEC;
    if (flags & MAP_LOCKED)
        mm_set_may_lock(t->mm, task_root_capable(t, CAP_IPC_LOCK));
    err = mm_map(t->mm, addr, len, prot, flags, &source, &at);
    return err ? err : (long)at.va;
}

long sys_munmap(struct task *t, uptr_t addr, size_t len)
{
    return mm_unmap(t->mm, addr, len);
}

long sys_mprotect(struct task *t, uptr_t addr, size_t len, int prot)
{
    return reads_run(t, prot) ? mm_protect_run(t->mm, addr, len, prot)
                              : mm_protect(t->mm, addr, len, prot);
}

long sys_mremap(struct task *t, uptr_t old, size_t old_len, size_t new_len, int flags,
                uptr_t new_addr)
{
    uptr_t at;
    int err = mm_remap(t->mm, old, old_len, new_len, flags, new_addr, &at);

    return err ? err : (long)at.va;
}

long sys_remap_file_pages(struct task *t, uptr_t addr, size_t size, int prot, size_t pgoff,
                          int flags)
{
    (void)flags; /* "the only flag is MAP_NONBLOCK", which populating in vain comes to */
    return prot ? -EINVAL : mm_remap_file(t->mm, addr, size, pgoff);
}

long sys_madvise(struct task *t, uptr_t addr, size_t len, int advice)
{
    return mm_advise(t->mm, addr, len, advice);
}

long sys_msync(struct task *t, uptr_t addr, size_t len, int flags)
{
    return mm_sync(t->mm, addr, len, flags);
}

long sys_brk(struct task *t, uptr_t addr)
{
    int prot = PROT_READ | PROT_WRITE;

    return (long)mm_brk(t->mm, addr, reads_run(t, prot) ? prot | PROT_EXEC : prot).va;
}

long sys_mincore(struct task *t, uptr_t addr, size_t len, uptr_t vec)
{
    return mm_incore(t->mm, addr, len, vec);
}

long sys_mlock2(struct task *t, uptr_t addr, size_t len, int flags)
{
    mm_set_may_lock(t->mm, task_root_capable(t, CAP_IPC_LOCK));
    return mm_lock(t->mm, addr, len, flags);
}

long sys_mlock(struct task *t, uptr_t addr, size_t len)
{
    return sys_mlock2(t, addr, len, 0);
}

long sys_munlock(struct task *t, uptr_t addr, size_t len)
{
    return mm_unlock(t->mm, addr, len);
}

long sys_mlockall(struct task *t, int flags)
{
    if (flags == 0)
        return -EINVAL;
    mm_set_may_lock(t->mm, task_root_capable(t, CAP_IPC_LOCK));
    return mm_lock_all(t->mm, flags);
}

long sys_munlockall(struct task *t)
{
    return mm_lock_all(t->mm, 0);
}

/* ---- as on a processor without protection keys ---- */

long sys_pkey_mprotect(struct task *t, uptr_t addr, size_t len, int prot, int pkey)
{
    return pkey == -1 ? sys_mprotect(t, addr, len, prot) : -EINVAL;
}

long sys_pkey_alloc(struct task *t, unsigned flags, unsigned rights)
{
    (void)t;
    return flags || rights & ~(unsigned)(PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE) ? -EINVAL
                                                                                   : -ENOSPC;
}

long sys_pkey_free(struct task *t, int pkey)
{
    (void)t, (void)pkey;
    return -EINVAL;
}

/* ---- membarrier(2) ---- */

#define PRIVATE       MEMBARRIER_CMD_PRIVATE_EXPEDITED
#define PRIVATE_SYNC  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
#define REGISTER      MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
#define REGISTER_SYNC MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
#ifndef MEMBARRIER_CMD_GET_REGISTRATIONS
#define MEMBARRIER_CMD_GET_REGISTRATIONS (1 << 9)
#endif

/* The commands are registered for under their own bits, as GET_REGISTRATIONS shows them. */
static long barrier_if(struct mm *mm, uint32_t registered)
{
    if (!(atomic_load(mm_membarrier_state(mm)) & registered))
        return -EPERM;
    return mm_barrier(mm);
}

long sys_membarrier(struct task *t, int cmd, unsigned flags, int cpu_id)
{
    (void)cpu_id; /* means something with MEMBARRIER_CMD_FLAG_CPU alone */
    if (flags)
        return -EINVAL;
    switch (cmd) {
    case MEMBARRIER_CMD_QUERY:
        return PRIVATE | PRIVATE_SYNC | REGISTER | REGISTER_SYNC | MEMBARRIER_CMD_GET_REGISTRATIONS;
    case REGISTER:
    case REGISTER_SYNC:
        atomic_fetch_or(mm_membarrier_state(t->mm), (uint32_t)cmd);
        return 0;
    case PRIVATE:
        return barrier_if(t->mm, REGISTER);
    case PRIVATE_SYNC: /* what stops a thread makes its processor fetch its code anew */
        return barrier_if(t->mm, REGISTER_SYNC);
    case MEMBARRIER_CMD_GET_REGISTRATIONS:
        return (long)atomic_load(mm_membarrier_state(t->mm));
    default: /* MEMBARRIER_CMD_GLOBAL, too, as on a host with nohz_full */
        return -EINVAL;
    }
}

/* ---- process_madvise(2): the caller itself only ---- */

static int check_pidfd(struct task *t, int pidfd)
{
    scoped(file) struct file *f = task_file(t, pidfd);
    struct pid *pid = f ? pidfd_pid(f) : NULL;

    if (!pid)
        return -EBADF;
    scoped(group) struct thread_group *group = pidfd_group(t->arena, pid);
    if (!group)
        return -ESRCH;
    return group == t->group ? 0 : -EPERM;
}

long sys_process_madvise(struct task *t, int pidfd, uptr_t iov, size_t vlen, int advice,
                         unsigned flags)
{
    struct iovec v;
    long done = 0;

    if (flags)
        return -EINVAL;
    if (vlen > IO_VECS_MAX)
        return -EINVAL;
    int err = check_pidfd(t, pidfd);
    if (err)
        return err;
    if (advice != MADV_COLD && advice != MADV_PAGEOUT && advice != MADV_WILLNEED)
        return -EINVAL;
    for (size_t i = 0; i < vlen && !err; i++) {
        err = copy_in_struct(t->mm, &v, uptr_at(iov, i * sizeof v));
        if (!err)
            err = mm_advise(t->mm, uptr((uintptr_t)v.iov_base), v.iov_len, advice);
        if (!err)
            done += (long)v.iov_len;
    }
    return done ? done : err;
}
