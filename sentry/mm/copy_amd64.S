/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moves of copy.h. A fault in one of the ranges of mem_fixups goes on at the
 * range's target. In the first two, %rcx holds the bytes that are left at any time.
 */
        .text

        /* size_t mem_copy(void *to, const void *from, size_t size) */
        .globl  mem_copy
        .type   mem_copy, @function
        .p2align 4
mem_copy:
        endbr64
        movq    %rdx, %rcx
        cmpq    $256, %rcx
        jb      .Lwords
.Lrep:
        rep movsb
.Lrep_end:
        movq    %rcx, %rax
        ret
.Lwords:
        cmpq    $8, %rcx
        jb      .Lbytes
.Lword:
        movq    (%rsi), %rax
        movq    %rax, (%rdi)
.Lword_end:
        addq    $8, %rsi
        addq    $8, %rdi
        subq    $8, %rcx
        jmp     .Lwords
.Lbytes:                                /* also where a word did not go: as far as bytes do */
        testq   %rcx, %rcx
        jz      .Lcopied
.Lbyte:
        movb    (%rsi), %al
        movb    %al, (%rdi)
.Lbyte_end:
        incq    %rsi
        incq    %rdi
        decq    %rcx
        jmp     .Lbytes
.Lcopied:
        movq    %rcx, %rax
        ret
        .size   mem_copy, . - mem_copy

        /* size_t mem_zero(void *to, size_t size) */
        .globl  mem_zero
        .type   mem_zero, @function
        .p2align 4
mem_zero:
        endbr64
        movq    %rsi, %rcx
        xorl    %eax, %eax
.Lzero:
        rep stosb
.Lzero_end:
        movq    %rcx, %rax
        ret
        .size   mem_zero, . - mem_zero

        /* int mem_load32(const void *at, uint32_t *out) */
        .globl  mem_load32
        .type   mem_load32, @function
        .p2align 4
mem_load32:
        endbr64
.Lload:
        movl    (%rdi), %eax
.Lload_end:
        movl    %eax, (%rsi)
        xorl    %eax, %eax
        ret
        .size   mem_load32, . - mem_load32

        /* int mem_cmpxchg32(void *at, uint32_t *seen, uint32_t want) */
        .globl  mem_cmpxchg32
        .type   mem_cmpxchg32, @function
        .p2align 4
mem_cmpxchg32:
        endbr64
        movl    (%rsi), %eax
.Lcmpxchg:
        lock cmpxchgl %edx, (%rdi)
.Lcmpxchg_end:
        movl    %eax, (%rsi)
        xorl    %eax, %eax
        ret
        .size   mem_cmpxchg32, . - mem_cmpxchg32

.Lfailed:
        movl    $1, %eax
        ret

        /* struct fixup of copy.c: where a fault may be, and where it goes on; ends with zeroes */
        .section .data.rel.ro, "aw"
        .globl  mem_fixups
        .type   mem_fixups, @object
        .p2align 3
mem_fixups:
        .quad   .Lrep, .Lrep_end, .Lrep_end
        .quad   .Lword, .Lword_end, .Lbytes
        .quad   .Lbyte, .Lbyte_end, .Lcopied
        .quad   .Lzero, .Lzero_end, .Lzero_end
        .quad   .Lload, .Lload_end, .Lfailed
        .quad   .Lcmpxchg, .Lcmpxchg_end, .Lfailed
        .quad   0, 0, 0
        .size   mem_fixups, . - mem_fixups

        .section .note.GNU-stack, "", @progbits
