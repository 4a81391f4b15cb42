/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest and the socket calls hand each other: layouts of Linux on x86-64. */
#pragma once

#include "base/cc.h"

struct abi_iovec {
    uint64_t base, len;
};
static_assert(sizeof(struct abi_iovec) == 16, "layout");

struct abi_msghdr {
    uint64_t name;
    int32_t namelen;
    uint32_t pad0;
    uint64_t iov, iovlen;
    uint64_t control, controllen;
    uint32_t flags;
    uint32_t pad1;
};
static_assert(sizeof(struct abi_msghdr) == 56, "layout");
static_assert(offsetof(struct abi_msghdr, control) == 32, "layout");

struct abi_mmsghdr {
    struct abi_msghdr hdr;
    uint32_t len;
    uint32_t pad;
};
static_assert(sizeof(struct abi_mmsghdr) == 64, "layout");

struct abi_cmsghdr {
    uint64_t len; /* bytes, this header included */
    int32_t level, type;
};
static_assert(sizeof(struct abi_cmsghdr) == 16, "layout");

/* What a control message takes with the padding behind it, in bytes. */
#define ABI_CMSG_ALIGN(size) (((size) + 7) & ~(size_t)7)
#define ABI_CMSG_LEN(size)   (sizeof(struct abi_cmsghdr) + (size))
#define ABI_CMSG_SPACE(size) (sizeof(struct abi_cmsghdr) + ABI_CMSG_ALIGN(size))
