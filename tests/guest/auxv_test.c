/* SPDX-License-Identifier: Apache-2.0 */
/* What a program finds on its first stack: getauxval(3), environ, and the vDSO. */
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib.h"

extern char **environ;

/* As the kernel wrote it; libc changes what getauxval() says of some. */
static unsigned long vector(unsigned long type)
{
    char **e = environ;

    while (*e)
        e++;
    for (const unsigned long *a = (const unsigned long *)(e + 1); *a != AT_NULL; a += 2)
        if (*a == type)
            return a[1];
    return 0;
}

static char **first_argv(void)
{
    char **p = environ;

    while ((uintptr_t)p[-1] > 4096 || p[-1] == NULL)
        p--;
    return p; /* behind argc */
}

TEST(ids_and_sizes)
{
    CHECK_EQ(getauxval(AT_PAGESZ), 4096);
    CHECK_EQ(getauxval(AT_CLKTCK), 100);
    CHECK_EQ(getauxval(AT_UID), getuid());
    CHECK_EQ(getauxval(AT_EUID), geteuid());
    CHECK_EQ(getauxval(AT_GID), getgid());
    CHECK_EQ(getauxval(AT_EGID), getegid());
    CHECK_EQ(getauxval(AT_SECURE), 0);
    CHECK_EQ(getauxval(AT_FLAGS), 0);
    CHECK(getauxval(AT_MINSIGSTKSZ) >= 2048);
    CHECK(vector(AT_HWCAP) & 1); /* CPUID.1:EDX: there is an FPU */
    CHECK(strcmp((char *)getauxval(AT_PLATFORM), "x86_64") == 0);
}

TEST(headers_of_the_program)
{
    const ElfW(Phdr) *p = (const void *)getauxval(AT_PHDR);

    CHECK_EQ(getauxval(AT_PHENT), sizeof *p);
    CHECK(getauxval(AT_PHNUM) > 0);
    CHECK(getauxval(AT_ENTRY) != 0);
    uintptr_t bias = 0, entry = getauxval(AT_ENTRY);
    bool found = false;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
        if (p[i].p_type == PT_PHDR)
            bias = (uintptr_t)p - p[i].p_vaddr;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
        found |= p[i].p_type == PT_LOAD && p[i].p_flags & PF_X && entry >= p[i].p_vaddr + bias &&
                 entry < p[i].p_vaddr + bias + p[i].p_memsz;
    CHECK(found);
}

TEST(random_bytes_are_random)
{
    const uint8_t *r = (const uint8_t *)getauxval(AT_RANDOM);
    int set = 0;

    for (int i = 0; i < 16; i++)
        set += __builtin_popcount(r[i]);
    CHECK(set > 20 && set < 108);
}

TEST(strings_stand_behind_each_other)
{
    char **argv = first_argv();
    char *at = argv[0];
    int n = 0;

    for (; argv[n]; n++) {
        CHECK(argv[n] == at);
        at += strlen(at) + 1;
    }
    for (char **e = environ; *e; e++) {
        CHECK(*e == at);
        at += strlen(at) + 1;
    }
    CHECK((char *)getauxval(AT_EXECFN) == at);
    at += strlen(at) + 1;
    CHECK_EQ(*(long *)at, 0);
    CHECK_EQ(((uintptr_t)at + 8) % 4096, 0);
    CHECK_EQ(((uintptr_t)argv - 8) % 16, 0);
}

TEST(the_vector_is_the_one_in_proc)
{
    char **e = environ;
    unsigned long shown[64];

    while (*e)
        e++;
    const unsigned long *own = (const unsigned long *)(e + 1);
    FILE *f = fopen("/proc/self/auxv", "r");
    CHECK(f);
    size_t n = fread(shown, sizeof(unsigned long), 64, f);
    fclose(f);
    CHECK(n > 10);
    for (size_t i = 0; own[i] != AT_NULL; i += 2)
        CHECK(own[i] == shown[i] && own[i + 1] == shown[i + 1]);
}

/* ---- the vDSO, read as a program reads it that has no libc ---- */

static const ElfW(Ehdr) * vdso;
static const ElfW(Sym) * symbols;
static const char *strings;
static const uint32_t *hash;

static bool find_tables(void)
{
    vdso = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (!vdso || memcmp(vdso->e_ident, ELFMAG, SELFMAG))
        return false;
    const ElfW(Phdr) *p = (const void *)((const char *)vdso + vdso->e_phoff);
    const ElfW(Dyn) *dyn = NULL;
    uintptr_t bias = 0;
    for (int i = 0; i < vdso->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD)
            bias = (uintptr_t)vdso + p[i].p_offset - p[i].p_vaddr;
        if (p[i].p_type == PT_DYNAMIC)
            dyn = (const void *)((const char *)vdso + p[i].p_offset);
    }
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const void *at = (const void *)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_SYMTAB)
            symbols = at;
        if (dyn->d_tag == DT_STRTAB)
            strings = at;
        if (dyn->d_tag == DT_HASH)
            hash = at;
    }
    return symbols && strings;
}

static void *find_symbol(const char *name)
{
    uint32_t count = hash ? hash[1] : 64;

    for (uint32_t i = 1; i < count; i++)
        if (strcmp(strings + symbols[i].st_name, name) == 0)
            return (void *)((uintptr_t)vdso + symbols[i].st_value);
    return NULL;
}

TEST(the_vdso_tells_the_time)
{
    CHECK(find_tables());
    long (*now)(clockid_t, struct timespec *) = find_symbol("__vdso_clock_gettime");
    long (*cpu)(unsigned *, unsigned *, void *) = find_symbol("__vdso_getcpu");
    CHECK(now && cpu && find_symbol("__vdso_gettimeofday") && find_symbol("__vdso_time"));
    struct timespec before, between, after;
    CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &before), 0);
    CHECK_EQ(now(CLOCK_MONOTONIC, &between), 0);
    CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after), 0);
    long b = before.tv_sec * 1000000000 + before.tv_nsec;
    long m = between.tv_sec * 1000000000 + between.tv_nsec;
    long a = after.tv_sec * 1000000000 + after.tv_nsec;
    CHECK(b <= m && m <= a);
    CHECK_EQ(now(77, &before), -EINVAL);
    unsigned c = 9999, node = 9999;
    CHECK_EQ(cpu(&c, &node, NULL), 0);
    CHECK(c < (unsigned)sysconf(_SC_NPROCESSORS_CONF) && node == 0);
}

MAIN
