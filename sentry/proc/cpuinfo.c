/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/cpuinfo, out of the processor's own mouth: guests run on it as it is. */
#include <cpuid.h>
#include <string.h>

#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"

enum reg { EAX, EBX, ECX, EDX };

struct leaf {
    uint32_t reg[4];
};

/* All zero where the processor has no such leaf. */
static struct leaf cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct leaf l = { { 0 } };

    if (leaf <= (uint32_t)__get_cpuid_max(leaf & 0x80000000, NULL))
        __cpuid_count(leaf, subleaf, l.reg[EAX], l.reg[EBX], l.reg[ECX], l.reg[EDX]);
    return l;
}

struct flag_word {
    uint32_t leaf, subleaf;
    enum reg reg;
    const char *names[32];
};

/* clang-format off */
static const struct flag_word flag_words[] = {
#define CPU_FLAGS(leaf, subleaf, reg, ...) { leaf, subleaf, reg, { __VA_ARGS__ } },
#include "sentry/proc/cpu_flags.def"
#undef CPU_FLAGS
};
/* clang-format on */

static void show_flags(struct text *t)
{
    text_string(t, "flags\t\t:");
    for (size_t i = 0; i < ARRAY_LEN(flag_words); i++) {
        const struct flag_word *w = &flag_words[i];
        uint32_t bits = cpuid(w->leaf, w->subleaf).reg[w->reg];
        for (int bit = 0; bit < 32; bit++)
            if (bits >> bit & 1 && w->names[bit][0])
                text_printf(t, " %s", w->names[bit]);
    }
    text_char(t, '\n');
}

static void show_model(struct text *t)
{
    struct leaf vendor = cpuid(0, 0), version = cpuid(1, 0);
    uint32_t v = version.reg[EAX], family = v >> 8 & 15, model = v >> 4 & 15;
    char name[49] = "", id[13] = "";

    for (uint32_t i = 0; i < 3; i++) {
        struct leaf l = cpuid(0x80000002 + i, 0);
        memcpy(name + 16 * i, l.reg, 16);
    }
    memcpy(id, &vendor.reg[EBX], 4);
    memcpy(id + 4, &vendor.reg[EDX], 4);
    memcpy(id + 8, &vendor.reg[ECX], 4);
    if (family >= 6)
        model |= v >> 12 & 0xf0;
    if (family == 15)
        family += v >> 20 & 0xff;
    const char *start = name + strspn(name, " ");
    text_printf(t,
                "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n"
                "stepping\t: %u\nmicrocode\t: 0x1\n",
                id, family, model, start, v & 15);
}

/* The frequency that the name promises, in MHz: "… @ 2.50GHz"; or what leaf 0x16 says. */
static uint32_t base_mhz(void)
{
    uint32_t mhz = cpuid(0x16, 0).reg[EAX] & 0xffff;

    if (!mhz)
        mhz = cpuid(0x40000010, 0).reg[EAX] / 1000; /* a hypervisor's: kHz */
    return mhz ? mhz : 2000;
}

/* The largest cache's size in KiB: SDM vol. 2, CPUID leaf 4. */
static uint32_t cache_kb(void)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < 8; i++) {
        struct leaf l = cpuid(4, i);
        if (!(l.reg[EAX] & 31))
            break;
        uint64_t b = l.reg[EBX];
        uint64_t size = ((b >> 22) + 1) * ((b >> 12 & 0x3ff) + 1) * ((b & 0xfff) + 1) *
                        ((uint64_t)l.reg[ECX] + 1);
        most = max(most, (uint32_t)(size >> 10));
    }
    return most;
}

int proc_show_cpuinfo(struct proc_view *v, struct text *t)
{
    uint32_t cpus = tasks_of(v->arena)->cpus, mhz = base_mhz();
    struct leaf addr = cpuid(0x80000008, 0);

    for (uint32_t i = 0; i < cpus; i++) {
        text_printf(t, "processor\t: %u\n", i);
        show_model(t);
        text_printf(t,
                    "cpu MHz\t\t: %u.000\ncache size\t: %u KB\nphysical id\t: 0\nsiblings\t: %u\n"
                    "core id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\n"
                    "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n",
                    mhz, cache_kb(), cpus, i, cpus, i, i, cpuid(0, 0).reg[EAX]);
        show_flags(t);
        text_printf(t,
                    "bugs\t\t:\nbogomips\t: %u.00\nclflush size\t: %u\ncache_alignment\t: 64\n"
                    "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
                    2 * mhz, (cpuid(1, 0).reg[EBX] >> 8 & 0xff) * 8, addr.reg[EAX] & 0xff,
                    addr.reg[EAX] >> 8 & 0xff);
    }
    return 0;
}
