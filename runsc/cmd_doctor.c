/* SPDX-License-Identifier: Apache-2.0 */
/* runsc doctor: what this host allows, and what follows from it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc/cmd.h"
#include "runsc/namespaces.h"
#include "runsc/sandbox.h"

static void say(bool good, const char *what, const char *detail)
{
    printf("  %s  %-18s %s\n", good ? "yes" : " no", what, detail);
}

/* The first line of a file, "" where there is none. */
static const char *first_line(const char *path, char *buf, size_t size)
{
    FILE *f = fopen(path, "re");

    buf[0] = 0;
    if (f && fgets(buf, (int)size, f))
        buf[strcspn(buf, "\n")] = 0;
    if (f)
        fclose(f);
    return buf;
}

static bool check_namespaces(void)
{
    int err = namespaces_probe();
    char text[200], limit[32];

    if (err == 0) {
        say(true, "namespaces", "user, mount, pid, net, ipc, uts and cgroup, without privilege");
        return true;
    }
    first_line("/proc/sys/user/max_user_namespaces", limit, sizeof limit);
    snprintf(text, sizeof text,
             "%s; needed. Allow user namespaces here (user.max_user_namespaces is %s; in a "
             "container, its seccomp profile may forbid them)",
             strerror(-err), limit[0] ? limit : "unknown");
    say(false, "namespaces", text);
    return false;
}

static bool check_seccomp(void)
{
    unsigned action = SECCOMP_RET_KILL_PROCESS;
    bool ok = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;

    say(ok, "seccomp", ok ? "filters that kill the process" : "needed: CONFIG_SECCOMP_FILTER");
    return ok;
}

static void check_landlock(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    char text[96];

    snprintf(text, sizeof text,
             abi > 0 ? "version %ld: a second wall around the gofer"
                     : "not needed; the gofer does without its second wall",
             abi);
    say(abi > 0, "landlock", text);
}

static void check_kvm(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    say(fd >= 0, "kvm",
        fd >= 0 ? "/dev/kvm opens; this build has no kvm platform yet" : strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* The sentry itself knows whether a platform works: it tries. */
static bool check_platform(struct err *e)
{
    char program[PATH_MAX];
    int status = -1;

    if (sandbox_program("runsc-sentry", program, sizeof program, e))
        return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, "--probe", NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, &status, 0);
    return status == 0;
}

int cmd_doctor(char *const argv[], struct err *e)
{
    struct utsname u;
    char text[160];

    if (argv[1]) {
        printf(
            "usage: runsc doctor\n\nSays what this host allows, and which platform will be "
            "used and why.\n");
        return strcmp(argv[1], "--help") == 0 ? 0 : EXIT_OURS;
    }
    uname(&u);
    printf("%s %s, %ld processors, user %u\n", u.sysname, u.release, sysconf(_SC_NPROCESSORS_ONLN),
           geteuid());
    bool ok = check_namespaces();
    ok &= check_seccomp();
    check_landlock();
    check_kvm();
    first_line("/proc/sys/kernel/yama/ptrace_scope", text, sizeof text);
    if (text[0] && text[0] > '1')
        printf("   no  yama               ptrace_scope is %s: platform ptrace needs 0 or 1\n",
               text);
    ok &= check_platform(e);
    printf("%s\n",
           ok ? "sandboxes work here" : "sandboxes do not work here: see the lines marked no");
    return ok ? 0 : 1;
}
