/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cheapest call: all that is measured is the way to the sentry and back.
 *
 *   getppid patched      mov imm32,%eax; syscall: the form that libc has, which a platform may
 * patch getppid unpatched    one that cannot be: no five bytes are free around it
 */
#include "bench/rows/row.h"

#include <sys/syscall.h>

static void patched(uint64_t times)
{
    while (times--) {
        long ret;

        __asm__ volatile("mov %1, %%eax\n\tsyscall"
                         : "=&a"(ret)
                         : "i"(SYS_getppid)
                         : "rcx", "r11", "memory");
    }
}

/*
 * The call's two bytes are the last of their page. The two before it are where the loop jumps to,
 * and they set no immediate number, so that nothing around it can be moved away.
 */
void edge(uint64_t times);
__asm__(
    ".text\n"
    ".p2align 12\n"
    "edge:\n"
    "    push %rbx\n"
    "    push %r12\n"
    "    mov $110, %ebx\n"
    "    mov %rdi, %r12\n"
    "    jmp 1f\n"
    "    .org edge + 4092, 0xcc\n"
    "1:  mov %ebx, %eax\n"
    "    syscall\n"
    "    dec %r12\n"
    "    jnz 1b\n"
    "    pop %r12\n"
    "    pop %rbx\n"
    "    ret\n"
    ".p2align 12\n");
_Static_assert(SYS_getppid == 110, "the number in edge()");

int main(int argc, char **argv)
{
    row(argc > 1 && strcmp(argv[1], "unpatched") == 0 ? edge : patched);
    return 0;
}
