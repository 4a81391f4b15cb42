/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to the processor: arch_prctl(2), personality(2). */
#include <asm/prctl.h>
#include <sys/personality.h>

#include "sentry/core/refused.h"
#include "sentry/mm/patch.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

long sys_arch_prctl(struct task *t, unsigned code, uint64_t addr)
{
    struct guest_regs *r = task_regs(t);

    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (addr >= mm_task_size(t->mm))
            return -EPERM;
        if (code == ARCH_SET_GS && addr)
            patch_off(t->mm); /* its calls could not find the platform by %gs any more */
        *(code == ARCH_SET_FS ? &r->fs_base : &r->gs_base) = addr;
        return 0;
    case ARCH_GET_FS:
        return copy_out_struct(t->mm, uptr(addr), &r->fs_base);
    case ARCH_GET_GS:
        return copy_out_struct(t->mm, uptr(addr), &r->gs_base);
    case ARCH_GET_CPUID:
        return 1; /* cpuid is not trapped */
    case ARCH_SET_CPUID:
        return -ENODEV;
    default:
        refused_count(t->arena, REFUSED_FLAG, (uint64_t)158 << 32 | code);
        return -EINVAL;
    }
}

#define PERSONALITY_QUERY 0xffffffffu

long sys_personality(struct task *t, unsigned persona)
{
    uint32_t old = atomic_load(&t->personality);

    if (persona != PERSONALITY_QUERY)
        atomic_store(&t->personality, persona);
    return old;
}
