/* SPDX-License-Identifier: Apache-2.0 */
/* What we ask of the compiler, under names that say why. */
#pragma once

#include <assert.h> /* for static_assert alone: assert() below is ours */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* Debug builds (every mode but release) check what is too dear to check always. */
#ifndef DEBUG
#define DEBUG 0
#endif

#define must_use          __attribute__((warn_unused_result))
#define maybe_unused      __attribute__((unused))
#define printf_like(f, a) __attribute__((format(printf, f, a)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object of type `type` whose member `member` is at `p`. */
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* The lesser, the greater. Both are of one type, and each is evaluated once. */
#define min(a, b) min_(a, b, <, CAT(min_a_, __COUNTER__), CAT(min_b_, __COUNTER__))
#define max(a, b) min_(a, b, >, CAT(max_a_, __COUNTER__), CAT(max_b_, __COUNTER__))
#define min_(a, b, less, x, y) \
    ({                         \
        __typeof__(a) x = (a); \
        __typeof__(b) y = (b); \
        (void)(&x == &y);      \
        x less y ? x : y;      \
    })

/*
 * Lock annotations, checked by clang (`make locks`).
 *
 *   ACQUIRES, RELEASES  the function takes, or gives up, the locks named
 *   HOLDS               the caller holds them throughout
 *   UNCHECKED_LOCKS     the analysis cannot follow this body; say why beside it
 */
#if defined(__clang__)
#define CAPABILITY(name)       __attribute__((capability(name)))
#define ACQUIRES(...)          __attribute__((acquire_capability(__VA_ARGS__)))
#define TRY_ACQUIRES(yes, ...) __attribute__((try_acquire_capability(yes, __VA_ARGS__)))
#define RELEASES(...)          __attribute__((release_capability(__VA_ARGS__)))
#define HOLDS(...)             __attribute__((requires_capability(__VA_ARGS__)))
#define ASSERTS_HELD(...)      __attribute__((assert_capability(__VA_ARGS__)))
#define UNCHECKED_LOCKS        __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(name)
#define ACQUIRES(...)
#define TRY_ACQUIRES(yes, ...)
#define RELEASES(...)
#define HOLDS(...)
#define ASSERTS_HELD(...)
#define UNCHECKED_LOCKS
#endif

/*
 * Stops the program: our own mistake was found. Use assert(), which says where.
 */
_Noreturn void assert_failed(const char *expr, const char *file, int line);

/* Always on. For our own mistakes only: a guest must not be able to reach one. */
#undef assert
#define assert(x) (likely(x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/* The same for what costs: debug builds only. The expression is always compiled. */
#define assert_slow(x) \
    do {               \
        if (DEBUG)     \
            assert(x); \
    } while (0)

/*
 * References, memory and descriptors that go when their variable goes:
 *
 *     scoped(file) struct file *f = fdtable_get(t, fd);
 *
 * calls file_put(f) at the end of the scope, with NULL too. DEFINE_SCOPED(file),
 * beside the declaration of file_put(), makes that possible. keep(f) moves the
 * reference out. Never for locks.
 */
#define scoped(x) __attribute__((cleanup(x##_put_scoped)))
#define DEFINE_SCOPED(x)                                         \
    static inline maybe_unused void x##_put_scoped(struct x **p) \
    {                                                            \
        x##_put(*p);                                             \
    }
#define keep(p)                    \
    ({                             \
        __typeof__(p) kept_ = (p); \
        (p) = (__typeof__(p))0;    \
        kept_;                     \
    })
