/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory files. All stubs share one descriptor table; the zygote, who has a page to
 * receive messages in, takes descriptors in and gives them back.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/fdpass.h"
#include "base/host.h"
#include "base/log.h"
#include "platform-stub/scratch.h"
#include "platform-stub/stubs.h"

/* The descriptor that came with a message, or -EMFILE where the table was full. */
static int received(const struct scratch *s)
{
    int fd;

    if (s->msg.msg_controllen < CMSG_LEN(sizeof fd) || s->control.header.cmsg_type != SCM_RIGHTS)
        return -EMFILE;
    memcpy(&fd, CMSG_DATA(&s->control.header), sizeof fd);
    return fd;
}

/* The number in the stubs, or -errno. */
static int pass_locked(struct stubs *stubs, int fd) HOLDS(stubs->zygote->lock);
static int pass_locked(struct stubs *stubs, int fd)
{
    struct scratch *s = stubs->scratch;
    struct agent *agent = &stubs->zygote->agent;

    *s = (struct scratch){
        .msg = {.msg_iov = (struct iovec *)(STUB_SCRATCH + offsetof(struct scratch, iov)),
                .msg_iovlen = 1,
                .msg_control = (void *)(STUB_SCRATCH + offsetof(struct scratch, control)),
                .msg_controllen = sizeof s->control },
        .iov = { .iov_base = (void *)(STUB_SCRATCH + offsetof(struct scratch,                                                         byte)),
                .iov_len = 1},
    };
    ssize_t n = fd_send(stubs->sock, "f", 1, &fd, 1);
    if (n < 0)
        return (int)n;
    agent_put(agent, 0, SYS_recvmsg, (uint64_t)stubs->stub_sock, STUB_SCRATCH, 0, 0, 0, 0);
    int err = agent_run(agent, NULL);
    return err ? err : received(s);
}

static int free_number(const struct stubs *stubs, uint32_t *out)
{
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        if (atomic_load_explicit(&stubs->files[i], memory_order_relaxed) < 0) {
            *out = i;
            return 0;
        }
    }
    return -EMFILE;
}

int file_add(struct stubs *stubs, int fd, uint32_t *out)
{
    uint32_t file;

    mutex_lock(&stubs->zygote->lock);
    int err = free_number(stubs, &file);
    int number = err ? err : pass_locked(stubs, fd);
    if (number >= 0) {
        atomic_store(&stubs->files[file], number);
        *out = file;
    }
    mutex_unlock(&stubs->zygote->lock);
    return number < 0 ? number : 0;
}

void file_del(struct stubs *stubs, uint32_t file)
{
    struct agent *agent = &stubs->zygote->agent;

    mutex_lock(&stubs->zygote->lock);
    assert(file < FILES_MAX && file != FILE_RAM);
    int number = atomic_exchange(&stubs->files[file], -1);
    assert(number >= 0);
    agent_put(agent, OP_TRY, SYS_close, (uint64_t)number, 0, 0, 0, 0, 0);
    int err = agent_run(agent, NULL);
    mutex_unlock(&stubs->zygote->lock);
    if (err)
        log_debug("stubs: file %u stays open: error %d", file, -err);
}
