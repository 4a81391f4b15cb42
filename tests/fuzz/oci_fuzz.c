/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a config.json: refused with words that name a field, or taken whole. */
#include <stdlib.h>
#include <string.h>

#include "runsc/cgroup.h"
#include "runsc/cgroup_devices.h"
#include "runsc/oci_view.h"
#include "runsc/systemd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const struct err *e)
{
    assert(e->code < 0 && e->text[0]);
    assert(memchr(e->text, 0, sizeof e->text));
}

/* What is taken can be told to a sentry, which takes it, too. */
static void check_options(const struct oci_spec *s)
{
    struct sandbox_options o = { .platform = "auto" }, again;
    struct options_storage *storage;
    static uint8_t message[1 << 20]; /* too large for the stack; written before it is read */
    struct err e = { .code = 0 };

    if (oci_options(s, &o, &e)) {
        check_words(&e);
        return;
    }
    ssize_t n = options_encode(&o, message, sizeof message);
    if (n < 0)
        return;
    int err = options_decode(message, (size_t)n, &again, &storage);
    assert(!err);
    options_free(storage);
}

/* What cgroups are told: a path that leads nowhere else, a program that has room. */
static void check_cgroup(const struct oci_spec *s)
{
    struct err e = { .code = 0 };
    struct device_rule *rules;
    struct scope scope;
    char path[4096];
    size_t count;

    if (scope_parse(s->cgroups_path, "id", false, &scope, &e) ||
        scope_path(&scope, "", path, sizeof path, &e))
        check_words(&e);
    else
        assert(path[0] == '/' && !strstr(path, "/../"));
    if (cgroup_choose(s->cgroups_path, "id", NULL, path, sizeof path, &e))
        check_words(&e);
    else
        assert(path[0] == '/' && path[1] && !strstr(path, "/../") && !strstr(path, "//"));
    if (devices_read(&s->resources, &rules, &count, &e)) {
        check_words(&e);
        return;
    }
    struct bpf_insn *program = calloc(DEVICE_PROGRAM_MAX(count), sizeof *program);
    assert(program && devices_program(rules, count, program) <= DEVICE_PROGRAM_MAX(count));
    free(program);
    free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t why;
    json_t *json = json_load_text((const char *)data, size, &why);
    struct err e = { .code = 0 };
    struct oci_spec s;

    if (!json)
        return 0;
    int err = oci_parse(json, "config.json", &s, &e);
    if (!err)
        check_cgroup(&s);
    if (err) {
        check_words(&e);
    } else if (s.has_process && s.process.argv && s.process.argv[0]) {
        assert(s.process.cwd[0] == '/');
        check_options(&s);
    }
    oci_free(&s);
    return 0;
}
