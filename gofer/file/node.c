/* SPDX-License-Identifier: Apache-2.0 */
#include "gofer/file/node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/host.h"
#include "gofer/file/gofer.h"

#define MQUEUE_MAGIC   0x19800202
#define FUSECTL_MAGIC  0x65735543
#define CONFIGFS_MAGIC 0x62656570

int nodes_create(uint32_t max, struct nodes *out)
{
    void *all;
    int err = host_mmap(NULL, max * sizeof(struct node), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &all);
    if (err)
        return err;
    *out = (struct nodes){ .all = all, .max = max, .free = max };
    return 0;
}

static void close_both(struct node *n)
{
    host_close(n->fd);
    host_close(n->dir_fd);
    n->fd = n->dir_fd = -1;
}

void nodes_destroy(struct nodes *n)
{
    for (uint32_t i = 0; i < n->used; i++)
        close_both(&n->all[i]);
    if (n->all && host_munmap(n->all, n->max * sizeof *n->all) < 0)
        assert(!"we mapped it");
    *n = (struct nodes){ 0 };
}

static struct node *find(struct gofer *g, gofer_handle_t h)
{
    uint32_t index = (uint32_t)h - 1, generation = (uint32_t)(h >> 32);

    if (index >= g->nodes.used)
        return NULL;
    struct node *n = &g->nodes.all[index];
    return n->fd >= 0 && n->generation == generation ? n : NULL;
}

static int wrong_type(const struct node *n, unsigned need)
{
    if (need & NODE_DIR)
        return n->type == S_IFDIR ? 0 : -ENOTDIR;
    if (need & NODE_LINK)
        return n->type == S_IFLNK ? 0 : -EINVAL;
    if (need & NODE_REG)
        return n->type == S_IFREG   ? 0
               : n->type == S_IFDIR ? -EISDIR
               : n->type == S_IFLNK ? -ELOOP
                                    : -ENXIO;
    return 0;
}

int node_get(struct gofer *g, gofer_handle_t h, unsigned need, struct node **out)
{
    struct node *n = find(g, h);

    if (!n)
        return -ESTALE;
    int err = wrong_type(n, need);
    if (err)
        return err;
    if ((need & NODE_WRITE) && (g->trees[n->tree].flags & GOFER_TREE_RO))
        return -EROFS;
    if (n->masked && !(need & NODE_MASKED))
        return -EACCES;
    *out = n;
    return 0;
}

int node_add(struct gofer *g, int fd, uint8_t tree, const struct gofer_attr *attr, bool masked,
             gofer_handle_t *out)
{
    struct nodes *all = &g->nodes;
    uint32_t index = all->free;

    if (masked && !S_ISDIR(attr->mode)) {
        host_close(fd);
        return -EACCES;
    }
    if (index == all->max && all->used == all->max) {
        host_close(fd);
        return -EMFILE;
    }
    if (index == all->max)
        index = all->used++;
    else
        all->free = all->all[index].next_free;
    struct node *n = &all->all[index];
    *n = (struct node){ .fd = fd,
                        .dir_fd = -1,
                        .generation = n->generation + 1,
                        .type = attr->mode & S_IFMT,
                        .tree = tree,
                        .masked = masked };
    all->live++;
    *out = (uint64_t)n->generation << 32 | (index + 1);
    return 0;
}

void node_clunk(struct gofer *g, gofer_handle_t h)
{
    struct node *n = find(g, h);

    if (!n)
        return;
    close_both(n);
    n->next_free = g->nodes.free;
    g->nodes.free = (uint32_t)(n - g->nodes.all);
    g->nodes.live--;
}

static struct timespec time_of(const struct statx_timestamp *t)
{
    return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

static uint32_t owner_of(const struct gofer *g, uint32_t id, struct own_id own)
{
    if (!g->overflow_is_root)
        return id;
    if (id == own.here)
        return own.shown;
    return id == OWN_ID_OVERFLOW ? 0 : id;
}

uint32_t node_owner(const struct gofer *g, uint32_t id, struct own_id own)
{
    if (!g->overflow_is_root || id == (uint32_t)-1)
        return id;
    if (id == own.shown)
        return own.here;
    return id == own.here ? OWN_ID_OVERFLOW : id; /* a number that only looks like ours */
}

/* We are root of where we are, so 0 to ourselves. */
int node_may_own(const struct gofer *g, const struct node *n, uint32_t uid, uint32_t gid)
{
    uint32_t flags = g->trees[n->tree].flags;

    if ((flags & GOFER_TREE_NO_UID && uid == 0) || (flags & GOFER_TREE_NO_GID && gid == 0))
        return -EOVERFLOW;
    return 0;
}

static void attr_of(const struct gofer *g, const struct statx *stx, struct gofer_attr *out)
{
    *out = (struct gofer_attr){
        .mode = stx->stx_mode,
        .uid = owner_of(g, stx->stx_uid, g->uid),
        .gid = owner_of(g, stx->stx_gid, g->gid),
        .nlink = stx->stx_nlink,
        .blksize = stx->stx_blksize,
        .ino = stx->stx_ino,
        .dev = makedev(stx->stx_dev_major, stx->stx_dev_minor),
        .rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor),
        .size = stx->stx_size,
        .blocks = stx->stx_blocks,
        .attributes = stx->stx_attributes & ~(uint64_t)STATX_ATTR_MOUNT_ROOT,
        .attributes_mask = stx->stx_attributes_mask & ~(uint64_t)STATX_ATTR_MOUNT_ROOT,
        .atime = time_of(&stx->stx_atime),
        .mtime = time_of(&stx->stx_mtime),
        .ctime = time_of(&stx->stx_ctime),
        .btime = { .tv_nsec = -1 },
    };
    if (stx->stx_mask & STATX_BTIME)
        out->btime = time_of(&stx->stx_btime);
}

bool node_is_kernel_fs(long type)
{
    switch ((unsigned long)type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case SELINUX_MAGIC:
    case SMACK_MAGIC:
    case BPF_FS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case PSTOREFS_MAGIC:
    case EFIVARFS_MAGIC:
    case BINFMTFS_MAGIC:
    case NSFS_MAGIC:
    case MQUEUE_MAGIC:
    case FUSECTL_MAGIC:
    case CONFIGFS_MAGIC:
        return true;
    default:
        return false;
    }
}

int node_stat(const struct gofer *g, int fd, struct gofer_attr *out, bool *masked)
{
    struct statx stx;
    struct statfs fs;
    int err = host_statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                         STATX_BASIC_STATS | STATX_BTIME, &stx);
    if (err)
        return err;
    attr_of(g, &stx, out);
    if (!masked)
        return 0;
    *masked = false;
    /* Only the root of a mount can be where another file system begins. */
    if ((stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
        !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return 0;
    err = host_fstatfs(fd, &fs);
    if (err)
        return err;
    *masked = node_is_kernel_fs(fs.f_type);
    return 0;
}

int node_stat_at(const struct gofer *g, int dir, const char *name, struct gofer_attr *out)
{
    struct statx stx;
    int err = host_statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                         STATX_BASIC_STATS | STATX_BTIME, &stx);
    if (err)
        return err;
    if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
        return -EXDEV;
    attr_of(g, &stx, out);
    return 0;
}

const char *node_path(const struct gofer *g, int fd, char buf[NODE_PATH_SIZE])
{
    snprintf(buf, NODE_PATH_SIZE, "%s%d", g->fd_prefix, fd);
    return buf;
}

int node_reopen(const struct gofer *g, int fd, int flags, uint32_t mode)
{
    char path[NODE_PATH_SIZE];
    /* The one place where a magic link is followed: our own descriptor's. */
    struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC, .mode = mode };

    if (!(flags & O_PATH)) /* openat2(2) takes nothing beside it that it does not need */
        how.flags |= O_NOCTTY | O_NONBLOCK;
    return host_openat2(AT_FDCWD, node_path(g, fd, path), &how);
}
