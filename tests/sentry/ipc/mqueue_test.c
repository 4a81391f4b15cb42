/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/ipc/mqueue.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/core/user.h"
#include "sentry/ipc/ipc_ns.h"
#include "tests/lib/fs_world.h"

#define SIZE 8 /* bytes of a message */

static struct fs_world w;
static struct ipc_ns *ns;

static void start(void)
{
    fs_world_start(&w);
    limit_set(&w.vfs.mm.limits, RLIMIT_MSGQUEUE, 819200, 819200);
    cr_assert_eq(ipc_ns_create(w.arena, w.vfs.user_ns, 7, NULL, &ns), 0);
}

static void stop(void)
{
    ipc_ns_put(ns);
    cr_assert_eq(user_in_use(w.arena, 0, USER_MSGQUEUE), 0);
    cr_assert_eq(slab_live(w.arena, SLAB_mqueue), 0);
    cr_assert_eq(slab_live(w.arena, SLAB_mqueue_fs), 0);
    cr_assert_eq(slab_live(w.arena, SLAB_mqueue_file), 0);
    fs_world_stop(&w);
}

TestSuite(mqueue, .init = start, .fini = stop, .timeout = 20);

static int open_as(const struct actor *who, const char *name, int flags, long maxmsg,
                   struct file **out)
{
    struct abi_mq_attr a = { .maxmsg = maxmsg, .msgsize = SIZE };

    return mqueue_open(ns, who, name, flags, 0600, &a, out);
}

static struct file *make(const char *name, long maxmsg)
{
    struct file *f;

    cr_assert_eq(open_as(&w.vfs.root, name, O_RDWR | O_CREAT, maxmsg, &f), 0);
    return f;
}

/* A message whose bytes are `n`. */
static struct mqueue_msg *message(uint32_t n, uint32_t priority)
{
    struct mqueue_msg *m = mqueue_msg_create(w.arena, sizeof n, priority);

    memcpy(mqueue_msg_bytes(m), &n, sizeof n);
    return m;
}

static int put(struct file *f, uint32_t n, uint32_t priority)
{
    struct mqueue_wait wait;

    mqueue_wait_init(&wait, NULL, 0, message(n, priority));
    int err = mqueue_send(f, &wait, false);
    cr_assert(!mqueue_wait_end(f, &wait));
    mqueue_msg_destroy(wait.msg);
    return err;
}

static int number_in(struct mqueue_msg *m)
{
    uint32_t n;

    memcpy(&n, mqueue_msg_bytes(m), sizeof n);
    mqueue_msg_destroy(m);
    return (int)n;
}

static int get(struct file *f)
{
    struct mqueue_wait wait;

    mqueue_wait_init(&wait, NULL, 0, NULL);
    int err = mqueue_receive(f, &wait, false);
    cr_assert(!mqueue_wait_end(f, &wait));
    return err ? err : number_in(wait.msg);
}

static int64_t count(struct file *f)
{
    struct abi_mq_attr a;

    mqueue_get_attr(f, &a);
    return a.curmsgs;
}

Test(mqueue, gives_what_a_sorted_list_would)
{
    struct file *f = make("q", 64);
    struct {
        uint32_t n, priority;
    } list[64]; /* the most urgent first, of equals the oldest */
    int have = 0;
    uint32_t next = 1;

    srand(1);
    for (int step = 0; step < 20000; step++) {
        if (rand() % 2) {
            uint32_t priority = (uint32_t)rand() % 4;
            int at = have;
            cr_assert_eq(put(f, next, priority), have == 64 ? -EAGAIN : 0);
            if (have == 64)
                continue;
            while (at > 0 && list[at - 1].priority < priority)
                at--;
            memmove(&list[at + 1], &list[at], (size_t)(have - at) * sizeof *list);
            list[at].n = next++;
            list[at].priority = priority;
            have++;
        } else {
            cr_assert_eq(get(f), have ? (int)list[0].n : -EAGAIN);
            if (have)
                memmove(&list[0], &list[1], (size_t)--have * sizeof *list);
        }
        cr_assert_eq(count(f), have);
    }
    file_put(f);
}

Test(mqueue, who_waits_is_served_by_the_next_and_by_nice)
{
    struct file *f = make("q", 2);
    struct mqueue_wait late, first, urgent;

    mqueue_wait_init(&first, NULL, 0, NULL);
    mqueue_wait_init(&late, NULL, 0, NULL);
    mqueue_wait_init(&urgent, NULL, -5, NULL);
    cr_assert_eq(mqueue_receive(f, &first, true), -EAGAIN);
    cr_assert_eq(mqueue_receive(f, &late, true), -EAGAIN);
    cr_assert_eq(mqueue_receive(f, &urgent, true), -EAGAIN);
    /* one who does not wait cannot be faster */
    cr_assert_eq(put(f, 1, 0), 0);
    cr_assert_eq(put(f, 2, 0), 0);
    cr_assert_eq(get(f), -EAGAIN);
    cr_assert_eq(count(f), 0);
    cr_assert_eq(mqueue_receive(f, &urgent, true), 0);
    cr_assert(mqueue_wait_end(f, &urgent));
    cr_assert_eq(number_in(urgent.msg), 1);
    cr_assert(mqueue_wait_end(f, &first));
    cr_assert_eq(number_in(first.msg), 2);
    /* who has left is not served */
    cr_assert(!mqueue_wait_end(f, &late));
    cr_assert_eq(put(f, 3, 0), 0);
    cr_assert_eq(count(f), 1);
    file_put(f);
}

Test(mqueue, room_goes_to_the_sender_that_waits)
{
    struct file *f = make("q", 1);
    struct mqueue_wait wait;

    cr_assert_eq(put(f, 1, 0), 0);
    mqueue_wait_init(&wait, NULL, 0, message(2, 9));
    cr_assert_eq(mqueue_send(f, &wait, true), -EAGAIN);
    cr_assert_eq(mqueue_send(f, &wait, true), -EAGAIN);
    cr_assert_eq(get(f), 1);
    cr_assert_eq(put(f, 3, 0), -EAGAIN);
    cr_assert_eq(count(f), 1);
    cr_assert_eq(mqueue_send(f, &wait, true), 0);
    cr_assert(mqueue_wait_end(f, &wait));
    cr_assert_null(wait.msg);
    cr_assert_eq(get(f), 2);
    file_put(f);
}

Test(mqueue, wakes_files_at_each_change_but_not_for_what_is_handed_over)
{
    struct file *f = make("q", 2);
    struct mqueue_wait wait;
    struct listener l;

    listen_to(&l, f);
    cr_assert_eq(put(f, 1, 0), 0);
    cr_assert_eq(put(f, 2, 0), 0);
    cr_assert_eq(listen_count(&l), 2);
    cr_assert_eq(put(f, 3, 0), -EAGAIN);
    cr_assert_eq(listen_count(&l), 0);
    cr_assert_eq(get(f), 1);
    cr_assert_eq(get(f), 2);
    cr_assert_eq(listen_count(&l), 2);
    mqueue_wait_init(&wait, NULL, 0, NULL);
    cr_assert_eq(mqueue_receive(f, &wait, true), -EAGAIN);
    cr_assert_eq(put(f, 4, 0), 0);
    cr_assert_eq(listen_count(&l), 0);
    cr_assert(mqueue_wait_end(f, &wait));
    cr_assert_eq(number_in(wait.msg), 4);
    listen_end(&l);
    file_put(f);
}

/* ---- who is told ---- */

static int fired, released;

static bool notice_is_of(const struct mqueue_notice *n, const struct task *t)
{
    (void)n;
    return t == NULL;
}

static int notice_pid(const struct mqueue_notice *n, const struct task *viewer)
{
    (void)n, (void)viewer;
    return 42;
}

static void notice_fire(struct mqueue_notice *n, struct task *sender)
{
    (void)n, (void)sender;
    fired++;
}

static void notice_release(struct mqueue_notice *n)
{
    (void)n;
    released++;
}

static const struct mqueue_notice_ops notice_ops = { notice_is_of, notice_pid, notice_fire,
                                                     notice_release };

Test(mqueue, tells_once_of_the_first_message)
{
    struct mqueue_notice n = { &notice_ops, SIGEV_SIGNAL, 10 }, other = n;
    struct file *f = make("q", 2);
    char line[100] = "";

    cr_assert_eq(put(f, 1, 0), 0);
    cr_assert_eq(mqueue_set_notice(f, &n), 0);
    cr_assert_eq(mqueue_set_notice(f, &other), -EBUSY);
    cr_assert_eq(released, 1);
    cr_assert_eq(put(f, 2, 0), 0);
    cr_assert_eq(fired, 0);
    cr_assert_eq(world_pread(f, line, sizeof line - 1, 0), 60);
    cr_assert_str_eq(line, "QSIZE:8          NOTIFY:0     SIGNO:10    NOTIFY_PID:42    \n");
    cr_assert_eq(get(f) + get(f), 3);
    cr_assert_eq(put(f, 3, 0), 0);
    cr_assert_eq(fired, 1);
    cr_assert_eq(released, 2);
    /* the queue takes what is left of it along */
    cr_assert_eq(mqueue_set_notice(f, &n), 0);
    cr_assert_eq(mqueue_unlink(ns, &w.vfs.root, "q"), 0);
    file_put(f);
    cr_assert_eq(fired, 1);
    cr_assert_eq(released, 3);
}

/* ---- names, limits, lives ---- */

Test(mqueue, a_queue_lives_while_it_has_a_name_or_is_open)
{
    struct file *f = make("q", 2), *again;

    cr_assert_eq(put(f, 1, 0), 0);
    file_put(f);
    cr_assert_eq(open_as(&w.vfs.root, "q", O_RDWR, 2, &again), 0);
    cr_assert_eq(mqueue_unlink(ns, &w.vfs.root, "q"), 0);
    cr_assert_eq(mqueue_unlink(ns, &w.vfs.root, "q"), -ENOENT);
    cr_assert_eq(get(again), 1);
    file_put(again);
    cr_assert_eq(slab_live(w.arena, SLAB_mqueue), 0);
}

Test(mqueue, an_open_queue_outlives_its_namespace)
{
    struct file *f = make("q", 2);
    struct ipc_ns *other;
    struct dentry *root;

    cr_assert_eq(mqueue_fs_root(ns, &root), 0);
    cr_assert_eq(ipc_ns_create(w.arena, w.vfs.user_ns, 8, NULL, &other), 0);
    ipc_ns_put(ns);
    ns = other;
    cr_assert_eq(put(f, 5, 0), 0);
    cr_assert_eq(get(f), 5);
    cr_assert_eq(open_as(&w.vfs.root, "q", O_RDWR, 2, &(struct file *){ NULL }), -ENOENT);
    file_put(f);
    dentry_put(root);
}

Test(mqueue, counts_bytes_against_the_user)
{
    uint64_t one = 2 * (SIZE + 48) + 2 * 48;
    struct file *a, *b, *c;

    limit_set(&w.vfs.mm.limits, RLIMIT_MSGQUEUE, 2 * one, 2 * one);
    cr_assert_eq(open_as(&w.vfs.user, "a", O_RDWR | O_CREAT, 2, &a), 0);
    cr_assert_eq(open_as(&w.vfs.user, "b", O_RDWR | O_CREAT, 2, &b), 0);
    cr_assert_eq(user_in_use(w.arena, USER_ID, USER_MSGQUEUE), 2 * one);
    cr_assert_eq(open_as(&w.vfs.user, "c", O_RDWR | O_CREAT, 1, &c), -EMFILE);
    cr_assert_eq(open_as(&w.vfs.root, "c", O_RDWR | O_CREAT, 1, &c), 0);
    cr_assert_eq(mqueue_unlink(ns, &w.vfs.user, "a"), 0);
    file_put(a);
    cr_assert_eq(user_in_use(w.arena, USER_ID, USER_MSGQUEUE), one);
    cr_assert_eq(mqueue_unlink(ns, &w.vfs.user, "c"), -EPERM);
    file_put(b);
    file_put(c);
}

Test(mqueue, a_queue_that_is_not_made_does_not_count)
{
    struct mqueue_limits *limits;
    struct file *f;

    cr_assert_eq(mqueue_limits(ns, &limits), 0);
    atomic_store(&limits->of[MQUEUE_QUEUES_MAX], 1);
    cr_assert_eq(open_as(&w.vfs.user, "a", O_RDWR | O_CREAT, 11, &f), -EINVAL);
    cr_assert_eq(open_as(&w.vfs.user, "a", O_RDWR | O_CREAT, 2, &f), 0);
    cr_assert_eq(open_as(&w.vfs.user, "b", O_RDWR | O_CREAT, 2, &(struct file *){ NULL }), -ENOSPC);
    cr_assert_eq(mqueue_unlink(ns, &w.vfs.user, "a"), 0);
    file_put(f);
    cr_assert_eq(open_as(&w.vfs.user, "b", O_RDWR | O_CREAT, 2, &f), 0);
    file_put(f);
}
