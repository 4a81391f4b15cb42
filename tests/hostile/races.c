/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=64 --timeout=120s */
/* ends: 0 124 137 */
/*
 * What a call was told is changed while it looks: another thread rewrites lengths, pointers,
 * names and structures, and takes the memory itself away, while calls that read them run.
 */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "lib.h"

/* One page that both threads use, and one that comes and goes. */
static union {
    struct iovec iov[64];
    struct msghdr msg;
    struct pollfd polls[64];
    struct epoll_event event;
    struct timespec time;
    struct sockaddr_un name;
    struct clone_args {
        uint64_t word[11];
    } clone;
    char *strings[64];
    char path[4096];
    uint64_t word[512];
} * shared;
static char *fleeting;
static volatile bool over;

static void *changer(void *arg)
{
    struct dice d = { 7 };
    static const uint64_t odd[] = {
        0, 1, 8, 4096, 0x7fffffff, 0xffffffff, -1ul, 0x8000000000000000, 0xffffffff81000000
    };

    (void)arg;
    while (!over) {
        uint64_t r = roll(&d), *word = &shared->word[r >> 32 & 63];

        switch (r % 8) {
        case 0:
            *word = odd[r >> 8 & 7];
            break;
        case 1:
            *word = (uintptr_t)fleeting;
            break;
        case 2:
            *word = (uintptr_t)shared;
            break;
        case 3:
            *word = r >> 40;
            break;
        case 4:
            strcpy(shared->path, r & 256 ? "/tmp/a/../b/./c" : "/proc/self/fd/0");
            break;
        case 5:
            shared->path[r >> 8 & 1023] = 'x';
            break;
        case 6:
            mmap(fleeting, 16384, r & 256 ? PROT_NONE : PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            break;
        default:
            munmap(fleeting + (r >> 8 & 3) * 4096, 4096);
            break;
        }
    }
    return NULL;
}

static void caller(void *arg)
{
    struct dice d = { (uint64_t) * (int *)arg };
    pthread_t t;
    int p[2], s[2], zero = open("/dev/zero", O_RDWR), ep = epoll_create1(0),
                    f = open("/tmp/f", O_CREAT | O_RDWR, 0600);
    struct timespec soon = { 0, 1000 };

    (void)!pipe2(p, O_NONBLOCK);
    (void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
    if (pthread_create(&t, NULL, changer, NULL))
        return;
    for (int i = 0; i < 3000; i++) {
        switch (roll(&d) % 22) {
        case 0:
            (void)!readv(zero, shared->iov, 16);
            break;
        case 1:
            (void)!writev(p[1], shared->iov, 16);
            break;
        case 2:
            (void)!preadv(f, shared->iov, 64, 0);
            break;
        case 3:
            (void)!pwritev(f, shared->iov, 8, 0);
            break;
        case 4:
            (void)!sendmsg(s[0], &shared->msg, MSG_NOSIGNAL);
            break;
        case 5:
            (void)!recvmsg(s[1], &shared->msg, 0);
            break;
        case 6:
            poll(shared->polls, 64, 0);
            break;
        case 7:
            epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &shared->event);
            break;
        case 8:
            epoll_wait(ep, &shared->event, 32, 0);
            break;
        case 9:
            (void)!open(shared->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
            close(20 + i % 100);
            break;
        case 10:
            (void)!symlink(shared->path, fleeting);
            break;
        case 11:
            (void)!readlink("/proc/self/exe", fleeting + 4090, 4096);
            break;
        case 12:
            (void)!read(zero, fleeting, 16384);
            break;
        case 13:
            (void)!write(p[1], fleeting, 16384);
            break;
        case 14:
            syscall(SYS_getdents64, f, fleeting, 16384);
            break;
        case 15:
            bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&shared->name, sizeof shared->name);
            close(20 + i % 100);
            break;
        case 16:
            syscall(SYS_futex, shared->word, 0 /* WAIT */, 0, &soon, NULL, 0);
            break;
        case 17:
            syscall(SYS_futex, shared->word, 4 /* CMP_REQUEUE */, 1, 1, fleeting, *shared->word);
            break;
        case 18:
            execve(shared->path, shared->strings, shared->strings);
            break;
        case 19:
            (void)!read(p[0], shared, 4096);
            break;
        case 20:
            syscall(SYS_clone3, &shared->clone, 88) == 0 ? _exit(0) : (void)0;
            break;
        default:
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &shared->time, (void *)fleeting);
            break;
        }
    }
    over = true;
    pthread_join(t, NULL);
}

int main(void)
{
    shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fleeting = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int seed = 0; seed < effort(6); seed++)
        in_child(caller, &seed, 4000);
    puts("survived");
    return 0;
}
