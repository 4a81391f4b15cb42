/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/sys/fs/mqueue: the limits of POSIX message queues, of the ipc namespace of whoever looks.
 *
 *   source    mq_overview(7), "/proc interfaces"; ipc/mq_sysctl.c, Linux 6.6
 */
#include <errno.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"

/* Before guests run it is the sandbox's first. */
static int limit_at(struct proc_view *v, enum mqueue_limit which, _Atomic uint32_t **out)
{
    struct ipc_ns *first = tasks_of(v->arena)->ipc;
    scoped(ipc_ns) struct ipc_ns *ns = v->viewer ? task_ipc_get(v->viewer) : ipc_ns_get(first);
    struct mqueue_limits *limits;
    int err = ns ? mqueue_limits(ns, &limits) : -ESRCH;

    if (!err)
        *out = &limits->of[which];
    return err;
}

static int show_limit(struct proc_view *v, struct text *t, enum mqueue_limit which)
{
    _Atomic uint32_t *limit;
    int err = limit_at(v, which, &limit);

    if (!err)
        text_printf(t, "%u\n", atomic_load_explicit(limit, memory_order_relaxed));
    return err;
}

static ssize_t write_limit(struct proc_view *v, const char *s, size_t size, enum mqueue_limit which)
{
    _Atomic uint32_t *limit;
    uint32_t lowest, highest;
    int64_t n;

    mqueue_limit_range(which, &lowest, &highest);
    int err = proc_parse_number(s, lowest, highest, &n) ? -EINVAL : limit_at(v, which, &limit);
    if (err)
        return err;
    atomic_store_explicit(limit, (uint32_t)n, memory_order_relaxed);
    return (ssize_t)size;
}

#define LIMIT(id, which)                                                 \
    static int show_##id(struct proc_view *v, struct text *t)            \
    {                                                                    \
        return show_limit(v, t, which);                                  \
    }                                                                    \
    static ssize_t write_##id(struct proc_view *v, char *s, size_t size) \
    {                                                                    \
        return write_limit(v, s, size, which);                           \
    }

LIMIT(msg_default, MQUEUE_MSG_DEFAULT)
LIMIT(msg_max, MQUEUE_MSG_MAX)
LIMIT(msgsize_default, MQUEUE_MSGSIZE_DEFAULT)
LIMIT(msgsize_max, MQUEUE_MSGSIZE_MAX)
LIMIT(queues_max, MQUEUE_QUEUES_MAX)

const struct proc_entry proc_sys_mqueue[] = {
    PROC_FILE_W("msg_default", 0644, show_msg_default, write_msg_default),
    PROC_FILE_W("msg_max", 0644, show_msg_max, write_msg_max),
    PROC_FILE_W("msgsize_default", 0644, show_msgsize_default, write_msgsize_default),
    PROC_FILE_W("msgsize_max", 0644, show_msgsize_max, write_msgsize_max),
    PROC_FILE_W("queues_max", 0644, show_queues_max, write_queues_max),
    PROC_END,
};
