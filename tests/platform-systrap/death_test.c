/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing survives the sentry. */
#define PLATFORM platform_systrap
#include "platform-systrap/systrap_priv.h"
#include "tests/platform/death.h"

static void *kill_later(void *pid)
{
    usleep(100000);
    cr_assert_eq(kill(*(pid_t *)pid, SIGKILL), 0);
    return NULL;
}

static unsigned areas_used(const struct rig *r)
{
    unsigned n = 0;

    for (size_t i = 0; i < ASPACES_MAX; i++)
        n += bitmap_test(r->p->stubs.areas, i);
    return n;
}

/* Nobody knows whether there is a child. */
Test(death, a_command_area_is_not_used_again_where_an_agent_may_live, .timeout = 60)
{
    struct aspace *child;
    pthread_t killer;
    struct rig r;

    rig_start(&r);
    pid_t agent = r.as->agent.pid;
    unsigned before = areas_used(&r);
    cr_assert_eq(kill(agent, SIGSTOP), 0);
    cr_assert_eq(pthread_create(&killer, NULL, kill_later, &agent), 0);
    cr_assert_eq(OPS->aspace_fork(r.as, &child), -EIO);
    cr_assert_eq(pthread_join(killer, NULL), 0);
    cr_assert_eq(areas_used(&r), before + 1);
    OPS->aspace_destroy(r.as);
    cr_assert_eq(OPS->aspace_create(r.p, NULL, &r.as), 0);
    cr_assert_eq(areas_used(&r), before + 1);
    rig_stop(&r);
}
