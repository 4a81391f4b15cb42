/* SPDX-License-Identifier: Apache-2.0 */
/* One byte into a pipe and out of it, by one thread: nobody waits. */
#include "bench/rows/row.h"

static int ends[2];

static void bytes(uint64_t times)
{
    char byte = 0;

    while (times--) {
        must(write(ends[1], &byte, 1) == 1, "write");
        must(read(ends[0], &byte, 1) == 1, "read");
    }
}

int main(void)
{
    must(pipe(ends) == 0, "pipe");
    row(bytes);
    return 0;
}
