/* SPDX-License-Identifier: Apache-2.0 */
#include "platform-stub/spare.h"

#include <errno.h>
#include <sys/syscall.h>

#include "base/host.h"

#define SPARES_MAX 8u /* in a sandbox */
#define STUBS_MAX  2u /* parked in each */

static unsigned parked_locked(const struct aspace *as) HOLDS(as->lock);
static unsigned parked_locked(const struct aspace *as)
{
    unsigned count = 0;

    for (const struct list *at = as->parked.next; at != &as->parked; at = at->next)
        count++;
    return count;
}

static bool is_same(const struct aspace_owner *a, const struct aspace_owner *b)
{
    return a->ids == b->ids && a->rights == b->rights && a->user_ns == b->user_ns &&
           a->mnt_ns == b->mnt_ns && a->pid_ns == b->pid_ns;
}

/* There is always room for one of another owner, and one of theirs goes. */
static bool has_room_locked(struct stubs *stubs, const struct aspace_owner *owner)
    HOLDS(stubs->lock);
static bool has_room_locked(struct stubs *stubs, const struct aspace_owner *owner)
{
    const struct aspace *oldest = list_first(&stubs->spares, struct aspace, node);

    return stubs->spare_count < SPARES_MAX || !is_same(&oldest->owner, owner);
}

/* Whether all that is left are its agent and the parked. Nothing more is parked from here on. */
static bool end_locked(struct aspace *as, bool killed_run) HOLDS(as->lock);
static bool end_locked(struct aspace *as, bool killed_run)
{
    struct stubs *stubs = as->stubs;
    unsigned parked = parked_locked(as);

    as->ended = true;
    as->narrow_size = 0;
    if (!as->owned || parked > STUBS_MAX || agent_is_dead(&as->agent))
        return false;
    mutex_lock(&stubs->lock);
    bool quiet = (as->corpses == 1 + parked || !killed_run) && has_room_locked(stubs, &as->owner);
    mutex_unlock(&stubs->lock);
    return quiet;
}

static void put_empty(struct agent *agent)
{
    agent_put(agent, 0, SYS_munmap, 0, STUB_START, 0, 0, 0, 0);
}

static int empty_locked(struct aspace *as) HOLDS(as->lock);
static int empty_locked(struct aspace *as)
{
    if (as->agent.begun)
        return agent_finish(&as->agent);
    put_empty(&as->agent);
    return agent_run(&as->agent, NULL);
}

void spare_empty(struct aspace *as)
{
    mutex_lock(&as->lock);
    if (as->owned && as->agent.pid) {
        put_empty(&as->agent);
        agent_begin(&as->agent);
    }
    mutex_unlock(&as->lock);
}

static void take_locked(struct stubs *stubs, struct aspace *as) HOLDS(stubs->lock);
static void take_locked(struct stubs *stubs, struct aspace *as)
{
    stubs->spare_count--;
    list_del(&as->node);
    list_push_back(&stubs->aspaces, &as->node);
    as->id = stubs->next_id++;
}

/*
 * Whoever runs on in it, told to by another thread of the guest's while it was parked, must not see
 * what gets the memory next: to kill it does not stop it at once.
 */
static bool empty_or_end_locked(struct aspace *as) HOLDS(as->lock);
static bool empty_or_end_locked(struct aspace *as)
{
    if (empty_locked(as) == 0)
        return true;
    corpse_end_all(as);
    return false;
}

struct aspace *spare_put(struct aspace *as, bool killed_run)
{
    struct stubs *stubs = as->stubs;
    struct aspace *oldest = NULL;

    mutex_lock(&as->lock);
    bool kept = end_locked(as, killed_run);
    if (kept || killed_run)
        kept = empty_or_end_locked(as) && kept;
    mutex_unlock(&as->lock);
    if (!kept)
        return as;
    mutex_lock(&stubs->lock);
    list_del(&as->node);
    list_push_back(&stubs->spares, &as->node);
    if (++stubs->spare_count > SPARES_MAX) {
        oldest = list_first(&stubs->spares, struct aspace, node);
        take_locked(stubs, oldest);
    }
    mutex_unlock(&stubs->lock);
    return oldest;
}

/* The one that has waited least: its pages are still in the processor's caches. */
static struct aspace *find_locked(struct stubs *stubs, const struct aspace_owner *owner)
    HOLDS(stubs->lock);
static struct aspace *find_locked(struct stubs *stubs, const struct aspace_owner *owner)
{
    struct aspace *as, *found = NULL;

    list_for_each (as, &stubs->spares, node) {
        if (is_same(&as->owner, owner))
            found = as;
    }
    return found;
}

/* Killed from outside while it waited. Nobody is given it any more, and it goes with the oldest. */
static void put_dead(struct stubs *stubs, struct aspace *as)
{
    mutex_lock(&stubs->lock);
    as->owner = (struct aspace_owner){ .ids = UINT64_MAX };
    list_del(&as->node);
    list_push_back(&stubs->spares, &as->node);
    stubs->spare_count++;
    mutex_unlock(&stubs->lock);
}

int spare_take(struct stubs *stubs, const struct aspace_owner *owner, struct aspace **out)
{
    mutex_lock(&stubs->lock);
    struct aspace *as = find_locked(stubs, owner);
    if (as)
        take_locked(stubs, as);
    mutex_unlock(&stubs->lock);
    if (!as)
        return -EAGAIN;
    mutex_lock(&as->lock);
    bool lives = !agent_is_dead(&as->agent);
    as->ended = !lives;
    as->owned = lives;
    mutex_unlock(&as->lock);
    if (lives)
        *out = as;
    else
        put_dead(stubs, as);
    return lives ? 0 : -EAGAIN;
}

struct aspace *spare_drop(struct stubs *stubs)
{
    mutex_lock(&stubs->lock);
    struct aspace *as = list_first(&stubs->spares, struct aspace, node);
    if (as)
        take_locked(stubs, as);
    mutex_unlock(&stubs->lock);
    return as;
}

void spare_own(struct aspace *as, const struct aspace_owner *owner)
{
    mutex_lock(&as->lock);
    as->owned = owner;
    if (owner)
        as->owner = *owner;
    mutex_unlock(&as->lock);
}
