/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of tasks.
 *
 * Each namespace keeps its numbers in a tree, so that they can be found by number
 * and walked in order (/proc). New ones are given out in a circle: a number that
 * has just become free comes again as late as can be.
 */
#include "sentry/task/pid.h"

#include "sentry/core/slab.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/task/tasks.h"

static const struct slab_type pid_slab = SLAB_TYPE(pid, struct pid);

static bool number_less(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct pid_number, node)->nr < rb_entry(b, struct pid_number, node)->nr;
}

/* The first at or above `from`. */
static struct pid_number *number_at_or_above(const struct pid_ns *ns, int from)
{
    struct pid_number *best = NULL;

    for (struct rb_node *n = ns->numbers.node; n;) {
        struct pid_number *at = rb_entry(n, struct pid_number, node);
        if (at->nr >= from) {
            best = at;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

/* The first number in [from, to) that nobody has; 0 where all are taken. */
static int free_number(const struct pid_ns *ns, int from, int to)
{
    struct pid_number *at = number_at_or_above(ns, from);

    while (from < to && at && at->nr == from) {
        struct rb_node *next = rb_next(&at->node);
        at = rb_entry_or_null(next, struct pid_number, node);
        from++;
    }
    return from < to ? from : 0;
}

static int next_number(struct pid_ns *ns)
{
    int nr = free_number(ns, ns->last + 1, PID_MAX);

    if (!nr)
        nr = free_number(ns, PID_FIRST, PID_MAX);
    if (nr)
        ns->last = nr;
    return nr;
}

/* As alloc_pid() checks clone3's set_tid. */
static int wanted_number(const struct pid_ns *ns, int nr)
{
    if (nr < 1 || nr >= PID_MAX)
        return -EINVAL;
    if (nr != 1 && !ns->reaper)
        return -EINVAL;
    struct pid_number *at = number_at_or_above(ns, nr);
    return at && at->nr == nr ? -EEXIST : nr;
}

static void unhash(struct pid *p, uint32_t from)
{
    for (uint32_t i = from; i <= p->level; i++)
        rb_erase(&p->numbers[i].ns->numbers, &p->numbers[i].node);
}

static void free_pid(struct pid *p)
{
    for (uint32_t i = 0; i <= p->level; i++)
        pid_ns_put(p->numbers[i].ns);
    waitq_destroy(&p->waitq);
    if (p->numbers != &p->only)
        arena_free(p->numbers);
    slab_free(p);
}

static int alloc_pid(struct pid_ns *ns, struct pid **out)
{
    struct pid *p = slab_alloc(ns->arena, &pid_slab);

    if (!p)
        return -ENOMEM;
    p->numbers = &p->only;
    if (ns->level > 0)
        p->numbers = arena_alloc(ns->arena, (ns->level + 1) * sizeof *p->numbers);
    if (!p->numbers) {
        slab_free(p);
        return -ENOMEM;
    }
    ref_init(&p->ref);
    list_init(&p->pgrp);
    waitq_init(&p->waitq);
    p->level = ns->level;
    for (; ns; ns = ns->parent)
        p->numbers[ns->level] = (struct pid_number){ .ns = pid_ns_get(ns), .pid = p };
    *out = p;
    return 0;
}

int pid_create_locked(struct tasks *ts, struct pid_ns *ns, const int *wanted, unsigned count,
                      struct pid **out)
{
    struct pid *p;

    assert_slow(mutex_held(&ts->lock));
    if (pid_ns_is_dead(ns))
        return -ENOMEM;
    int err = alloc_pid(ns, &p);
    if (err)
        return err;
    for (uint32_t i = p->level + 1; i-- > 0;) {
        struct pid_number *n = &p->numbers[i];
        uint32_t depth = p->level - i; /* wanted numbers count from the inside */
        int nr = depth < count ? wanted_number(n->ns, wanted[depth]) : next_number(n->ns);
        if (nr <= 0) {
            unhash(p, i + 1);
            free_pid(p);
            return nr ? nr : -EAGAIN;
        }
        n->nr = nr;
        rb_insert(&n->ns->numbers, &n->node, number_less);
    }
    p->hashed = true;
    *out = p;
    return 0;
}

struct pid *pid_get(struct pid *p)
{
    ref_get(&p->ref);
    return p;
}

void pid_put(struct pid *p)
{
    if (p && ref_put(&p->ref)) {
        assert(!p->hashed);
        free_pid(p);
    }
}

const struct ipc_pid_hooks pid_ipc_hooks = { .get = pid_get, .put = pid_put };

void pid_release_locked(struct pid *p)
{
    if (!p->hashed || p->task || p->group || p->session || !list_empty(&p->pgrp))
        return;
    unhash(p, 0);
    p->hashed = false;
}

int pid_nr(const struct pid *p, const struct pid_ns *ns)
{
    if (!p || ns->level > p->level || p->numbers[ns->level].ns != ns)
        return 0;
    return p->numbers[ns->level].nr;
}

struct pid *pid_find_locked(const struct pid_ns *ns, int nr)
{
    struct pid_number *at = number_at_or_above(ns, nr);

    return at && at->nr == nr ? at->pid : NULL;
}

struct pid *pid_next_locked(const struct pid_ns *ns, int from, int *nr)
{
    struct pid_number *at = number_at_or_above(ns, from);

    if (!at)
        return NULL;
    *nr = at->nr;
    return at->pid;
}
