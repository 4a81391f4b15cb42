/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hierarchies of cgroups the host has, and where.
 *
 * One may be mounted in more places than one: somebody's container, a tool, a test. Then the place
 * counts that has all of it and is where everybody looks. Beside v2 at its usual place single
 * hierarchies of v1 may be mounted, for a name or a controller that v2 has not: limits are v2's.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runsc/cgroup.h"

#define USUAL "/sys/fs/cgroup"

/* What of a v1 mount's options are controllers: "rw,cpu,cpuacct" has two. */
static void keep_controllers(char *options)
{
    static const char *const no[] = { "rw", "ro", "xattr", "noprefix", "clone_children" };
    char *save, *word, kept[256] = "";

    for (word = strtok_r(options, ",\n", &save); word; word = strtok_r(NULL, ",\n", &save)) {
        bool is = strncmp(word, "release_agent", 13) != 0;
        for (size_t i = 0; i < ARRAY_LEN(no); i++)
            is = is && strcmp(word, no[i]) != 0;
        if (is && strlen(kept) + strlen(word) + 2 < sizeof kept) {
            strcat(kept, *kept ? "," : "");
            strcat(kept, word);
        }
    }
    strcpy(options, kept);
}

/* How good a place is: one with all of the hierarchy, then one below the usual point. */
static int rank_of(const char *root, const char *point)
{
    size_t len = strlen(USUAL);
    bool usual = strncmp(point, USUAL, len) == 0 && (!point[len] || point[len] == '/');

    return 2 * (strcmp(root, "/") == 0) + usual;
}

/* Adds a mount to those of its kind, or puts it in the place of a worse one of the same. */
static void add(json_t *mounts, const char *controllers, const char *point, int rank)
{
    json_t *new =
        json_pack("{s:s, s:s, s:i}", "controllers", controllers, "path", point, "rank", rank);
    json_t *one;
    size_t i;

    json_array_foreach(mounts, i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "controllers")), controllers) != 0)
            continue;
        if (json_integer_value(json_object_get(one, "rank")) < rank)
            json_object_update(one, new);
        json_decref(new);
        return;
    }
    json_array_append_new(mounts, new);
}

static bool is_usual(const json_t *v2)
{
    const json_t *one = json_array_get(v2, 0);

    return one && strcmp(json_string_value(json_object_get(one, "path")), USUAL) == 0;
}

json_t *cgroup_mounts_in(FILE *mountinfo)
{
    json_t *v1 = json_array(), *v2 = json_array();
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, mountinfo) > 0) {
        char root[PATH_MAX], point[PATH_MAX], type[64], options[512];
        const char *rest = strstr(line, " - ");

        if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2 ||
            sscanf(rest, " - %63s %*s %511s", type, options) != 2)
            continue;
        if (strcmp(type, "cgroup2") == 0)
            options[0] = 0;
        else if (strcmp(type, "cgroup") == 0)
            keep_controllers(options);
        else
            continue;
        add(*options ? v1 : v2, options, point, rank_of(root, point));
    }
    free(line);
    /* In the hybrid layout limits are v1's. */
    bool is_v2 = is_usual(v2) || json_array_size(v1) == 0;
    json_decref(is_v2 ? v1 : v2);
    return is_v2 ? v2 : v1;
}

json_t *cgroup_mounts(void)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    json_t *mounts = f ? cgroup_mounts_in(f) : json_array();

    if (f)
        fclose(f);
    return mounts;
}

bool cgroup_host_is_v2(void)
{
    json_t *mounts = cgroup_mounts();
    bool is = cgroup_is_v2(mounts);

    json_decref(mounts);
    return is;
}
