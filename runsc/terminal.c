/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/terminal.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same_file(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_rdev == y.st_rdev && x.st_dev == y.st_dev;
}

void terminal_find(struct terminal *t)
{
    *t = (struct terminal){ .fd = -1 };
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !same_file(STDIN_FILENO, STDOUT_FILENO))
        return;
    /* In the background, to touch the modes would stop us. */
    if (tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &t->saved))
        return;
    t->fd = STDIN_FILENO;
}

bool terminal_is_ours(const struct terminal *t)
{
    return tcgetpgrp(t->fd) == getpgrp();
}

void terminal_raw(struct terminal *t)
{
    struct termios raw = t->saved;

    if (t->fd < 0)
        return;
    cfmakeraw(&raw);
    t->raw = tcsetattr(t->fd, TCSADRAIN, &raw) == 0;
}

void terminal_restore(struct terminal *t)
{
    if (t->fd >= 0 && t->raw)
        tcsetattr(t->fd, TCSADRAIN, &t->saved);
    t->raw = false;
}

void terminal_size(const struct terminal *t, uint16_t *rows, uint16_t *cols)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };

    if (t->fd >= 0)
        (void)!ioctl(t->fd, TIOCGWINSZ, &size);
    *rows = size.ws_row;
    *cols = size.ws_col;
}
