/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler finds on its stack, and the way back from it.
 *
 *     higher   ┌────────────────────────────┐ ◀ rsp - 128 (the red zone), or the top of
 *              │ XSAVE area, then MAGIC2    │   the alternate stack; 64-byte aligned
 *              ├────────────────────────────┤
 *              │ siginfo                    │
 *              │ ucontext                   │
 *              │ return address: restorer   │ ◀ rsp in the handler: 8 modulo 16
 *     lower    └────────────────────────────┘
 *
 * On the way back all of it is the guest's word: nothing is taken that guest code
 * could not have loaded by itself.
 *
 *   source    arch/x86/kernel/signal_64.c, arch/x86/kernel/fpu/signal.c, Linux 6.6
 */
#include <signal.h>
#include <string.h>

#include "sentry/core/platform_ref.h"
#include "sentry/task/signal.h"
#include "sentry/task/xstate.h"

#define RED_ZONE 128

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000u
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#define SAS_FLAG_BITS ((uint32_t)SS_AUTODISARM)

/* AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF: what a handler may change for the interrupted code. */
#define EFLAGS_RETURN 0x50dd5u
/* DF, RF, TF: clear in a handler. */
#define EFLAGS_ENTRY_CLEAR 0x10500u

/* ---- the alternate stack ---- */

static bool on_altstack(const struct task *t, uint64_t sp)
{
    if (t->sas_flags & SS_AUTODISARM)
        return false;
    return sp > t->sas_at && sp - t->sas_at <= t->sas_size;
}

static void sas_reset(struct task *t)
{
    t->sas_at = t->sas_size = 0;
    t->sas_flags = SS_DISABLE;
}

void sigstack_get(struct task *t, struct abi_stack *out)
{
    uint32_t mode = !t->sas_size ? SS_DISABLE : on_altstack(t, task_regs(t)->rsp) ? SS_ONSTACK : 0;

    *out = (struct abi_stack){
        .sp = t->sas_at,
        .size = t->sas_size,
        .flags = (int32_t)(mode | (t->sas_flags & SAS_FLAG_BITS)),
    };
}

int sigstack_set(struct task *t, const struct abi_stack *ss)
{
    uint32_t flags = (uint32_t)ss->flags, mode = flags & ~SAS_FLAG_BITS;

    if (on_altstack(t, task_regs(t)->rsp))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        t->sas_at = t->sas_size = 0;
        t->sas_flags = flags;
        return 0;
    }
    if (ss->size < ABI_MINSIGSTKSZ)
        return -ENOMEM;
    t->sas_at = ss->sp;
    t->sas_size = ss->size;
    t->sas_flags = flags;
    return 0;
}

/* ---- the FPU ---- */

static size_t fpu_size(const struct task *t)
{
    const struct platform_ref *p = platform_of(t->arena);

    return p->ops->fpu_size(p->platform);
}

/* What the area holds: asked of the processor once, and again after a restore, maybe on another. */
static uint64_t fpu_features(const struct task *t)
{
    struct platform_ref *known = platform_xstate(t->arena);
    uint64_t features = atomic_load_explicit(&known->xstate, memory_order_relaxed);

    if (features == 0) {
        features = xstate_features(fpu_size(t));
        atomic_store_explicit(&known->xstate, features, memory_order_relaxed);
    }
    return features;
}

/*
 * Which components a frame has: AMX's only where it is in use, which are three quarters of an
 * area. (Linux: only where the program has asked for it.)
 */
static uint64_t frame_features(const struct task *t, const char *area)
{
    uint64_t all = fpu_features(t);

    return xstate_present(area) & XSTATE_TILES ? all : all & ~XSTATE_TILES;
}

/* How much of the area that is: the same for all programs, and no word of theirs goes into it. */
static size_t frame_fpu_size(const struct task *t, bool tiles)
{
    struct platform_ref *known = platform_xstate(t->arena);
    uint64_t size;

    if (tiles)
        return fpu_size(t);
    size = atomic_load_explicit(&known->xstate_usual, memory_order_relaxed);
    if (size == 0) {
        size = xstate_size(fpu_size(t), fpu_features(t) & ~XSTATE_TILES);
        atomic_store_explicit(&known->xstate_usual, size, memory_order_relaxed);
    }
    return size;
}

/* Room for the platform's area, kept for the next time. NULL: no memory. */
static char *fpu_buffer(struct task *t)
{
    if (!t->fpu)
        t->fpu = arena_alloc(t->arena, fpu_size(t));
    return t->fpu;
}

/* The area as a frame has it: NULL where that cannot be had. */
static char *frame_fpu(struct task *t, size_t *size)
{
    char *area = fpu_buffer(t);

    if (!area || platform_of(t->arena)->ops->fpu_get(t->guest, area, fpu_size(t)) != 0)
        return NULL;
    uint64_t features = frame_features(t, area);
    *size = frame_fpu_size(t, features & XSTATE_TILES);
    struct abi_fpx_sw sw = {
        .magic1 = ABI_FP_MAGIC1,
        .extended_size = (uint32_t)*size + ABI_FP_MAGIC2_SIZE,
        .xfeatures = features,
        .xstate_size = (uint32_t)*size,
    };
    memcpy(area + ABI_FPX_SW_OFF, &sw, sizeof sw);
    /* the FXSAVE area is always there, even where the processor says it is in its first state */
    area[XSTATE_HEADER_OFF] = (char)(area[XSTATE_HEADER_OFF] | XSTATE_FP_SSE);
    return area;
}

/* Writes the area and its magic word at `at`. */
static int push_fpu(struct task *t, uptr_t at, const char *area, size_t size)
{
    uint32_t magic2 = ABI_FP_MAGIC2;

    if (copy_out(t->mm, at, area, size) != 0)
        return -EFAULT;
    return copy_out(t->mm, uptr_at(at, size), &magic2, sizeof magic2);
}

/* Which components the frame at `at` holds, in how many bytes: as check_xstate_in_sigframe(). */
static void read_sw(struct task *t, uptr_t at, uint64_t *features, size_t *size)
{
    struct abi_fpx_sw sw;
    uint32_t magic2;

    *features = XSTATE_FP_SSE;
    *size = ABI_FXSAVE_SIZE;
    if (copy_in_struct(t->mm, &sw, uptr_at(at, ABI_FPX_SW_OFF)) != 0)
        return;
    if (sw.magic1 != ABI_FP_MAGIC1 || sw.xstate_size < ABI_XSTATE_MIN ||
        sw.xstate_size > fpu_size(t) || sw.xstate_size > sw.extended_size)
        return;
    if (copy_in_struct(t->mm, &magic2, uptr_at(at, sw.xstate_size)) != 0 || magic2 != ABI_FP_MAGIC2)
        return;
    *features = sw.xfeatures;
    *size = sw.xstate_size;
}

static int pop_fpu(struct task *t, uptr_t at)
{
    const struct platform_ops *ops = platform_of(t->arena)->ops;
    size_t room = fpu_size(t), size;
    uint64_t features;

    if (uptr_is_null(at)) {
        ops->fpu_reset(t->guest);
        return 0;
    }
    char *area = fpu_buffer(t);
    if (!area)
        return -EFAULT;
    read_sw(t, at, &features, &size);
    if (at.va % (size > ABI_FXSAVE_SIZE ? 64 : 16))
        return -EFAULT;                                    /* XRSTOR and FXRSTOR refuse it */
    if (frame_fpu_size(t, features & XSTATE_TILES) > size) /* it may not have all that it says */
        memset(area + size, 0, room - size);
    if (copy_in(t->mm, area, at, size) != 0)
        return -EFAULT;
    if (size == ABI_FXSAVE_SIZE)
        area[XSTATE_HEADER_OFF] = XSTATE_FP_SSE;
    memset(area + ABI_FPX_SW_OFF, 0, sizeof(struct abi_fpx_sw));
    if (xstate_check(area, room, fpu_features(t), features) != 0)
        return -EFAULT;
    return ops->fpu_set(t->guest, area, room) ? -EFAULT : 0;
}

/* ---- the frame ---- */

/* Finds room. Errors: EFAULT where an alternate stack would be overrun. */
static int place(struct task *t, uint64_t sa_flags, size_t fpu_size, uint64_t *frame, uint64_t *fpu)
{
    uint64_t sp = task_regs(t)->rsp;
    bool alt = on_altstack(t, sp);

    sp -= RED_ZONE;
    if (sa_flags & SA_ONSTACK && t->sas_size && !on_altstack(t, sp)) {
        sp = t->sas_at + t->sas_size;
        alt = true;
    }
    *fpu = (sp - fpu_size - ABI_FP_MAGIC2_SIZE) & ~UINT64_C(63);
    *frame = ((*fpu - sizeof(struct abi_sigframe)) & ~UINT64_C(15)) - 8;
    if (alt && !(*frame > t->sas_at && *frame - t->sas_at <= t->sas_size))
        return -EFAULT;
    return 0;
}

static void save_regs(struct task *t, uint64_t fpu, sigset64 mask, struct abi_sigcontext *c)
{
    const struct guest_regs *r = task_regs(t);

    *c = (struct abi_sigcontext){
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .rdx = r->rdx,
        .rax = r->rax,
        .rcx = r->rcx,
        .rsp = r->rsp,
        .rip = r->rip,
        .eflags = r->eflags,
        .cs = (uint16_t)r->cs,
        .ss = (uint16_t)r->ss,
        .err = t->trap.error,
        .trapno = t->trap.no,
        .cr2 = t->trap.cr2,
        .oldmask = mask,
        .fpstate = fpu,
    };
}

int sigframe_push(struct task *t, int sig, const struct abi_siginfo *si,
                  const struct abi_sigaction *act)
{
    struct guest_regs *r = task_regs(t);
    uint64_t at, fpu;
    size_t size;
    struct abi_sigframe f = {
        .pretcode = act->restorer,
        .info = *si,
        .uc.flags = ABI_UC_FP_XSTATE | ABI_UC_SIGCONTEXT_SS | ABI_UC_STRICT_RESTORE_SS,
        .uc.stack = {.sp = t->sas_at, .flags = (int32_t)t->sas_flags, .size = t->sas_size},
        .uc.sigmask = t->restore_blocked ? t->saved_blocked : t->blocked,
    };

    if (!(act->flags & SA_RESTORER))
        return -EFAULT;
    const char *area = frame_fpu(t, &size);
    if (!area || place(t, act->flags, size, &at, &fpu) != 0)
        return -EFAULT;
    save_regs(t, fpu, f.uc.sigmask, &f.uc.mcontext);
    if (push_fpu(t, uptr(fpu), area, size) != 0 || copy_out_struct(t->mm, uptr(at), &f) != 0)
        return -EFAULT;
    if (t->sas_flags & SS_AUTODISARM)
        sas_reset(t);
    platform_of(t->arena)->ops->fpu_reset(t->guest);
    r->rdi = (uint64_t)sig;
    r->rsi = at + offsetof(struct abi_sigframe, info);
    r->rdx = at + offsetof(struct abi_sigframe, uc);
    r->rax = 0;
    r->rip = act->handler;
    r->rsp = at;
    r->cs = GUEST_CS;
    r->ss = GUEST_SS;
    r->eflags &= ~(uint64_t)EFLAGS_ENTRY_CLEAR;
    r->orig_rax = UINT64_MAX;
    return 0;
}

/* Errors: EFAULT where the processor would refuse to go there (IRET, SDM vol. 2). */
static int restore_regs(struct task *t, const struct abi_sigcontext *c, uint64_t uc_flags)
{
    struct guest_regs *r = task_regs(t);
    uint64_t cs = c->cs | 3, ss = c->ss | 3;

    if (cs != GUEST_CS && cs != GUEST_CS_COMPAT)
        return -EFAULT;
    if (ss != GUEST_SS && (uc_flags & ABI_UC_STRICT_RESTORE_SS || cs != GUEST_CS))
        return -EFAULT;
    r->r8 = c->r8, r->r9 = c->r9, r->r10 = c->r10, r->r11 = c->r11;
    r->r12 = c->r12, r->r13 = c->r13, r->r14 = c->r14, r->r15 = c->r15;
    r->rdi = c->rdi, r->rsi = c->rsi, r->rbp = c->rbp, r->rbx = c->rbx;
    r->rdx = c->rdx, r->rax = c->rax, r->rcx = c->rcx;
    r->rsp = c->rsp, r->rip = c->rip;
    r->cs = cs, r->ss = GUEST_SS;
    r->eflags = (r->eflags & ~(uint64_t)EFLAGS_RETURN) | (c->eflags & EFLAGS_RETURN);
    r->orig_rax = UINT64_MAX;
    return 0;
}

int sigframe_pop(struct task *t)
{
    struct abi_ucontext uc;
    uptr_t frame =
        uptr(task_regs(t)->rsp - sizeof(uint64_t)); /* the handler's `ret` took the restorer */

    if (copy_in_struct(t->mm, &uc, uptr_at(frame, offsetof(struct abi_sigframe, uc))) != 0)
        return -EFAULT;
    signal_set_blocked(t, uc.sigmask);
    if (restore_regs(t, &uc.mcontext, uc.flags) != 0)
        return -EFAULT;
    if (pop_fpu(t, uptr(uc.mcontext.fpstate)) != 0)
        return -EFAULT;
    int ignored = sigstack_set(t, &uc.stack); /* as Linux: only an unreadable one is an error */
    (void)ignored;
    return 0;
}
