/* SPDX-License-Identifier: Apache-2.0 */
/* runsc events: what a container uses, again and again, and when the host kills in it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/parse.h"

struct request {
    struct command c;
    bool stats;
    nsec_t interval;
};

FLAG_SWITCH(stats, struct request, stats)

static int take_interval(void *into, const char *value, struct err *e)
{
    return parse_span(value, "--interval", &((struct request *)into)->interval, e);
}

/* clang-format off */
static const struct flag flags[] = {
    { "stats",    0, NULL,   "print once how much it uses", take_stats, false },
    { "interval", 0, "TIME", "how often (default: 5s)", take_interval, false },
    COMMAND_FLAGS
};
/* clang-format on */

static void print(const char *type, const struct container *c, json_t *data)
{
    json_t *line = json_pack("{s:s, s:s}", "type", type, "id", c->id);

    if (data)
        json_object_set_new(line, "data", data);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void print_stats(const struct container *c)
{
    print("stats", c, cgroup_stats(container_get(c, "cgroups")));
}

/* Until the container ends. */
static void follow(const struct container *c, nsec_t interval)
{
    enum { OOM, END, WATCHED };
    const json_t *cgroups = container_get(c, "cgroups");
    struct pollfd fds[WATCHED] = {
        [OOM] = {.fd = cgroup_oom_watch(cgroups), .events = POLLIN},
        [END] = { .fd = (int)syscall(SYS_pidfd_open, c->pid,                             0), .events = POLLIN },
    };
    uint64_t kills = 0;
    int ms = interval > INT32_MAX * NSEC_PER_MSEC ? INT32_MAX : (int)(interval / NSEC_PER_MSEC);

    for (bool over = false; !over;) {
        over = container_status(c) == STATUS_STOPPED;
        int ready = poll(fds, WATCHED, over ? 0 : max(ms, 1));

        if (ready > 0 && fds[OOM].revents && cgroup_oom_seen(cgroups, fds[OOM].fd, &kills))
            print("oom", c, NULL);
        if (ready == 0 && !over)
            print_stats(c);
    }
    for (size_t i = 0; i < WATCHED; i++)
        if (fds[i].fd >= 0)
            close(fds[i].fd);
}

int cmd_events(char *const argv[], struct err *e)
{
    struct request r = { .interval = 5 * NSEC_PER_SEC };
    struct container c = { .dir = -1 };
    char *const *rest;
    int err = command_parse(flags, ARRAY_LEN(flags), argv, &r, "events [FLAGS] CONTAINER", 1, 1,
                            &rest, e);

    if (err > 0)
        return 0;
    if (!err)
        err = container_open(command_root(&r.c), rest[0], false, &c, e);
    if (!err && container_status(&c) == STATUS_STOPPED)
        err = err_set(e, -EINVAL, "container with id %s is not running", c.id);
    if (!err && r.stats)
        print_stats(&c);
    else if (!err)
        follow(&c, r.interval);
    container_close(&c);
    return err ? EXIT_FAILED : 0;
}
