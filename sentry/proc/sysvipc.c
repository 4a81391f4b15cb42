/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ipc namespace shows of System V: its objects (/proc/sysvipc), and its limits
 * (/proc/sys/kernel). It is the namespace of who looks.
 *
 *   source    sysvipc(7), proc(5); ipc/ipc_sysctl.c, Linux 6.6
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"

#define CAP_SYS_ADMIN          21
#define CAP_CHECKPOINT_RESTORE 40

#define SYSVIPC_KEY "       key      "

/* Whose objects are shown: borrowed for the look. */
static struct ipc_ns *ns_of(const struct proc_view *v)
{
    return v->viewer && v->viewer->ipc ? v->viewer->ipc : tasks_of(v->arena)->ipc;
}

/* Everybody sees all of them: no right is asked for. */
static struct ipc_caller caller_of(const struct proc_view *v)
{
    return (struct ipc_caller){
        .ns = ns_of(v),
        .cred = v->viewer ? v->viewer->cred : NULL,
    };
}

/* ---- /proc/sysvipc ---- */

int proc_show_sysvipc_shm(struct proc_view *v, struct text *t)
{
    struct ipc_caller c = caller_of(v);
    struct shm_stat s;

    text_string(t, SYSVIPC_KEY
                "shmid perms                  size  cpid  lpid nattch   uid   gid  cuid "
                " cgid      atime      dtime      ctime                   rss           "
                "       swap\n");
    for (uint32_t slot = 0; c.cred && shm_stat_next(&c, &slot, &s);) {
        const struct ipc64_perm *p = &s.ds.shm_perm;
        text_printf(t, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu",
                    p->key, s.id, p->mode, s.ds.shm_segsz, pid_nr(s.cpid, proc_pids(v)),
                    pid_nr(s.lpid, proc_pids(v)), s.ds.shm_nattch, p->uid, p->gid, p->cuid, p->cgid,
                    s.ds.shm_atime, s.ds.shm_dtime, s.ds.shm_ctime);
        text_printf(t, " %21" PRIu64 " %21u\n", s.rss, 0u);
        shm_stat_put(c.ns, &s);
    }
    return 0;
}

int proc_show_sysvipc_sem(struct proc_view *v, struct text *t)
{
    struct ipc_caller c = caller_of(v);
    struct semid64_ds s;
    int id;

    text_string(t, SYSVIPC_KEY
                "semid perms      nsems   uid   gid  cuid  cgid      otime     "
                " ctime\n");
    for (uint32_t slot = 0; c.cred && sem_stat_next(&c, &slot, &s, &id);) {
        const struct ipc64_perm *p = &s.sem_perm;
        text_printf(t, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10lu %10lu\n", p->key, id, p->mode,
                    (unsigned long)s.sem_nsems, p->uid, p->gid, p->cuid, p->cgid,
                    (unsigned long)s.sem_otime, (unsigned long)s.sem_ctime);
    }
    return 0;
}

int proc_show_sysvipc_msg(struct proc_view *v, struct text *t)
{
    struct ipc_caller c = caller_of(v);
    struct msg_stat s;

    text_string(t, SYSVIPC_KEY
                "msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid "
                "     stime      rtime      ctime\n");
    for (uint32_t slot = 0; c.cred && msg_stat_next(&c, &slot, &s);) {
        const struct ipc64_perm *p = &s.ds.msg_perm;
        text_printf(t, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n",
                    p->key, s.id, p->mode, (unsigned long)s.ds.msg_cbytes,
                    (unsigned long)s.ds.msg_qnum, pid_nr(s.lspid, proc_pids(v)),
                    pid_nr(s.lrpid, proc_pids(v)), p->uid, p->gid, p->cuid, p->cgid,
                    (unsigned long)s.ds.msg_stime, (unsigned long)s.ds.msg_rtime,
                    (unsigned long)s.ds.msg_ctime);
        msg_stat_put(c.ns, &s);
    }
    return 0;
}

/* ---- /proc/sys/kernel: one number a file ---- */

static int show_int(struct text *t, int n)
{
    text_printf(t, "%d\n", n);
    return 0;
}

static ssize_t write_int(const char *s, size_t size, int most, _Atomic int *to)
{
    int64_t n;
    int err = proc_parse_number(s, 0, most, &n);

    if (err)
        return err;
    atomic_store(to, (int)n);
    return (ssize_t)size;
}

static ssize_t write_u64(const char *s, size_t size, _Atomic uint64_t *to)
{
    char *end;

    s += strspn(s, " \t\n");
    if (*s < '0' || *s > '9')
        return -EINVAL;
    errno = 0;
    uint64_t n = strtoull(s, &end, 0);
    if (errno || end[strspn(end, " \t\n")])
        return -EINVAL;
    atomic_store(to, n);
    return (ssize_t)size;
}

#define SHOW_INT(name, member)                                \
    int proc_show_##name(struct proc_view *v, struct text *t) \
    {                                                         \
        return show_int(t, atomic_load(&ns_of(v)->member));   \
    }
#define INT_FILE(name, member, most)                                  \
    SHOW_INT(name, member)                                            \
    ssize_t proc_write_##name(struct proc_view *v, char *s, size_t n) \
    {                                                                 \
        return write_int(s, n, (most), &ns_of(v)->member);            \
    }
#define U64_FILE(name, member)                                           \
    int proc_show_##name(struct proc_view *v, struct text *t)            \
    {                                                                    \
        text_printf(t, "%" PRIu64 "\n", atomic_load(&ns_of(v)->member)); \
        return 0;                                                        \
    }                                                                    \
    ssize_t proc_write_##name(struct proc_view *v, char *s, size_t n)    \
    {                                                                    \
        return write_u64(s, n, &ns_of(v)->member);                       \
    }
/* Who makes processes anew, ids and all, says what the next one is. */
#define NEXT_FILE(name, member)                                                          \
    SHOW_INT(name, member)                                                               \
    ssize_t proc_write_##name(struct proc_view *v, char *s, size_t n)                    \
    {                                                                                    \
        return may_restore(v) ? write_int(s, n, INT32_MAX, &ns_of(v)->member) : -EACCES; \
    }

static bool may_restore(const struct proc_view *v)
{
    const struct user_ns *owner = ns_of(v)->user_ns;

    return !v->viewer || cred_ns_capable(v->viewer->cred, owner, CAP_CHECKPOINT_RESTORE) ||
           cred_ns_capable(v->viewer->cred, owner, CAP_SYS_ADMIN);
}

INT_FILE(msgmax, msg.max, INT32_MAX)
INT_FILE(msgmnb, msg.mnb, INT32_MAX)
INT_FILE(msgmni, msg.mni, (int)IPC_SLOTS_MAX)
INT_FILE(shmmni, shm->limits.mni, (int)IPC_SLOTS_MAX)
U64_FILE(shmall, shm->limits.all)
U64_FILE(shmmax, shm->limits.max)
NEXT_FILE(msg_next_id, msg.ids.next_id)
NEXT_FILE(sem_next_id, sem.ids.next_id)
NEXT_FILE(shm_next_id, shm->ids.next_id)

int proc_show_shm_rmid_forced(struct proc_view *v, struct text *t)
{
    return show_int(t, atomic_load(&ns_of(v)->shm->limits.rmid_forced));
}

ssize_t proc_write_shm_rmid_forced(struct proc_view *v, char *s, size_t size)
{
    struct ipc_ns *ns = ns_of(v);
    ssize_t n = write_int(s, size, 1, &ns->shm->limits.rmid_forced);

    if (n > 0 && atomic_load(&ns->shm->limits.rmid_forced))
        shm_remove_orphans(ns);
    return n;
}

/* ---- /proc/sys/kernel/sem: four numbers ---- */

int proc_show_sem(struct proc_view *v, struct text *t)
{
    struct sem_table *s = &ns_of(v)->sem;

    text_printf(t, "%d\t%d\t%d\t%d\n", atomic_load(&s->msl), atomic_load(&s->mns),
                atomic_load(&s->opm), atomic_load(&s->mni));
    return 0;
}

/* As many as are there: the others stay. */
ssize_t proc_write_sem(struct proc_view *v, char *text, size_t size)
{
    struct sem_table *s = &ns_of(v)->sem;
    _Atomic int *const to[] = { &s->msl, &s->mns, &s->opm, &s->mni };
    int numbers[ARRAY_LEN(to)];
    size_t count = 0;
    char *rest = NULL;

    for (char *word = strtok_r(text, " \t\n", &rest); word && count < ARRAY_LEN(to);
         word = strtok_r(NULL, " \t\n", &rest)) {
        int64_t n;
        int most = count + 1 == ARRAY_LEN(to) ? (int)IPC_SLOTS_MAX : INT32_MAX;
        if (proc_parse_number(word, 0, most, &n))
            return -EINVAL;
        numbers[count++] = (int)n;
    }
    if (count == 0)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        atomic_store(to[i], numbers[i]);
    return (ssize_t)size;
}
