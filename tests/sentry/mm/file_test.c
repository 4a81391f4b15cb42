/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of host files through windows, and what happens when they are cut short. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentry/mm/io.h"
#include "sentry/mm/mm_priv.h"
#include "tests/lib/mm_world.h"

#define RW         (PROT_READ | PROT_WRITE)
#define FILE_PAGES 40u

/* A file of the host, as the gofer's file system would have it. */
struct host_file {
    struct mappable mappable;
    struct mm_world *world;
    struct window *window;
    int fd;
    uint64_t size;
    int refs, asked;
    void (*meanwhile)(struct host_file *f); /* runs once, in the next locate() */
};

static struct mm_world w;
static struct host_file file;

static int locate(struct mappable *m, uint64_t index, uint64_t max, unsigned access,
                  struct extent *out)
{
    struct host_file *f = container_of(m, struct host_file, mappable);
    uint64_t pages = page_up(f->size) / PAGE_SIZE;
    void (*meanwhile)(struct host_file *) = f->meanwhile;

    (void)access;
    f->asked++;
    if (index >= pages)
        return -EFAULT;
    *out = (struct extent){ window_pfn(f->window, index), min(max, pages - index), true };
    f->meanwhile = NULL;
    if (meanwhile)
        meanwhile(f);
    return 0;
}

static uint64_t size_of(struct mappable *m)
{
    return container_of(m, struct host_file, mappable)->size;
}

static void get(struct mappable *m)
{
    container_of(m, struct host_file, mappable)->refs++;
}

static void put(struct mappable *m)
{
    container_of(m, struct host_file, mappable)->refs--;
}

static const struct mappable_ops ops = {
    .locate = locate,
    .size = size_of,
    .get = get,
    .put = put,
};

static void start(void)
{
    hostfd_t h;

    mm_world_start(&w, 64 * MIB);
    file = (struct host_file){ .world = &w, .size = FILE_PAGES * PAGE_SIZE };
    file.fd = memfd_create("file", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(file.fd, (off_t)file.size), 0);
    for (uint32_t i = 0; i < FILE_PAGES; i++)
        cr_assert_eq(pwrite(file.fd, &i, sizeof i, i * (off_t)PAGE_SIZE), sizeof i);
    cr_assert_eq(hostfd_add(w.arena, dup(file.fd), &h), 0);
    cr_assert_eq(window_create(w.arena, h, 0, FILE_PAGES, true, &file.window), 0);
    mappable_init(&file.mappable, &ops, 5, 6);
}

static void stop(void)
{
    mm_put(w.mm);
    w.mm = NULL;
    cr_assert_eq(file.refs, 0);
    cr_assert(list_empty(&file.mappable.vmas));
    cr_assert_eq(file.mappable.writers, 0);
    window_destroy(file.window);
    close(file.fd);
    mm_world_stop(&w);
}

static uint64_t map(uint64_t len, int prot, int flags, uint64_t off)
{
    struct map_source source = {
        .mappable = &file.mappable, .off = off, .may_write = true, .may_exec = true
    };
    uptr_t out;

    get(&file.mappable);
    cr_assert_eq(mm_map(w.mm, uptr(0), len, prot, flags, &source, &out), 0);
    return out.va;
}

static uint32_t guest_read(uint64_t va)
{
    uint32_t word = 0xdead;

    cr_assert_eq(mm_world_read(w.mm, va, &word, sizeof word), FAULT_DONE);
    return word;
}

static uint32_t file_word(uint32_t page)
{
    uint32_t word;

    cr_assert_eq(pread(file.fd, &word, sizeof word, page * (off_t)PAGE_SIZE), sizeof word);
    return word;
}

Test(file, text_is_mapped_at_once_and_costs_no_fault, .init = start, .fini = stop)
{
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
    size_t applies = fake_counts(w.platform.platform).applies;

    for (uint32_t i = 0; i < FILE_PAGES; i++)
        cr_assert_eq(guest_read(at + i * PAGE_SIZE), i);
    cr_assert_eq(fake_counts(w.platform.platform).applies, applies);
    cr_assert_eq(file.asked, 1);
    cr_assert_eq(ram_used(w.arena) / PAGE_SIZE, 4, "page tables alone");
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(file, a_private_write_stays_private, .init = start, .fini = stop)
{
    /* Large enough that it is not taken for a program's data. */
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, RW, MAP_PRIVATE, 0);
    uint32_t word = 77;

    cr_assert_eq(guest_read(at + 20 * PAGE_SIZE), 20);
    cr_assert_eq(mm_world_write(w.mm, at + 20 * PAGE_SIZE, &word, sizeof word), FAULT_DONE);
    cr_assert_eq(guest_read(at + 20 * PAGE_SIZE), 77);
    cr_assert_eq(file_word(20), 20);
    for (uint32_t i = 0; i < FILE_PAGES; i++)
        cr_assert_eq(guest_read(at + i * PAGE_SIZE), i == 20 ? 77 : i);
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(file, data_is_copied_at_once, .init = start, .fini = stop)
{
    uint64_t at = map(8 * PAGE_SIZE, RW, MAP_PRIVATE, 2 * PAGE_SIZE);
    size_t applies = fake_counts(w.platform.platform).applies;
    uint32_t word = 5;

    for (uint32_t i = 0; i < 8; i++) {
        cr_assert_eq(guest_read(at + i * PAGE_SIZE), i + 2);
        cr_assert_eq(mm_world_write(w.mm, at + i * PAGE_SIZE, &word, sizeof word), FAULT_DONE);
    }
    cr_assert_eq(fake_counts(w.platform.platform).applies, applies);
    cr_assert_eq(file_word(2), 2);
}

Test(file, a_shared_write_reaches_the_file, .init = start, .fini = stop)
{
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, RW, MAP_SHARED, 0);
    uint32_t word = 88;

    cr_assert_eq(file.mappable.writers, 1);
    cr_assert_eq(mm_world_write(w.mm, at + 3 * PAGE_SIZE, &word, sizeof word), FAULT_DONE);
    cr_assert_eq(file_word(3), 88);
    word = 99;
    cr_assert_eq(copy_out_struct(w.mm, uptr(at + 4 * PAGE_SIZE), &word), 0);
    cr_assert_eq(file_word(4), 99);
    cr_assert(mm_world_agrees(w.mm, false));
}

Test(file, past_the_end_is_a_bus_error, .init = start, .fini = stop)
{
    uint64_t at = map((FILE_PAGES + 4) * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
    uint32_t word;

    cr_assert_eq(guest_read(at + (FILE_PAGES - 1) * PAGE_SIZE), FILE_PAGES - 1);
    cr_assert_eq(mm_world_read(w.mm, at + FILE_PAGES * PAGE_SIZE, &word, sizeof word), FAULT_BUS);
    cr_assert_eq(copy_in_struct(w.mm, &word, uptr(at + FILE_PAGES * PAGE_SIZE)), -EFAULT);
}

Test(file, truncation_takes_pages_from_everybody, .init = start, .fini = stop)
{
    uint64_t shared = map(FILE_PAGES * PAGE_SIZE, RW, MAP_SHARED, 0);
    uint64_t private = map(20 * PAGE_SIZE, RW, MAP_PRIVATE, 10 * PAGE_SIZE);
    uint32_t word = 1;
    struct mm *child;

    cr_assert_eq(mm_world_write(w.mm, private + 12 * PAGE_SIZE, &word, sizeof word), FAULT_DONE);
    cr_assert_eq(mm_world_write(w.mm, private + 2 * PAGE_SIZE, &word, sizeof word), FAULT_DONE);
    cr_assert_eq(mm_fork(w.mm, &w.limits, &child), 0);
    file.size = 20 * PAGE_SIZE;
    cr_assert_eq(ftruncate(file.fd, (off_t)file.size), 0);
    mappable_zap(&file.mappable, file.size, UINT64_MAX, true);
    struct mm *both[] = { w.mm, child };
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(mm_world_read(both[i], shared + 19 * PAGE_SIZE, &word, 4), FAULT_DONE);
        cr_assert_eq(mm_world_read(both[i], shared + 20 * PAGE_SIZE, &word, 4), FAULT_BUS);
        cr_assert_eq(mm_world_read(both[i], private + 12 * PAGE_SIZE, &word, 4), FAULT_BUS);
        cr_assert_eq(mm_world_read(both[i], private + 2 * PAGE_SIZE, &word, 4), FAULT_DONE);
        cr_assert_eq(word, 1);
        cr_assert(mm_world_agrees(both[i], false));
    }
    mm_put(child);
}

/* The host's file is cut by somebody else: nobody told us. */
Test(file, a_copy_survives_a_file_cut_under_it, .init = start, .fini = stop)
{
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, RW, MAP_SHARED, 0);
    static char buf[8 * 4096];
    struct io io;

    cr_assert_eq(copy_in(w.mm, buf, uptr(at), sizeof buf), 0);
    cr_assert_eq(ftruncate(file.fd, 4 * (off_t)PAGE_SIZE), 0);
    cr_assert_eq(copy_in(w.mm, buf, uptr(at), sizeof buf), -EFAULT);
    cr_assert_eq(copy_in_some(w.mm, buf, uptr(at + 100), sizeof buf),
                 (ssize_t)(4 * PAGE_SIZE - 100));
    cr_assert_eq(copy_out_some(w.mm, uptr(at + 4 * PAGE_SIZE - 7), buf, 20), 7);
    cr_assert_eq(io_user(&io, w.mm, uptr(at + 4 * PAGE_SIZE - 300), 1000), 0);
    cr_assert_eq(io_put(&io, buf, 1000), 300);
    cr_assert_eq(io_put(&io, buf, 700), -EFAULT);
    uint32_t word;
    cr_assert_eq(word_load(w.mm, uptr(at + 5 * PAGE_SIZE), &word), -EFAULT);
    word = 0;
    cr_assert_eq(word_cmpxchg(w.mm, uptr(at + 5 * PAGE_SIZE), &word, 1), -EFAULT);
    cr_assert_eq(copy_zero(w.mm, uptr(at + 5 * PAGE_SIZE), 8), -EFAULT);
}

/* A private write to a page that the host has lost is a bus error, too, not a copy of nothing. */
Test(file, a_cow_of_a_lost_page_is_a_bus_error, .init = start, .fini = stop)
{
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
    uint32_t word = 9;

    cr_assert_eq(mm_protect(w.mm, uptr(at), FILE_PAGES * PAGE_SIZE, RW), 0);
    cr_assert_eq(ftruncate(file.fd, 4 * (off_t)PAGE_SIZE), 0);
    cr_assert_eq(mm_world_write(w.mm, at + 6 * PAGE_SIZE, &word, sizeof word), FAULT_BUS);
    cr_assert_eq(mm_world_write(w.mm, at + 2 * PAGE_SIZE, &word, sizeof word), FAULT_DONE);
    cr_assert(mm_world_agrees(w.mm, false));
}

static void unmap_it(struct host_file *f)
{

    (void)f;
    cr_assert_eq(mm_unmap(w.mm, uptr(0x40000000), FILE_PAGES * PAGE_SIZE), 0);
}

static void cut_it(struct host_file *f)
{
    f->size = 2 * PAGE_SIZE;
    mappable_zap(&f->mappable, f->size, UINT64_MAX, true);
}

/* What a mappable says is not used where the range or the file changed while it was asked. */
Test(file, an_answer_that_comes_too_late_is_dropped, .init = start, .fini = stop)
{
    struct map_source source = { .mappable = &file.mappable, .may_write = true, .may_exec = true };
    uint32_t word;
    uptr_t out;

    get(&file.mappable);
    cr_assert_eq(mm_map(w.mm, uptr(0x40000000), FILE_PAGES * PAGE_SIZE, PROT_NONE,
                        MAP_SHARED | MAP_FIXED, &source, &out),
                 0);
    cr_assert_eq(mm_protect(w.mm, uptr(0x40000000), FILE_PAGES * PAGE_SIZE, PROT_READ), 0);
    file.meanwhile = cut_it;
    cr_assert_eq(mm_world_read(w.mm, 0x40000000 + 5 * PAGE_SIZE, &word, 4), FAULT_BUS);
    cr_assert_eq(mm_world_read(w.mm, 0x40000000 + PAGE_SIZE, &word, 4), FAULT_DONE);
    cr_assert(mm_world_agrees(w.mm, false));
    cr_assert_eq(mm_advise(w.mm, uptr(0x40000000), PAGE_SIZE * 2, MADV_DONTNEED), 0);
    file.meanwhile = unmap_it;
    cr_assert_eq(mm_world_read(w.mm, 0x40000000, &word, 4), FAULT_MAPERR);
    cr_assert_eq(file.refs, 0);
}

Test(file, shared_words_have_one_name, .init = start, .fini = stop)
{
    uint64_t a = map(4 * PAGE_SIZE, RW, MAP_SHARED, 0),
             b = map(4 * PAGE_SIZE, RW, MAP_SHARED, PAGE_SIZE);
    struct word_key x, y;

    cr_assert_eq(mm_word_key(w.mm, uptr(a + PAGE_SIZE + 8), true, &x), 0);
    cr_assert_eq(mm_word_key(w.mm, uptr(b + 8), true, &y), 0);
    cr_assert_eq(x.object, y.object);
    cr_assert_eq(x.off, y.off);
    cr_assert_eq(mm_word_key(w.mm, uptr(b + 8), false, &y), 0);
    cr_assert_neq(x.object, y.object);
    cr_assert_eq(mm_word_key(w.mm, uptr(8), true, &y), -EFAULT);
    uint32_t seen = 1;
    cr_assert_eq(word_cmpxchg(w.mm, uptr(a + PAGE_SIZE), &seen, 42), 0);
    cr_assert_eq(word_load(w.mm, uptr(b), &seen), 0);
    cr_assert_eq(seen, 42);
}

Test(file, pinned_pages_go_straight_to_the_guest, .init = start, .fini = stop)
{
    int64_t at = mm_world_map(&w, w.mm, 0, MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS);
    struct iovec vecs[] = {
        {(void *)(at + 100),     5000 },
        { (void *)(at + 300000), 0    },
        { (void *)(at + 100000), 70000}
    };
    struct io io;
    struct io_pin pin;
    size_t total = 0;

    cr_assert_eq(io_user_vec(&io, w.mm, vecs, 3), 0);
    while (io.left > 0) {
        cr_assert_eq(io_pin(&io, io.left, true, &pin), 0);
        for (int i = 0; i < pin.n; i++)
            memset(pin.vecs[i].iov_base, 'p', pin.vecs[i].iov_len);
        total += pin.size;
        io_unpin(&io, &pin, pin.size);
    }
    cr_assert_eq(total, 75000);
    char c;
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + 5099, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'p');
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + 5100, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 0);
    cr_assert_eq(mm_world_read(w.mm, (uint64_t)at + 169999, &c, 1), FAULT_DONE);
    cr_assert_eq(c, 'p');

    /* A pin of a window keeps it alive when the mapping is gone. */
    uint64_t text = map(4 * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
    cr_assert_eq(io_user(&io, w.mm, uptr(text + PAGE_SIZE), 4), 0);
    cr_assert_eq(io_pin(&io, 4, false, &pin), 0);
    cr_assert_eq(mm_unmap(w.mm, uptr(text), 4 * PAGE_SIZE), 0);
    uint32_t word;
    memcpy(&word, pin.vecs[0].iov_base, sizeof word);
    cr_assert_eq(word, 1);
    io_unpin(&io, &pin, 4);
    cr_assert_eq(io.left, 0);
}

/* fork() on another thread. */
static struct {
    pthread_t thread;
    struct mm *child;
    _Atomic bool done;
} forker;

static void *fork_it(void *arg)
{
    (void)arg;
    cr_assert_eq(mm_fork(w.mm, &w.limits, &forker.child), 0);
    atomic_store(&forker.done, true);
    return NULL;
}

static void fork_meanwhile(struct host_file *f)
{
    (void)f;
    cr_assert_eq(pthread_create(&forker.thread, NULL, fork_it, NULL), 0);
    for (int i = 0; i < 100 && !atomic_load(&forker.done); i++)
        usleep(1000);
}

/* The second page is asked of the file, without the lock, when the first is pinned already. */
Test(file, a_fork_waits_for_a_pin_that_is_being_made, .init = start, .fini = stop)
{
    int64_t own = mm_world_map(&w, w.mm, 0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS);
    uint64_t at = map(PAGE_SIZE, PROT_NONE, MAP_SHARED, 0);
    struct iovec vecs[] = {
        {(void *)own, PAGE_SIZE},
        { (void *)at, PAGE_SIZE}
    };
    struct io_pin pin;
    struct io io;

    cr_assert_eq(mm_protect(w.mm, uptr(at), PAGE_SIZE, RW), 0);
    cr_assert_eq(io_user_vec(&io, w.mm, vecs, 2), 0);
    file.meanwhile = fork_meanwhile;
    cr_assert_eq(io_pin(&io, io.left, true, &pin), 0);
    cr_assert_eq(pin.n, 2);
    cr_assert_not(atomic_load(&forker.done));
    io_unpin(&io, &pin, pin.size);
    cr_assert_eq(pthread_join(forker.thread, NULL), 0);
    cr_assert_eq(mm_world_write(w.mm, (uint64_t)own, "x", 1), FAULT_DONE);
    char seen;
    cr_assert_eq(mm_world_read(forker.child, (uint64_t)own, &seen, 1), FAULT_DONE);
    cr_assert_eq(seen, 0);
    mm_put(forker.child);

    /* A pin that comes to nothing keeps nobody waiting. */
    cr_assert_eq(io_user(&io, w.mm, uptr(8), 1), 0);
    cr_assert_eq(io_pin(&io, 1, true, &pin), -EFAULT);
    fork_it(NULL);
    mm_put(forker.child);
}

static void *cut_on_a_thread(void *f)
{
    cut_it(f);
    return NULL;
}

static void *remap_on_a_thread(void *at)
{
    uint64_t *va = at;
    uptr_t out;

    cr_assert_eq(mm_remap(forker.child, uptr(*va), FILE_PAGES * PAGE_SIZE, FILE_PAGES * PAGE_SIZE,
                          MREMAP_MAYMOVE | MREMAP_FIXED, uptr(0x40000000), &out),
                 0);
    *va = out.va;
    return NULL;
}

static void *fork_on_a_thread(void *grandchild)
{
    cr_assert_eq(mm_fork(forker.child, &w.limits, grandchild), 0);
    return NULL;
}

static uint64_t zaps_of(struct mappable *m)
{
    mutex_lock(&m->lock);
    uint64_t n = m->zap_seq;
    mutex_unlock(&m->lock);
    return n;
}

/* Runs `what` on forker.child when a zap has begun, and stands at w.mm's lock. */
static void do_during_a_zap(void *(*what)(void *), void *arg)
{
    uint64_t before = zaps_of(&file.mappable);
    pthread_t cutter, other;

    mm_enter(w.mm);
    cr_assert_eq(pthread_create(&cutter, NULL, cut_on_a_thread, &file), 0);
    while (zaps_of(&file.mappable) == before)
        usleep(1000);
    cr_assert_eq(pthread_create(&other, NULL, what, arg), 0);
    cr_assert_eq(pthread_join(other, NULL), 0);
    mm_leave(w.mm);
    cr_assert_eq(pthread_join(cutter, NULL), 0);
}

Test(file, what_is_forked_during_a_zap_keeps_nothing_of_it, .init = start, .fini = stop)
{
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, RW, MAP_SHARED, 0);
    struct mm *grandchild = NULL;
    uint32_t word;

    fork_it(NULL);
    do_during_a_zap(fork_on_a_thread, &grandchild);
    struct mm *all[] = { w.mm, forker.child, grandchild };
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(mm_world_read(all[i], at + 5 * PAGE_SIZE, &word, 4), FAULT_BUS, "%d", i);
        cr_assert_eq(mm_world_read(all[i], at + PAGE_SIZE, &word, 4), FAULT_DONE);
        cr_assert(mm_world_agrees(all[i], false));
    }
    mm_put(grandchild);
    mm_put(forker.child);
}

Test(file, what_moves_during_a_zap_keeps_nothing_of_it, .init = start, .fini = stop)
{
    uint64_t at = map(FILE_PAGES * PAGE_SIZE, RW, MAP_SHARED, 0);
    uint32_t word;

    fork_it(NULL);
    do_during_a_zap(remap_on_a_thread, &at);
    cr_assert_eq(mm_world_read(forker.child, at + 5 * PAGE_SIZE, &word, 4), FAULT_BUS);
    cr_assert_eq(mm_world_read(forker.child, at + PAGE_SIZE, &word, 4), FAULT_DONE);
    cr_assert(mm_world_agrees(forker.child, false));
    mm_put(forker.child);
}

Test(file, what_others_see_goes_before_the_memory, .init = start, .fini = stop)
{
    map(FILE_PAGES * PAGE_SIZE, RW, MAP_SHARED, 0);
    uint64_t data = map(4 * PAGE_SIZE, RW, MAP_PRIVATE, 0);
    guest_read(data);
    uint64_t used = ram_used(w.arena);

    mm_get(w.mm);
    cr_assert_null(mm_put_visible(w.mm, NULL));
    struct mm *rest = mm_put_visible(w.mm, NULL);
    cr_assert_eq(rest, w.mm);
    w.mm = NULL;
    cr_assert_eq(file.refs, 0);
    cr_assert_eq(ram_used(w.arena), used);
    mm_begin_destroy(rest);
    mm_destroy(rest);
    cr_assert_lt(ram_used(w.arena), used);
    cr_assert(frames_check(w.arena));
}
