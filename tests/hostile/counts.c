/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=100 --timeout=60s */
/* ends: 0 124 137 */
/*
 * Counts, sizes, offsets and times that are as large as their types, or that overflow
 * when one more is added to them.
 */
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "lib.h"

static const int64_t big[] = { INT_MAX,
                               UINT_MAX,
                               (int64_t)1 << 31,
                               (int64_t)1 << 32,
                               (int64_t)1 << 40,
                               (int64_t)1 << 47,
                               (int64_t)1 << 62,
                               INT64_MAX,
                               INT64_MAX - 1,
                               INT64_MIN,
                               -1,
                               -4096,
                               INT_MAX - 4095 };
static char *some;

static void on_files(int64_t n)
{
    char name[] = "/tmp/countXXXXXX";
    int f = mkstemp(name), zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR),
        d = open("/", O_RDONLY);
    struct iovec v[3] = {
        {some,  (size_t)n},
        { some, (size_t)n},
        { some, 4096     }
    };
    off_t off = n;
    int p[2], size = (int)n;

    (void)!pipe2(p, O_NONBLOCK);
    unlink(name);
    (void)!syscall(SYS_read, zero, some, n);
    (void)!syscall(SYS_write, null, some, n);
    (void)!syscall(SYS_write, p[1], some, n);
    (void)!syscall(SYS_pread64, f, some, n, n);
    (void)!syscall(SYS_pwrite64, f, some, 4096, n);
    (void)!readv(zero, v, 3);
    (void)!writev(p[1], v, (int)n);
    (void)!syscall(SYS_preadv2, f, v, 3, n, n, 0);
    (void)!syscall(SYS_lseek, f, n, SEEK_SET);
    (void)!syscall(SYS_lseek, f, n, SEEK_CUR);
    (void)!syscall(SYS_lseek, f, n, SEEK_END);
    (void)!syscall(SYS_lseek, f, n, SEEK_DATA);
    (void)!write(f, some, 4096);
    (void)!ftruncate(f, n);
    (void)!fallocate(f, 0, n, n);
    (void)!fallocate(f, 3, 1, n);
    (void)!syscall(SYS_getdents64, d, some, n);
    (void)!syscall(SYS_sendfile, p[1], f, &off, n);
    (void)!syscall(SYS_splice, f, &off, p[1], NULL, n, 0);
    (void)!syscall(SYS_tee, p[0], p[1], n, 0);
    (void)!syscall(SYS_vmsplice, p[1], v, 3, 0);
    (void)!syscall(SYS_copy_file_range, f, &off, f, NULL, n, 0);
    (void)!syscall(SYS_fadvise64, f, n, n, 0);
    (void)!syscall(SYS_readahead, f, n, n);
    (void)!syscall(SYS_sync_file_range, f, n, n, 7);
    (void)!fcntl(p[0], F_SETPIPE_SZ, size);
    (void)!fcntl(f, F_DUPFD, size);
    (void)!fcntl(f, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_start = n, .l_len = n });
    (void)!fcntl(f, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_start = 0, .l_len = n });
    (void)!syscall(SYS_readlink, "/proc/self/exe", some, n);
    (void)!syscall(SYS_getcwd, some, n);
    (void)!syscall(SYS_getxattr, "/", "user.x", some, n);
    (void)!syscall(SYS_setxattr, name, "user.x", some, n, 0);
    (void)!syscall(SYS_close_range, (unsigned)n | 100, (unsigned)n | 200, 0);
    (void)!syscall(SYS_dup2, f, n);
    for (int fd = 3; fd < 20; fd++)
        close(fd);
}

static void on_memory(int64_t n)
{
    struct iovec v = { some, (size_t)n };
    void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("m", 0);

    mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
         0);
    syscall(SYS_mmap, n & ~4095, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
            0);
    syscall(SYS_mmap, 0, 65536, 3, MAP_SHARED, fd, n & ~4095);
    syscall(SYS_mmap, n & ~4095, n, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    syscall(SYS_mremap, p, 65536, n, MREMAP_MAYMOVE, 0);
    syscall(SYS_mremap, p, 65536, 65536, MREMAP_MAYMOVE | MREMAP_FIXED, n & ~4095);
    syscall(SYS_mremap, n & ~4095, 4096, 65536, MREMAP_MAYMOVE, 0);
    syscall(SYS_mprotect, n & ~4095, n, 1);
    syscall(SYS_madvise, n & ~4095, n, 4);
    syscall(SYS_madvise, p, n, n);
    syscall(SYS_msync, p, n, 4);
    syscall(SYS_mlock, p, n);
    syscall(SYS_mincore, p, n, some);
    syscall(SYS_brk, n);
    syscall(SYS_remap_file_pages, p, n, 0, n, 0);
    syscall(SYS_process_vm_readv, getpid(), &v, 1, &v, n, 0);
    syscall(SYS_process_madvise, -1, &v, n, 4, 0);
    syscall(SYS_membarrier, n, n, n);
    syscall(SYS_getrandom, some, n, 0);
    close(fd);
}

static void on_waits(int64_t n)
{
    struct timespec t = { 0, 0 }, odd = { n, n };
    struct itimerval it = {
        {n,  n},
        { n, n}
    };
    struct itimerspec its = {
        {n,  0        },
        { n, 999999999}
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, 0), ev = eventfd(0, EFD_NONBLOCK),
        ep = epoll_create1(0);
    uint64_t v = (uint64_t)n;
    timer_t timer;

    syscall(SYS_ppoll, some, n, &t, NULL, 8);
    syscall(SYS_pselect6, n, some, some, some, &t, NULL);
    syscall(SYS_pselect6, 8, NULL, NULL, NULL, &odd, NULL);
    syscall(SYS_epoll_wait, ep, some, n, 0);
    syscall(SYS_epoll_create, n);
    setitimer(ITIMER_REAL, &it, NULL);
    setitimer(ITIMER_VIRTUAL, &it, NULL);
    timerfd_settime(fd, 0, &its, NULL);
    timerfd_settime(fd, TFD_TIMER_ABSTIME,
                    &(struct itimerspec){
                        .it_value = {0,  1},
                          .it_interval = { 0, 1}
    },
                    NULL);
    timer_create(CLOCK_REALTIME, NULL, &timer);
    timer_settime(timer, 0, &its, NULL);
    (void)!write(ev, &v, 8);
    (void)!write(ev, &v, 8);
    syscall(SYS_futex, some, 0x80 | 9, *(int *)some, &t, NULL, n);
    syscall(SYS_futex, some, 1, n, NULL, NULL, 0);
    syscall(SYS_futex, some, 3, n, n, some + 4, 0);
    syscall(SYS_futex, some, 5, n, n, some + 4, n);
    syscall(SYS_futex_waitv, some, n, 0, &t, 1);
    syscall(SYS_semop, 0, some, n);
    close(fd), close(ev), close(ep);
}

static void on_others(int64_t n)
{
    int s[2];
    struct rlimit64 limit = { (uint64_t)n, (uint64_t)n };
    struct msghdr m = { .msg_iov = (void *)some,
                        .msg_iovlen = (size_t)n,
                        .msg_control = some,
                        .msg_controllen = (size_t)n };
    struct mmsghdr many[2] = { { .msg_hdr = m }, { .msg_hdr = m } };

    (void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
    syscall(SYS_sendto, s[0], some, n, MSG_NOSIGNAL, some, n);
    syscall(SYS_recvfrom, s[1], some, n, 0, some, some + 64);
    sendmsg(s[0], &m, MSG_NOSIGNAL);
    recvmsg(s[1], &m, 0);
    syscall(SYS_sendmmsg, s[0], many, n, 0);
    syscall(SYS_recvmmsg, s[1], many, n, 0, NULL);
    for (int opt = 0; opt < 80; opt++) {
        syscall(SYS_setsockopt, s[0], SOL_SOCKET, opt, some, n);
        *(int *)(some + 64) = (int)n;
        syscall(SYS_getsockopt, s[0], SOL_SOCKET, opt, some, some + 64);
    }
    syscall(SYS_bind, s[0], some, n);
    syscall(SYS_listen, s[0], n);
    syscall(SYS_setgroups, n, some);
    syscall(SYS_getgroups, n, some);
    syscall(SYS_sched_setaffinity, 0, n, some);
    syscall(SYS_sched_getaffinity, 0, n, some);
    for (int r = 0; r < 18; r++)
        if (r != RLIMIT_CPU)
            syscall(SYS_prlimit64, 0, r, NULL, &limit);
    for (int code = 0; code < 70; code++)
        if (code != PR_SET_SECCOMP)
            prctl(code, n, n, n, n);
    syscall(SYS_sethostname, some, n);
    syscall(SYS_syslog, 3, some, n);
    syscall(SYS_rt_sigaction, n, some, some, 8);
    syscall(SYS_rt_sigprocmask, 0, some, some, n);
    syscall(SYS_rt_sigqueueinfo, getpid(), n, some);
    syscall(SYS_sigaltstack, &(stack_t){ .ss_sp = some, .ss_size = (size_t)n }, NULL);
    syscall(SYS_set_robust_list, some, n);
    syscall(SYS_mount, some, some, some, n, some);
    syscall(SYS_ioctl, s[0], n, some);
    syscall(SYS_ioctl, 0, n, n);
    syscall(SYS_add_key, some, some, some, n, n);
    syscall(SYS_keyctl, n, n, n, n, n);
    close(s[0]), close(s[1]);
}

/* Arguments of exec: many, long, endless, in a ring. */
static void on_exec(int64_t n)
{
    size_t count = 1 << 20;
    char **argv = mmap(NULL, (count + 1) * sizeof *argv, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *none[] = { NULL }, *long_one = malloc(8 << 20);

    if (argv == MAP_FAILED || !long_one)
        return;
    for (size_t i = 0; i < count; i++)
        argv[i] = some;
    execve("/bin/true", argv, none);
    execve("/bin/true", none, argv);
    argv[count] = (char *)1;
    execve("/bin/true", argv, argv);
    memset(long_one, 'a', 8 << 20);
    execve("/bin/true", (char *[]){ long_one, NULL }, none);
    execve(long_one, none, none);
    execve("/bin/true", (char **)(uintptr_t)n, none);
    syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void attack(void *arg)
{
    int i = *(int *)arg;
    int64_t n = big[i / 5];

    some = before_nothing(65536);
    memset(some, i % 2 ? 0xff : 0x41, 65536);
    switch (i % 5) {
    case 0:
        on_files(n);
        break;
    case 1:
        on_memory(n);
        break;
    case 2:
        on_waits(n);
        break;
    case 3:
        on_others(n);
        break;
    default:
        on_exec(n);
        break;
    }
}

int main(void)
{
    for (int i = 0; i < (int)COUNT(big) * 5; i++)
        in_child(attack, &i, 2000);
    puts("survived");
    return 0;
}
