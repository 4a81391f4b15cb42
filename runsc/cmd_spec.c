/* SPDX-License-Identifier: Apache-2.0 */
/* runsc spec: a config.json to begin with, the one of runc. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/oci.h"

struct request {
    struct command c;
    const char *bundle;
    bool rootless;
};

static int take_bundle(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct request *)into)->bundle = value;
    return 0;
}

static int take_rootless(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->rootless = true;
    return 0;
}

/* clang-format off */
static const struct flag flags[] = {
    { "bundle",   'b', "DIR", "where to write config.json (default: here)", take_bundle, false },
    { "rootless", 0,   NULL,  "for a user: with a user namespace that has the user's id", take_rootless, false },
    COMMAND_FLAGS
};

static const char text[] =
"{ 'ociVersion': '" OCI_VERSION "',"
"  'process': { 'terminal': true, 'user': { 'uid': 0, 'gid': 0 }, 'args': [ 'sh' ],"
"    'env': [ 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm' ],"
"    'cwd': '/',"
"    'capabilities': {"
"      'bounding': [ 'CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE' ],"
"      'effective': [ 'CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE' ],"
"      'permitted': [ 'CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE' ] },"
"    'rlimits': [ { 'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024 } ],"
"    'noNewPrivileges': true },"
"  'root': { 'path': 'rootfs', 'readonly': true },"
"  'hostname': 'runsc',"
"  'mounts': ["
"    { 'destination': '/proc', 'type': 'proc', 'source': 'proc' },"
"    { 'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs', 'options': [ 'nosuid', 'strictatime', 'mode=755', 'size=65536k' ] },"
"    { 'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts', 'options': [ 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5' ] },"
"    { 'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm', 'options': [ 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k' ] },"
"    { 'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue', 'options': [ 'nosuid', 'noexec', 'nodev' ] },"
"    { 'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': [ 'nosuid', 'noexec', 'nodev', 'ro' ] },"
"    { 'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': [ 'nosuid', 'noexec', 'nodev', 'relatime', 'ro' ] } ],"
"  'linux': {"
"    'resources': { 'devices': [ { 'allow': false, 'access': 'rwm' } ] },"
"    'namespaces': [ { 'type': 'pid' }, { 'type': 'network' }, { 'type': 'ipc' }, { 'type': 'uts' }, { 'type': 'mount' }, { 'type': 'cgroup' } ],"
"    'maskedPaths': [ '/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/sys/firmware', '/proc/scsi' ],"
"    'readonlyPaths': [ '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger' ] } }";
/* clang-format on */

/* The text above is JSON with the other quotes, so that it can be read. */
static json_t *template(void)
{
    char json[sizeof text];

    for (size_t i = 0; i < sizeof text; i++)
        json[i] = text[i] == '\'' ? '"' : text[i];
    return json_loads(json, 0, NULL);
}

/* As runc's --rootless: the caller is root inside, without networks or limits of his own. */
static void make_rootless(json_t *spec)
{
    json_t *linux_part = json_object_get(spec, "linux");
    json_t *spaces = json_object_get(linux_part, "namespaces");

    json_array_append_new(spaces, json_pack("{s:s}", "type", "user"));
    json_object_set_new(
        linux_part, "uidMappings",
        json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int)geteuid(), "size", 1));
    json_object_set_new(
        linux_part, "gidMappings",
        json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int)getegid(), "size", 1));
    json_object_del(linux_part, "resources");
}

int cmd_spec(char *const argv[], struct err *e)
{
    struct request r = { .bundle = "." };
    char path[4096];
    char *const *rest;
    int err =
        command_parse(flags, ARRAY_LEN(flags), argv, &r, "spec [--bundle DIR]", 0, 0, &rest, e);

    if (err > 0)
        return 0;
    if (err)
        return EXIT_FAILED;
    snprintf(path, sizeof path, "%s/config.json", r.bundle);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) {
        err_set(e, -EEXIST, "File %s exists. Remove it first", path);
        return EXIT_FAILED;
    }
    if (fd < 0) {
        err_set(e, -errno, "%s: %s", path, strerror(errno));
        return EXIT_FAILED;
    }
    json_t *spec = template();
    if (r.rootless)
        make_rootless(spec);
    err = json_dumpfd(spec, fd, JSON_INDENT(4)) || write(fd, "\n", 1) != 1 || close(fd);
    json_decref(spec);
    if (err)
        err_set(e, -EIO, "%s: cannot be written: %s", path, strerror(errno));
    return err ? EXIT_FAILED : 0;
}
