/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runsc-gofer: opens files for the sentry of one sandbox.
 *
 *     runsc-gofer --tree ACCESS:CACHE[,FLAG]:PATH … [--ids UID:GID]
 *                 [--log-fd N] [--log-level 0…3] [--weak-ok]
 *
 *   descriptor 3   the socket to the sentry (SOCK_SEQPACKET; include/gofer_wire.h)
 *   --tree         a tree that it exports, numbered from 0 in order. ACCESS is `ro` or
 *                  `rw`. CACHE is `exclusive` (nobody else changes it: the sentry keeps
 *                  what it saw) or `shared`. FLAG: `connect` lets the guest connect to
 *                  the host's sockets in it; `alone` leaves out what is mounted below;
 *                  `fd=N` is a detached mount to export in place of what is at PATH; `no-uid`
 *                  and `no-gid` say that nothing in it may be given to us, whose ids have no
 *                  number there. PATH is absolute: a directory, or one file.
 *   --ids          what our own user and group are called inside (0:0)
 *   --weak-ok      where the host gives no namespaces, Landlock and the filter alone
 *                  may confine us; without it, that is a refusal to start
 *
 * It takes the trees, jails itself (jail.h), greets the sentry and serves until the
 * socket ends or its parent dies. It reads nothing else and writes only its log.
 * Exit status: 0 at the end of the socket, 1 where it could not start.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/host.h"
#include "base/host_jail.h"
#include "base/log.h"
#include "gofer/file/jail.h"
#include "gofer/file/options.h"
#include "gofer/file/serve.h"

#define SOCK_FD       3
#define HANDLES_MAX   65536u
#define KEEP_FREE_FDS 64u /* for opening, donating and reading directories */

/* As many nodes as there can be descriptors, some of which are for other things. */
static uint32_t handles_max(void)
{
    uint64_t fds = host_raise_nofile();
    uint64_t n = fds > 2 * KEEP_FREE_FDS ? fds - KEEP_FREE_FDS : KEEP_FREE_FDS;

    return (uint32_t)min(n, (uint64_t)HANDLES_MAX);
}

int main(int argc, char **argv)
{
    struct gofer_options options;
    struct gofer gofer;
    const char *why;

    if (gofer_options_parse(argc, argv, &options, &why) < 0) {
        log_error("gofer: wrong arguments: %s", why);
        return 1;
    }
    log_start(options.log_fd, (enum log_level)options.log_level, "gofer");
    int err = gofer_create(SOCK_FD, handles_max(), &gofer);
    if (!err)
        err = jail_enter(&options, &gofer);
    if (!err)
        err = serve_hello(&gofer);
    if (!err)
        err = jail_close();
    if (err) {
        log_error("cannot start: %s", strerror(-err));
        return 1;
    }
    err = serve(&gofer);
    if (err)
        log_error("the socket to the sentry fails: %s", strerror(-err));
    host_exit(err ? 1 : 0);
}
