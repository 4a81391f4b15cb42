/* SPDX-License-Identifier: Apache-2.0 */
/* What all stubs of a sandbox need: their file, a socket, the first of them. */
#include "platform-stub/stubs.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/host.h"
#include "base/panic.h"

static_assert((uint64_t)ASPACES_MAX * STUB_CMD_SIZE <= SCRATCH_OFF, "layout.h");

static void close_fd(int *fd)
{
    if (*fd >= 0)
        host_close(*fd);
    *fd = -1;
}

/* The memory file that stubs and we have in common, mapped whole: it is sparse. */
static int open_file(struct stubs *stubs)
{
    const struct stubs_options *o = stubs->o;
    void *at;

    int fd = host_memfd_create("runsc-stubs", 0);
    if (fd < 0)
        return fd;
    stubs->cmd_fd = fd;
    stubs->size = SLOTS_OFF + o->slots_size;
    int err = host_ftruncate(fd, (int64_t)stubs->size);
    if (!err)
        err = host_mmap(NULL, stubs->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &at);
    if (err)
        return err;
    stubs->cmds = at;
    stubs->scratch = (char *)at + SCRATCH_OFF;
    stubs->slots = (char *)at + SLOTS_OFF;
    if (o->page)
        o->page(&stubs->xsave, (char *)at + PAGE_OFF);
    return 0;
}

static void init(struct stubs *stubs)
{
    stubs->sentry = host_getpid();
    stubs->sock = stubs->stub_sock = stubs->cmd_fd = -1;
    for (size_t i = 0; i < FILES_MAX; i++)
        atomic_init(&stubs->files[i], -1);
    mutex_init(&stubs->lock, RANK_PLATFORM);
    list_init(&stubs->aspaces);
    list_init(&stubs->spares);
    list_init(&stubs->corpses);
    stubs->next_id = 1;
    cpus_init(&stubs->cpus);
}

int stubs_create(struct stubs *stubs, const struct stubs_options *o)
{
    int socks[2];

    stubs->o = o;
    init(stubs);
    int err = xsave_create(&stubs->xsave);
    if (!err)
        err = open_file(stubs);
    if (!err)
        err = host_socketpair(SOCK_SEQPACKET, socks);
    if (err)
        return err;
    stubs->sock = socks[0];
    stubs->stub_sock = socks[1];
    atomic_store(&stubs->files[FILE_RAM], o->ram_fd);
    err = aspace_alloc(stubs, &stubs->zygote);
    if (!err)
        err = zygote_create(stubs);
    /* Their numbers live on, in the stubs. */
    host_close(stubs->stub_sock);
    host_close(stubs->cmd_fd);
    stubs->o = NULL;
    return err;
}

void stubs_destroy(struct stubs *stubs)
{
    corpse_reap_all(stubs);
    int err = stubs->cmds ? host_munmap(stubs->cmds, stubs->size) : 0;
    if (err)
        panic("munmap: %d", err);
    close_fd(&stubs->sock);
    xsave_destroy(&stubs->xsave);
}
