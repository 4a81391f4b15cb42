/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select(2), pselect6(2): three sets of bits, over the same wait as poll(2).
 *
 * Each descriptor in any of the sets becomes one entry. What its poll() says is spread
 * over the sets as select(2) lists it under "Correspondence".
 */
#include "base/bitmap.h"
#include "sentry/syscall/block.h"
#include "sentry/syscall/deadline.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"
#include "sentry/vfs/pollset.h"

static const uint16_t set_events[3] = {
    POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
    POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR,
    POLLPRI,
};

struct selection {
    size_t n;          /* descriptors looked at: 0 … n-1 */
    uptr_t at[3];      /* readfds, writefds, exceptfds; may be null */
    uint64_t *sets[3]; /* BITMAP_WORDS(n) each */
    struct poll_entry *entries;
    int *fds;     /* of each entry */
    size_t count; /* entries */
};

static size_t set_size(const struct selection *s)
{
    return BITMAP_WORDS(s->n) * sizeof(uint64_t);
}

static int copy_sets_in(struct task *t, struct selection *s)
{
    for (int i = 0; i < 3; i++) {
        if (uptr_is_null(s->at[i]))
            continue;
        int err = copy_in(t->mm, s->sets[i], s->at[i], set_size(s));
        if (err)
            return err;
        /* Bits past the last descriptor are not asked about and come back clear. */
        if (s->n % 64)
            s->sets[i][s->n / 64] &= (UINT64_C(1) << (s->n % 64)) - 1;
    }
    return 0;
}

static int copy_sets_out(struct task *t, const struct selection *s)
{
    for (int i = 0; i < 3; i++) {
        if (uptr_is_null(s->at[i]))
            continue;
        int err = copy_out(t->mm, s->at[i], s->sets[i], set_size(s));
        if (err)
            return err;
    }
    return 0;
}

static uint16_t wanted(const struct selection *s, size_t fd)
{
    uint16_t events = 0;

    for (int i = 0; i < 3; i++) {
        if (bitmap_test(s->sets[i], fd))
            events |= set_events[i];
    }
    return events;
}

static size_t count_wanted(const struct selection *s)
{
    size_t count = 0;

    for (size_t fd = 0; fd < s->n; fd++)
        count += wanted(s, fd) != 0;
    return count;
}

/* Errors: EBADF; the files taken so far are put by pollset_destroy(). */
static int aim(struct task *t, struct selection *s)
{
    for (size_t fd = 0; fd < s->n; fd++) {
        uint16_t events = wanted(s, fd);
        if (!events)
            continue;
        struct poll_entry *e = &s->entries[s->count];
        e->file = task_file(t, (int)fd);
        if (!e->file)
            return -EBADF;
        e->events = events;
        s->fds[s->count++] = (int)fd;
    }
    return 0;
}

/* Only what is ready stays in the sets. Returns the bits in all three. */
static long spread(struct selection *s)
{
    long bits = 0;

    for (size_t i = 0; i < s->count; i++) {
        size_t fd = (size_t)s->fds[i];
        for (int j = 0; j < 3; j++) {
            if (!bitmap_test(s->sets[j], fd))
                continue;
            if (s->entries[i].ready & set_events[j])
                bits++;
            else
                bitmap_clear(s->sets[j], fd);
        }
    }
    return bits;
}

static long wait_for(struct task *t, struct pollset *set, const struct deadline *d)
{
    if (d->at_once) {
        long n = pollset_check(set);
        return n == -EAGAIN ? 0 : n;
    }
    long n = BLOCK_ON(t, &set->waitq, d->at, pollset_check(set));
    return n == -ETIMEDOUT ? 0 : n;
}

static long select_entries(struct task *t, struct selection *s, const struct deadline *d)
{
    struct pollset set;
    long ready = aim(t, s);

    pollset_init(&set, t, s->entries, s->count);
    if (!ready)
        ready = wait_for(t, &set, d);
    if (ready >= 0)
        ready = spread(s);
    pollset_destroy(&set);
    return ready;
}

static long select_sets(struct task *t, struct selection *s, const struct deadline *d)
{
    long ready = copy_sets_in(t, s);
    if (ready)
        return ready;
    size_t count = count_wanted(s);
    s->entries = arena_alloc(t->arena, count * (sizeof *s->entries + sizeof *s->fds) + 1);
    if (!s->entries)
        return -ENOMEM;
    s->fds = (int *)(s->entries + count);
    ready = select_entries(t, s, d);
    arena_free(s->entries);
    if (ready >= 0 && copy_sets_out(t, s) < 0)
        return -EFAULT;
    return ready == -ERESTARTSYS ? -ERESTARTNOHAND : ready;
}

static long do_select(struct task *t, int nfds, const uptr_t at[3], const struct deadline *d)
{
    if (nfds < 0)
        return -EINVAL;
    /* As Linux: what lies above the table is not looked at. */
    int size = fdtable_size(t->files);
    struct selection s = {
        .n = (size_t)min(nfds, size), .at = {at[0], at[1], at[2]}
    };
    size_t words = BITMAP_WORDS(s.n);
    uint64_t few[3 * 16] = { 0 };
    uint64_t *bits = few;
    if (words > 16) {
        bits = arena_alloc(t->arena, 3 * words * sizeof *bits);
        if (!bits)
            return -ENOMEM;
    }
    for (size_t i = 0; i < 3; i++)
        s.sets[i] = bits + i * words;
    long ready = select_sets(t, &s, d);
    if (bits != few)
        arena_free(bits);
    return ready;
}

long sys_select(struct task *t, int nfds, uptr_t readfds, uptr_t writefds, uptr_t exceptfds,
                uptr_t timeout)
{
    struct deadline d;
    int err = deadline_timeval(t, timeout, &d);

    if (err)
        return err;
    long ready = do_select(t, nfds, (uptr_t[]){ readfds, writefds, exceptfds }, &d);
    deadline_left_timeval(t, &d, timeout);
    return ready;
}

long sys_pselect6(struct task *t, int nfds, uptr_t readfds, uptr_t writefds, uptr_t exceptfds,
                  uptr_t timeout, uptr_t sigmask)
{
    struct {
        uint64_t set, size;
    } mask = { 0, 0 };
    struct deadline d;
    sigset64 set;
    int err = 0;

    if (!uptr_is_null(sigmask))
        err = copy_in_struct(t->mm, &mask, sigmask);
    if (!err)
        err = deadline_timespec(t, timeout, &d);
    if (err)
        return err;
    if (mask.set) {
        err = signal_copy_set(t, uptr(mask.set), mask.size, &set);
        if (err)
            return err;
        signal_set_temporary(t, set);
    }
    long ready = do_select(t, nfds, (uptr_t[]){ readfds, writefds, exceptfds }, &d);
    deadline_left_timespec(t, &d, timeout);
    return ready;
}
