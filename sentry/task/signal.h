/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: sending, masks, which one is next.
 *
 * A signal is pending in one of two places: with a thread, or with its process, for
 * any of its threads. Both are guarded by the process's lock (RANK_GROUP).
 *
 *   source    signal(7), sigaction(2), kill(2), rt_sigqueueinfo(2); kernel/signal.c, Linux 6.6
 */
#pragma once

#include "include/abi/signal.h"
#include "sentry/task/group.h"
#include "sentry/task/sighand.h"
#include "sentry/task/task.h"

/*
 * Makes a siginfo for kill(2), faults and the kernel's own signals.
 *
 *   to        whose numbers the sender's pid and uid are shown in
 *   code      SI_USER, SI_TKILL
 *   locks     takes RANK_GROUP and RANK_TASK, one after the other
 */
void siginfo_user(struct abi_siginfo *si, int sig, struct task *sender, int code,
                  struct thread_group *to);
/* One that the sender has written: its pid and uid become what they are to `to`. The same locks. */
void siginfo_queued(struct abi_siginfo *si, struct task *sender, struct thread_group *to);
/* What a user is called where `to` is. The same locks. */
uint32_t siginfo_uid(struct thread_group *to, uint32_t kuid);
void siginfo_kernel(struct abi_siginfo *si, int sig, int code);
void siginfo_fault(struct abi_siginfo *si, int sig, int code, uptr_t addr);

/*
 * Sends to a thread, or to a process (any of its threads takes it). Nobody asks whether
 * the sender may: signal_may_send().
 *
 *   si        borrowed
 *   errors    EAGAIN where RLIMIT_SIGPENDING is reached by a real-time signal
 *   locks     takes RANK_GROUP
 */
must_use int signal_send_task(struct task *t, int sig, const struct abi_siginfo *si);
must_use int signal_send_group(struct thread_group *g, int sig, const struct abi_siginfo *si);
/* Is `sig` pending already, so that another one of it would be lost or wait behind it? timers.c */
bool signal_is_pending(struct thread_group *g, struct task *t /* NULL: the process's */, int sig);
/* SIGSEGV and its kin: cannot be ignored or blocked away. On the task's own thread. */
void signal_force(struct task *t, int sig, const struct abi_siginfo *si);
/*
 * Would `sig` be lost on it, an init that has no handler for it, and that has not slept yet: one
 * that may be about to set one?
 *
 *   locks     takes RANK_GROUP
 */
bool signal_is_too_early(struct thread_group *g, int sig);
/* To a process group, by the sentry (terminals). The locked form is under RANK_TASKS. */
void signal_send_pgrp_kernel(struct arena *a, struct pid *pgrp, int sig);
/* To the process group that `g` is in. */
void signal_send_job(struct thread_group *g, int sig);
void signal_send_pgrp_locked(struct pid *pgrp, int sig);
/* A signal from the sentry itself to the caller: SIGPIPE, SIGXFSZ. */
void signal_self(struct task *t, int sig);
/*
 * May `t` send `sig` to `g`?
 *
 *   si_code   of the siginfo: one of the kernel's own codes is always fine
 *   errors    EPERM
 *   locks     takes RANK_TASKS and RANK_TASK, one after the other
 */
must_use int signal_may_send(struct task *t, struct thread_group *g, int sig);
/* kill(2): pid > 0, 0, -1, < -1 as the page says. Errors: EINVAL, EPERM, ESRCH. */
must_use int signal_kill(struct task *t, int pid, int sig);

/* Sets the mask for good; SIGKILL and SIGSTOP are taken out. */
void signal_set_blocked(struct task *t, sigset64 set);
/* Sets the mask for the length of one call (ppoll, sigsuspend, epoll_pwait): restored on return. */
void signal_set_temporary(struct task *t, sigset64 set);
/* Puts the mask back that signal_set_temporary() saved. */
void signal_restore_blocked(struct task *t);
/* Reads a sigset argument of `size` bytes. Errors: EINVAL where size is not 8; EFAULT. */
must_use int signal_copy_set(struct task *t, uptr_t from, size_t size, sigset64 *out);
/* Takes the first pending signal in `set`: sigtimedwait, signalfd. 0 where none. */
int signal_dequeue(struct task *t, sigset64 set, struct abi_siginfo *out);
/* What is pending for `t`, of its own and of its process, blocked or not. */
sigset64 signal_pending_set(struct task *t);
/* Woken whenever a signal is sent to the process: signalfd and sigtimedwait wait here. */
struct waitq *signal_waitq(struct task *t);
/* Is one pending that is not blocked? Forgets TASK_SIGNAL where not. */
bool signal_is_due(struct task *t);

/*
 * Sets the action of a signal; what is pending is dropped where it is now ignored.
 *
 *   act, old  may be NULL
 *   errors    EINVAL for no signal, SIGKILL, SIGSTOP
 */
must_use int signal_set_action(struct task *t, int sig, const struct abi_sigaction *act,
                               struct abi_sigaction *old);

/*
 * Takes signals and acts on them, until none is due: frames for handlers, the default
 * actions. On the task's own thread, with its registers as of the way back to the guest.
 */
void signal_deliver(struct task *t);

/* ---- sigframe_amd64.c ---- */

/* Enters a handler. Errors: EFAULT where the frame cannot be written, or there is no SA_RESTORER.
 */
must_use int sigframe_push(struct task *t, int sig, const struct abi_siginfo *si,
                           const struct abi_sigaction *act);
/* rt_sigreturn(2). Errors: EFAULT where the frame is no frame: SIGSEGV is due. */
must_use int sigframe_pop(struct task *t);
/* sigaltstack(2). Errors: EPERM where the stack is in use; EINVAL; ENOMEM below MINSIGSTKSZ. */
must_use int sigstack_set(struct task *t, const struct abi_stack *ss);
void sigstack_get(struct task *t, struct abi_stack *out);

/* ---- sigqueue.c ---- */

void sigpending_flush(struct arena *a, struct sigpending *p, sigset64 set);
