/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a guest program does: it starts, prints, and ends. */
#include "tests/guest/lib.h"

TEST(a_program_starts)
{
    CHECK(getpid() > 0);
}

TEST(errors_are_linux_errors)
{
    CHECK_ERRNO(close(-1), EBADF);
    CHECK_EQ(write(1, "", 0), 0);
}

MAIN
