/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs while we are built: makes filters.inc, the seccomp program of each process,
 * out of hostcalls.def and filter_rules.def, with libseccomp.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/filter.h"

#define PASSES_WITH  (DEBUG ? SANITIZER : 0)
#define APPLIES(who) (((who)&process) != 0 || ((who)&PASSES_WITH) != 0)

void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    exit(1);
}

static void check(int err, const char *name)
{
    if (err) {
        fprintf(stderr, "filtergen: %s: error %d\n", name, err);
        exit(1);
    }
}

static const struct call {
    int nr;
    unsigned who;
    const char *name;
} calls[] = {
#define HOSTCALL(name, who, why) { SYS_##name, (who), #name },
#include "base/hostcalls.def"
#undef HOSTCALL
};

static const struct rule {
    int nr;
    unsigned who;
    struct scmp_arg_cmp tests[4]; /* as many as have an operator */
} rules[] = {
/* clang-format off */
#define EQ(arg, value)           { (arg), SCMP_CMP_EQ, (value), 0 }
#define MASKED(arg, mask, value) { (arg), SCMP_CMP_MASKED_EQ, (mask), (value) }
#define FILTER_RULE(name, who, why, ...) { SYS_##name, (who), { __VA_ARGS__ } },
#define FILTER_REFUSE(...)
/* clang-format on */
#include "base/filter_rules.def"
#undef FILTER_RULE
#undef FILTER_REFUSE
};

static const struct refusal {
    int nr;
    unsigned who;
    int err;
} refusals[] = {
#define FILTER_RULE(...)
#define FILTER_REFUSE(name, who, err, why) { SYS_##name, (who), (err) },
#include "base/filter_rules.def"
};

static unsigned count_tests(const struct rule *r)
{
    unsigned n = 0;

    while (n < ARRAY_LEN(r->tests) && r->tests[n].op)
        n++;
    return n;
}

static void add_call(scmp_filter_ctx ctx, unsigned process, const struct call *c)
{
    unsigned restricted = 0, whole = 0;

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].nr != c->nr || !APPLIES(rules[i].who))
            continue;
        restricted++;
        whole += count_tests(&rules[i]) == 0;
    }
    if (!restricted || whole) {
        check(seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, c->nr, 0), c->name);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].nr == c->nr && APPLIES(rules[i].who))
            check(seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, c->nr, count_tests(&rules[i]),
                                               rules[i].tests),
                  c->name);
    }
}

/* libseccomp writes to a descriptor only: through a file that has no name. */
static void print_program(scmp_filter_ctx ctx, const char *name)
{
    struct sock_filter insn;
    FILE *f = tmpfile();

    check(!f, "tmpfile");
    check(seccomp_export_bpf(ctx, fileno(f)), "seccomp_export_bpf");
    rewind(f);
    printf("static const struct sock_filter insns_%s[] = {\n", name);
    while (fread(&insn, sizeof insn, 1, f) == 1)
        printf("    { 0x%02x, %u, %u, 0x%08x },\n", insn.code, insn.jt, insn.jf, insn.k);
    printf("};\n");
    fclose(f);
}

static void make_filter(unsigned process, const char *name)
{
    /* Debug builds can say which call it was (SIGSYS has a handler); release builds just die. */
    scmp_filter_ctx ctx = seccomp_init(DEBUG ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
    unsigned count = 0;

    check(!ctx, "seccomp_init");
    check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
    check(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "badarch");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        int seen = 0;
        for (size_t j = 0; j < i; j++)
            seen |= calls[j].nr == calls[i].nr && APPLIES(calls[j].who);
        if (!seen && APPLIES(calls[i].who)) {
            add_call(ctx, process, &calls[i]);
            count++;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (APPLIES(refusals[i].who))
            check(seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO((uint32_t)refusals[i].err),
                                         refusals[i].nr, 0),
                  "refusal");
    }
    printf("/* %s: %u calls */\n", name, count);
    print_program(ctx, name);
    seccomp_release(ctx);
}

#define EACH_PROCESS(m) m(SENTRY_PTRACE) m(SENTRY_SYSTRAP) m(SENTRY_KVM) m(GOFER) m(NETGOFER)

int main(void)
{
    printf("/* Made by base/filtergen/main.c. */\n");
#define MAKE(name) make_filter(name, #name);
    EACH_PROCESS(MAKE)
    printf(
        "static const struct filter {\n    enum process process;\n    unsigned short len;\n"
        "    const struct sock_filter *insns;\n} filters[] = {\n");
#define ROW(name)                                                                              \
    printf("    { %s, sizeof insns_%s / sizeof *insns_%s, insns_%s },\n", #name, #name, #name, \
           #name);
    EACH_PROCESS(ROW)
    printf("};\n");
    return 0;
}
