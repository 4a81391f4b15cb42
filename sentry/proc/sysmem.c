/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's memory: /proc/meminfo and /proc/vmstat. What is shown is what is
 * enforced: RAM is as large as --mem says. Programs and libraries lie in the host's
 * page cache and count nowhere.
 */
#include "sentry/mm/mm.h"
#include "sentry/proc/tables.h"
#include "sentry/task/container.h"
#include "sentry/task/tasks.h"

struct line {
    const char *name;
    uint64_t kb;
};

int proc_show_meminfo(struct proc_view *v, struct text *t)
{
    struct container *c = v->viewer ? task_container(v->viewer) : tasks_of(v->arena)->first;
    uint64_t total, used;

    task_container_memory(c, &total, &used);
    total >>= 10;
    used >>= 10;
    uint64_t left = total - used;
    uint64_t arena_kb = arena_used(v->arena) >> 10;
    const struct line lines[] = {
        {"MemTotal",        total                               },
        { "MemFree",        left                                },
        { "MemAvailable",   left                                },
        { "Buffers",        0                                   },
        { "Cached",         0                                   },
        { "SwapCached",     0                                   },
        { "Active",         used                                },
        { "Inactive",       0                                   },
        { "Active(anon)",   used                                },
        { "Inactive(anon)", 0                                   },
        { "Active(file)",   0                                   },
        { "Inactive(file)", 0                                   },
        { "Unevictable",    0                                   },
        { "Mlocked",        0                                   },
        { "SwapTotal",      0                                   },
        { "SwapFree",       0                                   },
        { "Dirty",          0                                   },
        { "Writeback",      0                                   },
        { "AnonPages",      used                                },
        { "Mapped",         0                                   },
        { "Shmem",          0                                   },
        { "KReclaimable",   0                                   },
        { "Slab",           arena_kb                            },
        { "SReclaimable",   0                                   },
        { "SUnreclaim",     arena_kb                            },
        { "KernelStack",    tasks_count(v->arena) * UINT64_C(16)},
        { "PageTables",     0                                   },
        { "NFS_Unstable",   0                                   },
        { "Bounce",         0                                   },
        { "WritebackTmp",   0                                   },
        { "CommitLimit",    total / 2                           },
        { "Committed_AS",   used                                },
        { "VmallocTotal",   UINT64_C(34359738367)               },
        { "VmallocUsed",    0                                   },
        { "VmallocChunk",   0                                   },
        { "Percpu",         0                                   },
        { "AnonHugePages",  0                                   },
        { "ShmemHugePages", 0                                   },
        { "ShmemPmdMapped", 0                                   },
        { "FileHugePages",  0                                   },
        { "FilePmdMapped",  0                                   },
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        size_t from = t->size;
        text_printf(t, "%s:", lines[i].name);
        text_pad(t, from, 16);
        text_printf(t, "%8lu kB\n", lines[i].kb);
    }
    text_string(t,
                "HugePages_Total:       0\nHugePages_Free:        0\n"
                "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
                "Hugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    return 0;
}

int proc_show_vmstat(struct proc_view *v, struct text *t)
{
    uint64_t total = ram_total(v->arena) >> PAGE_SHIFT, used = ram_used(v->arena) >> PAGE_SHIFT;

    text_printf(t,
                "nr_free_pages %lu\nnr_inactive_anon 0\nnr_active_anon %lu\nnr_inactive_file 0\n"
                "nr_active_file 0\nnr_anon_pages %lu\nnr_mapped 0\nnr_file_pages 0\nnr_dirty 0\n"
                "nr_writeback 0\nnr_shmem 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n"
                "oom_kill %lu\n",
                total - min(used, total), used, used, atomic_load(&tasks_of(v->arena)->oom_kills));
    return 0;
}
