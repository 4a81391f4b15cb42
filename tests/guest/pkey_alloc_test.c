/* SPDX-License-Identifier: Apache-2.0 */
/* covers: pkey_alloc, pkey_free, pkey_mprotect */
#include <sys/mman.h>

#include "tests/guest/child.h"

TEST(arguments_are_checked)
{
    char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(p != MAP_FAILED);
    CHECK_ERRNO(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_pkey_alloc, 0, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_pkey_free, 99), EINVAL);
    CHECK_ERRNO(syscall(SYS_pkey_free, -1), EINVAL);
    CHECK_ERRNO(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, 99), EINVAL);
    CHECK_EQ(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ | PROT_WRITE, -1), 0);
    *p = 1;
    CHECK_ERRNO(syscall(SYS_pkey_mprotect, p + 1, 4096, PROT_READ, -1), EINVAL);
    munmap(p, 4096);
}

MAIN
