/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/fdpass.h"

/* As runc's recvtty wants it: the name as bytes, the master with them. */
static int send_master(const char *socket_path, int master, const char *name, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = 0;

    if (strlen(socket_path) >= sizeof at.sun_path)
        err = -ENAMETOOLONG;
    else
        strcpy(at.sun_path, socket_path);
    if (!err && (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at)))
        err = -errno;
    if (!err && fd_send(fd, name, strlen(name), &master, 1) < 0)
        err = -EPIPE;
    if (fd >= 0)
        close(fd);
    return err ? err_set(e, err, "--console-socket %s: %s", socket_path, strerror(-err)) : 0;
}

int console_make(const char *socket_path, uint16_t rows, uint16_t cols, int *out, struct err *e)
{
    const struct winsize size = { .ws_row = rows, .ws_col = cols };
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    char name[64];

    if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof name)) {
        int err = -errno;
        if (master >= 0)
            close(master);
        return err_set(e, err, "cannot make a terminal: %s", strerror(-err));
    }
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int err = slave < 0 ? err_set(e, -errno, "open %s: %s", name, strerror(errno)) : 0;
    if (!err && tcgetattr(slave, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(slave, TCSANOW, &raw);
    }
    if (!err && rows && cols)
        ioctl(slave, TIOCSWINSZ, &size);
    if (!err)
        err = send_master(socket_path, master, name, e);
    close(master);
    if (err && slave >= 0)
        close(slave);
    else if (!err)
        *out = slave;
    return err;
}
