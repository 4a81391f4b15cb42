/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --timeout=60s */
/* ends: 0 */
/*
 * Every call that changes, reads or describes memory, aimed at the top of the address space,
 * where a sandbox may have pages of its own: unmapped, mapped over, moved away and onto, given
 * other rights, read and written by proxy. None may succeed, and calls must go on to work. munmap()
 * says that it did, as of addresses where nothing is.
 */
#include <sys/shm.h>
#include <sys/uio.h>

#include "lib.h"

#define PAGE 4096ul

static uintptr_t limit; /* the first address that is not ours to map */
static char *page;      /* one that is */

static bool maps_at(uintptr_t at)
{
    void *p =
        mmap((void *)at, PAGE, PROT_NONE, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return errno == EEXIST;
    munmap(p, PAGE);
    return true;
}

/* By halves: all below can be mapped, and nothing above. */
static void find_limit(void)
{
    uintptr_t low = 0x10000000, high = 0x800000000000;

    while (high - low > PAGE) {
        uintptr_t middle = (low + (high - low) / 2) & -PAGE;
        if (maps_at(middle))
            low = middle;
        else
            high = middle;
    }
    limit = high;
}

static void must_fail(long got, const char *what, uintptr_t at)
{
    if (got >= 0) {
        dprintf(2, "%s at %lx gave %ld\n", what, at, got);
        breach("memory beyond the end was changed");
    }
}

static void change(uintptr_t at, size_t size)
{
    static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE | PROT_EXEC };
    static const int advice[] = { MADV_DONTNEED, MADV_REMOVE,   MADV_FREE,
                                  MADV_DONTFORK, MADV_WILLNEED, 21 /* MADV_PAGEOUT */ };

    syscall(SYS_munmap, at, size);
    for (size_t i = 0; i < COUNT(prots); i++) {
        must_fail(syscall(SYS_mprotect, at, size, prots[i]), "mprotect", at);
        must_fail(syscall(SYS_pkey_mprotect, at, size, prots[i], -1), "pkey_mprotect", at);
        must_fail(
            syscall(SYS_mmap, at, size, prots[i], MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            "mmap", at);
    }
    for (size_t i = 0; i < COUNT(advice); i++)
        must_fail(syscall(SYS_madvise, at, size, advice[i]), "madvise", at);
    must_fail(syscall(SYS_mremap, at, size, 2 * size, MREMAP_MAYMOVE), "mremap from", at);
    must_fail(syscall(SYS_mremap, at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, 0x500000000000),
              "mremap from", at);
    must_fail(syscall(SYS_mremap, page, PAGE, size, MREMAP_MAYMOVE | MREMAP_FIXED, at),
              "mremap onto", at);
    must_fail(syscall(SYS_remap_file_pages, at, size, 0, 0, 0), "remap_file_pages", at);
    must_fail(syscall(SYS_mlock, at, size), "mlock", at);
    must_fail(syscall(SYS_msync, at, size, MS_SYNC | MS_INVALIDATE), "msync", at);
    must_fail(syscall(SYS_mincore, at, size, page), "mincore", at);
}

/* By way of the kernel, into our own process and out of it. */
static void reach(uintptr_t at)
{
    struct iovec here = { page, 8 }, there = { (void *)at, 8 };
    int mem = open("/proc/self/mem", O_RDWR), zero = open("/dev/zero", O_RDONLY), p[2];

    if (pipe(p) || write(p[1], "12345678", 8) != 8)
        _exit(0);
    must_fail(read(p[0], (void *)at, 8), "read into", at);
    must_fail(write(p[1], (void *)at, 8), "write from", at);
    must_fail(read(zero, (void *)at, 8), "read of zeros into", at);
    must_fail(process_vm_readv(getpid(), &here, 1, &there, 1, 0), "process_vm_readv", at);
    must_fail(process_vm_writev(getpid(), &here, 1, &there, 1, 0), "process_vm_writev", at);
    must_fail(syscall(SYS_futex, at, 1, 1, NULL, NULL, 0), "futex", at);
    must_fail(syscall(SYS_rt_sigaction, SIGUSR1, at, NULL, 8), "rt_sigaction", at);
    must_fail(syscall(SYS_getrandom, at, 8, 0), "getrandom", at);
    if (mem >= 0) {
        must_fail(pread(mem, page, 8, (off_t)at) > 0 ? 0 : -1, "/proc/self/mem read", at);
        must_fail(pwrite(mem, page, 8, (off_t)at) > 0 ? 0 : -1, "/proc/self/mem write", at);
    }
    close(mem), close(zero), close(p[0]), close(p[1]);
}

static void attach(uintptr_t at)
{
    int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);

    if (id < 0)
        return;
    must_fail(shmat(id, (void *)at, 0) == (void *)-1 ? -1 : 0, "shmat", at);
    must_fail(shmat(id, (void *)at, SHM_REMAP) == (void *)-1 ? -1 : 0, "shmat", at);
    shmctl(id, IPC_RMID, NULL);
}

/* Ranges that begin in what is ours: what is beyond must not be touched by halves. */
static void across(void)
{
    uintptr_t at = limit - PAGE;

    if (mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
             MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        return;
    *(volatile char *)at = 'x';
    must_fail(syscall(SYS_mmap, at, 2 * PAGE, 3, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
              "mmap across", at);
    must_fail(syscall(SYS_mremap, at, PAGE, 2 * PAGE, 0), "mremap across", at);
    must_fail(syscall(SYS_mprotect, at, 2 * PAGE, PROT_NONE), "mprotect across", at);
    syscall(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE);
    if (*(volatile char *)at != 'x')
        breach("memory at the end has changed");
    if (munmap((void *)at, 2 * PAGE))
        breach("memory at the end could not be unmapped with what is beyond");
}

int main(void)
{
    struct dice d = { 1 };

    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    find_limit();
    if (limit < 0x700000000000)
        breach("an address space of an odd size");
    for (int i = 0; i < effort(300); i++) {
        uintptr_t room = 0x7ffffffff000 - limit;
        uintptr_t at = limit + (room ? roll(&d) % room & -PAGE : 0);
        if (i < 64)
            at = 0x7ffffffff000 - PAGE * (uintptr_t)(1 + i);
        if (i < 128 && i % 2)
            at = limit + PAGE * (uintptr_t)(i / 2);
        if (at < limit)
            at = limit;
        change(at, PAGE << roll(&d) % 8);
        reach(at);
        attach(at);
    }
    across();
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    int status;
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
        breach("forks do not work any more");
    puts("survived");
    return 0;
}
