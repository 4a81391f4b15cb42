/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of guest threads: what every stub has at STUB_PAGE, read and execute.
 *
 *     thread_start   a new stub: signal stack, handlers, the tight filter
 *     stub_entry     a rewritten call site comes here; all registers go to the slot, if
 *                    the slot has no answer to that call
 *     handler        a signal: the kernel has put all registers into its frame
 *     post           the turn is the sentry's
 *     wait           until it is ours
 *     restore        registers from the slot, and on with the guest
 *
 * rbx is the slot from thread_start, stub_entry or handler on. All that is in it can
 * be changed by other threads of the guest at any time, and all of this code can be
 * entered by the guest anywhere, with any registers: then the guest gets what it
 * deserves, by itself. What keeps it in is the filter, and what is mapped.
 *
 * FPU state: stub code leaves it alone. The kernel puts it into the signal frame and
 * clears it, so it is loaded again as soon as the stop is told, while the sentry works.
 * Of a guest that has shut protection key 0, PKRU is not: it waits in the slot for the
 * guest, which goes on from a signal frame then, where the host loads all at once.
 *
 * A signal in this code is one of three:
 *
 *     in restore     the guest's registers are whole in the slot: the stop is told
 *                    with those (WHY_ROLLBACK), and what was restored so far is lost
 *     a kick before  it is noted; restore looks at the note first. Who was about to
 *                    answer a call by itself, and would not come by there, stops instead
 *     a fault        a guest has made nonsense of its slot: its own fault, and told so
 *
 *   source    arch/x86/include/asm/sigframe.h, arch/x86/include/uapi/asm/sigcontext.h
 */
#include <sys/syscall.h>

#include "platform-systrap/layout.h"

#define FUTEX_WAIT  0
#define FUTEX_WAKE  1
#define SIGILL      4
#define SIGTRAP     5
#define SIGBUS      7
#define SIGFPE      8
#define SIGSEGV     11
#define SIGURG      23
#define SIGSYS      31
#define SIG_SETMASK 2
#define SECCOMP_SET_MODE_FILTER 1
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW 4

/* SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESTORER */
#define ACTION_FLAGS 0x5c000004

/* The signal frame: siginfo, and ucontext. */
#define INFO_CODE   8
#define UC_GREGS    40
#define UC_RBP      120
#define UC_RCX      152
#define UC_RSP      160
#define UC_RIP      168
#define UC_FPSTATE  224
#define FX_FEATURES 472		/* fx_sw_bytes.xfeatures */
#define FX_PRESENT  512		/* XSTATE_BV, of which byte 1 has PKRU's bit */
#define PKRU_BIT    2

/* SDM vol. 1, 13.4.2: where an XSAVE area has its header, and the bit of that which makes it compact. */
#define XSAVE_HEADER  512
#define XSAVE_COMPACT 0x8000000000000000

.macro host_call nr
	mov	$\nr, %eax
	syscall
.endm

	.text
	.balign	STUB_PAGE_SIZE
	.globl	stub_page
stub_page:

/* r12 is our slot. No guest has run in this thread, but others may in this memory. */
thread_start:
	mov	%r12, %rbx
	lea	SLOT_TURN(%rbx), %rdi
	host_call SYS_set_tid_address	/* the kernel writes TURN_DEAD there, and wakes the sentry */
	lea	SLOT_STACK(%rbx), %rdi	/* a stack_t */
	mov	%rdi, (%rdi)
	movq	$0, 8(%rdi)
	movq	$SLOT_STACK_SIZE, 16(%rdi)
	xor	%esi, %esi
	host_call SYS_sigaltstack
	test	%eax, %eax
	jnz	die
	.irp	sig, SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGURG
	mov	$\sig, %edi
	lea	action(%rip), %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	host_call SYS_rt_sigaction
	test	%eax, %eax
	jnz	die
	.endr
	mov	$SIG_SETMASK, %edi	/* an interrupt that has come so early is waiting for this */
	lea	no_signals(%rip), %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	host_call SYS_rt_sigprocmask
	test	%eax, %eax
	jnz	die
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	mov	$SECCOMP_FILTER_FLAG_SPEC_ALLOW, %esi
	lea	stub_filter_prog(%rip), %rdx
	host_call SYS_seccomp
	test	%eax, %eax
	jnz	die
	wrgsbase %rbx
	lea	SLOT_SIZE(%rbx), %rsp
	jmp	wait
die:
	mov	$1, %edi
	host_call SYS_exit
	ud2

/* The registers that a restore loads, from `base` that has struct guest_regs at `off`. */
.macro load_registers base, off
	mov	\off+GREG_R15(\base), %r15
	mov	\off+GREG_R14(\base), %r14
	mov	\off+GREG_R13(\base), %r13
	mov	\off+GREG_R12(\base), %r12
	mov	\off+GREG_RBP(\base), %rbp
	mov	\off+GREG_RBX(\base), %rbx
	mov	\off+GREG_R11(\base), %r11
	mov	\off+GREG_R10(\base), %r10
	mov	\off+GREG_R9(\base), %r9
	mov	\off+GREG_R8(\base), %r8
	mov	\off+GREG_RAX(\base), %rax
	mov	\off+GREG_RCX(\base), %rcx
	mov	\off+GREG_RDX(\base), %rdx
	mov	\off+GREG_RSI(\base), %rsi
	mov	\off+GREG_RDI(\base), %rdi
.endm

#define AT_ENTRY (STUB_ENTRY - STUB_PAGE)

	.org	stub_page + AT_ENTRY, 0xcc
stub_entry:
	mov	%rsp, %gs:SLOT_REGS+GREG_RSP
	rdgsbase %rsp			/* no instruction up to here changes flags */
	lea	SLOT_REGS+GREG_EFLAGS+8(%rsp), %rsp
	pushfq
flags_saved:
	cmpl	$0, %gs:SLOT_KICKED	/* an interrupt from here on moves us to ask */
	jne	ask
	mov	%eax, %r11d
	cmp	$SLOT_ANSWER_CALLS, %r11d
	jae	ask
	mov	%gs:SLOT_ANSWERS(,%r11,8), %r11
	test	%r11, %r11
	jz	ask
	popfq
	mov	%gs:SLOT_REGS+GREG_RSP, %rsp
	lea	-1(%r11), %rax
answered:
	jmp	*%rcx
ask:
#define HERE(reg) reg-GREG_EFLAGS(%rsp)
	mov	%r15, HERE(GREG_R15)
	mov	%r14, HERE(GREG_R14)
	mov	%r13, HERE(GREG_R13)
	mov	%r12, HERE(GREG_R12)
	mov	%rbp, HERE(GREG_RBP)
	mov	%rbx, HERE(GREG_RBX)
	mov	(%rsp), %r11
	mov	%r11, HERE(GREG_R11)
	mov	%r10, HERE(GREG_R10)
	mov	%r9, HERE(GREG_R9)
	mov	%r8, HERE(GREG_R8)
	mov	%rcx, HERE(GREG_RCX)
	mov	%rcx, HERE(GREG_RIP)
	mov	%rdx, HERE(GREG_RDX)
	mov	%rsi, HERE(GREG_RSI)
	mov	%rdi, HERE(GREG_RDI)
	rdfsbase %r11
	mov	%r11, HERE(GREG_FS_BASE)
	lea	-(SLOT_REGS+GREG_EFLAGS)(%rsp), %rbx
	lea	SLOT_SIZE(%rbx), %rsp
	cld
	mov	%rax, SLOT_NR(%rbx)
	mov	%rdi, SLOT_ARGS(%rbx)
	mov	%rsi, SLOT_ARGS+8(%rbx)
	mov	%rdx, SLOT_ARGS+16(%rbx)
	mov	%r10, SLOT_ARGS+24(%rbx)
	mov	%r8, SLOT_ARGS+32(%rbx)
	mov	%r9, SLOT_ARGS+40(%rbx)
	movl	$WHY_CALL, SLOT_WHY(%rbx)
	xor	%ebp, %ebp

/* The turn is the sentry's. rbp: where FPU state is to be loaded from, or 0. */
post:
	mov	$TURN_SENTRY, %eax
	xchg	%eax, SLOT_TURN(%rbx)	/* out, before we look whether someone sleeps */
	cmpl	$0, SLOT_SENTRY_SLEEPS(%rbx)
	je	1f
	lea	SLOT_TURN(%rbx), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	host_call SYS_futex
1:	test	%rbp, %rbp
	jz	wait
	/* no more than what the kernel has put there: XRSTOR touches all that it is asked for */
	mov	FX_FEATURES(%rbp), %eax
	mov	FX_FEATURES+4(%rbp), %edx
load_from_frame:
	xrstor64 (%rbp)

wait:
	cmpl	$TURN_SENTRY, SLOT_TURN(%rbx)
	jne	go
	mov	SLOT_SPIN(%rbx), %ebp	/* for so many cycles, before we sleep: spin.c */
	test	%ebp, %ebp
	jz	2f
	rdtsc
	mov	%eax, %r12d
1:	pause
	cmpl	$TURN_SENTRY, SLOT_TURN(%rbx)
	jne	go
	rdtsc
	mov	%eax, %r13d
	sub	%r12d, %eax
	cmp	%ebp, %eax
	jae	2f
	cmp	SLOT_LOOKS(%rbx), %eax
	jb	1b
	host_call SYS_sched_yield
	cmpl	$TURN_SENTRY, SLOT_TURN(%rbx)
	je	1b
	rdtsc
	sub	%r13d, %eax
	cmp	$SPIN_STALL, %eax
	jb	go
	movl	$1, SLOT_STALLED(%rbx)
	jmp	go
2:	movl	$1, SLOT_STUB_SLEEPS(%rbx)
	mfence				/* said, before the kernel looks at the turn again */
	lea	SLOT_TURN(%rbx), %rdi
	mov	$FUTEX_WAIT, %esi
	mov	$TURN_SENTRY, %edx
	xor	%r10d, %r10d
	host_call SYS_futex
	cmpl	$TURN_SENTRY, SLOT_TURN(%rbx)
	je	2b
	movl	$0, SLOT_STUB_SLEEPS(%rbx)
go:
	lea	SLOT_SIZE(%rbx), %rsp	/* the sentry is done with the frame */
	mov	SLOT_ORDERS(%rbx), %ebp
	test	$(ORDER_FPU_LOAD | ORDER_FPU_INIT), %ebp
	jz	loaded
	mov	$~0, %eax
	mov	$~0, %edx
	test	$ORDER_FPU_INIT, %ebp
	jnz	load_initial
load_from_slot:
	xrstor64 SLOT_FPU(%rbx)
loaded:
	test	$ORDER_FPU_SAVE, %ebp
	jz	1f
	mov	$~0, %eax
	mov	$~0, %edx
	xsave64	SLOT_FPU(%rbx)
1:	test	$ORDER_NARROW, %ebp
	jz	1f
	mov	SLOT_NARROW_AT(%rbx), %rdi
	mov	SLOT_NARROW_SIZE(%rbx), %rsi
	mov	SLOT_NARROW_PROT(%rbx), %edx
	host_call SYS_mprotect
1:	test	$ORDER_RESULT, %ebp
	jnz	result
	test	$ORDER_RUN, %ebp
	jnz	restore
	movl	$WHY_DONE, SLOT_WHY(%rbx)
	xor	%ebp, %ebp
	jmp	post

/* No line of the slot is needed for it. Linux has a PKRU of its own for new programs. */
load_initial:
	xrstor64 initial_fpu(%rip)
	cmpl	$0, stub_pkru_at(%rip)
	je	loaded
	mov	$PKRU_OPEN, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	wrpkru
	jmp	loaded

/* An interrupt came before; its signal is behind us. */
kicked:
	xor	%ebp, %ebp
kicked_framed:
	movl	$0, SLOT_KICKED(%rbx)
	movl	$SIGURG, SLOT_SIGNAL(%rbx)
	movl	$WHY_ROLLBACK, SLOT_WHY(%rbx)
	jmp	post

/* The answer to a call: all else is as it was left here. */
result:
	mov	SLOT_RESULT(%rbx), %rax
	mov	%rax, SLOT_REGS+GREG_RAX(%rbx)
restore:
	cmpl	$0, SLOT_KICKED(%rbx)
	jne	kicked
	test	$ORDER_RESULT, %ebp
	jnz	3f
	mov	SLOT_REGS+GREG_FS_BASE(%rbx), %rax
	wrfsbase %rax
	test	$(ORDER_IRET | ORDER_FRAME), %ebp
	jnz	1f
3:	lea	SLOT_REGS+GREG_EFLAGS(%rbx), %rsp
	load_registers %rsp, -GREG_EFLAGS
	popfq
	pop	%rsp			/* GREG_RSP comes after GREG_EFLAGS */
	jmp	*%gs:SLOT_REGS+GREG_RIP
1:	test	$ORDER_FRAME, %ebp
	jnz	2f
	pushq	$2
	popfq				/* `iret` with NT set is a fault */
	mov	SLOT_REGS+GREG_GS_BASE(%rbx), %rax
	wrgsbase %rax
	lea	SLOT_REGS+GREG_RIP(%rbx), %rsp
	load_registers %rsp, -GREG_RIP
	iretq				/* rip, cs, eflags, rsp, ss: in this order in the slot */

2:	int3				/* the host makes the frame, and our handler comes here */
framed:					/* with it in rdx, and its FPU state in rbp */
	cmpl	$0, SLOT_KICKED(%rbx)
	jne	kicked_framed
	lea	SLOT_GREGS(%rbx), %rsi
	lea	UC_GREGS(%rdx), %rdi
	mov	$SLOT_GREGS_COUNT, %ecx
	rep movsq
	mov	stub_pkru_at(%rip), %eax
	mov	SLOT_PKRU(%rbx), %ecx
	mov	%ecx, (%rbp,%rax)
	orb	$PKRU_BIT, FX_PRESENT+1(%rbp)
	mov	SLOT_REGS+GREG_GS_BASE(%rbx), %rax
	wrgsbase %rax
	add	$8, %rsp		/* as after a return to the restorer */
	host_call SYS_rt_sigreturn
restore_end:

/* A signal: edi is its number, rsi siginfo, rdx ucontext, rsp the frame in our slot. */
handler:
	mov	%rsp, %rbx
	and	$-SLOT_SIZE, %rbx
	rdgsbase %rcx
	wrgsbase %rbx
	mov	UC_RIP(%rdx), %rax
	movabs	$STUB_PAGE, %r8
	sub	%r8, %rax
	cmp	$STUB_PAGE_SIZE, %rax
	jb	in_stub
	cmpl	$0, INFO_CODE(%rsi)
	jg	tell_guest
	cmp	$SIGURG, %edi
	jne	leave			/* from outside the sandbox: noise */
tell_guest:
	movl	$WHY_SIGNAL, SLOT_WHY(%rbx)
	cmpl	$0, SLOT_PKRU(%rbx)	/* most often it is, and the sentry reads that line, too */
	je	tell
	movl	$0, SLOT_PKRU(%rbx)
tell:
	mov	UC_FPSTATE(%rdx), %rbp
tell_framed:
	mov	%edi, SLOT_SIGNAL(%rbx)
	mov	%rdx, SLOT_FRAME(%rbx)
	mov	%rcx, SLOT_GS_BASE(%rbx)
	rdfsbase %rax
	mov	%rax, SLOT_FS_BASE(%rbx)
	testb	$PKRU_BIT, FX_PRESENT+1(%rbp)
	jz	post
	mov	stub_pkru_at(%rip), %eax
	mov	(%rbp,%rax), %ecx
	test	$PKRU_KEY_0, %cl
	jz	post
	mov	%ecx, SLOT_PKRU(%rbx)
	movl	$PKRU_OPEN, (%rbp,%rax)
	jmp	post

/*
 * A kick in our code, by where it finds the thread:
 *
 *     before flags_saved    noted: what comes next looks at the note
 *     up to answered        it looked, and is about to answer by itself: it is moved to ask
 *     at answered           the guest has its answer, and as good as goes on: it is stopped there
 *     behind, in restore    the stop is told, with the registers in the slot
 *     elsewhere             noted: there is no way to the guest but by restore
 */
in_stub:
	mov	UC_FPSTATE(%rdx), %rbp
	cmp	$(framed - stub_page), %eax
	je	framed
	cmp	$(restore - stub_page), %eax
	jb	1f
	cmp	$(restore_end - stub_page), %eax
	jb	in_restore
1:	cmpl	$0, INFO_CODE(%rsi)
	jg	fault
	cmp	$SIGURG, %edi
	jne	leave
	cmp	$(answered - stub_page), %eax
	je	2f
	movl	$1, SLOT_KICKED(%rbx)
	cmp	$(answered - stub_page), %eax
	ja	leave
	cmp	$(flags_saved - stub_page), %eax
	jb	leave
	lea	ask(%rip), %rax		/* no answer, but a stop: all that has been saved is still there */
	mov	%rax, UC_RIP(%rdx)
	lea	SLOT_REGS+GREG_EFLAGS(%rbx), %rax
	mov	%rax, UC_RSP(%rdx)
leave:
	wrgsbase %rcx
	ret				/* to the restorer */

2:	mov	UC_RCX(%rdx), %rax
	mov	%rax, UC_RIP(%rdx)
	jmp	tell_guest

in_restore:
	cmpl	$0, INFO_CODE(%rsi)
	jg	1f
	cmp	$SIGURG, %edi
	jne	leave
1:	movl	$WHY_ROLLBACK, SLOT_WHY(%rbx)
	cmp	$(framed - stub_page), %eax
	jb	tell
	mov	UC_RBP(%rdx), %rbp	/* what is in the registers is our handler's */
	jmp	tell_framed

/* FPU state that cannot be loaded is as good as none. A step in our code is none of the guest's. */
fault:
	cmp	$(load_from_frame - stub_page), %eax
	je	wait
	cmp	$(load_from_slot - stub_page), %eax
	je	loaded
	cmp	$SIGTRAP, %edi
	je	leave
	movl	$WHY_SIGNAL, SLOT_WHY(%rbx)
	jmp	tell

restorer:
	host_call SYS_rt_sigreturn

	.balign	8
action:				/* struct sigaction of the kernel */
	.quad	STUB_PAGE + handler - stub_page
	.quad	ACTION_FLAGS
	.quad	STUB_PAGE + restorer - stub_page
no_signals:
	.quad	0

	.globl	stub_pkru_at, stub_filter_prog, stub_filter_insns
stub_pkru_at:			/* where PKRU is in an XSAVE area; the sentry fills it in */
	.long	0
	.balign	8
stub_filter_prog:		/* struct sock_fprog; the sentry fills in what is missing */
	.quad	0
	.quad	STUB_PAGE + stub_filter_insns - stub_page
stub_filter_insns:
	.fill	STUB_INSNS_MAX, 8, 0
	.balign	64
initial_fpu:			/* an XSAVE area in compact format, with no component: all are initial */
	.fill	XSAVE_HEADER + 8, 1, 0
	.quad	XSAVE_COMPACT
	.fill	6, 8, 0
	.globl	stub_page_end
	.org	stub_page + STUB_PAGE_SIZE, 0xcc	/* an error where the code is more than its page */
stub_page_end:

	.section .note.GNU-stack, "", @progbits
