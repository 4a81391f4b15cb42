/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --timeout=90s */
/* ends: 0 124 137 */
/*
 * Directories deeper than any path is long, links in circles, names at their limit, a tree
 * that is moved into itself, everything renamed while others walk through it.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "lib.h"

static void deep(void *arg)
{
    char here[4096];

    (void)arg;
    for (int i = 0; i < effort(3000); i++)
        if (mkdir("d", 0700) || chdir("d"))
            break;
    (void)!getcwd(here, sizeof here);
    (void)!open("../../../../../../f", O_CREAT | O_WRONLY, 0600);
    char *up = malloc(9000);
    up[0] = 0;
    for (int i = 0; i < 1365; i++)
        strcat(up, "../");
    (void)!chdir(up);
    (void)!getcwd(here, sizeof here);
    free(up);
}

static void links(void *arg)
{
    char name[300], to[4096];

    (void)arg;
    (void)!symlink("loop", "loop");
    (void)!symlink("b", "a"), (void)!symlink("a", "b");
    (void)!open("loop", O_RDONLY);
    (void)!open("a/b/c", O_RDONLY);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "l%d", i + 1);
        snprintf(to, sizeof to, "l%d/l%d/l%d", i, i, i); /* three times as long to walk each time */
        (void)!symlink(i ? to : ".", name);
    }
    (void)!open("l60", O_RDONLY);
    memset(to, 'x', 4095), to[4095] = 0;
    (void)!symlink(to, "long");
    (void)!open("long", O_RDONLY);
    memset(to, '/', 4095);
    (void)!open(to, O_RDONLY);
    memset(name, 'n', 256), name[256] = 0;
    (void)!mkdir(name, 0700);
    name[255] = 0;
    (void)!mkdir(name, 0700);
    for (int i = 0; i < 256; i++) {
        char odd[] = { 'o', (char)i, 0 };
        close(open(odd, O_CREAT | O_WRONLY, 0600));
    }
    for (int i = 0; i < 70000; i++) {
        snprintf(name, sizeof name, "hard%d", i);
        if (link("o1", name))
            break;
        unlink(name);
    }
}

static volatile bool over;

static void *walk(void *arg)
{
    struct dice d = { (uint64_t)(uintptr_t)arg };
    char a[32], b[32];

    while (!over) {
        snprintf(a, sizeof a, "r%d/r%d", (int)(roll(&d) % 4), (int)(roll(&d) % 4));
        snprintf(b, sizeof b, "r%d/r%d/x", (int)(roll(&d) % 4), (int)(roll(&d) % 4));
        switch (roll(&d) % 10) {
        case 0:
            rename(a, b);
            break;
        case 1:
            rename(b, a);
            break;
        case 2:
            mkdir(a, 0700);
            break;
        case 3:
            mkdir(b, 0700);
            break;
        case 4:
            rmdir(roll(&d) % 2 ? a : b);
            break;
        case 5:
            close(open(b, O_CREAT | O_RDWR, 0600));
            break;
        case 6:
            unlink(b);
            break;
        case 7:
            syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* EXCHANGE */);
            break;
        case 8: {
            DIR *dir = opendir(a);
            while (dir && readdir(dir))
                ;
            if (dir)
                closedir(dir);
            break;
        }
        default:
            (void)!symlink("../r1", b);
            break;
        }
    }
    return NULL;
}

static void renames(void *arg)
{
    pthread_t t[4];
    char name[8];

    (void)arg;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "r%d", i);
        mkdir(name, 0700);
    }
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, walk, (void *)(uintptr_t)(i + 1));
    sleep_ms(effort(1500));
    over = true;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}

static void wide(void *arg)
{
    char name[32];
    DIR *dir;

    (void)arg;
    mkdir("wide", 0700);
    for (int i = 0; i < effort(20000); i++) {
        snprintf(name, sizeof name, "wide/%d", i);
        if (mknod(name, S_IFREG | 0600, 0))
            break;
        if (i % 100 == 0 && (dir = opendir("wide"))) {
            seekdir(dir, (long)i * 1234567);
            for (int j = 0; j < 20; j++)
                readdir(dir);
            closedir(dir);
        }
    }
}

static void in_proc(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3000; i++) {
        char path[64];
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        snprintf(path, sizeof path, "/proc/%d/task/%d/root/proc/self/cwd", pid, pid);
        if (chdir(path) == 0)
            (void)!chdir("/tmp");
        int fd = open(path, O_PATH);
        waitpid(pid, NULL, 0);
        (void)!openat(fd, "..", O_RDONLY);
        close(fd);
    }
}

int main(void)
{
    void (*const attacks[])(void *) = { deep, links, renames, wide, in_proc };

    if (mkdir("/tmp/trees", 0700) || chdir("/tmp/trees"))
        return 1;
    for (size_t i = 0; i < COUNT(attacks); i++)
        in_child(attacks[i], NULL, 15000);
    /* The current directory of somebody is removed, with what is above it. */
    if (mkdir("gone", 0700) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0) {
        char here[64];
        (void)!getcwd(here, sizeof here);
        (void)!open("f", O_CREAT | O_WRONLY, 0600);
        (void)!chdir("..");
    }
    puts("survived");
    return 0;
}
