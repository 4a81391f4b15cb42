/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=64 --timeout=60s */
/* ends: 0 */
/* Many threads fork at one moment, when there is room for few: no more are born than there is. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib.h"

#define THREADS 56
#define LIMIT   64

static struct {
    _Atomic int born, round, over;
} * shared;

static pthread_barrier_t all;

static _Noreturn void live(int round)
{
    if (++shared->born > LIMIT - THREADS - 1)
        shared->over = 1;
    while (shared->round == round)
        sleep_ms(1);
    _exit(0);
}

/* CLONE_PIDFD: what comes between a number and a place takes longer. */
static pid_t fork_slowly(void)
{
    int fd;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, 0);

    if (pid > 0)
        close(fd);
    return pid;
}

static void *forks(void *arg)
{
    for (int round = 0; round < effort(60); round++) {
        pthread_barrier_wait(&all);
        pid_t pid = fork_slowly();
        if (pid == 0)
            live(round);
        pthread_barrier_wait(&all);
        if (arg) {
            sleep_ms(2);
            shared->born = 0;
            shared->round = round + 1;
        }
        pthread_barrier_wait(&all);
        if (pid > 0)
            waitpid(pid, NULL, 0);
        pthread_barrier_wait(&all);
    }
    return NULL;
}

int main(void)
{
    static pthread_t threads[THREADS];

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, forks, i ? NULL : shared))
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (shared->over)
        breach("more tasks than the limit");
    puts("survived");
    return 0;
}
