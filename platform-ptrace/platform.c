/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform-ptrace: guests as traced processes. It needs nothing of the host but
 * ptrace(2) of one's own children, and is the slowest. agent.c tells how it works.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-ptrace/ptrace_priv.h"
#include "platform-ptrace/scratch.h"

#define FILE_SIZE ((int64_t)(SCRATCH_OFF + STUB_SCRATCH_SIZE))

static void close_fd(int *fd)
{
    if (*fd >= 0)
        host_close(*fd);
    *fd = -1;
}

/* The memory file of the command areas, mapped whole: it is sparse. */
static int open_cmds(struct platform *p)
{
    void *at;

    int fd = host_memfd_create("runsc-stubs", 0);
    if (fd < 0)
        return fd;
    p->cmd_fd = fd;
    int err = host_ftruncate(fd, FILE_SIZE);
    if (!err)
        err = host_mmap(NULL, (size_t)FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &at);
    if (err)
        return err;
    p->cmds = at;
    p->scratch = (char *)at + SCRATCH_OFF;
    return 0;
}

static int start(struct platform *p, int ram_fd)
{
    int socks[2];

    cpus_init(&p->cpus);
    int err = fpu_create(p);
    if (!err)
        err = open_cmds(p);
    if (!err)
        err = host_socketpair(SOCK_SEQPACKET, socks);
    if (err)
        return err;
    p->sock = socks[0];
    p->stub_sock = socks[1];
    atomic_store(&p->files[FILE_RAM], ram_fd);
    err = aspace_alloc(p, &p->zygote);
    if (!err)
        err = zygote_create(p, ram_fd);
    /* Their numbers live on, in the stubs. */
    host_close(p->stub_sock);
    host_close(p->cmd_fd);
    return err;
}

static void ptrace_destroy(struct platform *p)
{
    struct guest_thread *t;
    struct aspace *as;

    if (!p)
        return;
    while ((t = list_first(&p->threads, struct guest_thread, node)))
        ptrace_thread_destroy(t);
    while ((as = list_first(&p->aspaces, struct aspace, node)))
        ptrace_aspace_destroy(as);
    corpse_reap_all(p);
    int err = p->cmds ? host_munmap(p->cmds, (size_t)FILE_SIZE) : 0;
    if (err)
        panic("munmap: %d", err);
    close_fd(&p->sock);
    free(p->fpu_initial);
    free(p);
}

static int ptrace_create(const struct platform_options *opts, struct platform **out)
{
    struct platform *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    p->sentry = host_getpid();
    p->sock = -1;
    for (size_t i = 0; i < FILES_MAX; i++)
        atomic_init(&p->files[i], -1);
    mutex_init(&p->lock, RANK_PLATFORM);
    list_init(&p->aspaces);
    list_init(&p->threads);
    list_init(&p->corpses);
    p->next_id = 1;
    int err = start(p, opts->ram_fd);
    if (err) {
        ptrace_destroy(p);
        return err;
    }
    *out = p;
    return 0;
}

static uint64_t ptrace_task_size(const struct platform *p)
{
    (void)p;
    return STUB_START;
}

static size_t ptrace_fpu_size(const struct platform *p)
{
    return p->fpu_size;
}

const struct platform_ops platform_ptrace = {
    .name = "ptrace",
    .probe = ptrace_probe,
    .create = ptrace_create,
    .destroy = ptrace_destroy,
    .task_size = ptrace_task_size,
    .fpu_size = ptrace_fpu_size,
    .file_add = ptrace_file_add,
    .file_del = ptrace_file_del,
    .aspace_create = ptrace_aspace_create,
    .aspace_fork = ptrace_aspace_fork,
    .aspace_destroy = ptrace_aspace_destroy,
    .aspace_apply = ptrace_aspace_apply,
    .aspace_barrier = ptrace_aspace_barrier,
    .thread_create = ptrace_thread_create,
    .thread_destroy = ptrace_thread_destroy,
    .run = ptrace_run,
    .interrupt = ptrace_interrupt,
    .fpu_get = ptrace_fpu_get,
    .fpu_set = ptrace_fpu_set,
    .fpu_reset = ptrace_fpu_reset,
    .cpu_time = ptrace_cpu_time,
};
