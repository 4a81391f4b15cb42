/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json: linux.seccomp.
 *
 * Architectures are passed over: a guest has one, and calls of others do not reach it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runsc/oci.h"
#include "runsc/report.h"

struct word {
    const char *name;
    uint32_t value;
};

static const struct word actions[] = {
    {"SCMP_ACT_ALLOW",         OPTION_ALLOW       },
    { "SCMP_ACT_LOG",          OPTION_ALLOW       },
    { "SCMP_ACT_ERRNO",        OPTION_ERRNO       },
    { "SCMP_ACT_TRACE",        OPTION_ERRNO       }, /* there is no tracer: ENOSYS, as Linux has it */
    { "SCMP_ACT_NOTIFY",       OPTION_ERRNO       }, /* nobody to ask: the same */
    { "SCMP_ACT_TRAP",         OPTION_TRAP        },
    { "SCMP_ACT_KILL",         OPTION_KILL_THREAD },
    { "SCMP_ACT_KILL_THREAD",  OPTION_KILL_THREAD },
    { "SCMP_ACT_KILL_PROCESS", OPTION_KILL_PROCESS},
};

static const struct word operators[] = {
    {"SCMP_CMP_NE",         OPTION_NE       },
    { "SCMP_CMP_LT",        OPTION_LT       },
    { "SCMP_CMP_LE",        OPTION_LE       },
    { "SCMP_CMP_EQ",        OPTION_EQ       },
    { "SCMP_CMP_GE",        OPTION_GE       },
    { "SCMP_CMP_GT",        OPTION_GT       },
    { "SCMP_CMP_MASKED_EQ", OPTION_MASKED_EQ},
};

/* They say how Linux is to install a filter; a sandbox's holds from the first call on. */
static const struct word flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC",               0},
    { "SECCOMP_FILTER_FLAG_LOG",                0},
    { "SECCOMP_FILTER_FLAG_SPEC_ALLOW",         0},
    { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0},
};

static const struct word architectures[] = {
    {"SCMP_ARCH_X86",          0},
    { "SCMP_ARCH_X86_64",      0},
    { "SCMP_ARCH_X32",         0},
    { "SCMP_ARCH_ARM",         0},
    { "SCMP_ARCH_AARCH64",     0},
    { "SCMP_ARCH_MIPS",        0},
    { "SCMP_ARCH_MIPS64",      0},
    { "SCMP_ARCH_MIPS64N32",   0},
    { "SCMP_ARCH_MIPSEL",      0},
    { "SCMP_ARCH_MIPSEL64",    0},
    { "SCMP_ARCH_MIPSEL64N32", 0},
    { "SCMP_ARCH_PPC",         0},
    { "SCMP_ARCH_PPC64",       0},
    { "SCMP_ARCH_PPC64LE",     0},
    { "SCMP_ARCH_S390",        0},
    { "SCMP_ARCH_S390X",       0},
    { "SCMP_ARCH_PARISC",      0},
    { "SCMP_ARCH_PARISC64",    0},
    { "SCMP_ARCH_RISCV64",     0},
    { "SCMP_ARCH_LOONGARCH64", 0},
    { "SCMP_ARCH_M68K",        0},
    { "SCMP_ARCH_SH",          0},
    { "SCMP_ARCH_SHEB",        0},
};

const char *oci_seccomp_action(size_t i)
{
    return i < ARRAY_LEN(actions) ? actions[i].name : NULL;
}

const char *oci_seccomp_operator(size_t i)
{
    return i < ARRAY_LEN(operators) ? operators[i].name : NULL;
}

const char *oci_seccomp_flag(size_t i)
{
    return i < ARRAY_LEN(flags) ? flags[i].name : NULL;
}

static int find(const struct node *n, const struct word *words, size_t count, uint32_t *out,
                struct err *e)
{
    const char *name = "";
    int err = node_text(n, &name, e);

    for (size_t i = 0; i < count && !err; i++) {
        if (strcmp(words[i].name, name) == 0) {
            *out = words[i].value;
            return 0;
        }
    }
    return err ? err : node_error(n, e, -EINVAL, "there is no \"%s\"", name);
}

/* An action, and the errno that goes with it. */
static int parse_action(const struct node *n, const char *action, const char *error, uint32_t *out,
                        uint32_t *code, struct err *e)
{
    struct node name = node_get(n, action), number = node_get(n, error);
    int64_t v = EPERM;
    int err = find(&name, actions, ARRAY_LEN(actions), out, e);

    if (!err && *out == OPTION_ERRNO && strcmp(json_string_value(name.v), "SCMP_ACT_ERRNO") != 0)
        v = ENOSYS;
    if (!err)
        err = node_int(&number, 0, 4095, &v, e);
    *code = (uint32_t)v;
    return err;
}

static int parse_arg(const struct node *n, struct option_rule *r, struct err *e)
{
    struct node index = node_get(n, "index"), value = node_get(n, "value");
    struct node two = node_get(n, "valueTwo"), op = node_get(n, "op");
    uint64_t v = 0, w = 0;
    int64_t i = 0;
    int err = node_int(&index, 0, 5, &i, e);

    if (!err)
        err = node_u64(&value, INT64_MIN, &v, e);
    if (!err)
        err = node_u64(&two, INT64_MIN, &w, e);
    if (err || r->nargs == ARRAY_LEN(r->args))
        return err ?: node_error(n, e, -E2BIG, "a call has six arguments");
    struct option_rule_arg *a = &r->args[r->nargs++];
    *a = (struct option_rule_arg){ .index = (uint32_t)i, .value = v, .two = w };
    return find(&op, operators, ARRAY_LEN(operators), &a->op, e);
}

static int push(struct oci_spec *out, const struct option_rule *r, const struct node *n,
                struct err *e)
{
    if (out->nrules == OPTIONS_RULES_MAX)
        return node_error(n, e, -E2BIG, "more than %d rules", OPTIONS_RULES_MAX);
    struct option_rule *grown = realloc(out->rules, (out->nrules + 1) * sizeof *grown);
    if (!grown)
        abort();
    out->rules = grown;
    out->rules[out->nrules++] = *r;
    return 0;
}

/* Two conditions on one argument are alternatives, as runc has it: a rule for each. */
static bool has_twice(const struct option_rule *r)
{
    uint32_t seen = 0;
    bool twice = false;

    for (uint32_t i = 0; i < r->nargs; i++) {
        twice |= seen >> r->args[i].index & 1;
        seen |= 1u << r->args[i].index;
    }
    return twice;
}

static int push_all(struct oci_spec *out, const struct option_rule *r, const struct node *n,
                    struct err *e)
{
    int err = 0;

    if (!has_twice(r))
        return push(out, r, n, e);
    for (uint32_t i = 0; i < r->nargs && !err; i++) {
        struct option_rule one = *r;
        one.nargs = 1;
        one.args[0] = r->args[i];
        err = push(out, &one, n, e);
    }
    return err;
}

static int parse_rule(const struct node *n, struct oci_spec *out, struct err *e)
{
    struct node names = node_get(n, "names"), args = node_get(n, "args");
    struct option_rule r = { .call = NULL };
    const char **list = NULL;
    size_t count;
    int err = parse_action(n, "action", "errnoRet", &r.action, &r.error, e);

    if (!err)
        err = node_array(&args, &count, e);
    for (size_t i = 0; !err && i < count; i++) {
        struct node one = node_at(&args, i);
        err = parse_arg(&one, &r, e);
    }
    if (!err)
        err = node_texts(&names, &list, e);
    for (size_t i = 0; !err && list && list[i]; i++) {
        r.call = list[i];
        err = push_all(out, &r, n, e);
    }
    free(list);
    return err;
}

/* What has no effect, but has to be one of the words there are. */
static int check_words(const struct node *n, const char *field, const struct word *known,
                       size_t nknown, struct err *e)
{
    struct node all = node_get(n, field);
    size_t count;
    int err = node_array(&all, &count, e);

    for (size_t i = 0; !err && i < count; i++) {
        struct node one = node_at(&all, i);
        uint32_t nothing;
        err = find(&one, known, nknown, &nothing, e);
    }
    return err;
}

int oci_parse_seccomp(const struct node *n, struct oci_spec *out, struct err *e)
{
    struct node calls = node_get(n, "syscalls");
    size_t count;
    int err = node_object(n, e);

    if (err || !node_is(n) || !json_object_size(n->v))
        return err; /* an empty one is none */
    out->seccomp = true;
    err = parse_action(n, "defaultAction", "defaultErrnoRet", &out->seccomp_action,
                       &out->seccomp_error, e);
    if (!err)
        err = check_words(n, "flags", flags, ARRAY_LEN(flags), e);
    if (!err)
        err = check_words(n, "architectures", architectures, ARRAY_LEN(architectures), e);
    if (!err)
        err = node_array(&calls, &count, e);
    for (size_t i = 0; !err && i < count; i++) {
        struct node one = node_at(&calls, i);
        err = parse_rule(&one, out, e);
    }
    return err;
}
