/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that a process has made, as /proc tells. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/cc.h"

#define CHILDREN_MAX 4096

/* State letter of a process, and its parent; 0 where there is none. */
static inline char process_state(pid_t pid, pid_t *parent)
{
    char path[64], text[512], state = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after + 1, " %c %d", &state, parent) != 2)
        return 0;
    return state;
}

/* All children of `parent`, zombies included; gives how many. */
static inline size_t children_of(pid_t parent, pid_t out[CHILDREN_MAX])
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    size_t n = 0;

    while (proc && n < CHILDREN_MAX && (e = readdir(proc))) {
        pid_t pid = atoi(e->d_name), its = 0;
        if (pid > 0 && process_state(pid, &its) && its == parent)
            out[n++] = pid;
    }
    if (proc)
        closedir(proc);
    return n;
}

/* Whether it runs no more: gone, or a zombie that its new parent has to collect. */
static inline bool process_is_dead(pid_t pid)
{
    pid_t parent;
    char state = process_state(pid, &parent);

    return state == 0 || state == 'Z' || state == 'X';
}
