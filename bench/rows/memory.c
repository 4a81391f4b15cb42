/* SPDX-License-Identifier: Apache-2.0 */
/* memory SIZE: one access in turn after the other, anywhere in SIZE MiB of touched memory. */
#include "bench/rows/row.h"

#include <sys/mman.h>

static uint64_t *words, mask;

/* Where to go next depends on what was read, so that no two accesses overlap. */
static void accesses(uint64_t times)
{
    uint64_t at = 0;

    while (times--) {
        uint64_t *word = &words[at & mask];

        at = (at + *word) * 6364136223846793005u + 1442695040888963407u;
        at ^= at >> 29;
        *word += 1;
    }
}

int main(int argc, char **argv)
{
    uint64_t size = (argc > 1 ? strtoull(argv[1], NULL, 10) : 256) << 20;

    errno = ENOMEM;
    must(2 * size <= (uint64_t)sysconf(_SC_PHYS_PAGES) * 4096, "half of the machine's memory");
    words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(words != MAP_FAILED, "mmap");
    mask = size / sizeof *words - 1; /* SIZE is a power of two */
    for (uint64_t i = 0; i <= mask; i += 4096 / sizeof *words)
        words[i] = i;
    row(accesses);
    return 0;
}
