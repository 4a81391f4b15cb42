/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FPU state: the XSAVE area of a stopped stub, by PTRACE_GETREGSET. A thread that has
 * no stub yet, or changes stubs, keeps its area here meanwhile.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/log.h"
#include "platform-ptrace/ptrace_priv.h"
#include "platform-stub/stub.h"

static long regset(const struct xsave *x, long request, pid_t pid, void *area)
{
    struct iovec iov = { .iov_base = area, .iov_len = x->size };
    long set = x->has_xsave ? NT_X86_XSTATE : NT_PRFPREG;

    return host_ptrace(request, pid, (void *)set, &iov);
}

/*
 * Has the stub use tiles once. Linux takes tile data only for a thread that has room
 * for them, and gives room at the first use.
 *
 *   errors    EINVAL where the host has no tiles for us; EIO where the stub was killed
 */
static int use_tiles(struct guest_thread *t)
{
    struct guest_regs regs = { .rip = STUB_CODE + (uint64_t)(stub_use_tiles - stub_code),
                               .orig_rax = UINT64_MAX,
                               .eflags = EFLAGS_FIXED,
                               .cs = GUEST_CS,
                               .ss = GUEST_SS };
    int status = 0;

    t->regs_known = false;
    if (host_ptrace(PTRACE_SETREGS, t->pid, NULL, &regs))
        return -EIO;
    do {
        if (host_ptrace(PTRACE_CONT, t->pid, NULL, NULL))
            return -EIO;
        if (stub_wait(t->pid, &status)) {
            thread_lost(t);
            return -EIO;
        }
    } while (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGILL);
    return WSTOPSIG(status) == SIGTRAP ? 0 : -EINVAL;
}

/* Errors: EINVAL; EIO where the stub was killed. */
static int set_in_stub(struct guest_thread *t, const void *area)
{
    long err = regset(&t->p->stubs.xsave, PTRACE_SETREGSET, t->pid, (void *)area);

    if (err == -EINVAL && xsave_has_tiles(&t->p->stubs.xsave, area)) {
        err = use_tiles(t);
        if (!err)
            err = regset(&t->p->stubs.xsave, PTRACE_SETREGSET, t->pid, (void *)area);
    }
    return err == 0 || err == -EINVAL ? (int)err : -EIO;
}

int fpu_restore(struct guest_thread *t)
{
    if (t->fpu_at == FPU_IN_STUB)
        return 0;
    int err = set_in_stub(t, t->fpu_at == FPU_KEPT ? t->fpu : t->p->stubs.xsave.initial);
    if (err == -EINVAL)
        log_debug("ptrace: the host refuses a guest's FPU state");
    t->fpu_at = FPU_IN_STUB;
    return err ? -EIO : 0;
}

static int keep_room(struct guest_thread *t)
{
    if (!t->fpu)
        t->fpu = malloc(t->p->stubs.xsave.size);
    return t->fpu ? 0 : -ENOMEM;
}

int fpu_keep(struct guest_thread *t)
{
    if (t->fpu_at != FPU_IN_STUB)
        return 0;
    int err = keep_room(t);
    if (err)
        return err;
    if (regset(&t->p->stubs.xsave, PTRACE_GETREGSET, t->pid, t->fpu))
        return -EIO;
    t->fpu_at = FPU_KEPT;
    return 0;
}

int ptrace_fpu_get(struct guest_thread *t, void *area, size_t size)
{
    assert(size == t->p->stubs.xsave.size);
    if (t->fpu_at == FPU_IN_STUB)
        return regset(&t->p->stubs.xsave, PTRACE_GETREGSET, t->pid, area) ? -EIO : 0;
    memcpy(area, t->fpu_at == FPU_KEPT ? t->fpu : t->p->stubs.xsave.initial, size);
    return 0;
}

int ptrace_fpu_set(struct guest_thread *t, const void *area, size_t size)
{
    assert(size == t->p->stubs.xsave.size);
    if (!xsave_is_valid(&t->p->stubs.xsave, area))
        return -EINVAL;
    int err = t->pid ? set_in_stub(t, area) : keep_room(t);
    if (err)
        return err;
    if (t->pid) {
        t->fpu_at = FPU_IN_STUB;
        return 0;
    }
    memcpy(t->fpu, area, size);
    t->fpu_at = FPU_KEPT;
    return 0;
}

void ptrace_fpu_reset(struct guest_thread *t)
{
    t->fpu_at = FPU_INITIAL;
}
