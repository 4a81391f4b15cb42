/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=128m --pids=100 --timeout=150s */
/* ends: 0 137 */
/*
 * All ways to use memory up, each in a child that the OOM killer may take: pages, page
 * tables, ranges, files in memory, pipes, sockets, strings of the kernel's own.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "lib.h"

static char block[1 << 20];

static void touch(void *arg)
{
    (void)arg;
    for (;;) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return;
        memset(p, 1, 1 << 20);
    }
}

static void shared(void *arg)
{
    (void)arg;
    for (;;) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return;
        memset(p, 1, 1 << 20);
    }
}

static void memfds(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = memfd_create("m", 0);
        if (fd < 0 || write(fd, block, sizeof block) < 0)
            return;
    }
}

static void tmpfs(void *arg)
{
    int fd = open("/tmp/big", O_CREAT | O_WRONLY, 0600);

    (void)arg;
    while (write(fd, block, sizeof block) > 0)
        ;
    unlink("/tmp/big");
}

static void inodes(void *arg)
{
    char name[64];

    (void)arg;
    mkdir("/tmp/many", 0700);
    for (int i = 0; i < effort(30000); i++) {
        snprintf(name, sizeof name, "/tmp/many/%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0)
            return;
        close(fd);
    }
}

/* One page in every 2 MB, then one in every GB: more page tables than pages. */
static void page_tables(void *arg)
{
    size_t step = (size_t)1 << (*(int *)arg ? 30 : 21), size = (size_t)1 << (*(int *)arg ? 45 : 36);
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p == MAP_FAILED)
        return;
    for (size_t at = 0; at < size; at += step)
        p[at] = 1;
}

/* As many ranges as there may be: neighbours that cannot be one. */
static void ranges(void *arg)
{
    char *p = mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)arg;
    if (p == MAP_FAILED)
        return;
    for (int i = 0; i < effort(10000); i++) {
        p[(size_t)i * 8192] = 1;
        if (mprotect(p + (size_t)i * 8192, 4096, PROT_READ))
            break;
    }
    if (fork() == 0)
        _exit(0);
    munmap(p, (size_t)1 << 30);
}

static void pipes(void *arg)
{
    int p[2];

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100000, 100000 });
    while (pipe2(p, O_NONBLOCK) == 0) {
        fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
        while (write(p[1], block, sizeof block) > 0)
            ;
    }
}

static void sockets(void *arg)
{
    int s[2], size = 1 << 30;

    (void)arg;
    while (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s) == 0) {
        setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        for (int i = 0; i < 1000 && send(s[0], block, 100000, MSG_NOSIGNAL) > 0; i++)
            ;
        for (int i = 0; i < 1000 && send(s[0], block, 0, MSG_NOSIGNAL) >= 0; i++)
            ;
    }
}

static void signals(void *arg)
{
    sigset_t all;

    (void)arg;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int i = 0; i < 200000; i++)
        if (sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }))
            return;
}

static void timers(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200000; i++) {
        timer_t t;
        if (timer_create(CLOCK_MONOTONIC, &(struct sigevent){ .sigev_notify = SIGEV_NONE }, &t))
            return;
    }
}

/* Written by forked children at once: every copy of a page is a new page. */
static void copies(void *arg)
{
    char *p = mmap(NULL, 40 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)arg;
    memset(p, 1, 40 << 20);
    for (int i = 0; i < 10; i++)
        if (fork() == 0) {
            memset(p, 2, 40 << 20);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
}

static void locks(void *arg)
{
    int fd = open("/tmp/locks", O_CREAT | O_RDWR, 0600);

    (void)arg;
    for (int i = 0; i < effort(20000); i++)
        if (fcntl(fd, F_SETLK,
                  &(struct flock){
                      .l_type = i % 2 ? F_RDLCK : F_WRLCK, .l_start = i * 2, .l_len = 1 }))
            return;
}

int main(void)
{
    void (*const attacks[])(void *) = { touch,       shared, memfds, tmpfs,   inodes,
                                        page_tables, ranges, pipes,  sockets, signals,
                                        timers,      copies, locks };
    int one = 1;

    memset(block, 1, sizeof block);
    for (size_t i = 0; i < COUNT(attacks); i++) {
        in_child(attacks[i], &(int){ 0 }, 6000);
        unlink("/tmp/big");
        unlink("/tmp/locks");
    }
    in_child(page_tables, &one, 6000);
    in_child(touch, NULL, 6000);
    puts("survived");
    return 0;
}
