/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Robust futexes: a thread keeps a list, in its own memory, of the locks that it
 * holds. When it ends we walk the list and mark those locks, so that nobody waits
 * for ever. The list is the guest's: it may be anything, and long.
 *
 *   source    get_robust_list(2); robust-futex-ABI in Linux's documentation
 */
#include <linux/futex.h>

#include "sentry/task/futex_priv.h"

#define ENTRY_PI UINT64_C(1) /* the lowest bit of an entry's address */

struct entry {
    uint64_t at;
    bool pi;
};

static int fetch(struct task *t, uint64_t from, struct entry *out)
{
    uint64_t word;
    int err = copy_in_struct(t->mm, &word, uptr(from));

    if (!err)
        *out = (struct entry){ word & ~ENTRY_PI, word & ENTRY_PI };
    return err;
}

static void wake_one(struct task *t, uptr_t at)
{
    int ignored = futex_wake(t, &(struct futex){ at, true }, 1, FUTEX_BITSET_MATCH_ANY);
    (void)ignored;
}

/*
 * Marks one lock, if it is the thread's. `pending`: the thread was between a change
 * of the word and the list. If it has already let go of the word, the wake that it
 * owed may be missing.
 */
static int mark(struct task *t, uptr_t at, bool pi, bool pending)
{
    uint32_t old, seen;

    if (at.va % sizeof seen)
        return -EINVAL;
    int err = word_load(t->mm, at, &seen);
    if (err)
        return err;
    do {
        old = seen;
        if (pending && !pi && (old & FUTEX_TID_MASK) == 0) {
            wake_one(t, at);
            return 0;
        }
        if ((old & FUTEX_TID_MASK) != (uint32_t)task_tid(t, t))
            return 0;
        err = word_cmpxchg(t->mm, at, &seen, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
        if (err)
            return err;
    } while (seen != old);
    /* Those that wait for a PI futex are told by pi_exit(). */
    if (!pi && old & FUTEX_WAITERS)
        wake_one(t, at);
    return 0;
}

void robust_exit(struct task *t)
{
    struct entry entry, pending, next;
    uint64_t head = t->robust_list.va;
    int64_t offset;

    mutex_lock(&t->lock);
    t->robust_list = uptr(0);
    mutex_unlock(&t->lock);
    if (!head || fetch(t, head, &entry) ||
        copy_in_struct(t->mm, &offset,
                       uptr(head + offsetof(struct robust_list_head, futex_offset))) ||
        fetch(t, head + offsetof(struct robust_list_head, list_op_pending), &pending))
        return;
    for (int left = ROBUST_LIST_LIMIT; entry.at != head && left > 0; left--) {
        /* Once the word is marked, another thread may unlink and free the entry. */
        int err = fetch(t, entry.at, &next);
        if (entry.at != pending.at && mark(t, uptr(entry.at + (uint64_t)offset), entry.pi, false))
            return;
        if (err)
            return;
        entry = next;
    }
    if (pending.at) {
        int ignored = mark(t, uptr(pending.at + (uint64_t)offset), pending.pi, true);
        (void)ignored;
    }
}
