/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three steps of load.h. load_find() does all that may still be answered with
 * an errno; what fails in load_image() after the address space is made is, in
 * Linux, behind the point of no return.
 */
#include "sentry/load/load.h"

#include <string.h>
#include <sys/personality.h>

#include "sentry/load/elf_map.h"
#include "sentry/load/image.h"
#include "sentry/load/script.h"
#include "sentry/mm/patch.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/walk.h"

/*
 * Opens what is to be executed.
 *
 *   errors    EACCES where it is no regular file, may not be executed, or lies on a noexec mount;
 *             ELOOP where it is a link; ETXTBSY where it is open for writing
 *   out       nobody can open it for writing until close_program()
 */
static int open_program(const struct actor *who, const struct path *base, const char *name,
                        unsigned flags, struct file **out)
{
    struct path at;
    int err = walk(who, base, name, flags, &at);

    if (err)
        return err;
    struct inode *inode = dentry_inode(at.dentry);
    if (!inode)
        err = -ENOENT;
    else if (inode_is(inode, S_IFLNK)) /* AT_SYMLINK_NOFOLLOW */
        err = -ELOOP;
    else if (!inode_is(inode, S_IFREG) || (mount_flags(at.mnt) & MS_NOEXEC))
        err = -EACCES;
    else
        err = inode_permission(inode, MAY_EXEC, who);
    if (!err)
        err = inode_deny_write(inode);
    if (!err) {
        /* The right to read is not asked for: a program may be executable and no more. */
        err = inode->ops->open ? inode->ops->open(inode, &at, O_RDONLY, who, out) : -EACCES;
        if (err)
            inode_allow_write(inode);
    }
    path_put(&at);
    return err;
}

/* Lets go of what open_program() gave. NULL is fine. */
static void close_program(struct file *file)
{
    if (file)
        inode_allow_write(file->inode);
    file_put(file);
}

/* Replaces what is to run. `file` is taken. */
static void set_file(struct load *l, struct file *file)
{
    close_program(l->file);
    l->file = file;
    if (inode_permission(file->inode, MAY_READ, l->ask.who))
        l->unreadable = true;
}

/* The first bytes of a file, with zeroes behind a short one. */
static int read_head(struct file *f, char head[LOAD_HEAD])
{
    uint64_t pos = 0;
    struct io io;

    memset(head, 0, LOAD_HEAD);
    io_kernel(&io, head, LOAD_HEAD);
    while (io.left && f->ops->read) {
        ssize_t n = f->ops->read(f, &io, &pos);
        if (n <= 0)
            return (int)n;
    }
    return 0;
}

/* execve(2): interpreter, its argument, the script's name, and what came behind the first. */
static int follow_script(struct load *l, const struct script *s, char name[PATH_MAX])
{
    struct file *file;

    if (l->ask.hidden)
        return -ENOENT;
    load_args_drop_first(&l->args);
    int err = load_args_prepend(&l->args, name);
    if (!err && s->argument)
        err = load_args_prepend(&l->args, s->argument);
    if (!err)
        err = load_args_prepend(&l->args, s->interpreter);
    if (!err)
        err = open_program(l->ask.who, NULL, s->interpreter, WALK_FOLLOW, &file);
    if (err)
        return err;
    set_file(l, file);
    strcpy(name, s->interpreter); /* shorter than LOAD_HEAD */
    return 0;
}

/* Goes from script to script until a file is none. */
static int follow_scripts(struct load *l, char head[LOAD_HEAD])
{
    char name[PATH_MAX];

    if (strlen(l->ask.filename) >= sizeof name)
        return -ENAMETOOLONG;
    strcpy(name, l->ask.filename);
    for (int depth = 0;; depth++) {
        struct script script;
        int err = read_head(l->file, head);
        if (err)
            return err;
        if (elf_is_elf(head, LOAD_HEAD))
            return depth > LOAD_SCRIPTS_MAX ? -ELOOP : 0;
        err = script_parse(head, LOAD_HEAD, &script);
        if (err)
            return err;
        if (depth > LOAD_SCRIPTS_MAX)
            return -ELOOP;
        err = follow_script(l, &script, name);
        if (err)
            return err;
    }
}

/* Opens PT_INTERP and reads its headers. */
static int find_interpreter(struct load *l)
{
    const Elf64_Phdr *p = elf_find(&l->program, PT_INTERP);
    char name[PATH_MAX], head[LOAD_HEAD];

    if (!p)
        return 0;
    if (p->p_filesz < 2 || p->p_filesz > sizeof name)
        return -ENOEXEC;
    int err = elf_read_at(l->file, p->p_offset, name, p->p_filesz);
    if (err)
        return err;
    if (name[p->p_filesz - 1])
        return -ENOEXEC;
    err = open_program(l->ask.who, NULL, name, WALK_FOLLOW, &l->interpreter_file);
    if (err)
        return err;
    if (inode_permission(l->interpreter_file->inode, MAY_READ, l->ask.who))
        l->unreadable = true;
    if (!l->interpreter_file->ops->map)
        return -ELIBBAD;
    err = elf_read_at(l->interpreter_file, 0, head, sizeof(Elf64_Ehdr));
    if (err)
        return err;
    return elf_read(l->interpreter_file, head, sizeof(Elf64_Ehdr), -ELIBBAD, -ELIBBAD,
                    &l->interpreter);
}

static int take_strings(struct load *l)
{
    const struct load_request *r = &l->ask;
    struct arena *a = r->who->arena;

    if (r->from)
        return load_args_from_guest(&l->args, a, r->who->limits, r->filename, r->from, r->argv,
                                    r->envp);
    return load_args_from_sentry(&l->args, a, r->who->limits, r->filename, r->own_argv,
                                 r->own_envp);
}

int load_find(struct load *l, const struct load_request *ask)
{
    char head[LOAD_HEAD];
    struct file *file;

    *l = (struct load){ .ask = *ask };
    int err = open_program(ask->who, ask->base, ask->name, ask->walk, &file);
    if (err)
        return err;
    set_file(l, file);
    err = take_strings(l);
    if (!err)
        err = follow_scripts(l, head);
    if (!err && !l->file->ops->map)
        err = -ENOEXEC;
    if (!err)
        err = elf_read(l->file, head, sizeof head, -ENOEXEC, -ENOEXEC, &l->program);
    if (!err)
        err = find_interpreter(l);
    return err;
}

#define NO_NEW_PRIVS (UINT64_C(1) << 63) /* beside capabilities, of which there are 41 */

/*
 * Whose other programs it shares patches with: nobody's, where it has rights of its own, or
 * where it may be locked up, and could do others of its user no harm.
 */
static uint32_t owner_of(const struct cred *c, const struct load_ids *ids)
{
    bool special = c->euid != 0 && c->cap_permitted;

    return ids->secure || special || c->user_ns->parent ? PATCH_ALONE : c->euid;
}

int load_image(struct load *l, const struct load_ids *ids)
{
    const struct actor *who = l->ask.who;
    const struct cred *c = who->cred;
    uint32_t uid = owner_of(c, ids);
    const struct aspace_owner owner = {
        .ids = (uint64_t)c->euid << 32 | c->egid,
        .rights = c->cap_permitted | (c->no_new_privs ? NO_NEW_PRIVS : 0),
        .user_ns = c->user_ns->ino,
        .mnt_ns = who->fs ? mnt_ns_ino(fs_context_mnt_ns(who->fs)) : 0,
        .pid_ns = l->ask.pid_ns,
    };

    int err = mm_create(who->arena, (struct limits *)who->limits,
                        uid == PATCH_ALONE ? NULL : &owner, l->ask.seed, &l->mm);
    if (err)
        return err;
    patch_set_owner(l->mm, uid);
    l->fatal = true;
    err = image_build(l, ids);
    if (!err)
        l->fatal = false;
    return err;
}

void load_end(struct load *l)
{
    load_args_destroy(&l->args);
    close_program(l->interpreter_file);
    close_program(l->file);
    mm_put(l->mm);
    l->interpreter_file = l->file = NULL;
    l->mm = NULL;
}

void load_comm(const struct load_request *ask, char out[16])
{
    const char *slash = strrchr(ask->filename, '/');

    memset(out, 0, 16);
    strncpy(out, slash ? slash + 1 : ask->filename, 15);
}
