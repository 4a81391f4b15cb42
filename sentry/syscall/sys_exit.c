/* SPDX-License-Identifier: Apache-2.0 */
/* The end: of a thread, of a process. */
#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"

/* As wait4(2) encodes it. */
static int status_of(int code)
{
    return (code & 0xff) << 8;
}

long sys_exit(struct task *t, int status)
{
    task_end(t, status_of(status));
    return 0;
}

long sys_exit_group(struct task *t, int status)
{
    group_kill(t->group, status_of(status));
    return 0;
}
