/* SPDX-License-Identifier: Apache-2.0 */
/* One lock for all of a fake platform; what it records is never thrown away. */
#include "tests/lib/fake_platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "base/list.h"

#define TASK_SIZE UINT64_C(0x7fffffff0000)
#define FPU_SIZE  576 /* the legacy part and the header of an XSAVE area */
#define FILES_MAX 256
#define RUNS_MAX  65536
#define NEVER     SIZE_MAX

/* [l] under the platform's lock; so are all that have no letter */
struct range {
    uint64_t va, size;
    struct fake_page page; /* the first one */
};

struct aspace {
    struct platform *p;
    struct range *ranges; /* sorted, apart */
    size_t count, room;
};

struct guest_thread {
    struct platform *p;
    pthread_t owner;
    bool kicked;
    nsec_t cpu_time;
    uint8_t fpu[FPU_SIZE];
};

struct step_node {
    struct list node;
    struct fake_step step;
};

struct run_record {
    struct guest_regs regs;
    struct aspace *as;
};

struct platform {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* steps, kicks and runs */
    struct list steps;
    fake_guest_fn guest;
    void *guest_arg;
    struct run_record *runs;
    size_t run_count;
    int files[FILES_MAX]; /* descriptors of our own, or -1 */
    size_t memory_left;   /* operations until one fails, or NEVER */
    size_t create_fails;
    struct fake_counts counts;
};

static void lock(struct platform *p)
{
    assert(pthread_mutex_lock(&p->lock) == 0);
}

static void unlock(struct platform *p)
{
    assert(pthread_mutex_unlock(&p->lock) == 0);
}

static void *allocate(size_t size)
{
    void *at = calloc(1, size);

    assert(at);
    return at;
}

/* Memory: a sorted array of ranges. */

static uint64_t range_end(const struct range *r)
{
    return r->va + r->size;
}

static void insert_at(struct aspace *as, size_t i, struct range r)
{
    if (as->count == as->room) {
        as->room = as->room ? 2 * as->room : 16;
        as->ranges = realloc(as->ranges, as->room * sizeof *as->ranges);
        assert(as->ranges);
    }
    memmove(&as->ranges[i + 1], &as->ranges[i], (as->count - i) * sizeof r);
    as->ranges[i] = r;
    as->count++;
}

static void remove_at(struct aspace *as, size_t i)
{
    as->count--;
    memmove(&as->ranges[i], &as->ranges[i + 1], (as->count - i) * sizeof *as->ranges);
}

/* The first range that ends above `va`. */
static size_t first_above(const struct aspace *as, uint64_t va)
{
    size_t i = 0;

    while (i < as->count && range_end(&as->ranges[i]) <= va)
        i++;
    return i;
}

/* No range goes across `va` afterwards. */
static void split_at(struct aspace *as, uint64_t va)
{
    size_t i = first_above(as, va);

    if (i == as->count || as->ranges[i].va >= va)
        return;
    struct range *r = &as->ranges[i], tail = *r;
    r->size = va - r->va;
    tail.va = va;
    tail.size -= r->size;
    tail.page.off += r->size;
    insert_at(as, i + 1, tail);
}

static void unmap(struct aspace *as, uint64_t va, uint64_t size)
{
    split_at(as, va);
    split_at(as, va + size);
    size_t i = first_above(as, va);
    while (i < as->count && as->ranges[i].va < va + size)
        remove_at(as, i);
}

static void protect(struct aspace *as, uint64_t va, uint64_t size, int prot)
{
    uint64_t at = va;

    split_at(as, va);
    split_at(as, va + size);
    for (size_t i = first_above(as, va); i < as->count && as->ranges[i].va < va + size; i++) {
        assert(as->ranges[i].va == at && "MEM_PROTECT of what is not mapped");
        at = range_end(&as->ranges[i]);
        as->ranges[i].page.prot = prot;
    }
    assert(at == va + size && "MEM_PROTECT of what is not mapped");
}

static void check_op(const struct platform *p, const struct mem_op *op)
{
    assert(op->size > 0 && (op->size & PAGE_MASK) == 0 && (op->va & PAGE_MASK) == 0);
    assert(op->va < TASK_SIZE && op->size <= TASK_SIZE - op->va);
    if (op->kind == MEM_MAP)
        assert((op->off & PAGE_MASK) == 0 && op->file < FILES_MAX && p->files[op->file] >= 0);
    if (op->kind != MEM_UNMAP)
        assert((op->prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) == 0);
}

static int apply_one(struct aspace *as, const struct mem_op *op)
{
    struct platform *p = as->p;

    check_op(p, op);
    if (p->memory_left != NEVER && p->memory_left-- == 0)
        return -ENOMEM;
    switch (op->kind) {
    case MEM_MAP:
        unmap(as, op->va, op->size);
        insert_at(as, first_above(as, op->va),
                  (struct range){
                      op->va, op->size, {op->prot, op->file, op->off}
        });
        p->counts.maps++;
        break;
    case MEM_UNMAP:
        unmap(as, op->va, op->size);
        p->counts.unmaps++;
        break;
    case MEM_PROTECT:
        protect(as, op->va, op->size, op->prot);
        p->counts.protects++;
        break;
    }
    return 0;
}

static int fake_apply(struct aspace *as, const struct mem_op *ops, size_t n)
{
    int err = 0;

    lock(as->p);
    as->p->counts.applies++;
    for (size_t i = 0; i < n && !err; i++)
        err = apply_one(as, &ops[i]);
    unlock(as->p);
    return err;
}

static bool lookup(const struct aspace *as, uint64_t va, struct fake_page *out)
{
    size_t i = first_above(as, va);

    if (i == as->count || as->ranges[i].va > va)
        return false;
    *out = as->ranges[i].page;
    out->off += page_down(va) - as->ranges[i].va;
    return true;
}

bool fake_lookup(struct aspace *as, uint64_t va, struct fake_page *out)
{
    lock(as->p);
    bool found = lookup(as, va, out);
    unlock(as->p);
    return found;
}

static bool continues(const struct range *a, const struct range *b)
{
    return range_end(a) == b->va && a->page.prot == b->page.prot && a->page.file == b->page.file &&
           a->page.off + a->size == b->page.off;
}

size_t fake_mapping_count(struct aspace *as)
{
    size_t n = 0;

    lock(as->p);
    for (size_t i = 0; i < as->count; i++)
        n += i == 0 || !continues(&as->ranges[i - 1], &as->ranges[i]);
    unlock(as->p);
    return n;
}

/* Moves bytes of one page. */
static void move(struct platform *p, const struct fake_page *page, uint64_t in_page, void *buf,
                 size_t size, int prot)
{
    int64_t off = (int64_t)(page->off + in_page);
    int fd = p->files[page->file];
    ssize_t n =
        prot == PROT_READ ? host_pread(fd, buf, size, off) : host_pwrite(fd, buf, size, off);

    assert(n == (ssize_t)size && "a guest would get SIGBUS");
}

static bool access_pages(struct aspace *as, uint64_t va, void *buf, size_t size, int prot,
                         uint64_t *fault)
{
    struct fake_page page;
    bool allowed = true;

    lock(as->p);
    for (size_t done = 0; done < size && allowed;) {
        uint64_t at = va + done, in_page = at & PAGE_MASK;
        size_t part = min(size - done, (size_t)(PAGE_SIZE - in_page));
        allowed = lookup(as, at, &page) && (page.prot & prot);
        if (allowed)
            move(as->p, &page, in_page, (char *)buf + done, part, prot);
        else if (fault)
            *fault = at;
        done += part;
    }
    unlock(as->p);
    return allowed;
}

bool fake_read(struct aspace *as, uint64_t va, void *buf, size_t size, uint64_t *fault)
{
    return access_pages(as, va, buf, size, PROT_READ, fault);
}

bool fake_write(struct aspace *as, uint64_t va, const void *buf, size_t size, uint64_t *fault)
{
    return access_pages(as, va, (void *)buf, size, PROT_WRITE, fault);
}

/* Address spaces and files. */

static bool create_fails(struct platform *p)
{
    lock(p);
    bool fails = p->create_fails > 0;
    p->create_fails -= fails;
    unlock(p);
    return fails;
}

static int fake_aspace_create(struct platform *p, struct aspace *seed, struct aspace **out)
{
    (void)seed;
    if (create_fails(p))
        return -EAGAIN;
    struct aspace *as = allocate(sizeof *as);
    as->p = p;
    lock(p);
    p->counts.aspaces++;
    unlock(p);
    *out = as;
    return 0;
}

static int fake_aspace_fork(struct aspace *parent, struct aspace **out)
{
    struct aspace *as;

    int err = fake_aspace_create(parent->p, NULL, &as);
    if (err)
        return err;
    lock(parent->p);
    for (size_t i = 0; i < parent->count; i++)
        insert_at(as, i, parent->ranges[i]);
    parent->p->counts.forks++;
    unlock(parent->p);
    *out = as;
    return 0;
}

static void fake_aspace_destroy(struct aspace *as)
{
    if (!as)
        return;
    lock(as->p);
    as->p->counts.aspaces--;
    unlock(as->p);
    free(as->ranges);
    free(as);
}

static int fake_barrier(struct aspace *as)
{
    lock(as->p);
    as->p->counts.barriers++;
    unlock(as->p);
    return 0;
}

static int fake_file_add(struct platform *p, int fd, uint32_t *out)
{
    int err = -EMFILE;

    lock(p);
    for (uint32_t i = 0; i < FILES_MAX && err; i++) {
        if (p->files[i] >= 0)
            continue;
        p->files[i] = host_fcntl(fd, F_DUPFD_CLOEXEC, 0);
        assert(p->files[i] >= 0);
        p->counts.files += i != FILE_RAM;
        *out = i;
        err = 0;
    }
    unlock(p);
    return err;
}

static void fake_file_del(struct platform *p, uint32_t file)
{
    lock(p);
    assert(file != FILE_RAM && file < FILES_MAX && p->files[file] >= 0);
    host_close(p->files[file]);
    p->files[file] = -1;
    p->counts.files--;
    unlock(p);
}

/* Threads, and the script. */

static void check_owner(const struct guest_thread *t)
{
    assert(pthread_equal(t->owner, pthread_self()) && "a thread belongs to who made it");
}

static int fake_fpu_get(struct guest_thread *t, void *area, size_t size)
{
    check_owner(t);
    assert(size == FPU_SIZE);
    memcpy(area, t->fpu, size);
    return 0;
}

/* As Linux, of the header: known components only, the standard format, zeros behind. */
static int fake_fpu_set(struct guest_thread *t, const void *area, size_t size)
{
    uint64_t header[8];

    check_owner(t);
    assert(size == FPU_SIZE);
    memcpy(header, (const char *)area + 512, sizeof header);
    for (size_t i = 1; i < ARRAY_LEN(header); i++) {
        if (header[i])
            return -EINVAL;
    }
    if (header[0] & ~UINT64_C(3))
        return -EINVAL;
    memcpy(t->fpu, area, size);
    return 0;
}

static void fake_fpu_reset(struct guest_thread *t)
{
    uint16_t fcw = 0x37f;
    uint32_t mxcsr = 0x1f80;

    memset(t->fpu, 0, sizeof t->fpu);
    memcpy(t->fpu, &fcw, sizeof fcw);
    memcpy(t->fpu + 24, &mxcsr, sizeof mxcsr);
}

static nsec_t fake_cpu_time(const struct guest_thread *t)
{
    lock(t->p);
    nsec_t time = t->cpu_time;
    unlock(t->p);
    return time;
}

void fake_set_cpu_time(struct guest_thread *t, nsec_t time)
{
    lock(t->p);
    t->cpu_time = time;
    unlock(t->p);
}

static int fake_thread_create(struct platform *p, struct guest_thread **out)
{
    if (create_fails(p))
        return -EAGAIN;
    struct guest_thread *t = allocate(sizeof *t);
    t->p = p;
    t->owner = pthread_self();
    fake_fpu_reset(t);
    lock(p);
    p->counts.threads++;
    unlock(p);
    *out = t;
    return 0;
}

static void fake_thread_destroy(struct guest_thread *t)
{
    if (!t)
        return;
    check_owner(t);
    lock(t->p);
    t->p->counts.threads--;
    unlock(t->p);
    free(t);
}

static void keep_record(struct platform *p, const struct guest_regs *regs, struct aspace *as)
{
    if (p->run_count < RUNS_MAX)
        p->runs[p->run_count] = (struct run_record){ *regs, as };
    p->run_count++;
    pthread_cond_broadcast(&p->changed);
}

static struct step_node *next_step(struct platform *p, const struct guest_thread *t)
{
    struct step_node *n;
    struct list *tmp;

    list_for_each_safe (n, tmp, &p->steps, node) {
        if (!n->step.thread || n->step.thread == t) {
            list_del(&n->node);
            return n;
        }
    }
    return NULL;
}

/* As the `syscall` instruction leaves them. */
static void put_call(struct guest_regs *regs, const struct guest_regs *call)
{
    regs->rip += 2;
    regs->rcx = regs->rip;
    regs->r11 = regs->eflags;
    regs->orig_rax = call->orig_rax;
    regs->rax = (uint64_t)-ENOSYS;
    regs->rdi = call->rdi;
    regs->rsi = call->rsi;
    regs->rdx = call->rdx;
    regs->r10 = call->r10;
    regs->r8 = call->r8;
    regs->r9 = call->r9;
}

static int take_step(struct step_node *n, struct guest_regs *regs, struct guest_stop *stop)
{
    struct fake_step s = n->step;

    free(n);
    if (s.err)
        return s.err;
    *stop = s.stop;
    if (s.which == FAKE_ALL)
        *regs = s.regs;
    else if (s.which == FAKE_CALL)
        put_call(regs, &s.regs);
    return 0;
}

static int fake_run(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                    struct guest_stop *stop)
{
    struct platform *p = t->p;
    struct step_node *n = NULL;

    check_owner(t);
    assert(as->p == p);
    lock(p);
    keep_record(p, regs, as);
    regs->orig_rax = UINT64_MAX;
    while (!t->kicked && !(n = next_step(p, t)) && !p->guest)
        pthread_cond_wait(&p->changed, &p->lock);
    bool kicked = t->kicked;
    fake_guest_fn guest = p->guest;
    void *arg = p->guest_arg;
    t->kicked = false;
    unlock(p);

    *stop = (struct guest_stop){ .why = STOP_INTERRUPT };
    if (kicked)
        return 0;
    return n ? take_step(n, regs, stop) : guest(arg, t, as, regs, stop);
}

static void fake_interrupt(struct guest_thread *t)
{
    lock(t->p);
    t->kicked = true;
    t->p->counts.interrupts++;
    pthread_cond_broadcast(&t->p->changed);
    unlock(t->p);
}

void fake_push(struct platform *p, const struct fake_step *step)
{
    struct step_node *n = allocate(sizeof *n);

    n->step = *step;
    list_init(&n->node);
    lock(p);
    list_push_back(&p->steps, &n->node);
    pthread_cond_broadcast(&p->changed);
    unlock(p);
}

void fake_push_call(struct platform *p, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                    uint64_t a4, uint64_t a5)
{
    struct fake_step step = { .stop = { .why = STOP_SYSCALL }, .which = FAKE_CALL };

    step.regs.orig_rax = (uint64_t)nr;
    step.regs.rdi = a0;
    step.regs.rsi = a1;
    step.regs.rdx = a2;
    step.regs.r10 = a3;
    step.regs.r8 = a4;
    step.regs.r9 = a5;
    fake_push(p, &step);
}

void fake_push_fault(struct platform *p, uint64_t addr, unsigned access)
{
    struct fake_step step = {
        .stop = {.why = STOP_FAULT,
                 .signo = SIGSEGV,
                 .code = SEGV_MAPERR,
                 .addr = uptr(addr),
                 .access = access,
                 .trapno = 14}
    };
    fake_push(p, &step);
}

void fake_push_exception(struct platform *p, int signo, int code)
{
    struct fake_step step = {
        .stop = {.why = STOP_EXCEPTION, .signo = signo, .code = code}
    };

    fake_push(p, &step);
}

void fake_on_run(struct platform *p, fake_guest_fn guest, void *arg)
{
    lock(p);
    p->guest = guest;
    p->guest_arg = arg;
    pthread_cond_broadcast(&p->changed);
    unlock(p);
}

/* What was seen. */

size_t fake_run_count(struct platform *p)
{
    lock(p);
    size_t n = p->run_count;
    unlock(p);
    return n;
}

const struct guest_regs *fake_run_regs(struct platform *p, size_t i)
{
    assert(i < fake_run_count(p) && i < RUNS_MAX);
    return &p->runs[i].regs;
}

struct aspace *fake_run_aspace(struct platform *p, size_t i)
{
    assert(i < fake_run_count(p) && i < RUNS_MAX);
    return p->runs[i].as;
}

void fake_await_runs(struct platform *p, size_t count)
{
    lock(p);
    while (p->run_count < count)
        pthread_cond_wait(&p->changed, &p->lock);
    unlock(p);
}

struct fake_counts fake_counts(struct platform *p)
{
    lock(p);
    struct fake_counts counts = p->counts;
    unlock(p);
    return counts;
}

void fake_fail_memory(struct platform *p, size_t after)
{
    lock(p);
    p->memory_left = after;
    unlock(p);
}

void fake_fail_create(struct platform *p, size_t count)
{
    lock(p);
    p->create_fails = count;
    unlock(p);
}

/* The platform. */

static int fake_probe(const char **why)
{
    (void)why;
    return 0;
}

static int fake_create(const struct platform_options *opts, struct platform **out)
{
    struct platform *p = allocate(sizeof *p);

    assert(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->changed, NULL) == 0);
    list_init(&p->steps);
    p->runs = allocate(RUNS_MAX * sizeof *p->runs);
    p->memory_left = NEVER;
    for (size_t i = 0; i < FILES_MAX; i++)
        p->files[i] = -1;
    uint32_t ram;
    int err = fake_file_add(p, opts->ram_fd, &ram);
    assert(err == 0 && ram == FILE_RAM);
    *out = p;
    return 0;
}

/* Stricter than the contract: whoever owns address spaces and threads has ended them. */
static void fake_destroy(struct platform *p)
{
    struct step_node *n;

    if (!p)
        return;
    assert(p->counts.aspaces == 0 && p->counts.threads == 0);
    while ((n = list_pop_front(&p->steps, struct step_node, node)))
        free(n);
    for (size_t i = 0; i < FILES_MAX; i++)
        host_close(p->files[i]);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p->runs);
    free(p);
}

static uint64_t fake_task_size(const struct platform *p)
{
    (void)p;
    return TASK_SIZE;
}

static size_t fake_fpu_size(const struct platform *p)
{
    (void)p;
    return FPU_SIZE;
}

const struct platform_ops fake_platform = {
    .name = "fake",
    .probe = fake_probe,
    .create = fake_create,
    .destroy = fake_destroy,
    .task_size = fake_task_size,
    .fpu_size = fake_fpu_size,
    .file_add = fake_file_add,
    .file_del = fake_file_del,
    .aspace_create = fake_aspace_create,
    .aspace_fork = fake_aspace_fork,
    .aspace_destroy = fake_aspace_destroy,
    .aspace_apply = fake_apply,
    .aspace_barrier = fake_barrier,
    .thread_create = fake_thread_create,
    .thread_destroy = fake_thread_destroy,
    .run = fake_run,
    .interrupt = fake_interrupt,
    .fpu_get = fake_fpu_get,
    .fpu_set = fake_fpu_set,
    .fpu_reset = fake_fpu_reset,
    .cpu_time = fake_cpu_time,
};
