/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of files: a directory of their own, and somebody without rights. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/guest/child.h"

#define NOBODY 54321u /* an id without rights */

static char files_dir[64];

static inline int files_remove(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (type == FTW_DNR)
        chmod(name, 0700);
    return remove(name), 0;
}

/* Every test begins in the same empty directory, which all may change. */
static inline void files_start(void)
{
    strcpy(files_dir, "/tmp/files.XXXXXX");
    umask(022);
    if (!mkdtemp(files_dir) || chmod(files_dir, 0777) || chdir(files_dir)) {
        perror(files_dir);
        exit(2);
    }
}

static inline void files_stop(void)
{
    if (chdir("/") == 0)
        nftw(files_dir, files_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file with that text. */
static inline void put(const char *name, const char *text)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd)) {
        perror(name);
        exit(2);
    }
}

/* Does the file have that text? */
static inline bool has(const char *name, const char *text)
{
    char buf[4096];
    int fd = open(name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

static inline bool exists(const char *name)
{
    struct stat st;

    return lstat(name, &st) == 0;
}

static inline struct stat stat_of(const char *name)
{
    struct stat st;

    if (lstat(name, &st)) {
        perror(name);
        exit(2);
    }
    return st;
}

/* Gives root's rights up, in a child. */
static inline int become_nobody(void)
{
    if (geteuid() != 0)
        return 0;
    return setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) ? -1 : 0;
}

/* An address where nothing is mapped, and of which the compiler thinks nothing. */
__attribute__((unused)) static void *volatile nowhere = (void *)8;
#define NOWHERE nowhere

/* A name of `n` characters. */
static inline const char *long_name(size_t n)
{
    static char name[5000];

    memset(name, 'x', n);
    name[n] = '\0';
    return name;
}

#define FILES_MAIN                  \
    int main(void)                  \
    {                               \
        files_start();              \
        int failed_ = guest_main(); \
        files_stop();               \
        return failed_;             \
    }
