/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole library of the guest tests: plain C, no state but counters, so that one
 * binary runs on the host's Linux and in the sandbox. What a test prints must be the
 * same at each run: no addresses, pids or times.
 *
 *     TEST(a_closed_end_gives_epipe)
 *     {
 *         CHECK(pipe(p) == 0);
 *         CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
 *     }
 *     MAIN
 *
 * Tests run in the order of the file, in one process; each prints "ok name" or, at
 * its first failed check, "FAIL name file:line: expression". A child made by a test
 * must leave with _exit().
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct guest_test {
    const char *name;
    void (*run)(void);
    struct guest_test *next;
};

static struct guest_test *guest_tests, **guest_tests_end = &guest_tests;
static bool guest_failed, guest_failed_any;
static const char *guest_name;

/* The test's name goes out before it runs, so that a crash tells where it was. */
#define TEST(test)                                                   \
    static void test_##test(void);                                   \
    __attribute__((constructor)) static void test_##test##_add(void) \
    {                                                                \
        static struct guest_test t = { #test, test_##test, NULL };   \
        *guest_tests_end = &t;                                       \
        guest_tests_end = &t.next;                                   \
    }                                                                \
    static void test_##test(void)

static void guest_fail(const char *file, int line, const char *what)
{
    if (!guest_failed)
        printf("FAIL %s %s:%d: %s\n", guest_name, file, line, what);
    guest_failed = guest_failed_any = true;
}

/* Ends the test (the function it is in) where the condition does not hold. */
#define CHECK(condition)                                \
    do {                                                \
        if (!(condition)) {                             \
            guest_fail(__FILE__, __LINE__, #condition); \
            return;                                     \
        }                                               \
    } while (0)

/* The call gives -1 and this errno. */
#define CHECK_ERRNO(call, expected)                                                            \
    do {                                                                                       \
        errno = 0;                                                                             \
        long result_ = (long)(call);                                                           \
        int errno_ = errno;                                                                    \
        if (result_ != -1 || errno_ != (expected)) {                                           \
            char what_[256];                                                                   \
            snprintf(what_, sizeof what_, "%s: expected %s, is %ld with errno %d (%s)", #call, \
                     #expected, result_, errno_, strerror(errno_));                            \
            guest_fail(__FILE__, __LINE__, what_);                                             \
            return;                                                                            \
        }                                                                                      \
    } while (0)

/* Two integers are equal; both are printed where they are not. */
#define CHECK_EQ(a, b)                                                                  \
    do {                                                                                \
        long long a_ = (long long)(a), b_ = (long long)(b);                             \
        if (a_ != b_) {                                                                 \
            char what_[256];                                                            \
            snprintf(what_, sizeof what_, "%s is %lld, not %s = %lld", #a, a_, #b, b_); \
            guest_fail(__FILE__, __LINE__, what_);                                      \
            return;                                                                     \
        }                                                                               \
    } while (0)

/* Leaves the whole program, as skipped: for what this host does not have. */
#define SKIP_ALL(why)        \
    do {                     \
        printf("%s\n", why); \
        fflush(stdout);      \
        _exit(77);           \
    } while (0)

static int guest_main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (struct guest_test *t = guest_tests; t; t = t->next) {
        guest_name = t->name;
        guest_failed = false;
        t->run();
        if (!guest_failed)
            printf("ok %s\n", t->name);
    }
    return guest_failed_any;
}

#define MAIN                 \
    int main(void)           \
    {                        \
        return guest_main(); \
    }
