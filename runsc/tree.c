/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdpass.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define NO_ID (UINT32_MAX - 1) /* the largest number there is; files belong to nobody of it */

static int copy_mount(const char *path, bool all)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;

    return (int)syscall(SYS_open_tree, AT_FDCWD, path, flags | (all ? AT_RECURSIVE : 0));
}

/* ---- ids ---- */

/* The map and one more range, where `id` is not called anything yet: given. */
static struct option_id_range *with_id(const struct option_id_range *map, size_t *n, uint32_t id,
                                       bool *added)
{
    struct option_id_range *out = calloc(*n + 1, sizeof *out);

    if (!out)
        abort();
    memcpy(out, map, *n * sizeof *out);
    *added = !id_map_has(map, *n, id);
    if (*added)
        out[(*n)++] = (struct option_id_range){ .inside = NO_ID, .outside = id, .count = 1 };
    return out;
}

/*
 * A gofer makes files as who it is, and gives them away then. So its own id has to have a
 * number; where it should have none, the gofer itself refuses to let files be its own.
 */
static int ns_for(struct tree_ids *ids)
{
    struct id_maps maps;

    if (!ids->maps) {
        int fd = open(ids->ns, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    maps = *ids->maps;
    maps.uids = with_id(maps.uids, &maps.nuids, ids->uid, &ids->no_uid);
    maps.gids = with_id(maps.gids, &maps.ngids, ids->gid, &ids->no_gid);
    int fd = id_map_ns(&maps);
    free(maps.uids);
    free(maps.gids);
    return fd;
}

int tree_idmapped(const char *path, bool all, struct tree_ids *ids, int *out, struct err *e)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
    int ns = ns_for(ids), tree;

    if (ns < 0)
        return err_set(e, ns, "cannot make a user namespace of those ids: %s", strerror(-ns));
    attr.userns_fd = (uint64_t)ns;
    tree = copy_mount(path, all);
    int err =
        tree < 0 || syscall(SYS_mount_setattr, tree, "",
                            AT_EMPTY_PATH | (ids->below ? AT_RECURSIVE : 0), &attr, sizeof attr)
            ? -errno
            : 0;
    close(ns);
    if (!err) {
        *out = tree;
        return 0;
    }
    if (tree >= 0)
        close(tree);
    return err_set(e, err, "failed to set MOUNT_ATTR_IDMAP on %s: %s%s", path, strerror(-err),
                   err == -EINVAL ? " (maybe the filesystem used doesn't support idmap mounts on "
                                    "this kernel?)"
                                  : "");
}

/* ---- overlays ---- */

/*
 * In a child, for mount(2) wants a place, and fsconfig(2) takes no option of more than 255
 * bytes. What is mounted there goes with the child's mount namespace.
 */
static _Noreturn void make_overlay(const char *options, const char *at, int sock)
{
    int err = unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
                      mount("overlay", at, "overlay", 0, options)
                  ? errno
                  : 0;
    int tree = err ? -1 : copy_mount(at, false);

    if (!err && tree < 0)
        err = errno;
    if (fd_send(sock, &err, sizeof err, &tree, err ? 0 : 1) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_SUCCESS);
}

int tree_overlay(const char *options, const char *at, int *out, struct err *e)
{
    int pair[2], err = 0;
    size_t count = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_set(e, -errno, "cannot make sockets: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        make_overlay(options, at, pair[1]);
    close(pair[1]);
    if (pid < 0)
        err = errno;
    else if (fd_recv(pair[0], &err, sizeof err, out, 1, &count, NULL) != sizeof err ||
             (!err && !count))
        err = EIO;
    close(pair[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return err ? err_set(e, -err, "mount overlay, data: %s: %s", options, strerror(err)) : 0;
}
