/* SPDX-License-Identifier: Apache-2.0 */
/* personality(2): what its bits change for the caller, and for the program that it executes. */
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "tests/guest/child.h"

#define PERSONA_NOW 0xffffffff

static int linux32(void)
{
    struct utsname name;

    REQUIRE(personality(PER_LINUX32) == PER_LINUX);
    REQUIRE(personality(PERSONA_NOW) == PER_LINUX32);
    REQUIRE(uname(&name) == 0 && strcmp(name.machine, "i686") == 0);
    return 0;
}

TEST(another_kind_of_machine)
{
    CHECK_EQ(personality(PERSONA_NOW), PER_LINUX);
    CHECK_CHILD(linux32);
}

/* ---- programs that are executed with one ---- */

static const char *persona; /* hexadecimal */

static int exec_program(void)
{
    char *argv[] = { "personality_test", (char *)persona, NULL };
    char *envp[] = { NULL };

    REQUIRE(personality(strtoul(persona, NULL, 16)) == PER_LINUX);
    execve("/proc/self/exe", argv, envp);
    return 99;
}

/* It runs like any other: its clock is read through the vDSO, which has a place of its own. */
static int program(unsigned long kept)
{
    const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
    struct timespec now = { 0, 0 };
    char *heap = sbrk(4096);

    REQUIRE(personality(PERSONA_NOW) == (int)kept);
    REQUIRE(vdso && memcmp(vdso, ELFMAG, SELFMAG) == 0);
    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_sec + now.tv_nsec > 0);
    REQUIRE(heap != (char *)-1);
    heap[0] = 1;
    return 0;
}

/* And it goes, with all its memory, without harm to anybody. */
static bool runs_with(const char *bits)
{
    persona = bits;
    for (int i = 0; i < 3; i++)
        if (!child_ok(exec_program))
            return false;
    return true;
}

TEST(a_program_at_places_that_are_not_random)
{
    CHECK(runs_with("40000")); /* ADDR_NO_RANDOMIZE */
}

TEST(a_program_that_wants_a_page_at_address_zero)
{
    CHECK(runs_with("100000")); /* MMAP_PAGE_ZERO */
}

TEST(programs_with_other_bits)
{
    CHECK(runs_with("0"));
    CHECK(runs_with("200000"));  /* ADDR_COMPAT_LAYOUT */
    CHECK(runs_with("4000000")); /* STICKY_TIMEOUTS */
}

/* ---- READ_IMPLIES_EXEC ---- */

/* The line of /proc/self/maps that an address is in begins its rights with these. */
static bool has_rights(const void *at, const char *rights)
{
    unsigned long start, end;
    char line[512], seen[8];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");

    while (f && !found && fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx %7s", &start, &end, seen) == 3)
            found = start <= (unsigned long)at && (unsigned long)at < end &&
                    strncmp(seen, rights, strlen(rights)) == 0;
    if (f)
        fclose(f);
    return found;
}

static int what_is_read_is_run(void)
{
    int fd = memfd_create("x", 0);
    char *anon, *file, *none;

    REQUIRE(personality(READ_IMPLIES_EXEC) == PER_LINUX);
    anon = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(anon != MAP_FAILED && has_rights(anon, "rwx"));
    none = mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(none != MAP_FAILED && has_rights(none, "-w-"));
    REQUIRE(mprotect(none, 4096, PROT_READ) == 0 && has_rights(none, "r-x"));
    REQUIRE(mprotect(none, 4096, PROT_NONE) == 0 && has_rights(none, "---"));
    REQUIRE(ftruncate(fd, 4096) == 0);
    file = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    REQUIRE(file != MAP_FAILED);
    anon[0] = (char)0xc3; /* ret */
    ((void (*)(void))anon)();
    return 0;
}

TEST(what_can_be_read_can_be_run)
{
    CHECK_CHILD(what_is_read_is_run);
}

/* A heap is memory of the same kind. */
static int heap_is_run(void)
{
    char *top = (char *)(((uintptr_t)sbrk(0) + 4095) & ~4095ul);

    REQUIRE(personality(READ_IMPLIES_EXEC) == PER_LINUX);
    REQUIRE(brk(top + 8192) == 0);
    REQUIRE(has_rights(top + 4096, "rwx"));
    return 0;
}

TEST(a_heap_too)
{
    CHECK_CHILD(heap_is_run);
}

/* On a mount whose files cannot be run it changes nothing. */
static int noexec_stays(void)
{
    int fd = open("/dev/shm/personality_test", O_RDWR | O_CREAT, 0600);

    REQUIRE(personality(READ_IMPLIES_EXEC) == PER_LINUX);
    if (fd < 0)
        return 0;
    unlink("/dev/shm/personality_test");
    REQUIRE(ftruncate(fd, 4096) == 0);
    char *may = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    char *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    REQUIRE(at != MAP_FAILED && has_rights(at, may == MAP_FAILED ? "r--" : "r-x"));
    REQUIRE(mprotect(at, 4096, PROT_READ | PROT_WRITE) == 0);
    REQUIRE(has_rights(at, may == MAP_FAILED ? "rw-" : "rwx"));
    return 0;
}

TEST(but_not_what_may_not_be)
{
    CHECK_CHILD(noexec_stays);
}

TEST(a_program_of_64_bits_does_not_inherit_it)
{
    CHECK(runs_with("400000"));
}

int main(int argc, char **argv)
{
    unsigned long bits;

    if (argc < 2)
        return guest_main();
    bits = strtoul(argv[1], NULL, 16);
    return program(bits & ~(unsigned long)READ_IMPLIES_EXEC);
}
