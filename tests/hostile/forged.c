/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --timeout=90s */
/* ends: 0 */
/*
 * Tells its sentry of stops that never were: it finds its slot and the code that gives the turn
 * away, writes what a signal handler would have written, and jumps there. Each signal number that
 * a word can hold is as good as another to who forges it.
 */
#include <limits.h>

#include "lib.h"
#include "platform-systrap/layout.h"

struct forgery {
    uint32_t why, signo;
    uint64_t trapno, error; /* as the frame has them */
    bool blocked;           /* the signal, so that the sentry has to change its action */
};

/* Where ucontext has them. */
#define GREGS     40
#define GREG_ERR  (GREGS + 19 * 8)
#define GREG_TRAP (GREGS + 20 * 8)

/* mov $TURN_SENTRY,%eax; xchg %eax,(%rbx) */
static const uint8_t post[] = { 0xb8, TURN_SENTRY, 0, 0, 0, 0x87, 0x03 };

static char *slot_here(void)
{
    uint64_t base;

    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base >= STUB_SLOTS && base < STUB_SLOTS_END ? (char *)base : NULL;
}

static void forge(void *arg)
{
    const struct forgery *f = arg;
    char *slot = slot_here();
    char *at = memmem((void *)STUB_PAGE, STUB_PAGE_SIZE, post, sizeof post);
    if (!slot || !at)
        return;
    if (f->blocked)
        sigprocmask(SIG_SETMASK, &(sigset_t){ { ~0ul } }, NULL);
    char *frame = slot + SLOT_STACK + 4096;
    memset(frame, 0, 1024);
    memcpy(frame + GREG_TRAP, &f->trapno, 8);
    memcpy(frame + GREG_ERR, &f->error, 8);
    memcpy(slot + SLOT_SIGNAL, &f->signo, 4);
    memcpy(slot + SLOT_FRAME, &frame, 8);
    memcpy(slot + SLOT_WHY, &f->why, 4);
    __asm__ volatile("xor %%ebp, %%ebp\n jmp *%0" : : "r"(at), "b"(slot) : "memory");
}

/* Anything at all, in all that the stub tells; the number of a signal that there is, now and then.
 */
static void forge_anything(void *arg)
{
    static const uint32_t handled[] = { SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGURG };
    struct dice *d = arg;
    char *slot = slot_here();
    char *at = memmem((void *)STUB_PAGE, STUB_PAGE_SIZE, post, sizeof post);
    if (!slot || !at)
        return;
    char *frame = slot + SLOT_STACK + roll(d) % 4096;
    if (roll(d) % 4 == 0)
        frame = slot + roll(d) % (SLOT_SIZE * 2) - SLOT_SIZE / 2;
    for (size_t off = SLOT_WHY; off < SLOT_ANSWERS; off += 4)
        if (off < SLOT_SENTRY_SLEEPS || off >= SLOT_KICKED)
            memcpy(slot + off, &(uint32_t){ (uint32_t)roll(d) }, 4);
    for (size_t off = 0; off < 1024; off += 8) {
        uint64_t word = roll(d) >> roll(d) % 64;
        memcpy(slot + SLOT_STACK + 4096 + off, &word, 8);
    }
    memcpy(slot + SLOT_WHY, &(uint32_t){ (uint32_t)roll(d) % 6 }, 4);
    memcpy(slot + SLOT_SIGNAL, &handled[roll(d) % COUNT(handled)], roll(d) % 8 ? 4 : 0);
    memcpy(slot + SLOT_FRAME, &frame, 8);
    memcpy(slot + SLOT_NR, &(uint64_t){ roll(d) >> roll(d) % 64 }, 8);
    __asm__ volatile("xor %%ebp, %%ebp\n jmp *%0" : : "r"(at), "b"(slot) : "memory");
}

int main(void)
{
    static const uint32_t numbers[] = {
        0,       1,        9,        19, 32, 33, 63, 64, 65, 128, 0xffff, 1u << 20,  1u << 30,
        INT_MAX, 1u << 31, UINT_MAX, 4,  5,  7,  8,  11, 31, 23,  17,     0x1000000, 0x40000000
    };
    static const uint64_t traps[] = { 0, 6, 13, 14, 255, UINT64_MAX };

    for (size_t n = 0; n < COUNT(numbers); n++)
        for (size_t t = 0; t < COUNT(traps); t++)
            for (uint32_t why = WHY_SIGNAL; why <= WHY_ROLLBACK; why++) {
                struct forgery f = { why, numbers[n], traps[t], roll(&(struct dice){ n }), t % 2 };
                in_child(forge, &f, 200);
            }
    for (int i = 0; i < effort(400); i++)
        in_child(forge_anything, &(struct dice){ (uint64_t)i }, 50);
    puts("survived");
    return 0;
}
