/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many processes at once on few objects of System V, which come and go meanwhile: nothing is
 * lost, nobody waits for ever, and nothing is left.
 */
#include <sched.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "tests/guest/sysvipc.h"

#define WORKERS 6
#define ROUNDS  150
#define PAGE    4096

union arg {
    int val;
};

static unsigned long *shared; /* what all workers see */
static int the_set, the_queue;
static key_t key;

/* Forks workers, waits for all. Whether each left with 0, or was killed by its own hand. */
static bool all_do(int (*body)(int nr))
{
    pid_t pids[WORKERS];
    bool fine = true;

    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(body(i));
    }
    for (int i = 0; i < WORKERS; i++) {
        int end = end_of(pids[i]);
        fine &= end == 0 || end == 256 + SIGKILL;
    }
    return fine;
}

static int op(int nr, int n, int flags)
{
    struct sembuf s = { (unsigned short)nr, (short)n, (short)flags };

    return semop(the_set, &s, 1);
}

/* ---- a lock that is let go of by dying ---- */

static int adds(int nr)
{
    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE(op(0, -1, SEM_UNDO) == 0);
        unsigned long was = shared[0];
        if (i % 8 == 0)
            sched_yield();
        shared[0] = was + 1;
        if (nr == 0 && i == ROUNDS - 1)
            kill(getpid(), SIGKILL); /* with the lock */
        REQUIRE(op(0, 1, SEM_UNDO) == 0);
    }
    return 0;
}

TEST(a_semaphore_is_a_lock)
{
    the_set = semget(IPC_PRIVATE, 1, 0600);
    semctl(the_set, 0, SETVAL, (union arg){ .val = 1 });
    shared[0] = 0;
    CHECK(all_do(adds));
    CHECK_EQ(shared[0], WORKERS * ROUNDS);
    CHECK_EQ(semctl(the_set, 0, GETVAL), 1);
    CHECK_EQ(semctl(the_set, 0, GETNCNT), 0);
    CHECK_EQ(semctl(the_set, 0, IPC_RMID), 0);
}

/* ---- forks that are taken two at a time ---- */

static int dines(int nr)
{
    struct sembuf take[2] = {
        {(unsigned short)nr,                    -1, SEM_UNDO},
        { (unsigned short)((nr + 1) % WORKERS), -1, SEM_UNDO}
    };
    struct sembuf lay[2] = {
        {take[0].sem_num,  1, SEM_UNDO},
        { take[1].sem_num, 1, SEM_UNDO}
    };

    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE(semop(the_set, take, 2) == 0);
        REQUIRE(__atomic_exchange_n(&shared[take[0].sem_num], 1, __ATOMIC_SEQ_CST) == 0);
        REQUIRE(__atomic_exchange_n(&shared[take[1].sem_num], 1, __ATOMIC_SEQ_CST) == 0);
        shared[take[0].sem_num] = shared[take[1].sem_num] = 0;
        REQUIRE(semop(the_set, lay, 2) == 0);
    }
    return 0;
}

TEST(philosophers_do_not_starve)
{
    unsigned short ones[WORKERS];

    the_set = semget(IPC_PRIVATE, WORKERS, 0600);
    for (int i = 0; i < WORKERS; i++)
        ones[i] = 1, shared[i] = 0;
    CHECK_EQ(semctl(the_set, 0, SETALL, ones), 0);
    CHECK(all_do(dines));
    CHECK_EQ(semctl(the_set, 0, GETALL, ones), 0);
    for (int i = 0; i < WORKERS; i++)
        CHECK_EQ(ones[i], 1);
    CHECK_EQ(semctl(the_set, 0, IPC_RMID), 0);
}

/* ---- messages ---- */

struct number {
    long type;
    int from, n;
};

static int exchanges(int nr)
{
    struct number m;

    for (int i = 0; i < ROUNDS; i++) {
        m = (struct number){ .type = nr + 1, .from = nr, .n = i };
        REQUIRE(msgsnd(the_queue, &m, sizeof m - sizeof m.type, 0) == 0);
        /* what the one before it has sent, in that order */
        long want = (nr + WORKERS - 1) % WORKERS + 1;
        REQUIRE(msgrcv(the_queue, &m, sizeof m - sizeof m.type, want, 0) == 8);
        REQUIRE(m.type == want && m.from == want - 1 && m.n == i);
    }
    return 0;
}

TEST(messages_arrive_in_order)
{
    struct msqid_ds ds;

    the_queue = msgget(IPC_PRIVATE, 0600);
    CHECK_EQ(msgctl(the_queue, IPC_STAT, &ds), 0);
    ds.msg_qbytes = 64; /* room for eight: senders wait, too */
    CHECK_EQ(msgctl(the_queue, IPC_SET, &ds), 0);
    CHECK(all_do(exchanges));
    CHECK_EQ(msgctl(the_queue, IPC_STAT, &ds), 0);
    CHECK(ds.msg_qnum == 0 && ds.__msg_cbytes == 0);
    CHECK_EQ(msgctl(the_queue, IPC_RMID, NULL), 0);
}

/* ---- all of it, while it is taken away ---- */

/* EINTR is Linux's word for a semtimedop(2) whose time is up just as its set goes. */
static bool is_gone(int err)
{
    return err == EINTR || err == EIDRM || err == EINVAL || err == ENOENT || err == EEXIST ||
           err == EAGAIN || err == ENOMSG || err == EFBIG;
}

static int comes_and_goes(int nr)
{
    struct number m = { .type = 1 };

    for (int i = 0; i < ROUNDS; i++) {
        int shm = shmget(key, PAGE, IPC_CREAT | 0600);
        char *at = shm < 0 ? (void *)-1 : shmat(shm, NULL, 0);
        the_set = semget(key, 2, IPC_CREAT | 0600);
        the_queue = msgget(key, IPC_CREAT | 0600);
        if (at != (void *)-1) {
            at[nr] = (char)i;
            REQUIRE(at[nr] == (char)i);
        }
        struct timespec soon = { .tv_nsec = 200000 };
        struct sembuf ops[2] = {
            {0,  1,              SEM_UNDO},
            { 1, i % 3 ? 0 : -1, SEM_UNDO}
        };
        REQUIRE(semtimedop(the_set, ops, 2, &soon) == 0 || is_gone(errno));
        REQUIRE(msgsnd(the_queue, &m, 8, IPC_NOWAIT) == 0 || is_gone(errno));
        REQUIRE(msgrcv(the_queue, &m, 8, 0, IPC_NOWAIT) == 8 || is_gone(errno));
        if ((i + nr) % 3 == 0)
            REQUIRE(shmctl(shm, IPC_RMID, NULL) == 0 || is_gone(errno));
        if ((i + nr) % 4 == 0)
            REQUIRE(semctl(the_set, 0, IPC_RMID) == 0 || is_gone(errno));
        if ((i + nr) % 5 == 0)
            REQUIRE(msgctl(the_queue, IPC_RMID, NULL) == 0 || is_gone(errno));
        if (i % 7 == 0) {
            pid_t pid = fork(); /* which has it attached, and owes nothing */
            if (pid == 0)
                _exit(at != (void *)-1 && shmdt(at) != 0);
            REQUIRE(end_of(pid) == 0);
        }
        if (at != (void *)-1)
            REQUIRE(shmdt(at) == 0);
    }
    if (nr % 2)
        kill(getpid(), SIGKILL);
    return 0;
}

static void remove_what_is_left(void)
{
    shmctl(shmget(key, 0, 0), IPC_RMID, NULL);
    semctl(semget(key, 0, 0), 0, IPC_RMID);
    msgctl(msgget(key, 0), IPC_RMID, NULL);
}

TEST(objects_come_and_go)
{
    key = own_key(9);
    bool fine = all_do(comes_and_goes);
    remove_what_is_left(); /* on the host, too, where it fails */
    CHECK(fine);
    CHECK_ERRNO(shmget(key, 0, 0), ENOENT);
    CHECK_ERRNO(semget(key, 0, 0), ENOENT);
    CHECK_ERRNO(msgget(key, 0), ENOENT);
}

/* ---- those who wait hear of the end ---- */

static int waits(int nr)
{
    struct number m = { .type = 1 };

    __atomic_fetch_add(&shared[0], 1, __ATOMIC_SEQ_CST);
    if (nr % 3 == 0)
        REQUIRE_ERRNO(op(0, -1, SEM_UNDO), EIDRM);
    else if (nr % 3 == 1)
        REQUIRE(op(1, 0, 0) == -1 && (errno == EIDRM || errno == EINVAL));
    else
        REQUIRE_ERRNO(msgrcv(the_queue, &m, 8, 0, 0), EIDRM);
    return 0;
}

TEST(removal_wakes_everybody)
{
    pid_t pids[WORKERS];

    the_set = semget(IPC_PRIVATE, 2, 0600);
    the_queue = msgget(IPC_PRIVATE, 0600);
    semctl(the_set, 1, SETVAL, (union arg){ .val = 1 });
    shared[0] = 0;
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(waits(i));
        while (__atomic_load_n(&shared[0], __ATOMIC_SEQ_CST) <= (unsigned long)i)
            usleep(1000);
        until_asleep(pids[i], pids[i]);
    }
    CHECK_EQ(semctl(the_set, 0, IPC_RMID), 0);
    CHECK_EQ(msgctl(the_queue, IPC_RMID, NULL), 0);
    for (int i = 0; i < WORKERS; i++)
        CHECK_EQ(end_of(pids[i]), 0);
}

int main(void)
{
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? 1 : guest_main();
}
