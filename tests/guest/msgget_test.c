/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message queues of System V.
 * covers: msgget, msgsnd, msgrcv, msgctl
 */
#include <limits.h>
#include <sys/msg.h>

#include "tests/guest/sysvipc.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct message {
    long type;
    char text[9000];
};

static int the_queue;

static int put(long type, const char *text)
{
    struct message m = { .type = type };

    strcpy(m.text, text);
    return msgsnd(the_queue, &m, strlen(text), IPC_NOWAIT);
}

/* What comes for `type`: its text; NULL where nothing does. */
static const char *get(long type, int flags)
{
    static struct message m;

    memset(&m, 0, sizeof m);
    ssize_t n = msgrcv(the_queue, &m, sizeof m.text, type, flags | IPC_NOWAIT);
    return n < 0 ? NULL : m.text;
}

static bool gives(long type, int flags, const char *text)
{
    const char *got = get(type, flags);

    return got && strcmp(got, text) == 0;
}

static struct msqid_ds stat_of(int id)
{
    struct msqid_ds ds = { .msg_qnum = 12345 };

    msgctl(id, IPC_STAT, &ds);
    return ds;
}

static void begin(void)
{
    the_queue = msgget(IPC_PRIVATE, 0600);
}

static void end(void)
{
    msgctl(the_queue, IPC_RMID, NULL);
}

TEST(messages_come_in_their_order)
{
    begin();
    struct msqid_ds ds = stat_of(the_queue);
    CHECK(ds.msg_qnum == 0 && ds.msg_qbytes == 16384 && ds.msg_stime == 0 && ds.msg_lspid == 0);
    CHECK(put(3, "a") == 0 && put(1, "bb") == 0 && put(3, "") == 0);
    ds = stat_of(the_queue);
    CHECK_EQ(ds.msg_qnum, 3);
    CHECK_EQ(ds.__msg_cbytes, 3);
    CHECK_EQ(ds.msg_lspid, getpid());
    CHECK_EQ(ds.msg_lrpid, 0);
    CHECK(ds.msg_stime > 1000000000 && ds.msg_rtime == 0);
    CHECK(gives(0, 0, "a") && gives(0, 0, "bb") && gives(0, 0, ""));
    CHECK(!get(0, 0) && errno == ENOMSG);
    ds = stat_of(the_queue);
    CHECK(ds.msg_qnum == 0 && ds.msg_lrpid == getpid() && ds.msg_rtime >= ds.msg_stime);
    end();
    CHECK_ERRNO(put(1, "x"), EINVAL);
}

TEST(types_choose)
{
    begin();
    CHECK(put(5, "five") == 0 && put(2, "two") == 0 && put(4, "four") == 0 && put(2, "zwei") == 0);
    CHECK(gives(4, 0, "four"));
    CHECK(!get(4, 0) && errno == ENOMSG);
    CHECK(!get(-1, 0) && errno == ENOMSG);
    CHECK(gives(-4, 0, "two")); /* the lowest that is not above */
    CHECK(gives(5, MSG_EXCEPT, "zwei"));
    CHECK(!get(5, MSG_EXCEPT));
    CHECK(put(LONG_MAX, "last") == 0);
    CHECK(gives(LONG_MIN, 0, "five") && gives(LONG_MIN, 0, "last"));
    end();
}

TEST(copies_stay)
{
    begin();
    CHECK(put(5, "zero") == 0 && put(2, "one") == 0);
    if (!get(1, MSG_COPY) && errno == ENOSYS) {
        end();
        return; /* a kernel without it */
    }
    CHECK(gives(0, MSG_COPY, "zero") && gives(1, MSG_COPY, "one") && gives(1, MSG_COPY, "one"));
    CHECK(!get(2, MSG_COPY) && errno == ENOMSG);
    CHECK_ERRNO(msgrcv(the_queue, &(struct message){ 0 }, 10, 0, MSG_COPY), EINVAL);
    /* all of it, or nothing */
    const int cut = MSG_COPY | IPC_NOWAIT | MSG_NOERROR;
    CHECK_ERRNO(msgrcv(the_queue, &(struct message){ 0 }, 3, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
    CHECK_ERRNO(msgrcv(the_queue, &(struct message){ 0 }, 3, 0, cut), EINVAL);
    CHECK_EQ(msgrcv(the_queue, &(struct message){ 0 }, 4, 0, cut), 4);
    CHECK(!get(0, MSG_COPY | MSG_EXCEPT) && errno == EINVAL);
    CHECK_EQ(stat_of(the_queue).msg_qnum, 2);
    end();
}

TEST(sizes)
{
    struct message m = { .type = 1 };

    begin();
    CHECK_ERRNO(msgsnd(the_queue, &m, 8193, 0), EINVAL);
    CHECK_ERRNO(msgsnd(the_queue, &m, (size_t)-1, 0), EINVAL);
    CHECK_ERRNO(msgsnd(the_queue, (void *)8, 1, 0), EFAULT);
    CHECK_ERRNO(put(0, "x"), EINVAL);
    CHECK_ERRNO(put(-1, "x"), EINVAL);
    CHECK_EQ(put(1, "hello"), 0);
    CHECK_ERRNO(msgrcv(the_queue, &m, 4, 0, 0), E2BIG);
    CHECK_EQ(stat_of(the_queue).msg_qnum, 1);
    CHECK_ERRNO(msgrcv(the_queue, &m, (size_t)-1, 0, 0), EINVAL);
    CHECK_EQ(msgrcv(the_queue, &m, 4, 0, MSG_NOERROR), 4);
    CHECK(memcmp(m.text, "hell", 5) == 0); /* and what was behind is as it was */
    CHECK_EQ(put(1, "gone"), 0);
    CHECK_ERRNO(msgrcv(the_queue, (void *)8, 10, 0, 0), EFAULT);
    CHECK_EQ(stat_of(the_queue).msg_qnum, 0);
    m.type = 7;
    CHECK_EQ(msgsnd(the_queue, &m, 8192, 0), 0);
    CHECK_EQ(msgsnd(the_queue, &m, 8192, 0), 0);
    CHECK_ERRNO(msgsnd(the_queue, &m, 1, IPC_NOWAIT), EAGAIN);
    CHECK_EQ(msgsnd(the_queue, &m, 0, IPC_NOWAIT), 0);
    end();
}

/* ---- waiting ---- */

static int receives(void)
{
    struct message m;

    REQUIRE(msgrcv(the_queue, &m, sizeof m.text, 2, 0) == 3 && memcmp(m.text, "two", 3) == 0);
    return 0;
}

static int sends(void)
{
    struct message m = { .type = 9 };

    REQUIRE(msgsnd(the_queue, &m, 8000, 0) == 0);
    return 0;
}

static pid_t start(int (*body)(void))
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(body());
    until_asleep(pid, pid);
    return pid;
}

TEST(receivers_wait)
{
    begin();
    pid_t pid = start(receives);
    CHECK_EQ(put(1, "one"), 0);
    CHECK_EQ(put(2, "two"), 0);
    CHECK_EQ(stat_of(the_queue).msg_qnum, 1); /* it went straight to who waits */
    CHECK_EQ(stat_of(the_queue).msg_lrpid, pid);
    CHECK_EQ(end_of(pid), 0);
    end();
}

TEST(senders_wait)
{
    struct message m = { .type = 8 };

    begin();
    CHECK_EQ(msgsnd(the_queue, &m, 8192, 0), 0);
    CHECK_EQ(msgsnd(the_queue, &m, 8192, 0), 0);
    pid_t pid = start(sends);
    CHECK_EQ(stat_of(the_queue).msg_qnum, 2);
    CHECK_EQ(msgrcv(the_queue, &m, 9000, 0, 0), 8192);
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(stat_of(the_queue).__msg_cbytes, 16192);
    CHECK(get(9, 0));
    end();
}

static int is_too_small(void)
{
    struct message m;

    REQUIRE_ERRNO(msgrcv(the_queue, &m, 2, 0, 0), E2BIG);
    return 0;
}

static int hears_of_the_end(void)
{
    struct message m;

    REQUIRE_ERRNO(msgrcv(the_queue, &m, 2, 0, 0), EIDRM);
    return 0;
}

static int sender_hears_of_the_end(void)
{
    struct message m = { .type = 1 };

    REQUIRE_ERRNO(msgsnd(the_queue, &m, 8192, 0), EIDRM);
    return 0;
}

TEST(waits_end)
{
    struct message m = { .type = 8 };

    begin();
    pid_t pid = start(is_too_small);
    CHECK_EQ(put(1, "three"), 0);
    CHECK_EQ(end_of(pid), 0);
    CHECK(gives(0, 0, "three"));
    pid = start(hears_of_the_end);
    end();
    CHECK_EQ(end_of(pid), 0);
    begin();
    CHECK_EQ(msgsnd(the_queue, &m, 8192, 0), 0);
    CHECK_EQ(msgsnd(the_queue, &m, 8192, 0), 0);
    pid = start(sender_hears_of_the_end);
    end();
    CHECK_EQ(end_of(pid), 0);
}

static void on_signal(int sig)
{
    (void)sig;
}

static int is_interrupted(void)
{
    struct message m;

    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART },
              NULL);
    REQUIRE_ERRNO(msgrcv(the_queue, &m, 2, 0, 0), EINTR);
    return 0;
}

TEST(signals_end_the_wait)
{
    begin();
    pid_t pid = start(is_interrupted);
    kill(pid, SIGUSR1);
    CHECK_EQ(end_of(pid), 0);
    pid = start(receives);
    kill(pid, SIGSTOP);
    kill(pid, SIGCONT); /* no handler: it waits on */
    until_asleep(pid, pid);
    CHECK_EQ(put(2, "two"), 0);
    CHECK_EQ(end_of(pid), 0);
    end();
}

/* ---- what its owner may change ---- */

static int nobody(void)
{
    struct message m = { .type = 1 };
    struct msqid_ds ds;

    REQUIRE(setgid(65534) == 0 && setuid(65534) == 0);
    REQUIRE(msgsnd(the_queue, &m, 1, IPC_NOWAIT) == 0);
    REQUIRE_ERRNO(msgrcv(the_queue, &m, 1, 0, IPC_NOWAIT), EACCES);
    REQUIRE_ERRNO(msgctl(the_queue, IPC_STAT, &ds), EACCES);
    REQUIRE_ERRNO(msgctl(the_queue, IPC_RMID, NULL), EPERM);
    int own = msgget(IPC_PRIVATE, 0600);
    ds = stat_of(own);
    ds.msg_qbytes = 100;
    REQUIRE(msgctl(own, IPC_SET, &ds) == 0 && stat_of(own).msg_qbytes == 100);
    ds.msg_qbytes = 16385;
    REQUIRE_ERRNO(msgctl(own, IPC_SET, &ds), EPERM);
    REQUIRE(msgctl(own, IPC_RMID, NULL) == 0);
    return 0;
}

TEST(rights)
{
    struct msqid_ds ds;

    if (geteuid() != 0)
        return;
    the_queue = msgget(IPC_PRIVATE, 0602);
    CHECK_CHILD(nobody);
    ds = stat_of(the_queue);
    ds.msg_qbytes = 12000;
    ds.msg_perm.mode = 0640;
    CHECK_EQ(msgctl(the_queue, IPC_SET, &ds), 0);
    ds = stat_of(the_queue);
    CHECK(ds.msg_qbytes == 12000 && ds.msg_perm.mode == 0640);
    CHECK_ERRNO(msgctl(the_queue, 99, &ds), EINVAL);
    CHECK_ERRNO(msgctl(-1, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(msgctl(the_queue, IPC_STAT, (void *)8), EFAULT);
    end();
}

TEST(keys)
{
    key_t key = own_key(1);

    CHECK_ERRNO(msgget(key, 0), ENOENT);
    int id = msgget(key, IPC_CREAT | 0600);
    CHECK(id >= 0 && msgget(key, 0600) == id && msgget(key, IPC_CREAT) == id);
    CHECK_ERRNO(msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

static int namespaces(void)
{
    struct msginfo info;
    struct msqid_ds ds;
    char text[4096];
    unsigned id, mode, bytes, count, sender;

    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    REQUIRE(msgget(IPC_PRIVATE, 0600) == 0 && msgget(IPC_PRIVATE, 0620) == 1);
    the_queue = 1;
    REQUIRE(put(1, "abc") == 0 && put(1, "de") == 0);
    REQUIRE(msgctl(0, MSG_INFO, (void *)&info) == 1);
    REQUIRE(info.msgpool == 2 && info.msgmap == 2 && info.msgtql == 5);
    REQUIRE(msgctl(0, IPC_INFO, (void *)&info) == 1);
    REQUIRE(info.msgmax == 8192 && info.msgmnb == 16384 && info.msgmni == 32000);
    REQUIRE(info.msgssz == 16 && info.msgtql == 16384 && info.msgpool == 512000);
    REQUIRE(msgctl(1, MSG_STAT, &ds) == 1 && ds.msg_qnum == 2);
    REQUIRE(msgctl(1, 13 /* MSG_STAT_ANY */, &ds) == 1);
    REQUIRE(slurp("/proc/sysvipc/msg", text, sizeof text) > 0);
    const char *line = strchr(text, '\n');
    line = line ? strchr(line + 1, '\n') : NULL;
    REQUIRE(line && sscanf(line, " %*d %u %o %u %u %u", &id, &mode, &bytes, &count, &sender) == 5);
    REQUIRE(id == 1 && mode == 0620 && bytes == 5 && count == 2 && sender == (unsigned)getpid());
    REQUIRE(set_sysctl("msgmax", "3") == 0 && set_sysctl("msgmnb", "7") == 0);
    REQUIRE(set_sysctl("msgmni", "3") == 0);
    REQUIRE_ERRNO(put(1, "four"), EINVAL);
    REQUIRE(set_sysctl("msgmax", "2") == 0);
    if (get(2, MSG_COPY) || errno != ENOSYS)
        REQUIRE(!get(0, MSG_COPY) && errno == EINVAL); /* "abc", which is longer by now */
    REQUIRE(set_sysctl("msgmax", "3") == 0);
    REQUIRE((the_queue = msgget(IPC_PRIVATE, 0600)) == 2);
    REQUIRE_ERRNO(msgget(IPC_PRIVATE, 0600), ENOSPC);
    REQUIRE(put(1, "123") == 0 && put(1, "456") == 0);
    REQUIRE_ERRNO(put(1, "78"), EAGAIN);
    for (int i = 0; i < 5; i++)
        REQUIRE(put(1, "") == 0);
    REQUIRE_ERRNO(put(1, ""), EAGAIN); /* as many messages as bytes, and no more */
    REQUIRE_ERRNO(set_sysctl("msgmni", "32769"), EINVAL);
    REQUIRE_ERRNO(set_sysctl("msgmax", "x"), EINVAL);
    return 0;
}

TEST(a_namespace_has_its_own)
{
    if (may_have_namespace())
        CHECK_CHILD(namespaces);
}

MAIN
