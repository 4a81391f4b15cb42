/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: making, naming, connecting, options. Messages are in sys_msg.c. */
#include "sentry/syscall/sock_arg.h"
#include "sentry/syscall/syscalls.h"

#define OPTION_MAX (UINT32_C(65536) * 4 + 64) /* SO_PEERGROUPS is the longest that we write */
#define OPTION_FEW 1024

long sys_socket(struct task *t, int family, unsigned type, int protocol)
{
    scoped(file) struct file *f = NULL;
    struct actor who;

    task_actor(t, &who);
    int err = socket_create(family, (int)type, protocol, &who, &f);
    return err ? err : task_install(t, f, type & SOCK_CLOEXEC);
}

/* Closes what another thread has not closed first. */
static void uninstall(struct task *t, int fd, const struct actor *who)
{
    if (fd >= 0 && fdtable_close(t->files, fd, who) < 0)
        return;
}

static long install_pair(struct task *t, struct file *const ends[2], bool cloexec, uptr_t sv,
                         const struct actor *who)
{
    int fds[2] = { task_install(t, ends[0], cloexec), -1 };

    if (fds[0] < 0)
        return fds[0];
    fds[1] = task_install(t, ends[1], cloexec);
    int err = fds[1] < 0 ? fds[1] : copy_out(t->mm, sv, fds, sizeof fds);
    if (err) {
        uninstall(t, fds[0], who);
        uninstall(t, fds[1], who);
    }
    return err;
}

long sys_socketpair(struct task *t, int family, unsigned type, int protocol, uptr_t sv)
{
    scoped(file) struct file *a = NULL;
    scoped(file) struct file *b = NULL;
    struct actor who;

    task_actor(t, &who);
    int err = socket_create(family, (int)type, protocol, &who, &a);
    if (!err)
        err = socket_create(family, (int)type, protocol, &who, &b);
    if (err)
        return err;
    const struct sock_ops *ops = socket_of(a)->ops;
    err = ops->pair ? ops->pair(socket_of(a), socket_of(b), &who) : -EOPNOTSUPP;
    return err ? err : install_pair(t, (struct file *[]){ a, b }, type & SOCK_CLOEXEC, sv, &who);
}

long sys_bind(struct task *t, int fd, uptr_t addr, int addrlen)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    struct sock_addr name;
    struct actor who;
    int err = sock_at(t, fd, &f, &s);

    if (!err)
        err = sock_addr_in(t, addr, addrlen, &name);
    if (err)
        return err;
    task_actor(t, &who);
    return s->ops->bind ? s->ops->bind(s, &name, &who) : -EOPNOTSUPP;
}

long sys_listen(struct task *t, int fd, int backlog)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    struct actor who;
    int err = sock_at(t, fd, &f, &s);

    if (err)
        return err;
    task_actor(t, &who);
    return s->ops->listen ? s->ops->listen(s, backlog, &who) : -EOPNOTSUPP;
}

static long do_connect(struct task *t, struct socket *s, const struct sock_addr *to)
{
    struct actor who;
    nsec_t deadline = sock_deadline(t, &s->opt.sndtimeo);
    struct sock_call call = { .who = &who, .task = t, .nonblock = file_nonblock(&s->file) };

    task_actor(t, &who);
    long r = s->ops->connect(s, to, &call);
    if (r == -EAGAIN && !call.nonblock)
        r = BLOCK_ON(t, &s->file.waitq, deadline, s->ops->connect(s, to, &call));
    sock_call_end(&call);
    if (r == -ETIMEDOUT && deadline != NSEC_NEVER && task_now(t, CLOCK_ID_MONOTONIC) >= deadline)
        r = s->family == AF_UNIX ? -EAGAIN : -EINPROGRESS;
    return sock_interrupted(r, deadline);
}

long sys_connect(struct task *t, int fd, uptr_t addr, int addrlen)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    struct sock_addr to;
    int err = sock_at(t, fd, &f, &s);

    if (!err)
        err = sock_addr_in(t, addr, addrlen, &to);
    if (err)
        return err;
    if (!s->ops->connect)
        return -EOPNOTSUPP;
    return do_connect(t, s, &to);
}

static long wait_accept(struct task *t, struct socket *s, int flags, const struct actor *who,
                        struct file **out)
{
    nsec_t deadline = sock_deadline(t, &s->opt.rcvtimeo);
    long r = BLOCK_UNTIL(t, &s->file, POLLIN, deadline, s->ops->accept(s, flags, who, out));

    return sock_interrupted(r, deadline);
}

/* Whom the new socket is connected to; Linux takes one that has gone already for an abort. */
static long tell_peer(struct task *t, struct file *f, uptr_t to, uptr_t size)
{
    struct socket *s = socket_of(f);
    struct sock_addr addr;

    if (uptr_is_null(to))
        return 0;
    if (!s->ops->getname || s->ops->getname(s, true, &addr) < 0)
        return -ECONNABORTED;
    return sock_addr_out(t, &addr, to, size);
}

long sys_accept4(struct task *t, int fd, uptr_t addr, uptr_t addrlen, unsigned flags)
{
    scoped(file) struct file *f = NULL;
    scoped(file) struct file *made = NULL;
    scoped_slot slot = { 0 };
    struct socket *s;
    struct actor who;

    if (flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    long r = sock_at(t, fd, &f, &s);
    if (!r)
        r = task_reserve(t, &slot);
    if (r)
        return r;
    if (!s->ops->accept)
        return -EOPNOTSUPP;
    task_actor(t, &who);
    r = wait_accept(t, s, flags & SOCK_NONBLOCK, &who, &made);
    if (!r)
        r = tell_peer(t, made, addr, addrlen);
    return r ? r : fdtable_fill(&slot, made, flags & SOCK_CLOEXEC);
}

long sys_accept(struct task *t, int fd, uptr_t addr, uptr_t addrlen)
{
    return sys_accept4(t, fd, addr, addrlen, 0);
}

static long tell_name(struct task *t, int fd, bool peer, uptr_t to, uptr_t size)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    struct sock_addr addr;
    int err = sock_at(t, fd, &f, &s);

    if (!err)
        err = s->ops->getname ? s->ops->getname(s, peer, &addr) : -EOPNOTSUPP;
    return err ? err : sock_addr_out(t, &addr, to, size);
}

long sys_getsockname(struct task *t, int fd, uptr_t addr, uptr_t addrlen)
{
    return tell_name(t, fd, false, addr, addrlen);
}

long sys_getpeername(struct task *t, int fd, uptr_t addr, uptr_t addrlen)
{
    return tell_name(t, fd, true, addr, addrlen);
}

long sys_shutdown(struct task *t, int fd, int how)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    int err = sock_at(t, fd, &f, &s);

    if (err)
        return err;
    if (!s->ops->shutdown)
        return -EOPNOTSUPP;
    return how < SHUT_RD || how > SHUT_RDWR ? -EINVAL : s->ops->shutdown(s, how);
}

long sys_setsockopt(struct task *t, int fd, int level, int name, uptr_t value, int size)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    struct actor who;
    uint8_t bytes[OPTION_FEW];

    if (size < 0)
        return -EINVAL;
    int err = sock_at(t, fd, &f, &s);
    if (err)
        return err;
    /* Longer ones are of tables that there are none of: what is looked at is shorter. */
    size_t n = min((size_t)size, sizeof bytes);
    err = copy_in(t->mm, bytes, value, n);
    if (err)
        return err;
    task_actor(t, &who);
    return socket_setopt(s, level, name, bytes, n, &who);
}

static long get_option(struct task *t, struct socket *s, int level, int name, void *bytes,
                       size_t size, uptr_t value, uptr_t size_at)
{
    struct actor who;

    task_actor(t, &who);
    long r = socket_getopt(s, level, name, bytes, &size, &who);
    int len = (int)size;
    if (!r)
        r = copy_out(t->mm, value, bytes, size);
    /* With ERANGE the guest learns how much it takes. */
    if ((!r || r == -ERANGE) && copy_out_struct(t->mm, size_at, &len) < 0)
        r = -EFAULT;
    return r;
}

long sys_getsockopt(struct task *t, int fd, int level, int name, uptr_t value, uptr_t size)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    uint8_t few[OPTION_FEW];
    void *bytes = few;
    int len;

    long r = sock_at(t, fd, &f, &s);
    if (!r)
        r = copy_in_struct(t->mm, &len, size);
    if (r)
        return r;
    if (len < 0)
        return -EINVAL;
    size_t room = min((size_t)len, (size_t)OPTION_MAX);
    if (room > sizeof few) {
        bytes = arena_alloc(t->arena, room);
        if (!bytes)
            return -ENOMEM;
    }
    r = get_option(t, s, level, name, bytes, room, value, size);
    if (bytes != few)
        arena_free(bytes);
    return r;
}
