/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the sentry and the gofer, which opens files for it.
 *
 * What connects them:
 *
 *   - A socket (SOCK_SEQPACKET). The gofer's first message is a gofer_hello with the
 *     ring's descriptor. After that it carries doorbells (one byte, sentry → gofer,
 *     only where the gofer sleeps) and donated descriptors (gofer_gift and one
 *     descriptor, gofer → sentry). Its end is the end of the other side.
 *   - A ring: sealed shared memory, a head and GOFER_SLOTS slots. Whoever asks takes
 *     a free slot (which are free is the sentry's own affair), writes a request into
 *     its body, sets `size` and `state`, and sets the slot's bit in `pending`. The
 *     gofer answers in the same body. Slots are independent: any number is in flight.
 *
 *     slot.state:  IDLE ──sentry──▶ ASKED ──sentry sleeps──▶ AWAITED
 *                    ▲                │                         │
 *                    └────sentry──── ANSWERED ◀──gofer──────────┘ (and a futex wake)
 *
 * What each side promises:
 *
 *   - Neither trusts the ring: a body is copied once, then parsed by bounded cursors
 *     (base/wire.h). A field that does not fit makes the whole message invalid.
 *   - The gofer checks every request as if a guest had sent it: handles, names,
 *     rights, types. It never follows a symbolic link, never leaves a tree, never
 *     opens a device, a FIFO or a socket's node, never shows procfs or sysfs of the
 *     host. What it refuses has no effect.
 *   - The gofer answers each request once, in any order, and ends when the socket does.
 *   - The sentry gives handles back (clunk) and does not use them afterwards.
 *
 * A request: u16 operation, u8 count, that many u64 handles to clunk, arguments.
 * A reply: i32 as -errno, 0 or a result, u8 descriptors donated (0 or 1), results;
 * after a failure there are none, but where the operation says so.
 */
#pragma once

#include <sys/stat.h>

#include "base/wire.h"

#define GOFER_MAGIC     UINT32_C(0x72666f67) /* "gofr" */
#define GOFER_VERSION   UINT32_C(2)
#define GOFER_SLOTS     32
#define GOFER_SLOT_SIZE (17 * 4096)
#define GOFER_HEAD_SIZE 4096
#define GOFER_BODY_SIZE (GOFER_SLOT_SIZE - 64)
#define GOFER_RING_SIZE (GOFER_HEAD_SIZE + (size_t)GOFER_SLOTS * GOFER_SLOT_SIZE)

#define GOFER_NAME_MAX   255   /* bytes of one name */
#define GOFER_LINK_MAX   4095  /* bytes of a symbolic link's text */
#define GOFER_WALK_MAX   32    /* names in one walk */
#define GOFER_NEXT_MAX   16    /* names of directories to be listed ahead */
#define GOFER_CLUNK_MAX  200   /* handles given back in one request */
#define GOFER_XATTR_MAX  65536 /* bytes of a value, or of a list of names */
#define GOFER_TREES_MAX  256
#define GOFER_REPLY_HEAD 5 /* bytes: result, descriptors */

enum gofer_slot_state { SLOT_IDLE, SLOT_ASKED, SLOT_AWAITED, SLOT_ANSWERED };

struct gofer_slot {
    _Atomic uint32_t state; /* enum gofer_slot_state; a futex */
    _Atomic uint32_t size;  /* bytes of the body that are in use */
    uint8_t pad[56];
    uint8_t body[GOFER_BODY_SIZE];
};

struct gofer_ring {
    _Atomic uint32_t asleep; /* the gofer is about to read the socket: ring the bell */
    uint8_t pad1[60];
    _Atomic uint64_t pending; /* a bit for each slot that has been asked */
    uint8_t pad2[GOFER_HEAD_SIZE - 72];
    struct gofer_slot slots[GOFER_SLOTS];
};
static_assert(sizeof(struct gofer_slot) == GOFER_SLOT_SIZE, "slots are whole pages");
static_assert(sizeof(struct gofer_ring) == GOFER_RING_SIZE, "and nothing lies between them");

/* The gofer's first message; the ring's descriptor comes with it. */
struct gofer_hello {
    uint32_t magic, version;
    uint32_t trees;   /* how many can be attached */
    uint32_t handles; /* how many may be held at once */
};
static_assert(sizeof(struct gofer_hello) == 16, "wire");

/* What comes with a donated descriptor: sent before the slot is answered. */
struct gofer_gift {
    uint32_t slot;
};
static_assert(sizeof(struct gofer_gift) == 4, "wire");

/* A node of a tree, held for the sentry: a number that it cannot make up. 0 is none. */
typedef uint64_t gofer_handle_t;

/*
 * GOFER_OP(name, arguments → results). Handles are u64, names and texts are strings
 * of wire.h, "attr" is as gofer_put_attr() writes it. Errors are those of the host's
 * call that does it, and of every operation:
 *
 *   EPROTO   a malformed request        ENOTDIR, ELOOP, EINVAL  the node is of another type
 *   ESTALE   no such handle             EROFS   the tree is read-only
 *   EMFILE   too many handles: clunk some and ask again
 *   EACCES, EPERM, ENXIO  it may not
 */
#define GOFER_OPS(GOFER_OP)                                                                      \
    /* Nothing, but for the handles that are clunked. */                                         \
    GOFER_OP(NOP)                                                                                \
    /* u32 tree → handle, attr, u32 GOFER_TREE_*, u64 f_type of statfs(2) */                   \
    GOFER_OP(ATTACH)                                                                             \
    /* dir, u16 count, names → u16 count, that many of (handle, attr, text of a link or ""),   \
       i32 why it went no further. Ends at the first that is no directory. */                    \
    GOFER_OP(WALK)                                                                               \
    /* node → attr */                                                                          \
    GOFER_OP(GETATTR)                                                                            \
    /* node, u32 ATTR_* which, u32 mode, uid, gid, u64 size, atime, mtime → attr */            \
    GOFER_OP(SETATTR)                                                                            \
    /* regular file, u32 GOFER_OPEN_* → attr; donates */                                       \
    GOFER_OP(OPEN)                                                                               \
    /* dir, name, u32 mode, uid, gid, u32 GOFER_OPEN_*, text of a link → handle, attr;         \
       donates where a regular file is opened too */                                             \
    GOFER_OP(MAKE)                                                                               \
    /* dir, u32 mode, uid, gid → handle, attr; donates, for reading and writing */             \
    GOFER_OP(TMPFILE)                                                                            \
    /* node, dir, name → attr */                                                               \
    GOFER_OP(LINK)                                                                               \
    /* dir, name, u32 GOFER_UNLINK_* → handle (0 unless it is to be kept) */                   \
    GOFER_OP(UNLINK)                                                                             \
    /* dir, name, dir, name, u32 RENAME_* → */                                                 \
    GOFER_OP(RENAME)                                                                             \
    /* link → text */                                                                          \
    GOFER_OP(READLINK)                                                                           \
    /* dir, name or "", u64 cookie, u32 bytes, u8 GOFER_ATTRS_*, u8 count, names ahead →       \
       handle, attr of that name, or 0 and nothing; u8 at the end; entries: u8 1, u64 ino, u64   \
       cookie of the next, u8 DT_*, name, u8 has attributes, attr; u8 0 behind the last. "." and \
       ".." are left out. A name is walked to first: listing a directory below another is one    \
       message. While there are bytes: u8 which of the names ahead, handle, attr, entries: what  \
       else of `dir` was listed, as it may be asked for next; none but directories that were     \
       listed to their ends. */                                                                  \
    GOFER_OP(READDIR)                                                                            \
    /* node → u64 type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags */  \
    GOFER_OP(STATFS)                                                                             \
    /* node, name, u32 size → result is the length; the value where size was not 0 */          \
    GOFER_OP(GETXATTR)                                                                           \
    /* node, name, u32 XATTR_*, u32 size, value → */                                           \
    GOFER_OP(SETXATTR)                                                                           \
    /* node, u32 size → result is the length; the names where size was not 0 */                \
    GOFER_OP(LISTXATTR)                                                                          \
    /* node, name → */                                                                         \
    GOFER_OP(REMOVEXATTR)                                                                        \
    /* node, u8 data only → */                                                                 \
    GOFER_OP(FSYNC)                                                                              \
    /* socket's node, u32 SOCK_* → ; donates a connected socket. Only where the tree lets. */  \
    GOFER_OP(CONNECT)

enum gofer_op {
#define GOFER_OP(name) GOFER_##name,
    GOFER_OPS(GOFER_OP)
#undef GOFER_OP
        GOFER_OP_COUNT,
};

enum gofer_tree_flags {
    GOFER_TREE_RO = 1,      /* nothing changes it through us */
    GOFER_TREE_SHARED = 2,  /* others on the host may change it: revalidate */
    GOFER_TREE_CONNECT = 4, /* sockets of the host in it may be connected to */
    GOFER_TREE_ALONE = 8,   /* without what is mounted below it */
    GOFER_TREE_NO_UID = 16, /* its files have other ids, and the gofer's own is none of them: */
    GOFER_TREE_NO_GID = 32, /* EOVERFLOW */
};

enum gofer_open_flags {
    GOFER_OPEN_READ = 1,
    GOFER_OPEN_WRITE = 2,
};

enum gofer_unlink_flags {
    GOFER_UNLINK_DIR = 1,  /* rmdir(2) */
    GOFER_UNLINK_KEEP = 2, /* give a handle of what loses the name: it is in use */
};

/* Of which entries READDIR tells the attributes. */
enum gofer_attrs { GOFER_ATTRS_NONE, GOFER_ATTRS_DIRS, GOFER_ATTRS_ALL };

/* SETATTR's `which`; the same numbers as enum attr_bits of the sentry's vfs. */
enum gofer_attr_bits {
    GOFER_ATTR_MODE = 1,
    GOFER_ATTR_UID = 2,
    GOFER_ATTR_GID = 4,
    GOFER_ATTR_SIZE = 8,
    GOFER_ATTR_ATIME = 16,
    GOFER_ATTR_MTIME = 32,
    GOFER_ATTR_ATIME_NOW = 64,
    GOFER_ATTR_MTIME_NOW = 128,
    GOFER_ATTR_ALL = 255,
};

/* What is known of a node. Owners are as the gofer's user namespace shows them. */
struct gofer_attr {
    uint32_t mode, uid, gid, nlink, blksize;
    uint64_t ino, dev, rdev, size, blocks;
    uint64_t attributes, attributes_mask;       /* STATX_ATTR_* */
    struct timespec atime, mtime, ctime, btime; /* btime.tv_nsec = -1: unknown */
};

static inline void gofer_put_time(struct wire_writer *w, const struct timespec *t)
{
    wire_put_u64(w, (uint64_t)t->tv_sec);
    wire_put_u32(w, (uint32_t)t->tv_nsec);
}

static inline void gofer_get_time(struct wire_reader *r, struct timespec *out)
{
    out->tv_sec = (int64_t)wire_get_u64(r);
    out->tv_nsec = (int32_t)wire_get_u32(r);
}

static inline void gofer_put_attr(struct wire_writer *w, const struct gofer_attr *a)
{
    wire_put_u32(w, a->mode);
    wire_put_u32(w, a->uid);
    wire_put_u32(w, a->gid);
    wire_put_u32(w, a->nlink);
    wire_put_u32(w, a->blksize);
    wire_put_u64(w, a->ino);
    wire_put_u64(w, a->dev);
    wire_put_u64(w, a->rdev);
    wire_put_u64(w, a->size);
    wire_put_u64(w, a->blocks);
    wire_put_u64(w, a->attributes);
    wire_put_u64(w, a->attributes_mask);
    gofer_put_time(w, &a->atime);
    gofer_put_time(w, &a->mtime);
    gofer_put_time(w, &a->ctime);
    gofer_put_time(w, &a->btime);
}

static inline void gofer_get_attr(struct wire_reader *r, struct gofer_attr *out)
{
    out->mode = wire_get_u32(r);
    out->uid = wire_get_u32(r);
    out->gid = wire_get_u32(r);
    out->nlink = wire_get_u32(r);
    out->blksize = wire_get_u32(r);
    out->ino = wire_get_u64(r);
    out->dev = wire_get_u64(r);
    out->rdev = wire_get_u64(r);
    out->size = wire_get_u64(r);
    out->blocks = wire_get_u64(r);
    out->attributes = wire_get_u64(r);
    out->attributes_mask = wire_get_u64(r);
    gofer_get_time(r, &out->atime);
    gofer_get_time(r, &out->mtime);
    gofer_get_time(r, &out->ctime);
    gofer_get_time(r, &out->btime);
}
