/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of an overlay that change, and that go.
 *
 * Whether a directory is empty is told by all its layers together, and takes a while to
 * find out. Linux holds the directory's lock for so long; here those who change names
 * in it are counted, and who wants to remove it goes on only where there are none: he
 * finds it as it was before them, not empty. Those who come meanwhile wait until it is
 * decided, and then find it gone, or as it was.
 *
 * Who waits in overlay_change_begin() has claimed a name in the directory; who removes
 * it has claimed the directory's own name and changes its parent, and waits for nobody below.
 */
#include <errno.h>

#include "sentry/fs/overlay_priv.h"
#include "sentry/vfs/claim.h"

static bool is_gone(const struct overlay_inode *di)
{
    return atomic_load_explicit(&((struct overlay_inode *)di)->gone, memory_order_acquire);
}

/* False: somebody tries to remove it. */
static bool try_begin(struct overlay_inode *di)
{
    mutex_lock(&di->inode.lock);
    bool fine = !di->leaving;
    if (fine)
        di->changers++;
    mutex_unlock(&di->inode.lock);
    return fine;
}

int overlay_change_begin(struct overlay_inode *di)
{
    int err = overlay_copy_up(di, UINT64_MAX);

    if (err)
        return err;
    while (!try_begin(di)) {
        claim_take(&di->leave_claim);
        claim_drop(&di->leave_claim);
    }
    /* By us, or by others behind us. */
    if (!is_gone(di) && !dentry_is_deleted(overlay_upper(di)))
        return 0;
    overlay_change_end(di);
    return -ENOENT;
}

void overlay_change_end(struct overlay_inode *di)
{
    mutex_lock(&di->inode.lock);
    assert(di->changers > 0);
    di->changers--;
    mutex_unlock(&di->inode.lock);
}

int overlay_leave_begin(struct overlay_inode *di, bool *whiteouts)
{
    claim_take(&di->leave_claim);
    mutex_lock(&di->inode.lock);
    di->leaving = di->changers == 0;
    int err = di->leaving ? 0 : -ENOTEMPTY;
    mutex_unlock(&di->inode.lock);
    if (!err)
        err = overlay_is_empty(di, whiteouts);
    if (!err)
        err = overlay_copy_up(di, 0);
    if (err)
        overlay_leave_end(di, false);
    return err;
}

static void set_gone(struct overlay_inode *di)
{
    atomic_store_explicit(&di->gone, true, memory_order_release);
}

void overlay_leave_end(struct overlay_inode *di, bool gone)
{
    if (gone)
        set_gone(di);
    mutex_lock(&di->inode.lock);
    di->leaving = false;
    mutex_unlock(&di->inode.lock);
    claim_drop(&di->leave_claim);
}

void overlay_drop_aside(struct overlay_inode *oi, struct overlay_temp *t)
{
    if (inode_is(&oi->inode, S_IFDIR)) {
        set_gone(oi); /* before what its whiteouts hide comes out */
        /* What others have put into it keeps it in the work directory, as in Linux. */
        int err = overlay_clear_whiteouts(oi);
        (void)err;
    }
    overlay_temp_remove(overlay_of(&oi->inode), t);
}
