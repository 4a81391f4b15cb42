/* SPDX-License-Identifier: Apache-2.0 */
/* prctl(PR_SET_MM): what /proc shows of the layout, for programs that restore others. */
#include <linux/capability.h>
#include <linux/prctl.h>

#include "sentry/syscall/prctl.h"

#define AUXV_MAX 1024

static uint64_t *field(struct mm_layout *l, uint64_t what)
{
    switch (what) {
    case PR_SET_MM_START_CODE:
        return &l->start_code;
    case PR_SET_MM_END_CODE:
        return &l->end_code;
    case PR_SET_MM_START_DATA:
        return &l->start_data;
    case PR_SET_MM_END_DATA:
        return &l->end_data;
    case PR_SET_MM_START_STACK:
        return &l->start_stack;
    case PR_SET_MM_START_BRK:
        return &l->start_brk;
    case PR_SET_MM_ARG_START:
        return &l->arg_start;
    case PR_SET_MM_ARG_END:
        return &l->arg_end;
    case PR_SET_MM_ENV_START:
        return &l->env_start;
    case PR_SET_MM_ENV_END:
        return &l->env_end;
    default:
        return NULL;
    }
}

static bool is_mapped(const struct vma_info *v, uint64_t at)
{
    return v->start <= at && at < v->end;
}

static int see_first(const struct vma_info *v, void *arg)
{
    return is_mapped(v, *(uint64_t *)arg) ? 1 : -1;
}

static long set_auxv(struct task *t, uint64_t from, uint64_t size)
{
    uint64_t auxv[AUXV_MAX / 8] = { 0 };

    if (uptr_is_null(uptr(from)) || size > sizeof auxv - 16)
        return -EINVAL;
    if (copy_in(t->mm, auxv, uptr(from), size) != 0)
        return -EFAULT;
    return mm_set_auxv(t->mm, auxv, size);
}

long prctl_set_mm(struct task *t, uint64_t what, uint64_t addr, uint64_t arg4, uint64_t arg5)
{
    struct mm_layout l;

    if (arg5 ||
        (arg4 && what != PR_SET_MM_AUXV && what != PR_SET_MM_MAP && what != PR_SET_MM_MAP_SIZE))
        return -EINVAL;
    if (!task_root_capable(t, CAP_SYS_RESOURCE))
        return -EPERM;
    if (what == PR_SET_MM_AUXV)
        return set_auxv(t, addr, arg4);
    mm_get_layout(t->mm, &l);
    uint64_t *word = field(&l, what);
    if (!word || addr < MMAP_MIN_ADDR || addr >= mm_task_size(t->mm))
        return -EINVAL;
    /* it must be the address of something */
    if (what != PR_SET_MM_START_BRK && mm_visit(t->mm, addr, false, see_first, &addr) != 1)
        return -EINVAL;
    *word = addr;
    mm_set_layout(t->mm, &l);
    return 0;
}
