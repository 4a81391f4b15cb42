/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host takes from a stub: the calls in the rules, and only from the pages of
 * stub code. On platform-ptrace all else kills the process that made it. That is never
 * a guest's own call, which PTRACE_SYSEMU takes away before a filter sees it, with one
 * exception: a jump to the vsyscall page is a call that no tracer sees. It becomes
 * SIGSYS. On platform-systrap all else does, and that is how calls reach us; its guest
 * threads have another filter on top, which leaves them next to nothing.
 *
 * Built at run time, unlike the filters of base/filter.h: it has descriptor numbers
 * in it.
 */
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "platform-stub/stub.h"
#include "platform-stub/stubs.h"

#define VSYSCALL_PAGE UINT64_C(0xffffffffff600000)

static void emit(struct stub_filter *f, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    assert(f->len < STUB_FILTER_MAX);
    f->insns[f->len++] = (struct sock_filter){ code, jt, jf, k };
}

static void load(struct stub_filter *f, size_t off)
{
    emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

#define FAIL 0xff /* a jump to the end of the rule, set when that is known */

static void emit_test(struct stub_filter *f, const struct stub_test *t)
{
    size_t at = offsetof(struct seccomp_data, args) + t->arg * sizeof(uint64_t);
    uint32_t low = (uint32_t)t->value, high = (uint32_t)(t->value >> 32);

    load(f, at + sizeof(uint32_t));
    switch (t->kind) {
    case TEST_END:
        return;
    case TEST_EQUAL:
        emit(f, BPF_JMP | BPF_JEQ | BPF_K, high, 0, FAIL);
        load(f, at);
        emit(f, BPF_JMP | BPF_JEQ | BPF_K, low, 0, FAIL);
        return;
    case TEST_BELOW:
        emit(f, BPF_JMP | BPF_JGT | BPF_K, high, FAIL, 0);
        emit(f, BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2);
        load(f, at);
        emit(f, BPF_JMP | BPF_JGE | BPF_K, low, FAIL, 0);
        return;
    case TEST_FROM:
        emit(f, BPF_JMP | BPF_JGT | BPF_K, high, 3, 0);
        emit(f, BPF_JMP | BPF_JEQ | BPF_K, high, 0, FAIL);
        load(f, at);
        emit(f, BPF_JMP | BPF_JGE | BPF_K, low, 0, FAIL);
        return;
    }
}

void stub_filter_add(struct stub_filter *f, const struct stub_rule *r)
{
    size_t start = f->len;

    load(f, offsetof(struct seccomp_data, nr));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, r->nr, 0, FAIL);
    for (size_t i = 0; i < ARRAY_LEN(r->tests) && r->tests[i].kind != TEST_END; i++)
        emit_test(f, &r->tests[i]);
    emit(f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    for (size_t i = start; i < f->len; i++) {
        uint8_t to_end = (uint8_t)(f->len - i - 1);
        if (f->insns[i].jt == FAIL)
            f->insns[i].jt = to_end;
        if (f->insns[i].jf == FAIL)
            f->insns[i].jf = to_end;
    }
}

/* Goes on where the call was made in [at, at+size), and else skips `skip` instructions. */
static void emit_in_range(struct stub_filter *f, uint64_t at, uint64_t size, uint8_t skip)
{
    size_t ip = offsetof(struct seccomp_data, instruction_pointer);

    assert((size & (size - 1)) == 0 && (at & (size - 1)) == 0);
    load(f, ip + sizeof(uint32_t));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(at >> 32), 0, (uint8_t)(skip + 3));
    load(f, ip);
    emit(f, BPF_ALU | BPF_AND | BPF_K, (uint32_t) ~(size - 1), 0, 0);
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)at, 0, skip);
}

void stub_filter_begin(struct stub_filter *f, uint64_t at, uint64_t size, uint32_t refusal)
{
    f->len = 0;
    load(f, offsetof(struct seccomp_data, arch));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    emit(f, BPF_RET | BPF_K, refusal, 0, 0);
    emit_in_range(f, VSYSCALL_PAGE, PAGE_SIZE, 1);
    emit(f, BPF_RET | BPF_K, SECCOMP_RET_TRAP, 0, 0);
    emit_in_range(f, at, size, 1);
    emit(f, BPF_JMP | BPF_JA, 1, 0, 0);
    emit(f, BPF_RET | BPF_K, refusal, 0, 0);
}

void stub_filter_end(struct stub_filter *f, uint32_t refusal)
{
    emit(f, BPF_RET | BPF_K, refusal, 0, 0);
}

void stub_filter_make(const struct stubs *stubs, struct stub_filter *f)
{
    uint64_t end = stubs->o->slots_size ? STUB_START + stubs->o->slots_size : STUB_START;
    uint32_t refusal = stubs->o->traps ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;

    /* clang-format off */
    const struct stub_rule rules[] = {
        { SYS_mmap,       { { TEST_EQUAL, 3, MAP_SHARED | MAP_FIXED }, { TEST_BELOW, 0, end } } },
        { SYS_mmap,       { { TEST_EQUAL, 3, MAP_SHARED | MAP_FIXED | MAP_POPULATE },
                            { TEST_BELOW, 0, STUB_START } } },
        { SYS_munmap,     { { TEST_BELOW, 0, STUB_START } } },
        { SYS_mprotect,   { { TEST_BELOW, 0, STUB_START } } },
        { SYS_futex,      { { TEST_EQUAL, 1, FUTEX_WAIT } } },
        { SYS_futex,      { { TEST_EQUAL, 1, FUTEX_WAKE } } },
        /* answers */
        { SYS_pwrite64,   { { TEST_EQUAL, 0, (uint64_t)stubs->cmd_fd }, { TEST_BELOW, 2, 5 } } },
        { SYS_clone,      { { TEST_EQUAL, 0, STUB_CLONE_AGENT } } },
        { SYS_clone,      { { TEST_EQUAL, 0, STUB_CLONE_THREAD } } },
        { SYS_mmap,       { { TEST_EQUAL, 0, STUB_CMD }, { TEST_EQUAL, 2, PROT_READ },
                            { TEST_EQUAL, 4, (uint64_t)stubs->cmd_fd } } },
        { SYS_prctl,      { { TEST_EQUAL, 0, PR_SET_PDEATHSIG } } },
        { SYS_getppid,    { { TEST_END, 0, 0 } } },
        { SYS_pause,      { { TEST_END, 0, 0 } } },
        { SYS_exit,       { { TEST_END, 0, 0 } } },
        { SYS_membarrier, { { TEST_END, 0, 0 } } },
        { SYS_recvmsg,    { { TEST_EQUAL, 0, (uint64_t)stubs->stub_sock } } },
        { SYS_close,      { { TEST_END, 0, 0 } } },
    };
    /* clang-format on */

    stub_filter_begin(f, STUB_CODE, STUB_CODE_SIZE + STUB_PAGE_SIZE, refusal);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        stub_filter_add(f, &rules[i]);
    for (size_t i = 0; i < stubs->o->rule_count; i++)
        stub_filter_add(f, &stubs->o->rules[i]);
    stub_filter_end(f, refusal);
}
