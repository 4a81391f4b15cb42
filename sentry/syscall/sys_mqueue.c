/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues.
 *
 *   source    mq_overview(7); ipc/mqueue.c, Linux 6.6
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>

#include "sentry/ipc/mqueue.h"
#include "sentry/sock/socket.h"
#include "sentry/syscall/block.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/clock_sleep.h"
#include "sentry/task/mq_notice.h"
#include "sentry/task/sighand.h"

/* ---- names ---- */

long sys_mq_open(struct task *t, uptr_t name, int oflag, unsigned mode, uptr_t attr)
{
    scoped(file) struct file *f = NULL;
    scoped_slot slot = { 0 };
    bool has_attr = !uptr_is_null(attr);
    struct abi_mq_attr a;
    char path[PATH_MAX];
    struct actor who;
    int err = has_attr ? copy_in_struct(t->mm, &a, attr) : 0;

    if (!err)
        err = task_path(t, name, path);
    if (!err && !path[0])
        err = -ENOENT;
    if (!err)
        err = task_reserve(t, &slot);
    if (err)
        return err;
    task_actor(t, &who);
    err = mqueue_open(t->ipc, &who, path, oflag, mode, has_attr ? &a : NULL, &f);
    /* mq_open(3), NOTES: always closed by execve(2). */
    return err ? err : fdtable_fill(&slot, f, true);
}

long sys_mq_unlink(struct task *t, uptr_t name)
{
    char path[PATH_MAX];
    struct actor who;
    int err = task_path(t, name, path);

    if (err)
        return err;
    task_actor(t, &who);
    return mqueue_unlink(t->ipc, &who, path);
}

/* ---- messages ---- */

/* The open queue behind `fd`, given. Errors: EBADF. */
static int queue_at(struct task *t, int fd, struct file **out)
{
    scoped(file) struct file *f = task_file(t, fd);

    if (!f || !file_is_mqueue(f))
        return -EBADF;
    *out = keep(f);
    return 0;
}

/* Errors: EBADF also where it is not open for `how`, FILE_READ or FILE_WRITE. */
static int queue_for(struct task *t, int fd, uint32_t how, struct file **out)
{
    int err = queue_at(t, fd, out);

    if (err)
        return err;
    return (*out)->kind & how ? 0 : -EBADF;
}

/* A time that is named and wrong is an error also where nobody has to wait. */
static int decode_timeout(struct task *t, uptr_t from, struct moment *out)
{
    struct timespec ts;

    *out = MOMENT_NEVER;
    if (uptr_is_null(from))
        return 0;
    int err = copy_in_struct(t->mm, &ts, from);
    if (!err)
        err = nsec_from_timespec(&ts, &out->at);
    if (err)
        return err;
    out->clock = CLOCK_ID_REALTIME;
    out->at = min(out->at, NSEC_NEVER - NSEC_PER_SEC);
    return 0;
}

typedef int serve_fn(struct file *f, struct mqueue_wait *w, bool in_line);

/* Waits until somebody has served `w`. */
static long wait_in_line(struct task *t, struct file *f, struct mqueue_wait *w, serve_fn *serve,
                         const struct moment *until)
{
    long r;

    do {
        r = BLOCK_ON(t, &w->waitq, moment_monotonic(t, until), serve(f, w, true));
    } while (r == -ETIMEDOUT && task_now(t, until->clock) < until->at);
    return r;
}

static long serve_or_wait(struct task *t, struct file *f, struct mqueue_wait *w, serve_fn *serve,
                          const struct moment *until)
{
    long r = serve(f, w, false);

    if (r == -EAGAIN && !file_nonblock(f))
        r = wait_in_line(t, f, w, serve, until);
    /* What has been handed over in the meantime is not given back. */
    return mqueue_wait_end(f, w) ? 0 : r;
}

static int my_nice(struct task *t)
{
    return atomic_load_explicit(&t->nice, memory_order_relaxed);
}

/* Errors: EMSGSIZE, ENOMEM, EFAULT. */
static int load_message(struct task *t, struct file *f, uptr_t from, size_t size, unsigned prio,
                        struct mqueue_msg **out)
{
    struct abi_mq_attr a;

    mqueue_get_attr(f, &a);
    if (size > (uint64_t)a.msgsize)
        return -EMSGSIZE;
    struct mqueue_msg *m = mqueue_msg_create(t->arena, size, prio);
    if (!m)
        return -ENOMEM;
    int err = copy_in(t->mm, mqueue_msg_bytes(m), from, size);
    if (err)
        mqueue_msg_destroy(m);
    else
        *out = m;
    return err;
}

long sys_mq_timedsend(struct task *t, int fd, uptr_t buf, size_t len, unsigned prio,
                      uptr_t abs_timeout)
{
    scoped(file) struct file *f = NULL;
    struct mqueue_msg *m;
    struct mqueue_wait w;
    struct moment until;
    int err = decode_timeout(t, abs_timeout, &until);

    if (!err && prio >= ABI_MQ_PRIO_MAX)
        err = -EINVAL;
    if (!err)
        err = queue_for(t, fd, FILE_WRITE, &f);
    if (!err)
        err = load_message(t, f, buf, len, prio, &m);
    if (err)
        return err;
    mqueue_wait_init(&w, t, my_nice(t), m);
    long r = serve_or_wait(t, f, &w, mqueue_send, &until);
    mqueue_msg_destroy(w.msg); /* NULL where it was taken */
    return r;
}

/* The message is gone, whether it can be written or not. */
static long store_message(struct task *t, struct mqueue_msg *m, uptr_t buf, uptr_t prio)
{
    size_t size = mqueue_msg_size(m);
    uint32_t priority = mqueue_msg_priority(m);
    int err = uptr_is_null(prio) ? 0 : copy_out_struct(t->mm, prio, &priority);

    if (!err)
        err = copy_out(t->mm, buf, mqueue_msg_bytes(m), size);
    mqueue_msg_destroy(m);
    return err ? err : (long)size;
}

long sys_mq_timedreceive(struct task *t, int fd, uptr_t buf, size_t len, uptr_t prio,
                         uptr_t abs_timeout)
{
    scoped(file) struct file *f = NULL;
    struct abi_mq_attr a;
    struct mqueue_wait w;
    struct moment until;
    int err = decode_timeout(t, abs_timeout, &until);

    if (!err)
        err = queue_for(t, fd, FILE_READ, &f);
    if (err)
        return err;
    mqueue_get_attr(f, &a);
    if (len < (uint64_t)a.msgsize)
        return -EMSGSIZE;
    mqueue_wait_init(&w, t, my_nice(t), NULL);
    long r = serve_or_wait(t, f, &w, mqueue_receive, &until);
    return r ? r : store_message(t, w.msg, buf, prio);
}

/* ---- who is told ---- */

/*
 * SIGEV_THREAD is a cookie that comes back on a netlink socket, of which there are none: any
 * descriptor is the wrong one.
 */
static int check_thread(struct task *t, const struct abi_sigevent *ev)
{
    uint8_t cookie[ABI_MQ_COOKIE_LEN];
    int err = copy_in(t->mm, cookie, uptr(ev->value), sizeof cookie);

    if (err)
        return err;
    scoped(file) struct file *f = task_file(t, ev->signo);
    if (!f)
        return -EBADF;
    return socket_of(f) ? -EINVAL : -ENOTSOCK;
}

static int check_event(struct task *t, const struct abi_sigevent *ev)
{
    switch (ev->notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        return ev->signo < 0 || ev->signo > SIGNAL_COUNT ? -EINVAL : 0;
    case SIGEV_THREAD:
        return check_thread(t, ev);
    default:
        return -EINVAL;
    }
}

long sys_mq_notify(struct task *t, int fd, uptr_t sevp)
{
    scoped(file) struct file *f = NULL;
    struct mqueue_notice *n;
    struct abi_sigevent ev;
    bool ask = !uptr_is_null(sevp);
    int err = ask ? copy_in_struct(t->mm, &ev, sevp) : 0;

    if (!err && ask)
        err = check_event(t, &ev);
    if (!err)
        err = queue_at(t, fd, &f);
    if (err)
        return err;
    if (!ask) {
        mqueue_clear_notice(f, t);
        return 0;
    }
    err = mq_notice_create(t, &ev, &n);
    return err ? err : mqueue_set_notice(f, n);
}

/* ---- attributes ---- */

long sys_mq_getsetattr(struct task *t, int fd, uptr_t new, uptr_t old)
{
    scoped(file) struct file *f = NULL;
    struct abi_mq_attr to, was;
    bool set = !uptr_is_null(new);
    int err = set ? copy_in_struct(t->mm, &to, new) : 0;

    if (!err && set && to.flags & ~(int64_t)O_NONBLOCK)
        err = -EINVAL;
    if (!err)
        err = queue_at(t, fd, &f);
    if (err)
        return err;
    mqueue_get_attr(f, &was);
    if (set)
        mqueue_set_nonblock(f, to.flags & O_NONBLOCK);
    return uptr_is_null(old) ? 0 : copy_out_struct(t->mm, old, &was);
}
