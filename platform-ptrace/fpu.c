/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FPU state: the XSAVE area of a stopped stub, by PTRACE_GETREGSET. A thread that has
 * no stub yet, or changes stubs, keeps its area here meanwhile.
 *
 *   source    SDM vol. 1, 13.4 (the area), 13.6 (initial configuration)
 */
#include <cpuid.h>
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
#include "platform-ptrace/stub.h"

#define CPUID_XSAVE   0xd
#define XSAVE_ALIGN   (size_t)64
#define FEATURE_SSE   (1u << 1)
#define FEATURE_X87   (1u << 0)
#define FEATURE_PKRU  9
#define FEATURE_TILES 18 /* their data */
#define FCW_INITIAL   0x37f
#define MXCSR_INITIAL 0x1f80

/* Linux gives each new program keys 1 to 15 without access: init_pkru_value. */
#define PKRU_INITIAL 0x55555554

struct xsave_header {
    uint64_t features; /* XSTATE_BV: the others are in their initial configuration */
    uint64_t compact;  /* XCOMP_BV: 0 in the standard format */
    uint64_t reserved[6];
};

/* The area's fixed part. */
struct xsave_area {
    uint16_t fcw;
    uint8_t legacy1[22];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t legacy2[480];
    struct xsave_header header;
    uint8_t components[];
};
static_assert(offsetof(struct xsave_area, mxcsr) == 24, "SDM vol. 1, table 10-2");
static_assert(offsetof(struct xsave_area, header) == 512, "SDM vol. 1, 13.4.2");

/* What XCR0 has, as bits. */
static uint64_t features(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void put_pkru(void *area)
{
    unsigned size, off, c, d;

    if (!(features() >> FEATURE_PKRU & 1))
        return;
    __cpuid_count(CPUID_XSAVE, FEATURE_PKRU, size, off, c, d);
    uint32_t pkru = PKRU_INITIAL;
    assert(size >= sizeof pkru);
    memcpy((char *)area + off, &pkru, sizeof pkru);
    ((struct xsave_area *)area)->header.features |= 1u << FEATURE_PKRU;
}

static void put_initial(const struct platform *p, void *area)
{
    struct xsave_area *x = area;

    memset(area, 0, p->fpu_size);
    x->fcw = FCW_INITIAL;
    x->mxcsr = MXCSR_INITIAL;
    if (p->has_xsave) {
        /* Present, so that MXCSR is taken: the compact format has it in the SSE part. */
        x->header.features = FEATURE_X87 | FEATURE_SSE;
        put_pkru(area);
    }
}

static long regset(const struct platform *p, long request, pid_t pid, void *area)
{
    struct iovec iov = { .iov_base = area, .iov_len = p->fpu_size };
    long set = p->has_xsave ? NT_X86_XSTATE : NT_PRFPREG;

    return host_ptrace(request, pid, (void *)set, &iov);
}

/* What Linux would refuse: a thread that has no stub yet cannot ask it. */
static bool is_valid(const struct platform *p, const struct xsave_area *x)
{
    struct xsave_header h = { 0 };

    if (p->has_xsave) {
        memcpy(&h, &x->header, sizeof h);
        if (h.features & ~features())
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(h.reserved); i++)
        h.compact |= h.reserved[i];
    return h.compact == 0 && (x->mxcsr & ~p->mxcsr_mask) == 0;
}

/* The bits that MXCSR may have: SDM vol. 1, 11.6.6. */
static uint32_t mxcsr_mask(void)
{
    struct {
        char bytes[512] __attribute__((aligned(16)));
    } fx = { 0 };
    uint32_t mask;

    __asm__("fxsave64 %0" : "+m"(fx));
    memcpy(&mask, fx.bytes + offsetof(struct xsave_area, mxcsr_mask), sizeof mask);
    return mask ? mask : 0xffbf;
}

int fpu_create(struct platform *p)
{
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d);
    p->has_xsave = (c & bit_OSXSAVE) != 0;
    __cpuid_count(CPUID_XSAVE, 0, a, b, c, d);
    p->fpu_size = p->has_xsave ? b : offsetof(struct xsave_area, header);
    p->mxcsr_mask = mxcsr_mask();
    p->fpu_initial = aligned_alloc(XSAVE_ALIGN, (p->fpu_size + XSAVE_ALIGN - 1) & -XSAVE_ALIGN);
    if (!p->fpu_initial)
        return -ENOMEM;
    put_initial(p, p->fpu_initial);
    return 0;
}

/*
 * Has the stub use tiles once. Linux takes tile data only for a thread that has room
 * for them, and gives room at the first use.
 *
 *   errors    EINVAL where the host has no tiles for us; EIO where the stub was killed
 */
static int use_tiles(struct guest_thread *t)
{
    struct guest_regs regs = { .rip = STUB_START + (uint64_t)(stub_use_tiles - stub_code),
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
    const struct xsave_area *x = area;
    long err = regset(t->p, PTRACE_SETREGSET, t->pid, (void *)area);

    if (err == -EINVAL && t->p->has_xsave && x->header.features >> FEATURE_TILES & 1) {
        err = use_tiles(t);
        if (!err)
            err = regset(t->p, PTRACE_SETREGSET, t->pid, (void *)area);
    }
    return err == 0 || err == -EINVAL ? (int)err : -EIO;
}

int fpu_restore(struct guest_thread *t)
{
    if (t->fpu_at == FPU_IN_STUB)
        return 0;
    int err = set_in_stub(t, t->fpu_at == FPU_KEPT ? t->fpu : t->p->fpu_initial);
    if (err == -EINVAL)
        log_warn("ptrace: the host refuses a guest's FPU state");
    t->fpu_at = FPU_IN_STUB;
    return err ? -EIO : 0;
}

static int keep_room(struct guest_thread *t)
{
    if (!t->fpu)
        t->fpu = malloc(t->p->fpu_size);
    return t->fpu ? 0 : -ENOMEM;
}

int fpu_keep(struct guest_thread *t)
{
    if (t->fpu_at != FPU_IN_STUB)
        return 0;
    int err = keep_room(t);
    if (err)
        return err;
    if (regset(t->p, PTRACE_GETREGSET, t->pid, t->fpu))
        return -EIO;
    t->fpu_at = FPU_KEPT;
    return 0;
}

int ptrace_fpu_get(struct guest_thread *t, void *area, size_t size)
{
    assert(size == t->p->fpu_size);
    if (t->fpu_at == FPU_IN_STUB)
        return regset(t->p, PTRACE_GETREGSET, t->pid, area) ? -EIO : 0;
    memcpy(area, t->fpu_at == FPU_KEPT ? t->fpu : t->p->fpu_initial, size);
    return 0;
}

int ptrace_fpu_set(struct guest_thread *t, const void *area, size_t size)
{
    assert(size == t->p->fpu_size);
    if (!is_valid(t->p, area))
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
