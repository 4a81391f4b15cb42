/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory of System V.
 * covers: shmget, shmat, shmdt, shmctl
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include "tests/guest/sysvipc.h"

#define PAGE 4096

static struct shmid_ds stat_of(int id)
{
    struct shmid_ds ds = { .shm_nattch = 12345 };

    shmctl(id, IPC_STAT, &ds);
    return ds;
}

TEST(a_private_one_is_always_new)
{
    int a = shmget(IPC_PRIVATE, 100, 0600), b = shmget(IPC_PRIVATE, 100, 0600);

    CHECK(a >= 0 && b >= 0 && a != b);
    struct shmid_ds ds = stat_of(a);
    CHECK_EQ(ds.shm_segsz, 100);
    CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
    CHECK_EQ(ds.shm_perm.mode, 0600);
    CHECK_EQ(ds.shm_perm.uid, geteuid());
    CHECK_EQ(ds.shm_perm.cgid, getegid());
    CHECK_EQ(ds.shm_cpid, getpid());
    CHECK_EQ(ds.shm_lpid, 0);
    CHECK_EQ(ds.shm_atime, 0);
    CHECK_EQ(ds.shm_dtime, 0);
    CHECK(ds.shm_ctime > 1000000000);
    CHECK_EQ(ds.shm_nattch, 0);
    CHECK_EQ(shmctl(a, IPC_RMID, NULL), 0);
    CHECK_EQ(shmctl(b, IPC_RMID, NULL), 0);
    CHECK_ERRNO(shmctl(a, IPC_STAT, &ds), EINVAL);
}

TEST(a_key_leads_to_the_same)
{
    key_t key = own_key(1);

    CHECK_ERRNO(shmget(key, 100, 0600), ENOENT);
    int id = shmget(key, 2 * PAGE, IPC_CREAT | 0600);
    CHECK(id >= 0);
    CHECK_EQ(shmget(key, 2 * PAGE, 0600), id);
    CHECK_EQ(shmget(key, 0, 0), id);
    CHECK_EQ(shmget(key, 1, IPC_CREAT | 0600), id);
    CHECK_ERRNO(shmget(key, 2 * PAGE + 1, 0600), EINVAL);
    CHECK_ERRNO(shmget(key, 1, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_ERRNO(shmget(key, 1, 0600), ENOENT);
}

TEST(sizes_have_limits)
{
    CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
    CHECK_ERRNO(shmget(IPC_PRIVATE, SIZE_MAX, 0600), EINVAL);
    CHECK_ERRNO(shmctl(-1, IPC_STAT, NULL), EINVAL);
    CHECK_ERRNO(shmctl(0, -1, NULL), EINVAL);
    CHECK_ERRNO(shmctl(0, 100, NULL), EINVAL);
}

TEST(memory_is_shared)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, 0);

    CHECK(a != (void *)-1 && b != (void *)-1 && a != b);
    CHECK_EQ(stat_of(id).shm_nattch, 2);
    CHECK_EQ(a[2 * PAGE], 0);
    strcpy(a + PAGE, "hello");
    CHECK(strcmp(b + PAGE, "hello") == 0);
    CHECK_EQ(shmdt(b), 0);
    CHECK_EQ(stat_of(id).shm_nattch, 1);
    CHECK_ERRNO(shmdt(b), EINVAL);
    CHECK_ERRNO(shmdt(a + 1), EINVAL);
    CHECK_EQ(shmdt(a), 0);
    struct shmid_ds ds = stat_of(id);
    CHECK_EQ(ds.shm_nattch, 0);
    CHECK_EQ(ds.shm_lpid, getpid());
    CHECK(ds.shm_atime >= ds.shm_ctime && ds.shm_dtime >= ds.shm_atime);
    a = shmat(id, NULL, 0); /* what was written stays */
    CHECK(strcmp(a + PAGE, "hello") == 0);
    shmdt(a);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(addresses)
{
    int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
    char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK_ERRNO(shmat(id, room + 1, 0), EINVAL);
    CHECK_ERRNO(shmat(id, room, 0), EINVAL); /* something is there */
    CHECK_ERRNO(shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK_ERRNO(shmat(id, (void *)1, SHM_RND | SHM_REMAP), EINVAL);
    CHECK(shmat(id, room + PAGE + 17, SHM_RND | SHM_REMAP) == room + PAGE);
    room[PAGE] = 'x';
    CHECK_EQ(munmap(room + 4 * PAGE, 4 * PAGE), 0);
    CHECK(shmat(id, room + 5 * PAGE, 0) == room + 5 * PAGE);
    CHECK_EQ(room[5 * PAGE], 'x');
    CHECK_EQ(shmdt(room + PAGE), 0);
    CHECK_EQ(shmdt(room + 5 * PAGE), 0);
    CHECK_ERRNO(shmat(-1, NULL, 0), EINVAL);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_ERRNO(shmat(id, NULL, 0), EINVAL);
    munmap(room, 4 * PAGE);
}

static void *mapped;

static int writes(void)
{
    *(volatile char *)mapped = 1;
    return 0;
}

TEST(read_only)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);

    mapped = shmat(id, NULL, SHM_RDONLY);
    CHECK(mapped != (void *)-1 && *(char *)mapped == 0);
    int status = in_child(writes);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK_ERRNO(mprotect(mapped, PAGE, PROT_READ | PROT_WRITE), EACCES);
    CHECK_EQ(shmdt(mapped), 0);
    mapped = shmat(id, NULL, SHM_EXEC);
    memcpy(mapped, "\xb8\x2a\x00\x00\x00\xc3", 6); /* mov $42, %eax; ret */
    CHECK_EQ(((int (*)(void))mapped)(), 42);
    CHECK_EQ(shmdt(mapped), 0);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* ---- the count of those who have it ---- */

TEST(a_removed_one_lives_while_it_is_attached)
{
    key_t key = own_key(2);
    int id = shmget(key, PAGE, IPC_CREAT | 0600);
    char *a = shmat(id, NULL, 0);

    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_ERRNO(shmget(key, PAGE, 0600), ENOENT);
    struct shmid_ds ds = stat_of(id);
    CHECK_EQ(ds.shm_perm.mode, 0600 | SHM_DEST);
    CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
    char *b = shmat(id, NULL, 0); /* by its id it can still be had */
    CHECK(b != (void *)-1);
    a[5] = 'y';
    CHECK_EQ(shmdt(a), 0);
    CHECK_EQ(b[5], 'y');
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0); /* as often as you like */
    CHECK_EQ(shmdt(b), 0);
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
}

TEST(remapping_brings_none_back)
{
    int id = shmget(IPC_PRIVATE, 8 * PAGE, 0600);
    char *a = shmat(id, NULL, 0);
    unsigned char present[8];
    struct shmid_ds ds;

    a[3 * PAGE] = 'x';
    CHECK_EQ(remap_file_pages(a, 8 * PAGE, 0, 0, 0), 0);
    CHECK_EQ(stat_of(id).shm_nattch, 1);
    CHECK_EQ(remap_file_pages(a, PAGE, 0, 3, 0), 0);
    CHECK_EQ(a[0], 'x');
    CHECK_EQ(stat_of(id).shm_nattch, 2);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_EQ(remap_file_pages(a, PAGE, 0, 2, 0), 0); /* the other range has it still */
    CHECK_EQ(stat_of(id).shm_nattch, 2);
    CHECK_EQ(shmdt(a), 0);
    CHECK_EQ(munmap(a, PAGE), 0);
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);

    id = shmget(IPC_PRIVATE, 8 * PAGE, 0600);
    a = shmat(id, NULL, 0);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
    CHECK_ERRNO(remap_file_pages(a, 8 * PAGE, 0, 0, 0), EINVAL);
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(mincore(a, 8 * PAGE, present), ENOMEM); /* what was there has gone */
}

/* ---- who had it last ---- */

static char stack[65536] __attribute__((aligned(16)));
static int told[2];
static char *attached;

static int cuts(void *parent)
{
    while (getppid() == (pid_t)(intptr_t)parent)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    int err = mprotect(attached, PAGE, PROT_READ);
    (void)!write(told[1], &err, sizeof err);
    while (pause())
        ; /* its end would be the last word */
    return 0;
}

/* A child without memory of its own, whose parent goes before it cuts a range. */
static pid_t orphan_cuts(void)
{
    pid_t child = -1;
    int err = -1;

    if (pipe(told))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        child = clone(cuts, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)(intptr_t)getpid());
        (void)!write(told[1], &child, sizeof child);
        _exit(0);
    }
    (void)!read(told[0], &child, sizeof child);
    end_of(pid);
    (void)!read(told[0], &err, sizeof err);
    close(told[0]), close(told[1]);
    return err ? -1 : child;
}

TEST(the_last_pid_is_of_who_did_it)
{
    int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);

    attached = shmat(id, NULL, 0);
    CHECK_EQ(stat_of(id).shm_lpid, getpid());
    pid_t pid = orphan_cuts();
    CHECK(pid > 0);
    CHECK(stat_of(id).shm_lpid != 0);
    kill(pid, SIGKILL);
    while (stat_of(id).shm_nattch > 1) /* its end detaches, too */
        usleep(1000);
    pid = vfork(); /* memory is shared until it execs or ends */
    if (pid == 0) {
        shmdt(attached);
        _exit(0);
    }
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(stat_of(id).shm_lpid, pid);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

static int the_id;
static key_t the_key;

static int forked(void)
{
    REQUIRE(stat_of(the_id).shm_nattch == 2);
    *(char *)mapped = 'c';
    return 0;
}

TEST(fork_counts_and_exit_too)
{
    the_id = shmget(IPC_PRIVATE, PAGE, 0600);
    mapped = shmat(the_id, NULL, 0);
    CHECK_EQ(stat_of(the_id).shm_lpid, getpid());
    CHECK_CHILD(forked);
    CHECK_EQ(*(char *)mapped, 'c');
    struct shmid_ds ds = stat_of(the_id);
    CHECK_EQ(ds.shm_nattch, 1);
    CHECK(ds.shm_lpid != getpid() && ds.shm_lpid > 0); /* a dead one's number */
    CHECK(ds.shm_dtime > 0);
    shmdt(mapped);
    CHECK_EQ(shmctl(the_id, IPC_RMID, NULL), 0);
}

TEST(exec_detaches)
{
    char c;
    int id = shmget(IPC_PRIVATE, PAGE, 0600), p[2];
    CHECK(pipe2(p, O_CLOEXEC) == 0);
    pid_t pid = fork();

    if (pid == 0) {
        shmat(id, NULL, 0);
        execl("/bin/sleep", "sleep", "60", NULL);
        _exit(127);
    }
    close(p[1]);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
    CHECK_EQ(stat_of(id).shm_nattch, 0);
    CHECK_EQ(stat_of(id).shm_lpid, pid);
    kill(pid, SIGKILL);
    end_of(pid);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(each_range_counts)
{
    int id = shmget(IPC_PRIVATE, 6 * PAGE, 0600);
    char *a = shmat(id, NULL, 0);

    CHECK_EQ(mprotect(a + 2 * PAGE, PAGE, PROT_READ), 0);
    CHECK_EQ(stat_of(id).shm_nattch, 3);
    CHECK_EQ(munmap(a, PAGE), 0);
    CHECK_EQ(stat_of(id).shm_nattch, 3);
    CHECK_EQ(munmap(a + 4 * PAGE, PAGE), 0);
    CHECK_EQ(stat_of(id).shm_nattch, 4);
    void *other =
        mmap(a + 4 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(other == a + 4 * PAGE);
    CHECK_EQ(shmdt(a), 0); /* all that is left, and nothing else */
    CHECK_EQ(stat_of(id).shm_nattch, 0);
    CHECK_EQ(*(char *)other, 0);
    CHECK_EQ(munmap(other, PAGE), 0);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(maps_show_it)
{
    static char text[1 << 18];
    char want[64];
    key_t key = own_key(3);
    int id = shmget(key, PAGE, IPC_CREAT | 0600);
    void *a = shmat(id, NULL, 0);

    CHECK(slurp("/proc/self/maps", text, sizeof text) > 0);
    snprintf(want, sizeof want, "/SYSV%08x (deleted)", (unsigned)key);
    char *at = strstr(text, want);
    CHECK(at);
    snprintf(want, sizeof want, " 00000000 00:01 %d ", id);
    while (at > text && at[-1] != '\n')
        at--;
    char *end = strchr(at, '\n');
    *end = '\0';
    CHECK(strstr(at, "rw-s") && strstr(at, want));
    shmdt(a);
    CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* ---- rights ---- */

static int nobody(void)
{
    struct shmid_ds ds;
    struct rlimit none = { 0 };

    REQUIRE(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    REQUIRE(setgid(65534) == 0 && setuid(65534) == 0);
    REQUIRE_ERRNO(shmctl(the_id, IPC_STAT, &ds), EACCES);
    REQUIRE_ERRNO(shmat(the_id, NULL, SHM_RDONLY), EACCES);
    REQUIRE_ERRNO(shmctl(the_id, IPC_RMID, NULL), EPERM);
    memset(&ds, 0, sizeof ds);
    REQUIRE_ERRNO(shmctl(the_id, IPC_SET, &ds), EPERM);
    REQUIRE_ERRNO(shmctl(the_id, SHM_LOCK, NULL), EPERM);
    int own = shmget(IPC_PRIVATE, PAGE, 0400);
    REQUIRE(own >= 0);
    REQUIRE_ERRNO(shmat(own, NULL, 0), EACCES); /* not even the owner */
    REQUIRE(shmat(own, NULL, SHM_RDONLY) != (void *)-1);
    REQUIRE_ERRNO(shmctl(own, SHM_LOCK, NULL), EPERM); /* RLIMIT_MEMLOCK is 0 */
    REQUIRE(shmctl(own, SHM_UNLOCK, NULL) == 0);
    REQUIRE(shmctl(own, IPC_RMID, NULL) == 0);
    return 0;
}

TEST(the_mode_keeps_others_out)
{
    if (geteuid() != 0)
        return;
    the_id = shmget(IPC_PRIVATE, PAGE, 0600);
    CHECK_CHILD(nobody);
    struct shmid_ds ds = stat_of(the_id);
    ds.shm_perm.uid = 1;
    ds.shm_perm.mode = 0777 | 04000;
    CHECK_EQ(shmctl(the_id, IPC_SET, &ds), 0);
    ds = stat_of(the_id);
    CHECK_EQ(ds.shm_perm.uid, 1);
    CHECK_EQ(ds.shm_perm.cuid, 0);
    CHECK_EQ(ds.shm_perm.mode, 0777);
    CHECK_EQ(shmctl(the_id, SHM_LOCK, NULL), 0);
    CHECK_EQ(stat_of(the_id).shm_perm.mode, 0777 | SHM_LOCKED);
    CHECK_EQ(shmctl(the_id, SHM_UNLOCK, NULL), 0);
    CHECK_EQ(stat_of(the_id).shm_perm.mode, 0777);
    CHECK_ERRNO(shmctl(the_id, IPC_SET, (void *)8), EFAULT);
    CHECK_EQ(shmctl(the_id, IPC_RMID, NULL), 0);
}

/* ---- a namespace of our own ---- */

static int namespaces(void)
{
    struct shminfo info;
    struct shm_info used;
    char text[4096];

    REQUIRE(shmget(the_key, PAGE, 0) == the_id);
    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    REQUIRE_ERRNO(shmget(the_key, PAGE, 0), ENOENT);
    REQUIRE(shmget(IPC_PRIVATE, PAGE, 0600) == 0); /* ids begin anew */
    REQUIRE(shmget(IPC_PRIVATE, 2 * PAGE, 0600) == 1);
    REQUIRE(shmctl(0, SHM_INFO, (void *)&used) == 1);
    REQUIRE(used.used_ids == 2 && used.shm_tot == 3 && used.shm_rss == 0);
    char *a = shmat(1, NULL, 0);
    a[PAGE] = 1;
    a[0] = 1;
    REQUIRE(shmctl(0, SHM_INFO, (void *)&used) == 1 && used.shm_rss == 2);
    struct shmid_ds ds;
    REQUIRE(shmctl(1, SHM_STAT, &ds) == 1 && ds.shm_nattch == 1 && ds.shm_segsz == 2 * PAGE);
    REQUIRE_ERRNO(shmctl(2, SHM_STAT, &ds), EINVAL);
    REQUIRE(shmctl(0, 15 /* SHM_STAT_ANY */, &ds) == 0);
    REQUIRE(slurp("/proc/sysvipc/shm", text, sizeof text) > 0);
    char *line = strchr(text, '\n');
    unsigned id, mode;
    unsigned long size, nattch;
    int pid;
    REQUIRE(line && strlen(text) > 0);
    line = strchr(line + 1, '\n');
    REQUIRE(line &&
            sscanf(line, " %*d %u %o %lu %d %*d %lu", &id, &mode, &size, &pid, &nattch) == 5);
    REQUIRE(id == 1 && mode == 0600 && size == 2 * PAGE && pid == getpid() && nattch == 1);
    /* an id that was in use does not come back soon */
    REQUIRE(shmctl(0, IPC_RMID, NULL) == 0);
    REQUIRE(shmget(IPC_PRIVATE, PAGE, 0600) == 2);
    /* limits */
    REQUIRE(shmctl(0, IPC_INFO, (void *)&info) == 2);
    REQUIRE(info.shmmni == 4096 && info.shmmin == 1 && info.shmseg == 4096);
    REQUIRE(info.shmmax == 18446744073692774399ul);
    REQUIRE(set_sysctl("shmmni", "2") == 0 && set_sysctl("shmmax", "8192\n") == 0);
    REQUIRE_ERRNO(shmget(IPC_PRIVATE, PAGE, 0600), ENOSPC);
    REQUIRE(set_sysctl("shmmni", "10") == 0);
    REQUIRE_ERRNO(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
    REQUIRE(set_sysctl("shmall", "4") == 0);
    REQUIRE(shmget(IPC_PRIVATE, PAGE, 0600) >= 0);
    REQUIRE_ERRNO(shmget(IPC_PRIVATE, PAGE, 0600), ENOSPC);
    REQUIRE(shmctl(0, IPC_INFO, (void *)&info) == 3);
    REQUIRE(info.shmmni == 10 && info.shmmax == 8192 && info.shmall == 4);
    REQUIRE_ERRNO(set_sysctl("shmmni", "32769"), EINVAL);
    REQUIRE_ERRNO(set_sysctl("shmmni", "-1"), EINVAL);
    REQUIRE_ERRNO(set_sysctl("shm_rmid_forced", "2"), EINVAL);
    /* what nobody has attached goes, but not while its creator lives */
    REQUIRE(set_sysctl("shm_rmid_forced", "1") == 0);
    REQUIRE(shmctl(2, IPC_STAT, &ds) == 0);
    REQUIRE(shmdt(a) == 0); /* the last range of one: it goes */
    REQUIRE_ERRNO(shmctl(1, IPC_STAT, &ds), EINVAL);
    /* what comes next */
    REQUIRE(set_sysctl("shmall", "100") == 0 && set_sysctl("shm_next_id", "327685") == 0);
    REQUIRE(shmget(IPC_PRIVATE, PAGE, 0600) == 327685);
    REQUIRE(slurp("/proc/sys/kernel/shm_next_id", text, sizeof text) > 0 &&
            strcmp(text, "-1\n") == 0);
    return 0;
}

TEST(a_namespace_has_its_own)
{
    if (!may_have_namespace())
        return;
    the_key = own_key(4);
    the_id = shmget(the_key, PAGE, IPC_CREAT | 0600);
    CHECK_CHILD(namespaces);
    CHECK_EQ(shmget(the_key, PAGE, 0), the_id); /* the one outside has stayed */
    CHECK_EQ(shmctl(the_id, IPC_RMID, NULL), 0);
}

static int makes_orphan(void)
{
    the_id = shmget(own_key(5), PAGE, IPC_CREAT | 0600);
    return the_id < 0;
}

static int forced(void)
{
    key_t key;
    int status;

    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(makes_orphan());
    REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
    key = (key_t)(0x52000000 | (pid & 0xffff) << 8 | 5);
    REQUIRE(shmget(key, PAGE, 0) >= 0); /* it stays, by default */
    REQUIRE(set_sysctl("shm_rmid_forced", "1") == 0);
    REQUIRE_ERRNO(shmget(key, PAGE, 0), ENOENT);
    pid = fork();
    if (pid == 0)
        _exit(makes_orphan());
    REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
    REQUIRE_ERRNO(shmget((key_t)(0x52000000 | (pid & 0xffff) << 8 | 5), PAGE, 0), ENOENT);
    return 0;
}

TEST(orphans_go_where_that_is_wanted)
{
    if (may_have_namespace())
        CHECK_CHILD(forced);
}

/* Memory outlives the namespace that it came from. */
static int outlives(void)
{
    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    char *a = shmat(shmget(IPC_PRIVATE, PAGE, 0600), NULL, 0);
    REQUIRE(a != (void *)-1);
    a[7] = 7;
    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    REQUIRE(a[7] == 7);
    REQUIRE(shmdt(a) == 0);
    return 0;
}

TEST(memory_outlives_its_namespace)
{
    if (may_have_namespace())
        CHECK_CHILD(outlives);
}

MAIN
