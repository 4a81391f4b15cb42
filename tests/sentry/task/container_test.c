/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of one container share, and those of another do not. */
#include "sentry/task/container.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "sentry/core/slab.h"
#include "tests/lib/task_world.h"

static struct task_world w;
static struct container *c;

/* A second container, with room for two tasks. */
static void start(void)
{
    scoped(pid_ns) struct pid_ns *ns = NULL;

    task_world_start(&w, NULL, NULL);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    cr_assert_eq(pid_ns_create(ts->arena, ts->pid_ns, w.vfs.user_ns, &ns), 0);
    cr_assert_eq(task_container_create(ts->arena, ns, ts->uts, 2, &c), 0);
}

static void stop(void)
{
    task_container_put(c);
    task_world_stop(&w);
}

/* It runs: on the fake platform that takes for ever. */
static struct task *add(struct container *where)
{
    struct task *t;

    cr_assert_eq(task_world_add(&w, where, &t), 0);
    cr_assert_eq(task_start(t), 0);
    while (!atomic_load(&t->in_guest))
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    return t;
}

Test(container, has_its_own_numbers)
{
    start();
    struct task *t = add(c);
    cr_expect_eq(task_tid(t, t), 1);
    cr_expect_eq(task_tid(t, w.init), 2);
    cr_expect_eq(task_tid(w.init, t), 0, "it does not see who is outside");
    cr_expect_eq(task_container(t), c);
    task_container_end(c);
    task_put(t);
    stop();
}

Test(container, has_room_for_so_many)
{
    struct task *t[3];

    start();
    t[0] = add(c);
    t[1] = add(c);
    cr_expect_eq(task_world_add(&w, c, &t[2]), -EAGAIN);
    t[2] = add(NULL);
    cr_expect_eq(c->count, 2);
    task_container_end(c);
    cr_expect_eq(c->count, 0);
    cr_expect_eq(atomic_load(&t[2]->life), TASK_ALIVE, "the other one goes on");
    for (int i = 0; i < 3; i++)
        task_put(t[i]);
    stop();
}

Test(container, ends_alone_and_for_good)
{
    struct task *t, *late;

    start();
    t = add(c);
    task_container_end(c);
    cr_expect_eq(atomic_load(&t->life), TASK_DEAD);
    cr_expect_eq(atomic_load(&w.init->life), TASK_ALIVE);
    cr_expect_eq(task_world_add(&w, c, &late), -EAGAIN);
    task_put(t);
    stop();
}

Test(container, gets_signals_that_others_do_not)
{
    start();
    struct task *t = add(c), *other = add(NULL);
    struct thread_group *g = group_get(t->group);

    task_container_signal(c, SIGTERM);
    cr_expect_eq(tasks_wait_init(g), SIGTERM);
    cr_expect_eq(atomic_load(&other->life), TASK_ALIVE);
    group_put(g);
    task_put(t);
    task_put(other);
    stop();
}

Test(container, frozen_runs_no_guest_code)
{
    start();
    struct task *t = add(c), *other = add(NULL);

    task_container_freeze(c);
    while (atomic_load(&t->in_guest) || atomic_load(&t->sleeping) != TASK_SLEEP_KILL)
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    cr_expect(atomic_load(&other->in_guest));
    task_container_thaw(c);
    while (!atomic_load(&t->in_guest))
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    task_container_freeze(c);
    task_container_end(c); /* what is frozen can die */
    cr_expect_eq(atomic_load(&t->life), TASK_DEAD);
    task_put(t);
    task_put(other);
    stop();
}
