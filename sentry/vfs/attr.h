/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of an inode: stat(2), and what chmod, chown, utimes, truncate change. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cc.h"

struct attr {
    uint32_t mode;     /* type and permissions */
    uint32_t uid, gid; /* kernel ids */
    uint32_t nlink;
    uint64_t ino, dev, rdev; /* dev as makedev(3) packs them */
    uint64_t size, blocks;   /* bytes; units of 512 bytes */
    uint32_t blksize;
    struct timespec atime, mtime, ctime, btime; /* btime.tv_nsec = -1: unknown */
    uint64_t attributes, attributes_mask;       /* STATX_ATTR_* */
};

enum attr_bits {
    ATTR_MODE = 1,
    ATTR_UID = 2,
    ATTR_GID = 4,
    ATTR_SIZE = 8,
    ATTR_ATIME = 16,
    ATTR_MTIME = 32,
    ATTR_ATIME_NOW = 64, /* with ATTR_ATIME: the time is now */
    ATTR_MTIME_NOW = 128,
};

struct attr_change {
    unsigned which; /* ATTR_* */
    uint32_t mode, uid, gid;
    uint64_t size;
    struct timespec atime, mtime;
};
