/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a file of the host, and closes it. Opens this program, by its whole path. */
#include "bench/rows/row.h"

#include <fcntl.h>
#include <limits.h>

static char path[PATH_MAX];

static void opens(uint64_t times)
{
    while (times--) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        must(fd >= 0, path);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    must(realpath(argv[0], path) != NULL, argv[0]);
    row(opens);
    return 0;
}
