/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int pid_file_write(const char *path, pid_t pid, struct err *e)
{
    char fresh[PATH_MAX], text[16];

    snprintf(fresh, sizeof fresh, "%s.new", path);
    int n = snprintf(text, sizeof text, "%d", (int)pid);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int err = fd < 0 || write(fd, text, (size_t)n) != n ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (!err && rename(fresh, path))
        err = -errno;
    return err ? err_set(e, err, "--pid-file %s: %s", path, strerror(-err)) : 0;
}
