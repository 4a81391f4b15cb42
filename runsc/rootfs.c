/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image is hostile: each place is found with openat2(2) within the root, whatever links
 * it is reached by, and mounted on by descriptor.
 */
#include "runsc/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int open_within(int root, const char *path)
{
    const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                                  .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* What cannot be mounted is left out: the guest has it all the same. */
static void bind_one(int root, const struct view_tree *source, const char *target)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (source->alone ? 0 : AT_RECURSIVE);
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source->path, flags);
    int at = tree < 0 ? -1 : open_within(root, target);

    if (at >= 0)
        (void)!syscall(SYS_move_mount, tree, "", at, "",
                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    if (at >= 0)
        close(at);
    if (tree >= 0)
        close(tree);
}

static void mount_proc(int root)
{
    int at = open_within(root, "/proc");
    char path[64];

    if (at < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", at);
    (void)!mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    close(at);
}

int rootfs_enter(const char *rootfs, const struct view *v, bool proc, struct err *e)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL))
        return err_set(e, -errno, "cannot mount %s: %s", rootfs, strerror(errno));
    int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_set(e, -errno, "open %s: %s", rootfs, strerror(errno));
    for (uint32_t i = 1; i < v->nmounts; i++)
        if (v->mounts[i].kind == MOUNT_GOFER)
            bind_one(root, &v->trees[v->mounts[i].tree], v->mounts[i].target);
    if (proc)
        mount_proc(root);
    int err = 0;
    if (fchdir(root) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
        err = err_set(e, -errno, "pivot_root to %s: %s", rootfs, strerror(errno));
    close(root);
    return err;
}

int rootfs_join(int mnt_ns, const char *rootfs, struct err *e)
{
    if (setns(mnt_ns, CLONE_NEWNS))
        return err_set(e, -errno, "cannot join the mount namespace: %s", strerror(errno));
    close(mnt_ns);
    if (chroot(rootfs) || chdir("/"))
        return err_set(e, -errno, "chroot to %s: %s", rootfs, strerror(errno));
    return 0;
}
