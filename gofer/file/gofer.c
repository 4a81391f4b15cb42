/* SPDX-License-Identifier: Apache-2.0 */
#include "gofer/file/gofer.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/host.h"

int gofer_create(int sock, uint32_t handles, struct gofer *out)
{
    void *request;

    *out = (struct gofer){ .sock = sock, .fd_prefix = "/proc/self/fd/" };
    int err = host_mmap(NULL, GOFER_SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0, &request);
    if (err)
        return err;
    out->request = request;
    return nodes_create(handles, &out->nodes);
}

static void unmap(void *at, size_t size)
{
    if (at && host_munmap(at, size) < 0)
        assert(!"we mapped it");
}

void gofer_destroy(struct gofer *g)
{
    nodes_destroy(&g->nodes);
    for (uint32_t i = 0; i < g->ntrees; i++)
        host_close(g->trees[i].root);
    unmap(g->ring, GOFER_RING_SIZE);
    unmap(g->request, GOFER_SLOT_SIZE);
    *g = (struct gofer){ .sock = -1 };
}

int gofer_add_tree(struct gofer *g, int root, uint32_t flags)
{
    if (g->ntrees == GOFER_TREES_MAX) {
        host_close(root);
        return -ENOSPC;
    }
    g->trees[g->ntrees++] = (struct tree){ .root = root, .flags = flags };
    return 0;
}
