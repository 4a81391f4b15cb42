/* SPDX-License-Identifier: Apache-2.0 */
/* All verbs under the sentry's own filter, and without a capability. */
#pragma once

#include <linux/capability.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/filter.h"
#include "tests/platform/rig.h"

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 } };

    return syscall(SYS_capset, &header, none) == 0;
}

static bool calls(struct rig *r, struct aspace *as)
{
    struct guest_regs regs = rig_regs(CODE_AT);

    for (int i = 0; i < 20; i++) {
        if (OPS->run(r->t, as, &regs, &r->stop) || r->stop.why != STOP_SYSCALL)
            return false;
    }
    OPS->interrupt(r->t);
    return OPS->run(r->t, as, &regs, &r->stop) == 0 && r->stop.why == STOP_INTERRUPT;
}

/* Stops of every kind: each asks the host for something else. */
static bool stops(struct rig *r)
{
    static const struct {
        char code[4];
        uint64_t fs_base;
    } cases[] = {
        {"\xcd\x80",  0         },
        { "\x0f\x0b", 0         },
        { "\xff\xe7", 0         },
        { "\xcc",     UINT64_MAX}
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CODE(r, CODE_AT + 64, "\x90\x90\x90\x90");
        rig_code(r, CODE_AT + 64, cases[i].code, strlen(cases[i].code));
        struct guest_regs regs = rig_regs(CODE_AT + 64);
        regs.fs_base = cases[i].fs_base;
        if (OPS->run(r->t, r->as, &regs, &r->stop))
            return false;
    }
    return true;
}

static bool does_all(struct rig *r)
{
    struct mem_op op = op_map(0x700000, PAGE_SIZE, PROT_READ, 0);
    size_t size = OPS->fpu_size(r->p);
    void *area = malloc(size);
    struct aspace *child;
    uint32_t file;

    bool fine = OPS->file_add(r->p, r->ram_fd, &file) == 0;
    op.file = file;
    fine = fine && OPS->aspace_apply(r->as, &op, 1) == 0 && calls(r, r->as) && stops(r) &&
           OPS->aspace_barrier(r->as) == 0 && OPS->aspace_fork(r->as, &child) == 0 &&
           calls(r, child) && OPS->fpu_get(r->t, area, size) == 0 &&
           OPS->fpu_set(r->t, area, size) == 0 && calls(r, child) && OPS->cpu_time(r->t) > 0;
    if (fine) {
        OPS->aspace_destroy(child);
        OPS->file_del(r->p, file);
    }
    free(area);
    return fine;
}

Test(jail, nothing_is_done_that_the_filter_forbids)
{
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        struct rig r;
        rig_start(&r);
        CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
        if (!drop_capabilities() ||
            filter_install(OPS == &platform_ptrace ? SENTRY_PTRACE : SENTRY_SYSTRAP))
            host_exit(2);
        bool fine = does_all(&r);
        rig_stop(&r);
        host_exit(fine ? 0 : 1);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(!WIFSIGNALED(status), "killed by signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), 0);
}
