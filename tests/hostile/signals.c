/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=100 --timeout=60s */
/* ends: 0 124 137 */
/*
 * Signals faster than they can be handled, handlers without a stack, stacks that are taken
 * away while a handler runs, stops and kills of who is in the middle of something.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "lib.h"

static volatile bool over;
static volatile int seen;
static pthread_t threads[6];

static void handler(int s)
{
    (void)s;
    seen++;
}

static void *shoot(void *arg)
{
    struct dice d = { (uint64_t)(uintptr_t)arg };

    while (!over) {
        switch (roll(&d) % 4) {
        case 0:
            kill(getpid(), SIGRTMIN + (int)(roll(&d) % 20));
            break;
        case 1:
            syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
            break;
        case 2:
            sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 1 });
            break;
        default:
            raise(SIGUSR2);
            break;
        }
    }
    return NULL;
}

static void storm(void *arg)
{
    struct sigaction a = { .sa_handler = handler, .sa_flags = *(int *)arg };

    for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
        sigaction(s, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGUSR2, &a, NULL);
    setitimer(ITIMER_REAL,
              &(struct itimerval){
                  {0,  50},
                  { 0, 50}
    },
              NULL);
    signal(SIGALRM, handler);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, shoot, (void *)(i + 1));
    sleep_ms(700);
    over = true;
    sleep_ms(100);
}

static void recurse(int s)
{
    raise(s);
}

static void nested(void *arg)
{
    (void)arg;
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = recurse, .sa_flags = SA_NODEFER }, NULL);
    raise(SIGUSR1);
}

static void on_bad_stack(void *arg)
{
    static const uint64_t stacks[] = {
        0, 8, 0x7ffffffff000, 0x800000000000, 0xffffffff81000000, 0x8000000000000000
    };
    uint64_t at = stacks[*(int *)arg % 6];
    stack_t st = { .ss_sp = (void *)(uintptr_t)at, .ss_size = 65536 };

    syscall(SYS_sigaltstack, &st, NULL);
    sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = handler, .sa_flags = SA_ONSTACK }, NULL);
    if (*(int *)arg < 6)
        raise(SIGSEGV);
    else
        __asm__ volatile("mov %0, %%rsp\n push %%rax" : : "r"(at) : "memory");
}

static void to_bad_handler(void *arg)
{
    static const uint64_t handlers[] = {
        2, 0x1000, 0x7fffffffffff, 0x800000000000, 0xffffffffff600000, 0xffffffff81000000
    };
    uint64_t act[4] = { handlers[*(int *)arg % 6], 0x04000000, handlers[*(int *)arg % 6], 0 };

    syscall(SYS_rt_sigaction, SIGUSR1, act, NULL, 8);
    raise(SIGUSR1);
}

static void *unmap_stack(void *arg)
{
    uintptr_t here = (uintptr_t)&arg & ~(uintptr_t)4095;

    munmap((void *)(here - 65536), 65536 + 8192);
    return NULL;
}

static void no_stack(void *arg)
{
    pthread_t t;

    (void)arg;
    signal(SIGSEGV, handler);
    pthread_create(&t, NULL, unmap_stack, NULL);
    pthread_join(t, NULL);
}

/* The frame is written over by another thread between delivery and return. */
static ucontext_t *volatile frame;

static void leak_frame(int s, siginfo_t *info, void *context)
{
    (void)s, (void)info;
    frame = context;
    for (volatile int i = 0; i < 20000; i++)
        ;
}

static _Noreturn void *scribble(void *arg)
{
    struct dice d = { 3 };

    (void)arg;
    for (;;)
        if (frame)
            ((volatile uint64_t *)frame)[roll(&d) % 100] = roll(&d);
}

static void forged(void *arg)
{
    pthread_t t;

    (void)arg;
    sigaction(SIGUSR1, &(struct sigaction){ .sa_sigaction = leak_frame, .sa_flags = SA_SIGINFO },
              NULL);
    pthread_create(&t, NULL, scribble, NULL);
    for (int i = 0; i < 100; i++)
        raise(SIGUSR1);
}

static void stop_and_go(void *arg)
{
    pid_t pids[10];

    (void)arg;
    for (int i = 0; i < 10; i++)
        if ((pids[i] = fork()) == 0)
            for (;;) {
                int p[2];
                if (pipe(p) == 0)
                    close(p[0]), close(p[1]);
                if (fork() == 0)
                    _exit(0);
                wait(NULL);
            }
    struct dice d = { 9 };
    for (int i = 0; i < 2000; i++) {
        static const int s[] = { SIGSTOP, SIGCONT, SIGTSTP, SIGCONT, SIGUSR1 };
        kill(pids[roll(&d) % 10], s[roll(&d) % 5]);
        waitpid(-1, NULL, WNOHANG | WUNTRACED | WCONTINUED);
    }
    for (int i = 0; i < 10; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
}

static void everyone(void *arg)
{
    (void)arg;
    setpgid(0, 0);
    kill(0, SIGSEGV);
    raise(SIGKILL);
}

int main(void)
{
    static const int flags[] = { 0, SA_NODEFER, SA_RESTART | SA_SIGINFO, (int)SA_RESETHAND };

    for (size_t i = 0; i < COUNT(flags); i++)
        in_child(storm, (void *)&flags[i], 3000);
    in_child(nested, NULL, 5000);
    for (int i = 0; i < 12; i++)
        in_child(on_bad_stack, &i, 1000);
    for (int i = 0; i < 6; i++)
        in_child(to_bad_handler, &i, 1000);
    in_child(no_stack, NULL, 1000);
    for (int i = 0; i < effort(5); i++)
        in_child(forged, NULL, 2000);
    in_child(stop_and_go, NULL, 10000);
    in_child(everyone, NULL, 1000);
    puts("survived");
    return 0;
}
