/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   stat          a path of several names, of a file of the host
 *   stat fd       the same file, by descriptor
 */
#include "bench/rows/row.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static char path[PATH_MAX];
static int fd;

static void stats(uint64_t times)
{
    struct stat st;

    while (times--)
        must(stat(path, &st) == 0, path);
}

static void fstats(uint64_t times)
{
    struct stat st;

    while (times--)
        must(fstat(fd, &st) == 0, "fstat");
}

int main(int argc, char **argv)
{
    must(realpath(argv[0], path) != NULL, argv[0]);
    fd = open(path, O_RDONLY);
    must(fd >= 0, path);
    row(argc > 1 ? fstats : stats);
    return 0;
}
