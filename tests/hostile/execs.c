/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=100 --timeout=90s */
/* ends: 0 124 137 */
/*
 * exec(2) as fast as it goes, from many threads at once, and of programs that are broken
 * in a thousand ways: this one with bytes of its headers changed by the dice.
 */
#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#include "lib.h"

static char *image;
static size_t size;

static void load_self(void)
{
    int fd = open("/proc/self/exe", O_RDONLY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st))
        _exit(1);
    size = (size_t)st.st_size;
    image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
}

static void run_image(const char *name, size_t len)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0700);

    if (fd < 0 || write(fd, image, len) < 0)
        return;
    close(fd);
    execl(name, name, "quiet", NULL);
}

static uint64_t odd(struct dice *d)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       0xff,
                                       0x1000,
                                       0x7fffffff,
                                       0xffffffff,
                                       0x7ffffffff000,
                                       0x800000000000,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       -1ul,
                                       -4096ul };
    return roll(d) % 2 ? values[roll(d) % COUNT(values)] : roll(d);
}

/* One to four fields of the ELF header or a program header get other values. */
static void broken(void *arg)
{
    struct dice d = { (uint64_t) * (int *)arg * 77 };
    Elf64_Ehdr *e = (Elf64_Ehdr *)image;
    char name[32];

    for (uint64_t n = 1 + roll(&d) % 4; n; n--) {
        Elf64_Phdr *p = (Elf64_Phdr *)(image + sizeof *e) + roll(&d) % 8;

        switch (roll(&d) % 14) {
        case 0:
            image[roll(&d) % 64] = (char)roll(&d);
            break;
        case 1:
            e->e_phoff = odd(&d);
            break;
        case 2:
            e->e_phnum = (uint16_t)odd(&d);
            break;
        case 3:
            e->e_phentsize = (uint16_t)odd(&d);
            break;
        case 4:
            e->e_entry = odd(&d);
            break;
        case 5:
            p->p_type = (uint32_t)(roll(&d) % 2 ? PT_LOAD : PT_INTERP);
            break;
        case 6:
            p->p_offset = odd(&d);
            break;
        case 7:
            p->p_vaddr = odd(&d);
            break;
        case 8:
            p->p_filesz = odd(&d);
            break;
        case 9:
            p->p_memsz = odd(&d);
            break;
        case 10:
            p->p_align = odd(&d);
            break;
        case 11:
            p->p_flags = (uint32_t)odd(&d);
            break;
        case 12:
            e->e_type = (uint16_t)(roll(&d) % 2 ? ET_DYN : ET_EXEC);
            break;
        default:
            p->p_type = (uint32_t)odd(&d);
            break;
        }
    }
    snprintf(name, sizeof name, "/tmp/x%d", *(int *)arg % 16);
    run_image(name, roll(&d) % 4 ? size : roll(&d) % size);
}

static void scripts(void *arg)
{
    static const char *const texts[] = {
        "#!",
        "#!\n",
        "#! \n",
        "#!/\n",
        "#!/tmp/s\n",
        "#!/bin/sh\0\n",
        "#!/proc/self/exe\n",
        "#!nothing here\n",
        "#!\t/bin/true  \t x\n",
        "\x7f"
        "ELF",
        "\x7f"
        "ELF\x02\x01\x01",
        "",
        "\n",
        "#!/dev/null\n",
        "#!/dev/zero\n",
        "#!/proc/self/mem\n",
    };
    const char *text = texts[*(int *)arg % COUNT(texts)];
    int fd = open("/tmp/s", O_CREAT | O_TRUNC | O_WRONLY, 0700);

    (void)!write(fd, text, strlen(text));
    close(fd);
    execl("/tmp/s", "s", NULL);
    char line[70000];
    memset(line, 'a', sizeof line);
    memcpy(line, "#!/", 3);
    fd = open("/tmp/s", O_TRUNC | O_WRONLY);
    (void)!write(fd, line, sizeof line);
    close(fd);
    execl("/tmp/s", "s", NULL);
}

/* Exec again and again, each time with an empty or a full set of descriptors. */
static void chain(int left)
{
    char n[16];

    if (left <= 0)
        _exit(0);
    snprintf(n, sizeof n, "%d", left - 1);
    for (int i = 0; i < 10; i++)
        (void)!open("/dev/null", O_RDONLY | (i % 2 ? O_CLOEXEC : 0));
    if (left % 2)
        syscall(SYS_close_range, 3, ~0u, 0);
    execl("/proc/self/exe", "chain", n, NULL);
}

static void start_chain(void *arg)
{
    (void)arg;
    chain(effort(100));
}

static _Noreturn void *exec_too(void *arg)
{
    (void)arg;
    for (;;) {
        execl("/proc/self/exe", "quiet", "quiet", NULL);
        execl("/no/such", "x", NULL);
    }
}

static void all_at_once(void *arg)
{
    pthread_t t;

    (void)arg;
    for (int i = 0; i < 8; i++)
        pthread_create(&t, NULL, exec_too, NULL);
    sleep_ms(1000);
}

static _Noreturn void *fork_too(void *arg)
{
    (void)arg;
    for (;;) {
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
}

static int leaves(void *arg)
{
    for (volatile int spin = *(int *)arg; spin > 0; spin--)
        ;
    syscall(SYS_exit, 0);
    return 0;
}

/* A table of handlers that another process shares, while one thread forks and the other execs. */
static void shared_handlers(void *arg)
{
    static char stack[4][16384];
    int spin = *(int *)arg * 50;
    pthread_t t;

    pthread_create(&t, NULL, fork_too, NULL);
    pthread_create(&t, NULL, fork_too, NULL);
    for (size_t i = 0; i < COUNT(stack); i++)
        clone(leaves, stack[i] + sizeof stack[i], CLONE_VM | CLONE_SIGHAND | SIGCHLD, &spin);
    execl("/proc/self/exe", "quiet", "quiet", NULL);
}

/* The program's file changes, shrinks and goes away while it is loaded. */
static void changing(void *arg)
{
    int fd = open("/tmp/c", O_CREAT | O_RDWR, 0700);

    (void)arg;
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();

        if (pid == 0)
            run_image("/tmp/c", size);
        (void)!ftruncate(fd, i % 2 ? 0 : (off_t)size / 2);
        if (i % 8 == 0)
            unlink("/tmp/c");
        kill(pid, i % 3 ? SIGKILL : SIGCONT);
        waitpid(pid, NULL, 0);
    }
}

int main(int argc, char *argv[])
{
    if (argc > 1 && strcmp(argv[1], "quiet") == 0)
        return 0;
    if (argc > 1)
        chain(atoi(argv[1]));
    load_self();
    for (int i = 0; i < effort(150); i++)
        in_child(broken, &i, 300);
    for (int i = 0; i < 16; i++)
        in_child(scripts, &i, 1000);
    in_child(start_chain, NULL, 20000);
    for (int i = 0; i < 10; i++)
        in_child(all_at_once, NULL, 2000);
    for (int i = 0; i < effort(100); i++)
        in_child(shared_handlers, &i, 1000);
    in_child(changing, NULL, 5000);
    puts("survived");
    return 0;
}
