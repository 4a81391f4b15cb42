/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2) of scripts: the #! line, and the arguments that come of it */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib.h"

static char dir[64], self[4096];
extern char **environ;

/* Where the program finds itself called by a name that begins so, it prints its arguments. */
static void print_arguments(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("[%s]", argv[i]);
    fflush(stdout);
    _exit(0);
}

static const char *path(const char *name)
{
    static char at[2][4200];
    static int n;

    n = !n;
    snprintf(at[n], sizeof at[n], "%s/%s", dir, name);
    return at[n];
}

static void write_script(const char *name, const void *text, size_t size)
{
    int fd = open(path(name), O_CREAT | O_TRUNC | O_WRONLY, 0755);

    if (write(fd, text, size) != (ssize_t)size)
        _exit(1);
    close(fd);
}

/* The output of name's run, or "errno N". */
static const char *run_with(const char *file, char *const argv[])
{
    static char out[9000];
    int p[2], status;
    size_t n = 0;
    ssize_t got;

    if (pipe(p))
        return "no pipe";
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 1);
        close(p[0]);
        close(p[1]);
        execve(file, argv, environ);
        printf("errno %d", errno);
        fflush(stdout);
        _exit(1);
    }
    close(p[1]);
    while ((got = read(p[0], out + n, sizeof out - 1 - n)) > 0)
        n += (size_t)got;
    close(p[0]);
    waitpid(pid, &status, 0);
    out[n] = '\0';
    return out;
}

static const char *run(const char *name)
{
    char *argv[] = { "zero", "one", "two words", NULL };

    return run_with(path(name), argv);
}

/* Makes a script of `line`, in which %s is the interpreter, and runs it. */
static const char *run_line(const char *line, const char *interpreter)
{
    char text[8192];
    int n = snprintf(text, sizeof text, line, interpreter);

    write_script("s", text, (size_t)n);
    return run("s");
}

static bool is(const char *out, const char *format, const char *a, const char *b)
{
    char want[9000];

    snprintf(want, sizeof want, format, a, b);
    if (strcmp(out, want))
        fprintf(stderr, "# it is %s, not %s\n", out, want);
    return strcmp(out, want) == 0;
}

TEST(where_to_work)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    CHECK(n > 0);
    strcpy(dir, "/tmp/script.XXXXXX");
    CHECK(mkdtemp(dir));
    CHECK(symlink(self, path("args")) == 0);
}

TEST(interpreter_argument_and_name)
{
    const char *args = strdup(path("args")), *s = strdup(path("s"));

    CHECK(is(run_line("#!%s\n", args), "[%s][%s][one][two words]", args, s));
    CHECK(is(run_line("#! \t%s  \n", args), "[%s][%s][one][two words]", args, s));
    CHECK(is(run_line("#!%s -x\n", args), "[%s][-x][%s][one][two words]", args, s));
    CHECK(is(run_line("#!%s \t a  b c \t \nrest\n", args), "[%s][a  b c][%s][one][two words]", args,
             s));
    CHECK(is(run_line("#!%s", args), "[%s][%s][one][two words]", args, s));
    CHECK(is(run_line("#!%s -x", args), "[%s][-x][%s][one][two words]", args, s));
    CHECK(is(run_line("#!%s ", args), "[%s][][%s][one][two words]", args, s));
}

TEST(lines_that_are_none)
{
    CHECK(is(run_line("#!\n", ""), "errno %s%s", "8", ""));
    CHECK(is(run_line("#!  \n", ""), "errno %s%s", "8", ""));
    CHECK(is(run_line("#!/does/not/exist\n", ""), "errno %s%s", "2", ""));
    CHECK(is(run_line("#!/tmp\n", ""), "errno %s%s", "13", ""));
    CHECK(is(run_line("# !/bin/sh\n", ""), "errno %s%s", "8", ""));
    CHECK(is(run_line("", ""), "errno %s%s", "8", ""));
}

/* Linux looks at 256 bytes of a file, the last of which it needs for itself. */
TEST(a_long_line)
{
    char line[600];

    memset(line, 'x', sizeof line);
    memcpy(line, "#!/", 3);
    write_script("s", line, 255);
    CHECK(is(run("s"), "errno %s%s", "2", ""));
    write_script("s", line, sizeof line);
    CHECK(is(run("s"), "errno %s%s", "8", ""));
    memset(line, ' ', sizeof line);
    memcpy(line, "#!", 2);
    write_script("s", line, sizeof line);
    CHECK(is(run("s"), "errno %s%s", "8", ""));

    /* An argument may be cut. */
    const char *args = strdup(path("args")), *s = strdup(path("s"));
    size_t n = (size_t)snprintf(line, sizeof line, "#!%s ", args);
    memset(line + n, 'y', sizeof line - n);
    write_script("s", line, sizeof line);
    char cut[256] = "";
    memset(cut, 'y', 255 - n);
    char want[700];
    snprintf(want, sizeof want, "[%s][%s][%s][one][two words]", args, cut, s);
    CHECK(strcmp(run("s"), want) == 0);
}

TEST(scripts_of_scripts)
{
    char line[256], name[8], want[2048];
    const char *args = strdup(path("args"));

    /* s1 is run by args, s2 by s1, … */
    for (int i = 1; i <= 7; i++) {
        snprintf(name, sizeof name, "s%d", i);
        char before[4200];
        snprintf(before, sizeof before, "%s/s%d", dir, i - 1);
        int n = snprintf(line, sizeof line, "#!%s a%d\n", i == 1 ? args : before, i);
        write_script(name, line, (size_t)n);
    }
    snprintf(want, sizeof want, "[%s][a1][%s/s1][a2][%s/s2][one][two words]", args, dir, dir);
    CHECK(strcmp(run("s2"), want) == 0);
    CHECK(strncmp(run("s5"), "[", 1) == 0);
    CHECK(strcmp(run("s6"), "errno 40") == 0);
}

TEST(no_right_to_execute)
{
    write_script("s", "#!/bin/sh\n", 10);
    CHECK(chmod(path("s"), 0644) == 0);
    CHECK(is(run("s"), "errno %s%s", "13", ""));
    CHECK(unlink(path("s")) == 0);
}

TEST(an_empty_argv_gets_one_argument)
{
    char *const none[] = { NULL };
    const char *args = strdup(path("args")), *s = strdup(path("s"));
    char line[256];

    int n = snprintf(line, sizeof line, "#!%s\n", args);
    write_script("s", line, (size_t)n);
    CHECK(is(run_with(s, none), "[%s][%s]", args, s));
}

TEST(a_script_by_descriptor)
{
    char *argv[] = { "zero", "one", NULL };
    char line[256], want[300];
    const char *args = strdup(path("args"));
    int status, p[2];

    int n = snprintf(line, sizeof line, "#!%s\n", args);
    write_script("s", line, (size_t)n);
    int fd = open(path("s"), O_RDONLY);
    CHECK(fd >= 0);
    for (int i = 0; i < 2; i++) {
        char out[512] = "";
        CHECK(pipe(p) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(p[1], 1);
            if (i)
                fcntl(fd, F_SETFD, FD_CLOEXEC);
            syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
            printf("errno %d", errno);
            fflush(stdout);
            _exit(1);
        }
        close(p[1]);
        waitpid(pid, &status, 0);
        CHECK(read(p[0], out, sizeof out - 1) > 0);
        close(p[0]);
        snprintf(want, sizeof want, "[%s][/dev/fd/%d][one]", args, fd);
        CHECK(strcmp(out, i ? "errno 2" : want) == 0);
    }
    close(fd);
}

TEST(clean_up)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK(system(command) == 0);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');

    if (slash && strcmp(slash, "/args") == 0)
        print_arguments(argc, argv);
    return guest_main();
}
