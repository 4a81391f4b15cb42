/* SPDX-License-Identifier: Apache-2.0 */
/* Messages through sockets: send(2), recv(2) and their longer kin. */
#include <limits.h>
#include <signal.h>

#include "include/abi/socket.h"
#include "sentry/syscall/rw.h"
#include "sentry/syscall/sock_arg.h"
#include "sentry/syscall/sock_hooks.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/sigio.h"
#include "sentry/task/signal.h"

#define VLEN_MAX    1024u  /* UIO_MAXIOV */
#define CONTROL_MAX 131072 /* net.core.optmem_max */

/* ---- one message ---- */

static void message_init(struct task *t, struct socket *s, const struct actor *who, struct io *io,
                         unsigned flags, struct sock_msg *m)
{
    bool nonblock = file_nonblock(&s->file) || flags & MSG_DONTWAIT;

    m->call = (struct sock_call){ .who = who, .task = t, .nonblock = nonblock };
    m->io = io;
    m->flags = flags;
    m->got = 0;
    m->stop = false;
}

/* One attempt after the other until something happens. */
static long wait_send(struct task *t, struct socket *s, struct sock_msg *m, nsec_t deadline)
{
    long n = s->ops->send(s, m);

    if (n == -EAGAIN && !m->call.nonblock)
        n = BLOCK_ON(t, &s->file.waitq, deadline, s->ops->send(s, m));
    return n == -ETIMEDOUT ? -EAGAIN : sock_interrupted(n, deadline);
}

/* All of it, where the socket is a stream and may wait. */
static long send_message(struct task *t, struct socket *s, struct sock_msg *m)
{
    bool all = s->type == SOCK_STREAM && !m->call.nonblock;
    nsec_t deadline = sock_deadline(t, &s->opt.sndtimeo);
    long done = 0, n;

    if (!s->ops->send)
        return -EOPNOTSUPP;
    do {
        n = wait_send(t, s, m, deadline);
        if (n > 0)
            done += n;
    } while (all && n > 0 && m->io->left > 0);
    if (n == -EPIPE && done == 0 && !(m->flags & MSG_NOSIGNAL) && !(s->file.kind & FILE_NO_SIGPIPE))
        signal_self(t, SIGPIPE);
    if (n == -EAGAIN)
        sigio_wants_room(&s->file);
    return done > 0 ? done : n;
}

static long wait_recv(struct task *t, struct socket *s, struct sock_msg *m, nsec_t deadline)
{
    long n = s->ops->recv(s, m);

    if (n == -EAGAIN && !m->call.nonblock)
        n = BLOCK_ON(t, &s->file.waitq, deadline, s->ops->recv(s, m));
    return n == -ETIMEDOUT ? -EAGAIN : sock_interrupted(n, deadline);
}

/* Of a stream that may wait: as much as was asked for with MSG_WAITALL or SO_RCVLOWAT. */
static long recv_message(struct task *t, struct socket *s, struct sock_msg *m)
{
    nsec_t deadline = sock_deadline(t, &s->opt.rcvtimeo);
    size_t least = (size_t)atomic_load_explicit(&s->opt.rcvlowat, memory_order_relaxed);
    bool more = s->type == SOCK_STREAM && !m->call.nonblock && !(m->flags & MSG_PEEK);
    long done = 0, n;

    if (!s->ops->recv)
        return -EOPNOTSUPP;
    least = m->flags & MSG_WAITALL ? m->io->left : min(least, m->io->left);
    do {
        n = wait_recv(t, s, m, deadline);
        if (n > 0)
            done += n;
    } while (more && n > 0 && !m->stop && (size_t)done < least);
    return done > 0 ? done : n;
}

long sys_sendto(struct task *t, int fd, uptr_t buf, size_t len, unsigned flags, uptr_t addr,
                int addrlen)
{
    scoped(file) struct file *f = NULL;
    struct sock_msg m = { .addr = { .size = 0 } };
    struct actor who;
    struct socket *s;
    struct io io;
    long r = task_io(t, buf, len, &io);

    if (!r)
        r = sock_at(t, fd, &f, &s);
    if (!r && !uptr_is_null(addr))
        r = sock_addr_in(t, addr, addrlen, &m.addr);
    if (r)
        return r;
    task_actor(t, &who);
    message_init(t, s, &who, &io, flags, &m);
    r = send_message(t, s, &m);
    sock_call_end(&m.call);
    return r;
}

long sys_recvfrom(struct task *t, int fd, uptr_t buf, size_t len, unsigned flags, uptr_t addr,
                  uptr_t addrlen)
{
    scoped(file) struct file *f = NULL;
    struct sock_msg m = { .addr = { .size = 0 } };
    struct actor who;
    struct socket *s;
    struct io io;
    long r = task_io(t, buf, len, &io);

    if (!r)
        r = sock_at(t, fd, &f, &s);
    if (r)
        return r;
    task_actor(t, &who);
    message_init(t, s, &who, &io, flags, &m);
    r = recv_message(t, s, &m);
    sock_call_end(&m.call);
    scm_destroy(&m.scm); /* nobody can be told of files */
    if (r >= 0 && !uptr_is_null(addr)) {
        int err = sock_addr_out(t, &m.addr, addr, addrlen);
        if (err)
            return err;
    }
    return r;
}

/* ---- struct msghdr ---- */

/* A message header and what it leads to. */
struct header {
    struct abi_msghdr abi;
    struct iov iov;
    struct io io;
    struct sock_msg m;
};

/* Errors: EFAULT, EINVAL, EMSGSIZE, ENOBUFS. header_put() follows in any case. */
static int header_get(struct task *t, uptr_t msg, struct header *h)
{
    h->iov.vecs = h->iov.few;
    h->m.addr.size = 0;
    h->m.scm = (struct scm){ .files = NULL };
    int err = copy_in_struct(t->mm, &h->abi, msg);
    if (err)
        return err;
    if (h->abi.namelen < 0)
        return -EINVAL;
    if (!h->abi.name)
        h->abi.namelen = 0;
    if (h->abi.iovlen > IO_VECS_MAX)
        return -EMSGSIZE;
    return iov_get(t, uptr(h->abi.iov), h->abi.iovlen, &h->iov, &h->io);
}

static void header_put(struct header *h)
{
    scm_destroy(&h->m.scm);
    iov_put(&h->iov);
}

static int parse_control(struct task *t, struct socket *s, struct header *h)
{
    size_t size = h->abi.controllen;
    uint8_t few[256];
    void *control = few;

    if (!h->abi.control || size == 0)
        return 0;
    if (size > CONTROL_MAX)
        return -ENOBUFS;
    if (size > sizeof few) {
        control = arena_alloc(t->arena, size);
        if (!control)
            return -ENOBUFS;
    }
    int err = copy_in(t->mm, control, uptr(h->abi.control), size);
    if (!err && s->family == AF_UNIX)
        err = cmsg_parse(t->arena, control, size, t->files, &h->m.scm);
    if (control != few)
        arena_free(control);
    if (!err && h->m.scm.has_cred)
        err = sock_claim(t, &h->m.scm.cred);
    return err;
}

static long send_header(struct task *t, struct socket *s, uptr_t msg, unsigned flags)
{
    struct header h;
    struct actor who;
    long r = header_get(t, msg, &h);

    task_actor(t, &who);
    if (!r)
        r = sock_addr_in(t, uptr(h.abi.name), min(h.abi.namelen, SOCK_ADDR_MAX), &h.m.addr);
    if (!r)
        r = parse_control(t, s, &h);
    if (!r) {
        message_init(t, s, &who, &h.io, flags, &h.m);
        r = send_message(t, s, &h.m);
        sock_call_end(&h.m.call);
    }
    header_put(&h);
    return r;
}

/* As many of the files as there is room for; the others are closed. */
static int tell_files(struct task *t, const struct scm_files *files, unsigned flags,
                      struct cmsg_out *out)
{
    size_t room = min(cmsg_room_fds(out), (size_t)SCM_FILES_MAX), n = 0;
    int fds[SCM_FILES_MAX];

    for (; n < files->count && n < room; n++) {
        fds[n] = task_install(t, files->files[n], flags & MSG_CMSG_CLOEXEC);
        if (fds[n] < 0)
            break;
    }
    if (n < files->count)
        out->flags |= MSG_CTRUNC;
    return n > 0 ? cmsg_put(out, SOL_SOCKET, SCM_RIGHTS, fds, n * sizeof fds[0]) : 0;
}

static int tell_control(struct task *t, struct header *h, unsigned flags, struct cmsg_out *out)
{
    const struct scm *scm = &h->m.scm;
    int err = 0;

    if (scm->has_cred)
        err = cmsg_put(out, SOL_SOCKET, SCM_CREDENTIALS, &scm->cred, sizeof scm->cred);
    if (!err && scm->files)
        err = tell_files(t, scm->files, flags, out);
    return err;
}

static int tell_header(struct task *t, uptr_t msg, struct header *h, unsigned flags)
{
    struct cmsg_out control = { .mm = t->mm, .at = uptr(h->abi.control) };

    if (h->abi.control)
        control.left = h->abi.controllen;
    int err = tell_control(t, h, flags, &control);
    if (!err && h->abi.name)
        err = sock_addr_out(t, &h->m.addr, uptr(h->abi.name),
                            uptr_at(msg, offsetof(struct abi_msghdr, namelen)));
    unsigned got = h->m.got | control.flags | (flags & MSG_CMSG_CLOEXEC);
    uint64_t done = control.done;
    if (!err)
        err = copy_out_struct(t->mm, uptr_at(msg, offsetof(struct abi_msghdr, flags)), &got);
    if (!err)
        err = copy_out_struct(t->mm, uptr_at(msg, offsetof(struct abi_msghdr, controllen)), &done);
    return err;
}

static long recv_header(struct task *t, struct socket *s, uptr_t msg, unsigned flags)
{
    struct header h;
    struct actor who;
    long r = header_get(t, msg, &h);

    task_actor(t, &who);
    if (!r) {
        message_init(t, s, &who, &h.io, flags, &h.m);
        r = recv_message(t, s, &h.m);
        sock_call_end(&h.m.call);
    }
    if (r >= 0) {
        int err = tell_header(t, msg, &h, flags);
        r = err ? err : r;
    }
    header_put(&h);
    return r;
}

long sys_sendmsg(struct task *t, int fd, uptr_t msg, unsigned flags)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    int err = sock_at(t, fd, &f, &s);

    return err ? err : send_header(t, s, msg, flags);
}

long sys_recvmsg(struct task *t, int fd, uptr_t msg, unsigned flags)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    int err = sock_at(t, fd, &f, &s);

    return err ? err : recv_header(t, s, msg, flags);
}

/* ---- many messages ---- */

static int tell_len(struct task *t, uptr_t vec, long len)
{
    uint32_t n = (uint32_t)len;

    return copy_out_struct(t->mm, uptr_at(vec, offsetof(struct abi_mmsghdr, len)), &n);
}

long sys_sendmmsg(struct task *t, int fd, uptr_t vec, unsigned vlen, unsigned flags)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    unsigned done = 0;
    long r = sock_at(t, fd, &f, &s);

    if (r)
        return r;
    vlen = min(vlen, VLEN_MAX);
    for (; done < vlen; done++) {
        r = send_header(t, s, vec, flags);
        if (r >= 0)
            r = tell_len(t, vec, r);
        if (r < 0 || task_signal_due(t))
            break;
        vec = uptr_at(vec, sizeof(struct abi_mmsghdr));
    }
    done += done < vlen && r >= 0;
    return done > 0 ? (long)done : r;
}

/* Until `vlen` are there, an error, or the deadline, which is looked at after each. */
static long recv_many(struct task *t, struct socket *s, uptr_t vec, unsigned vlen, unsigned flags,
                      nsec_t deadline)
{
    unsigned done = 0;
    long r = 0;

    while (done < vlen) {
        r = recv_header(t, s, vec, flags & ~(unsigned)MSG_WAITFORONE);
        if (r >= 0)
            r = tell_len(t, vec, r);
        if (r < 0)
            break;
        done++;
        vec = uptr_at(vec, sizeof(struct abi_mmsghdr));
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (task_now(t, CLOCK_ID_MONOTONIC) >= deadline || task_signal_due(t))
            break;
    }
    /* An error after the first is told by the next call. */
    if (done > 0 && r < 0 && r != -EAGAIN && r != -ERESTARTSYS && r != -EINTR)
        atomic_store(&s->error, (int)-r);
    return done > 0 ? (long)done : r;
}

long sys_recvmmsg(struct task *t, int fd, uptr_t vec, unsigned vlen, unsigned flags, uptr_t timeout)
{
    scoped(file) struct file *f = NULL;
    struct socket *s;
    struct timespec ts;
    nsec_t now = task_now(t, CLOCK_ID_MONOTONIC), span = NSEC_NEVER;
    long r = 0;

    if (!uptr_is_null(timeout)) {
        r = copy_in_struct(t->mm, &ts, timeout);
        if (!r)
            r = nsec_from_timespec(&ts, &span);
    }
    if (!r)
        r = sock_at(t, fd, &f, &s);
    if (r)
        return r;
    nsec_t deadline = nsec_add(now, span);
    r = recv_many(t, s, vec, min(vlen, VLEN_MAX), flags, deadline);
    if (r > 0 && !uptr_is_null(timeout)) {
        now = task_now(t, CLOCK_ID_MONOTONIC);
        ts = nsec_to_timespec(deadline > now ? deadline - now : 0);
        if (copy_out_struct(t->mm, timeout, &ts) < 0)
            r = -EFAULT;
    }
    return r;
}
