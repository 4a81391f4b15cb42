/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread listens to all sockets of a container. A process that a peer asks for is made by
 * a thread of its own, which then waits for its end: loading a program may take the gofer a
 * while, and a kill must not wait for it.
 *
 * A peer has two users: the table of the listener, and that thread. The last one closes
 * the socket.
 */
#include "sentry/listen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/host.h"
#include "base/log.h"
#include "base/ref.h"
#include "base/thread.h"
#include "sentry/control.h"
#include "sentry/fs/gofer_client.h"
#include "sentry/join.h"
#include "sentry/process.h"

#define BEGINNING (100 * NSEC_PER_MSEC) /* how long a program may take to see to its signals */

/* [I] never changes   [l] under lock */
struct peer {
    struct ref ref;
    int sock;                          /* [I] */
    struct guest_container *container; /* [I] a reference */
    struct mutex lock;                 /* RANK_CONTROL */
    struct guest_process *process;     /* [l] while it runs */
    bool asked, gone;                  /* [l] CONTROL_EXEC came; the other side has left */
};

static struct peer *peer_create(int sock, struct guest_container *c)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p) {
        host_close(sock);
        return NULL;
    }
    ref_init(&p->ref);
    mutex_init(&p->lock, RANK_CONTROL);
    p->sock = sock;
    p->container = guest_container_get(c);
    return p;
}

static void peer_put(struct peer *p)
{
    if (!ref_put(&p->ref))
        return;
    host_close(p->sock);
    guest_container_put(p->container);
    free(p);
}

/* ---- a process of a peer ---- */

struct exec {
    struct peer *peer; /* a reference */
    struct sandbox_options o;
    struct options_storage *storage;
};

/* The peer is this process from now on; NULL: no more. One that has left takes it along. */
static void peer_set(struct peer *p, struct guest_process *process)
{
    mutex_lock(&p->lock);
    p->process = process;
    if (process && p->gone)
        process_signal(process, SIGKILL);
    mutex_unlock(&p->lock);
}

static void run_exec(void *arg)
{
    struct exec *x = arg;
    struct peer *peer = x->peer;
    struct guest_process process;
    struct boot_error e = { .err = 0 };
    int err = guest_container_exec(peer->container, &x->o, &process, &e);

    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        host_close(x->o.fds[i]);
    options_free(x->storage);
    free(x);
    if (err) {
        control_fail(peer->sock, err, e.status, "%s", e.text);
    } else {
        peer_set(peer, &process);
        control_send(peer->sock, CONTROL_RUNNING, 0);
        int status;
        do
            status = process_wait(&process);
        while (WIFSTOPPED(status));
        peer_set(peer, NULL);
        control_send(peer->sock, CONTROL_EXIT, (uint64_t)status);
        process_destroy(&process);
    }
    peer_put(peer);
}

/* Takes the descriptors. */
static int peer_exec(struct peer *p, const struct control_msg *m, const int *fds, size_t n)
{
    struct exec *x = p->asked ? NULL : calloc(1, sizeof *x);
    int err = x ? control_options(m, fds, n, &x->o, &x->storage) : -ENOMEM;

    if (err) {
        for (size_t i = 0; i < n; i++)
            if (!x || i + 1 < n) /* the last was closed by who looked into it */
                host_close(fds[i]);
        free(x);
        return err;
    }
    p->asked = true;
    ref_get(&p->ref);
    x->peer = p;
    err = thread_start(run_exec, x);
    if (err) {
        for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
            host_close(x->o.fds[i]);
        options_free(x->storage);
        free(x);
        peer_put(p);
    }
    return err;
}

/* ---- what they say ---- */

/* Nothing has run yet: what would end the first process ends the container. */
static void signal_held(struct listener *l, int sig)
{
    static const int harmless[] = { SIGCHLD, SIGCONT, SIGURG,  SIGWINCH,
                                    SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };

    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (sig == harmless[i])
            return;
    (void)listen_go(l, sig);
}

/*
 * Whoever starts a container and ends it at once means the program that it will be: of a shell
 * that has not read its "trap" yet, an init, all signals are lost. A program of the host's has
 * come so far before another can be started to kill it; here it may be a little behind.
 */
static void let_begin(struct listener *l, struct guest_process *init, int sig)
{
    nsec_t end = atomic_load(&l->started) + BEGINNING;

    while (host_clock_gettime(CLOCK_MONOTONIC) < end && process_is_too_early(init, sig))
        (void)!host_ppoll(NULL, 0, NSEC_PER_MSEC);
}

static int signal_init(struct listener *l, uint64_t sig, bool job)
{
    struct guest_process *init = guest_container_init(l->container);

    if (sig > 64)
        return -EINVAL;
    if (sig && !atomic_load(&l->gone_on))
        signal_held(l, (int)sig);
    else if (sig && job)
        process_signal_job(init, (int)sig);
    else if (sig) {
        let_begin(l, init, (int)sig);
        process_signal(init, (int)sig);
    }
    return 0;
}

static int signal_all(struct listener *l, uint64_t sig)
{
    if (sig > 64 || !atomic_load(&l->gone_on))
        return signal_init(l, sig, false);
    if (sig)
        guest_container_signal_all(l->container, (int)sig);
    return 0;
}

int listen_go(struct listener *l, int sig)
{
    bool never = false;

    if (sig)
        atomic_store(&l->ended, sig);
    if (!atomic_compare_exchange_strong(&l->gone_on, &never, true))
        return -EALREADY;
    atomic_store(&l->started, host_clock_gettime(CLOCK_MONOTONIC));
    park_wake(&l->go);
    return 0;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        host_close(fds[i]);
}

static void add_peer(struct listener *l, int sock)
{
    struct peer *p = NULL;

    if (l->npeers == LISTEN_PEERS_MAX)
        host_close(sock);
    else
        p = peer_create(sock, l->container);
    if (p)
        l->peers[l->npeers++] = p;
}

static void on_control(struct listener *l, const struct control_msg *m, const int *fds, size_t n)
{
    struct guest_process *init = guest_container_init(l->container);

    if (m->kind == CONTROL_PEER && n == 1) {
        add_peer(l, fds[0]);
        return;
    }
    close_all(fds, n);
    switch (m->kind) {
    case CONTROL_SIGNAL:
        (void)!signal_init(l, m->value, m->extra);
        break;
    case CONTROL_RESIZE:
        process_resize(init, (uint16_t)(m->value >> 16), (uint16_t)m->value);
        break;
    case CONTROL_RESUME:
        process_resume(init);
        break;
    case CONTROL_END:
        (void)!signal_init(l, SIGKILL, false);
        break;
    default:
        log_warn("runsc says %u, which means nothing to us", m->kind);
    }
}

static int limit(struct listener *l, uint64_t which, uint64_t value)
{
    if (which > OPTION_LIMIT_SHARES)
        return -EPROTO;
    guest_container_limit(l->container, (enum option_limit)which, value);
    return 0;
}

/* To the peer's own process, where it has one. */
static bool peer_steer(struct peer *p, const struct control_msg *m)
{
    mutex_lock(&p->lock);
    if (p->process && m->kind == CONTROL_SIGNAL && m->value && m->value <= 64)
        process_signal(p->process, (int)m->value);
    if (p->process && m->kind == CONTROL_RESIZE)
        process_resize(p->process, (uint16_t)(m->value >> 16), (uint16_t)m->value);
    mutex_unlock(&p->lock);
    return p->asked;
}

static void on_peer(struct listener *l, struct peer *p, const struct control_msg *m, const int *fds,
                    size_t n)
{
    int err;

    if (m->kind == CONTROL_EXEC) {
        err = peer_exec(p, m, fds, n);
        if (err)
            control_fail(p->sock, err, 0, "cannot take the process on");
        return;
    }
    close_all(fds, n);
    if (peer_steer(p, m))
        return;
    switch (m->kind) {
    case CONTROL_GO:
        err = atomic_load(&l->gone_on) ? -EALREADY : 0;
        break;
    case CONTROL_FREEZE:
        guest_container_freeze(l->container, m->value);
        err = 0;
        break;
    case CONTROL_SIGNAL:
        err = signal_init(l, m->value, false);
        break;
    case CONTROL_SIGNAL_ALL:
        err = signal_all(l, m->value);
        break;
    case CONTROL_LIMIT:
        err = limit(l, m->extra, m->value);
        break;
    default:
        err = -EPROTO;
    }
    control_send(p->sock, CONTROL_DONE, (uint64_t)-err);
    if (m->kind == CONTROL_GO && !err)
        (void)listen_go(l, 0); /* and not before: a short program would end before the answer */
}

/* It is a container's control socket from now on, and nothing of ours. */
static void let_join(struct listener *l, size_t i)
{
    struct peer *p = l->peers[i];
    int sock = p->sock;

    p->sock = -1;
    l->peers[i] = l->peers[--l->npeers];
    peer_put(p);
    join_start(l->kernel, sock);
}

static void drop_peer(struct listener *l, size_t i)
{
    struct peer *p = l->peers[i];

    mutex_lock(&p->lock);
    p->gone = true;
    if (p->process)
        process_signal(p->process, SIGKILL);
    mutex_unlock(&p->lock);
    l->peers[i] = l->peers[--l->npeers];
    peer_put(p);
}

/* ---- the loop ---- */

/* From the last: a peer that leaves gives its place to the last one, which has been seen. */
static void hear_peers(struct listener *l, const struct pollfd *fds)
{
    for (size_t i = l->npeers; i-- > 0;) {
        int got_fds[CONTROL_FDS_MAX], got;
        struct control_msg m;
        size_t n;

        if (!fds[i].revents)
            continue;
        got = control_receive(l->peers[i]->sock, &m, got_fds, &n);
        if (got > 0 && m.kind == CONTROL_JOIN && !n && !l->peers[i]->asked)
            let_join(l, i);
        else if (got > 0)
            on_peer(l, l->peers[i], &m, got_fds, n);
        else if (got == 0)
            drop_peer(l, i);
    }
}

/* Is it still there? */
static bool hear_runsc(struct listener *l)
{
    int fds[CONTROL_FDS_MAX];
    struct control_msg m;
    size_t n;
    int got = control_receive(l->sock, &m, fds, &n);

    if (got > 0)
        on_control(l, &m, fds, n);
    return got != 0;
}

void listen_until_gone(struct listener *l)
{
    struct pollfd fds[2 + LISTEN_PEERS_MAX];
    bool there = true;

    fds[1] = (struct pollfd){ .fd = gofer_client_sock(l->gofer) };
    while (there) {
        fds[0] = (struct pollfd){ .fd = l->sock, .events = POLLIN };
        for (size_t i = 0; i < l->npeers; i++)
            fds[2 + i] = (struct pollfd){ .fd = l->peers[i]->sock, .events = POLLIN };
        if (host_ppoll(fds, 2 + l->npeers, NSEC_NEVER) < 0)
            continue;
        if (fds[1].revents) {
            if (!atomic_load(&l->over))
                log_error("the gofer is gone: files give EIO from now on");
            gofer_client_dead(l->gofer);
            fds[1].fd = -1;
        }
        hear_peers(l, fds + 2);
        if (fds[0].revents)
            there = hear_runsc(l);
    }
    while (l->npeers)
        drop_peer(l, l->npeers - 1);
}

static void listen_and_end(void *arg)
{
    listen_until_gone(arg);
    host_exit(0); /* runsc is gone, and so is the reason to run */
}

int listen_start(struct listener *l)
{
    return thread_start(listen_and_end, l);
}

int listen_wait_go(struct listener *l)
{
    for (;;) {
        park_prepare(&l->go);
        if (atomic_load(&l->gone_on))
            return atomic_load(&l->ended);
        if (park_wait(&l->go, NSEC_NEVER) < 0)
            continue;
    }
}
