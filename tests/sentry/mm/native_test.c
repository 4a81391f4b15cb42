/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same random calls on an mm and on this very process: Linux and we must give the
 * same results, and show the same ranges. No page is touched, for Linux joins ranges
 * by where their pages came from, too, which a guest can hardly tell.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/host.h"
#include "sentry/mm/mm.h"
#include "tests/lib/mm_world.h"

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifdef TSAN
#define BASE UINT64_C(0x007800000000)
#else
#define BASE UINT64_C(0x510000000000)
#endif
#define PAGES 64u
#define SPAN  (PAGES * PAGE_SIZE)
#define RW    (PROT_READ | PROT_WRITE)

static struct mm_world w;
static uint64_t seed;

static uint32_t pick(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % n;
}

/* One line for each range of the region: start and end in pages, rights. */
struct picture {
    char text[8192];
    size_t len;
};

static void draw(struct picture *p, uint64_t start, uint64_t end, int prot, bool shared)
{
    p->len += (size_t)snprintf(p->text + p->len, sizeof p->text - p->len, "%lu-%lu %c%c%c%c\n",
                               (start - BASE) / PAGE_SIZE, (end - BASE) / PAGE_SIZE,
                               prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
                               prot & PROT_EXEC ? 'x' : '-', shared ? 's' : 'p');
    cr_assert_lt(p->len, sizeof p->text);
}

static int see(const struct vma_info *v, void *arg)
{
    if (v->start >= BASE && v->start < BASE + SPAN)
        draw(arg, v->start, v->end, v->prot, v->shared);
    return 0;
}

static void draw_native(struct picture *p)
{
    char line[512], rights[8];
    FILE *f = fopen("/proc/self/maps", "r");
    unsigned long start, end;

    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3 || start < BASE ||
            start >= BASE + SPAN)
            continue;
        int prot = (rights[0] == 'r' ? PROT_READ : 0) | (rights[1] == 'w' ? PROT_WRITE : 0) |
                   (rights[2] == 'x' ? PROT_EXEC : 0);
        draw(p, start, end, prot, rights[3] == 's');
    }
    fclose(f);
}

static uint64_t pick_at(void)
{
    return BASE + pick(PAGES) * PAGE_SIZE;
}

/* A length that stays in the region; sometimes none, or one that is no multiple of pages. */
static uint64_t pick_len(uint64_t at)
{
    uint64_t pages = pick(min((uint32_t)((BASE + SPAN - at) / PAGE_SIZE), 20u) + 1);

    return pages && pick(8) == 0 ? pages * PAGE_SIZE - 100 : pages * PAGE_SIZE;
}

static int pick_prot(void)
{
    static const int prots[] = { PROT_NONE, PROT_READ, RW, RW, PROT_READ | PROT_EXEC, 0x80 };

    return prots[pick(ARRAY_LEN(prots))];
}

static long native(void *p)
{
    return p == MAP_FAILED ? -errno : (long)p;
}

static long errno_of(int r)
{
    return r ? -errno : 0;
}

static char did[256]; /* the last call, for messages */

static void do_map(long *ours, long *theirs)
{
    uint64_t at = pick_at(), len = pick_len(at);
    int prot = pick_prot() & 7;
    int flags = MAP_ANONYMOUS | (pick(3) ? MAP_PRIVATE : MAP_SHARED) |
                (pick(3) ? MAP_FIXED : MAP_FIXED_NOREPLACE);

    snprintf(did, sizeof did, "mmap(%lu, %#lx, %d, %#x)", (at - BASE) / PAGE_SIZE, len, prot,
             flags);
    *ours = mm_world_map(&w, w.mm, at, len, prot, flags);
    *theirs = native(mmap((void *)at, len, prot, flags, -1, 0));
}

static void do_unmap(long *ours, long *theirs)
{
    uint64_t at = pick_at(), len = pick_len(at);

    snprintf(did, sizeof did, "munmap(%lu, %#lx)", (at - BASE) / PAGE_SIZE, len);
    *ours = mm_unmap(w.mm, uptr(at), len);
    *theirs = errno_of(munmap((void *)at, len));
}

static void do_protect(long *ours, long *theirs)
{
    uint64_t at = pick_at() + (pick(16) == 0), len = pick_len(page_down(at));
    int prot = pick_prot() | (pick(16) == 0 ? PROT_GROWSDOWN : 0);

    snprintf(did, sizeof did, "mprotect(%lu, %#lx, %#x)", (at - BASE) / PAGE_SIZE, len, prot);
    *ours = mm_protect(w.mm, uptr(at), len, prot);
    *theirs = errno_of(mprotect((void *)at, len, prot));
}

static void do_remap(long *ours, long *theirs)
{
    static const int flag_sets[] = { 0,
                                     MREMAP_MAYMOVE | MREMAP_FIXED,
                                     MREMAP_MAYMOVE | MREMAP_FIXED,
                                     MREMAP_FIXED,
                                     MREMAP_MAYMOVE | MREMAP_FIXED | 4,
                                     8 };
    uint64_t at = pick_at(), to = pick_at(), old_len = pick_len(at), new_len = pick_len(to);
    int flags = flag_sets[pick(ARRAY_LEN(flag_sets))];
    uptr_t out = { 0 };

    snprintf(did, sizeof did, "mremap(%lu, %#lx, %#lx, %d, %lu)", (at - BASE) / PAGE_SIZE, old_len,
             new_len, flags, (to - BASE) / PAGE_SIZE);
    /* A range that grows in place must not leave the region. */
    if (!flags && at + new_len > BASE + SPAN)
        new_len = 0;
    int err = mm_remap(w.mm, uptr(at), old_len, new_len, flags, uptr(to), &out);
    *ours = err ? err : (long)out.va;
    *theirs = native(mremap((void *)at, old_len, new_len, flags, (void *)to));
}

static void do_advise(long *ours, long *theirs)
{
    static const int advices[] = { MADV_NORMAL,     MADV_RANDOM,     MADV_SEQUENTIAL,
                                   MADV_DONTNEED,   MADV_DONTFORK,   MADV_DOFORK,
                                   MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_DONTDUMP,
                                   MADV_DODUMP,     MADV_FREE,       MADV_COLD,
                                   MADV_HUGEPAGE,   MADV_NOHUGEPAGE, 99 };
    uint64_t at = pick_at() + (pick(16) == 0), len = pick_len(page_down(at));
    int advice = advices[pick(ARRAY_LEN(advices))];

    snprintf(did, sizeof did, "madvise(%lu, %#lx, %d)", (at - BASE) / PAGE_SIZE, len, advice);
    *ours = mm_advise(w.mm, uptr(at), len, advice);
    *theirs = errno_of(madvise((void *)at, len, advice));
    /* Linux 6.18 refuses MADV_FREE beyond the first range, and then others do not. */
    if (advice == MADV_FREE && *theirs == -EINVAL)
        *theirs = *ours;
}

static void do_sync(long *ours, long *theirs)
{
    uint64_t at = pick_at() + (pick(16) == 0), len = pick_len(page_down(at));
    int flags = (int)pick(8);

    snprintf(did, sizeof did, "msync(%lu, %#lx, %d)", (at - BASE) / PAGE_SIZE, len, flags);
    *ours = mm_sync(w.mm, uptr(at), len, flags);
    *theirs = errno_of(msync((void *)at, len, flags));
}

static void do_lock(long *ours, long *theirs)
{
    uint64_t at = pick_at() + pick(100), len = pick_len(page_down(at));
    int how = (int)pick(4);

    snprintf(did, sizeof did, "mlock%d(%lu, %#lx)", how, (at - BASE) / PAGE_SIZE, len);
    if (how == 0) {
        *ours = mm_lock(w.mm, uptr(at), len, 1);
        *theirs = errno_of((int)syscall(SYS_mlock2, at, len, 1));
    } else if (how == 1) {
        *ours = mm_lock(w.mm, uptr(at), len, 2);
        *theirs = errno_of((int)syscall(SYS_mlock2, at, len, 2));
    } else {
        *ours = mm_unlock(w.mm, uptr(at), len);
        *theirs = errno_of((int)syscall(SYS_munlock, at, len)) /* libc's is the sanitizer's */;
    }
}

static void compare(long ours, long theirs)
{
    static struct picture a, b;

    a.len = b.len = 0;
    a.text[0] = b.text[0] = 0;
    mm_visit(w.mm, 0, false, see, &a);
    draw_native(&b);
    cr_assert_eq(ours, theirs, "%s: %ld, not %ld\n%s", did, ours, theirs, a.text);
    cr_assert_str_eq(a.text, b.text, "after %s:\n%snot\n%s", did, a.text, b.text);
}

static void step(void)
{
    long ours = 0, theirs = 0;

    switch (pick(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        do_map(&ours, &theirs);
        break;
    case 4:
    case 5:
        do_unmap(&ours, &theirs);
        break;
    case 6:
    case 7:
    case 8:
        do_protect(&ours, &theirs);
        break;
    case 9:
    case 10:
        do_remap(&ours, &theirs);
        break;
    case 11:
    case 12:
    case 13:
        do_advise(&ours, &theirs);
        break;
    case 14:
        do_sync(&ours, &theirs);
        break;
    default:
        do_lock(&ours, &theirs);
    }
    compare(ours, theirs);
}

Test(native, linux_does_the_same, .timeout = 120)
{
    uint64_t first = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
    uint64_t runs = getenv("SEED") ? 1 : getenv("LONG") ? 200 : 3;

    for (uint64_t s = first; s < first + runs; s++) {
        fprintf(stderr, "seed %lu\n", s);
        seed = s;
        mm_world_start(&w, 64 * MIB);
        mm_set_may_lock(w.mm, true);
        for (int i = 0; i < 1000; i++)
            step();
        munmap((void *)BASE, SPAN);
        mm_world_stop(&w);
    }
}
