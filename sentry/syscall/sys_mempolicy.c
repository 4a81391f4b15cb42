/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory policies, of a machine that has one node.
 *
 * Every policy that Linux would accept there comes to the same, so it is checked and
 * not kept: get_mempolicy(2) tells of the default.
 *
 *   source    set_mempolicy(2), get_mempolicy(2), mbind(2); mm/mempolicy.c of Linux 6.6
 */
#include <linux/mempolicy.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

#define MAX_NODES      64u /* bits of a mask that we look at: MAX_NUMNODES */
#define NODES_BITS_MAX ((size_t)4096 * 8)
#define MODE_FLAGS     (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)

/* The nodes that a guest names. Errors: EINVAL for ones that no machine of ours has; EFAULT. */
static int get_nodes(struct task *t, uptr_t mask, size_t maxnode, uint64_t *out)
{
    *out = 0;
    maxnode--; /* Linux's own off by one */
    if (maxnode == 0 || uptr_is_null(mask))
        return 0;
    if (maxnode > NODES_BITS_MAX)
        return -EINVAL;
    for (size_t bit = 0; bit < maxnode; bit += 64) {
        uint64_t word;
        int err = copy_in_struct(t->mm, &word, uptr_at(mask, bit / 8));
        if (err)
            return err;
        if (maxnode - bit < 64)
            word &= ((uint64_t)1 << (maxnode - bit)) - 1;
        if (bit == 0)
            *out = word;
        else if (word)
            return -EINVAL;
    }
    return 0;
}

/* sanitize_mpol_flags() and mpol_new() */
static int check_policy(int mode, uint64_t nodes)
{
    int flags = mode & MODE_FLAGS;

    mode &= ~MODE_FLAGS;
    if (mode < 0 || mode >= MPOL_MAX ||
        ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES)) ||
        ((flags & MPOL_F_NUMA_BALANCING) && mode != MPOL_BIND))
        return -EINVAL;
    switch (mode) {
    case MPOL_DEFAULT:
        return nodes ? -EINVAL : 0;
    case MPOL_LOCAL:
        return nodes || flags ? -EINVAL : 0;
    case MPOL_PREFERRED:
        if (nodes == 0)
            return flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES) ? -EINVAL : 0;
        break;
    }
    return nodes & 1 ? 0 : -EINVAL;
}

long sys_set_mempolicy(struct task *t, int mode, uptr_t nodemask, size_t maxnode)
{
    uint64_t nodes;
    int err = get_nodes(t, nodemask, maxnode, &nodes);

    return err ? err : check_policy(mode, nodes);
}

static int see_nothing(const struct vma_info *v, void *arg)
{
    uint64_t *start = arg;

    *start = v->start;
    return 1;
}

static bool is_mapped(struct task *t, uptr_t at)
{
    uint64_t start;

    return mm_visit(t->mm, at.va, false, see_nothing, &start) && start <= at.va;
}

long sys_mbind(struct task *t, uptr_t addr, size_t len, int mode, uptr_t nodemask, size_t maxnode,
               unsigned flags)
{
    uint64_t nodes, end = addr.va + page_up(len);

    if (flags & ~(unsigned)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
        return -EINVAL;
    int err = get_nodes(t, nodemask, maxnode, &nodes);
    if (err)
        return err;
    if ((flags & MPOL_MF_MOVE_ALL) && !task_root_capable(t, 23 /* CAP_SYS_NICE */))
        return -EPERM;
    if ((addr.va & PAGE_MASK) || end < addr.va)
        return -EINVAL;
    if (end == addr.va)
        return 0;
    err = check_policy(mode, nodes);
    if (err)
        return err;
    return is_mapped(t, addr) ? 0 : -EFAULT;
}

/* A mask with the one node, or none; the rest of what the guest has room for is zero. */
static int put_nodes(struct task *t, uptr_t mask, size_t maxnode, uint64_t nodes)
{
    size_t size = (maxnode + 63) / 64 * 8;

    if (uptr_is_null(mask))
        return 0;
    if (size > sizeof nodes) {
        int err = size > 4096 ? -EINVAL : copy_zero(t->mm, uptr_at(mask, 8), size - 8);
        if (err)
            return err;
    }
    return copy_out_struct(t->mm, mask, &nodes);
}

long sys_get_mempolicy(struct task *t, uptr_t mode, uptr_t nodemask, size_t maxnode, uptr_t addr,
                       uint64_t flags)
{
    bool node = flags & MPOL_F_NODE, at = flags & MPOL_F_ADDR;
    uint64_t nodes = flags & MPOL_F_MEMS_ALLOWED ? 1 : 0;
    int zero = 0; /* MPOL_DEFAULT, or the node of a page */

    if (flags & ~(uint64_t)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED) ||
        (!uptr_is_null(nodemask) && maxnode < 1))
        return -EINVAL;
    if ((flags & MPOL_F_MEMS_ALLOWED) && (node || at))
        return -EINVAL;
    if (at && !is_mapped(t, addr))
        return -EFAULT;
    if (!at && (!uptr_is_null(addr) || node) && !(flags & MPOL_F_MEMS_ALLOWED))
        return -EINVAL;
    int err = uptr_is_null(mode) ? 0 : copy_out_struct(t->mm, mode, &zero);
    return err ? err : put_nodes(t, nodemask, maxnode, nodes);
}
