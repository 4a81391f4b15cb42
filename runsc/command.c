/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "sentry/options.h"

int command_take_root(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct command *)into)->root = value;
    return 0;
}

int command_take_log(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct command *)into)->report.log = value;
    return 0;
}

int command_take_format(void *into, const char *value, struct err *e)
{
    if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
        return err_set(e, -EINVAL, "--log-format: text or json, not \"%s\"", value);
    ((struct command *)into)->report.json = value[0] == 'j';
    return 0;
}

int command_take_debug(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct command *)into)->report.debug = true;
    return 0;
}

int command_take_systemd(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct command *)into)->systemd_cgroup = true;
    return 0;
}

int command_take_platform(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct command *)into)->platform = value;
    return 0;
}

int command_take_help(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct command *)into)->help = true;
    return 0;
}

int command_preserved(const char *value, unsigned *out, struct err *e)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (!*value || *end || value[0] == '-' || n > OPTION_EXTRAS)
        return err_set(e, -EINVAL, "--preserve-fds %s: a number from 0 to %d", value,
                       OPTION_EXTRAS);
    for (unsigned i = 0; i < n; i++)
        if (fcntl(3 + (int)i, F_GETFD) < 0)
            return err_set(e, -EBADF, "--preserve-fds %s: descriptor %u is not open", value, 3 + i);
    *out = (unsigned)n;
    return 0;
}

int command_take_nothing(void *into, const char *value, struct err *e)
{
    (void)into, (void)value, (void)e;
    return 0;
}

/* `kill ID KILL --all` is fine with runc. */
static int parse_mixed(const struct flag *flags, size_t n, char *const argv[], void *into,
                       struct err *e)
{
    struct command *c = into;
    size_t words = 0;
    bool ended = false;

    for (;;) {
        int step = 1;
        int err = ended ? 0 : flags_parse(flags, n, argv, into, &step, e);

        if (err)
            return err;
        ended |= step > 1 && strcmp(argv[step - 1], "--") == 0;
        argv += step;
        if (!*argv || words == ARRAY_LEN(c->words) - 1)
            return 0;
        c->words[words++] = *argv; /* from here on it stands for the command's name */
    }
}

int command_parse(const struct flag *flags, size_t n, char *const argv[], void *into,
                  const char *usage, int least, int most, char *const **rest, struct err *e)
{
    struct command *c = into;
    int at = 0, words = 0;
    int err =
        most < 0 ? flags_parse(flags, n, argv, into, &at, e) : parse_mixed(flags, n, argv, into, e);

    if (err)
        return err;
    if (c->help) {
        printf("usage: runsc %s\n\n", usage);
        flags_help(flags, n);
        return 1;
    }
    err = report_start(&c->report, e);
    if (err)
        return err;
    *rest = most < 0 ? argv + at : c->words;
    while ((*rest)[words])
        words++;
    if (words < least || (most >= 0 && words > most))
        return err_set(e, -EINVAL, "%s: %s; usage: runsc %s", argv[0],
                       words < least ? "a word is missing" : "too many words", usage);
    return 0;
}

bool command_is_real_root(void)
{
    unsigned inside = 1, outside = 1;
    FILE *f = geteuid() ? NULL : fopen("/proc/self/uid_map", "re");

    if (!f)
        return geteuid() == 0;
    bool is = fscanf(f, "%u %u", &inside, &outside) == 2 && inside == 0 && outside == 0;
    fclose(f);
    return is;
}

const char *command_root(const struct command *c)
{
    static char path[4096]; /* constant once filled */
    const char *run = getenv("XDG_RUNTIME_DIR");

    if (c->root)
        return c->root;
    if (!run || !*run || command_is_real_root())
        return "/run/runsc";
    snprintf(path, sizeof path, "%s/runsc", run);
    return path;
}

/* How many words a flag before the command takes: 1, or 2 with its value. */
static size_t flag_words(const char *word)
{
    static const struct flag flags[] = { COMMAND_FLAGS };
    size_t dashes = strspn(word, "-"), len = strcspn(word + dashes, "=");

    if (word[dashes + len])
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, word + dashes, len) == 0)
            return flags[i].value ? 2 : 1;
    return 1;
}

char **command_order(char *const argv[])
{
    size_t n = 0, command = 0;

    while (argv[n])
        n++;
    while (command < n && argv[command][0] == '-')
        command += flag_words(argv[command]);
    char **out = calloc(n + 1, sizeof *out);
    if (!out)
        abort();
    memcpy(out, argv, n * sizeof *out);
    if (command < n) {
        memmove(out + 1, out, command * sizeof *out);
        out[0] = argv[command];
    }
    return out;
}

int command_signal(const char *text, int *out, struct err *e)
{
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    char *end;
    long n = strtol(text, &end, 10);

    if (isdigit((unsigned char)text[0]) && !*end && n >= 0 && n <= 64) {
        *out = (int)n;
        return 0;
    }
    for (int sig = 1; sig < 32; sig++) {
        const char *known = sigabbrev_np(sig);
        if (known && strcasecmp(known, name) == 0) {
            *out = sig;
            return 0;
        }
    }
    if (strncasecmp(name, "RTMIN", 5) == 0 || strncasecmp(name, "RTMAX", 5) == 0) {
        n = (toupper((unsigned char)name[3]) == 'I' ? 34 : 64) + strtol(name + 5, &end, 10);
        if (!*end && n >= 34 && n <= 64) {
            *out = (int)n;
            return 0;
        }
    }
    return err_set(e, -EINVAL, "unknown signal \"%s\"", text);
}
