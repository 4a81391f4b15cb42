/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of Criterion as our tests use, for ThreadSanitizer, under which Criterion
 * itself does not start. Files with parameterized tests are not built.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shim_test {
    const char *name;
    void (*run)(void);
    struct shim_test *next;
    int signal, exit_code;
    double timeout;
    bool disabled;
    const char *description;
    void (*init)(void);
    void (*fini)(void);
};

void shim_add(struct shim_test *t);

#define Test(suite, test, ...)                                          \
    static void suite##_##test(void);                                   \
    __attribute__((constructor)) static void suite##_##test##_add(void) \
    {                                                                   \
        static struct shim_test t = { .name = #suite "::" #test,        \
                                      .run = suite##_##test,            \
                                      __VA_ARGS__ };                    \
        shim_add(&t);                                                   \
    }                                                                   \
    static void suite##_##test(void)

/* What all tests of a suite have that do not say otherwise. */
struct shim_suite {
    const char *name;
    struct shim_suite *next;
    double timeout;
    bool disabled;
    const char *description;
    void (*init)(void);
    void (*fini)(void);
};

void shim_add_suite(struct shim_suite *s);

#define TestSuite(suite, ...)                                              \
    __attribute__((constructor)) static void suite##_suite_add(void)       \
    {                                                                      \
        static struct shim_suite s = { .name = #suite "::", __VA_ARGS__ }; \
        shim_add_suite(&s);                                                \
    }                                                                      \
    struct shim_suite

/* The message that a test may add is dropped: the line says enough. */
#define cr_assert(condition, ...)                                           \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)
#define cr_assert_not(condition, ...)      cr_assert(!(condition))
#define cr_assert_eq(a, b, ...)            cr_assert((a) == (b))
#define cr_assert_neq(a, b, ...)           cr_assert((a) != (b))
#define cr_assert_lt(a, b, ...)            cr_assert((a) < (b))
#define cr_assert_leq(a, b, ...)           cr_assert((a) <= (b))
#define cr_assert_gt(a, b, ...)            cr_assert((a) > (b))
#define cr_assert_geq(a, b, ...)           cr_assert((a) >= (b))
#define cr_assert_null(p, ...)             cr_assert(!(p))
#define cr_assert_not_null(p, ...)         cr_assert(p)
#define cr_assert_str_eq(a, b, ...)        cr_assert(!strcmp((a), (b)))
#define cr_assert_str_neq(a, b, ...)       cr_assert(strcmp((a), (b)))
#define cr_assert_str_empty(s, ...)        cr_assert(!*(s))
#define cr_assert_arr_eq(a, b, size, ...)  cr_assert(!memcmp((a), (b), (size)))
#define cr_assert_arr_neq(a, b, size, ...) cr_assert(memcmp((a), (b), (size)))
#define cr_assert_fail(...)                cr_assert(!"reached")
#define cr_expect                          cr_assert
#define cr_expect_not                      cr_assert_not
#define cr_expect_arr_eq                   cr_assert_arr_eq
#define cr_expect_arr_neq                  cr_assert_arr_neq
#define cr_expect_eq                       cr_assert_eq
#define cr_expect_neq                      cr_assert_neq
#define cr_expect_lt                       cr_assert_lt
#define cr_expect_leq                      cr_assert_leq
#define cr_expect_gt                       cr_assert_gt
#define cr_expect_geq                      cr_assert_geq
#define cr_expect_null                     cr_assert_null
#define cr_expect_not_null                 cr_assert_not_null
#define cr_expect_str_eq                   cr_assert_str_eq
#define cr_fail                            cr_assert_fail
#define cr_skip_test(...) \
    do {                  \
        puts("skipped");  \
        exit(0);          \
    } while (0)
#define cr_log_info(...) ((void)0)
