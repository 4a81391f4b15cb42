/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/observer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "include/uptr.h"
#include "platform-systrap/layout.h"

/* ---- the list ---- */

/* What a process is. It only ever goes down. */
enum role {
    ROLE_OURS,   /* the test, which is the sentry */
    ROLE_ZYGOTE, /* and has no filter yet: it makes itself a stub */
    ROLE_AGENT,  /* an agent, or a thread that has run no guest code */
    ROLE_GUEST,  /* may run guest code from now on */
};

typedef bool check_fn(const uint64_t arg[6]);

static bool in(uint64_t at, uint64_t size, uint64_t from, uint64_t to)
{
    return at >= from && at < to && size <= to - at;
}

static bool any(const uint64_t arg[6])
{
    (void)arg;
    return true;
}

/* Guest memory, a slot, or the command area for reading; always shared, always at that place. */
static bool maps(const uint64_t arg[6])
{
    bool slot = in(arg[0], arg[1], STUB_SLOTS, STUB_SLOTS_END) && arg[1] == SLOT_SIZE;
    bool commands = arg[0] == STUB_CMD && arg[1] == STUB_CMD_SIZE && arg[2] == PROT_READ;

    return (arg[3] & ~(uint64_t)MAP_POPULATE) == (MAP_SHARED | MAP_FIXED) &&
           (in(arg[0], arg[1], 0, STUB_START) || slot || commands);
}

static bool below_stub(const uint64_t arg[6])
{
    return in(arg[0], arg[1], 0, STUB_START);
}

/* Rights are taken away, from little, and not from what stub code needs. */
static bool narrows(const uint64_t arg[6])
{
    return arg[0] < STUB_START - NARROW_MAX && arg[1] < NARROW_MAX &&
           (arg[2] == PROT_NONE || arg[2] == PROT_READ);
}

static bool keeps_slot(const uint64_t arg[6])
{
    return in(arg[0], arg[1], STUB_SLOTS, STUB_SLOTS_END) && arg[2] == MADV_DONTFORK;
}

static bool on_commands(const uint64_t arg[6])
{
    return in(arg[0], 4, STUB_CMD, STUB_CMD + STUB_CMD_SIZE) &&
           (arg[1] == FUTEX_WAIT || arg[1] == FUTEX_WAKE);
}

static bool on_slot(const uint64_t arg[6])
{
    return in(arg[0], 4, STUB_SLOTS, STUB_SLOTS_END) &&
           (arg[1] == FUTEX_WAIT || arg[1] == FUTEX_WAKE);
}

static bool answers(const uint64_t arg[6])
{
    return in(arg[1], arg[2], STUB_CODE, STUB_CMD + STUB_CMD_SIZE) && arg[2] <= 4;
}

static bool makes_stub(const uint64_t arg[6])
{
    uint64_t flags = arg[0] & ~(uint64_t)CLONE_VM;

    return flags == (CLONE_PARENT | CLONE_FILES | CLONE_FS);
}

static bool dies_with_parent(const uint64_t arg[6])
{
    return arg[0] == PR_SET_PDEATHSIG && arg[1] == SIGKILL;
}

static bool tells_slot(const uint64_t arg[6])
{
    return in(arg[0], 4, STUB_SLOTS, STUB_SLOTS_END);
}

static bool filters(const uint64_t arg[6])
{
    return arg[0] == SECCOMP_SET_MODE_FILTER;
}

/* Who may make which call, from which page, and what it is afterwards. */
static const struct permit {
    enum role role, then;
    long nr;
    uint64_t page;
    check_fn *check;
} permits[] = {
    {ROLE_AGENT,  ROLE_AGENT, SYS_mmap,            STUB_CODE, maps            },
    { ROLE_AGENT, ROLE_AGENT, SYS_munmap,          STUB_CODE, below_stub      },
    { ROLE_AGENT, ROLE_AGENT, SYS_mprotect,        STUB_CODE, below_stub      },
    { ROLE_AGENT, ROLE_AGENT, SYS_madvise,         STUB_CODE, keeps_slot      },
    { ROLE_AGENT, ROLE_AGENT, SYS_futex,           STUB_CODE, on_commands     },
    { ROLE_AGENT, ROLE_AGENT, SYS_pwrite64,        STUB_CODE, answers         },
    { ROLE_AGENT, ROLE_AGENT, SYS_clone,           STUB_CODE, makes_stub      },
    { ROLE_AGENT, ROLE_AGENT, SYS_prctl,           STUB_CODE, dies_with_parent},
    { ROLE_AGENT, ROLE_AGENT, SYS_getppid,         STUB_CODE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_membarrier,      STUB_CODE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_recvmsg,         STUB_CODE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_close,           STUB_CODE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_exit,            STUB_CODE, any             },
 /* a thread that a tracer will take hold of: from then on it is the guest's */
    { ROLE_AGENT, ROLE_GUEST, SYS_pause,           STUB_CODE, any             },
    { ROLE_GUEST, ROLE_GUEST, SYS_pause,           STUB_CODE, any             },
 /* a thread with a slot makes itself ready, and puts its filter on */
    { ROLE_AGENT, ROLE_AGENT, SYS_set_tid_address, STUB_PAGE, tells_slot      },
    { ROLE_AGENT, ROLE_AGENT, SYS_sigaltstack,     STUB_PAGE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_rt_sigaction,    STUB_PAGE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_rt_sigprocmask,  STUB_PAGE, any             },
    { ROLE_AGENT, ROLE_AGENT, SYS_rt_sigreturn,    STUB_PAGE, any             }, /* interrupted so soon */
    { ROLE_AGENT, ROLE_GUEST, SYS_seccomp,         STUB_PAGE, filters         },
    { ROLE_GUEST, ROLE_GUEST, SYS_futex,           STUB_PAGE, on_slot         },
    { ROLE_GUEST, ROLE_GUEST, SYS_sched_yield,     STUB_PAGE, any             },
    { ROLE_GUEST, ROLE_GUEST, SYS_mprotect,        STUB_PAGE, narrows         },
    { ROLE_GUEST, ROLE_GUEST, SYS_rt_sigreturn,    STUB_PAGE, any             },
};

/* ---- the processes ---- */

#define SEEN_MAX 8192

struct seen {
    pid_t pid;
    enum role role;
};

struct judge {
    pid_t ours;
    bool had_zygote;
    size_t count;
    struct observer_report report;
    struct seen seen[SEEN_MAX]; /* by their order of birth: the newest is asked for most */
};

/* The process that a thread is of: 0 where it is gone. */
static pid_t process_of(pid_t tid)
{
    char path[64], line[128];
    int tgid = 0;

    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "Tgid: %d", &tgid) != 1)
        ;
    if (f)
        fclose(f);
    return tgid;
}

static struct seen *look_up(struct judge *j, pid_t pid)
{
    for (size_t i = j->count; i-- > 0;) {
        if (j->seen[i].pid == pid)
            return &j->seen[i];
    }
    if (j->count == SEEN_MAX)
        j->count = 0; /* who is met again begins anew: as what it shows itself to be */
    struct seen *s = &j->seen[j->count++];
    bool ours = process_of(pid) == j->ours;
    *s = (struct seen){ pid, ours ? ROLE_OURS : j->had_zygote ? ROLE_AGENT : ROLE_ZYGOTE };
    j->had_zygote |= !ours;
    return s;
}

static bool is_permitted(struct seen *s, const struct seccomp_data *d)
{
    const uint64_t *arg = (const uint64_t *)d->args;
    uint64_t page = d->instruction_pointer & -(uint64_t)PAGE_SIZE;

    if (s->role == ROLE_OURS)
        return true;
    if (s->role == ROLE_ZYGOTE) {
        if (d->nr == SYS_seccomp)
            s->role = ROLE_AGENT;
        return page == STUB_CODE;
    }
    for (size_t i = 0; i < ARRAY_LEN(permits); i++) {
        const struct permit *p = &permits[i];
        if (p->role != s->role || p->nr != d->nr || p->page != page || !p->check(arg))
            continue;
        s->role = p->then;
        return d->arch == AUDIT_ARCH_X86_64;
    }
    return false;
}

/* 0, or the errno that it gets instead. */
static int judge(struct judge *j, const struct seccomp_notif *n)
{
    const struct seccomp_data *d = &n->data;
    struct seen *s = look_up(j, (pid_t)n->pid);

    if (s->role == ROLE_GUEST)
        j->report.guests++;
    else if (s->role != ROLE_OURS)
        j->report.agents++;
    if (is_permitted(s, d))
        return 0;
    if (j->report.breaches++ == 0)
        snprintf(j->report.first, sizeof j->report.first,
                 "call %d (%llx, %llx, %llx, %llx) from %llx by %d, %s, arch %x", d->nr, d->args[0],
                 d->args[1], d->args[2], d->args[3], d->instruction_pointer, n->pid,
                 s->role == ROLE_GUEST ? "a guest" : "an agent", d->arch);
    return EPERM;
}

/* ---- the observer ---- */

static void answer(struct judge *j, int listener)
{
    struct seccomp_notif n = { 0 };

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n))
        return; /* it was killed, or a signal came first */
    struct seccomp_notif_resp resp = { .id = n.id, .error = -judge(j, &n) };
    if (!resp.error)
        resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static _Noreturn void observe(int sock, pid_t ours)
{
    static struct judge j;
    size_t count;
    int listener;
    char byte;

    j.ours = ours;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "observer");
    if (fd_recv(sock, &byte, 1, &listener, 1, &count, NULL) != 1 || count != 1)
        _exit(1);
    for (;;) {
        struct pollfd fds[2] = {
            {listener, POLLIN, 0},
            { sock,    POLLIN, 0}
        };
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents & POLLIN)
            answer(&j, listener);
        else if (fds[1].revents)
            break;
    }
    /* A test that has ended is not there any more to be told. */
    _exit(recv(sock, &byte, 1, 0) != 1 ||
          send(sock, &j.report, sizeof j.report, MSG_NOSIGNAL) != sizeof j.report);
}

static int listen_to_stubs(void)
{
    const size_t ip = offsetof(struct seccomp_data, instruction_pointer);
    struct sock_filter insns[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)ip + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (OBSERVED_BELOW - 1) >> 32, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, OBSERVED_FROM >> 32, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OBSERVED_FROM >> 32, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)ip),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)OBSERVED_FROM, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { ARRAY_LEN(insns), insns };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    /* Killable: what was judged happens. A signal would make it come twice, as another's call. */
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                        &prog);
}

void observer_start(struct observer *o)
{
    int socks[2];
    pid_t ours = getpid();

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    o->pid = fork();
    cr_assert_geq(o->pid, 0);
    if (o->pid == 0) {
        close(socks[0]);
        observe(socks[1], ours);
    }
    close(socks[1]);
    o->sock = socks[0];
    int listener = listen_to_stubs();
    if (listener < 0 && errno == EINVAL)
        cr_skip_test("Linux is older than 5.19");
    cr_assert_geq(listener, 0, "no listener: %d", errno);
    cr_assert_eq(fd_send(o->sock, "l", 1, &listener, 1), 1);
    close(listener);
}

void observer_stop(struct observer *o, struct observer_report *out)
{
    int status;

    cr_assert_eq(send(o->sock, "s", 1, 0), 1);
    cr_assert_eq(recv(o->sock, out, sizeof *out, 0), (ssize_t)sizeof *out);
    close(o->sock);
    cr_assert_eq(waitpid(o->pid, &status, 0), o->pid);
}
