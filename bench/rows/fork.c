/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   fork        a child that does nothing, made and waited for
 *   fork SIZE   the same for a process with so many MiB of touched memory
 */
#include "bench/rows/row.h"

#include <sys/mman.h>
#include <sys/wait.h>

static void forks(uint64_t times)
{
    while (times--) {
        int status;
        pid_t child = fork();

        must(child >= 0, "fork");
        if (child == 0)
            _exit(0);
        must(waitpid(child, &status, 0) == child && status == 0, "waitpid");
    }
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 : 0;

    if (size > 0) {
        void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        must(at != MAP_FAILED, "mmap");
        memset(at, 1, size);
    }
    row(forks);
    return 0;
}
