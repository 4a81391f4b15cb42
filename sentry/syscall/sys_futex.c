/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2) and its kin: operations decoded, timeouts, what a signal makes of a wait. */
#include <linux/futex.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/futex.h"

#define FUTEX_ANY FUTEX_BITSET_MATCH_ANY

/* One call, decoded. */
struct call {
    int command;
    struct futex first, second;
    uint32_t val, val3;
    int val2; /* the fourth argument where it is no timeout */
    struct moment until;
    bool timed;
};

static bool has_timeout(int command)
{
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
           command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
}

/* FUTEX_WAIT alone takes a span, and FUTEX_LOCK_PI alone has a clock of its own. */
static int decode_timeout(struct task *t, int op, uint64_t from, struct call *c)
{
    struct timespec ts;
    nsec_t at;

    c->until = MOMENT_NEVER;
    if (!from || !has_timeout(c->command))
        return 0;
    int err = copy_in_struct(t->mm, &ts, uptr(from));
    if (!err)
        err = nsec_from_timespec(&ts, &at);
    if (err)
        return err;
    bool real = c->command == FUTEX_LOCK_PI || op & FUTEX_CLOCK_REALTIME;
    if (c->command == FUTEX_WAIT)
        at = nsec_add(task_now(t, CLOCK_ID_MONOTONIC), at);
    /* A moment so far off that it has no number is one second before never. */
    c->until = (struct moment){ real ? CLOCK_ID_REALTIME : CLOCK_ID_MONOTONIC,
                                min(at, NSEC_NEVER - NSEC_PER_SEC) };
    c->timed = true;
    return 0;
}

static long again_wait(struct task *t);

/* A wait with a timeout goes on with what is left of it: restart_syscall(2). */
static long wait(struct task *t, const struct call *c, uint32_t bitset)
{
    long r = futex_wait(t, &c->first, c->val, bitset, &c->until);

    if (r != -ERESTARTSYS || !c->timed)
        return r;
    t->restart = (struct restart_block){
        .fn = again_wait,
        .arg = {c->first.at.va, c->first.shared, c->val, bitset, (uint64_t)c->until.at,
                c->until.clock},
    };
    return -ERESTART_RESTARTBLOCK;
}

static long again_wait(struct task *t)
{
    const uint64_t *arg = t->restart.arg;
    struct call c = {
        .first = {uptr(arg[0]),           arg[1] != 0   },
        .val = (uint32_t)arg[2],
        .until = { (enum clock_id)arg[5], (nsec_t)arg[4]},
        .timed = true,
    };

    return wait(t, &c, (uint32_t)arg[3]);
}

/* These begin anew in any case: nobody was told that they waited. */
static long lock_result(long r)
{
    return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
}

static long run(struct task *t, const struct call *c)
{
    switch (c->command) {
    case FUTEX_WAIT:
        return wait(t, c, FUTEX_ANY);
    case FUTEX_WAIT_BITSET:
        return wait(t, c, c->val3);
    case FUTEX_WAKE:
        return futex_wake(t, &c->first, (int)c->val, FUTEX_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(t, &c->first, (int)c->val, c->val3);
    case FUTEX_REQUEUE:
        return futex_requeue(t, &c->first, &c->second, (int)c->val, c->val2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(t, &c->first, &c->second, (int)c->val, c->val2, &c->val3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(t, &c->first, &c->second, (int)c->val, c->val2, c->val3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return lock_result(futex_lock_pi(t, &c->first, &c->until, false));
    case FUTEX_TRYLOCK_PI:
        return lock_result(futex_lock_pi(t, &c->first, &c->until, true));
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(t, &c->first);
    case FUTEX_WAIT_REQUEUE_PI:
        return lock_result(
            futex_wait_requeue_pi(t, &c->first, c->val, FUTEX_ANY, &c->second, &c->until));
    case FUTEX_CMP_REQUEUE_PI:
        if (c->val != 1)
            return -EINVAL;
        return futex_requeue_pi(t, &c->first, &c->second, c->val2, c->val3);
    default:
        return -ENOSYS;
    }
}

long sys_futex(struct task *t, uptr_t uaddr, int op, unsigned val, uint64_t timeout, uptr_t uaddr2,
               unsigned val3)
{
    bool shared = !(op & FUTEX_PRIVATE_FLAG);
    struct call c = {
        .command = op & FUTEX_CMD_MASK,
        .first = {uaddr,   shared},
        .second = { uaddr2, shared},
        .val = val,
        .val2 = (int)timeout,
        .val3 = val3,
    };

    int err = decode_timeout(t, op, timeout, &c);
    if (err)
        return err;
    if (op & FUTEX_CLOCK_REALTIME && c.command != FUTEX_WAIT_BITSET &&
        c.command != FUTEX_WAIT_REQUEUE_PI && c.command != FUTEX_LOCK_PI2)
        return -ENOSYS;
    return run(t, &c);
}

struct abi_futex_waitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};
static_assert(sizeof(struct abi_futex_waitv) == 24, "as in futex_waitv(2)");

#define FUTEX2_SIZE_MASK 3
#define FUTEX2_SIZE_32   2

static int decode_wanted(const struct abi_futex_waitv *v, struct futex_wanted *out)
{
    if (v->flags & ~(uint32_t)(FUTEX2_SIZE_MASK | FUTEX_PRIVATE_FLAG) || v->reserved ||
        (v->flags & FUTEX2_SIZE_MASK) != FUTEX2_SIZE_32)
        return -EINVAL;
    *out = (struct futex_wanted){
        .futex = {uptr(v->uaddr), !(v->flags & FUTEX_PRIVATE_FLAG)},
        .expected = (uint32_t)v->val,
    };
    return 0;
}

static int decode_until(struct task *t, uptr_t timeout, int clockid, struct moment *out)
{
    struct timespec ts;
    nsec_t at;

    *out = MOMENT_NEVER;
    if (uptr_is_null(timeout))
        return 0;
    if (clockid != CLOCK_MONOTONIC && clockid != CLOCK_REALTIME)
        return -EINVAL;
    int err = copy_in_struct(t->mm, &ts, timeout);
    if (!err)
        err = nsec_from_timespec(&ts, &at);
    if (!err)
        *out = (struct moment){
            clockid == CLOCK_REALTIME ? CLOCK_ID_REALTIME : CLOCK_ID_MONOTONIC,
            min(at, NSEC_NEVER - NSEC_PER_SEC),
        };
    return err;
}

long sys_futex_waitv(struct task *t, uptr_t waiters, unsigned nr, unsigned flags, uptr_t timeout,
                     int clockid)
{
    struct abi_futex_waitv given[FUTEX_WAITV_MOST];
    struct futex_wanted wanted[FUTEX_WAITV_MOST];
    struct moment until;

    if (flags || nr == 0 || nr > FUTEX_WAITV_MOST || uptr_is_null(waiters))
        return -EINVAL;
    int err = decode_until(t, timeout, clockid, &until);
    if (!err)
        err = copy_in(t->mm, given, waiters, nr * sizeof given[0]);
    for (unsigned i = 0; i < nr && !err; i++)
        err = decode_wanted(&given[i], &wanted[i]);
    return err ? err : futex_wait_many(t, wanted, nr, &until);
}

long sys_set_robust_list(struct task *t, uptr_t head, size_t len)
{
    if (len != sizeof(struct robust_list_head))
        return -EINVAL;
    mutex_lock(&t->lock);
    t->robust_list = head;
    mutex_unlock(&t->lock);
    return 0;
}

long sys_get_robust_list(struct task *t, int pid, uptr_t head_ptr, uptr_t len_ptr)
{
    uint64_t size = sizeof(struct robust_list_head);
    scoped(task) struct task *other = pid ? task_find(t, pid) : task_get(t);

    if (!other)
        return -ESRCH;
    int err = task_may_access(t, other);
    if (err)
        return -EPERM;
    mutex_lock(&other->lock);
    uptr_t head = other->robust_list;
    mutex_unlock(&other->lock);
    err = copy_out_struct(t->mm, len_ptr, &size);
    return err ? err : copy_out_struct(t->mm, head_ptr, &head);
}
