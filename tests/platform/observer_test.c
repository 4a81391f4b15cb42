/* SPDX-License-Identifier: Apache-2.0 */
/* The observer sees what it should: who would believe it otherwise? */
#include "tests/lib/observer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOW ((void *)0x400000)

/* getppid() by an instruction where guests have theirs; what it gives. */
static long call_from_low(void)
{
    static const char code[] =
        "\xb8\x6e\x00\x00\x00\x0f\x05\xc3"; /* mov $110, %eax; syscall; ret */
    void *at = mmap(LOW, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (at != LOW)
        return -1000;
    memcpy(at, code, sizeof code);
    return ((long (*)(void))at)();
}

/* The same call is answered by a filter from now on. */
static void forbid_it(void)
{
    struct sock_filter insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { sizeof insns / sizeof *insns, insns };

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
        _exit(99);
}

/* What getppid() gives in a child that is no stub, as an exit status. */
static int in_child(void (*before)(void), struct observer_report *seen)
{
    struct observer o;
    int status;

    observer_start(&o);
    pid_t pid = fork();
    if (pid == 0) {
        if (before)
            before();
        _exit((int)-call_from_low());
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    observer_stop(&o, seen);
    return WEXITSTATUS(status);
}

Test(observer, sees_and_refuses_a_call_that_is_off_the_list)
{
    struct observer_report seen;

    cr_assert_eq(in_child(NULL, &seen), EPERM);
    cr_assert_eq(seen.breaches, 1);
    cr_assert(strstr(seen.first, "call 110"), "%s", seen.first);
}

/* The strictest answer counts, and then nobody is asked. */
Test(observer, does_not_see_what_a_filter_forbids)
{
    struct observer_report seen;

    cr_assert_eq(in_child(forbid_it, &seen), ENOTTY);
    cr_assert_eq(seen.breaches, 0);
}

Test(observer, lets_its_own_process_be)
{
    struct observer o;
    struct observer_report seen;

    observer_start(&o);
    cr_assert_eq(call_from_low(), (long)getppid());
    observer_stop(&o, &seen);
    cr_assert_eq(seen.breaches, 0);
}
