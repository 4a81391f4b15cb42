/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls and their like cost a program, in microseconds each: a plain static
 * program, to be run natively and in a sandbox.
 *
 *     make MODE=release build/release/bench/calls
 *     runsc do --platform=systrap -- build/release/bench/calls
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static int null_fd, there[2], back[2];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void call(void)
{
    syscall(SYS_getppid);
}

static void write_null(void)
{
    (void)!write(null_fd, "x", 1);
}

static void pipe_self(void)
{
    char c = 'x';

    (void)!write(there[1], &c, 1);
    (void)!read(there[0], &c, 1);
}

static void ping_pong(void)
{
    char c = 'x';

    (void)!write(there[1], &c, 1);
    (void)!read(back[0], &c, 1);
}

static void on_signal(int sig)
{
    handled = sig;
}

static void signal_self(void)
{
    kill(getpid(), SIGUSR1);
}

static void *nothing(void *arg)
{
    return arg;
}

static void thread(void)
{
    pthread_t t;

    pthread_create(&t, NULL, nothing, NULL);
    pthread_join(t, NULL);
}

static void fork_wait(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
}

static void exec_wait(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

static void map(void)
{
    void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(p, 65536);
}

static void map_touch(void)
{
    char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < 16; i++)
        p[i * 4096] = 1;
    munmap(p, 65536);
}

static void measure(const char *what, void (*f)(void), int times)
{
    for (int i = 0; i < times / 10 + 1; i++)
        f();
    double since = now();
    for (int i = 0; i < times; i++)
        f();
    printf("%-28s %9.2f us\n", what, (now() - since) / times);
    fflush(stdout);
}

/* Answers each byte of one pipe on another, in a process of its own. */
static pid_t start_echo(void)
{
    pid_t pid = fork();
    char c;

    if (pid == 0) {
        while (read(there[0], &c, 1) == 1)
            (void)!write(back[1], &c, 1);
        _exit(0);
    }
    return pid;
}

int main(void)
{
    null_fd = open("/dev/null", O_WRONLY);
    if (null_fd < 0 || pipe(there) || pipe(back))
        return 1;
    signal(SIGUSR1, on_signal);
    measure("getppid", call, 50000);
    measure("write /dev/null", write_null, 50000);
    measure("pipe, write and read", pipe_self, 20000);
    measure("signal, handled", signal_self, 5000);
    measure("mmap, munmap 64 KiB", map, 3000);
    measure("the same, all touched", map_touch, 1000);
    measure("thread, create and join", thread, 1000);
    measure("fork, exit, wait", fork_wait, 300);
    measure("vfork, exec true, wait", exec_wait, 100);
    pid_t pid = start_echo();
    measure("pipe, there and back", ping_pong, 3000);
    kill(pid, SIGKILL);
    return 0;
}
