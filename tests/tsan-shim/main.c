/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs what the Test()s of a program have registered, each in a process of its own,
 * as Criterion does; see criterion/criterion.h.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criterion/criterion.h"

/* Tests may fork, and their children may start threads. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

static struct shim_test *tests;

void shim_add(struct shim_test *t)
{
    t->next = tests;
    tests = t;
}

static struct shim_suite *suites;

void shim_add_suite(struct shim_suite *s)
{
    s->next = suites;
    suites = s;
}

/* What the test does not say itself its suite says. */
static void take_defaults(struct shim_test *t)
{
    for (const struct shim_suite *s = suites; s; s = s->next) {
        if (strncmp(t->name, s->name, strlen(s->name)) != 0)
            continue;
        t->init = t->init ? t->init : s->init;
        t->fini = t->fini ? t->fini : s->fini;
        t->timeout = t->timeout > 0 ? t->timeout : s->timeout;
        t->disabled |= s->disabled;
    }
}

/* Here all takes ten times as long. */
static void run_here(const struct shim_test *t)
{
    alarm(t->timeout > 0 ? 10 * (unsigned)t->timeout : 1000);
    if (t->init)
        t->init();
    t->run();
    if (t->fini)
        t->fini();
    exit(0);
}

/* Whether it ended as it said it would. */
static bool passes(const struct shim_test *t)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_here(t);
    if (waitpid(pid, &status, 0) != pid)
        return false;
    if (t->signal)
        return WIFSIGNALED(status) && WTERMSIG(status) == t->signal;
    if (WIFSIGNALED(status))
        fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == t->exit_code;
}

int main(void)
{
    unsigned tested = 0, passing = 0;

    for (struct shim_test *t = tests; t; t = t->next) {
        take_defaults(t);
        if (t->disabled)
            continue;
        bool ok = passes(t);
        fprintf(stderr, "%s %s\n", ok ? "ok  " : "FAIL", t->name);
        tested++;
        passing += ok;
    }
    printf("Tested: %u | Passing: %u\n", tested, passing);
    return tested != passing;
}
