/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=100 --timeout=120s --user=0 */
/* ends: 0 124 137 */
/*
 * Every file of /proc, /sys and /dev is read at odd places with odd sizes, written with
 * rubbish, mapped, polled, asked by ioctl; as root, while the processes it tells of come and go.
 */
#include <dirent.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "lib.h"

static struct dice d = { 11 };
static int left;

static void poke(const char *path)
{
    static const char *const rubbish[] = { "",   "0",    "1", "-1",     "999999999999999999999",
                                           "\n", "%s%n", "/", "a b c d" };
    char b[4096];
    int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY)) < 0)
        return;
    for (int i = 0; i < 4; i++) {
        (void)!read(fd, b, 1 + roll(&d) % sizeof b);
        (void)!pread(fd, b, roll(&d) % 100, (off_t)(roll(&d) % 100000));
        (void)!pread(fd, b, 100, (off_t)roll(&d));
        (void)!pread(fd, (void *)0x1000, 100, 0);
        lseek(fd, (off_t)(roll(&d) % 1000), SEEK_SET);
    }
    for (size_t i = 0; i < COUNT(rubbish); i++)
        (void)!pwrite(fd, rubbish[i], strlen(rubbish[i]), i % 2 ? 0 : (off_t)roll(&d) % 100);
    memset(b, 'z', sizeof b);
    (void)!write(fd, b, sizeof b);
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        munmap(p, 4096);
    poll(&(struct pollfd){ .fd = fd, .events = -1 & 0x3f }, 1, 0);
    for (int i = 0; i < 4; i++)
        ioctl(fd, 0x5400 + roll(&d) % 0x80, b);
    (void)!ftruncate(fd, 100);
    fchmod(fd, 0777);
    fchown(fd, 0, 0);
    close(fd);
    truncate(path, 0);
    rename(path, "/tmp/taken");
    unlink(path);
}

static void walk(const char *dir, int depth)
{
    DIR *at = opendir(dir);
    struct dirent *e;
    char path[4096];

    if (!at)
        return;
    rmdir(dir);
    while (left > 0 && (e = readdir(at))) {
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strstr(e->d_name, "sysrq"))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path ||
            lstat(path, &st))
            continue;
        left--;
        if (S_ISDIR(st.st_mode) && depth < 8)
            walk(path, depth + 1);
        else if (!S_ISLNK(st.st_mode) || roll(&d) % 4 == 0)
            poke(path);
    }
    closedir(at);
}

static void attack(void *arg)
{
    left = 1500;
    walk(arg, 0);
}

/* Processes that come and go, to be looked at. */
static void crowd(void)
{
    for (;;) {
        if (fork() == 0) {
            sleep_ms((long)(roll(&d) % 10));
            if (roll(&d) % 3 == 0)
                execl("/bin/true", "true", NULL);
            _exit(0);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        sleep_ms(3);
    }
}

int main(void)
{
    static const char *const places[] = { "/proc/self", "/proc",           "/sys",
                                          "/dev",       "/proc/self/task", "/proc/self/fd" };
    pid_t pid = fork();

    if (pid == 0)
        crowd();
    for (size_t i = 0; i < COUNT(places); i++)
        in_child(attack, (void *)places[i], 12000);
    kill(pid, SIGKILL);
    puts("survived");
    return 0;
}
