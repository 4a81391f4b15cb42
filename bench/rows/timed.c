/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timed [-n TIMES] COMMAND…: what a whole command takes, by the same clock and in the same words
 * as the other rows. What it prints is thrown away; it must succeed.
 */
#include "bench/rows/row.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

enum { MOST = 100 };

static double once(char **argv)
{
    posix_spawn_file_actions_t quiet;
    uint64_t start = now();
    int status;
    pid_t child;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    errno = posix_spawnp(&child, argv[0], &quiet, NULL, argv, environ);
    must(errno == 0, argv[0]);
    must(waitpid(child, &status, 0) == child, "waitpid");
    if (status != 0)
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1); /* it has said why */
    return (double)(now() - start);
}

int main(int argc, char **argv)
{
    double ns[MOST];
    int times = 1;

    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        times = atoi(argv[2]);
        argv += 2;
        argc -= 2;
    }
    if (argc < 2 || times < 1 || times > MOST) {
        fprintf(stderr, "usage: timed [-n TIMES] COMMAND...\n");
        return 2;
    }
    for (int i = 0; i < times; i++)
        ns[i] = once(argv + 1);
    print_times(ns, times);
    return 0;
}
