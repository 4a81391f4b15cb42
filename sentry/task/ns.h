/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the machine: uts_namespaces(7). */
#pragma once

#include <sys/utsname.h>

#include "base/lock.h"
#include "base/ref.h"
#include "sentry/core/cred.h"

struct uts_ns {
    struct ref ref;
    struct user_ns *user_ns;           /* [I] a reference */
    uint64_t ino;                      /* [I] /proc/PID/ns/uts */
    struct mutex lock;                 /* RANK_TASK */
    char nodename[65], domainname[65]; /* [l] */
};

/* What uname(2) says of us besides: the Linux that we answer as. */
#define UTS_SYSNAME    "Linux"
#define UTS_RELEASE    "6.6.0"
#define UTS_RELEASE_26 "2.6.66" /* for UNAME26: 60 and the minor number */
#define UTS_VERSION    "#1 SMP PREEMPT_DYNAMIC"
#define UTS_MACHINE    "x86_64"

#define UTS_NAME_MAX 64 /* characters */

/* `nodename`: cut to UTS_NAME_MAX characters. Errors: ENOMEM. */
must_use int uts_ns_create(struct arena *a, struct user_ns *owner, const char *nodename,
                           struct uts_ns **out);
/* unshare(CLONE_NEWUTS): the same names. Errors: ENOMEM. */
must_use int uts_ns_copy(struct uts_ns *ns, struct user_ns *owner, struct uts_ns **out);
struct uts_ns *uts_ns_get(struct uts_ns *ns);
void uts_ns_put(struct uts_ns *ns);
DEFINE_SCOPED(uts_ns)

/* As uname(2) fills it. */
void uts_ns_print(struct uts_ns *ns, struct utsname *out);
/* Not necessarily terminated; at most UTS_NAME_MAX bytes. */
void uts_ns_set_nodename(struct uts_ns *ns, const char *name, size_t size);
void uts_ns_set_domainname(struct uts_ns *ns, const char *name, size_t size);
