/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that do not let us. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/platform-ptrace/rig.h"

/* From now on the call gives an error, as under an engine's seccomp profile. */
static void forbid(uint32_t nr, uint32_t err)
{
    struct sock_filter insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { ARRAY_LEN(insns), insns };

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

Test(probe, this_host_is_fine)
{
    const char *why = NULL;

    cr_assert_eq(OPS->probe(&why), 0);
    cr_assert_null(why);
}

Test(probe, a_forbidden_ptrace_has_a_reason)
{
    const char *why = NULL;

    forbid(SYS_ptrace, EPERM);
    cr_assert_eq(OPS->probe(&why), -EPERM);
    cr_assert_not_null(why);
    cr_assert_not_null(strstr(why, "ptrace"));
}

Test(probe, create_fails_where_stubs_cannot_be_traced)
{
    struct platform_options opts = { .ram_fd = host_memfd_create("ram", 0) };
    struct platform *p;

    forbid(SYS_ptrace, EPERM);
    cr_assert_eq(OPS->create(&opts, &p), -EPERM);
}

Test(probe, create_fails_where_stubs_cannot_be_confined)
{
    struct platform_options opts = { .ram_fd = host_memfd_create("ram", 0) };
    struct platform *p;

    forbid(SYS_seccomp, EACCES);
    cr_assert_eq(OPS->create(&opts, &p), -EACCES);
}

Test(probe, a_host_without_close_range_will_do)
{
    struct rig r;

    forbid(SYS_close_range, ENOSYS);
    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05");
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
}
