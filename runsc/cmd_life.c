/* SPDX-License-Identifier: Apache-2.0 */
/* runsc start, kill, delete, pause, resume, wait: one container, one change. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/cmd.h"
#include "runsc/create.h"

struct request {
    struct command c;
    bool force, all;
};

static int take_force(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->force = true;
    return 0;
}

static int take_all(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->all = true;
    return 0;
}

/* clang-format off */
static const struct flag plain_flags[] = { COMMAND_FLAGS };
static const struct flag kill_flags[] = {
    { "all",   'a', NULL, "every process of it, not the first alone", take_all, false },
    COMMAND_FLAGS
};
static const struct flag delete_flags[] = {
    { "force", 'f', NULL, "kill it first, if it runs; what is not there is no error", take_force, false },
    COMMAND_FLAGS
};
/* clang-format on */

/* Parses, opens the container, locked if asked, and lets `act` do it. */
static int on_container(const struct flag *flags, size_t n, char *const argv[], const char *usage,
                        int most, bool lock,
                        int (*act)(struct container *c, const struct request *r, char *const *rest,
                                   struct err *e),
                        struct err *e)
{
    struct container c = { .dir = -1 };
    struct request r = { .force = false };
    char *const *rest;
    int err = command_parse(flags, n, argv, &r, usage, 1, most, &rest, e);

    if (err > 0)
        return 0;
    if (!err)
        err = container_open(command_root(&r.c), rest[0], lock, &c, e);
    if (err == -ENOENT && r.force) {
        e->code = 0;
        err = 0;
    } else if (!err) {
        err = act(&c, &r, rest + 1, e);
    }
    container_close(&c);
    return err ? EXIT_FAILED : 0;
}

static int start(struct container *c, const struct request *r, char *const *rest, struct err *e)
{
    (void)r, (void)rest;
    return container_start(c, e);
}

int cmd_start(char *const argv[], struct err *e)
{
    return on_container(plain_flags, ARRAY_LEN(plain_flags), argv, "start CONTAINER", 1, true,
                        start, e);
}

static int kill_it(struct container *c, const struct request *r, char *const *rest, struct err *e)
{
    int sig = SIGTERM;
    int err = rest[0] ? command_signal(rest[0], &sig, e) : 0;

    /* As runc: who kills all of them means also those of one that has ended. */
    if (!err && r->all && container_status(c) == STATUS_STOPPED)
        return 0;
    return err ? err : container_kill(c, sig, r->all, e);
}

int cmd_kill(char *const argv[], struct err *e)
{
    /* Without the lock: a delete or start that takes its time must not hold a kill up. */
    return on_container(kill_flags, ARRAY_LEN(kill_flags), argv, "kill [--all] CONTAINER [SIGNAL]",
                        2, false, kill_it, e);
}

static int delete_it(struct container *c, const struct request *r, char *const *rest, struct err *e)
{
    (void)rest;
    return container_delete(c, r->force, e);
}

int cmd_delete(char *const argv[], struct err *e)
{
    return on_container(delete_flags, ARRAY_LEN(delete_flags), argv, "delete [--force] CONTAINER",
                        1, true, delete_it, e);
}

static int pause_it(struct container *c, const struct request *r, char *const *rest, struct err *e)
{
    enum container_status status = container_status(c);

    (void)r, (void)rest;
    if (status != STATUS_RUNNING && status != STATUS_CREATED)
        return err_set(e, -EINVAL, "container not running or created: %s",
                       container_status_name(status));
    return container_freeze(c, true, e);
}

int cmd_pause(char *const argv[], struct err *e)
{
    return on_container(plain_flags, ARRAY_LEN(plain_flags), argv, "pause CONTAINER", 1, true,
                        pause_it, e);
}

static int resume_it(struct container *c, const struct request *r, char *const *rest, struct err *e)
{
    (void)r, (void)rest;
    if (container_status(c) != STATUS_PAUSED)
        return err_set(e, -EINVAL, "container not paused");
    return container_freeze(c, false, e);
}

int cmd_resume(char *const argv[], struct err *e)
{
    return on_container(plain_flags, ARRAY_LEN(plain_flags), argv, "resume CONTAINER", 1, true,
                        resume_it, e);
}

static int wait_for(struct container *c, const struct request *r, char *const *rest, struct err *e)
{
    int fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };

    (void)r, (void)rest, (void)e;
    if (fd >= 0 && process_born(c->pid) == c->born)
        while (poll(&p, 1, -1) < 0)
            ;
    if (fd >= 0)
        close(fd);
    return 0;
}

int cmd_wait(char *const argv[], struct err *e)
{
    return on_container(plain_flags, ARRAY_LEN(plain_flags), argv, "wait CONTAINER", 1, false,
                        wait_for, e);
}
