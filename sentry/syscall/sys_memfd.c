/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2). */
#include <sys/mman.h>

#include "sentry/fs/memfd.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

#define MEMFD_NAME_SIZE     250 /* with its NUL: NAME_MAX less "memfd:" */
#define MFD_NOEXEC_SEAL_BIT 8u  /* newer than our headers */
#define MFD_EXEC_BIT        16u
#define MFD_HUGE_SIZES      (0x3fu << 26)

static int check_flags(unsigned flags)
{
    unsigned known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL_BIT | MFD_EXEC_BIT;

    if (flags & MFD_HUGETLB)
        return flags & ~(known | MFD_HUGETLB | MFD_HUGE_SIZES)
                   ? -EINVAL
                   : -ENOSYS; /* as Linux without hugetlbfs */
    if (flags & ~known || (flags & MFD_EXEC_BIT && flags & MFD_NOEXEC_SEAL_BIT))
        return -EINVAL;
    return 0;
}

long sys_memfd_create(struct task *t, uptr_t name, unsigned flags)
{
    scoped(file) struct file *f = NULL;
    char text[MEMFD_NAME_SIZE];
    struct actor who;
    int err = check_flags(flags);

    if (err)
        return err;
    ssize_t n = copy_in_string(t->mm, text, name, sizeof text);
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    task_actor(t, &who);
    err = memfd_create_file(&who, text, flags, &f);
    return err ? err : task_install(t, f, flags & MFD_CLOEXEC);
}
