/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call that we make of the host, as a function that gives -errno. Which
 * process may make which is in hostcalls.def.
 *
 * All are as their man pages say, but: a failure is the negative errno; nothing
 * is retried, so EINTR comes through; descriptors are made close-on-exec.
 * Each is must_use unless it cannot fail in a way that the caller could mend.
 */
#pragma once

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/cc.h"
#include "base/time.h"

struct open_how;

/* Bytes */

must_use ssize_t host_read(int fd, void *buf, size_t size);
must_use ssize_t host_write(int fd, const void *buf, size_t size);
must_use ssize_t host_pread(int fd, void *buf, size_t size, int64_t off);
must_use ssize_t host_pwrite(int fd, const void *buf, size_t size, int64_t off);
must_use ssize_t host_readv(int fd, const struct iovec *iov, int count);
must_use ssize_t host_writev(int fd, const struct iovec *iov, int count);
must_use ssize_t host_preadv(int fd, const struct iovec *iov, int count, int64_t off);
must_use ssize_t host_pwritev(int fd, const struct iovec *iov, int count, int64_t off);
/* EAGAIN where it would wait; EOPNOTSUPP where the file knows no such calls: RWF_NOWAIT. */
must_use ssize_t host_readv_nowait(int fd, const struct iovec *iov, int count);
must_use ssize_t host_writev_nowait(int fd, const struct iovec *iov, int count);
/* At the end, wherever that is at that moment: O_APPEND for one call. */
must_use ssize_t host_writev_append(int fd, const struct iovec *iov, int count);
must_use ssize_t host_copy_file_range(int in, int64_t *in_off, int out, int64_t *out_off,
                                      size_t size);

/* One read or write until `size` bytes are done, the end comes, or an error. EINTR is retried. */
must_use ssize_t host_read_full(int fd, void *buf, size_t size);
must_use ssize_t host_write_full(int fd, const void *buf, size_t size);

/* Files by descriptor */

void host_close(int fd); /* -1 is nothing; panics on EBADF, which is a mistake of ours */
must_use int host_fstat(int fd, struct stat *out);
must_use int host_fstatfs(int fd, struct statfs *out);
must_use int64_t host_lseek(int fd, int64_t off, int whence);
must_use int host_ftruncate(int fd, int64_t size);
must_use int host_fallocate(int fd, int mode, int64_t off, int64_t size);
must_use int host_fsync(int fd);
must_use int host_fdatasync(int fd);
must_use int host_ioctl(int fd, unsigned long request, void *arg);
must_use int host_fcntl(int fd, int command, long arg);

/* Files by name: the gofer's */

must_use int host_openat2(int dirfd, const char *path, const struct open_how *how);
must_use int host_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *out);
must_use ssize_t host_readlinkat(int dirfd, const char *path, char *buf, size_t size);
must_use ssize_t host_getdents64(int fd, void *buf, size_t size);
must_use int host_mkdirat(int dirfd, const char *path, mode_t mode);
must_use int host_mknodat(int dirfd, const char *path, mode_t mode, dev_t dev);
must_use int host_unlinkat(int dirfd, const char *path, int flags);
must_use int host_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
must_use int host_symlinkat(const char *target, int dirfd, const char *path);
must_use int host_renameat2(int from_fd, const char *from, int to_fd, const char *to,
                            unsigned flags);
must_use int host_fchmod(int fd, mode_t mode);
must_use int host_fchmodat(int dirfd, const char *path, mode_t mode);
must_use int host_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags);
must_use int host_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags);
must_use ssize_t host_fgetxattr(int fd, const char *name, void *value, size_t size);
must_use int host_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
must_use ssize_t host_flistxattr(int fd, char *list, size_t size);
must_use int host_fremovexattr(int fd, const char *name);
/* The same by path, links followed: "/proc/self/fd/N" is where an O_PATH descriptor is. */
must_use ssize_t host_getxattr(const char *path, const char *name, void *value, size_t size);
must_use int host_setxattr(const char *path, const char *name, const void *value, size_t size,
                           int flags);
must_use ssize_t host_listxattr(const char *path, char *list, size_t size);
must_use int host_removexattr(const char *path, const char *name);

/* Memory */

must_use int host_mmap(void *at, size_t size, int prot, int flags, int fd, int64_t off, void **out);
must_use int host_munmap(void *at, size_t size);
must_use int host_mprotect(void *at, size_t size, int prot);
must_use int host_madvise(void *at, size_t size, int advice);
must_use int host_memfd_create(const char *name, unsigned flags);

/* Sockets and readiness */

must_use ssize_t host_sendmsg(int sock, const struct msghdr *msg, int flags);
must_use ssize_t host_recvmsg(int sock, struct msghdr *msg, int flags);
struct sockaddr;
must_use int host_socket(int family, int type, int protocol);
must_use int host_connect(int sock, const struct sockaddr *at, socklen_t size);
must_use int host_socketpair(int type, int out[2]);                     /* AF_UNIX */
must_use int host_ppoll(struct pollfd *fds, size_t count, nsec_t span); /* NSEC_NEVER: no limit */
must_use int host_eventfd(unsigned count, int flags);
must_use int host_epoll_create(void);
struct epoll_event;
must_use int host_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
must_use int host_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms);

/* Time and sleep */

/* Panics where the host does not know `id`. */
nsec_t host_clock_gettime(clockid_t id);

/* Processor time that a process has had. Errors: ESRCH or EINVAL where there is none. */
must_use int host_process_time(pid_t pid, nsec_t *out);

/*
 * Sleeps while `*word` is `expected`.
 *
 *   deadline  on CLOCK_MONOTONIC, or NSEC_NEVER
 *   errors    EAGAIN where the word is another already; ETIMEDOUT; EINTR
 */
must_use int host_futex_wait(_Atomic uint32_t *word, uint32_t expected, nsec_t deadline);

/* Wakes up to `count` that sleep on `word`; gives how many. */
int host_futex_wake(_Atomic uint32_t *word, int count);

/* The same two for memory that processes share. */
must_use int host_futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, nsec_t deadline);
int host_futex_wake_shared(_Atomic uint32_t *word, int count);

/* Processes, threads, signals */

pid_t host_getpid(void);
pid_t host_gettid(void);
must_use int host_tgkill(pid_t pid, pid_t tid, int sig);
must_use pid_t host_wait4(pid_t pid, int *status, int options);
must_use long host_ptrace(long request, pid_t pid, void *at, void *data);
must_use int host_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
must_use int host_sigprocmask(int how, const sigset_t *set, sigset_t *old); /* this thread's */
must_use int host_sigaltstack(const stack_t *stack, stack_t *old);
must_use int host_sched_getaffinity(pid_t tid, size_t size, cpu_set_t *out);
must_use int host_sched_setaffinity(pid_t tid, size_t size, const cpu_set_t *set);
void host_sched_yield(void);
int host_getcpu(void); /* which one we run on, or did a moment ago; 0 where that is not known */
_Noreturn void host_exit(int status); /* of all threads, now: no atexit(), nothing is flushed */
_Noreturn void host_abort(void);      /* SIGABRT, even where it is blocked or handled */

/* Sets no_new_privs, and the filter for all threads. EBUSY: one has another filter. */
struct sock_fprog;
must_use int host_seccomp(const struct sock_fprog *prog);

/* Fills `buf` with randomness, or panics. */
void host_getrandom(void *buf, size_t size);

/* A host descriptor that closes when its variable goes; -1 is none. */
static inline maybe_unused void host_close_scoped(int *fd)
{
    host_close(*fd);
}
#define scoped_fd __attribute__((cleanup(host_close_scoped)))

/* Moves the descriptor out of a scoped_fd. */
static inline must_use int keep_fd(int *fd)
{
    int kept = *fd;

    *fd = -1;
    return kept;
}
