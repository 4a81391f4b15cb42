/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes its own host calls: they are all made before the filter is there, and are
 * gone with it.
 */
#include "sentry/jail.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(void)
{
    return -errno;
}

/* An empty file system in place of the host's: read-only, without a byte of room. */
int jail_empty_root(void)
{
    static const char *const places[] = { "/tmp", "/mnt", "/run", "/dev" };
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
        return failed();
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (mount("none", places[i], "tmpfs", flags, "size=4k,nr_inodes=2,mode=0"))
            continue;
        if (chdir(places[i]))
            return failed();
        /* Puts the old root on top of the new one, from where it is taken off at once. */
        if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
            return failed();
        return mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) ? failed() : 0;
    }
    return failed();
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

    /* EINVAL ends the list: a kernel knows its capabilities from 0 up. */
    for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
        ;
    if (errno != EINVAL && errno != EPERM)
        return failed();
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) ? failed() : 0;
}

int jail_lock(enum process process)
{
    /* Nobody may look into us: what we hold of one guest is no business of another's. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return failed();
    int err = drop_capabilities();
    return err ? err : filter_install(process);
}
