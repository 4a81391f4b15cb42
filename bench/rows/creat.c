/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an empty file in the current directory, and removes it. */
#include "bench/rows/row.h"

#include <fcntl.h>

static void creats(uint64_t times)
{
    while (times--) {
        int fd = open("a-new-file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

        must(fd >= 0, "a-new-file");
        close(fd);
        must(unlink("a-new-file") == 0, "unlink");
    }
}

int main(void)
{
    row(creats);
    return 0;
}
