/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/task/container.h"

#include "sentry/core/platform_ref.h"
#include "sentry/core/slab.h"
#include "sentry/task/ns.h"
#include "sentry/task/seccomp.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

static const struct slab_type container_slab =
    SLAB_TYPE(container, struct container, .host_ptrs = { PTR_AT(struct container, seed) });

int task_container_create(struct arena *a, struct pid_ns *pid_ns, struct uts_ns *uts,
                          uint32_t limit, struct container **out)
{
    struct container *c = slab_alloc(a, &container_slab);

    if (!c)
        return -ENOMEM;
    ref_init(&c->ref);
    waitq_init(&c->thawed);
    c->arena = a;
    c->pid_ns = pid_ns_get(pid_ns);
    c->uts = uts_ns_get(uts);
    c->limit = limit ? limit : PID_MAX;
    *out = c;
    return 0;
}

struct container *task_container_get(struct container *c)
{
    ref_get(&c->ref);
    return c;
}

static void drop_seed(struct container *c)
{
    if (c->seed)
        platform_of(c->arena)->ops->aspace_destroy(c->seed);
    c->seed = NULL;
}

/* What its programs have left for the next ones is in its cgroup; so may others' be, and no harm.
 */
static void drop_spares(struct container *c)
{
    const struct platform_ref *p = platform_of(c->arena);

    while (p->ops->make_room && p->ops->make_room(p->platform))
        ;
}

void task_container_put(struct container *c)
{
    if (!c || !ref_put(&c->ref))
        return;
    assert(c->count == 0);
    drop_seed(c);
    seccomp_destroy(c->profile);
    pid_ns_put(c->pid_ns);
    uts_ns_put(c->uts);
    waitq_destroy(&c->thawed);
    slab_free(c);
}

void task_container_set_limit(struct container *c, uint32_t most)
{
    struct tasks *ts = tasks_of(c->arena);

    mutex_lock(&ts->lock);
    c->limit = most && most < PID_MAX ? most : PID_MAX;
    mutex_unlock(&ts->lock);
    atomic_store(&c->figures.pids, most);
}

struct container *task_container(const struct task *t)
{
    return t->group->container;
}

bool task_container_enter_locked(struct container *c)
{
    if (c->ended || c->count >= c->limit)
        return false;
    c->count++;
    tasks_of(c->arena)->count++;
    return true;
}

void task_container_leave_locked(struct container *c)
{
    c->count--;
    tasks_of(c->arena)->count--;
}

/* ---- all of it ---- */

/* Its next process, as tasks_next_group(): given. */
static struct thread_group *next_group(struct container *c, int *nr)
{
    struct pid_ns *all = tasks_of(c->arena)->pid_ns;
    struct thread_group *g;

    for (; (g = tasks_next_group(all, nr)) && g->container != c; (*nr)++)
        group_put(g);
    return g;
}

void task_container_signal(struct container *c, int sig)
{
    struct thread_group *g;
    struct abi_siginfo si;

    siginfo_kernel(&si, sig, SI_USER);
    for (int nr = 1; (g = next_group(c, &nr)) != NULL; nr++) {
        (void)!signal_send_group(g, sig, &si);
        group_put(g);
    }
}

static void kill_all(struct container *c)
{
    struct tasks *ts = tasks_of(c->arena);
    struct thread_group *g;

    mutex_lock(&ts->lock);
    c->ended = true;
    list_for_each (g, &ts->groups, all)
        if (g->container == c)
            group_kill(g, SIGKILL);
    mutex_unlock(&ts->lock);
}

void task_container_end(struct container *c)
{
    struct tasks *ts = tasks_of(c->arena);
    struct park park = PARK_INIT;
    struct quiet_wait w;

    task_container_thaw(c);
    kill_all(c);
    quiet_wait_begin(&w, &ts->idle, &park);
    for (;;) {
        park_prepare(&park);
        if (atomic_load(&c->threads) == 0)
            break;
        int err = park_wait(&park, NSEC_NEVER);
        (void)err; /* EINTR: look again */
    }
    quiet_wait_end(&w, &ts->idle);
    drop_spares(c);
    drop_seed(c);
}

uint64_t task_container_rss(struct container *c)
{
    struct thread_group *g;
    uint64_t sum = 0;

    for (int nr = 1; (g = next_group(c, &nr)) != NULL; nr++) {
        scoped(task) struct task *t = group_any_live(g);
        struct mm *mm = t ? task_mm_get(t) : NULL;
        struct mm_usage u;

        if (mm) {
            mm_usage(mm, &u);
            sum += u.rss_anon + u.rss_shmem;
            mm_put(mm);
        }
        group_put(g);
    }
    return sum;
}

void task_container_memory(struct container *c, uint64_t *total, uint64_t *used)
{
    uint64_t ram = ram_total(c->arena);
    bool limited = c->mem && c->mem < ram;

    *total = limited ? c->mem : ram;
    *used = min(limited ? task_container_rss(c) : ram_used(c->arena), *total);
}

/* ---- the freezer ---- */

/* Threads that are born meanwhile see to it themselves: group_add_task_locked(). */
static void freeze_group(struct thread_group *g)
{
    struct task *t;

    mutex_lock(&g->lock);
    list_for_each (t, &g->tasks, group_node)
        task_set_work(t, TASK_FROZEN);
    mutex_unlock(&g->lock);
}

void task_container_freeze(struct container *c)
{
    struct thread_group *g;

    atomic_store(&c->frozen, true);
    for (int nr = 1; (g = next_group(c, &nr)) != NULL; nr++) {
        freeze_group(g);
        group_put(g);
    }
}

void task_container_thaw(struct container *c)
{
    atomic_store(&c->frozen, false);
    waitq_wake(&c->thawed, 0);
}

void task_container_wait_thaw(struct task *t)
{
    struct container *c = task_container(t);
    struct quiet_wait w;
    int err = 0;

    quiet_wait_begin(&w, &c->thawed, &t->park);
    while (!err) {
        park_prepare(&t->park);
        task_clear_work(t, TASK_FROZEN);
        if (!atomic_load(&c->frozen))
            break;
        err = task_sleep_killable(t);
    }
    quiet_wait_end(&w, &c->thawed);
}
