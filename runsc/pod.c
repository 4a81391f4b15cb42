/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/pod.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runsc/peer.h"
#include "runsc/report.h"

#define JOIN_MS 5000

/* ---- what the engine says ---- */

static const char *annotation(const struct oci_spec *s, const char *cri, const char *crio)
{
    const char *text = json_string_value(json_object_get(s->annotations, cri));

    return text ?: json_string_value(json_object_get(s->annotations, crio)) ?: "";
}

static bool is_called(const struct oci_spec *s, const char *type)
{
    return strcmp(annotation(s, "io.kubernetes.cri.container-type",
                             "io.kubernetes.cri-o.ContainerType"),
                  type) == 0;
}

bool pod_is_sandbox(const struct oci_spec *s)
{
    return is_called(s, "sandbox");
}

/* ---- what the host says ---- */

/* Is the namespace that it wants the one that process `pid` is in? */
static bool is_same(const struct oci_namespace *ns, const char *name, pid_t pid)
{
    struct stat want, has;
    char path[64];

    if (ns->wanted && !ns->path)
        return false;
    snprintf(path, sizeof path, "/proc/self/ns/%s", name);
    if (stat(ns->wanted ? ns->path : path, &want))
        return false;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    return stat(path, &has) == 0 && want.st_ino == has.st_ino && want.st_dev == has.st_dev;
}

/*
 * A sentry has one of each of these. Of the others (pid, uts, mount) it has as many as there
 * are; cgroup and time namespaces mean nothing in it.
 */
static bool fits(const struct oci_spec *s, pid_t pid)
{
    static const struct {
        enum oci_ns which;
        const char *name;
    } shared[] = {
        {NS_USER, "user"},
        { NS_NET, "net" },
        { NS_IPC, "ipc" },
    };

    for (size_t i = 0; i < ARRAY_LEN(shared); i++)
        if (!is_same(&s->ns[shared[i].which], shared[i].name, pid))
            return false;
    return true;
}

const char *pod_sandbox(const struct oci_spec *s, const char *root)
{
    const char *id = annotation(s, "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID");
    struct container c = { .dir = -1 };
    struct err ignored;

    if (!*id || !is_called(s, "container") || container_open(root, id, false, &c, &ignored)) {
        container_close(&c);
        return NULL;
    }
    enum container_status status = container_status(&c);
    bool joins = (status == STATUS_CREATED || status == STATUS_RUNNING) &&
                 strcmp(container_text(&c, "pod"), id) == 0 && fits(s, c.pid);
    container_close(&c);
    return joins ? id : NULL;
}

/* ---- joining ---- */

static int ask(int peer)
{
    struct control_msg m = { .kind = CONTROL_JOIN };
    int got = send(peer, &m, sizeof m, MSG_NOSIGNAL) == sizeof m ? -EINTR : 0;

    while (got == -EINTR)
        got = peer_receive(peer, JOIN_MS, &m);
    return got > 0 && m.kind == CONTROL_DONE ? 0 : -ECONNREFUSED;
}

int pod_join(const char *root, const char *sandbox)
{
    struct container c = { .dir = -1 };
    struct err e = { .code = 0 };
    int peer = -1;

    int err = container_open(root, sandbox, false, &c, &e);
    if (!err)
        err = peer_connect(&c, &peer, &e);
    if (!err && ask(peer)) {
        close(peer);
        peer = -1;
    }
    container_close(&c);
    if (peer < 0)
        report_warning("the sandbox %s takes no other container in: this one is on its own",
                       sandbox);
    return peer;
}
