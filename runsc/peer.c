/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int peer_connect(const struct container *c, int *out, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char path[64];
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    container_path(c, "control", path);
    strcpy(at.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at)) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, err, "container %s cannot be reached: %s", c->id, strerror(-err));
    }
    *out = fd;
    return 0;
}

int peer_receive(int peer, int timeout_ms, struct control_msg *out)
{
    struct pollfd p = { .fd = peer, .events = POLLIN };
    int got = poll(&p, 1, timeout_ms);

    if (got == 0)
        return -ETIMEDOUT;
    if (got < 0)
        return -EINTR;
    ssize_t n = recv(peer, out, sizeof *out, MSG_DONTWAIT);
    if (n != sizeof *out)
        return 0;
    out->text[sizeof out->text - 1] = 0;
    return 1;
}

#define LIMIT_MS 5000 /* a sentry under load answers by then */

static int ask(const struct container *c, struct control_msg m, int timeout_ms, struct err *e)
{
    int peer;
    int err = peer_connect(c, &peer, e);

    if (err)
        return err;
    int got = send(peer, &m, sizeof m, MSG_NOSIGNAL) == sizeof m ? -EINTR : 0;
    while (got == -EINTR)
        got = peer_receive(peer, timeout_ms, &m);
    close(peer);
    if (got == 0)
        return err_set(e, -EPIPE, "container %s ended", c->id);
    if (got < 0)
        return err_set(e, got, "the sentry of container %s does not answer", c->id);
    if (m.kind != CONTROL_DONE || (m.value && m.value < 4096))
        return err_set(e, m.value && m.value < 4096 ? -(int)m.value : -EPROTO,
                       "the sentry of container %s refuses: %s", c->id,
                       strerror(m.value < 4096 ? (int)m.value : EPROTO));
    return 0;
}

int peer_ask(const struct container *c, enum control_kind kind, uint64_t value, int timeout_ms,
             struct err *e)
{
    return ask(c, (struct control_msg){ .kind = kind, .value = value }, timeout_ms, e);
}

int peer_limit(const struct container *c, enum option_limit which, uint64_t value, struct err *e)
{
    const struct control_msg m = { .kind = CONTROL_LIMIT, .extra = which, .value = value };

    return ask(c, m, LIMIT_MS, e);
}

int peer_program_error(struct err *e, const char *argv0, const struct control_msg *m)
{
    int err = m->value < 4096 ? (int)m->value : EPROTO;

    if (m->extra != 126 && m->extra != 127)
        return err_set(e, -err, "unable to start container process: %s", m->text);
    if (err == ENOENT && !strchr(argv0, '/'))
        return err_set(e, -err,
                       "unable to start container process: exec: \"%s\": executable file not "
                       "found in $PATH",
                       argv0);
    if (err == ENOENT || err == ENOTDIR)
        return err_set(e, -err, "unable to start container process: exec: \"%s\": stat %s: %s",
                       argv0, argv0,
                       err == ENOENT ? "no such file or directory" : "not a directory");
    return err_set(e, -err, "unable to start container process: exec: \"%s\": %s", argv0,
                   err == EACCES    ? "permission denied"
                   : err == ENOEXEC ? "exec format error"
                                    : strerror(err));
}
