/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: bytes with files and credentials.
 *
 * A message is charged to its sender until it has been read, so a sender is held up by
 * its own SO_SNDBUF. The charge imitates what Linux allocates, because how many messages
 * fit can be seen, and is relied upon.
 */
#include <string.h>

#include "sentry/sock/unix_priv.h"

#define HEAD_SIZE  256  /* a sk_buff of Linux */
#define TAIL_SIZE  320  /* its skb_shared_info, behind the bytes */
#define LINEAR_MAX 3776 /* above, bytes lie in pages */

static uint32_t charge_of(size_t size)
{
    if (size > LINEAR_MAX)
        return (uint32_t)(HEAD_SIZE + 512 + page_up(size));
    uint32_t linear = 512;
    while (linear < size + TAIL_SIZE)
        linear *= 2;
    return HEAD_SIZE + linear;
}

bool unix_is_writable(struct unix_sock *u)
{
    uint64_t used = atomic_load(&u->wmem);

    return used * 4 <= (uint64_t)atomic_load(&u->sock.opt.sndbuf);
}

bool unix_has_room(struct unix_sock *u)
{
    return atomic_load(&u->wmem) < (uint32_t)atomic_load(&u->sock.opt.sndbuf);
}

/* Who sends: the caller, whom it may speak for, or (the sentry itself) who made the socket. */
static void fill_cred(struct unix_sock *sender, const struct sock_msg *m, struct sock_cred *out)
{
    const struct actor *who = m->call.who;
    const struct ucred *claimed = &m->scm.cred;

    if (m->scm.has_cred && who) {
        out->pid = (uint32_t)claimed->pid;
        out->uid = user_ns_uid_in(who->cred->user_ns, claimed->uid);
        out->gid = user_ns_gid_in(who->cred->user_ns, claimed->gid);
    } else if (m->call.task) {
        socket_cred(sender->sock.file.arena, m->call.task, out);
    } else {
        *out = sender->cred;
    }
}

static int attach_files(struct unix_skb *skb, struct sock_msg *m)
{
    struct arena *a = skb->sender->sock.file.arena;

    skb->payer = m->call.who->cred->ruid;
    int err = unix_inflight_add(a, m->scm.files, skb->payer);
    if (!err)
        skb->files = keep(m->scm.files);
    return err;
}

/* Frees the memory and the charge; the files are gone already. */
static void forget(struct unix_skb *skb)
{
    struct unix_sock *sender = skb->sender;

    atomic_fetch_sub(&sender->wmem, skb->charge);
    if (unix_is_writable(sender))
        unix_wake(sender, POLLOUT | POLLWRNORM | POLLWRBAND);
    unix_put(sender);
    arena_free(skb);
}

int unix_skb_create(struct unix_sock *sender, struct sock_msg *m, size_t size,
                    struct unix_skb **out)
{
    struct arena *a = sender->sock.file.arena;
    int err = m->scm.files ? unix_inflight_check(a, m->call.who) : 0;

    if (err)
        return err;
    struct unix_skb *skb = arena_alloc(a, sizeof *skb + size);
    if (!skb)
        return -ENOMEM;
    if (size > 0 && io_take(m->io, skb->bytes, size) < (ssize_t)size) {
        arena_free(skb);
        return -EFAULT;
    }
    list_init(&skb->node);
    skb->sender = unix_get(sender);
    skb->size = (uint32_t)size;
    skb->charge = charge_of(size);
    fill_cred(sender, m, &skb->cred);
    atomic_fetch_add(&sender->wmem, skb->charge);
    if (m->scm.files) {
        err = attach_files(skb, m);
        if (err) {
            forget(skb);
            return err;
        }
        unix_gc_if_many(a);
    }
    *out = skb;
    return 0;
}

void unix_skb_undo(struct unix_skb *skb, struct sock_msg *m)
{
    if (skb->files) {
        unix_inflight_sub(skb->sender->sock.file.arena, skb->files, skb->payer);
        m->scm.files = keep(skb->files);
    }
    forget(skb);
}

void unix_skb_free(struct unix_skb *skb)
{
    if (skb->files) {
        unix_inflight_sub(skb->sender->sock.file.arena, skb->files, skb->payer);
        scm_files_destroy(skb->files);
    }
    forget(skb);
}

void unix_queue_locked(struct unix_sock *u, struct unix_skb *skb)
{
    list_push_back(&u->queue, &skb->node);
    u->queue_len++;
    u->queue_bytes += skb->size;
}

void unix_dequeue_locked(struct unix_sock *u, struct unix_skb *skb)
{
    list_del(&skb->node);
    u->queue_len--;
    u->queue_bytes -= skb->size - skb->off;
}

int unix_skb_tell(struct unix_sock *u, struct unix_skb *skb, struct sock_msg *m, bool peek)
{
    struct arena *a = u->sock.file.arena;

    if (atomic_load_explicit(&u->sock.opt.passcred, memory_order_relaxed) && m->call.who) {
        m->scm.has_cred = true;
        m->scm.cred = socket_cred_out(a, &skb->cred, m->call.who);
    }
    if (!skb->files || m->scm.files)
        return 0;
    if (peek) {
        int err = scm_files_copy(a, skb->files, &m->scm.files);
        unix_gc_barrier(a);
        return err;
    }
    /* From here on no collection follows them; until they are counted out, one sees them held. */
    mutex_lock(&u->lock);
    m->scm.files = keep(skb->files);
    mutex_unlock(&u->lock);
    unix_inflight_sub(a, m->scm.files, skb->payer);
    return 0;
}
