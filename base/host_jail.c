/* SPDX-License-Identifier: Apache-2.0 */
#include "base/host_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/host.h"

#define FEW_FDS 256 /* where the host does not say: less than it gives */

#define RESULT(call)                       \
    __extension__({                        \
        __typeof__(call) result_ = (call); \
        result_ == -1 ? -errno : result_;  \
    })

uid_t host_geteuid(void)
{
    return geteuid();
}

gid_t host_getegid(void)
{
    return getegid();
}

mode_t host_umask(mode_t mask)
{
    return umask(mask);
}

int host_prctl(int option, unsigned long arg)
{
    return RESULT(prctl(option, arg, 0, 0, 0));
}

int host_getrlimit(int which, struct rlimit *out)
{
    return RESULT(getrlimit((__rlimit_resource_t)which, out));
}

int host_setrlimit(int which, const struct rlimit *limit)
{
    return RESULT(setrlimit((__rlimit_resource_t)which, limit));
}

uint64_t host_raise_nofile(void)
{
    struct rlimit was, now;

    if (host_getrlimit(RLIMIT_NOFILE, &was) < 0)
        return FEW_FDS;
    now = (struct rlimit){ .rlim_cur = was.rlim_max, .rlim_max = was.rlim_max };
    return host_setrlimit(RLIMIT_NOFILE, &now) < 0 ? was.rlim_cur : now.rlim_cur;
}

int host_capset(uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];

    for (int i = 0; i < 2; i++)
        data[i] = (struct __user_cap_data_struct){
            .permitted = (uint32_t)(permitted >> 32 * i),
            .effective = (uint32_t)(permitted >> 32 * i),
            .inheritable = (uint32_t)(inheritable >> 32 * i),
        };
    return (int)RESULT(syscall(SYS_capset, &head, data));
}

int host_capget(uint64_t *permitted)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];
    int err = (int)RESULT(syscall(SYS_capget, &head, data));

    if (!err)
        *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return err;
}

int host_close_range(unsigned first, unsigned last)
{
    return (int)RESULT(syscall(SYS_close_range, first, last, 0));
}

int host_open(int dirfd, const char *path, int flags)
{
    return RESULT(openat(dirfd, path, flags | O_CLOEXEC));
}

int host_fchdir(int fd)
{
    return RESULT(fchdir(fd));
}

int host_chdir(const char *path)
{
    return RESULT(chdir(path));
}

int host_unshare(int flags)
{
    return RESULT(unshare(flags));
}

int host_open_tree(int dirfd, const char *path, unsigned flags)
{
    return (int)RESULT(syscall(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC));
}

int host_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
    return (int)RESULT(syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}

int host_mount_setattr(int dirfd, const char *path, unsigned flags, const struct mount_attr *attr)
{
    return (int)RESULT(syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof *attr));
}

int host_fsmount_new(const char *type, const char *mode)
{
    scoped_fd int fs = (int)RESULT(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));

    if (fs < 0)
        return keep_fd(&fs);
    long err = mode ? RESULT(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0)) : 0;
    if (err == 0)
        err = RESULT(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    return (int)(err ? err : RESULT(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0)));
}

int host_pivot_root(const char *new_root, const char *put_old)
{
    return (int)RESULT(syscall(SYS_pivot_root, new_root, put_old));
}

int host_umount2(const char *path, int flags)
{
    return (int)RESULT(syscall(SYS_umount2, path, flags));
}

int host_landlock_abi(void)
{
    int abi =
        (int)RESULT(syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION));
    return abi == -ENOSYS || abi == -EOPNOTSUPP ? 0 : abi;
}

int host_landlock_create(const void *attr, size_t size)
{
    return (int)RESULT(syscall(SYS_landlock_create_ruleset, attr, size, 0));
}

int host_landlock_allow(int ruleset, int dirfd, uint64_t access)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = dirfd };

    return (int)RESULT(
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}

int host_landlock_restrict(int ruleset)
{
    return (int)RESULT(syscall(SYS_landlock_restrict_self, ruleset, 0));
}
