/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/file_caps.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

int file_caps_decode(const void *value, size_t size, struct file_caps *out)
{
    struct vfs_ns_cap_data d = { 0 };

    if (size != XATTR_CAPS_SZ_2 && size != XATTR_CAPS_SZ_3)
        return -EINVAL;
    memcpy(&d, value, size);
    uint32_t magic = le32toh(d.magic_etc);
    uint32_t version = size == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3;
    if ((magic & ~(uint32_t)VFS_CAP_FLAGS_EFFECTIVE) != version)
        return -EINVAL;
    *out = (struct file_caps){
        .effective = magic & VFS_CAP_FLAGS_EFFECTIVE,
        .root = le32toh(d.rootid),
        .permitted = le32toh(d.data[0].permitted) | (uint64_t)le32toh(d.data[1].permitted) << 32,
        .inheritable = le32toh(d.data[0].inheritable) | (uint64_t)le32toh(d.data[1].inheritable)
                                                            << 32,
    };
    return 0;
}

/* Returns the size. */
static ssize_t encode(const struct file_caps *f, uint32_t version, struct vfs_ns_cap_data *out)
{
    *out = (struct vfs_ns_cap_data){
        .magic_etc = htole32(version | (f->effective ? VFS_CAP_FLAGS_EFFECTIVE : 0)),
        .rootid = htole32(f->root),
    };
    for (int i = 0; i < 2; i++) {
        out->data[i].permitted = htole32((uint32_t)(f->permitted >> 32 * i));
        out->data[i].inheritable = htole32((uint32_t)(f->inheritable >> 32 * i));
    }
    return version == VFS_CAP_REVISION_2 ? XATTR_CAPS_SZ_2 : XATTR_CAPS_SZ_3;
}

bool file_caps_count(const struct file_caps *f, const struct user_ns *ns)
{
    for (; ns; ns = ns->parent) {
        if (user_ns_uid_out(ns, f->root) == 0)
            return true;
    }
    return false;
}

ssize_t file_caps_to_store(const struct inode *i, const struct cred *c, const void *value,
                           size_t size, struct vfs_ns_cap_data *out)
{
    struct file_caps f;
    int err = file_caps_decode(value, size, &f);

    if (err)
        return err;
    if (!inode_capable(i, c, CAP_SETFCAP))
        return -EPERM;
    if (size == XATTR_CAPS_SZ_2 && cred_root_capable(c, CAP_SETFCAP))
        return encode(&f, VFS_CAP_REVISION_2, out);
    f.root = user_ns_uid_in(c->user_ns, f.root);
    return f.root == ID_NONE ? -EINVAL : encode(&f, VFS_CAP_REVISION_3, out);
}

ssize_t file_caps_to_show(struct inode *i, const struct user_ns *ns, struct vfs_ns_cap_data *out)
{
    struct file_caps f;

    if (!i->ops->getxattr)
        return -EOPNOTSUPP;
    ssize_t n = i->ops->getxattr(i, FILE_CAPS_NAME, out, sizeof *out);
    if (n < 0)
        return n == -ERANGE ? -EINVAL : n;
    int err = file_caps_decode(out, (size_t)n, &f);
    if (err)
        return err;
    uint32_t root = user_ns_uid_out(ns, f.root);
    if (user_ns_has_uid(ns, f.root) && root != 0) {
        f.root = root;
        return encode(&f, VFS_CAP_REVISION_3, out);
    }
    return file_caps_count(&f, ns) ? encode(&f, VFS_CAP_REVISION_2, out) : -EOVERFLOW;
}
