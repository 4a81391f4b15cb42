/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that are on their way, so that the program links: each goes when the real one lands. */
#include "sentry/unfinished.h"
#include "base/host.h"
#include "sentry/core/hostfd.h"
#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define W __attribute__((weak))
W int overlay_create(struct arena *a, struct dentry *lower, struct dentry *upper,
                     const struct actor *who, struct dentry **out)
{
    (void)a;
    (void)upper;
    (void)who;
    *out = dentry_get(lower);
    return 0;
}
#define T(n)                                                                      \
    W int n(struct arena *a, const char *s, const char *o, const struct actor *w, \
            struct dentry **out)                                                  \
    {                                                                             \
        (void)o;                                                                  \
        return tmpfs_create(a, s, "", w, out);                                    \
    }
T(devfs_create)
T(devpts_create)
T(sysfs_create) T(proc_create) W
    int console_create(struct arena *a, int fd, unsigned r, unsigned c, struct console **out)
{
    (void)a;
    (void)fd;
    (void)r;
    (void)c;
    (void)out;
    return -ENOSYS;
}
W int console_open(struct console *c, const struct actor *w, struct file **out)
{
    (void)c;
    (void)w;
    (void)out;
    return -ENOSYS;
}
W void console_resize(struct console *c, unsigned r, unsigned d)
{
    (void)c;
    (void)r;
    (void)d;
}
W void console_set_session(struct console *c, struct task *t)
{
    (void)c;
    (void)t;
}
#include "sentry/vfs/mount.h"

W long sys_getrandom(void);
W long sys_getrandom(void)
{
    return -ENOSYS;
}
W long sys_sysinfo(void);
W long sys_sysinfo(void)
{
    return -ENOSYS;
}
W long sys_syslog(void);
W long sys_syslog(void)
{
    return -ENOSYS;
}
W long sys_inotify_add_watch(void);
W long sys_inotify_add_watch(void)
{
    return -ENOSYS;
}
W long sys_inotify_init(void);
W long sys_inotify_init(void)
{
    return -ENOSYS;
}
W long sys_inotify_init1(void);
W long sys_inotify_init1(void)
{
    return -ENOSYS;
}
W long sys_inotify_rm_watch(void);
W long sys_inotify_rm_watch(void)
{
    return -ENOSYS;
}
W long sys_recvfrom(void);
W long sys_recvfrom(void)
{
    return -ENOSYS;
}
W long sys_recvmmsg(void);
W long sys_recvmmsg(void)
{
    return -ENOSYS;
}
W long sys_recvmsg(void);
W long sys_recvmsg(void)
{
    return -ENOSYS;
}
W long sys_sendmmsg(void);
W long sys_sendmmsg(void)
{
    return -ENOSYS;
}
W long sys_sendmsg(void);
W long sys_sendmsg(void)
{
    return -ENOSYS;
}
W long sys_sendto(void);
W long sys_sendto(void)
{
    return -ENOSYS;
}
