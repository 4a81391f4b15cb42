/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), ppoll(2). */
#include <string.h>

#include "sentry/syscall/block.h"
#include "sentry/syscall/deadline.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"
#include "sentry/vfs/pollset.h"

#define FEW 16 /* descriptors for which no memory is allocated */

/* The files of `fds`. Returns how many descriptors are none: those are ready at once, with
 * POLLNVAL. */
static long aim(struct task *t, struct pollfd *fds, size_t n, struct poll_entry *entries)
{
    long bad = 0;

    for (size_t i = 0; i < n; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        entries[i].file = task_file(t, fds[i].fd);
        entries[i].events = (uint16_t)((unsigned)fds[i].events | POLLERR | POLLHUP);
        if (!entries[i].file) {
            fds[i].revents = POLLNVAL;
            bad++;
        }
    }
    return bad;
}

static long wait_for(struct task *t, struct pollset *set, const struct deadline *d, bool look)
{
    if (look || d->at_once) {
        long n = pollset_check(set);
        return n == -EAGAIN ? 0 : n;
    }
    long n = BLOCK_ON(t, &set->waitq, d->at, pollset_check(set));
    return n == -ETIMEDOUT ? 0 : n;
}

static long poll_fds(struct task *t, struct pollfd *fds, size_t n, struct poll_entry *entries,
                     const struct deadline *d)
{
    struct pollset set;
    long bad = aim(t, fds, n, entries);

    pollset_init(&set, t, entries, n);
    long ready = wait_for(t, &set, d, bad > 0);
    for (size_t i = 0; i < n && ready >= 0; i++)
        fds[i].revents |= (short)entries[i].ready;
    pollset_destroy(&set);
    return ready < 0 ? ready : ready + bad;
}

/* Only what is the call's to write: who waits for changes may be told by changing the others. */
static int tell(struct task *t, uptr_t at, const struct pollfd *fds, size_t n)
{
    return copy_out_each(t->mm, uptr_at(at, offsetof(struct pollfd, revents)), &fds->revents,
                         sizeof fds->revents, sizeof *fds, n);
}

/* Room for `n` of both, on the stack of the caller or in the arena. */
struct room {
    struct pollfd fds[FEW];
    struct poll_entry entries[FEW];
};

static long do_poll(struct task *t, uptr_t at, unsigned n, const struct deadline *d)
{
    struct room few;
    struct pollfd *fds = few.fds;
    struct poll_entry *entries = few.entries;
    void *many = NULL;

    if (n > task_limit(t, RLIMIT_NOFILE))
        return -EINVAL;
    if (n > FEW) {
        many = arena_alloc(t->arena, n * (sizeof *fds + sizeof *entries));
        if (!many)
            return -ENOMEM;
        entries = many;
        fds = (struct pollfd *)(entries + n);
    } else {
        memset(entries, 0, n * sizeof *entries);
    }
    long ready = copy_in(t->mm, fds, at, n * sizeof *fds);
    if (!ready)
        ready = poll_fds(t, fds, n, entries, d);
    if (ready >= 0 && tell(t, at, fds, n) < 0)
        ready = -EFAULT;
    arena_free(many);
    return ready;
}

/* The rest of a poll(2) that a signal without a handler came into: to the same point in time. */
static long poll_again(struct task *t);

static long poll_until(struct task *t, uptr_t fds, unsigned n, const struct deadline *d)
{
    long ready = do_poll(t, fds, n, d);

    if (ready != -ERESTARTSYS)
        return ready;
    t->restart = (struct restart_block){
        poll_again, {fds.va, n, (uint64_t)d->at, d->at_once}
    };
    return -ERESTART_RESTARTBLOCK;
}

static long poll_again(struct task *t)
{
    const uint64_t *arg = t->restart.arg;
    struct deadline d = { .at = (nsec_t)arg[2], .at_once = arg[3] };

    return poll_until(t, uptr(arg[0]), (unsigned)arg[1], &d);
}

long sys_poll(struct task *t, uptr_t fds, unsigned nfds, int timeout_ms)
{
    struct deadline d = deadline_ms(t, timeout_ms);

    return poll_until(t, fds, nfds, &d);
}

long sys_ppoll(struct task *t, uptr_t fds, unsigned nfds, uptr_t timeout, uptr_t sigmask,
               size_t setsize)
{
    struct deadline d;
    sigset64 set;
    int err = deadline_timespec(t, timeout, &d);

    if (err)
        return err;
    if (!uptr_is_null(sigmask)) {
        err = signal_copy_set(t, sigmask, setsize, &set);
        if (err)
            return err;
        signal_set_temporary(t, set);
    }
    long ready = do_poll(t, fds, nfds, &d);
    deadline_left_timespec(t, &d, timeout);
    return ready == -ERESTARTSYS ? -ERESTARTNOHAND : ready;
}
