/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that do not let us. */
#define PLATFORM platform_ptrace
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "tests/platform/rig.h"

/* From now on the call gives an error, as under an engine's seccomp profile. */
static bool forbid(uint32_t nr, uint32_t err)
{
    struct sock_filter insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { ARRAY_LEN(insns), insns };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* What is forbidden stays so: each case has a process of its own. */
static bool in_child(bool (*works)(void))
{
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        log_start(-1, LOG_ERROR, "test");
        _exit(works() ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

Test(probe, this_host_is_fine)
{
    const char *why = NULL;

    cr_assert_eq(OPS->probe(&why), 0);
    cr_assert_null(why);
}

static bool has_a_reason(void)
{
    const char *why = NULL;

    return forbid(SYS_ptrace, EPERM) && OPS->probe(&why) == -EPERM && why && strstr(why, "ptrace");
}

Test(probe, a_forbidden_ptrace_has_a_reason)
{
    cr_assert(in_child(has_a_reason));
}

static int create_without(uint32_t nr, uint32_t err)
{
    struct platform_options opts = { .ram_fd = host_memfd_create("ram", 0) };
    struct platform *p;

    return forbid(nr, err) ? OPS->create(&opts, &p) : 0;
}

static bool cannot_trace(void)
{
    return create_without(SYS_ptrace, EPERM) == -EPERM;
}

static bool cannot_confine(void)
{
    return create_without(SYS_seccomp, EACCES) == -EACCES;
}

Test(probe, create_fails_where_stubs_cannot_be_traced_or_confined)
{
    cr_assert(in_child(cannot_trace));
    cr_assert(in_child(cannot_confine));
}

static bool runs_without_close_range(void)
{
    struct guest_regs regs = rig_regs(CODE_AT);
    struct rig r;

    if (!forbid(SYS_close_range, ENOSYS))
        return false;
    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05");
    enum platform_stop why = rig_run(&r, &regs);
    rig_stop(&r);
    return why == STOP_SYSCALL;
}

Test(probe, a_host_without_close_range_will_do)
{
    cr_assert(in_child(runs_without_close_range));
}
