/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp programs of stubs, from rules. */
#pragma once

#include <linux/filter.h>

#include "base/cc.h"

/* One test of an argument: equal to, below, or not below a value. */
struct stub_test {
    enum { TEST_END, TEST_EQUAL, TEST_BELOW, TEST_FROM } kind;
    unsigned arg;
    uint64_t value;
};

/* A call that passes where all tests hold. */
struct stub_rule {
    uint32_t nr;
    struct stub_test tests[4]; /* up to the first TEST_END */
};

#define STUB_FILTER_MAX 320

/* A program as it is made. */
struct stub_filter {
    struct sock_filter insns[STUB_FILTER_MAX];
    unsigned short len;
};

/*
 * Begins: what is no call of 64-bit code, or of a place outside of stub code, is
 * refused; a call of the vsyscall page is SIGSYS.
 *
 *   at, size    of the stub code; the size is a power of two, and `at` a multiple of it
 *   refusal     SECCOMP_RET_KILL_PROCESS or SECCOMP_RET_TRAP
 */
void stub_filter_begin(struct stub_filter *f, uint64_t at, uint64_t size, uint32_t refusal);
void stub_filter_add(struct stub_filter *f, const struct stub_rule *r);
void stub_filter_end(struct stub_filter *f, uint32_t refusal);

/* The filter that the first stub has, and all inherit. */
struct stubs;
void stub_filter_make(const struct stubs *stubs, struct stub_filter *f);
