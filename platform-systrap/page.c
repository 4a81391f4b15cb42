/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of entry.S, and in it the tight filter: what the host takes from a thread
 * that runs guest code. It is on top of the filter of all stubs, and the stricter of
 * two answers counts.
 *
 *     futex          to sleep and to wake, on words of slots only
 *     sched_yield    which does nothing but take time
 *     mprotect       to take all rights to a small range of the guest's memory, or all but that
 *                    to read it, which its guest may do with all that is mapped there
 *     rt_sigreturn   whose frame the host checks as it does everybody's
 *
 * and from this page only. All else is SIGSYS, whoever makes it and how: `syscall`,
 * `int $0x80`, `sysenter`, numbers of x32, the vsyscall page.
 */
#include "platform-systrap/page.h"

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "platform-stub/filter.h"
#include "platform-systrap/layout.h"

extern const char stub_page[], stub_pkru_at[], stub_filter_prog[], stub_filter_insns[];

void page_make(const struct xsave *x, void *out)
{
    /* clang-format off */
    static const struct stub_rule rules[] = {
        { SYS_futex, { { TEST_EQUAL, 1, FUTEX_WAIT },
                       { TEST_FROM, 0, STUB_SLOTS }, { TEST_BELOW, 0, STUB_SLOTS_END } } },
        { SYS_futex, { { TEST_EQUAL, 1, FUTEX_WAKE },
                       { TEST_FROM, 0, STUB_SLOTS }, { TEST_BELOW, 0, STUB_SLOTS_END } } },
        { SYS_sched_yield, { { TEST_END, 0, 0 } } },
        { SYS_mprotect, { { TEST_EQUAL, 2, PROT_NONE }, { TEST_BELOW, 0, STUB_START - NARROW_MAX },
                          { TEST_BELOW, 1, NARROW_MAX } } },
        { SYS_mprotect, { { TEST_EQUAL, 2, PROT_READ }, { TEST_BELOW, 0, STUB_START - NARROW_MAX },
                          { TEST_BELOW, 1, NARROW_MAX } } },
        { SYS_rt_sigreturn, { { TEST_END, 0, 0 } } },
    };
    /* clang-format on */
    const uint32_t pkru_at = xsave_pkru_off(x);
    struct stub_filter f;

    stub_filter_begin(&f, STUB_PAGE, STUB_PAGE_SIZE, SECCOMP_RET_TRAP);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        stub_filter_add(&f, &rules[i]);
    stub_filter_end(&f, SECCOMP_RET_TRAP);
    assert(f.len <= STUB_INSNS_MAX);
    memcpy(out, stub_page, STUB_PAGE_SIZE);
    memcpy((char *)out + (stub_pkru_at - stub_page), &pkru_at, sizeof pkru_at);
    memcpy((char *)out + (stub_filter_prog - stub_page), &f.len, sizeof f.len);
    memcpy((char *)out + (stub_filter_insns - stub_page), f.insns, f.len * sizeof f.insns[0]);
}
