/* SPDX-License-Identifier: Apache-2.0 */
/* covers: exit, restart_syscall */
#include <pthread.h>

#include "tests/guest/child.h"

static int ends(void)
{
    syscall(SYS_exit, 0x1ff03);
    return 1;
}

TEST(a_status_is_eight_bits)
{
    CHECK_EQ(in_child(ends), 3 << 8);
}

static void *last(void *arg)
{
    pthread_join(*(pthread_t *)arg, NULL);
    syscall(SYS_exit, 5);
    return NULL;
}

static int leader_first(void)
{
    pthread_t me = pthread_self(), other;

    pthread_create(&other, NULL, last, &me);
    syscall(SYS_exit, 4);
    return 1;
}

/* The process goes on without its first thread; the last one says how it ended. */
TEST(the_first_thread_may_leave_first)
{
    CHECK_EQ(in_child(leader_first), 5 << 8);
}

TEST(nothing_to_restart)
{
    CHECK_ERRNO(syscall(SYS_restart_syscall), EINTR);
}

MAIN
