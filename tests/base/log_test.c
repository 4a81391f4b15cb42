/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "base/host.h"
#include "base/panic.h"

static int file;
static char text[4 * LOG_LINE_SIZE];

static void setup(void)
{
    file = host_memfd_create("log", 0);
    log_start(file, LOG_INFO, "test");
}

static const char *written(void)
{
    ssize_t n = host_pread(file, text, sizeof text - 1, 0);

    cr_assert_geq(n, 0);
    text[n] = '\0';
    return text;
}

Test(log, writes_what_is_urgent_enough, .init = setup)
{
    log_error("bundle %s", "a");
    log_info("started");
    log_debug("not this");
    cr_assert_str_eq(written(), "test: error: bundle a\ntest: info: started\n");
}

Test(log, cuts_a_long_line_and_ends_it, .init = setup)
{
    static char long_text[2 * LOG_LINE_SIZE];

    memset(long_text, 'x', sizeof long_text - 1);
    log_error("%s", long_text);
    cr_assert_eq(strlen(written()), LOG_LINE_SIZE);
    cr_assert_eq(text[LOG_LINE_SIZE - 1], '\n');
}

Test(log, minus_one_writes_nothing)
{
    log_start(-1, LOG_DEBUG, "test");
    cr_assert_not(log_enabled(LOG_ERROR));
    log_error("nowhere");
}

Test(panic, says_where_and_aborts, .signal = SIGABRT)
{
    panic("the host said %d", 7);
}

static void check_last_words(int sig)
{
    static const char expected[] = "test: panic: tests/base/log_test.c:";

    (void)sig;
    if (strncmp(written(), expected, sizeof expected - 1) || !strstr(text, ": the host said 7\n"))
        host_exit(1);
    host_exit(42);
}

Test(panic, leaves_its_last_words_in_the_log, .init = setup, .exit_code = 42)
{
    struct sigaction act = { .sa_handler = check_last_words };

    cr_assert_eq(host_sigaction(SIGABRT, &act, NULL), 0);
    panic("the host said %d", 7);
}
