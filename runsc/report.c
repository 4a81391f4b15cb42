/* SPDX-License-Identifier: Apache-2.0 */
/* One log for the whole process: the one state of runsc that is no argument. */
#include "runsc/report.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    int fd;
    bool on, json;
} report;

int report_start(const struct report_options *o, struct err *e)
{
    report.json = o->json;
    if (!o->log)
        return 0;
    report.fd = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (report.fd < 0)
        return err_set(e, -errno, "--log %s: %s", o->log, strerror(errno));
    report.on = true;
    return 0;
}

static void write_line(const char *level, const char *text)
{
    char when[32], *line = NULL;
    time_t now = time(NULL);
    struct tm tm;

    if (!report.on || !gmtime_r(&now, &tm))
        return;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (report.json) {
        json_t *o = json_pack("{s:s, s:s, s:s}", "level", level, "msg", text, "time", when);
        char *body = o ? json_dumps(o, JSON_COMPACT) : NULL;

        if (!body || asprintf(&line, "%s\n", body) < 0)
            line = NULL;
        free(body);
        json_decref(o);
    } else if (asprintf(&line, "time=\"%s\" level=%s msg=\"%s\"\n", when, level, text) < 0) {
        line = NULL;
    }
    if (line)
        (void)!write(report.fd, line, strlen(line));
    free(line);
}

void report_error(const char *text)
{
    write_line("error", text);
    fprintf(stderr, "runsc: %s\n", text);
}

void report_warning(const char *format, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    write_line("warning", text);
}
