/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host takes from a stub: the calls in rules[], and only from the page of
 * stub code. All else kills the process that made it. That is never a guest's own
 * call, which PTRACE_SYSEMU takes away before a filter sees it, with one exception: a
 * jump to the vsyscall page is a call that no tracer sees. It becomes SIGSYS (run.c).
 *
 * Built at run time, unlike the filters of base/filter.h: it has descriptor numbers
 * in it.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "platform-ptrace/ptrace_priv.h"
#include "platform-ptrace/stub.h"

#define VSYSCALL_PAGE UINT64_C(0xffffffffff600000)

/* One test of an argument: equal to, or below, a value. */
struct test {
    enum { END, EQUAL, BELOW } kind;
    unsigned arg;
    uint64_t value;
};

struct rule {
    uint32_t nr;
    struct test tests[3];
};

struct program {
    struct sock_filter *insns;
    size_t len, max;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    assert(p->len < p->max);
    p->insns[p->len++] = (struct sock_filter){ code, jt, jf, k };
}

static void load(struct program *p, size_t off)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

#define FAIL 0xff /* a jump to the end of the rule, set when that is known */

static void emit_test(struct program *p, const struct test *t)
{
    size_t at = offsetof(struct seccomp_data, args) + t->arg * sizeof(uint64_t);
    uint32_t low = (uint32_t)t->value, high = (uint32_t)(t->value >> 32);

    load(p, at + sizeof(uint32_t));
    if (t->kind == EQUAL) {
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, high, 0, FAIL);
        load(p, at);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, low, 0, FAIL);
    } else {
        emit(p, BPF_JMP | BPF_JGT | BPF_K, high, FAIL, 0);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2);
        load(p, at);
        emit(p, BPF_JMP | BPF_JGE | BPF_K, low, FAIL, 0);
    }
}

static void emit_rule(struct program *p, const struct rule *r)
{
    size_t start = p->len;

    load(p, offsetof(struct seccomp_data, nr));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, r->nr, 0, FAIL);
    for (size_t i = 0; i < ARRAY_LEN(r->tests) && r->tests[i].kind != END; i++)
        emit_test(p, &r->tests[i]);
    emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    for (size_t i = start; i < p->len; i++) {
        uint8_t to_end = (uint8_t)(p->len - i - 1);
        if (p->insns[i].jt == FAIL)
            p->insns[i].jt = to_end;
        if (p->insns[i].jf == FAIL)
            p->insns[i].jf = to_end;
    }
}

/* Goes on where the call was made in the page at `page`, and else skips `skip` instructions. */
static void emit_in_page(struct program *p, uint64_t page, uint8_t skip)
{
    size_t at = offsetof(struct seccomp_data, instruction_pointer);

    load(p, at + sizeof(uint32_t));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(page >> 32), 0, (uint8_t)(skip + 3));
    load(p, at);
    emit(p, BPF_ALU | BPF_AND | BPF_K, (uint32_t)~PAGE_MASK, 0, 0);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)page, 0, skip);
}

size_t stub_filter_make(const struct platform *platform, struct sock_filter *out, size_t max)
{
    /* clang-format off */
    const struct rule rules[] = {
        { SYS_mmap,       { { EQUAL, 3, MAP_SHARED | MAP_FIXED }, { BELOW, 0, STUB_START } } },
        { SYS_munmap,     { { BELOW, 0, STUB_START } } },
        { SYS_mprotect,   { { BELOW, 0, STUB_START } } },
        { SYS_futex,      { { EQUAL, 1, FUTEX_WAIT } } },
        { SYS_futex,      { { EQUAL, 1, FUTEX_WAKE } } },
        /* answers */
        { SYS_pwrite64,   { { EQUAL, 0, (uint64_t)platform->cmd_fd }, { BELOW, 2, 5 } } },
        { SYS_clone,      { { EQUAL, 0, STUB_CLONE_AGENT } } },
        { SYS_clone,      { { EQUAL, 0, STUB_CLONE_THREAD } } },
        { SYS_mmap,       { { EQUAL, 0, STUB_CMD }, { EQUAL, 2, PROT_READ },
                            { EQUAL, 4, (uint64_t)platform->cmd_fd } } },
        { SYS_prctl,      { { EQUAL, 0, PR_SET_PDEATHSIG } } },
        { SYS_getppid,    { { END, 0, 0 } } },
        { SYS_pause,      { { END, 0, 0 } } },
        { SYS_exit,       { { END, 0, 0 } } },
        { SYS_membarrier, { { END, 0, 0 } } },
        { SYS_recvmsg,    { { EQUAL, 0, (uint64_t)platform->stub_sock } } },
        { SYS_close,      { { END, 0, 0 } } },
    };
    /* clang-format on */
    struct program p = { .insns = out, .max = max };

    load(&p, offsetof(struct seccomp_data, arch));
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    emit_in_page(&p, VSYSCALL_PAGE, 1);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_TRAP, 0, 0);
    emit_in_page(&p, STUB_START, 1);
    emit(&p, BPF_JMP | BPF_JA, 1, 0, 0);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        emit_rule(&p, &rules[i]);
    emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    return p.len;
}
