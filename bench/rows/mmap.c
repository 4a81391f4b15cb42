/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   mmap          64 KiB come and go
 *   mmap touch    and each of their 16 pages is written in between
 */
#include "bench/rows/row.h"

#include <stdbool.h>
#include <sys/mman.h>

enum { PAGE = 4096, SIZE = 16 * PAGE };

static bool touch;

static void maps(uint64_t times)
{
    while (times--) {
        volatile char *at =
            mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        must(at != MAP_FAILED, "mmap");
        for (int i = 0; touch && i < SIZE; i += PAGE)
            at[i] = 1;
        must(munmap((void *)at, SIZE) == 0, "munmap");
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    touch = argc > 1;
    row(maps);
    return 0;
}
