/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of a stub process: stub_launch makes the first one, the zygote; the
 * page from stub_code on is what every stub has at STUB_CODE. agent.c tells what
 * all this is for.
 *
 * The page uses no stack, and no memory but itself and the command area, both of
 * which the guest can read and cannot write. What an agent knows is in registers:
 *
 *   r15  the command area
 *   r14d descriptor of the memory file that the command areas are in
 *   rbp  this agent's place in that file
 *   ebx  number of the last batch that was done
 *   r12  the operation, r13d how many are left
 *   rsp  flags of the operation, then bytes of its result
 *
 *   source    Linux keeps all but rax, rcx and r11 over a call
 */
#include <sys/syscall.h>

#include "platform-stub/layout.h"

#define CLONE_VM          0x100
#define CLONE_VFORK       0x4000
#define CLONE_PARENT      0x8000
#define MREMAP_TO         3    /* MREMAP_MAYMOVE | MREMAP_FIXED */
#define PROT_READ         1
#define MAP_SHARED_FIXED  0x11
#define PR_SET_PDEATHSIG  1
#define SIGKILL           9
#define FUTEX_WAIT        0
#define FUTEX_WAKE        1

.macro host_call nr
	mov	$\nr, %eax
	syscall
.endm

/*
 * pid_t stub_launch(int cmd_fd, const void *fpu, bool xsave, pid_t *zygote)
 *
 * Between us and the zygote is a child that shares our memory: it makes the zygote
 * a child of ours that has no restartable-sequence area (rseq(2)): the kernel writes to
 * that, and it would be a hole in the guest's memory. The zygote inherits what its
 * parent has, and a child that shares memory has none.
 *
 * Returns the pid of the child between, which has ended and has set *zygote to a
 * pid or to -errno; or -errno where there was no child.
 */
	.text
	.globl	stub_launch
	.type	stub_launch, @function
stub_launch:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%edi, %r14d
	mov	%rsi, %r13
	mov	%edx, %ebx
	mov	%rcx, %r12
	lea	stub_code(%rip), %rbp

	mov	$(CLONE_VM | CLONE_VFORK), %edi
	xor	%esi, %esi		/* our stack: we sleep meanwhile, and it does not write there */
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	host_call SYS_clone
	test	%eax, %eax
	jz	1f
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

1:	mov	$CLONE_PARENT, %edi
	host_call SYS_clone
	test	%eax, %eax
	jz	zygote
	mov	%eax, (%r12)
	xor	%edi, %edi
	host_call SYS_exit

	/*
	 * The zygote. What is in the sentry's vector registers must not be what the first
	 * guest finds in its own. Then the page goes to its place, and we go there.
	 */
zygote:
	test	%ebx, %ebx
	jz	3f
	mov	$~0, %eax
	mov	$~0, %edx
	xrstor64 (%r13)
	jmp	4f
3:	fxrstor64 (%r13)
4:
	mov	%rbp, %rdi
	mov	$STUB_CODE_SIZE, %esi
	mov	$STUB_CODE_SIZE, %edx
	mov	$MREMAP_TO, %r10d
	movabs	$STUB_CODE, %r8
	host_call SYS_mremap
	test	%rax, %rax
	js	2f
	xor	%ebp, %ebp		/* the first command area */
	jmp	*%rax
2:	mov	$1, %edi
	host_call SYS_exit
	.size	stub_launch, . - stub_launch

/* Writes byte eax of the table below to `at` in our command area, which we cannot write. */
.macro answer_byte at
	lea	bytes(%rip), %rsi
	add	%rax, %rsi
	mov	$1, %edx
	lea	\at(%rbp), %r10
	mov	%r14d, %edi
	host_call SYS_pwrite64
.endm

/*
 * A child dies with the sentry. The signal must be asked for first: a sentry that
 * died before is then seen, by the number of the process that adopted us.
 */
.macro die_with_sentry
	mov	$PR_SET_PDEATHSIG, %edi
	mov	$SIGKILL, %esi
	host_call SYS_prctl
	host_call SYS_getppid
	cmp	CMD_SENTRY(%r15), %eax
	jne	die
.endm

	.balign	STUB_CODE_SIZE
	.globl	stub_code
stub_code:
/* A new agent, which knows its place in the file (rbp). The command area there becomes its own. */
map_commands:
	movabs	$STUB_CMD, %r15
	mov	%r15, %rdi
	mov	$STUB_CMD_SIZE, %esi
	mov	$PROT_READ, %edx
	mov	$MAP_SHARED_FIXED, %r10d
	mov	%r14d, %r8d
	mov	%rbp, %r9
	host_call SYS_mmap
	cmp	%r15, %rax
	jne	die
	die_with_sentry
	xor	%ebx, %ebx		/* a new area's batches count from 1 */

wait:
	mov	CMD_SEQ(%r15), %eax
	cmp	%ebx, %eax
	jne	batch
	lea	CMD_SEQ(%r15), %rdi
	mov	$FUTEX_WAIT, %esi
	mov	%ebx, %edx
	xor	%r10d, %r10d
	host_call SYS_futex
	jmp	wait

batch:
	mov	%eax, %ebx
	mov	CMD_COUNT(%r15), %r13d
	lea	CMD_OPS(%r15), %r12
next:
	test	%r13d, %r13d
	jz	done
	mov	OP_FLAGS(%r12), %rsp
	mov	OP_ARG0(%r12), %rdi
	mov	OP_ARG0+8(%r12), %rsi
	mov	OP_ARG0+16(%r12), %rdx
	mov	OP_ARG0+24(%r12), %r10
	mov	OP_ARG0+32(%r12), %r8
	mov	OP_ARG0+40(%r12), %r9
	mov	OP_NR(%r12), %eax
	syscall
	test	$OP_CLONE, %esp
	jz	1f
	test	%rax, %rax
	jz	child
1:	cmp	$-4095, %rax
	jae	failed
	test	$OP_VALUE, %esp
	jnz	value
advance:
	add	$OP_SIZE, %r12
	dec	%r13d
	jmp	next

/* 32 bits of result, a byte at a time; the sentry has put zeros there. */
value:
	mov	%rax, %rsp
	.irp	i, 0, 1, 2, 3
	movzbl	%spl, %eax
	test	%eax, %eax
	jz	1f
	answer_byte CMD_VALUE+\i
1:	shr	$8, %rsp
	.endr
	jmp	advance

failed:
	test	$OP_TRY, %esp
	jnz	advance
	neg	%eax
	movzbl	%al, %eax
	answer_byte CMD_ERROR
	movzbl	%r13b, %eax
	answer_byte CMD_LEFT

/* The number of the batch is the answer that counts, so it comes last. */
done:
	mov	%r14d, %edi
	lea	CMD_SEQ(%r15), %rsi
	mov	$4, %edx
	lea	CMD_DONE(%rbp), %r10
	host_call SYS_pwrite64
	mfence				/* the answer is out before we look whether someone sleeps */
	cmpl	$0, CMD_SLEEPING(%r15)
	je	wait
	lea	CMD_DONE(%r15), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	host_call SYS_futex
	jmp	wait

/*
 * A child of OP_CLONE. What it is came in r9: the command area may hold the next
 * batch by now, or be the parent's.
 */
child:
	cmp	$CHILD_IS_THREAD, %r9
	je	thread
	movabs	$STUB_START, %rax
	cmp	%rax, %r9
	jae	thread
	mov	%r9, %rbp
	jmp	map_commands

/*
 * A guest thread. It goes where its platform has code for it, with its slot in r9; or
 * waits here for the sentry to take hold of it.
 */
thread:
	mov	%r9, %r12
	die_with_sentry
	cmp	$CHILD_IS_THREAD, %r12
	jne	2f
1:	host_call SYS_pause
	jmp	1b
2:	movabs	$STUB_PAGE, %rax
	jmp	*%rax

die:
	mov	$1, %edi
	host_call SYS_exit

	.globl	stub_use_tiles
	.balign	16
/*
 * Makes the kernel give this thread room for AMX tile data, which it does at the
 * first use, then stops it. ldtilecfg; tilezero %tmm0; tilerelease; int3
 */
stub_use_tiles:
	lea	tile_config(%rip), %rax
	.byte	0xc4, 0xe2, 0x78, 0x49, 0x00
	.byte	0xc4, 0xe2, 0x7b, 0x49, 0xc0
	.byte	0xc4, 0xe2, 0x78, 0x49, 0xc0
	int3

	.balign	64
tile_config:			/* palette 1; tmm0 has 16 rows of 64 bytes: SDM, LDTILECFG */
	.byte	1
	.fill	15, 1, 0
	.short	64
	.fill	30, 1, 0
	.byte	16
	.fill	15, 1, 0

bytes:
	i = 0
	.rept	256
	.byte	i
	i = i + 1
	.endr
	.org	stub_code + STUB_CODE_SIZE, 0xcc	/* an error where the code is more than its page */

	.section .note.GNU-stack, "", @progbits
