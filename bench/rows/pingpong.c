/* SPDX-License-Identifier: Apache-2.0 */
/* One byte to another process and one back: two who wait for each other. */
#include "bench/rows/row.h"

static int there[2], back[2];

static void turns(uint64_t times)
{
    char byte = 0;

    while (times--) {
        must(write(there[1], &byte, 1) == 1, "write");
        must(read(back[0], &byte, 1) == 1, "read");
    }
}

static void answer(void)
{
    char byte;

    while (read(there[0], &byte, 1) == 1)
        must(write(back[1], &byte, 1) == 1, "answer");
}

int main(void)
{
    pid_t child;

    must(pipe(there) == 0 && pipe(back) == 0, "pipe");
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        close(there[1]);
        answer();
        _exit(0);
    }
    row(turns);
    return 0;
}
