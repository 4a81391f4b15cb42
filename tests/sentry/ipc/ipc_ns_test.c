/* SPDX-License-Identifier: Apache-2.0 */
/* A namespace and what is in it, without tasks: ids, the queue of a set, messages, the end. */
#include "sentry/ipc/ipc_ns.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/clock.h"
#include "sentry/core/slab.h"
#include "sentry/ipc/msg_priv.h"
#include "sentry/ipc/sem_priv.h"

static struct arena *a;
static struct user_ns *user_ns;
static struct cred *cred;
static struct ipc_ns *ns;
static struct ipc_caller c;
static int pids; /* references to numbers */

static struct pid *get(struct pid *p)
{
    pids++;
    return p;
}

static void put(struct pid *p)
{
    (void)p;
    pids--;
}

static const struct ipc_pid_hooks hooks = { .get = get, .put = put };

static void start(void)
{
    cr_assert_eq(arena_create(UINT64_C(16) << 20, &a), 0);
    arena_set_host(a, HOST_CLOCK, (void *)&clock_real);
    cr_assert_eq(user_ns_create_root(a, &user_ns), 0);
    cr_assert_eq(cred_create(a, user_ns, 0, 0, 0, &cred), 0);
    cr_assert_eq(ipc_ns_create(a, user_ns, 1, &hooks, &ns), 0);
    c = (struct ipc_caller){ .ns = ns, .cred = cred, .pid = (struct pid *)&pids, .task = &c };
}

static void stop(void)
{
    ipc_ns_put(ns);
    cr_expect_eq(pids, 0, "%d numbers are still kept", pids);
    cr_expect_eq(slab_live(a, SLAB_ipc_ns), 0);
    cr_expect_eq(slab_live(a, SLAB_shm_table), 0);
    cr_expect_eq(slab_live(a, SLAB_sem_set), 0);
    cr_expect_eq(slab_live(a, SLAB_sem_undo), 0);
    cr_expect_eq(slab_live(a, SLAB_sem_undo_list), 0);
    cr_expect_eq(slab_live(a, SLAB_msg_queue), 0);
    cred_put(cred);
    user_ns_put(user_ns);
    arena_destroy(a);
}

TestSuite(ipc_ns, .init = start, .fini = stop, .timeout = 20);

/* ---- ids ---- */

Test(ipc_ns, ids_have_a_slot_and_a_sequence)
{
    cr_expect_eq(msg_open_key(&c, IPC_PRIVATE, 0600), 0);
    cr_expect_eq(msg_open_key(&c, IPC_PRIVATE, 0600), 1);
    cr_expect_eq(msg_remove(&c, 0), 0);
    cr_expect_eq(msg_remove(&c, 0), -EINVAL);
    cr_expect_eq(msg_open_key(&c, IPC_PRIVATE, 0600), 2, "a free slot is not taken again at once");
    for (int i = 3; i < 64; i++)
        cr_expect_eq(msg_open_key(&c, IPC_PRIVATE, 0600), i);
    /* 62 are in use, and 93 slots gone through */
    for (int i = 64; i < 94; i++)
        cr_expect_eq(msg_open_key(&c, IPC_PRIVATE, 0600) % (int)IPC_SLOTS_MAX, i);
    for (int i = 1; i < 94; i++)
        cr_expect_eq(msg_remove(&c, i), 0);
    cr_expect_eq(msg_open_key(&c, IPC_PRIVATE, 0600), (int)IPC_SLOTS_MAX, "slot 0 again, later");
}

Test(ipc_ns, keys_lead_to_ids)
{
    int id = msg_open_key(&c, 42, IPC_CREAT | 0600);

    cr_expect_eq(msg_open_key(&c, 42, 0), id);
    cr_expect_eq(msg_open_key(&c, 43, 0), -ENOENT);
    cr_expect_eq(msg_open_key(&c, 42, IPC_CREAT | IPC_EXCL), -EEXIST);
    atomic_store(&ns->msg.ids.next_id, 5 * (int)IPC_SLOTS_MAX + 7);
    cr_expect_eq(msg_open_key(&c, 43, IPC_CREAT | 0600), 5 * (int)IPC_SLOTS_MAX + 7);
    cr_expect_eq(atomic_load(&ns->msg.ids.next_id), -1);
}

/* ---- the queue of a set ---- */

static struct sem_wait waits[4];

static int begin(int i, int id, const struct sembuf *op)
{
    return sem_op_begin(&c, NULL, id, op, 1, &waits[i]);
}

static int result(int i)
{
    bool done;
    int answer = sem_op_end(&waits[i], &done);

    return done ? answer : 1;
}

Test(ipc_ns, who_came_first_is_served_first)
{
    static const struct sembuf take = { 0, -1, 0 }, give = { 0, 1, 0 };
    struct sem_wait own;
    int id = sem_open_key(&c, IPC_PRIVATE, 1, 0600);

    for (int i = 0; i < 3; i++)
        cr_assert_eq(begin(i, id, &take), 1);
    cr_expect_eq(sem_op_begin(&c, NULL, id, &give, 1, &own), 0);
    cr_expect(sem_op_is_answered(&waits[0]) && !sem_op_is_answered(&waits[1]));
    cr_expect_eq(result(1), 1, "it gives up");
    cr_expect_eq(sem_op_begin(&c, NULL, id, &give, 1, &own), 0);
    cr_expect(sem_op_is_answered(&waits[2]), "the next one is in its place");
    cr_expect_eq(result(0), 0);
    cr_expect_eq(result(2), 0);
}

Test(ipc_ns, one_answer_makes_others)
{
    static const struct sembuf zero = { 1, 0, 0 }, take = { 0, -1, 0 };
    static const struct sembuf move[2] = {
        {0,  -1, 0},
        { 1, -1, 0}
    };
    struct sem_one one;
    int id = sem_open_key(&c, IPC_PRIVATE, 2, 0600);

    cr_assert_eq(sem_set_value(&c, id, 1, 1), 0);
    cr_assert_eq(begin(0, id, &zero), 1);
    cr_assert_eq(sem_op_begin(&c, NULL, id, move, 2, &waits[1]), 1);
    cr_assert_eq(begin(2, id, &take), 1);
    cr_assert_eq(sem_get_one(&c, id, 0, &one), 0);
    cr_expect_eq(one.nwait, 2);
    cr_expect_null(one.pid, "nobody has changed it yet");
    cr_assert_eq(sem_set_value(&c, id, 0, 1), 0);
    cr_expect_eq(result(1), 0, "it stood before the other, and wants both");
    cr_expect_eq(result(0), 0, "and left zero behind");
    cr_expect_eq(result(2), 1);
}

Test(ipc_ns, removal_answers_all)
{
    static const struct sembuf take = { 0, -1, SEM_UNDO };
    struct sem_undo_list *l;
    int id = sem_open_key(&c, IPC_PRIVATE, 1, 0600);

    cr_assert_eq(sem_undo_create(a, &l), 0);
    cr_assert_eq(sem_op_begin(&c, l, id, &take, 1, &waits[0]), 1);
    cr_expect_eq(sem_remove(&c, id), 0);
    cr_expect_eq(result(0), -EIDRM);
    cr_expect_eq(slab_live(a, SLAB_sem_undo), 0);
    sem_undo_put(l, ns, c.pid);
}

Test(ipc_ns, debts_are_paid)
{
    static const struct sembuf take = { 0, -2, SEM_UNDO }, again = { 0, -3, 0 };
    struct sem_undo_list *l;
    int id = sem_open_key(&c, IPC_PRIVATE, 1, 0600);

    cr_assert_eq(sem_set_value(&c, id, 0, 3), 0);
    cr_assert_eq(sem_undo_create(a, &l), 0);
    cr_assert_eq(sem_op_begin(&c, l, id, &take, 1, &waits[0]), 0);
    cr_assert_eq(begin(1, id, &again), 1);
    sem_undo_put(sem_undo_get(l), ns, c.pid);
    cr_expect(!sem_op_is_answered(&waits[1]), "others still owe it");
    sem_undo_put(l, ns, c.pid);
    cr_expect_eq(result(1), 0);
}

/* ---- messages ---- */

static int send(struct msg_queue *q, int64_t type)
{
    struct msg *m;

    cr_assert_eq(msg_create(a, type, 4, &m), 0);
    int err = msg_send(q, &c, &m);
    msg_destroy(m);
    return err;
}

Test(ipc_ns, a_message_goes_to_the_first_that_wants_it)
{
    struct msg_wait w[3];
    struct msg_queue *q;
    struct msg *m = NULL;
    const struct msg_want any = { .search = MSG_ANY, .room = 10 };
    const struct msg_want two = { .search = MSG_EQUAL, .type = 2, .room = 10 };
    const struct msg_want small = { .search = MSG_ANY, .room = 3 };
    int id = msg_open_key(&c, IPC_PRIVATE, 0600);

    cr_assert_eq(msg_find(&c, id, &q), 0);
    cr_assert_eq(msg_receive_begin(q, &c, &small, &w[0], &m), 1);
    cr_assert_eq(msg_receive_begin(q, &c, &two, &w[1], &m), 1);
    cr_assert_eq(msg_receive_begin(q, &c, &any, &w[2], &m), 1);
    cr_expect_eq(send(q, 1), 0);
    cr_expect_eq(msg_receive_end(&w[0], &m), -E2BIG);
    cr_expect(!msg_receive_is_answered(&w[1]));
    cr_expect_eq(msg_receive_end(&w[2], &m), 0);
    cr_expect_eq(m->type, 1);
    msg_destroy(m);
    cr_expect_eq(msg_receive_end(&w[1], &m), -EINTR, "nobody has answered");
    cr_expect_eq(send(q, 3), 0); /* it stays: the end takes it along */
    msg_queue_put(q);
}

Test(ipc_ns, the_last_reference_ends_it_all)
{
    for (int i = 1; i < 20; i++) {
        cr_expect_geq(msg_open_key(&c, i, IPC_CREAT | 0600), 0);
        cr_expect_geq(sem_open_key(&c, i, i, IPC_CREAT | 0600), 0);
    }
}
