/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/cgroup_devices.h"

#include <bpf/bpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "runsc/cgroup.h"
#include "runsc/report.h"

#define READ  BPF_DEVCG_ACC_READ
#define WRITE BPF_DEVCG_ACC_WRITE
#define MKNOD BPF_DEVCG_ACC_MKNOD
#define ALL   (READ | WRITE | MKNOD)

/* As runc has them: libcontainer/specconv, AllowedDevices. */
static const struct device_rule common[] = {
    {'c',  true, DEVICE_ANY, DEVICE_ANY, MKNOD},
    { 'b', true, DEVICE_ANY, DEVICE_ANY, MKNOD},
    { 'c', true, 1,          3,          ALL  }, /* null */
    { 'c', true, 1,          8,          ALL  }, /* random */
    { 'c', true, 1,          7,          ALL  }, /* full */
    { 'c', true, 5,          0,          ALL  }, /* tty */
    { 'c', true, 1,          5,          ALL  }, /* zero */
    { 'c', true, 1,          9,          ALL  }, /* urandom */
    { 'c', true, 136,        DEVICE_ANY, ALL  }, /* pts */
    { 'c', true, 5,          2,          ALL  }, /* ptmx */
};

/* ---- config.json ---- */

static int read_type(const struct node *rule, char *out, struct err *e)
{
    struct node n = node_get(rule, "type");
    const char *text = "a";
    int err = node_text(&n, &text, e);

    if (err)
        return err;
    if (strlen(text) != 1 || !strchr("abcu", *text))
        return node_error(&n, e, -EINVAL, "\"%s\" is none of \"a\", \"b\", \"c\"", text);
    *out = *text == 'u' ? 'c' : *text;
    return 0;
}

static int read_access(const struct node *rule, unsigned *out, struct err *e)
{
    struct node n = node_get(rule, "access");
    const char *text = "";
    int err = node_text(&n, &text, e);

    *out = *text ? 0 : ALL;
    for (; *text && !err; text++)
        switch (*text) {
        case 'r':
            *out |= READ;
            break;
        case 'w':
            *out |= WRITE;
            break;
        case 'm':
            *out |= MKNOD;
            break;
        default:
            err = node_error(&n, e, -EINVAL, "'%c' is none of 'r', 'w', 'm'", *text);
        }
    return err;
}

static int read_number(const struct node *rule, const char *name, uint32_t *out, struct err *e)
{
    struct node n = node_get(rule, name);
    int64_t number = -1;
    int err = node_int(&n, -1, (int64_t)DEVICE_ANY - 1, &number, e);

    *out = number < 0 ? DEVICE_ANY : (uint32_t)number;
    return err;
}

static int read_rule(const struct node *n, struct device_rule *r, struct err *e)
{
    struct node allow = node_get(n, "allow");
    int err = node_object(n, e);

    *r = (struct device_rule){ 0 };
    if (!err)
        err = node_bool(&allow, &r->allow, e);
    if (!err)
        err = read_type(n, &r->type, e);
    if (!err)
        err = read_number(n, "major", &r->major, e);
    if (!err)
        err = read_number(n, "minor", &r->minor, e);
    if (r->type == 'a')
        r->major = r->minor = DEVICE_ANY;
    return err ? err : read_access(n, &r->access, e);
}

int devices_read(const struct node *resources, struct device_rule **out, size_t *count,
                 struct err *e)
{
    struct node list = node_get(resources, "devices");
    size_t n = 0;
    int err = node_array(&list, &n, e);

    if (err)
        return err;
    struct device_rule *rules = calloc(n + ARRAY_LEN(common), sizeof *rules);
    if (!rules)
        return err_set(e, -ENOMEM, "no memory for %zu rules of devices", n);
    for (size_t i = 0; i < n && !err; i++) {
        struct node one = node_at(&list, i);
        err = read_rule(&one, &rules[i], e);
    }
    if (err) {
        free(rules);
        return err;
    }
    memcpy(rules + n, common, sizeof common);
    *out = rules;
    *count = n + ARRAY_LEN(common);
    return 0;
}

/* ---- v1 ---- */

static void number_text(char text[16], uint32_t number)
{
    if (number == DEVICE_ANY)
        strcpy(text, "*");
    else
        snprintf(text, 16, "%u", number);
}

/* "c 1:3 rwm", into the file that allows or the one that denies. */
static int write_rule(const char *dir, const struct device_rule *r)
{
    char major[16], minor[16], text[64];

    number_text(major, r->major);
    number_text(minor, r->minor);
    snprintf(text, sizeof text, "%c %s:%s %s%s%s", r->type, major, minor,
             r->access & READ ? "r" : "", r->access & WRITE ? "w" : "",
             r->access & MKNOD ? "m" : "");
    return cgroup_write(dir, r->allow ? "devices.allow" : "devices.deny", text);
}

static int write_rules(const char *dir, const struct device_rule *rules, size_t count)
{
    const struct device_rule none = { 'a', false, DEVICE_ANY, DEVICE_ANY, ALL };
    int err = write_rule(dir, &none);

    for (size_t i = 0; i < count && !err; i++)
        err = write_rule(dir, &rules[i]);
    return err;
}

/* ---- v2 ---- */

/* Registers of the program. ASKED is what no rule has decided yet; 0 is all allowed. */
enum { RESULT = BPF_REG_0, CONTEXT, TYPE, ASKED, MAJOR, MINOR, OVERLAP };

static struct bpf_insn load(uint8_t to, size_t offset)
{
    return (struct bpf_insn){
        .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = CONTEXT, .off = (int16_t)offset
    };
}

static struct bpf_insn operate(uint8_t op, uint8_t to, uint32_t value)
{
    return (struct bpf_insn){ .code = BPF_ALU | op | BPF_K, .dst_reg = to, .imm = (int32_t)value };
}

static struct bpf_insn move(uint8_t to, uint8_t from)
{
    return (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from };
}

static struct bpf_insn jump_unless_equal(uint8_t reg, uint32_t value, size_t over)
{
    return (struct bpf_insn){ .code = BPF_JMP32 | BPF_JNE | BPF_K,
                              .dst_reg = reg,
                              .imm = (int32_t)value,
                              .off = (int16_t)over };
}

static struct bpf_insn jump_if_equal(uint8_t reg, uint32_t value, size_t over)
{
    struct bpf_insn i = jump_unless_equal(reg, value, over);

    i.code = BPF_JMP32 | BPF_JEQ | BPF_K;
    return i;
}

static const struct bpf_insn leave = { .code = BPF_JMP | BPF_EXIT };

/* A jump over all that follows up to `end`, for each of the three that a rule may ask of a device.
 */
static size_t emit_match(const struct device_rule *r, struct bpf_insn *out, size_t body)
{
    const uint32_t type = r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    const struct {
        uint8_t reg;
        bool any;
        uint32_t value;
    } tests[] = {
        {TYPE,   r->type == 'a',         type    },
        { MAJOR, r->major == DEVICE_ANY, r->major},
        { MINOR, r->minor == DEVICE_ANY, r->minor},
    };
    size_t n = 0, left = 0;

    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        left += !tests[i].any;
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        if (!tests[i].any)
            out[n++] = jump_unless_equal(tests[i].reg, tests[i].value, --left + body);
    return n;
}

/* Allowed: what it allows is asked no longer. Denied: if any of that is asked, the answer is no. */
static size_t emit_rule(const struct device_rule *r, struct bpf_insn *out)
{
    const struct bpf_insn allow[] = {
        operate(BPF_AND, ASKED, ~r->access & ALL), jump_unless_equal(ASKED, 0, 1),
        leave, /* RESULT is 1 */
    };
    const struct bpf_insn deny[] = {
        move(OVERLAP, ASKED),
        operate(BPF_AND, OVERLAP, r->access),
        jump_if_equal(OVERLAP, 0, 2),
        operate(BPF_MOV, RESULT, 0),
        leave,
    };
    const struct bpf_insn *body = r->allow ? allow : deny;
    size_t size = r->allow ? ARRAY_LEN(allow) : ARRAY_LEN(deny);
    size_t n = emit_match(r, out, size);

    memcpy(out + n, body, size * sizeof *out);
    return n + size;
}

size_t devices_program(const struct device_rule *rules, size_t count, struct bpf_insn *out)
{
    const struct bpf_insn head[] = {
        load(TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type)),
        move(ASKED, TYPE),
        operate(BPF_AND, TYPE, 0xffff),
        operate(BPF_RSH, ASKED, 16),
        load(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major)),
        load(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor)),
        operate(BPF_MOV, RESULT, 1),
    };
    size_t n = ARRAY_LEN(head);

    memcpy(out, head, sizeof head);
    for (size_t i = count; i-- > 0;)
        n += emit_rule(&rules[i], out + n);
    out[n++] = operate(BPF_MOV, RESULT, 0);
    out[n++] = leave;
    return n;
}

/* libbpf is looked for only here: it and what it needs would take part of each start's time. */
static int load_and_attach(int dir, const struct bpf_insn *program, size_t count)
{
    void *lib = dlopen("libbpf.so.1", RTLD_NOW | RTLD_LOCAL);
    __typeof__(bpf_prog_load) *load_program = lib ? dlsym(lib, "bpf_prog_load") : NULL;
    __typeof__(bpf_prog_attach) *attach = lib ? dlsym(lib, "bpf_prog_attach") : NULL;

    if (!load_program || !attach)
        return -ELIBACC;
    int prog = load_program(BPF_PROG_TYPE_CGROUP_DEVICE, "runsc_devices", "Apache-2.0", program,
                            count, NULL);
    if (prog < 0)
        return -errno;
    int err = attach(prog, dir, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI) ? -errno : 0;
    close(prog);
    return err;
}

static int attach_rules(const char *dir, const struct device_rule *rules, size_t count)
{
    struct bpf_insn *program = calloc(DEVICE_PROGRAM_MAX(count), sizeof *program);
    int fd = program ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int err =
        fd < 0 ? -errno : load_and_attach(fd, program, devices_program(rules, count, program));

    if (fd >= 0)
        close(fd);
    free(program);
    return err;
}

/* ---- both ---- */

int cgroup_devices(const json_t *cgroups, const struct node *resources, struct err *e)
{
    const char *dir = cgroup_path(cgroups, "devices");
    struct device_rule *rules;
    size_t count;
    int err = devices_read(resources, &rules, &count, e);

    if (err)
        return err;
    if (dir) {
        err = cgroup_is_v2(cgroups) ? attach_rules(dir, rules, count)
                                    : write_rules(dir, rules, count);
        if (err)
            report_warning("linux.resources.devices: %s: %s%s", dir,
                           err == -ELIBACC ? "libbpf.so.1 is needed for this: " : "",
                           strerror(-err));
    }
    free(rules);
    return 0;
}
