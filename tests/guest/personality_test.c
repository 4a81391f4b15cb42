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

int main(int argc, char **argv)
{
    unsigned long bits;

    if (argc < 2)
        return guest_main();
    bits = strtoul(argv[1], NULL, 16);
    return program(bits);
}
