/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of argument looks in a trace: strace's forms, where it has one. */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sentry/syscall/block.h"
#include "sentry/syscall/trace.h"
#include "sentry/task/task.h"

#define SHOWN      32 /* bytes of a buffer or string */
#define SHOWN_PATH 160
#define SHOWN_ARGS 8

struct word {
    uint64_t value;
    const char *name;
};

#define W(x)              \
    {                     \
        (uint64_t)(x), #x \
    }

/* Prints `v` as names joined by '|', what is left over in hex. Words with several bits come first.
 */
static void print_bits(struct line *l, uint64_t v, const struct word *words, size_t n,
                       const char *zero)
{
    const char *sep = "";

    if (!v) {
        line_add(l, "%s", zero);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (words[i].value && (v & words[i].value) == words[i].value) {
            line_add(l, "%s%s", sep, words[i].name);
            v &= ~words[i].value;
            sep = "|";
        }
    }
    if (v)
        line_add(l, "%s%#llx", sep, (unsigned long long)v);
}

static void print_word(struct line *l, uint64_t v, const struct word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].value == v) {
            line_add(l, "%s", words[i].name);
            return;
        }
    }
    line_add(l, "%#llx", (unsigned long long)v);
}

void line_add_text(struct line *l, const char *s, size_t n)
{
    line_add(l, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c == '"' || c == '\\')
            line_add(l, "\\%c", c);
        else if (c == '\n')
            line_add(l, "\\n");
        else if (c == '\t')
            line_add(l, "\\t");
        else if (c >= ' ' && c < 127)
            line_add(l, "%c", c);
        else
            line_add(l, "\\%o", c);
    }
    line_add(l, "\"");
}

static void print_bytes(struct line *l, struct task *t, uint64_t at, uint64_t size)
{
    char buf[SHOWN] = "";
    size_t want = (size_t)min(size, (uint64_t)SHOWN);
    ssize_t got = want ? copy_in_some(t->mm, buf, uptr(at), want) : 0;

    if (got < 0) {
        line_add(l, "%#llx", (unsigned long long)at);
        return;
    }
    line_add_text(l, buf, (size_t)got);
    if (size > SHOWN)
        line_add(l, "...");
}

static void print_string(struct line *l, struct task *t, uint64_t at)
{
    char buf[SHOWN_PATH + 1];

    if (!at) {
        line_add(l, "NULL");
        return;
    }
    ssize_t len = copy_in_string(t->mm, buf, uptr(at), sizeof buf);
    if (len == -ENAMETOOLONG) {
        line_add_text(l, buf, SHOWN_PATH);
        line_add(l, "...");
    } else if (len < 0) {
        line_add(l, "%#llx", (unsigned long long)at);
    } else {
        line_add_text(l, buf, (size_t)len);
    }
}

static void print_strings(struct line *l, struct task *t, uint64_t at)
{
    uint64_t p;

    line_add(l, "[");
    for (unsigned i = 0; i < SHOWN_ARGS; i++, at += sizeof p) {
        if (copy_in(t->mm, &p, uptr(at), sizeof p) || !p)
            break;
        line_add(l, i ? ", " : "");
        print_string(l, t, p);
    }
    line_add(l, "]");
}

const char *signal_name(int sig, char buf[16])
{
    const char *abbrev = sig > 0 && sig < 32 ? sigabbrev_np(sig) : NULL;

    if (abbrev)
        snprintf(buf, 16, "SIG%s", abbrev);
    else if (sig >= 32 && sig <= 64)
        snprintf(buf, 16, "SIGRT_%d", sig - 32);
    else
        snprintf(buf, 16, "%d", sig);
    return buf;
}

static void print_sigset(struct line *l, struct task *t, uint64_t at)
{
    sigset64 set;
    const char *sep = "";
    char name[16];

    if (!at || copy_in(t->mm, &set, uptr(at), sizeof set)) {
        line_add(l, at ? "%#llx" : "NULL", (unsigned long long)at);
        return;
    }
    line_add(l, "[");
    for (int sig = 1; sig <= 64; sig++) {
        if (set >> (sig - 1) & 1) {
            line_add(l, "%s%s", sep, signal_name(sig, name) + 3);
            sep = " ";
        }
    }
    line_add(l, "]");
}

static void print_time(struct line *l, struct task *t, uint64_t at, const char *field)
{
    int64_t v[2];

    if (!at)
        line_add(l, "NULL");
    else if (copy_in(t->mm, v, uptr(at), sizeof v))
        line_add(l, "%#llx", (unsigned long long)at);
    else
        line_add(l, "{tv_sec=%lld, %s=%lld}", (long long)v[0], field, (long long)v[1]);
}

static void print_int_at(struct line *l, struct task *t, uint64_t at)
{
    int v;

    if (!at || copy_in(t->mm, &v, uptr(at), sizeof v))
        line_add(l, at ? "%#llx" : "NULL", (unsigned long long)at);
    else
        line_add(l, "[%d]", v);
}

static const struct word families[] = { W(AF_UNSPEC),  W(AF_UNIX),   W(AF_INET), W(AF_INET6),
                                        W(AF_NETLINK), W(AF_PACKET), W(AF_VSOCK) };

static void print_sockaddr(struct line *l, struct task *t, uint64_t at, uint64_t len)
{
    struct sockaddr_un un = { 0 };

    if (!at || len < sizeof un.sun_family ||
        copy_in(t->mm, &un, uptr(at), (size_t)min(len, (uint64_t)sizeof un))) {
        line_add(l, at ? "%#llx" : "NULL", (unsigned long long)at);
        return;
    }
    line_add(l, "{sa_family=");
    print_word(l, un.sun_family, families, ARRAY_LEN(families));
    if (un.sun_family == AF_UNIX && len > sizeof un.sun_family) {
        size_t n = (size_t)min(len, (uint64_t)sizeof un) - sizeof un.sun_family;
        bool abstract = !un.sun_path[0];

        line_add(l, abstract ? ", sun_path=@" : ", sun_path=");
        line_add_text(l, un.sun_path + abstract, abstract ? n - 1 : strnlen(un.sun_path, n));
    }
    line_add(l, "}");
}

static const struct word open_words[] = {
    W(O_TMPFILE),
    W(O_SYNC),
    W(O_WRONLY),
    W(O_RDWR),
    W(O_CREAT),
    W(O_EXCL),
    W(O_NOCTTY),
    W(O_TRUNC),
    W(O_APPEND),
    W(O_NONBLOCK),
    W(O_DSYNC),
    W(O_ASYNC),
    W(O_DIRECT),
    W(O_NOFOLLOW),
    W(O_DIRECTORY),
    W(O_NOATIME),
    W(O_CLOEXEC),
    W(O_PATH),
    {0100000, "O_LARGEFILE"},
};
static const struct word at_words[] = { W(AT_SYMLINK_NOFOLLOW), W(AT_REMOVEDIR),
                                        W(AT_SYMLINK_FOLLOW), W(AT_NO_AUTOMOUNT),
                                        W(AT_EMPTY_PATH) };
static const struct word prot_words[] = { W(PROT_READ), W(PROT_WRITE), W(PROT_EXEC),
                                          W(PROT_GROWSDOWN) };
static const struct word map_words[] = {
    W(MAP_SHARED_VALIDATE), W(MAP_SHARED),          W(MAP_PRIVATE),   W(MAP_FIXED),
    W(MAP_ANONYMOUS),       W(MAP_32BIT),           W(MAP_GROWSDOWN), W(MAP_DENYWRITE),
    W(MAP_LOCKED),          W(MAP_NORESERVE),       W(MAP_POPULATE),  W(MAP_STACK),
    W(MAP_HUGETLB),         W(MAP_FIXED_NOREPLACE),
};
static const struct word clone_words[] = {
    W(CLONE_VM),
    W(CLONE_FS),
    W(CLONE_FILES),
    W(CLONE_SIGHAND),
    W(CLONE_PIDFD),
    W(CLONE_VFORK),
    W(CLONE_PARENT),
    W(CLONE_THREAD),
    W(CLONE_NEWNS),
    W(CLONE_SYSVSEM),
    W(CLONE_SETTLS),
    W(CLONE_PARENT_SETTID),
    W(CLONE_CHILD_CLEARTID),
    W(CLONE_UNTRACED),
    W(CLONE_CHILD_SETTID),
    W(CLONE_NEWCGROUP),
    W(CLONE_NEWUTS),
    W(CLONE_NEWIPC),
    W(CLONE_NEWUSER),
    W(CLONE_NEWPID),
    W(CLONE_NEWNET),
    W(CLONE_IO),
};
static const struct word clocks[] = {
    W(CLOCK_REALTIME),          W(CLOCK_MONOTONIC),     W(CLOCK_PROCESS_CPUTIME_ID),
    W(CLOCK_THREAD_CPUTIME_ID), W(CLOCK_MONOTONIC_RAW), W(CLOCK_REALTIME_COARSE),
    W(CLOCK_MONOTONIC_COARSE),  W(CLOCK_BOOTTIME),      W(CLOCK_REALTIME_ALARM),
    W(CLOCK_BOOTTIME_ALARM),    W(CLOCK_TAI),
};
static const struct word whences[] = { W(SEEK_SET), W(SEEK_CUR), W(SEEK_END), W(SEEK_DATA),
                                       W(SEEK_HOLE) };
static const struct word futex_ops[] = {
    W(FUTEX_WAIT),
    W(FUTEX_WAKE),
    W(FUTEX_REQUEUE),
    W(FUTEX_CMP_REQUEUE),
    W(FUTEX_WAKE_OP),
    W(FUTEX_LOCK_PI),
    W(FUTEX_UNLOCK_PI),
    W(FUTEX_TRYLOCK_PI),
    W(FUTEX_WAIT_BITSET),
    W(FUTEX_WAKE_BITSET),
    W(FUTEX_WAIT_REQUEUE_PI),
    W(FUTEX_CMP_REQUEUE_PI),
    {13, "FUTEX_LOCK_PI2"},
};

static void print_clone_flags(struct line *l, uint64_t v)
{
    char name[16];

    if (v & ~0xffull)
        print_bits(l, v & ~0xffull, clone_words, ARRAY_LEN(clone_words), "0");
    if (v & 0xff || !v)
        line_add(l, "%s%s", v & ~0xffull ? "|" : "", signal_name((int)(v & 0xff), name));
}

static void print_futex_op(struct line *l, uint64_t v)
{
    print_word(l, v & 0x7f, futex_ops, ARRAY_LEN(futex_ops));
    line_add(l, "%s%s", v & FUTEX_PRIVATE_FLAG ? "|FUTEX_PRIVATE_FLAG" : "",
             v & FUTEX_CLOCK_REALTIME ? "|FUTEX_CLOCK_REALTIME" : "");
}

void trace_arg(struct line *l, struct task *t, enum print_kind kind, uint64_t v, uint64_t next,
               long result)
{
    char name[16];

    switch (kind) {
    case PRINT_DECIMAL:
        /* Descriptors, pids and offsets: narrow ones arrive with rubbish above bit 31. */
        line_add(l, "%lld", (int64_t)v == (int64_t)(uint32_t)v ? (long long)(int)v : (long long)v);
        break;
    case PRINT_DECIMAL_U:
        line_add(l, "%llu", (unsigned long long)v);
        break;
    case PRINT_HEX:
        line_add(l, v ? "%#llx" : "0", (unsigned long long)v);
        break;
    case PRINT_OCTAL:
        line_add(l, "%#o", (unsigned)v);
        break;
    case PRINT_DIRFD:
        line_add(l, (int)v == AT_FDCWD ? "AT_FDCWD" : "%d", (int)v);
        break;
    case PRINT_BYTES_IN:
        print_bytes(l, t, v, next);
        break;
    case PRINT_BYTES_OUT:
        if (result < 0)
            line_add(l, "%#llx", (unsigned long long)v);
        else
            print_bytes(l, t, v, min((uint64_t)result, next));
        break;
    case PRINT_STRING:
        print_string(l, t, v);
        break;
    case PRINT_STRINGS:
        print_strings(l, t, v);
        break;
    case PRINT_SIGSET:
        print_sigset(l, t, v);
        break;
    case PRINT_SIGNAL:
        line_add(l, "%s", signal_name((int)v, name));
        break;
    case PRINT_TIMESPEC:
        print_time(l, t, v, "tv_nsec");
        break;
    case PRINT_TIMEVAL:
        print_time(l, t, v, "tv_usec");
        break;
    case PRINT_SOCKADDR:
        print_sockaddr(l, t, v, next);
        break;
    case PRINT_INT_OUT:
        print_int_at(l, t, v);
        break;
    case PRINT_OPEN_FLAGS:
        if ((v & O_ACCMODE) == O_RDONLY)
            line_add(l, v & ~(uint64_t)O_RDONLY ? "O_RDONLY|" : "");
        print_bits(l, (uint32_t)v, open_words, ARRAY_LEN(open_words), "O_RDONLY");
        break;
    case PRINT_AT_FLAGS:
        print_bits(l, (uint32_t)v, at_words, ARRAY_LEN(at_words), "0");
        break;
    case PRINT_PROT:
        print_bits(l, (uint32_t)v, prot_words, ARRAY_LEN(prot_words), "PROT_NONE");
        break;
    case PRINT_MAP_FLAGS:
        print_bits(l, (uint32_t)v, map_words, ARRAY_LEN(map_words), "0");
        break;
    case PRINT_CLONE_FLAGS:
        print_clone_flags(l, v);
        break;
    case PRINT_CLOCK:
        print_word(l, (uint32_t)v, clocks, ARRAY_LEN(clocks));
        break;
    case PRINT_WHENCE:
        print_word(l, (uint32_t)v, whences, ARRAY_LEN(whences));
        break;
    case PRINT_FUTEX_OP:
        print_futex_op(l, v);
        break;
    case PRINT_FAMILY:
        print_word(l, (uint32_t)v, families, ARRAY_LEN(families));
        break;
    }
}

const char *errno_name(int err)
{
    switch (err) {
    case ERESTARTSYS:
        return "ERESTARTSYS";
    case ERESTARTNOINTR:
        return "ERESTARTNOINTR";
    case ERESTARTNOHAND:
        return "ERESTARTNOHAND";
    case ERESTART_RESTARTBLOCK:
        return "ERESTART_RESTARTBLOCK";
    }
    return strerrorname_np(err) ?: "E?";
}
