/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device numbers → drivers: Documentation/admin-guide/devices.txt of Linux.
 *
 * The sandbox has no block devices and no hardware: any number that has no row here
 * gives ENXIO, as where the driver is not loaded.
 */
#include "sentry/fs/device.h"

#include <sys/sysmacros.h>

#include "sentry/fs/console.h"
#include "sentry/fs/pipe.h"
#include "sentry/fs/pty.h"

struct driver {
    unsigned major;
    unsigned first, last; /* minors */
    int (*open)(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                struct file **out);
};

/* clang-format off */
static const struct driver drivers[] = {
    { 1, 0, 255, mem_open },
    { 5, 0, 0,   tty_open_current },
    { 5, 1, 1,   console_open_device },
    { 5, 2, 2,   ptmx_open },
};
/* clang-format on */

int device_open(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                struct file **out)
{
    unsigned nr = major(inode->attr.rdev), sub = minor(inode->attr.rdev);

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        const struct driver *d = &drivers[i];
        if (d->major == nr && sub >= d->first && sub <= d->last)
            return d->open(inode, at, flags, who, out);
    }
    return -ENXIO;
}

const struct special_opens fs_special_opens = { .chr = device_open, .fifo = fifo_open };
