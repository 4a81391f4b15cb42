/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites that were used often, and then the code goes: other code comes to the same
 * addresses, with calls a few bytes beside those that were there. What a platform has kept of
 * the old sites must not show. covers: munmap, mmap, mremap, mprotect
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/guest/lib.h"

#define PAGE  4096u
#define OFTEN 100 /* calls after which a site has surely been replaced, if ever */

/* Two programs, of a page each. What they do at these places: */
#define CALL_A 0x400u /* the first: getpid() */
#define READ   0x600u /*            read(fd, buf, 1) */
#define CALL_B 0x3feu /* the second: getppid(), whose call ends where that of CALL_A begins */
#define CALL_C 0x800u /*             getpid() */
#define BEHIND 0x604u /*             where the first one's read() comes back: gives 2 */

static char first[PAGE], second[PAGE];
static char *text; /* where one of them is */

static void put(char *page, unsigned at, const char *bytes, size_t size)
{
    memcpy(page + at, bytes, size);
}

static void make_programs(void)
{
    memset(first, 0x90, PAGE);
    memset(second, 0x90, PAGE);
    /* mov $39,%eax; syscall; ret */
    put(first, CALL_A, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
    put(second, CALL_C, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
    /* mov $110,%eax; syscall; ret; nop; and where CALL_A has its ret: push $-1; pop %rax; ret */
    put(second, CALL_B, "\xb8\x6e\0\0\0\x0f\x05\xc3\x90\x6a\xff\x58\xc3", 13);
    /* xor %eax,%eax; syscall; mov %rax,%rdx; mov %rdx,%rax; ret */
    put(first, READ, "\x31\xc0\x0f\x05\x48\x89\xc2\x48\x89\xd0\xc3", 11);
    /* push $2; pop %rax; ret; and where read() has its ret: ret */
    put(second, BEHIND, "\x6a\x02\x58\xc3\x90\x90\xc3", 7);
}

/* Maps a program as text of a file, at `at` or anywhere. */
static char *map_program(const char *program, char *at)
{
    char path[] = "/tmp/call_sites_gone_XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, program, PAGE) != PAGE)
        return MAP_FAILED;
    unlink(path);
    at = mmap(at, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | (at ? MAP_FIXED : 0), fd, 0);
    close(fd);
    return at;
}

static long run(const char *at)
{
    return ((long (*)(void))(uintptr_t)at)();
}

/* Runs what is at `at` often. True: it always gave the same. */
static bool gives(const char *at, long expected)
{
    for (int i = 0; i < OFTEN; i++) {
        if (run(at) != expected)
            return false;
    }
    return true;
}

static bool start_first(void)
{
    make_programs();
    text = map_program(first, NULL);
    return text != MAP_FAILED && gives(text + CALL_A, getpid());
}

/* One site first, so that its page has one of its own when the other is looked at. */
static bool second_is_all_right(void)
{
    return gives(text + CALL_C, getpid()) && gives(text + CALL_B, getppid());
}

TEST(unmapped_and_mapped)
{
    CHECK(start_first());
    CHECK_EQ(munmap(text, PAGE), 0);
    CHECK(map_program(second, text) == text);
    CHECK(second_is_all_right());
    munmap(text, PAGE);
}

TEST(mapped_over)
{
    CHECK(start_first());
    CHECK(map_program(second, text) == text);
    CHECK(second_is_all_right());
    munmap(text, PAGE);
}

TEST(moved_away)
{
    CHECK(start_first());
    char *away = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(away != MAP_FAILED);
    CHECK(mremap(text, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away) == away);
    CHECK(gives(away + CALL_A, getpid()));
    CHECK(map_program(second, text) == text);
    CHECK(second_is_all_right());
    CHECK(gives(away + CALL_A, getpid()));
    munmap(away, PAGE);
    munmap(text, PAGE);
}

TEST(moved_over)
{
    CHECK(start_first());
    char *other = map_program(second, NULL);
    CHECK(other != MAP_FAILED);
    CHECK(gives(other + CALL_C, getpid()));
    CHECK(mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, text) == text);
    CHECK(second_is_all_right());
    munmap(text, PAGE);
}

TEST(written_to)
{
    CHECK(start_first());
    CHECK_EQ(mprotect(text, PAGE, PROT_READ | PROT_WRITE), 0);
    memcpy(text, second, PAGE);
    CHECK_EQ(mprotect(text, PAGE, PROT_READ | PROT_EXEC), 0);
    CHECK(second_is_all_right());
    CHECK_EQ(madvise(text, PAGE, MADV_DONTNEED), 0);
    CHECK(gives(text + CALL_A, getpid()));
    munmap(text, PAGE);
}

TEST(gone_in_a_child)
{
    int status;

    CHECK(start_first());
    CHECK_EQ(madvise(text, PAGE, MADV_DONTFORK), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(map_program(second, text) == text && second_is_all_right() ? 0 : 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK(gives(text + CALL_A, getpid()));
    munmap(text, PAGE);
}

/* ---- with others about ---- */

static int ends[2];

static long read_there(void)
{
    char c;

    return ((long (*)(int, void *, size_t))(uintptr_t)(text + READ))(ends[0], &c, 1);
}

static void *read_once(void *arg)
{
    (void)arg;
    return (void *)read_there();
}

/* Its code goes while a thread waits in a call that it made there: it is in what has come. */
static void changed_meanwhile(bool (*change)(void))
{
    pthread_t t;
    void *got;

    CHECK(start_first());
    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < OFTEN; i++) {
        CHECK_EQ(write(ends[1], "x", 1), 1);
        CHECK_EQ(read_there(), 1);
    }
    CHECK_EQ(pthread_create(&t, NULL, read_once, NULL), 0);
    usleep(50000);
    CHECK(change());
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(pthread_join(t, &got), 0);
    CHECK_EQ((intptr_t)got, 2);
    close(ends[0]);
    close(ends[1]);
    munmap(text, PAGE);
}

static bool map_second(void)
{
    return map_program(second, text) == text;
}

static bool write_second(void)
{
    if (mprotect(text, PAGE, PROT_READ | PROT_WRITE))
        return false;
    memcpy(text, second, PAGE);
    return mprotect(text, PAGE, PROT_READ | PROT_EXEC) == 0;
}

TEST(mapped_over_while_a_thread_waits)
{
    changed_meanwhile(map_second);
}

TEST(written_to_while_a_thread_waits)
{
    changed_meanwhile(write_second);
}

static atomic_bool enough;

static void *call_others(void *arg)
{
    (void)arg;
    while (!enough)
        syscall(SYS_getuid);
    return NULL;
}

/* As libraries that are loaded and unloaded, by one thread of a few, which need others' sites. */
TEST(programs_come_and_go)
{
    pthread_t t;

    make_programs();
    enough = false;
    CHECK_EQ(pthread_create(&t, NULL, call_others, NULL), 0);
    char *at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    text = at;
    for (unsigned i = 0; i < 200; i++) {
        /* each with its calls elsewhere */
        unsigned shift = i * 7 % 64;
        char moved[PAGE];
        memset(moved, 0x90, PAGE);
        memcpy(moved + shift, i % 2 ? second : first, PAGE - shift);
        CHECK(map_program(moved, at) == at);
        if (i % 2) {
            CHECK(gives(at + shift + CALL_C, getpid()));
            CHECK(gives(at + shift + CALL_B, getppid()));
        } else {
            CHECK(gives(at + shift + CALL_A, getpid()));
        }
        if (i % 3 == 0)
            CHECK_EQ(munmap(at, PAGE), 0);
    }
    enough = true;
    pthread_join(t, NULL);
    munmap(at, PAGE);
}

MAIN
