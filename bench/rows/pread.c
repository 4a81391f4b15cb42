/* SPDX-License-Identifier: Apache-2.0 */
/* 4 KiB of a cached file: a call that copies a page. Reads this program. */
#include "bench/rows/row.h"

#include <fcntl.h>

static int fd;

static void preads(uint64_t times)
{
    char page[4096];

    while (times--)
        must(pread(fd, page, sizeof page, 4096) == sizeof page, "pread");
}

int main(void)
{
    fd = open("/proc/self/exe", O_RDONLY);
    must(fd >= 0, "/proc/self/exe");
    row(preads);
    return 0;
}
