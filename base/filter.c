/* SPDX-License-Identifier: Apache-2.0 */
/* Installs what filtergen has made. */
#include "base/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/host.h"
#include <filters.inc> /* made by filtergen: filters[], a struct filter for each process */

const struct sock_filter *filter_program(enum process process, unsigned short *len)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (filters[i].process == process) {
            *len = filters[i].len;
            return filters[i].insns;
        }
    }
    assert(!"a process has one bit, and a filter");
    return NULL;
}

int filter_install(enum process process)
{
    struct sock_fprog prog;

    prog.filter = (struct sock_filter *)filter_program(process, &prog.len);
    return host_seccomp(&prog);
}
