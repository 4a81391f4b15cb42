/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues as x86-64 programs see them in memory.
 *
 *   source    include/uapi/linux/mqueue.h (Linux 6.6)
 */
#pragma once

#include <stdint.h>

#include "base/cc.h"

struct abi_mq_attr {
    int64_t flags; /* O_NONBLOCK */
    int64_t maxmsg, msgsize, curmsgs;
    int64_t reserved[4];
};
static_assert(sizeof(struct abi_mq_attr) == 64, "struct mq_attr");

#define ABI_MQ_PRIO_MAX   32768u /* priorities are below */
#define ABI_MQ_COOKIE_LEN 32u    /* NOTIFY_COOKIE_LEN: what SIGEV_THREAD takes, in bytes */
