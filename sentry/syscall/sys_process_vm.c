/* SPDX-License-Identifier: Apache-2.0 */
/* process_vm_readv(2), process_vm_writev(2): bytes between two processes, without a pipe. */
#include "sentry/mm/io.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

#define CHUNK 4096 /* bytes on their way at once; also what a fault can cost */

/* The two lists of one call, and where each stands. */
struct transfer {
    struct task *t;
    struct mm *other;
    bool write;
    struct iovec local[IO_VECS_MAX], remote[IO_VECS_MAX];
    size_t nlocal, nremote;
};

static int copy_vecs(struct task *t, uptr_t from, size_t n, struct iovec *out)
{
    uint64_t sum = 0;

    if (n > IO_VECS_MAX)
        return -EINVAL;
    int err = copy_in(t->mm, out, from, n * sizeof *out);
    for (size_t i = 0; i < n && !err; i++)
        if (__builtin_add_overflow(sum, out[i].iov_len, &sum) || sum > INT64_MAX)
            err = -EINVAL;
    return err;
}

/* One step of at most CHUNK bytes. Short where one side ends or faults; -EFAULT where nothing went.
 */
static ssize_t move(struct transfer *x, uptr_t local, uptr_t remote, size_t size)
{
    char buf[CHUNK];
    ssize_t got = x->write ? copy_in_some(x->t->mm, buf, local, size)
                           : mm_access(x->other, remote, buf, size, false);

    if (got <= 0)
        return got ? got : -EFAULT;
    return x->write ? mm_access(x->other, remote, buf, (size_t)got, true)
                    : copy_out_some(x->t->mm, local, buf, (size_t)got);
}

static long run(struct transfer *x)
{
    size_t l = 0, r = 0, l_at = 0, r_at = 0;
    long done = 0;

    while (l < x->nlocal && r < x->nremote) {
        size_t left = min(x->local[l].iov_len - l_at, x->remote[r].iov_len - r_at);

        if (left) {
            size_t want = min(left, (size_t)CHUNK);
            ssize_t n = move(x, uptr((uintptr_t)x->local[l].iov_base + l_at),
                             uptr((uintptr_t)x->remote[r].iov_base + r_at), want);

            if (n < 0)
                return done ? done : n;
            done += n;
            l_at += (size_t)n;
            r_at += (size_t)n;
            if ((size_t)n < want)
                return done;
        }
        if (l_at == x->local[l].iov_len)
            l++, l_at = 0;
        if (r_at == x->remote[r].iov_len)
            r++, r_at = 0;
    }
    return done;
}

/* The other's memory, where the caller may look into it: given. */
static int find_mm(struct task *t, int pid, struct mm **out)
{
    scoped(task) struct task *other = task_find(t, pid);

    if (!other)
        return -ESRCH;
    int err = task_may_access(t, other);
    if (err)
        return err;
    *out = task_mm_get(other);
    return *out ? 0 : -ESRCH;
}

static long process_vm(struct task *t, int pid, uptr_t lvec, size_t nlocal, uptr_t rvec,
                       size_t nremote, uint64_t flags, bool write)
{
    struct transfer *x;

    if (flags)
        return -EINVAL;
    if (nlocal > IO_VECS_MAX || nremote > IO_VECS_MAX)
        return -EINVAL;
    x = arena_alloc(t->arena, sizeof *x);
    if (!x)
        return -ENOMEM;
    x->t = t;
    x->write = write;
    x->nlocal = nlocal;
    x->nremote = nremote;
    long r = copy_vecs(t, lvec, nlocal, x->local);
    if (!r)
        r = copy_vecs(t, rvec, nremote, x->remote);
    if (!r && nlocal && nremote)
        r = find_mm(t, pid, &x->other);
    if (!r && x->other)
        r = run(x);
    mm_put(x->other);
    arena_free(x);
    return r;
}

long sys_process_vm_readv(struct task *t, int pid, uptr_t lvec, size_t liovcnt, uptr_t rvec,
                          size_t riovcnt, uint64_t flags)
{
    return process_vm(t, pid, lvec, liovcnt, rvec, riovcnt, flags, false);
}

long sys_process_vm_writev(struct task *t, int pid, uptr_t lvec, size_t liovcnt, uptr_t rvec,
                           size_t riovcnt, uint64_t flags)
{
    return process_vm(t, pid, lvec, liovcnt, rvec, riovcnt, flags, true);
}
