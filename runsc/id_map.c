/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/id_map.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int id_map_write(pid_t pid, const char *file, const struct option_id_range *map, size_t n)
{
    char path[64], text[16384]; /* 340 ranges, of three numbers each */
    size_t used = 0;

    for (size_t i = 0; i < n && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%u %u %u\n", map[i].inside,
                                 map[i].outside, map[i].count);
    if (used >= sizeof text)
        return -E2BIG;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = write(fd, text, used) == (ssize_t)used ? 0 : -errno;
    close(fd);
    return err;
}

bool id_map_out(const struct option_id_range *map, size_t n, uint32_t inside, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if (inside < map[i].inside || inside - map[i].inside >= map[i].count)
            continue;
        *out = map[i].outside + (inside - map[i].inside);
        return true;
    }
    return false;
}

bool id_map_has(const struct option_id_range *map, size_t n, uint32_t outside)
{
    for (size_t i = 0; i < n; i++)
        if (outside >= map[i].outside && outside - map[i].outside < map[i].count)
            return true;
    return false;
}

/* Of a child that waits for its end in a new one. */
static int ns_of(pid_t pid, const struct id_maps *maps)
{
    char path[64];
    int err = id_map_write(pid, "uid_map", maps->uids, maps->nuids);

    if (!err)
        err = id_map_write(pid, "gid_map", maps->gids, maps->ngids);
    if (err)
        return err;
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int id_map_ns(const struct id_maps *maps)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

    if (pid < 0)
        return -errno;
    if (pid == 0)
        for (;;)
            pause();
    int fd = ns_of(pid, maps);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return fd;
}
