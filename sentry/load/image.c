/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills an address space in Linux's order: stack, program, interpreter, heap,
 * vDSO, then what lies on the stack.
 */
#include "sentry/load/image.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>

#include "sentry/core/platform_ref.h"
#include "sentry/load/elf_map.h"
#include "sentry/load/layout.h"
#include "sentry/load/stack.h"
#include "sentry/load/vdso.h"
#include "sentry/vfs/path_ref.h"

#define STACK_SPARE ((uint64_t)128 << 10) /* Linux maps this much more than is in use */

/* What is known of an image while it is built. */
struct image {
    struct load *load;
    struct layout layout;
    struct stack_facts facts;
    struct mm_layout shown; /* as /proc/PID/stat tells it */
    uint64_t entry;         /* where the first instruction is: the interpreter's, if there is one */
};

static int stack_prot(const struct load *l)
{
    const Elf64_Phdr *p = elf_find(&l->program, PT_GNU_STACK);
    bool exec = p && (p->p_flags & PF_X);

    return PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0);
}

/* Maps the stack: what its first contents need, and a little more, within RLIMIT_STACK. */
static int map_stack(struct image *im)
{
    struct load *l = im->load;
    uint64_t limit = page_down(limit_soft(l->ask.who->limits, RLIMIT_STACK));
    uint64_t need = page_up(stack_size(&l->args, im->layout.stack_skip));
    uint64_t size = max(min(need + STACK_SPARE, limit), need);

    return mm_map_special(l->mm, uptr(im->layout.stack_top - size), size, stack_prot(l),
                          MAP_PRIVATE | MAP_GROWSDOWN, "[stack]", NULL, 0);
}

/* Where a position-independent program goes; programs of fixed address are not moved. */
static int program_bias(struct image *im, const struct elf_span *span, uint64_t *bias)
{
    struct load *l = im->load;

    *bias = 0;
    if (l->program.header.e_type != ET_DYN)
        return 0;
    if (!l->interpreter_file) /* a loader run by hand, or a static one: among the libraries */
        return elf_place(l->mm, span, im->layout.mmap_base, bias);
    *bias = (im->layout.pie_base & ~(span->align - 1)) - span->start;
    return 0;
}

static int map_program(struct image *im)
{
    struct load *l = im->load;
    const Elf64_Ehdr *h = &l->program.header;
    struct elf_span span;
    struct elf_bounds bounds;
    uint64_t bias;

    int err = elf_span(&l->program, im->layout.task_size, &span);
    if (!err)
        err = program_bias(im, &span, &bias);
    if (!err)
        err = elf_map(l->mm, l->file, &l->program, bias, false);
    if (err)
        return err;
    elf_bounds(&l->program, bias, &bounds);
    im->facts.headers = bounds.headers;
    im->facts.header_count = h->e_phnum;
    im->facts.entry = im->entry = h->e_entry + bias;
    im->shown.start_code = bounds.start_code;
    im->shown.end_code = bounds.end_code;
    im->shown.start_data = bounds.start_data;
    im->shown.end_data = bounds.end_data;
    /* A static one's heap would grow into the libraries: it goes where programs go. */
    bool roams = h->e_type == ET_DYN && !l->interpreter_file;
    im->shown.start_brk =
        page_up(roams ? im->layout.task_size / 3 * 2 : bounds.brk) + im->layout.brk_gap;
    return im->entry < im->layout.task_size ? 0 : -EINVAL;
}

static int map_interpreter(struct image *im)
{
    struct load *l = im->load;
    struct elf_span span;
    uint64_t bias = 0;

    if (!l->interpreter_file)
        return 0;
    int err = elf_span(&l->interpreter, im->layout.task_size, &span);
    if (!err && l->interpreter.header.e_type == ET_DYN)
        err = elf_place(l->mm, &span, im->layout.mmap_base, &bias);
    if (!err)
        err = elf_map(l->mm, l->interpreter_file, &l->interpreter, bias, false);
    if (err)
        return err;
    im->facts.interpreter_base = bias;
    im->entry = l->interpreter.header.e_entry + bias;
    return im->entry < im->layout.task_size ? 0 : -EINVAL;
}

static int fill_stack(struct image *im, const struct load_ids *ids)
{
    struct load *l = im->load;
    struct stack_image s;

    im->facts.no_fsgsbase = platform_of(l->ask.who->arena)->ops->hides_fsgsbase;
    int err = stack_build(&s, l->ask.who->arena, &l->args, l->ask.filename, ids, &im->facts,
                          im->layout.stack_top, im->layout.stack_skip);
    if (err)
        return err;
    err = copy_out(l->mm, uptr(s.sp), s.bytes, s.size);
    if (!err)
        err = mm_set_auxv(l->mm, s.auxv, s.auxv_size);
    im->shown.start_stack = s.sp;
    im->shown.arg_start = s.arg_start;
    im->shown.arg_end = s.arg_end;
    im->shown.env_start = s.env_start;
    im->shown.env_end = s.env_end;
    stack_image_destroy(&s);
    return err;
}

static int set_exe(struct load *l)
{
    struct path_ref *exe;
    int err = path_ref_create(l->ask.who->arena, &l->file->path, &exe);

    if (err)
        return err;
    err = path_ref_deny_write(exe, l->file->inode);
    if (err)
        path_ref_put(exe);
    else
        mm_set_exe(l->mm, exe);
    return err;
}

/* As after execve(2): all other registers are zero. */
static void first_registers(const struct image *im, struct guest_regs *regs)
{
    *regs = (struct guest_regs){
        .orig_rax = UINT64_MAX,
        .rip = im->entry,
        .rsp = im->shown.start_stack,
        .cs = GUEST_CS,
        .ss = GUEST_SS,
        .eflags = EFLAGS_FIXED,
    };
}

int image_build(struct load *l, const struct load_ids *ids)
{
    struct image im = { .load = l };
    const struct actor *who = l->ask.who;

    mm_set_path_hooks(l->mm, &path_ref_hooks);
    layout_choose(&im.layout, who->arena, mm_task_size(l->mm),
                  limit_soft(who->limits, RLIMIT_STACK),
                  (l->ask.personality & ADDR_NO_RANDOMIZE) != 0);
    im.shown.mmap_base = im.layout.mmap_base;
    mm_set_layout(l->mm, &im.shown);

    int err = map_stack(&im);
    if (!err)
        err = map_program(&im);
    if (!err)
        err = map_interpreter(&im);
    if (!err)
        err = vdso_map(who->arena, l->mm, layout_vdso(&im.layout, im.layout.stack_top, vdso_size()),
                       &im.facts.vdso);
    im.shown.vdso = im.facts.vdso;
    if (!err)
        err = fill_stack(&im, ids);
    if (!err)
        err = set_exe(l);
    if (err)
        return err;
    mm_set_layout(l->mm, &im.shown);
    first_registers(&im, &l->regs);
    return 0;
}
