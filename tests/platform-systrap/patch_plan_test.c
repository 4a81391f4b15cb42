/* SPDX-License-Identifier: Apache-2.0 */
/* Which call sites may be replaced, and which may not, on code as compilers make it. */
#include <criterion/criterion.h>
#include <string.h>

#include "platform-systrap/patch.h"

/* What is before a call in each test: plain code that gets every stream in step. */
#define BEFORE                                                                     \
    "\x55\x48\x89\xe5\x53\x48\x83\xec\x18\x48\x89\xfb\x48\x89\xf5\x49\x89\xd4\x90" \
    "\x48\x85\xff\x48\x8b\x7b\x10\x4c\x8d\x6c\x24\x08\x41\x89\xc6\x48\x89\xee\x48" \
    "\x89\xda\x4d\x89\xe2\x4c\x89\xe8\x48\x8b\x43\x20\x48\x01\xd8\x48\x89\x45\xf0" \
    "\x31\xc9\x45\x31\xc0\x48\x89\xdf\x90\x48\x89\xee\x48\x89\xc2\x48\x89\xd1\x90"
#define BEFORE_SIZE (sizeof BEFORE - 1)
#define AFTER       "\x48\x89\xc3\x48\x89\xd8\x5b\x5d\xc3\x90\x90\x90\x90\x90\x90\x90"

static uint8_t bytes[512];

/* A call among `code`, at `call` in it. */
static struct patch_text text_of(const char *code, size_t size, size_t call, uint64_t rax)
{
    struct patch_text t = { .bytes = bytes, .rax = rax };

    memcpy(bytes, BEFORE, BEFORE_SIZE);
    memcpy(bytes + BEFORE_SIZE, code, size);
    memcpy(bytes + BEFORE_SIZE + size, AFTER, sizeof AFTER - 1);
    t.size = BEFORE_SIZE + size + sizeof AFTER - 1;
    t.to = t.size;
    t.after = BEFORE_SIZE + call + 2;
    return t;
}

#define TEXT(code, call, rax) text_of(code, sizeof(code) - 1, call, rax)

static void expect(struct patch_text t, size_t call, size_t size, uint32_t starts)
{
    struct patch_site s;

    cr_assert(patch_plan(&t, &s));
    cr_expect_eq(s.call, call, "call at %d", s.call);
    cr_expect_eq(s.after, call + 2);
    cr_expect_eq(s.size, size, "size %d", s.size);
    cr_expect_eq(s.starts, starts, "starts %#x", s.starts);
    cr_expect_arr_eq(s.old, t.bytes + t.after - s.after, s.size);
}

static void refuse(struct patch_text t)
{
    struct patch_site s;

    cr_expect_not(patch_plan(&t, &s));
}

Test(plan, a_number_and_its_call)
{
    expect(TEXT("\xb8\x27\0\0\0\x0f\x05", 5, 39), 5, 7, 0x21);
}

Test(plan, a_number_that_is_not_the_calls_stays)
{
    /* The bytes of a mov to %r8d end like one to %eax. */
    expect(TEXT("\x41\xb8\x27\0\0\0\x0f\x05\x48\x3d\x01\xf0\xff\xff", 6, 39), 0, 8, 0x5);
    expect(TEXT("\xb8\x27\0\0\0\x0f\x05\x48\x3d\x01\xf0\xff\xff", 5, 40), 0, 8, 0x5);
    refuse(TEXT("\xb8\x27\0\0\0\x0f\x05\xe8\0\0\0\0", 5, 40));
}

Test(plan, a_number_inside_of_a_longer_instruction)
{
    /* movl $39,-0x48(%rbp): 7 bytes, moved as a whole */
    expect(TEXT("\xc7\x45\xb8\x27\0\0\0\x0f\x05", 7, 39), 7, 9, 0x81);
}

Test(plan, a_call_and_its_check)
{
    expect(TEXT("\x31\xc0\x0f\x05\x48\x3d\x00\xf0\xff\xff\x77\x10", 2, 0), 0, 8, 0x5);
    expect(TEXT("\x0f\x05\x3d\x00\xf0\xff\xff\x77\x10", 0, 0), 0, 7, 0x5);
}

Test(plan, several_small_instructions)
{
    /* syscall; mov %rax,%rbx; mov %rbx,%rax */
    expect(TEXT("\x90\x0f\x05\x48\x89\xc3\x48\x89\xd8", 1, 0), 0, 8, 0x25);
    /* mov %r11,8(%rsp); syscall; ret */
    expect(TEXT("\x4c\x89\x5c\x24\x08\x0f\x05\xc3", 5, 0), 5, 7, 0x21);
}

Test(plan, what_names_its_own_address_stays)
{
    refuse(TEXT("\x48\x8b\x05\x10\0\0\0\x0f\x05\x8b\x05\0\0\0\0", 7, 0)); /* (%rip) */
    refuse(TEXT("\xe8\x10\0\0\0\x0f\x05\xe9\0\0\0\0", 5, 0));
    refuse(TEXT("\xe8\x10\0\0\0\x0f\x05\x85\xc0\x78\x10\x90\x90", 5, 0));
    refuse(
        TEXT("\x0f\x05\xc3\x90\x90\x90\x90", 0, 0)); /* one is not enough, and ret does not go on */
}

Test(plan, segments_stay)
{
    refuse(TEXT("\xe8\0\0\0\0\x0f\x05\x65\x8b\x04\x25\0\0\0\0\xc3", 5, 0)); /* %gs: */
    refuse(TEXT("\xe8\0\0\0\0\x0f\x05\x8e\xd8\x0f\xa1\x90\x90", 5, 0)); /* mov %eax,%ds; pop %fs */
}

Test(plan, bytes_that_cannot_raise)
{
    /* syscall; cmp $-1,%rax; …: an instruction would begin at the jump's last byte */
    refuse(TEXT("\xe8\0\0\0\0\x0f\x05\x48\x83\xf8\xff\x90\x90\x90", 5, 0));
}

Test(plan, a_jump_into_the_middle)
{
    refuse(TEXT("\xb8\x27\0\0\0\x0f\x05\xeb\xfc", 5, 39));             /* to the call */
    expect(TEXT("\xb8\x27\0\0\0\x0f\x05\xeb\xf7", 5, 39), 5, 7, 0x21); /* to the first byte */
    refuse(TEXT("\xb8\x27\0\0\0\x0f\x05\x0f\x84\xf8\xff\xff\xff", 5, 39));
}

Test(plan, only_what_it_was_given)
{
    struct patch_site s;
    struct patch_text t = TEXT("\xb8\x27\0\0\0\x0f\x05\x48\x3d\x01\xf0\xff\xff", 5, 39);

    t.from = BEFORE_SIZE + 1; /* the page begins inside of the mov */
    cr_assert(patch_plan(&t, &s));
    cr_expect_eq(s.call, 0);
    t.to = t.after + 5; /* and ends inside of the cmp */
    cr_expect_not(patch_plan(&t, &s));
    t.to = t.size + 1;
    cr_expect_not(patch_plan(&t, &s));
}

Test(plan, without_proof_of_what_is_before)
{
    /* A function at the start of what is there: nothing gets in step. */
    static const uint8_t code[] = "\xb8\x27\0\0\0\x0f\x05\xc3\x90\x90\x90\x90\x90\x90\x90\x90";
    struct patch_text t = { .bytes = code, .size = sizeof code, .to = sizeof code, .after = 7 };

    t.rax = 39;
    refuse(t);
}

Test(plan, other_ways_to_call)
{
    refuse(TEXT("\xb8\x27\0\0\0\xcd\x80", 5, 39)); /* int $0x80 */
    refuse(TEXT("\xb8\x27\0\0\0\x0f\x34", 5, 39)); /* sysenter */
}
