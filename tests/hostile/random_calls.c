/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=200 --timeout=120s --user=0 */
/* ends: 0 124 137 */
/*
 * Calls with every number from 0 to 600 and some beyond, and arguments from the dice:
 * wild pointers, pointers that end where memory ends, huge counts, descriptors of every
 * kind. Each child has a seed of its own, and is killed where it waits too long.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "lib.h"

static char *edge, *buffer, *text;
static pid_t parent;

static uint64_t argument(struct dice *d)
{
    static const uint64_t odd[] = {
        0,
        1,
        2,
        3,
        8,
        16,
        4095,
        4096,
        4097,
        65536,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffff,
        0x7ffffffff000,
        0x800000000000,
        0x8000000000000000,
        0xffff800000000000,
        0xffffffff81000000,
        0xffffffffff600000,
        0x7fffffffffffffff,
        -1ul,
        -2ul,
        -100ul,
        -4096ul,
        -9999ul,
    };
    switch (roll(d) % 10) {
    case 0:
        return odd[roll(d) % COUNT(odd)];
    case 1:
        return roll(d);
    case 2:
        return 1ul << roll(d) % 64;
    case 3:
        return roll(d) % 64; /* a descriptor, a flag, a signal */
    case 4:
        return roll(d) % 20;
    case 5:
        return (uintptr_t)edge - roll(d) % 64; /* just before nothing */
    case 6:
        return (uintptr_t)buffer + roll(d) % 4096;
    case 7:
        return (uintptr_t)text;
    case 8:
        return (uintptr_t)buffer + (roll(d) & 0xff8);
    default:
        return 1ul << roll(d) % 32 | roll(d) % 4096;
    }
}

/* Calls that would only end or stop the one who makes them, or reach the parent. */
static bool is_dull(long nr, uint64_t first)
{
    switch (nr) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_reboot:
    case SYS_vhangup:
        return true;
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_ptrace:
    case SYS_setpriority:
    case SYS_prlimit64:
    case SYS_process_vm_writev:
        return (int)first <= 1 || (int)first == parent;
    default:
        return false;
    }
}

static void open_some(void)
{
    int p[2];

    (void)!pipe(p);
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    (void)!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p);
    (void)!socket(AF_UNIX, SOCK_DGRAM, 0);
    (void)!eventfd(3, 0);
    (void)!epoll_create1(0);
    (void)!timerfd_create(CLOCK_MONOTONIC, 0);
    (void)!signalfd(-1, &(sigset_t){ 0 }, 0);
    (void)!memfd_create("m", 0);
    (void)!open("/tmp", O_RDONLY);
    (void)!open("/etc/passwd", O_RDWR);
    (void)!open("/tmp/file", O_RDWR | O_CREAT, 0600);
    (void)!open("/proc/self", O_PATH);
    (void)!open("/proc/self/maps", O_RDONLY);
    (void)!open("/dev/zero", O_RDWR);
    (void)!open("/dev/ptmx", O_RDWR | O_NOCTTY);
    (void)!open("/", O_RDONLY);
    (void)!syscall(SYS_pidfd_open, getpid(), 0);
}

static void attack(void *arg)
{
    struct dice d = { (uint64_t) * (int *)arg * 1000003 };

    open_some();
    for (int i = 0; i < 300; i++) {
        long nr = roll(&d) % 16 ? (long)(roll(&d) % 600) : (long)roll(&d);
        uint64_t a[6];

        for (int j = 0; j < 6; j++)
            a[j] = argument(&d);
        for (int j = 0; j < 16; j++)
            ((uint64_t *)buffer)[roll(&d) % 512] = argument(&d);
        if (is_dull(nr, a[0]))
            continue;
        syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

int main(void)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    edge = before_nothing(4096) + 4096;
    buffer = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    text = strcpy(buffer + 8192, "/tmp/file");
    parent = getpid();
    if (chdir("/tmp"))
        return 1;
    for (int seed = 1; seed <= effort(150); seed++)
        in_child(attack, &seed, 300);
    /* All numbers, each with arguments that are all wild. */
    static const uint64_t all[] = { 0, 1, -1ul, 0x1000, 0xffffffff81000000, 0x8000000000000000 };
    for (size_t i = 0; i < COUNT(all); i++) {
        for (long first = 0; first < 600; first += 25) {
            pid_t pid = fork();
            if (pid == 0) {
                for (long nr = first; nr < first + 25; nr++)
                    if (!is_dull(nr, all[i]) && nr != SYS_select && nr != SYS_poll)
                        syscall(nr, all[i], all[i], all[i], all[i], all[i], all[i]);
                _exit(0);
            }
            for (int ms = 0; pid > 0 && ms < 300 && waitpid(pid, NULL, WNOHANG) == 0; ms += 2)
                sleep_ms(2);
            if (pid > 0 && kill(pid, SIGKILL) == 0)
                waitpid(pid, NULL, 0);
        }
    }
    puts("survived");
    return 0;
}
