/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes make calls at the same time: what one call takes where the other does not wait. */
#include "bench/rows/row.h"

#include <fcntl.h>

static int fd, start[2], done[2];

static void calls(uint64_t times)
{
    char bytes[64];

    while (times--)
        must(pread(fd, bytes, sizeof bytes, 0) == sizeof bytes, "pread");
}

static void both(uint64_t times)
{
    must(write(start[1], &times, sizeof times) == sizeof times, "write");
    calls(times);
    must(read(done[0], &times, sizeof times) == sizeof times, "read");
}

static void other(void)
{
    uint64_t times;

    while (read(start[0], &times, sizeof times) == sizeof times) {
        calls(times);
        must(write(done[1], &times, sizeof times) == sizeof times, "write");
    }
}

int main(void)
{
    pid_t child;

    fd = open("/proc/self/exe", O_RDONLY);
    must(fd >= 0, "/proc/self/exe");
    must(pipe(start) == 0 && pipe(done) == 0, "pipe");
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        close(start[1]);
        other();
        _exit(0);
    }
    row(both);
    return 0;
}
