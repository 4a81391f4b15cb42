/* SPDX-License-Identifier: Apache-2.0 */
/* Runs what the Test()s of a program have registered; see criterion/criterion.h. */
#include "criterion/criterion.h"

static struct shim_test *tests;

void shim_add(struct shim_test *t)
{
    t->next = tests;
    tests = t;
}

int main(void)
{
    unsigned count = 0;

    for (struct shim_test *t = tests; t; t = t->next) {
        if (t->signal || t->exit_code || t->disabled)
            continue;
        fprintf(stderr, "%s\n", t->name);
        if (t->init)
            t->init();
        t->run();
        if (t->fini)
            t->fini();
        count++;
    }
    printf("Tested: %u | Passing: %u\n", count, count);
    return 0;
}
