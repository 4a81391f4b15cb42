/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one page that a stub can write without being told: the zygote's alone, in
 * whose address space no guest ever runs. recvmsg(2) needs it.
 */
#pragma once

#include <sys/socket.h>

#include "base/cc.h"
#include "platform-stub/layout.h"

struct scratch {
    struct msghdr msg; /* its pointers are the zygote's */
    struct iovec iov;
    char byte;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
};
static_assert(sizeof(struct scratch) <= STUB_SCRATCH_SIZE, "one page");
