/* SPDX-License-Identifier: Apache-2.0 */
/* Touches memory and tells which signal that gave. */
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "lib.h"

#define PAGE ((size_t)4096)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf fault_back;
static volatile int fault_signo, fault_code;
static void *volatile fault_addr;

static void fault_handler(int signo, siginfo_t *info, void *context)
{
    (void)context;
    fault_signo = signo;
    fault_code = info->si_code;
    fault_addr = info->si_addr;
    siglongjmp(fault_back, 1);
}

/* 0, or the signal; then fault_code and fault_addr tell more. */
static int touch(volatile void *at, bool write)
{
    struct sigaction act = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO }, segv, bus;
    volatile char *p = at;

    fault_signo = 0;
    sigaction(SIGSEGV, &act, &segv);
    sigaction(SIGBUS, &act, &bus);
    if (sigsetjmp(fault_back, 1) == 0) {
        char c = *p;
        if (write)
            *p = c;
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return fault_signo;
}

static inline int reading(volatile void *at)
{
    return touch(at, false);
}

static inline int writing(volatile void *at)
{
    return touch(at, true);
}

/* Writes without reading first. */
static inline int storing(volatile void *at)
{
    struct sigaction act = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO }, segv, bus;

    fault_signo = 0;
    sigaction(SIGSEGV, &act, &segv);
    sigaction(SIGBUS, &act, &bus);
    if (sigsetjmp(fault_back, 1) == 0)
        *(volatile char *)at = 1;
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return fault_signo;
}

/* Anonymous private memory, or the test program ends. */
static inline char *anon(size_t size, int prot)
{
    char *p = mmap(NULL, size, prot, ANON, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

/* A file without a name in /tmp, of `pages` pages, each beginning with 'a', 'b', … */
static inline int file_of_pages(int pages)
{
    char name[] = "/tmp/guest_mem.XXXXXX";
    int fd = mkstemp(name);

    unlink(name);
    for (int i = 0; i < pages; i++) {
        char page[4096];
        memset(page, 'a' + i, sizeof page);
        if (pwrite(fd, page, sizeof page, (off_t)i * 4096) != sizeof page)
            perror("pwrite");
    }
    return fd;
}
