/* SPDX-License-Identifier: Apache-2.0 */
/* membarrier(2): the private commands, which programs use. */
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "lib.h"

static long membarrier(int cmd, unsigned flags)
{
    return syscall(SYS_membarrier, cmd, flags, 0);
}

TEST(the_private_ones_are_known)
{
    long all = membarrier(MEMBARRIER_CMD_QUERY, 0);

    CHECK(all > 0);
    CHECK(all & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    CHECK(all & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_QUERY, 1 << 20), EINVAL);
    CHECK_ERRNO(membarrier(1 << 30, 0), EINVAL);
}

TEST(one_registers_first)
{
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0), EPERM);
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) == 0);
    CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0);
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0), EPERM);
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0) == 0);
    CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0) == 0);
}

static atomic_int stop;
static int x, y;

static void *spin(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        __atomic_store_n(&x, 1, __ATOMIC_RELAXED);
        __asm__ volatile("" ::: "memory");
        if (__atomic_load_n(&y, __ATOMIC_RELAXED))
            continue;
    }
    return NULL;
}

TEST(with_another_thread_at_work)
{
    pthread_t t;

    CHECK(pthread_create(&t, NULL, spin, NULL) == 0);
    for (int i = 0; i < 50; i++)
        CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0);
    atomic_store(&stop, 1);
    pthread_join(t, NULL);
}

MAIN
