/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the options of a sandbox: refused, or taken whole. */
#include "sentry/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options_storage *storage;
    struct sandbox_options o;

    if (options_decode(data, size, &o, &storage) == 0) {
        assert(o.argv[0] && o.cwd && o.hostname);
        for (uint32_t i = 0; i < o.nmounts; i++)
            assert(o.mounts[i].target[0] == '/');
        for (uint32_t i = 0; i < o.nnodes; i++)
            assert(o.nodes[i].path[0] == '/');
        for (uint32_t i = 0; i < o.nsysctls; i++)
            assert(o.sysctls[i].name && o.sysctls[i].value);
        options_free(storage);
    }
    return 0;
}
