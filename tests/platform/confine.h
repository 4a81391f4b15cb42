/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that jumps to every byte of stub code with registers of its choice gets no host call
 * that is not on the list, nobody else's memory, and no sentry down.
 */
#pragma once

#include <sys/syscall.h>

#include "platform-stub/stub.h"
#include "platform-stub/xsave.h"
#include "tests/platform/attack.h"

#define CODE_BYTES (OPS == &platform_systrap ? STUB_CODE_SIZE + STUB_PAGE_SIZE : STUB_CODE_SIZE)

/* Calls by which a stub could do harm, if it could make them. */
static const uint64_t harmful[] = { SYS_mmap,
                                    SYS_munmap,
                                    SYS_mprotect,
                                    SYS_mremap,
                                    SYS_clone,
                                    SYS_pwrite64,
                                    SYS_recvmsg,
                                    SYS_close,
                                    SYS_prctl,
                                    SYS_seccomp,
                                    SYS_exit,
                                    SYS_exit_group,
                                    SYS_rt_sigaction,
                                    SYS_sigaltstack,
                                    SYS_set_tid_address,
                                    SYS_madvise,
                                    SYS_membarrier,
                                    SYS_execve,
                                    SYS_ptrace,
                                    SYS_process_vm_readv,
                                    SYS_open,
                                    SYS_socket,
                                    SYS_kill,
                                    SYS_tgkill,
                                    SYS_sendmsg,
                                    SYS_futex,
                                    SYS_rt_sigreturn,
                                    SYS_arch_prctl,
                                    SYS_getppid,
                                    SYS_pause,
                                    SYS_clone3,
                                    SYS_pwritev,
                                    SYS_remap_file_pages };

/* What stub code might take for what it works with. */
static uint64_t odd_word(struct attacker *a)
{
    struct dice *d = &a->dice;
    const uint64_t words[] = {
        0,
        roll(d) % 64,
        UINT64_MAX,
        roll(d),
        a->slot,
        a->slot + roll(d) % SLOT_SIZE,
        a->slot + SLOT_FPU,
        a->slot + SLOT_STACK,
        a->slot + SLOT_SIZE * (roll(d) % 4),
        FAKE_AT + SLOT_SIZE,
        FAKE_AT + roll(d) % FAKE_SIZE,
        DATA_AT + roll(d) % PAGE_SIZE,
        SECRET_AT,
        CODE_AT,
        STUB_CODE + roll(d) % (2 * PAGE_SIZE),
        STUB_CMD + roll(d) % STUB_CMD_SIZE,
        STUB_CMD + CMD_OPS,
        STUB_SLOTS,
        STUB_CLONE_AGENT,
        STUB_CLONE_THREAD,
        PROT_READ | PROT_WRITE | PROT_EXEC,
        MAP_SHARED | MAP_FIXED,
        PICK(d, harmful),
        UINT64_C(0xffff888000000000),
        UINT64_C(0x8000000000000000),
        (uint64_t)(int64_t)-4095,
    };

    return PICK(d, words);
}

static void odd_registers(struct attacker *a, struct guest_regs *regs)
{
    uint64_t *words[] = { &regs->rbx, &regs->rcx, &regs->rdx, &regs->rsi, &regs->rdi,
                          &regs->rbp, &regs->rsp, &regs->r8,  &regs->r9,  &regs->r10,
                          &regs->r11, &regs->r12, &regs->r13, &regs->r14, &regs->r15 };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        *words[i] = odd_word(a);
    regs->rax = roll(&a->dice) % 4 ? PICK(&a->dice, harmful) : odd_word(a);
    if (roll(&a->dice) % 4 == 0)
        regs->fs_base = odd_word(a);
    if (roll(&a->dice) % 4 == 0)
        regs->gs_base = odd_word(a);
    if (roll(&a->dice) % 8 == 0)
        regs->eflags |= roll(&a->dice) & 0x254dd5; /* with TF, AC, NT, DF */
    if (roll(&a->dice) % 32 == 0)
        regs->cs = GUEST_CS_COMPAT;
}

/* The slot as stub code leaves it with the processor: so it goes furthest. */
static void likely_registers(struct attacker *a, struct guest_regs *regs)
{
    uint64_t slot = roll(&a->dice) % 4 ? a->slot : FAKE_AT + SLOT_SIZE;

    odd_registers(a, regs);
    regs->rbx = slot;
    regs->rbp = roll(&a->dice) % 2 ? 0 : slot + SLOT_FPU;
    regs->rsp = slot + SLOT_SIZE - 64 * (roll(&a->dice) % 64);
    regs->r15 = roll(&a->dice) % 2 ? STUB_CMD : regs->r15;
    regs->r12 = roll(&a->dice) % 2 ? STUB_CMD + CMD_OPS : FAKE_AT;
    regs->r13 = roll(&a->dice) % 8;
}

/* Operations for an agent, orders for a stub: whoever takes this memory for its own obeys it. */
static void fill_fake(struct attacker *a)
{
    uint8_t *fake = a->of->w->r.ram + FAKE_OFF + roll(&a->dice) % 2 * SLOT_SIZE;
    _Atomic uint64_t *words = (_Atomic uint64_t *)fake;

    for (size_t i = 0; i < 128; i++)
        words[i] = i < 8 ? roll(&a->dice) % 16 | roll(&a->dice) % 16 << 32 : odd_word(a);
}

/* Protection key 0 shut, so that stub code cannot reach its slot; or open again. */
static void turn_key(struct attacker *a, bool shut)
{
    size_t size = OPS->fpu_size(a->of->w->r.p);
    void *area = aligned_alloc(XSAVE_ALIGN, page_up(size));
    struct xsave x;

    cr_assert(area);
    cr_assert_eq(xsave_create(&x), 0);
    if (OPS->fpu_get(atomic_load(&a->t), area, size) == 0) { /* its stub may have been lost */
        xsave_set_pkru(&x, area, shut ? (uint32_t)roll(&a->dice) | 1 : 0);
        cr_assert_eq(OPS->fpu_set(atomic_load(&a->t), area, size), 0);
    }
    xsave_destroy(&x);
    free(area);
}

static void jump_anywhere(struct attacker *a, uint64_t i, struct guest_regs *regs)
{
    if (i % 16 == 0)
        fill_fake(a);
    if (roll(&a->dice) % 16 == 0)
        turn_key(a, roll(&a->dice) % 4 == 0);
    if ((i ^ i / CODE_BYTES) % 2)
        likely_registers(a, regs);
    else
        odd_registers(a, regs);
    /* An odd step visits each byte once in CODE_BYTES tries, neighbours far apart. */
    regs->rip = STUB_CODE + i * 2467 % CODE_BYTES;
}

Test(confine, a_jump_to_every_byte_of_stub_code_with_chosen_registers, .timeout = 1000)
{
    uint64_t rounds = is_long() ? 40 : 1;
    struct world w;

    world_start(&w);
    struct attack done = attack(&w, jump_anywhere, rounds * CODE_BYTES, is_long() ? 900 : 90);
    cr_assert_geq(done.tries, CODE_BYTES, "only %u bytes in the time given", done.tries);
    cr_assert_gt(done.stops[STOP_SYSCALL], 100);
    cr_assert_gt(done.stops[STOP_FAULT] + done.stops[STOP_EXCEPTION], 100);
    world_stop(&w);
}
