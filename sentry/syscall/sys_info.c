/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of itself: uname(2), sysinfo(2), syslog(2), and the names of the machine. */
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "sentry/load/vdso.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/ns.h"
#include "sentry/task/tasks.h"

#define CAP_SYS_ADMIN   21
#define CAP_SYSLOG      34
#define LOG_BUFFER_SIZE 262144 /* bytes: what SYSLOG_ACTION_SIZE_BUFFER gives */

long sys_uname(struct task *t, uptr_t buf)
{
    struct utsname names;

    uts_ns_print(t->uts, &names);
    return copy_out_struct(t->mm, buf, &names);
}

/* A name that was given with its length. Errors: EPERM, EINVAL, EFAULT. */
static int copy_name(struct task *t, uptr_t name, int len, char out[UTS_NAME_MAX])
{
    if (!cred_ns_capable(t->cred, t->uts->user_ns, CAP_SYS_ADMIN))
        return -EPERM;
    if (len < 0 || len > UTS_NAME_MAX)
        return -EINVAL;
    return copy_in(t->mm, out, name, (size_t)len);
}

long sys_sethostname(struct task *t, uptr_t name, int len)
{
    char copy[UTS_NAME_MAX];
    int err = copy_name(t, name, len, copy);

    if (!err)
        uts_ns_set_nodename(t->uts, copy, (size_t)len);
    return err;
}

long sys_setdomainname(struct task *t, uptr_t name, int len)
{
    char copy[UTS_NAME_MAX];
    int err = copy_name(t, name, len, copy);

    if (!err)
        uts_ns_set_domainname(t->uts, copy, (size_t)len);
    return err;
}

long sys_sysinfo(struct task *t, uptr_t info)
{
    uint64_t total = ram_total(t->arena), used = ram_used(t->arena);
    const struct sysinfo si = {
        .uptime = (vdso_now(t->arena, CLOCK_ID_BOOTTIME) + NSEC_PER_SEC - 1) / NSEC_PER_SEC,
        .totalram = total,
        .freeram = total - min(used, total),
        .procs = (unsigned short)min(tasks_count(t->arena), (uint32_t)UINT16_MAX),
        .mem_unit = 1,
    };

    return copy_out_struct(t->mm, info, &si);
}

/* The kernel's log is there, and empty. */
long sys_syslog(struct task *t, int type, uptr_t buf, int len)
{
    enum {
        CLOSE,
        OPEN,
        READ,
        READ_ALL,
        READ_CLEAR,
        CLEAR,
        OFF,
        ON,
        LEVEL,
        SIZE_UNREAD,
        SIZE_BUFFER
    };

    /* As with kernel.dmesg_restrict = 0. */
    if (type != READ_ALL && type != SIZE_BUFFER && !task_capable(t, CAP_SYSLOG))
        return -EPERM;
    switch (type) {
    case READ:
    case READ_ALL:
    case READ_CLEAR:
        return uptr_is_null(buf) || len < 0 ? -EINVAL : 0;
    case LEVEL:
        return len < 1 || len > 8 ? -EINVAL : 0;
    case CLOSE:
    case OPEN:
    case CLEAR:
    case OFF:
    case ON:
    case SIZE_UNREAD:
        return 0;
    case SIZE_BUFFER:
        return LOG_BUFFER_SIZE;
    default:
        return -EINVAL;
    }
}
