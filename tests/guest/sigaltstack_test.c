/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/guest/child.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static char *area;
static volatile int inside, refused, shown_flags;

#define SIZE 65536

static int on_area(void *p)
{
    return (char *)p >= area && (char *)p < area + SIZE;
}

static void looks(int sig)
{
    int here;
    stack_t now, none = { .ss_flags = SS_DISABLE };

    (void)sig;
    inside = on_area(&here);
    sigaltstack(NULL, &now);
    shown_flags = now.ss_flags;
    refused = sigaltstack(&none, NULL) == -1 ? errno : 0;
}

static void use(int flags)
{
    stack_t ss = { .ss_sp = area, .ss_size = SIZE, .ss_flags = flags };

    if (!area)
        area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ss.ss_sp = area;
    sigaltstack(&ss, NULL);
}

static void drop(void)
{
    stack_t none = { .ss_flags = SS_DISABLE };

    sigaltstack(&none, NULL);
}

static void handle(int flags)
{
    struct sigaction act = { .sa_handler = looks, .sa_flags = flags };

    sigaction(SIGUSR1, &act, NULL);
    inside = refused = shown_flags = -1;
}

TEST(there_is_none_at_first)
{
    stack_t ss;

    CHECK_EQ(sigaltstack(NULL, &ss), 0);
    CHECK_EQ(ss.ss_flags, SS_DISABLE);
}

TEST(arguments_are_checked)
{
    char small[64];
    stack_t ss = { .ss_sp = small, .ss_size = 64 };

    CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
    ss.ss_flags = 77;
    CHECK_ERRNO(sigaltstack(&ss, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_sigaltstack, 8L, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_sigaltstack, NULL, 8L), EFAULT);
}

TEST(a_handler_runs_there)
{
    use(0);
    handle(SA_ONSTACK);
    raise(SIGUSR1);
    CHECK_EQ(inside, 1);
    CHECK_EQ(shown_flags, SS_ONSTACK);
    CHECK_EQ(refused, EPERM);
    drop();
}

TEST(only_where_it_asks_for_it)
{
    use(0);
    handle(0);
    raise(SIGUSR1);
    CHECK_EQ(inside, 0);
    drop();
}

TEST(it_may_be_disarmed_in_the_handler)
{
    stack_t now;

    use((int)SS_AUTODISARM);
    handle(SA_ONSTACK);
    raise(SIGUSR1);
    CHECK_EQ(inside, 1);
    CHECK_EQ(shown_flags, SS_DISABLE);
    CHECK_EQ(refused, 0);
    sigaltstack(NULL, &now); /* sigreturn armed it again */
    CHECK(now.ss_sp == area);
    CHECK_EQ((unsigned)now.ss_flags, SS_AUTODISARM);
    drop();
}

static void leaves(int sig)
{
    (void)sig;
    _exit(on_area(&sig) ? 0 : 1);
}

static int overflows(void)
{
    struct sigaction act = { .sa_handler = leaves, .sa_flags = SA_ONSTACK };

    use(0);
    sigaction(SIGSEGV, &act, NULL);
    /* as after an overflow: there is no stack below */
    __asm__ volatile("mov $0x1000, %%rsp; push %%rax" : : : "memory");
    return 1;
}

TEST(a_lost_stack_can_be_survived)
{
    CHECK_CHILD(overflows);
}

static int overflows_without(void)
{
    struct sigaction act = { .sa_handler = leaves };

    sigaction(SIGSEGV, &act, NULL);
    __asm__ volatile("mov $0x1000, %%rsp; push %%rax" : : : "memory");
    return 1;
}

TEST(without_one_it_is_death)
{
    int status = in_child(overflows_without);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static int child_has_it(void)
{
    stack_t now;

    REQUIRE(sigaltstack(NULL, &now) == 0);
    REQUIRE(now.ss_sp == area && now.ss_size == SIZE);
    return 0;
}

TEST(fork_keeps_it)
{
    use(0);
    CHECK_CHILD(child_has_it);
    drop();
}

MAIN
