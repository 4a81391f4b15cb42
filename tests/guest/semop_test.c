/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphores of System V.
 * covers: semget, semop, semtimedop, semctl
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sem.h>

#include "tests/guest/sysvipc.h"

union arg {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int the_set;

static int value(int nr)
{
    return semctl(the_set, nr, GETVAL);
}

static int set_to(int nr, int n)
{
    return semctl(the_set, nr, SETVAL, (union arg){ .val = n });
}

static int op(int nr, int n, int flags)
{
    struct sembuf s = { .sem_num = (unsigned short)nr,
                        .sem_op = (short)n,
                        .sem_flg = (short)flags };

    return semop(the_set, &s, 1);
}

static int op_within(int nr, int n, long ms)
{
    struct sembuf s = { .sem_num = (unsigned short)nr, .sem_op = (short)n };

    return semtimedop(the_set, &s, 1,
                      &(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 });
}

static void begin(int count)
{
    the_set = semget(IPC_PRIVATE, count, 0600);
}

static void end(void)
{
    semctl(the_set, 0, IPC_RMID);
}

TEST(values_begin_at_zero)
{
    struct semid_ds ds;

    begin(3);
    CHECK(the_set >= 0);
    CHECK_EQ(semctl(the_set, 0, IPC_STAT, (union arg){ .buf = &ds }), 0);
    CHECK_EQ(ds.sem_nsems, 3);
    CHECK_EQ(ds.sem_perm.mode, 0600);
    CHECK_EQ(ds.sem_otime, 0);
    CHECK(ds.sem_ctime > 1000000000);
    CHECK_EQ(value(2), 0);
    CHECK_EQ(semctl(the_set, 2, GETPID), 0);
    CHECK_ERRNO(semctl(the_set, 3, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(the_set, -1, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(-1, 0, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(the_set, 0, 99), EINVAL);
    CHECK_EQ(op(1, 5, 0), 0);
    CHECK_EQ(value(1), 5);
    CHECK_EQ(semctl(the_set, 1, GETPID), getpid());
    semctl(the_set, 0, IPC_STAT, (union arg){ .buf = &ds });
    CHECK(ds.sem_otime >= ds.sem_ctime);
    end();
    CHECK_ERRNO(semctl(the_set, 0, GETVAL), EINVAL);
    CHECK_ERRNO(op(0, 1, 0), EINVAL);
}

TEST(keys)
{
    key_t key = own_key(1);

    CHECK_ERRNO(semget(key, 1, 0), ENOENT);
    CHECK_ERRNO(semget(key, 0, IPC_CREAT | 0600), EINVAL);
    CHECK_ERRNO(semget(key, -1, IPC_CREAT | 0600), EINVAL);
    CHECK_ERRNO(semget(IPC_PRIVATE, 1000000, 0600), EINVAL);
    int id = semget(key, 2, IPC_CREAT | 0600);
    CHECK(id >= 0);
    CHECK_EQ(semget(key, 0, 0), id);
    CHECK_EQ(semget(key, 2, IPC_CREAT), id);
    CHECK_ERRNO(semget(key, 3, 0), EINVAL);
    CHECK_ERRNO(semget(key, 2, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST(arguments)
{
    struct sembuf ops[600] = {
        {.sem_num = 0, .sem_op = 1}
    };

    for (size_t i = 1; i < sizeof ops / sizeof *ops; i++)
        ops[i].sem_num = 1; /* which is zero */
    begin(2);
    CHECK_ERRNO(semop(the_set, ops, 0), EINVAL);
    CHECK_ERRNO(semop(the_set, ops, 501), E2BIG);
    CHECK_ERRNO(semop(the_set, (void *)8, 1), EFAULT);
    CHECK_ERRNO(semop(-1, ops, 1), EINVAL);
    /* in this order: the timeout's memory, how many, their memory, the set, the time */
    CHECK_ERRNO(semtimedop(-1, (void *)8, 501, (void *)8), EFAULT);
    CHECK_ERRNO(semop(-1, (void *)8, 501), E2BIG);
    CHECK_ERRNO(semop(-1, (void *)8, 0), EINVAL);
    CHECK_ERRNO(semop(-1, (void *)8, 1), EFAULT);
    CHECK_ERRNO(semtimedop(the_set, ops, 501, &(struct timespec){ .tv_nsec = -1 }), E2BIG);
    CHECK_ERRNO(semtimedop(the_set, (void *)8, 1, &(struct timespec){ .tv_nsec = -1 }), EFAULT);
    CHECK_ERRNO(op(2, 1, 0), EFBIG);
    CHECK_ERRNO(op(0, -1, IPC_NOWAIT), EAGAIN);
    CHECK_ERRNO(semtimedop(the_set, ops, 1, (void *)8), EFAULT);
    CHECK_ERRNO(semtimedop(the_set, ops, 1, &(struct timespec){ .tv_nsec = -1 }), EINVAL);
    CHECK_EQ(semop(the_set, ops, 500), 0);
    CHECK_EQ(value(0), 1);
    CHECK_ERRNO(set_to(0, -1), ERANGE);
    CHECK_ERRNO(set_to(0, 32768), ERANGE);
    CHECK_ERRNO(set_to(2, 1), EINVAL);
    CHECK_EQ(set_to(0, 32767), 0);
    CHECK_ERRNO(op(0, 1, 0), ERANGE);
    end();
}

TEST(all_or_nothing)
{
    unsigned short all[3];

    begin(3);
    struct sembuf ops[] = {
        {0,  2,  0         },
        { 1, 1,  0         },
        { 2, -1, IPC_NOWAIT}
    };
    CHECK_ERRNO(semop(the_set, ops, 3), EAGAIN);
    CHECK_EQ(semctl(the_set, 0, GETALL, (union arg){ .array = all }), 0);
    CHECK(all[0] == 0 && all[1] == 0 && all[2] == 0);
    /* each sees what those before it have done */
    struct sembuf turn[] = {
        {0,  1,  0},
        { 0, -1, 0},
        { 0, 0,  0},
        { 1, 4,  0}
    };
    CHECK_EQ(semop(the_set, turn, 4), 0);
    CHECK_EQ(value(1), 4);
    struct sembuf high[] = {
        {0,  3,     0},
        { 1, 32767, 0}
    };
    CHECK_ERRNO(semop(the_set, high, 2), ERANGE);
    CHECK_EQ(value(0), 0);
    memcpy(all, (unsigned short[]){ 7, 8, 9 }, sizeof all);
    CHECK_EQ(semctl(the_set, 0, SETALL, (union arg){ .array = all }), 0);
    CHECK_EQ(value(2), 9);
    all[1] = 40000;
    CHECK_ERRNO(semctl(the_set, 0, SETALL, (union arg){ .array = all }), ERANGE);
    CHECK_EQ(value(1), 8);
    CHECK_ERRNO(semctl(the_set, 0, SETALL, (union arg){ .array = (void *)8 }), EFAULT);
    end();
}

/* ---- waiting ---- */

static int takes(void)
{
    REQUIRE(op(0, -2, 0) == 0);
    return 0;
}

static int waits_for_zero(void)
{
    REQUIRE(op(0, 0, 0) == 0);
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

TEST(waiters_are_served)
{
    begin(1);
    pid_t pid = start(takes);
    CHECK_EQ(semctl(the_set, 0, GETNCNT), 1);
    CHECK_EQ(semctl(the_set, 0, GETZCNT), 0);
    CHECK_EQ(op(0, 1, 0), 0);
    CHECK_EQ(semctl(the_set, 0, GETNCNT), 1);
    CHECK_EQ(value(0), 1);
    CHECK_EQ(op(0, 1, 0), 0);
    CHECK_EQ(value(0), 0); /* done on its behalf, before it runs */
    CHECK_EQ(semctl(the_set, 0, GETPID), pid);
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(semctl(the_set, 0, GETNCNT), 0);
    end();
}

TEST(zero_is_waited_for)
{
    begin(1);
    set_to(0, 2);
    pid_t a = start(waits_for_zero), b = start(waits_for_zero);
    CHECK_EQ(semctl(the_set, 0, GETZCNT), 2);
    CHECK_EQ(op(0, -1, 0), 0);
    CHECK_EQ(semctl(the_set, 0, GETZCNT), 2);
    CHECK_EQ(op(0, -1, 0), 0);
    CHECK_EQ(end_of(a), 0);
    CHECK_EQ(end_of(b), 0);
    end();
}

static int takes_many(void)
{
    REQUIRE(op(0, -10, 0) == 0);
    return 0;
}

TEST(who_wants_less_passes_who_wants_more)
{
    begin(1);
    pid_t many = start(takes_many), few = start(takes);
    CHECK_EQ(op(0, 2, 0), 0);
    CHECK_EQ(end_of(few), 0);
    CHECK_EQ(semctl(the_set, 0, GETNCNT), 1);
    CHECK_EQ(set_to(0, 10), 0);
    CHECK_EQ(end_of(many), 0);
    CHECK_EQ(value(0), 0);
    end();
}

static int hears_of_the_end(void)
{
    REQUIRE_ERRNO(op(0, -1, 0), EIDRM);
    return 0;
}

TEST(removal_ends_the_wait)
{
    begin(1);
    pid_t pid = start(hears_of_the_end);
    end();
    CHECK_EQ(end_of(pid), 0);
}

static void on_signal(int sig)
{
    (void)sig;
}

static int is_interrupted(void)
{
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART },
              NULL);
    REQUIRE_ERRNO(op(0, -1, 0), EINTR); /* in spite of SA_RESTART */
    REQUIRE(semctl(the_set, 0, GETNCNT) == 0);
    return 0;
}

TEST(signals_end_the_wait)
{
    begin(1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(is_interrupted());
    while (semctl(the_set, 0, GETNCNT) != 1)
        usleep(1000);
    kill(pid, SIGUSR1);
    CHECK_EQ(end_of(pid), 0);
    end();
}

TEST(time_ends_the_wait)
{
    struct timespec from, to;

    begin(1);
    clock_gettime(CLOCK_MONOTONIC, &from);
    CHECK_ERRNO(op_within(0, -1, 50), EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 49);
    CHECK_ERRNO(op_within(0, -1, 0), EAGAIN);
    CHECK_EQ(op_within(0, 1, 0), 0);
    CHECK_EQ(semctl(the_set, 0, GETNCNT), 0);
    end();
}

/* ---- SEM_UNDO ---- */

static int gives_and_takes(void)
{
    REQUIRE(op(0, -3, SEM_UNDO) == 0);
    REQUIRE(op(1, 5, SEM_UNDO) == 0);
    REQUIRE(op(1, -1, 0) == 0);
    REQUIRE(value(0) == 7 && value(1) == 4);
    return 0;
}

TEST(exit_undoes)
{
    begin(2);
    set_to(0, 10);
    CHECK_CHILD(gives_and_takes);
    CHECK_EQ(value(0), 10);
    CHECK_EQ(value(1), 0); /* 4 less 5: not below zero */
    end();
}

static int is_killed(void)
{
    op(0, -1, SEM_UNDO);
    kill(getpid(), SIGKILL);
    return 1;
}

TEST(a_killed_holder_lets_go)
{
    begin(1);
    set_to(0, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(is_killed());
    while (semctl(the_set, 0, GETPID) != pid)
        usleep(1000);
    CHECK_EQ(op(0, -1, 0), 0);
    CHECK_EQ(end_of(pid), 256 + SIGKILL);
    CHECK_EQ(value(0), 0);
    end();
}

static int is_reset(void)
{
    REQUIRE(op(0, 5, SEM_UNDO) == 0);
    REQUIRE(set_to(0, 3) == 0); /* nobody owes it anything any more */
    return 0;
}

static int passes_the_limit(void)
{
    REQUIRE(op(0, 20000, SEM_UNDO) == 0);
    REQUIRE(op(0, -20000, 0) == 0);
    REQUIRE_ERRNO(op(0, 20000, SEM_UNDO), ERANGE);
    REQUIRE(value(0) == 0);
    return 0;
}

TEST(debts_can_be_forgiven)
{
    begin(1);
    CHECK_CHILD(is_reset);
    CHECK_EQ(value(0), 3);
    set_to(0, 0);
    CHECK_CHILD(passes_the_limit);
    CHECK_EQ(value(0), 0);
    end();
}

static void *takes_in_a_thread(void *arg)
{
    return (void *)(long)(op(0, -1, SEM_UNDO) || arg);
}

static int thread_takes(void)
{
    pthread_t thread;
    void *failed;

    REQUIRE(pthread_create(&thread, NULL, takes_in_a_thread, NULL) == 0);
    REQUIRE(pthread_join(thread, &failed) == 0 && !failed);
    REQUIRE(value(0) == 4); /* threads share their debts: CLONE_SYSVSEM */
    REQUIRE(unshare(CLONE_SYSVSEM) == 0);
    while (value(0) != 5) /* the thread may not have let go of them yet */
        usleep(1000);
    REQUIRE(op(0, -1, SEM_UNDO) == 0);
    REQUIRE(fork() != 0 || (_exit(0), 0)); /* a process has its own */
    wait(NULL);
    REQUIRE(value(0) == 4);
    return 0;
}

TEST(debts_are_a_processs)
{
    begin(1);
    set_to(0, 5);
    CHECK_CHILD(thread_takes);
    CHECK_EQ(value(0), 5);
    end();
}

/* ---- rights, and a namespace of our own ---- */

static int nobody(void)
{
    struct semid_ds ds;
    unsigned short all[2] = { 0 };

    REQUIRE(setgid(65534) == 0 && setuid(65534) == 0);
    REQUIRE(value(0) == 0); /* others may read */
    REQUIRE(op(0, 0, 0) == 0);
    REQUIRE_ERRNO(op(0, 1, 0), EACCES);
    REQUIRE_ERRNO(set_to(0, 1), EACCES);
    REQUIRE_ERRNO(semctl(the_set, 0, SETALL, (union arg){ .array = all }), EACCES);
    REQUIRE_ERRNO(semctl(the_set, 0, IPC_RMID), EPERM);
    REQUIRE(semctl(the_set, 0, IPC_STAT, (union arg){ .buf = &ds }) == 0);
    REQUIRE_ERRNO(semctl(the_set, 0, IPC_SET, (union arg){ .buf = &ds }), EPERM);
    return 0;
}

TEST(the_mode_keeps_others_out)
{
    if (geteuid() != 0)
        return;
    the_set = semget(IPC_PRIVATE, 2, 0604);
    CHECK_CHILD(nobody);
    struct semid_ds ds;
    semctl(the_set, 0, IPC_STAT, (union arg){ .buf = &ds });
    ds.sem_perm.mode = 0606;
    ds.sem_perm.gid = 3;
    CHECK_EQ(semctl(the_set, 0, IPC_SET, (union arg){ .buf = &ds }), 0);
    semctl(the_set, 0, IPC_STAT, (union arg){ .buf = &ds });
    CHECK(ds.sem_perm.mode == 0606 && ds.sem_perm.gid == 3 && ds.sem_perm.cgid == 0);
    end();
}

static int namespaces(void)
{
    struct seminfo info;
    struct semid_ds ds;
    char text[4096];
    unsigned id, mode, count;

    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    REQUIRE_ERRNO(value(0), EINVAL);
    REQUIRE(semget(IPC_PRIVATE, 4, 0640) == 0 && semget(IPC_PRIVATE, 5, 0600) == 1);
    REQUIRE(semctl(0, 0, SEM_INFO, (union arg){ .info = &info }) == 1);
    REQUIRE(info.semusz == 2 && info.semaem == 9);
    REQUIRE(semctl(0, 0, IPC_INFO, (union arg){ .info = &info }) == 1);
    REQUIRE(info.semmni == 32000 && info.semmsl == 32000 && info.semopm == 500 &&
            info.semvmx == 32767 && info.semaem == 32767 && info.semmns == 1024000000);
    REQUIRE(semctl(1, 0, SEM_STAT, (union arg){ .buf = &ds }) == 1 && ds.sem_nsems == 5);
    REQUIRE(semctl(1, 0, 20 /* SEM_STAT_ANY */, (union arg){ .buf = &ds }) == 1);
    REQUIRE(slurp("/proc/sysvipc/sem", text, sizeof text) > 0);
    const char *line = strchr(text, '\n');
    REQUIRE(line && sscanf(line, " %*d %u %o %u", &id, &mode, &count) == 3);
    REQUIRE(id == 0 && mode == 0640 && count == 4);
    REQUIRE(set_sysctl("sem", "5 15 3 10") == 0);
    REQUIRE_ERRNO(semget(IPC_PRIVATE, 6, 0600), EINVAL);
    REQUIRE(semget(IPC_PRIVATE, 5, 0600) >= 0);
    REQUIRE_ERRNO(semget(IPC_PRIVATE, 2, 0600), ENOSPC); /* 14 of 15 are in use */
    the_set = 0;
    struct sembuf ops[4] = {
        {0,  1, 0},
        { 1, 0, 0},
        { 1, 0, 0},
        { 1, 0, 0}
    };
    REQUIRE(semop(0, ops, 3) == 0);
    REQUIRE_ERRNO(semop(0, ops, 4), E2BIG);
    REQUIRE(set_sysctl("sem", "5\t15\t3\t2") == 0);
    REQUIRE_ERRNO(semget(IPC_PRIVATE, 1, 0600), ENOSPC);
    REQUIRE(slurp("/proc/sys/kernel/sem", text, sizeof text) > 0 && !strcmp(text, "5\t15\t3\t2\n"));
    return 0;
}

TEST(a_namespace_has_its_own)
{
    if (!may_have_namespace())
        return;
    begin(1);
    CHECK_CHILD(namespaces);
    CHECK_EQ(value(0), 0);
    end();
}

static int leaves(void)
{
    REQUIRE(op(0, -2, SEM_UNDO) == 0);
    REQUIRE(value(0) == 1);
    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    pause();
    return 0;
}

TEST(who_leaves_pays)
{
    if (!may_have_namespace())
        return;
    begin(1);
    set_to(0, 3);
    pid_t pid = fork();
    if (pid == 0)
        _exit(leaves());
    while (semctl(the_set, 0, GETPID) != pid)
        usleep(1000);
    until_asleep(pid, pid);
    CHECK_EQ(value(0), 3);
    kill(pid, SIGKILL);
    end_of(pid);
    end();
}

MAIN
