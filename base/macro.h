/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tables of macros are expanded with. Nothing here makes code.
 *
 * EACH(m, a, b, …) is m(0, a) m(1, b) …, for none to six arguments, which is as
 * many as a system call has registers. NARGS(…) is how many there are.
 */
#pragma once

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)
#define STR_(a)    #a
#define STR(a)     STR_(a)

/* Takes the parentheses off: UNPAREN((a, b)) is a, b. */
#define UNPAREN(x)    UNPAREN_ x
#define UNPAREN_(...) __VA_ARGS__

/* The first and the second of a pair in parentheses. */
#define PAIR_FIRST(pair)   PAIR_FIRST_ pair
#define PAIR_FIRST_(a, b)  a
#define PAIR_SECOND(pair)  PAIR_SECOND_ pair
#define PAIR_SECOND_(a, b) b

#define NARGS(...)                             NARGS_(__VA_OPT__(__VA_ARGS__, ) 6, 5, 4, 3, 2, 1, 0, )
#define NARGS_(a1, a2, a3, a4, a5, a6, n, ...) n

#define EACH(m, ...) CAT(EACH_, NARGS(__VA_ARGS__))(m __VA_OPT__(, ) __VA_ARGS__)
#define EACH_0(m)
#define EACH_1(m, a)                m(0, a)
#define EACH_2(m, a, b)             EACH_1(m, a) m(1, b)
#define EACH_3(m, a, b, c)          EACH_2(m, a, b) m(2, c)
#define EACH_4(m, a, b, c, d)       EACH_3(m, a, b, c) m(3, d)
#define EACH_5(m, a, b, c, d, e)    EACH_4(m, a, b, c, d) m(4, e)
#define EACH_6(m, a, b, c, d, e, f) EACH_5(m, a, b, c, d, e) m(5, f)
