/* SPDX-License-Identifier: Apache-2.0 */
/* Terminal settings as ioctl_tty(2) hands them over: layouts of Linux on x86-64. */
#pragma once

#include "base/cc.h"

#define ABI_NCCS 19

struct abi_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[ABI_NCCS];
};
static_assert(sizeof(struct abi_termios) == 36, "layout");

struct abi_termios2 {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[ABI_NCCS];
    uint32_t ispeed, ospeed;
};
static_assert(sizeof(struct abi_termios2) == 44, "layout");

/* The old one, of TCGETA. */
struct abi_termio {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[8];
    uint8_t pad;
};
static_assert(sizeof(struct abi_termio) == 18, "layout");

struct abi_winsize {
    uint16_t rows, cols, xpixel, ypixel;
};
static_assert(sizeof(struct abi_winsize) == 8, "layout");
