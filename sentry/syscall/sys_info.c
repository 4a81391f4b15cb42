/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of itself: sysinfo(2) and syslog(2). */
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "sentry/load/vdso.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/container.h"
#include "sentry/task/ns.h"
#include "sentry/task/tasks.h"

#define CAP_SYS_ADMIN   21
#define CAP_SYSLOG      34
#define LOG_BUFFER_SIZE 262144 /* bytes: what SYSLOG_ACTION_SIZE_BUFFER gives */

long sys_sysinfo(struct task *t, uptr_t info)
{
    uint64_t total, used;

    task_container_memory(task_container(t), &total, &used);
    const struct sysinfo si = {
        .uptime = (vdso_now(t->arena, CLOCK_ID_BOOTTIME) + NSEC_PER_SEC - 1) / NSEC_PER_SEC,
        .totalram = total,
        .freeram = total - used,
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
    if (type != READ_ALL && type != SIZE_BUFFER && !task_root_capable(t, CAP_SYSLOG))
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
