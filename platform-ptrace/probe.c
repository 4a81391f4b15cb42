/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this host lets us trace our own children. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/ptrace.h>

#include "base/host.h"
#include "platform-ptrace/ptrace_priv.h"

/* As /proc/sys/kernel/yama/ptrace_scope has it: Documentation/admin-guide/LSM/Yama.rst. */
enum { SCOPE_CHILDREN = 1, SCOPE_ADMIN, SCOPE_NONE };

/* 0 where there is no Yama. */
static int yama_scope(void)
{
    struct open_how how = { .flags = O_RDONLY };
    char digit = '0';

    int fd = host_openat2(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", &how);
    if (fd < 0)
        return 0;
    ssize_t n = host_read(fd, &digit, 1);
    host_close(fd);
    return n == 1 ? digit - '0' : 0;
}

int ptrace_probe(const char **why)
{
    /* Of a process that cannot be: whoever would refuse us the call does so before. */
    long err = host_ptrace(PTRACE_SEIZE, INT_MAX, NULL, NULL);

    if (err != -ESRCH) {
        *why =
            "ptrace(2) is forbidden here, probably by a seccomp filter: a container engine's "
            "profile may have to allow it";
        return err ? (int)err : -EIO;
    }
    int scope = yama_scope();
    if (scope == SCOPE_NONE) {
        *why =
            "ptrace(2) is off on this host until it is started again: "
            "kernel.yama.ptrace_scope is 3";
        return -EPERM;
    }
    if (scope == SCOPE_ADMIN) {
        *why =
            "ptrace(2) is for administrators on this host: kernel.yama.ptrace_scope is 2, "
            "and must be 1 or 0";
        return -EPERM;
    }
    return 0;
}
