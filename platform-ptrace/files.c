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
#include "platform-ptrace/scratch.h"

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
static int pass_locked(struct platform *p, int fd) HOLDS(p->zygote->lock);
static int pass_locked(struct platform *p, int fd)
{
    struct scratch *s = p->scratch;
    struct agent *agent = &p->zygote->agent;

    *s = (struct scratch){
        .msg = {.msg_iov = (struct iovec *)(STUB_SCRATCH + offsetof(struct scratch, iov)),
                .msg_iovlen = 1,
                .msg_control = (void *)(STUB_SCRATCH + offsetof(struct scratch, control)),
                .msg_controllen = sizeof s->control },
        .iov = { .iov_base = (void *)(STUB_SCRATCH + offsetof(struct scratch,                                                         byte)),
                .iov_len = 1},
    };
    ssize_t n = fd_send(p->sock, "f", 1, &fd, 1);
    if (n < 0)
        return (int)n;
    agent_put(agent, 0, SYS_recvmsg, (uint64_t)p->stub_sock, STUB_SCRATCH, 0, 0, 0, 0);
    int err = agent_run(agent, NULL);
    return err ? err : received(s);
}

static int free_number(const struct platform *p, uint32_t *out)
{
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        if (atomic_load_explicit(&p->files[i], memory_order_relaxed) < 0) {
            *out = i;
            return 0;
        }
    }
    return -EMFILE;
}

int ptrace_file_add(struct platform *p, int fd, uint32_t *out)
{
    uint32_t file;

    mutex_lock(&p->zygote->lock);
    int err = free_number(p, &file);
    int number = err ? err : pass_locked(p, fd);
    if (number >= 0) {
        atomic_store(&p->files[file], number);
        *out = file;
    }
    mutex_unlock(&p->zygote->lock);
    return number < 0 ? number : 0;
}

void ptrace_file_del(struct platform *p, uint32_t file)
{
    struct agent *agent = &p->zygote->agent;

    mutex_lock(&p->zygote->lock);
    assert(file < FILES_MAX && file != FILE_RAM);
    int number = atomic_exchange(&p->files[file], -1);
    assert(number >= 0);
    agent_put(agent, OP_TRY, SYS_close, (uint64_t)number, 0, 0, 0, 0, 0);
    int err = agent_run(agent, NULL);
    mutex_unlock(&p->zygote->lock);
    if (err)
        log_debug("ptrace: file %u stays open: error %d", file, -err);
}
