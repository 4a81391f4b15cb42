/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/host.h"
#include "base/panic.h"

/* The options stay mapped, privately, for as long as their storage: strings are used where they
 * stand. */
static int decode(int memfd, uint64_t size, struct sandbox_options *out,
                  struct options_storage **storage)
{
    void *text;

    if (!size || size > OPTIONS_SIZE_MAX)
        return -EPROTO;
    int err = host_mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, memfd, 0, &text);
    if (err)
        return err;
    err = options_decode(text, size, out, storage);
    if (!err)
        options_own_text(*storage, text, size);
    else if (host_munmap(text, size))
        panic("the options are not mapped");
    return err;
}

static int adopt(const struct control_msg *m, const int *fds, size_t n, struct sandbox_options *o)
{
    size_t at = 0;

    for (unsigned i = 0; i < OPTION_FD_COUNT; i++) {
        if (!(m->extra >> i & 1))
            continue;
        if (at == n)
            return -EPROTO;
        o->fds[i] = fds[at++];
    }
    return at == n ? 0 : -EPROTO;
}

int control_options(const struct control_msg *m, const int *fds, size_t n,
                    struct sandbox_options *out, struct options_storage **storage)
{
    if (!n)
        return -EPROTO;
    int err = decode(fds[n - 1], m->value, out, storage);
    host_close(fds[n - 1]);
    if (err)
        return err;
    err = adopt(m, fds, n - 1, out);
    if (err)
        options_free(*storage);
    return err;
}

int control_start(int sock, struct sandbox_options *out, struct options_storage **storage)
{
    int fds[OPTION_FD_COUNT + 1];
    struct control_msg m;
    size_t n = 0;
    ssize_t got = fd_recv(sock, &m, sizeof m, fds, ARRAY_LEN(fds), &n, NULL);

    if (got <= 0)
        return got ? (int)got : -EIO;
    if (got != sizeof m || m.kind != CONTROL_START)
        return -EPROTO;
    return control_options(&m, fds, n, out, storage);
}

static void message_send(int sock, const struct control_msg *m)
{
    (void)!fd_send(sock, m, sizeof *m, NULL, 0);
}

void control_send(int sock, enum control_kind kind, uint64_t value)
{
    const struct control_msg m = { .kind = kind, .value = value };

    message_send(sock, &m);
}

void control_fail(int sock, int err, unsigned status, const char *format, ...)
{
    struct control_msg m = { .kind = CONTROL_FAILED, .extra = status, .value = (uint64_t)-err };
    va_list ap;

    va_start(ap, format);
    vsnprintf(m.text, sizeof m.text, format, ap);
    va_end(ap);
    message_send(sock, &m);
}

void control_step(int sock, const char *what)
{
    struct control_msg m = { .kind = CONTROL_STEP,
                             .value = (uint64_t)clock_now(&clock_real, CLOCK_ID_MONOTONIC) };

    snprintf(m.text, sizeof m.text, "%s", what);
    message_send(sock, &m);
}

int control_receive(int sock, struct control_msg *out, int fds[CONTROL_FDS_MAX], size_t *n)
{
    ssize_t got = fd_recv(sock, out, sizeof *out, fds, CONTROL_FDS_MAX, n, NULL);

    if (got == -EINTR)
        return -EINTR;
    return got == sizeof *out;
}
