/* SPDX-License-Identifier: Apache-2.0 */
/* A container that was made: starting it, killing it, taking it away. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/create.h"
#include "runsc/exec.h"
#include "runsc/hooks.h"
#include "runsc/peer.h"
#include "runsc/report.h"

#define ANSWER_MS 5000 /* a sentry under load answers by then */
#define KILL_MS   500  /* one that is to die is not waited for that long */
#define DEATH_MS  1000

static int read_config(const struct container *c, struct oci_spec *out, struct err *e)
{
    char path[64];

    container_path(c, "config.json", path);
    return oci_read(path, out, e);
}

/* ---- start ---- */

/* These run inside, before the first process does. */
static int start_hooks(const struct container *c, const struct oci_spec *s, struct err *e)
{
    json_t *state = container_state(c, "created");
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    int err = 0;

    for (size_t i = 0; i < s->nhooks[HOOK_START_CONTAINER] && !err; i++)
        err = exec_hook(c, &s->hooks[HOOK_START_CONTAINER][i], text ?: "", e);
    free(text);
    json_decref(state);
    return err;
}

int container_start(struct container *c, struct err *e)
{
    enum container_status status = container_status(c);
    struct oci_spec s;

    if (status == STATUS_STOPPED)
        return err_set(e, -EINVAL, "cannot start a container that has stopped");
    if (status != STATUS_CREATED)
        return err_set(e, -EINVAL, "cannot start an already running container");
    int err = read_config(c, &s, e);
    if (!err)
        err = start_hooks(c, &s, e);
    if (err) {
        struct err ignored;
        (void)!container_kill(c, SIGKILL, false, &ignored);
    }
    if (!err)
        err = peer_ask(c, CONTROL_GO, 0, ANSWER_MS, e);
    if (!err) {
        c->stage = STAGE_RUNNING;
        err = container_save(c, NULL, e);
    }
    if (!err)
        err = hooks_run(&s, HOOK_POSTSTART, c, "running", 0, e);
    oci_free(&s);
    return err;
}

/* ---- kill ---- */

/*
 * Waits for the anchor's end. Where it does not come in `patience` ms it is brought about in the
 * host's own way: by a descriptor that cannot come to mean another process.
 */
static int end_anchor(const struct container *c, int patience)
{
    int fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int err = 0;

    if (fd < 0)
        return errno == ESRCH ? 0 : -errno;
    if (process_born(c->pid) == c->born && poll(&p, 1, patience) == 0) {
        err = syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) ? -errno : 0;
        if (!err && poll(&p, 1, DEATH_MS) == 0)
            err = -ETIMEDOUT;
    }
    close(fd);
    return err;
}

/* Its sentry has gone, and the anchor goes then: is it so, after a while? */
static bool has_ended(const struct container *c)
{
    struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, c->pid, 0), .events = POLLIN };

    if (p.fd >= 0 && process_born(c->pid) == c->born)
        (void)!poll(&p, 1, DEATH_MS);
    if (p.fd >= 0)
        close(p.fd);
    return container_status(c) == STATUS_STOPPED;
}

int container_kill(const struct container *c, int sig, bool all, struct err *e)
{
    enum container_status status = container_status(c);
    struct err ignored;

    if (status == STATUS_STOPPED || status == STATUS_CREATING)
        return err_set(e, -ESRCH, "container not running");
    /* The frozen hear nothing; and who is to die would not answer. */
    if (status == STATUS_PAUSED && sig == SIGKILL)
        (void)!cgroup_freeze(container_get(c, "cgroups"), false, &ignored);
    else if (status == STATUS_PAUSED)
        return err_set(e, -EBUSY, "container %s is paused", c->id);
    int err = peer_ask(c, all ? CONTROL_SIGNAL_ALL : CONTROL_SIGNAL, (uint64_t)sig,
                       sig == SIGKILL ? KILL_MS : ANSWER_MS, e);
    /* It may have ended of it before it could answer. */
    bool gone = err == -EPIPE || err == -ECONNREFUSED || err == -ENOENT || err == -ECONNRESET;
    if (err && (gone ? has_ended(c) : container_status(c) == STATUS_STOPPED)) {
        e->code = 0;
        return 0;
    }
    /* Who says yes, and then stands still, is not believed. */
    if (sig == SIGKILL) {
        err = end_anchor(c, err ? 0 : KILL_MS);
        e->code = 0;
        if (err)
            err_set(e, err, "cannot kill container %s: %s", c->id, strerror(-err));
    }
    return err;
}

/* ---- pause ---- */

/* Containers of a pod share the sentry, which the host's freezer would stop for all of them. */
static int freeze_inside(struct container *c, bool freeze, struct err *e)
{
    int err = container_save(c, json_pack("{s:b}", "frozen", true), e);

    if (!err)
        err = peer_ask(c, CONTROL_FREEZE, freeze, ANSWER_MS, e);
    if (!err == freeze)
        return err;
    struct err ignored;
    if (err) /* who could not be paused goes on, also where the answer was only late */
        (void)!peer_ask(c, CONTROL_FREEZE, false, KILL_MS, &ignored);
    int saved = container_save(c, json_pack("{s:b}", "frozen", false), err ? &ignored : e);
    return err ?: saved;
}

int container_freeze(struct container *c, bool freeze, struct err *e)
{
    return *container_text(c, "pod") ? freeze_inside(c, freeze, e)
                                     : cgroup_freeze(container_get(c, "cgroups"), freeze, e);
}

/* ---- delete ---- */

int container_delete(struct container *c, bool force, struct err *e)
{
    enum container_status status = container_status(c);
    const json_t *cgroups = container_get(c, "cgroups");
    struct err ignored;
    struct oci_spec s;

    /* A create that died leaves its process behind only where it was killed with it. */
    if (status != STATUS_STOPPED && !force && !(status == STATUS_CREATING && !c->pid))
        return err_set(e, -EBUSY, "cannot delete container %s that is not stopped: %s", c->id,
                       container_status_name(status));
    if (status == STATUS_PAUSED)
        (void)!cgroup_freeze(cgroups, false, &ignored);
    /* So that the sentry, which goes on, has let go of its files. */
    if (status != STATUS_STOPPED && *container_text(c, "pod"))
        (void)!container_kill(c, SIGKILL, false, &ignored);
    if (c->pid) {
        int err = end_anchor(c, 0);
        if (err)
            return err_set(e, err, "cannot kill container %s: %s", c->id, strerror(-err));
    }
    if (c->json && read_config(c, &s, &ignored) == 0) {
        (void)!hooks_run(&s, HOOK_POSTSTOP, c, "stopped", 0, &ignored);
        oci_free(&s);
    }
    cgroup_remove(cgroups);
    container_remove(c);
    return 0;
}
