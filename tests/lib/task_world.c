/* SPDX-License-Identifier: Apache-2.0 */
#include "task_world.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/host.h"
#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/futex.h"

#define END_TIME (20 * NSEC_PER_SEC)

static const struct tasks_ops world_ops = { .dispatch = syscall_dispatch };

static struct mm *make_mm(struct arena *a)
{
    struct map_source none = { 0 };
    struct mm *mm;
    uptr_t out;

    int err = mm_create(a, &tasks_of(a)->orphan_limits, NULL, NULL, &mm);
    assert(!err);
    err = mm_map(mm, uptr(WORLD_STACK), WORLD_STACK_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, &none, &out);
    assert(!err);
    return mm;
}

int task_world_add(struct task_world *w, struct container *c, struct task **out)
{
    struct arena *a = w->vfs.mm.arena;
    const struct guest_regs regs = {
        .rip = 0x400000,
        .rsp = WORLD_STACK + WORLD_STACK_SIZE / 2,
        .cs = GUEST_CS,
        .ss = GUEST_SS,
        .eflags = EFLAGS_FIXED,
        .r14 = 1, /* the first process */
    };
    struct task_spec spec = {
        .container = c,
        .mm = make_mm(a),
        .cred = cred_get(w->vfs.root_cred),
        .limits = &w->vfs.mm.limits,
        .regs = &regs,
        .name = "init",
    };

    int err = fdtable_create(a, &spec.files);
    assert(!err);
    err = fs_context_copy(w->vfs.fs, &spec.fs);
    assert(!err);
    return task_create_init(a, &spec, out);
}

void task_world_start(struct task_world *w, fake_guest_fn guest, void *arg)
{
    vfs_world_start(&w->vfs);
    struct arena *a = w->vfs.mm.arena;
    const struct tasks_options opts = { .ops = &world_ops,
                                        .nodename = "world",
                                        .max_tasks = 48,
                                        .cpus = 2,
                                        .user_ns = w->vfs.user_ns };

    arena_set_host(a, HOST_CLOCK, (void *)&clock_real);
    int err = timers_create(a);
    if (!err)
        err = tasks_create(a, &opts);
    if (!err)
        err = futexes_create(a);
    assert(!err);
    if (guest)
        fake_on_run(w->vfs.mm.platform.platform, guest, arg);
    err = task_world_add(w, NULL, &w->init);
    assert(!err);
}

void task_world_run(struct task_world *w)
{
    int err = task_start(w->init);
    assert(!err);
}

void task_world_stop(struct task_world *w)
{
    struct arena *a = w->vfs.mm.arena;

    tasks_kill_all(a);
    bool idle = tasks_wait_idle(a, host_clock_gettime(CLOCK_MONOTONIC) + END_TIME);
    assert(idle);
    if (atomic_load(&w->init->life) == TASK_ALIVE)
        task_discard(w->init); /* it never ran */
    task_put(w->init);
    tasks_destroy(a);
    assert(slab_live(a, SLAB_task) == 0);
    assert(slab_live(a, SLAB_thread_group) == 0);
    assert(slab_live(a, SLAB_container) == 0);
    assert(slab_live(a, SLAB_sighand) == 0);
    assert(slab_live(a, SLAB_sigqueue) == 0);
    assert(slab_live(a, SLAB_pid) == 0);
    assert(slab_live(a, SLAB_pid_ns) == 0);
    assert(slab_live(a, SLAB_session) == 0);
    assert(slab_live(a, SLAB_uts_ns) == 0);
    assert(slab_live(a, SLAB_ipc_ns) == 0);
    assert(slab_live(a, SLAB_shm_segment) == 0);
    assert(slab_live(a, SLAB_sem_undo_list) == 0);
    assert(slab_live(a, SLAB_user) == 0);
    futexes_destroy(a);
    ram_settle(a);
    timers_destroy(a);
    vfs_world_stop(&w->vfs);
}

long task_world_call(struct task *t, long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return syscall_dispatch(t, (uint64_t)nr, (uint64_t[6]){ a0, a1, a2 });
}

void task_world_put_program(struct task_world *w)
{
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr text;
        char code[16];
    } prog = {
        .head = {.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                               EV_CURRENT },
                 .e_type = ET_EXEC,
                 .e_machine = EM_X86_64,
                 .e_version = EV_CURRENT,
                 .e_entry = 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                 .e_phoff = sizeof(Elf64_Ehdr),
                 .e_ehsize = sizeof(Elf64_Ehdr),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 1 },
        .text = { .p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_vaddr = 0x400000,
                 .p_filesz = sizeof prog,
                 .p_memsz = sizeof prog,
                 .p_align = 4096          },
    };
    struct file *f;

    int err = world_open(&w->vfs.root, "/prog", O_CREAT | O_RDWR, 0755, &f);
    assert(!err);
    ssize_t n = world_pwrite(&w->vfs.root, f, &prog, sizeof prog, 0);
    assert(n == sizeof prog);
    file_put(f);
}
