/* SPDX-License-Identifier: Apache-2.0 */
/* One byte to /dev/null: a call with a descriptor and a buffer. */
#include "bench/rows/row.h"

#include <fcntl.h>

static int fd;

static void writes(uint64_t times)
{
    while (times--)
        must(write(fd, "", 1) == 1, "write");
}

int main(void)
{
    fd = open("/dev/null", O_WRONLY);
    must(fd >= 0, "/dev/null");
    row(writes);
    return 0;
}
