/* SPDX-License-Identifier: Apache-2.0 */
/* runsc state, list, ps: what containers are there, and how they are. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/cmd.h"
#include "runsc/command.h"

struct request {
    struct command c;
    bool json, quiet;
};

static int take_output(void *into, const char *value, struct err *e)
{
    if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
        return err_set(e, -EINVAL, "--format: table or json, not \"%s\"", value);
    ((struct request *)into)->json = value[0] == 'j';
    return 0;
}

static int take_quiet(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->quiet = true;
    return 0;
}

/* clang-format off */
static const struct flag state_flags[] = { COMMAND_FLAGS };
static const struct flag list_flags[] = {
    { "format", 'f', "FORMAT", "table or json", take_output, false },
    { "quiet",  'q', NULL,     "ids only", take_quiet, false },
    COMMAND_FLAGS
};
/* clang-format on */

static void print(json_t *json, size_t flags)
{
    json_dumpf(json, stdout, flags | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(json);
}

int cmd_state(char *const argv[], struct err *e)
{
    struct request r = { .json = true };
    struct container c = { .dir = -1 };
    char *const *rest;
    int err = command_parse(state_flags, ARRAY_LEN(state_flags), argv, &r, "state CONTAINER", 1, 1,
                            &rest, e);

    if (err > 0)
        return 0;
    if (!err)
        err = container_open(command_root(&r.c), rest[0], false, &c, e);
    if (!err)
        print(container_state(&c, container_status_name(container_status(&c))), JSON_INDENT(2));
    container_close(&c);
    return err ? EXIT_FAILED : 0;
}

/* ---- list ---- */

static void list_one(const struct request *r, const struct container *c, json_t *all)
{
    const char *status = container_status_name(container_status(c));

    if (r->quiet) {
        puts(c->id);
    } else if (r->json) {
        json_array_append_new(all, container_state(c, status));
    } else {
        const json_t *uid = container_get(c, "owner");
        const struct passwd *pw = getpwuid((uid_t)json_integer_value(uid));
        printf("%-11s %-11d %-11s %-19s %-22s %s\n", c->id,
               strcmp(status, "stopped") == 0 ? 0 : (int)c->pid, status, c->bundle ?: "",
               container_text(c, "created"), pw ? pw->pw_name : "#");
    }
}

int cmd_list(char *const argv[], struct err *e)
{
    struct request r = { .json = false };
    json_t *all = json_array();
    struct dirent *d;
    char *const *rest;
    int err =
        command_parse(list_flags, ARRAY_LEN(list_flags), argv, &r, "list [FLAGS]", 0, 0, &rest, e);

    if (err > 0)
        return 0;
    DIR *dir = err ? NULL : opendir(command_root(&r.c));
    if (!err && !r.quiet && !r.json)
        printf("%-11s %-11s %-11s %-19s %-22s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED",
               "OWNER");
    while (dir && (d = readdir(dir))) {
        struct container c = { .dir = -1 };
        struct err ignored;

        if (d->d_name[0] != '.' &&
            container_open(command_root(&r.c), d->d_name, false, &c, &ignored) == 0 && c.json)
            list_one(&r, &c, all);
        container_close(&c);
    }
    if (dir)
        closedir(dir);
    if (!err && r.json && !r.quiet)
        print(json_incref(all), JSON_COMPACT);
    json_decref(all);
    return err ? EXIT_FAILED : 0;
}

/* ---- ps ---- */

/* As runc: ps(1) of the host, for the processes that are the container's. */
static int print_table(json_t *pids, char *const *args)
{
    char *const usual[] = { (char *)"-ef", NULL };
    char *argv[32] = { (char *)"ps" }, line[4096];
    size_t n = 1, i;
    json_t *one;
    int out[2];

    for (char *const *p = *args ? args : usual; *p && n + 1 < ARRAY_LEN(argv); p++)
        argv[n++] = *p;
    if (pipe(out))
        return -errno;
    fflush(stdout);
    if (fork() == 0) {
        dup2(out[1], STDOUT_FILENO);
        execvp("ps", argv);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    for (bool head = true; f && fgets(line, sizeof line, f); head = false) {
        int pid = 0;
        bool is = sscanf(line, "%*s %d", &pid) == 1 && pid;
        if (!is)
            sscanf(line, "%d", &pid);
        if (head)
            fputs(line, stdout);
        json_array_foreach(pids, i, one) if (!head && json_integer_value(one) == pid)
            fputs(line, stdout);
    }
    if (f)
        fclose(f);
    return 0;
}

int cmd_ps(char *const argv[], struct err *e)
{
    struct request r = { .json = false };
    struct container c = { .dir = -1 };
    json_t *pids = NULL;
    char *const *rest;
    int err = command_parse(list_flags, ARRAY_LEN(list_flags), argv, &r,
                            "ps [--format json] CONTAINER [ARGUMENTS OF PS]", 1, -1, &rest, e);

    if (err > 0)
        return 0;
    if (!err)
        err = container_open(command_root(&r.c), rest[0], false, &c, e);
    if (!err) {
        pids = cgroup_procs(container_get(&c, "cgroups"));
        /* Where there are no cgroups, the one that we know. */
        if (!json_array_size(pids) && container_status(&c) != STATUS_STOPPED)
            json_array_append_new(pids, json_integer(c.pid));
        if (r.json)
            print(json_incref(pids), JSON_COMPACT);
        else
            err = print_table(pids, rest + 1);
    }
    json_decref(pids);
    container_close(&c);
    return err ? EXIT_FAILED : 0;
}
