/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/create.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runsc/anchor.h"
#include "runsc/cgroup.h"
#include "runsc/cgroup_devices.h"
#include "runsc/console.h"
#include "runsc/hooks.h"
#include "runsc/oci_view.h"
#include "runsc/pid_file.h"
#include "runsc/pod.h"
#include "runsc/stdio.h"
#include "runsc/systemd.h"
#include "runsc/terminal.h"

/* Everything that a create gathers. */
struct making {
    const struct create_request *r;
    struct container *c;
    struct oci_spec spec;
    struct sandbox_options o;
    struct view view;
    char *rootfs;
    json_t *cgroups;
    pid_t scope_holder; /* in systemd's scope until the anchor is; 0: none */
    const char *pod;    /* the id of its pod's sandbox, which may be itself; NULL: none */
    struct anchor anchor;
};

/* ---- what is wanted ---- */

/* In a user namespace of the caller's, its map is what the guest is shown: as with runc. */
static void inherit_map(const char *file, struct option_id_range **map, size_t *n)
{
    struct option_id_range r;
    FILE *f = fopen(file, "re");

    *map = calloc(OPTIONS_RANGES_MAX, sizeof **map);
    if (!*map)
        abort();
    while (f && *n < OPTIONS_RANGES_MAX &&
           fscanf(f, "%u %u %u", &r.inside, &r.outside, &r.count) == 3)
        (*map)[(*n)++] = r;
    if (f)
        fclose(f);
}

static void inherit_maps(struct making *m)
{
    struct oci_spec *s = &m->spec;

    if (s->ns[NS_USER].wanted)
        return;
    free(s->uid_map);
    free(s->gid_map);
    inherit_map("/proc/self/uid_map", &s->uid_map, &s->nuid_map);
    inherit_map("/proc/self/gid_map", &s->gid_map, &s->ngid_map);
}

static int read_bundle(struct making *m, struct err *e)
{
    char path[PATH_MAX];

    m->c->bundle = realpath(m->r->bundle ?: ".", NULL);
    if (!m->c->bundle)
        return err_set(e, -errno, "--bundle %s: %s", m->r->bundle ?: ".", strerror(errno));
    if (snprintf(path, sizeof path, "%s/config.json", m->c->bundle) >= (int)sizeof path)
        return err_set(e, -ENAMETOOLONG, "--bundle %s: is too long", m->c->bundle);
    int err = oci_read(path, &m->spec, e);
    if (!err && !m->spec.has_process)
        err = err_set(e, -EINVAL, "config.json: process: is not there");
    if (!err && (!m->spec.process.argv || !m->spec.process.argv[0]))
        err = err_set(e, -EINVAL, "config.json: process.args: must not be empty");
    if (!err)
        err = oci_view(&m->spec, m->c->bundle, &m->view, &m->rootfs, e);
    if (!err) {
        inherit_maps(m);
        err = oci_options(&m->spec, &m->o, e);
    }
    return err;
}

static int choose_stdio(struct making *m, int own_terminal, struct err *e)
{
    const struct oci_process *p = &m->spec.process;
    int err = 0;

    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        m->o.fds[i] = -1;
    for (unsigned i = 0; i < m->r->preserved; i++)
        m->o.fds[OPTION_FD_EXTRA + i] = 3 + (int)i;
    if (p->terminal && m->r->console_socket)
        err = console_make(m->r->console_socket, p->rows, p->cols, &m->o.fds[OPTION_FD_CONSOLE], e);
    else if (p->terminal && own_terminal >= 0)
        m->o.fds[OPTION_FD_CONSOLE] = own_terminal;
    else if (p->terminal)
        err = err_set(e, -EINVAL,
                      "cannot allocate tty if runc will detach without setting console socket");
    for (int fd = 0; fd < 3 && !p->terminal; fd++)
        m->o.fds[OPTION_FD_STDIN + fd] = stdio_take(fd);
    if (!p->terminal && m->r->console_socket)
        err = err_set(e, -EINVAL,
                      "cannot use console socket if runc will not detach or allocate "
                      "tty");
    struct terminal t = { .fd = m->o.fds[OPTION_FD_CONSOLE] };
    if (!err && t.fd >= 0 && !p->rows)
        terminal_size(&t, &m->o.rows, &m->o.cols);
    return err;
}

/* ---- what is made ---- */

/* The socket that peers connect to: for us alone, and for root. */
static int make_control(struct making *m, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    mode_t mask = umask(077);
    char path[64];

    container_path(m->c, "control", path);
    unlink(path);
    strcpy(at.sun_path, path);
    int err = fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64) ? -errno : 0;
    umask(mask);
    if (err && fd >= 0)
        close(fd);
    m->anchor.control = err ? -1 : fd;
    return err ? err_set(e, err, "cannot make a socket in %s: %s", m->c->root, strerror(-err)) : 0;
}

static int save(struct making *m, enum container_stage stage, struct err *e)
{
    json_t *extra =
        json_pack("{s:s, s:O, s:O, s:s}", "rootfs", m->rootfs, "cgroups", m->cgroups, "annotations",
                  m->spec.annotations ?: json_null(), "pod", m->pod ?: "");

    if (!m->spec.annotations)
        json_object_del(extra, "annotations");
    m->c->stage = stage;
    m->c->pid = m->anchor.pid;
    m->c->born = process_born(m->anchor.pid);
    return container_save(m->c, extra, e);
}

/* Its path below the mount points. Without a systemd that answers the directories are made all the
 * same. */
static int make_scope(struct making *m, char *path, size_t size, struct err *e)
{
    char manager[PATH_MAX] = "";
    struct scope scope;
    int err = scope_parse(m->spec.cgroups_path, m->c->id, !command_is_real_root(), &scope, e);

    if (!err)
        err = scope_start(&scope, &m->spec.resources, cgroup_host_is_v2(), manager, sizeof manager,
                          &m->scope_holder, e);
    if (err == -ENOTCONN) {
        report_warning("%s; its directories are made without it", e->text);
        err = e->code = 0;
    }
    return err ? err : scope_path(&scope, manager, path, size, e);
}

static int make_cgroups(struct making *m, struct err *e)
{
    char where[PATH_MAX];
    int err;

    if (m->r->c.systemd_cgroup) {
        err = make_scope(m, where, sizeof where, e);
    } else {
        char *root = m->r->c.root ? realpath(m->r->c.root, NULL) : NULL;
        err = cgroup_choose(m->spec.cgroups_path, m->c->id, root, where, sizeof where, e);
        free(root);
    }
    if (!err)
        err = cgroup_create(where, m->scope_holder, &m->cgroups, e);
    if (!err)
        err = cgroup_limit(m->cgroups, &m->spec.resources, e);
    return err ? err : cgroup_devices(m->cgroups, &m->spec.resources, e);
}

static int run_hooks(struct making *m, struct err *e)
{
    const pid_t pid = m->anchor.pid;
    int err = hooks_run(&m->spec, HOOK_PRESTART, m->c, "created", 0, e);

    if (!err)
        err = hooks_run(&m->spec, HOOK_CREATE_RUNTIME, m->c, "creating", 0, e);
    return err ? err : hooks_run(&m->spec, HOOK_CREATE_CONTAINER, m->c, "creating", pid, e);
}

/* Where it is to live: in its pod's sentry, or in one of its own. */
static void choose_sentry(struct making *m)
{
    const char *root = command_root(&m->r->c);

    m->o.pod = pod_is_sandbox(&m->spec);
    m->pod = m->o.pod ? m->c->id : pod_sandbox(&m->spec, root);
    if (!m->pod || m->o.pod)
        return;
    m->anchor.join = pod_join(root, m->pod);
    if (m->anchor.join < 0)
        m->pod = NULL;
    else
        cgroup_doors(m->cgroups, &m->o.fds[OPTION_FD_CGROUP], OPTION_CGROUPS);
}

static int make_process(struct making *m, struct err *e)
{
    struct anchor *a = &m->anchor;
    char path[64];

    choose_sentry(m);
    container_path(m->c, "log", path);
    a->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    a->rootfs = m->rootfs;
    int err = anchor_spawn(a, e);
    for (unsigned i = OPTION_FD_CGROUP; i < OPTION_FD_CGROUP_END; i++)
        if (m->o.fds[i] >= 0)
            close(m->o.fds[i]);
    if (err)
        return err;
    cgroup_enter(m->cgroups, a->pid);
    scope_release(&m->scope_holder);
    err = anchor_settle(a, e);
    if (!err)
        err = save(m, STAGE_CREATING, e);
    if (!err)
        err = run_hooks(m, e);
    if (!err)
        err = anchor_begin(a, e);
    if (!err)
        cgroup_enter_pids(m->cgroups, a->pid);
    return err;
}

static int make(struct making *m, int own_terminal, struct err *e)
{
    int err = read_bundle(m, e);

    if (!err)
        err = container_save_config(m->c, m->spec.json, e);
    if (!err)
        err = make_control(m, e);
    if (!err)
        err = make_cgroups(m, e);
    if (!err)
        err = choose_stdio(m, own_terminal, e);
    if (!err)
        err = make_process(m, e);
    if (!err)
        err = save(m, STAGE_CREATED, e);
    if (!err && m->r->pid_file)
        err = pid_file_write(m->r->pid_file, m->anchor.pid, e);
    return err;
}

/* Hooks that tidy up run also after what did not come to be. */
static void unmake(struct making *m)
{
    struct err ignored;

    anchor_kill(&m->anchor);
    scope_release(&m->scope_holder);
    if (m->c->json)
        (void)!hooks_run(&m->spec, HOOK_POSTSTOP, m->c, "stopped", 0, &ignored);
    cgroup_remove(m->cgroups);
    container_remove(m->c);
}

int container_make(const struct create_request *r, int own_terminal, struct container *out,
                   struct err *e)
{
    struct making *m = calloc(1, sizeof *m);
    int err = container_create(command_root(&r->c), r->id, out, e);

    if (!m)
        abort();
    if (!err) {
        m->r = r;
        m->c = out;
        m->o.platform = r->c.platform ?: "auto";
        m->o.hold = true;
        m->o.log_level = r->c.report.debug ? 3 : 1;
        m->anchor = (struct anchor){ .spec = &m->spec,
                                     .options = &m->o,
                                     .view = &m->view,
                                     .control = -1,
                                     .log = -1,
                                     .join = -1,
                                     .sync = -1 };
        err = make(m, own_terminal, e);
        if (err)
            unmake(m);
        for (int fd = 0; fd < 2; fd++)
            if ((fd ? m->anchor.log : m->anchor.control) >= 0)
                close(fd ? m->anchor.log : m->anchor.control);
        if (m->spec.process.terminal && r->console_socket && m->o.fds[OPTION_FD_CONSOLE] >= 0)
            close(m->o.fds[OPTION_FD_CONSOLE]);
    }
    json_decref(m->cgroups);
    view_free(&m->view);
    free(m->rootfs);
    oci_free(&m->spec);
    free(m);
    return err;
}
