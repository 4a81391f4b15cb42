/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * What every row's program is made of: something is done many times, by the clock of where it
 * runs, and the nanoseconds of doing it once are printed as "median fastest slowest" of a few
 * rounds. The programs are static, and look at nothing of the host but what they measure.
 */
enum { ROUNDS = 7, ROUND_NS = 20 * 1000 * 1000 };

static inline uint64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* What cannot fail did: a row that measures its failures would be the fastest of all. */
static inline void must(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Prints "median fastest slowest"; sorts what it is given. */
static inline void print_times(double *ns, int count)
{
    qsort(ns, (size_t)count, sizeof *ns, compare_double);
    printf("%.1f %.1f %.1f\n", ns[count / 2], ns[0], ns[count - 1]);
}

static inline uint64_t span_of(void (*many)(uint64_t times), uint64_t times)
{
    uint64_t start = now();

    many(times);
    return now() - start;
}

/*
 * Measures many(times), with as many times as fill a round. The search for them warms up; it is
 * ended by two in a row, so that no single hiccup ends it where a round is mostly its own start.
 */
static inline void row(void (*many)(uint64_t times))
{
    double ns[ROUNDS];
    uint64_t times = 1;

    while (span_of(many, times) < ROUND_NS || span_of(many, times) < ROUND_NS)
        times *= 2;
    for (int i = 0; i < ROUNDS; i++)
        ns[i] = (double)span_of(many, times) / (double)times;
    print_times(ns, ROUNDS);
}
