/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads lead each container that joins a pod. The first hears what it is to be, makes
 * it, and then listens to its socket, until that has gone; the second lets its first process
 * go, and waits for the end of that. The first one has all that belongs to both, and leaves
 * last.
 *
 * A container that ends gives everything back before runsc hears of it, for the engine will
 * unmount what its files were on. It never takes the sandbox with it.
 */
#include "sentry/join.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/log.h"
#include "base/thread.h"
#include "sentry/control.h"
#include "sentry/fs/gofer_client.h"
#include "sentry/listen.h"
#include "sentry/process.h"

struct joined {
    struct listener listener; /* the first thread's */
    struct sandbox_options o;
    struct options_storage *storage;
    struct park over;  /* wakes the first thread */
    _Atomic bool done; /* the second one has ended */
};

/* ---- the second thread ---- */

static int run(struct joined *j)
{
    struct listener *l = &j->listener;
    struct boot_error e = { .err = 0 };

    control_send(l->sock, CONTROL_CREATED, 0);
    int sig = listen_wait_go(l);
    if (sig)
        return sig;
    if (guest_container_start(l->container, &e)) {
        log_error("%s", e.text);
        return SIGKILL;
    }
    control_send(l->sock, CONTROL_RUNNING, 0);
    int status;
    do
        status = process_wait(guest_container_init(l->container));
    while (WIFSTOPPED(status));
    return status;
}

static void live(void *arg)
{
    struct joined *j = arg;
    int status = run(j);

    guest_container_end(j->listener.container);
    atomic_store(&j->listener.over, true);
    control_send(j->listener.sock, CONTROL_EXIT, (uint64_t)status);
    atomic_store(&j->done, true);
    park_wake(&j->over);
}

/* ---- the first thread ---- */

static int make(struct joined *j, struct boot_error *e)
{
    struct listener *l = &j->listener;
    int err = gofer_client_create(j->o.fds[OPTION_FD_GOFER], &l->gofer);

    j->o.fds[OPTION_FD_GOFER] = -1;
    if (err)
        return boot_fail(e, err, "the gofer does not answer: %s", strerror(-err));
    err = kernel_admit(l->kernel, &j->o, l->gofer, &l->container, e);
    if (err)
        return err;
    err = guest_container_prepare(l->container, &j->o, e);
    if (!err && thread_start(live, j))
        err = boot_fail(e, -EAGAIN, "no room for another thread");
    if (err) {
        guest_container_end(l->container);
        guest_container_put(l->container);
    }
    return err;
}

/* Whoever waits for it to be let go, or for its end, waits no longer. */
static void kill_it(struct joined *j)
{
    struct listener *l = &j->listener;

    (void)listen_go(l, SIGKILL);
    guest_container_signal_all(l->container, SIGKILL);
}

static void wait_for_end(struct joined *j)
{
    for (;;) {
        park_prepare(&j->over);
        if (atomic_load(&j->done))
            return;
        if (park_wait(&j->over, NSEC_NEVER) < 0)
            continue;
    }
}

static void lead(struct joined *j)
{
    struct listener *l = &j->listener;
    struct boot_error e = { .err = 0 };

    control_send(l->sock, CONTROL_DONE, 0);
    if (control_start(l->sock, &j->o, &j->storage))
        return; /* whoever asked has gone, or means something else */
    int err = make(j, &e);
    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        host_close(j->o.fds[i]);
    options_free(j->storage);
    if (err) {
        control_fail(l->sock, err, e.status, "%s", e.text);
    } else {
        listen_until_gone(l);
        kill_it(j);
        wait_for_end(j);
        guest_container_put(l->container);
    }
    gofer_client_put(l->gofer);
}

static void lead_and_leave(void *arg)
{
    struct joined *j = arg;

    lead(j);
    host_close(j->listener.sock);
    free(j);
}

void join_start(struct kernel *k, int sock)
{
    struct joined *j = calloc(1, sizeof *j);

    if (j) {
        j->listener = (struct listener){ .sock = sock, .kernel = k, .go = PARK_INIT };
        j->over = (struct park)PARK_INIT;
        for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
            j->o.fds[i] = -1;
    }
    if (!j || thread_start(lead_and_leave, j)) {
        control_fail(sock, -EAGAIN, 0, "no room for another container");
        host_close(sock);
        free(j);
    }
}
