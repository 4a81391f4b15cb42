/* SPDX-License-Identifier: Apache-2.0 */
/* All of a call, or nothing of it. */
#include "sentry/ipc/sem_solve.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

#define N IPC_NOWAIT
#define U SEM_UNDO

static const struct {
    const char *what;
    int before[3];
    struct sembuf ops[3];
    unsigned count;
    int16_t owed;
    enum sem_answer answer;
    unsigned blocking;
    int after[3];
    int16_t owes;
} rows[] = {
    {"more is always possible",              { 0 },     { { 0, 5, 0 } },  1, 0,      SEM_DONE,  0, { 5 },     0     },
    { "less, where there is enough",         { 5 },     { { 0, -5, 0 } }, 1, 0,      SEM_DONE,  0, { 0 },     0     },
    { "more than there is waits",            { 4 },     { { 0, -5, 0 } }, 1, 0,      SEM_WAIT,  0, { 4 },     0     },
    { "or does not, if it says so",          { 4 },     { { 0, -5, N } }, 1, 0,      SEM_AGAIN, 0, { 4 },     0     },
    { "zero is there",                       { 0 },     { { 0, 0, 0 } },  1, 0,      SEM_DONE,  0, { 0 },     0     },
    { "zero is waited for",                  { 1 },     { { 0, 0, 0 } },  1, 0,      SEM_WAIT,  0, { 1 },     0     },
    { "each sees what those before it did",
     { 1 },
     { { 0, -1, 0 }, { 0, 0, 0 }, { 0, 2, 0 } },
     3,                                                                      0,
     SEM_DONE,                                                                                  0,
     { 2 },
     0                                                                                                              },
    { "what was done is undone",
     { 1, 1, 0 },
     { { 0, -1, 0 }, { 1, 3, 0 }, { 2, -1, 0 } },
     3,                                                                      0,
     SEM_WAIT,                                                                                  2,
     { 1, 1, 0 },
     0                                                                                                              },
    { "a value has a limit",                 { 32767 }, { { 0, 1, 0 } },  1, 0,      SEM_RANGE, 0, { 32767 }, 0     },
    { "the limit undoes, too",
     { 1, 32767, 0 },
     { { 0, 4, 0 }, { 1, 1, 0 } },
     2,                                                                      0,
     SEM_RANGE,                                                                                 1,
     { 1, 32767, 0 },
     0                                                                                                              },
    { "what is taken is owed",               { 3 },     { { 0, -2, U } }, 1, 0,      SEM_DONE,  0, { 1 },     2     },
    { "what is given is owed the other way", { 0 },     { { 0, 2, U } },  1, 1,      SEM_DONE,  0, { 2 },     -1    },
    { "debts have a limit",                  { 1 },     { { 0, -1, U } }, 1, 32767,  SEM_RANGE, 0, { 1 },     32767 },
    { "and one more below",                  { 0 },     { { 0, 1, U } },  1, -32767, SEM_DONE,  0, { 1 },     -32768},
    { "debts are undone with the rest",
     { 3, 0, 0 },
     { { 0, -2, U }, { 1, -1, 0 } },
     2,                                                                      7,
     SEM_WAIT,                                                                                  1,
     { 3, 0, 0 },
     7                                                                                                              },
};

Test(sem_solve, is_all_or_nothing)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sem sems[3] = {
            {rows[i].before[0],  NULL},
            { rows[i].before[1], NULL},
            { rows[i].before[2], NULL}
        };
        int16_t adjust[3] = { rows[i].owed };
        struct sem_request r = { .ops = rows[i].ops, .count = rows[i].count, .adjust = adjust };
        unsigned blocking = 0;
        enum sem_answer got = sem_solve(sems, &r, &blocking);

        cr_expect_eq(got, rows[i].answer, "%s: answer %d", rows[i].what, got);
        if (got == SEM_WAIT || got == SEM_AGAIN)
            cr_expect_eq(blocking, rows[i].blocking, "%s: %u blocks", rows[i].what, blocking);
        for (int n = 0; n < 3; n++)
            cr_expect_eq(sems[n].value, rows[i].after[n], "%s: value %d is %d", rows[i].what, n,
                         sems[n].value);
        cr_expect_eq(adjust[0], rows[i].owes, "%s: owes %d", rows[i].what, adjust[0]);
    }
}

Test(sem_solve, looks_at_what_a_call_is)
{
    const struct sembuf ops[] = {
        {0,  0,  0       },
        { 1, 0,  SEM_UNDO},
        { 2, -1, 0       }
    };

    cr_expect(!sem_request_alters(&(struct sem_request){ .ops = ops, .count = 2 }));
    cr_expect(sem_request_alters(&(struct sem_request){ .ops = ops, .count = 3 }));
    cr_expect(!sem_request_undoes(ops, 1));
    cr_expect(sem_request_undoes(ops, 2));
}

Test(sem_solve, an_adjustment_stays_in_the_limits)
{
    cr_expect_eq(sem_adjusted(5, -3), 2);
    cr_expect_eq(sem_adjusted(5, -30), 0);
    cr_expect_eq(sem_adjusted(32000, 30000), 32767);
}
