/* SPDX-License-Identifier: Apache-2.0 */
/* What stat(2) and ustat(2) write. Source: arch/x86/include/uapi/asm/stat.h, Linux 6.12. */
#pragma once

#include "base/cc.h"

struct abi_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad;
    uint64_t rdev;
    int64_t size, blksize, blocks;
    int64_t atime, atime_nsec;
    int64_t mtime, mtime_nsec;
    int64_t ctime, ctime_nsec;
    int64_t unused[3];
};
static_assert(sizeof(struct abi_stat) == 144, "struct stat");
static_assert(offsetof(struct abi_stat, rdev) == 40, "struct stat");

struct abi_ustat {
    int32_t tfree;
    uint32_t pad;
    uint64_t tinode;
    char fname[6], fpack[6];
    uint32_t pad2;
};
static_assert(sizeof(struct abi_ustat) == 32, "struct ustat");
