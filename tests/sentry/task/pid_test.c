/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/lib/task_world.h"

static struct pid *make(struct tasks *ts, struct pid_ns *ns, const int *wanted, unsigned count)
{
    struct pid *p;

    mutex_lock(&ts->lock);
    int err = pid_create_locked(ts, ns, wanted, count, &p);
    mutex_unlock(&ts->lock);
    cr_assert_eq(err, 0);
    return p;
}

static int refusal(struct tasks *ts, struct pid_ns *ns, int wanted)
{
    struct pid *p;

    mutex_lock(&ts->lock);
    int err = pid_create_locked(ts, ns, &wanted, 1, &p);
    mutex_unlock(&ts->lock);
    return err;
}

static void drop(struct tasks *ts, struct pid *p)
{
    mutex_lock(&ts->lock);
    pid_release_locked(p);
    mutex_unlock(&ts->lock);
    pid_put(p);
}

Test(pid, numbers_are_given_in_a_circle)
{
    struct task_world w;

    task_world_start(&w, NULL, NULL);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    struct pid *a = make(ts, ts->pid_ns, NULL, 0);
    cr_assert_eq(pid_nr(a, ts->pid_ns), 2); /* the first process is 1 */
    drop(ts, a);
    struct pid *b = make(ts, ts->pid_ns, NULL, 0);
    cr_assert_eq(pid_nr(b, ts->pid_ns), 3); /* 2 is not given out again so soon */
    ts->pid_ns->last = PID_MAX - 2;
    struct pid *c = make(ts, ts->pid_ns, NULL, 0);
    cr_assert_eq(pid_nr(c, ts->pid_ns), PID_MAX - 1);
    struct pid *d = make(ts, ts->pid_ns, NULL, 0);
    cr_assert_eq(pid_nr(d, ts->pid_ns), PID_FIRST); /* the low ones are not reused */
    ts->pid_ns->last = PID_FIRST - 1;
    struct pid *e = make(ts, ts->pid_ns, NULL, 0);
    cr_assert_eq(pid_nr(e, ts->pid_ns), PID_FIRST + 1); /* taken ones are passed over */
    drop(ts, b), drop(ts, c), drop(ts, d), drop(ts, e);
    task_world_stop(&w);
}

Test(pid, a_number_can_be_asked_for)
{
    struct task_world w;

    task_world_start(&w, NULL, NULL);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    struct pid *p = make(ts, ts->pid_ns, &(int){ 77 }, 1);
    cr_assert_eq(pid_nr(p, ts->pid_ns), 77);
    cr_assert_eq(refusal(ts, ts->pid_ns, 77), -EEXIST);
    cr_assert_eq(refusal(ts, ts->pid_ns, 0), -EINVAL);
    cr_assert_eq(refusal(ts, ts->pid_ns, PID_MAX), -EINVAL);
    drop(ts, p);
    task_world_stop(&w);
}

Test(pid, each_namespace_has_its_own)
{
    struct task_world w;
    struct pid_ns *inner;

    task_world_start(&w, NULL, NULL);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    cr_assert_eq(pid_ns_create(ts->arena, ts->pid_ns, w.vfs.user_ns, &inner), 0);
    struct pid *p = make(ts, inner, NULL, 0);
    cr_assert_eq(pid_nr(p, inner), 1);
    cr_assert_eq(pid_nr(p, ts->pid_ns), 2);
    cr_assert_eq(pid_nr(w.init->pid, inner), 0); /* invisible */
    mutex_lock(&ts->lock);
    cr_assert_eq(pid_find_locked(inner, 1), p);
    cr_assert_eq(pid_find_locked(ts->pid_ns, 2), p);
    cr_assert_null(pid_find_locked(inner, 2));
    mutex_unlock(&ts->lock);
    /* in there, only its init may be numbered by hand before there is one */
    cr_assert_eq(refusal(ts, inner, 5), -EINVAL);
    drop(ts, p);
    pid_ns_put(inner);
    task_world_stop(&w);
}

Test(pid, a_dead_namespace_gives_none)
{
    struct task_world w;
    struct pid_ns *inner;
    struct pid *p;

    task_world_start(&w, NULL, NULL);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    cr_assert_eq(pid_ns_create(ts->arena, ts->pid_ns, w.vfs.user_ns, &inner), 0);
    inner->dead = true;
    mutex_lock(&ts->lock);
    cr_assert_eq(pid_create_locked(ts, inner, NULL, 0, &p), -ENOMEM);
    mutex_unlock(&ts->lock);
    pid_ns_put(inner);
    task_world_stop(&w);
}

Test(pid, namespaces_nest_so_far)
{
    struct task_world w;
    struct pid_ns *ns, *next;
    int err = 0;

    task_world_start(&w, NULL, NULL);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    ns = pid_ns_get(ts->pid_ns);
    for (int i = 1; i < PID_NS_LEVELS; i++) {
        err = pid_ns_create(ts->arena, ns, w.vfs.user_ns, &next);
        cr_assert_eq(err, 0);
        pid_ns_put(ns);
        ns = next;
    }
    cr_assert_eq(pid_ns_create(ts->arena, ns, w.vfs.user_ns, &next), -ENOSPC);
    cr_assert(pid_ns_is_within(ns, ts->pid_ns));
    cr_assert(!pid_ns_is_within(ts->pid_ns, ns));
    struct pid *p = make(ts, ns, NULL, 0);
    cr_assert_eq(p->level, PID_NS_LEVELS - 1);
    cr_assert_eq(pid_nr(p, ns), 1);
    drop(ts, p);
    pid_ns_put(ns);
    task_world_stop(&w);
}
