/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of AF_UNIX sockets: paths, abstract ones, and those that autobind makes up.
 *
 * An abstract name is found by its bytes and the type of socket, in a table of the
 * sandbox. A path leads to an inode, to which the socket is bound until it ends; the
 * name itself stays behind, as in Linux.
 */
#include <stdio.h>
#include <string.h>

#include "sentry/sock/unix_priv.h"
#include "sentry/vfs/dentry.h"

#define PATH_AT    offsetof(struct sockaddr_un, sun_path)
#define AUTO_NAMES 0x100000u /* five digits of hexadecimal */

static const struct slab_type unix_addr_slab = SLAB_TYPE(unix_addr, struct unix_addr);

void unix_addr_put(struct unix_addr *addr)
{
    if (!addr || !ref_put(&addr->ref))
        return;
    if (path_is_set(&addr->path))
        path_put(&addr->path);
    inode_put(addr->inode);
    slab_free(addr);
}

static bool is_abstract(const struct unix_addr *addr)
{
    return addr->un.sun_path[0] == '\0';
}

static uint64_t hash_of(const struct sockaddr_un *un, uint32_t size, int type)
{
    return hash_pair(hash_bytes(0, un, size), (uint64_t)type);
}

/* What a guest may give: a family, and at least one byte of a name. */
static int check_addr(const struct sock_addr *addr)
{
    if (addr->size <= PATH_AT || addr->size > sizeof(struct sockaddr_un) || addr->family != AF_UNIX)
        return -EINVAL;
    return 0;
}

/* A copy with paths ended by NUL and cut there. Errors: ENOMEM. */
static int addr_create(struct arena *a, const struct sock_addr *from, struct unix_addr **out)
{
    struct unix_addr *addr = slab_alloc(a, &unix_addr_slab);

    if (!addr)
        return -ENOMEM;
    ref_init(&addr->ref);
    memcpy(&addr->un, from->bytes, from->size);
    addr->size = from->size;
    if (!is_abstract(addr)) {
        size_t len = strnlen(addr->un.sun_path, from->size - PATH_AT);
        addr->size = (uint32_t)(PATH_AT + len + 1);
    }
    *out = addr;
    return 0;
}

/* The path as a string: a name of 108 bytes has no NUL of its own. */
static void path_of(const struct sock_addr *addr, char path[sizeof(struct sockaddr_un)])
{
    size_t len = addr->size - PATH_AT;

    memcpy(path, addr->bytes + PATH_AT, len);
    path[len] = '\0';
}

/* ---- the table of abstract names ---- */

static struct unix_addr *lookup_locked(struct sock_state *s, const struct sockaddr_un *un,
                                       uint32_t size, int type) HOLDS(s->lock);
static struct unix_addr *lookup_locked(struct sock_state *s, const struct sockaddr_un *un,
                                       uint32_t size, int type)
{
    struct unix_addr *addr;

    htab_for_each (addr, &s->names, hash_of(un, size, type), node) {
        if (addr->size == size && addr->sock->sock.type == type && !memcmp(&addr->un, un, size))
            return addr;
    }
    return NULL;
}

static bool insert_locked(struct sock_state *s, struct unix_sock *u, struct unix_addr *addr)
    HOLDS(s->lock);
static bool insert_locked(struct sock_state *s, struct unix_sock *u, struct unix_addr *addr)
{
    int type = u->sock.type;

    if (lookup_locked(s, &addr->un, addr->size, type))
        return false;
    addr->sock = u;
    htab_insert(&s->names, &addr->node, hash_of(&addr->un, addr->size, type));
    return true;
}

static int bind_abstract(struct unix_sock *u, struct unix_addr *addr)
{
    struct sock_state *s = sock_state_of(u->sock.file.arena);

    mutex_lock(&s->lock);
    bool free = insert_locked(s, u, addr);
    mutex_unlock(&s->lock);
    return free ? 0 : -EADDRINUSE;
}

/* ---- bind ---- */

static int bind_path(struct unix_sock *u, const struct sock_addr *to, struct unix_addr *addr,
                     const struct actor *who)
{
    char name[sizeof(struct sockaddr_un)];

    path_of(to, name);
    mutex_lock(&u->sock.file.inode->lock);
    uint32_t mode = u->sock.file.inode->attr.mode;
    mutex_unlock(&u->sock.file.inode->lock);
    int err = vfs_mknod_path(who, NULL, name, S_IFSOCK | (mode & 0777), 0, &addr->path);
    if (err)
        return err == -EEXIST ? -EADDRINUSE : err;
    addr->inode = inode_get(dentry_inode(addr->path.dentry));
    mutex_lock(&addr->inode->lock);
    addr->inode->bound = u;
    mutex_unlock(&addr->inode->lock);
    return 0;
}

/* One bind at a time, and only the first. */
static int begin_bind(struct unix_sock *u)
{
    mutex_lock(&u->lock);
    bool bound = atomic_load(&u->addr) || u->binding;
    if (!bound)
        u->binding = true;
    mutex_unlock(&u->lock);
    return bound ? -EINVAL : 0;
}

static void end_bind(struct unix_sock *u, struct unix_addr *addr)
{
    mutex_lock(&u->lock);
    atomic_store(&u->addr, addr);
    u->binding = false;
    mutex_unlock(&u->lock);
}

int unix_autobind(struct unix_sock *u)
{
    struct sock_state *s = sock_state_of(u->sock.file.arena);
    struct sock_addr empty = { .size = PATH_AT + 6, .family = AF_UNIX };
    struct unix_addr *addr;
    bool done = false;

    if (atomic_load(&u->addr) || begin_bind(u) < 0)
        return 0;
    int err = addr_create(u->sock.file.arena, &empty, &addr);
    if (err) {
        end_bind(u, NULL);
        return err;
    }
    mutex_lock(&s->lock);
    for (uint32_t i = 0; i < AUTO_NAMES && !done; i++) {
        char digits[8];
        snprintf(digits, sizeof digits, "%05x", s->next_auto++ % AUTO_NAMES);
        memcpy(addr->un.sun_path + 1, digits, 5);
        done = insert_locked(s, u, addr);
    }
    mutex_unlock(&s->lock);
    end_bind(u, done ? addr : NULL);
    if (!done)
        unix_addr_put(addr);
    return done ? 0 : -ENOSPC;
}

/* Why a bound socket gets no second name: a path that is there is the first complaint, as in Linux.
 */
static int refuse_second(const struct unix_addr *addr, const struct sock_addr *to,
                         const struct actor *who)
{
    char name[sizeof(struct sockaddr_un)];
    struct path at;

    if (is_abstract(addr))
        return -EINVAL;
    path_of(to, name);
    int err = walk(who, NULL, name, 0, &at);
    if (!err)
        path_put(&at);
    return err == 0 ? -EADDRINUSE : err == -ENOENT ? -EINVAL : err;
}

int unix_bind(struct socket *s, const struct sock_addr *to, const struct actor *who)
{
    struct unix_sock *u = unix_of(s);
    struct unix_addr *addr;

    if (to->size == PATH_AT && to->family == AF_UNIX)
        return unix_autobind(u);
    int err = check_addr(to);
    if (err)
        return err;
    err = addr_create(who->arena, to, &addr);
    if (err)
        return err;
    if (begin_bind(u) < 0) {
        err = refuse_second(addr, to, who);
    } else {
        err = is_abstract(addr) ? bind_abstract(u, addr) : bind_path(u, to, addr, who);
        end_bind(u, err ? NULL : addr);
    }
    if (err)
        unix_addr_put(addr);
    return err;
}

void unix_unbind(struct unix_sock *u)
{
    struct sock_state *s = sock_state_of(u->sock.file.arena);
    struct unix_addr *addr = atomic_load(&u->addr);

    if (!addr)
        return;
    if (is_abstract(addr)) {
        mutex_lock(&s->lock);
        if (addr->sock == u) {
            htab_remove(&s->names, &addr->node);
            addr->sock = NULL;
        }
        mutex_unlock(&s->lock);
        return;
    }
    mutex_lock(&addr->inode->lock);
    if (addr->inode->bound == u)
        addr->inode->bound = NULL;
    mutex_unlock(&addr->inode->lock);
}

/* ---- find ---- */

static int find_abstract(struct arena *a, const struct sock_addr *addr, int type,
                         struct unix_sock **out)
{
    struct sock_state *s = sock_state_of(a);

    mutex_lock(&s->lock);
    struct unix_addr *found =
        lookup_locked(s, (const struct sockaddr_un *)addr->bytes, addr->size, type);
    if (found)
        *out = unix_get(found->sock);
    mutex_unlock(&s->lock);
    return found ? 0 : -ECONNREFUSED;
}

static int find_inode(struct inode *inode, int type, const struct actor *who,
                      struct unix_sock **out)
{
    int err = inode_permission(inode, MAY_WRITE, who);

    if (err)
        return err;
    if (!inode_is(inode, S_IFSOCK))
        return -ECONNREFUSED;
    mutex_lock(&inode->lock);
    struct unix_sock *u = inode->bound;
    if (u)
        unix_get(u);
    mutex_unlock(&inode->lock);
    if (!u)
        return -ECONNREFUSED;
    if (u->sock.type != type) {
        unix_put(u);
        return -EPROTOTYPE;
    }
    *out = u;
    return 0;
}

int unix_find(struct arena *a, const struct sock_addr *addr, int type, const struct actor *who,
              struct unix_sock **out)
{
    char name[sizeof(struct sockaddr_un)];
    struct path at;
    int err = check_addr(addr);

    if (err)
        return err;
    if (addr->bytes[PATH_AT] == '\0')
        return find_abstract(a, addr, type, out);
    path_of(addr, name);
    err = walk(who, NULL, name, WALK_FOLLOW, &at);
    if (err)
        return err;
    err = find_inode(dentry_inode(at.dentry), type, who, out);
    path_put(&at);
    return err;
}

/* ---- tell ---- */

void unix_copy_name(struct unix_sock *u, struct sock_addr *out)
{
    const struct unix_addr *addr = atomic_load(&u->addr);

    out->size = 0;
    if (!addr)
        return;
    memcpy(out->bytes, &addr->un, addr->size);
    out->size = addr->size;
}

static struct unix_sock *get_peer(struct unix_sock *u)
{
    mutex_lock(&u->lock);
    struct unix_sock *peer = u->peer ? unix_get(u->peer) : NULL;
    mutex_unlock(&u->lock);
    return peer;
}

int unix_getname(struct socket *s, bool peer, struct sock_addr *out)
{
    struct unix_sock *u = peer ? get_peer(unix_of(s)) : unix_get(unix_of(s));

    if (!u)
        return -ENOTCONN;
    unix_copy_name(u, out);
    if (out->size == 0) {
        out->family = AF_UNIX;
        out->size = PATH_AT;
    }
    unix_put(u);
    return 0;
}
