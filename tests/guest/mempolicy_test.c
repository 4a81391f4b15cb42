/* SPDX-License-Identifier: Apache-2.0 */
/* covers: remap_file_pages, mbind, set_mempolicy, get_mempolicy */
/* set_mempolicy(2), get_mempolicy(2), mbind(2), where there is one node; pkeys, where there are
 * none. */
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "faults.h"

static long set(int mode, const unsigned long *mask, unsigned long max)
{
    return syscall(SYS_set_mempolicy, mode, mask, max);
}

static long get(int *mode, unsigned long *mask, unsigned long max, void *addr, unsigned long flags)
{
    return syscall(SYS_get_mempolicy, mode, mask, max, addr, flags);
}

TEST(the_default)
{
    unsigned long mask[16];
    int mode = 9;

    if (get(&mode, NULL, 0, NULL, 0) < 0 && errno == ENOSYS)
        SKIP_ALL("this kernel has no NUMA");
    memset(mask, 0xff, sizeof mask);
    CHECK(get(&mode, mask, 1024, NULL, 0) == 0);
    CHECK(mode == MPOL_DEFAULT && mask[0] == 0 && mask[15] == 0);
    CHECK(get(NULL, mask, 1024, NULL, MPOL_F_MEMS_ALLOWED) == 0);
    CHECK(mask[0] & 1);
    CHECK(get(&mode, NULL, 0, mask, MPOL_F_ADDR) == 0 && mode == MPOL_DEFAULT);
}

TEST(what_can_be_is_taken)
{
    unsigned long node0 = 1, none = 0;

    CHECK(set(MPOL_PREFERRED, &node0, 64) == 0);
    CHECK(set(MPOL_BIND, &node0, 64) == 0);
    CHECK(set(MPOL_LOCAL, NULL, 0) == 0);
    CHECK(set(MPOL_DEFAULT, NULL, 0) == 0);
    CHECK_ERRNO(set(MPOL_BIND, &none, 64), EINVAL);
    CHECK_ERRNO(set(MPOL_BIND, NULL, 0), EINVAL);
    CHECK_ERRNO(set(MPOL_DEFAULT, &node0, 64), EINVAL);
    CHECK_ERRNO(set(77, &node0, 64), EINVAL);
    CHECK_ERRNO(set(MPOL_BIND, (void *)8, 64), EFAULT);
}

TEST(ranges)
{
    unsigned long node0 = 1;
    char *p = anon(4 * PAGE, RW);

    CHECK(syscall(SYS_mbind, p, 4 * PAGE, MPOL_BIND, &node0, 64, 0) == 0);
    CHECK_ERRNO(syscall(SYS_mbind, p + 1, 4 * PAGE, MPOL_BIND, &node0, 64, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_mbind, p, 4 * PAGE, MPOL_BIND, &node0, 64, 1 << 20), EINVAL);
    munmap(p, 4 * PAGE);
    CHECK_ERRNO(syscall(SYS_mbind, p, 4 * PAGE, MPOL_BIND, &node0, 64, 0), EFAULT);
}

TEST(no_key_is_a_key)
{
    char *p = anon(PAGE, RW);

    CHECK(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1) == 0);
    CHECK_EQ(writing(p), SIGSEGV);
    CHECK_ERRNO(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 9), EINVAL);
    CHECK_ERRNO(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_pkey_free, 9), EINVAL);
    munmap(p, PAGE);
}

TEST(a_file_s_pages_in_another_order)
{
    int fd = file_of_pages(4);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

    CHECK(syscall(SYS_remap_file_pages, p, PAGE, 0, 3, 0) == 0);
    CHECK(syscall(SYS_remap_file_pages, p + 3 * PAGE, PAGE, 0, 0, 0) == 0);
    CHECK(p[0] == 'd' && p[PAGE] == 'b' && p[3 * PAGE] == 'a');
    CHECK_ERRNO(syscall(SYS_remap_file_pages, p, PAGE, PROT_READ, 3, 0), EINVAL);
    munmap(p, 4 * PAGE);
    p = anon(PAGE, RW);
    CHECK_ERRNO(syscall(SYS_remap_file_pages, p, PAGE, 0, 0, 0), EINVAL);
    munmap(p, PAGE);
    close(fd);
}

MAIN
