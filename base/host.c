/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the host. This is the only file that reads errno.
 *
 * Where libc has a function that makes just that call, it is used, since the
 * sanitizers know it; else the number is called.
 */
#include "base/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/panic.h"

#define RESULT(call)                       \
    ({                                     \
        __typeof__(call) result_ = (call); \
        result_ == -1 ? -errno : result_;  \
    })

ssize_t host_read(int fd, void *buf, size_t size)
{
    return RESULT(read(fd, buf, size));
}

ssize_t host_write(int fd, const void *buf, size_t size)
{
    return RESULT(write(fd, buf, size));
}

ssize_t host_pread(int fd, void *buf, size_t size, int64_t off)
{
    return RESULT(pread(fd, buf, size, off));
}

ssize_t host_pwrite(int fd, const void *buf, size_t size, int64_t off)
{
    return RESULT(pwrite(fd, buf, size, off));
}

/* An offset of -1 is the file's own position: one call does for both forms. */
static ssize_t vector_call(long nr, int fd, const struct iovec *iov, int count, int64_t off)
{
    return RESULT(syscall(nr, fd, iov, count, off, off < 0 ? -1L : 0L, 0));
}

ssize_t host_readv(int fd, const struct iovec *iov, int count)
{
    return vector_call(SYS_preadv2, fd, iov, count, -1);
}

ssize_t host_writev(int fd, const struct iovec *iov, int count)
{
    return vector_call(SYS_pwritev2, fd, iov, count, -1);
}

ssize_t host_preadv(int fd, const struct iovec *iov, int count, int64_t off)
{
    return off < 0 ? -EINVAL : vector_call(SYS_preadv2, fd, iov, count, off);
}

ssize_t host_pwritev(int fd, const struct iovec *iov, int count, int64_t off)
{
    return off < 0 ? -EINVAL : vector_call(SYS_pwritev2, fd, iov, count, off);
}

ssize_t host_readv_nowait(int fd, const struct iovec *iov, int count)
{
    return RESULT(syscall(SYS_preadv2, fd, iov, count, -1L, -1L, RWF_NOWAIT));
}

ssize_t host_writev_nowait(int fd, const struct iovec *iov, int count)
{
    return RESULT(syscall(SYS_pwritev2, fd, iov, count, -1L, -1L, RWF_NOWAIT));
}

ssize_t host_writev_append(int fd, const struct iovec *iov, int count)
{
    return RESULT(syscall(SYS_pwritev2, fd, iov, count, -1L, -1L, RWF_APPEND));
}

ssize_t host_copy_file_range(int in, int64_t *in_off, int out, int64_t *out_off, size_t size)
{
    return RESULT(syscall(SYS_copy_file_range, in, in_off, out, out_off, size, 0));
}

ssize_t host_read_full(int fd, void *buf, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = host_read(fd, (char *)buf + done, size - done);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t host_write_full(int fd, const void *buf, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = host_write(fd, (const char *)buf + done, size - done);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return n;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

void host_close(int fd)
{
    if (fd < 0)
        return;
    /* Linux has let the descriptor go even where it says EINTR or EIO. */
    if (close(fd) < 0 && errno == EBADF)
        panic("close(%d): not open", fd);
}

int host_fstat(int fd, struct stat *out)
{
    /* libc would ask by path (newfstatat), which the sentry's filter forbids. */
    return (int)RESULT(syscall(SYS_fstat, fd, out));
}

int host_fstatfs(int fd, struct statfs *out)
{
    return RESULT(fstatfs(fd, out));
}

int64_t host_lseek(int fd, int64_t off, int whence)
{
    return RESULT(lseek(fd, off, whence));
}

int host_ftruncate(int fd, int64_t size)
{
    return RESULT(ftruncate(fd, size));
}

int host_fallocate(int fd, int mode, int64_t off, int64_t size)
{
    return RESULT(fallocate(fd, mode, off, size));
}

int host_fsync(int fd)
{
    return RESULT(fsync(fd));
}

int host_fdatasync(int fd)
{
    return RESULT(fdatasync(fd));
}

int host_ioctl(int fd, unsigned long request, void *arg)
{
    return RESULT(ioctl(fd, request, arg));
}

int host_fcntl(int fd, int command, long arg)
{
    return RESULT(fcntl(fd, command, arg));
}

int host_openat2(int dirfd, const char *path, const struct open_how *how)
{
    struct open_how closing = *how;

    closing.flags |= O_CLOEXEC;
    return (int)RESULT(syscall(SYS_openat2, dirfd, path, &closing, sizeof closing));
}

int host_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *out)
{
    return (int)RESULT(syscall(SYS_statx, dirfd, path, flags, mask, out));
}

ssize_t host_readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
    return RESULT(readlinkat(dirfd, path, buf, size));
}

ssize_t host_getdents64(int fd, void *buf, size_t size)
{
    return RESULT(syscall(SYS_getdents64, fd, buf, size));
}

int host_mkdirat(int dirfd, const char *path, mode_t mode)
{
    return RESULT(mkdirat(dirfd, path, mode));
}

int host_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
    return RESULT(mknodat(dirfd, path, mode, dev));
}

int host_unlinkat(int dirfd, const char *path, int flags)
{
    return RESULT(unlinkat(dirfd, path, flags));
}

int host_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return RESULT(linkat(from_fd, from, to_fd, to, flags));
}

int host_symlinkat(const char *target, int dirfd, const char *path)
{
    return RESULT(symlinkat(target, dirfd, path));
}

int host_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return (int)RESULT(syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
}

int host_fchmod(int fd, mode_t mode)
{
    return RESULT(fchmod(fd, mode));
}

int host_fchmodat(int dirfd, const char *path, mode_t mode)
{
    return (int)RESULT(syscall(SYS_fchmodat, dirfd, path, mode));
}

int host_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
    return RESULT(fchownat(dirfd, path, uid, gid, flags));
}

int host_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    return (int)RESULT(syscall(SYS_utimensat, dirfd, path, times, flags));
}

ssize_t host_fgetxattr(int fd, const char *name, void *value, size_t size)
{
    return RESULT(fgetxattr(fd, name, value, size));
}

int host_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    return RESULT(fsetxattr(fd, name, value, size, flags));
}

ssize_t host_flistxattr(int fd, char *list, size_t size)
{
    return RESULT(flistxattr(fd, list, size));
}

int host_fremovexattr(int fd, const char *name)
{
    return RESULT(fremovexattr(fd, name));
}

ssize_t host_getxattr(const char *path, const char *name, void *value, size_t size)
{
    return RESULT(getxattr(path, name, value, size));
}

int host_setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
    return RESULT(setxattr(path, name, value, size, flags));
}

ssize_t host_listxattr(const char *path, char *list, size_t size)
{
    return RESULT(listxattr(path, list, size));
}

int host_removexattr(const char *path, const char *name)
{
    return RESULT(removexattr(path, name));
}

int host_mmap(void *at, size_t size, int prot, int flags, int fd, int64_t off, void **out)
{
    void *p = mmap(at, size, prot, flags, fd, off);

    if (p == MAP_FAILED)
        return -errno;
    *out = p;
    return 0;
}

int host_munmap(void *at, size_t size)
{
    return RESULT(munmap(at, size));
}

int host_mprotect(void *at, size_t size, int prot)
{
    return RESULT(mprotect(at, size, prot));
}

int host_madvise(void *at, size_t size, int advice)
{
    return RESULT(madvise(at, size, advice));
}

int host_memfd_create(const char *name, unsigned flags)
{
    return RESULT(memfd_create(name, flags | MFD_CLOEXEC));
}

ssize_t host_sendmsg(int sock, const struct msghdr *msg, int flags)
{
    return RESULT(sendmsg(sock, msg, flags | MSG_NOSIGNAL));
}

ssize_t host_recvmsg(int sock, struct msghdr *msg, int flags)
{
    return RESULT(recvmsg(sock, msg, flags | MSG_CMSG_CLOEXEC));
}

int host_socket(int family, int type, int protocol)
{
    return RESULT(socket(family, type | SOCK_CLOEXEC, protocol));
}

int host_connect(int sock, const struct sockaddr *at, socklen_t size)
{
    return RESULT(connect(sock, at, size));
}

int host_socketpair(int type, int out[2])
{
    return RESULT(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, out));
}

int host_ppoll(struct pollfd *fds, size_t count, nsec_t span)
{
    struct timespec ts = nsec_to_timespec(span);

    return RESULT(ppoll(fds, count, span == NSEC_NEVER ? NULL : &ts, NULL));
}

int host_eventfd(unsigned count, int flags)
{
    return RESULT(eventfd(count, flags | EFD_CLOEXEC));
}

int host_epoll_create(void)
{
    return RESULT(epoll_create1(EPOLL_CLOEXEC));
}

int host_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    return RESULT(epoll_ctl(epoll, op, fd, event));
}

int host_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms)
{
    return RESULT(epoll_pwait(epoll, events, count, timeout_ms, NULL));
}

nsec_t host_clock_gettime(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) < 0)
        panic("clock_gettime(%d): %d", (int)id, -errno);
    return nsec_make(ts.tv_sec, ts.tv_nsec);
}

int host_process_time(pid_t pid, nsec_t *out)
{
    struct timespec ts;
    /* The clock that clock_getcpuclockid(3) gives, which would ask the host twice. */
    clockid_t id = (clockid_t)(~(unsigned)pid << 3 | 2);

    if (clock_gettime(id, &ts) < 0)
        return -errno;
    *out = nsec_make(ts.tv_sec, ts.tv_nsec);
    return 0;
}

static int futex_wait(_Atomic uint32_t *word, uint32_t expected, nsec_t deadline, int scope)
{
    struct timespec ts = nsec_to_timespec(deadline < 0 ? 0 : deadline);

    /* The BITSET form, unlike the plain one, takes an absolute time. */
    return (int)RESULT(syscall(SYS_futex, word, FUTEX_WAIT_BITSET | scope, expected,
                               deadline == NSEC_NEVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY));
}

static int futex_wake(_Atomic uint32_t *word, int count, int scope)
{
    long woken = RESULT(syscall(SYS_futex, word, FUTEX_WAKE | scope, count, NULL, NULL, 0));

    if (woken < 0)
        panic("futex wake: %ld", woken);
    return (int)woken;
}

int host_futex_wait(_Atomic uint32_t *word, uint32_t expected, nsec_t deadline)
{
    return futex_wait(word, expected, deadline, FUTEX_PRIVATE_FLAG);
}

int host_futex_wake(_Atomic uint32_t *word, int count)
{
    return futex_wake(word, count, FUTEX_PRIVATE_FLAG);
}

int host_futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, nsec_t deadline)
{
    return futex_wait(word, expected, deadline, 0);
}

int host_futex_wake_shared(_Atomic uint32_t *word, int count)
{
    return futex_wake(word, count, 0);
}

pid_t host_getpid(void)
{
    return getpid();
}

pid_t host_gettid(void)
{
    return gettid();
}

int host_tgkill(pid_t pid, pid_t tid, int sig)
{
    return (int)RESULT(syscall(SYS_tgkill, pid, tid, sig));
}

pid_t host_wait4(pid_t pid, int *status, int options)
{
    return (pid_t)RESULT(syscall(SYS_wait4, pid, status, options, NULL));
}

long host_ptrace(long request, pid_t pid, void *at, void *data)
{
    /* The number, not libc's function, which changes what the PEEK requests give. */
    return RESULT(syscall(SYS_ptrace, request, pid, at, data));
}

int host_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
    return RESULT(sigaction(sig, act, old));
}

int host_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return RESULT(sigprocmask(how, set, old));
}

int host_sigaltstack(const stack_t *stack, stack_t *old)
{
    return RESULT(sigaltstack(stack, old));
}

int host_sched_getaffinity(pid_t tid, size_t size, cpu_set_t *out)
{
    return RESULT(sched_getaffinity(tid, size, out));
}

int host_sched_setaffinity(pid_t tid, size_t size, const cpu_set_t *set)
{
    return RESULT(sched_setaffinity(tid, size, set));
}

int host_getcpu(void)
{
    int cpu = sched_getcpu(); /* by rseq or the vDSO: not a call */

    return cpu < 0 ? 0 : cpu;
}

void host_sched_yield(void)
{
    sched_yield();
}

void host_exit(int status)
{
    _exit(status);
}

void host_abort(void)
{
    abort();
}

int host_seccomp(const struct sock_fprog *prog)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    /* With TSYNC a thread that cannot follow is the (positive) result. */
    long err =
        RESULT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, prog));
    return err > 0 ? -EBUSY : (int)err;
}

void host_getrandom(void *buf, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)buf + done, size - done, 0);
        if (n < 0 && errno != EINTR)
            panic("getrandom: %d", -errno);
        done += n > 0 ? (size_t)n : 0;
    }
}
