/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors over a Unix socket: unix(7), cmsg(3). */
#include "base/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/host.h"

#define FDS_SPACE  CMSG_SPACE(FDPASS_MAX * sizeof(int))
#define CRED_SPACE CMSG_SPACE(sizeof(struct ucred))

ssize_t fd_send(int sock, const void *buf, size_t size, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[FDS_SPACE];
    } control;
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (size == 0 || count > FDPASS_MAX)
        return -EINVAL;
    if (count) {
        size_t fds_size = count * sizeof *fds;
        memset(&control, 0, CMSG_SPACE(fds_size));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(fds_size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_size);
        memcpy(CMSG_DATA(c), fds, fds_size);
    }
    return host_sendmsg(sock, &msg, 0);
}

/* Takes the descriptors out of one header: into `fds` while there is room, else away. */
static bool take_fds(const struct cmsghdr *c, int *fds, size_t max, size_t *count)
{
    size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool all = true;

    for (size_t i = 0; i < came; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (*count < max) {
            fds[(*count)++] = fd;
        } else {
            host_close(fd);
            all = false;
        }
    }
    return all;
}

/* 0, or what is wrong; every descriptor is in `fds` or closed by then. */
static int take_control(struct msghdr *msg, int *fds, size_t max, size_t *count, struct ucred *cred)
{
    bool credible = !cred;
    int err = msg->msg_flags & (MSG_CTRUNC | MSG_TRUNC) ? -EMSGSIZE : 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            if (!take_fds(c, fds, max, count))
                err = -EMSGSIZE;
        } else if (cred && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
                   c->cmsg_len == CMSG_LEN(sizeof *cred)) {
            memcpy(cred, CMSG_DATA(c), sizeof *cred);
            credible = true;
        } else {
            err = -EPROTO;
        }
    }
    return err ? err : credible ? 0 : -EPROTO;
}

ssize_t fd_recv(int sock, void *buf, size_t size, int *fds, size_t max, size_t *count,
                struct ucred *cred)
{
    /* Room for all that Linux can send: fewer bytes would close descriptors unseen. */
    union {
        struct cmsghdr align;
        char bytes[FDS_SPACE + CRED_SPACE];
    } control;
    struct iovec iov = { .iov_base = buf, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes };

    *count = 0;
    ssize_t n = host_recvmsg(sock, &msg, 0);
    if (n < 0)
        return n;
    /* The end of a stream has no credentials to show. */
    int err = take_control(&msg, fds, max, count, n == 0 ? NULL : cred);
    if (!err)
        return n;
    while (*count)
        host_close(fds[--*count]);
    return err;
}
