/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays the first stack out, from the top down:
 *
 *     top - 8          a null pointer
 *                      the filename (AT_EXECFN)
 *                      the environment's strings
 *                      the arguments' strings
 *                      a random gap, then 16-byte alignment
 *                      "x86_64" (AT_PLATFORM), 16 random bytes (AT_RANDOM)
 *                      the auxiliary vector
 *                      envp[], NULL
 *                      argv[], NULL
 *     sp, aligned 16   argc
 */
#include "sentry/load/stack.h"

#include <cpuid.h>
#include <string.h>
#include <sys/auxv.h>

#include "sentry/core/rng.h"

#define PLATFORM        "x86_64"
#define RANDOM_SIZE     16
#define CLOCK_TICKS     100
#define HWCAP2_FSGSBASE 2

/* The highest addresses first, while they are handed out. */
struct cursor {
    uint64_t at;
};

static uint64_t take(struct cursor *c, uint64_t size)
{
    c->at -= size;
    return c->at;
}

static size_t pointer_count(const struct load_args *args)
{
    return 1 + args->argc + 1 + args->envc + 1; /* argc, argv[], envp[] */
}

size_t stack_size(const struct load_args *args, uint64_t skip)
{
    return sizeof(uint64_t) + args->filename_size + args->size + skip + 16 + sizeof PLATFORM +
           RANDOM_SIZE + 2 * AUXV_MAX * sizeof(uint64_t) + pointer_count(args) * sizeof(uint64_t) +
           16;
}

static void add_pair(struct stack_image *s, uint64_t type, uint64_t value)
{
    size_t at = s->auxv_size / sizeof(uint64_t);

    assert(at + 2 <= ARRAY_LEN(s->auxv));
    s->auxv[at] = type;
    s->auxv[at + 1] = value;
    s->auxv_size += 2 * sizeof(uint64_t);
}

/* CPUID.1:EDX. Not getauxval(AT_HWCAP): libc keeps something else there. */
static uint64_t cpu_features(void)
{
    uint32_t eax, ebx, ecx, edx;

    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) ? edx : 0;
}

/* The order is Linux's: some programs print it. */
static void build_auxv(struct stack_image *s, const struct load_ids *ids,
                       const struct stack_facts *f, uint64_t filename, uint64_t platform,
                       uint64_t random)
{
    if (f->vdso)
        add_pair(s, AT_SYSINFO_EHDR, f->vdso);
    /* The host's processor is the guest's: its features and the size of its state. */
    add_pair(s, AT_MINSIGSTKSZ, getauxval(AT_MINSIGSTKSZ));
    add_pair(s, AT_HWCAP, cpu_features());
    add_pair(s, AT_PAGESZ, PAGE_SIZE);
    add_pair(s, AT_CLKTCK, CLOCK_TICKS);
    add_pair(s, AT_PHDR, f->headers);
    add_pair(s, AT_PHENT, sizeof(Elf64_Phdr));
    add_pair(s, AT_PHNUM, f->header_count);
    add_pair(s, AT_BASE, f->interpreter_base);
    add_pair(s, AT_FLAGS, 0);
    add_pair(s, AT_ENTRY, f->entry);
    add_pair(s, AT_UID, ids->uid);
    add_pair(s, AT_EUID, ids->euid);
    add_pair(s, AT_GID, ids->gid);
    add_pair(s, AT_EGID, ids->egid);
    add_pair(s, AT_SECURE, ids->secure);
    add_pair(s, AT_RANDOM, random);
    add_pair(s, AT_HWCAP2, f->no_fsgsbase ? 0 : getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE);
    add_pair(s, AT_EXECFN, filename);
    add_pair(s, AT_PLATFORM, platform);
    add_pair(s, AT_NULL, 0);
}

/* Writes pointers to `count` strings that lie behind each other at `bytes`, which is `va`. */
static const char *point_at_strings(uint64_t **pointers, uint32_t count, const char *bytes,
                                    uint64_t va)
{
    const char *at = bytes;

    for (uint32_t i = 0; i < count; i++) {
        *(*pointers)++ = va + (uint64_t)(at - bytes);
        at += strlen(at) + 1;
    }
    *(*pointers)++ = 0;
    return at;
}

int stack_build(struct stack_image *s, struct arena *a, const struct load_args *args,
                const char *filename, const struct load_ids *ids, const struct stack_facts *facts,
                uint64_t top, uint64_t skip)
{
    struct cursor c = { top - sizeof(uint64_t) };

    *s = (struct stack_image){ 0 };
    uint64_t filename_at = take(&c, args->filename_size);
    uint64_t strings_at = take(&c, args->size);
    s->arg_start = strings_at;
    s->arg_end = s->env_start = strings_at + args->args_size;
    s->env_end = filename_at;
    c.at = (c.at - skip) & ~UINT64_C(15);
    uint64_t platform_at = take(&c, sizeof PLATFORM), random_at = take(&c, RANDOM_SIZE);
    build_auxv(s, ids, facts, filename_at, platform_at, random_at);

    size_t pointers_size = pointer_count(args) * sizeof(uint64_t);
    s->sp = (c.at - s->auxv_size - pointers_size) & ~UINT64_C(15);
    s->size = top - s->sp;
    s->bytes = arena_alloc(a, s->size);
    if (!s->bytes)
        return -ENOMEM;

    uint64_t *pointers = (uint64_t *)s->bytes;
    *pointers++ = args->argc;
    const char *env = point_at_strings(&pointers, args->argc, args->bytes, strings_at);
    point_at_strings(&pointers, args->envc, env, s->env_start);
    memcpy(pointers, s->auxv, s->auxv_size);
    rng_fill(a, s->bytes + (random_at - s->sp), RANDOM_SIZE);
    memcpy(s->bytes + (platform_at - s->sp), PLATFORM, sizeof PLATFORM);
    memcpy(s->bytes + (strings_at - s->sp), args->bytes, args->size);
    memcpy(s->bytes + (filename_at - s->sp), filename, args->filename_size);
    return 0;
}

void stack_image_destroy(struct stack_image *s)
{
    arena_free(s->bytes);
    s->bytes = NULL;
}
