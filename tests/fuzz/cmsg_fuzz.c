/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages as a guest may give them to sendmsg(2). Whatever they are: nothing
 * outside of them is read, and every file taken is put again.
 */
#include <stdlib.h>
#include <string.h>

#include "sentry/fs/eventfd.h"
#include "sentry/sock/cmsg.h"
#include "tests/lib/fs_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fs_world w;
static struct fdtable *table;
static struct file *file;

static void stop(void)
{
    fdtable_put(table, &w.vfs.root);
    file_put(file);
    fs_world_stop(&w);
}

static void start(void)
{
    fs_world_start(&w);
    atexit(stop);
    int err = fdtable_create(w.arena, &table);
    assert(!err);
    err = eventfd_create(w.arena, w.vfs.root_cred, 0, 0, &file);
    assert(!err);
    for (int fd = 0; fd < 4; fd++) {
        err = fdtable_install(table, file, fd, false, 100);
        assert(err == fd);
    }
}

/* What is walked over message by message stays inside, and moves on. */
static void check_walk(const uint8_t *control, size_t size)
{
    const struct abi_cmsghdr *at = NULL, *before = NULL;

    while (cmsg_next(control, size, &at) == 0 && at) {
        size_t off = (size_t)((const uint8_t *)at - control);
        assert(at > before && off <= size && at->len <= size - off);
        assert(cmsg_data_size(at) <= size - off);
        before = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scm scm;

    if (!w.arena)
        start();
    uint32_t refs = ref_count(&file->ref);
    /* Memory of its own, so that a byte read behind it is found. */
    uint8_t *control = aligned_alloc(16, (size + 15) / 16 * 16 + 16);
    memcpy(control, data, size);
    check_walk(control, size);
    if (cmsg_parse(w.arena, control, size, table, &scm) == 0) {
        assert(!scm.files || scm.files->count <= SCM_FILES_MAX);
        scm_destroy(&scm);
    }
    assert(ref_count(&file->ref) == refs);
    free(control);
    return 0;
}
