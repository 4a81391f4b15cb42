/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/guest/asleep.h"
#include "tests/guest/child.h"

static volatile sig_atomic_t count, last;
static volatile siginfo_t info; /* syscall() is declared to call nobody back */

static void counts(int sig)
{
    count++;
    last = sig;
}

static void keeps_info(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    last = sig;
    info = *si;
}

static void handle(int sig, void (*handler)(int), int flags)
{
    struct sigaction act = { .sa_handler = handler, .sa_flags = flags };

    sigaction(sig, &act, NULL);
    count = last = 0;
}

TEST(arguments_are_checked)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        unsigned long mask;
    } k = { 0 };

    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, &k, NULL, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGKILL, &k, NULL, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGSTOP, &k, NULL, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, 8L, NULL, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, 8L, 8), EFAULT);
    CHECK_EQ(syscall(SYS_rt_sigaction, SIGKILL, NULL, &k, 8), 0);
}

TEST(what_was_set_is_shown)
{
    struct sigaction act = { .sa_handler = counts, .sa_flags = SA_RESTART | SA_NODEFER }, old;

    sigemptyset(&act.sa_mask);
    sigaddset(&act.sa_mask, SIGUSR2);
    CHECK_EQ(sigaction(SIGUSR1, &act, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR1, NULL, &old), 0);
    CHECK(old.sa_handler == counts);
    CHECK((old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO)) == (SA_RESTART | SA_NODEFER));
    CHECK(sigismember(&old.sa_mask, SIGUSR2) && !sigismember(&old.sa_mask, SIGUSR1));
    signal(SIGUSR1, SIG_DFL);
}

TEST(a_handler_runs)
{
    handle(SIGUSR1, counts, 0);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(count, 1);
    CHECK_EQ(last, SIGUSR1);
}

TEST(the_siginfo_names_the_sender)
{
    struct sigaction act = { .sa_sigaction = keeps_info, .sa_flags = SA_SIGINFO };

    sigaction(SIGUSR1, &act, NULL);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(info.si_signo, SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);
    CHECK_EQ(info.si_pid, getpid());
    CHECK_EQ(info.si_uid, getuid());
    CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid_raw(), SIGUSR1), 0);
    CHECK_EQ(info.si_code, SI_TKILL);
}

TEST(reset_hand_works_once)
{
    struct sigaction old;

    handle(SIGUSR1, counts, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK_EQ(count, 1);
    sigaction(SIGUSR1, NULL, &old);
    CHECK(old.sa_handler == SIG_DFL);
}

static volatile int depth, deepest, runs;

static void nests(int sig)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (++runs < 3)
        raise(sig);
    depth--;
}

TEST(a_signal_is_blocked_in_its_handler)
{
    handle(SIGUSR1, nests, 0);
    deepest = depth = runs = 0;
    raise(SIGUSR1);
    CHECK_EQ(runs, 3); /* one after the other */
    CHECK_EQ(deepest, 1);
}

TEST(nodefer_lets_it_nest)
{
    handle(SIGUSR1, nests, SA_NODEFER);
    deepest = depth = runs = 0;
    raise(SIGUSR1);
    CHECK_EQ(deepest, 3);
}

static volatile int order[4], nth;

static void notes(int sig)
{
    order[nth++] = sig;
    if (sig == SIGUSR1) {
        raise(SIGUSR2);
        order[nth++] = -1;
    }
}

TEST(the_mask_holds_others_back)
{
    struct sigaction act = { .sa_handler = notes };

    sigemptyset(&act.sa_mask);
    sigaddset(&act.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &act, NULL);
    handle(SIGUSR2, notes, 0);
    nth = 0;
    raise(SIGUSR1);
    CHECK_EQ(order[0], SIGUSR1);
    CHECK_EQ(order[1], -1);
    CHECK_EQ(order[2], SIGUSR2);
}

TEST(the_lowest_number_comes_first)
{
    sigset_t all, old;

    sigfillset(&all);
    handle(SIGUSR1, notes, 0);
    handle(SIGUSR2, notes, 0);
    handle(SIGHUP, notes, 0);
    struct sigaction act = { .sa_handler = notes, .sa_mask = all };
    sigaction(SIGHUP, &act, NULL);
    sigaction(SIGUSR2, &act, NULL);
    signal(SIGUSR1, SIG_IGN);
    nth = 0;
    sigprocmask(SIG_BLOCK, &all, &old);
    raise(SIGUSR2);
    raise(SIGHUP);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK_EQ(nth, 2);
    /* both frames are made at once: the one that is made last runs first */
    CHECK_EQ(order[0] + order[1], SIGHUP + SIGUSR2);
}

TEST(ignoring_drops_what_is_pending)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handle(SIGUSR1, counts, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    handle(SIGUSR1, counts, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    CHECK_EQ(count, 0);
}

/* ---- faults ---- */

static sigjmp_buf jump;
static unsigned long trapno, error_code, cr2;

static void jumps(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;

    last = sig;
    info = *si;
    trapno = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
    error_code = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
    cr2 = (unsigned long)uc->uc_mcontext.gregs[REG_CR2];
    siglongjmp(jump, 1);
}

static void catch_faults(void)
{
    struct sigaction act = { .sa_sigaction = jumps, .sa_flags = SA_SIGINFO };

    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    sigaction(SIGFPE, &act, NULL);
    sigaction(SIGILL, &act, NULL);
    sigaction(SIGTRAP, &act, NULL);
    last = 0;
}

TEST(a_wild_read_is_a_segv)
{
    catch_faults();
    if (!sigsetjmp(jump, 1)) {
        (void)*(volatile char *)0x1234;
    }
    CHECK_EQ(last, SIGSEGV);
    CHECK_EQ(info.si_code, SEGV_MAPERR);
    CHECK_EQ((long)info.si_addr, 0x1234);
    CHECK_EQ(trapno, 14);
    CHECK_EQ(cr2, 0x1234);
}

TEST(a_forbidden_write_is_a_segv)
{
    char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    catch_faults();
    if (!sigsetjmp(jump, 1))
        *(volatile char *)p = 1;
    CHECK_EQ(last, SIGSEGV);
    CHECK_EQ(info.si_code, SEGV_ACCERR);
    CHECK(info.si_addr == p);
    munmap(p, 4096);
}

TEST(a_page_past_the_file_is_a_bus_error)
{
    char name[] = "/tmp/sigaction_XXXXXX";
    int fd = mkstemp(name);

    CHECK(fd >= 0);
    unlink(name);
    CHECK_EQ(ftruncate(fd, 1), 0);
    char *p = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    catch_faults();
    if (!sigsetjmp(jump, 1))
        (void)*(volatile char *)(p + 4096);
    CHECK_EQ(last, SIGBUS);
    CHECK_EQ(info.si_code, BUS_ADRERR);
    CHECK(info.si_addr == p + 4096);
    munmap(p, 8192);
    close(fd);
}

TEST(a_division_by_zero)
{
    catch_faults();
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx"
                         :
                         :
                         : "eax", "ecx", "edx");
    CHECK_EQ(last, SIGFPE);
    CHECK_EQ(info.si_code, FPE_INTDIV);
    CHECK_EQ(trapno, 0);
}

TEST(an_illegal_instruction)
{
    catch_faults();
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("ud2");
    CHECK_EQ(last, SIGILL);
    CHECK_EQ(info.si_code, ILL_ILLOPN);
    CHECK_EQ(trapno, 6);
}

TEST(a_breakpoint)
{
    catch_faults();
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("int3");
    CHECK_EQ(last, SIGTRAP);
    CHECK_EQ(trapno, 3);
}

TEST(an_address_that_is_none)
{
    catch_faults();
    if (!sigsetjmp(jump, 1))
        (void)*(volatile char *)0x8000000000000000;
    CHECK_EQ(last, SIGSEGV);
    CHECK_EQ(info.si_code, SI_KERNEL);
    CHECK_EQ(trapno, 13);
}

static int segv_is_blocked(void)
{
    sigset_t set;

    signal(SIGSEGV, counts);
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, NULL);
    (void)*(volatile char *)8;
    return 0;
}

TEST(a_blocked_fault_kills)
{
    int status = in_child(segv_is_blocked);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static int segv_is_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    (void)*(volatile char *)8;
    return 0;
}

TEST(an_ignored_fault_kills)
{
    int status = in_child(segv_is_ignored);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- what a handler may do to the code it interrupted ---- */

static void changes_rax(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;

    (void)sig, (void)si;
    uc->uc_mcontext.gregs[REG_RBX] = 0x1234567812345678;
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* over the ud2 */
}

TEST(a_handler_may_change_registers)
{
    struct sigaction act = { .sa_sigaction = changes_rax, .sa_flags = SA_SIGINFO };
    unsigned long rbx = 0;

    sigaction(SIGILL, &act, NULL);
    __asm__ volatile("xor %%ebx, %%ebx; ud2; mov %%rbx, %0" : "=r"(rbx) : : "rbx");
    CHECK(rbx == 0x1234567812345678);
    signal(SIGILL, SIG_DFL);
}

static void spoils_xmm(int sig)
{
    (void)sig;
    __asm__ volatile("pcmpeqd %%xmm7, %%xmm7" : : : "xmm7");
}

TEST(float_registers_come_back)
{
    double in = 3.5, out;

    handle(SIGUSR1, spoils_xmm, 0);
    long pid = getpid(), result;
    __asm__ volatile("movsd %2, %%xmm7\n syscall\n movsd %%xmm7, %1"
                     : "=a"(result), "=m"(out)
                     : "m"(in), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "memory", "xmm7");
    CHECK_EQ(result, 0);
    CHECK(out == 3.5);
}

static void changes_xmm(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    double x = 9.75;

    (void)sig, (void)si;
    memcpy(&uc->uc_mcontext.fpregs->_xmm[7], &x, sizeof x);
}

TEST(a_handler_may_change_float_registers)
{
    struct sigaction act = { .sa_sigaction = changes_xmm, .sa_flags = SA_SIGINFO };
    double in = 3.5, out;

    sigaction(SIGUSR1, &act, NULL);
    long pid = getpid(), result;
    __asm__ volatile("movsd %2, %%xmm7\n syscall\n movsd %%xmm7, %1"
                     : "=a"(result), "=m"(out)
                     : "m"(in), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "memory", "xmm7");
    CHECK_EQ(result, 0);
    CHECK(out == 9.75);
}

static unsigned magic1, magic2, extended, xsize;
static unsigned long uc_flags;

static void looks_at_frame(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    unsigned char *fp = (unsigned char *)uc->uc_mcontext.fpregs;

    (void)sig, (void)si;
    uc_flags = uc->uc_flags;
    memcpy(&magic1, fp + 464, 4);
    memcpy(&extended, fp + 468, 4);
    memcpy(&xsize, fp + 480, 4);
    if (magic1 == 0x46505853)
        memcpy(&magic2, fp + xsize, 4);
}

TEST(the_frame_has_xsave_state)
{
    struct sigaction act = { .sa_sigaction = looks_at_frame, .sa_flags = SA_SIGINFO };

    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    CHECK_EQ(magic1, 0x46505853);
    CHECK_EQ(magic2, 0x46505845);
    CHECK_EQ(extended, xsize + 4);
    CHECK_EQ(uc_flags, 7);
}

/* ---- calls that a signal cuts short ---- */

static int reads_with(int flags)
{
    int p[2];
    char c;
    struct sigaction act = { .sa_handler = counts, .sa_flags = flags };

    if (pipe(p) != 0)
        return -1;
    sigaction(SIGALRM, &act, NULL);
    count = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct timespec ts = { 0, 30000000 };
        until_asleep(getppid(), getppid());
        kill(getppid(), SIGALRM);
        nanosleep(&ts, NULL);
        _exit(write(p[1], "x", 1) != 1);
    }
    errno = 0;
    long n = read(p[0], &c, 1);
    int err = errno;
    close(p[0]);
    close(p[1]);
    waitpid(pid, NULL, 0);
    return n == 1 ? 1 : -err;
}

TEST(a_read_is_cut_short)
{
    CHECK_EQ(reads_with(0), -EINTR);
    CHECK_EQ(count, 1);
}

TEST(a_read_goes_on_with_sa_restart)
{
    CHECK_EQ(reads_with(SA_RESTART), 1);
    CHECK_EQ(count, 1);
}

TEST(nobody_waits_for_children_that_are_ignored)
{
    int status;

    signal(SIGCHLD, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

TEST(nocldwait_leaves_no_zombies)
{
    struct sigaction act = { .sa_handler = counts, .sa_flags = SA_NOCLDWAIT | SA_RESTART };
    int status;

    sigaction(SIGCHLD, &act, NULL);
    count = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
    CHECK_EQ(count, 1);
    signal(SIGCHLD, SIG_DFL);
}

MAIN
