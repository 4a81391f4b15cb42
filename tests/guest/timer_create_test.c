/* SPDX-License-Identifier: Apache-2.0 */
/* covers: timer_settime, timer_gettime, timer_getoverrun, timer_delete */
/* timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2) */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static long create(int clock, struct sigevent *ev, int *id)
{
    return syscall(SYS_timer_create, clock, ev, id);
}

static long set(int id, int flags, long value_ms, long interval_ms, struct itimerspec *old)
{
    struct itimerspec it = {
        .it_value = {value_ms / 1000,     value_ms % 1000 * 1000000   },
        .it_interval = { interval_ms / 1000, interval_ms % 1000 * 1000000},
    };

    return syscall(SYS_timer_settime, id, flags, &it, old);
}

static volatile int caught, overruns;
static siginfo_t last;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    (void)sig, (void)uc;
    caught++;
    overruns += si->si_overrun;
    last = *si;
}

static void catch (int sig)
{
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

    caught = overruns = 0;
    sigaction(sig, &sa, NULL);
}

TEST(by_default_it_is_an_alarm_with_its_number)
{
    int id;

    catch (SIGALRM);
    CHECK_EQ(create(CLOCK_MONOTONIC, NULL, &id), 0);
    CHECK_EQ(set(id, 0, 10, 0, NULL), 0);
    while (!caught)
        usleep(1000); /* not pause(): it may come before that */
    CHECK_EQ(last.si_code, SI_TIMER);
    CHECK_EQ(last.si_signo, SIGALRM);
    CHECK_EQ(last.si_timerid, id);
    CHECK_EQ(last.si_value.sival_int, id);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
    CHECK_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
}

TEST(on_each_clock)
{
    static const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI };
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
                           .sigev_signo = SIGRTMIN,
                           .sigev_value.sival_ptr = &ev };

    for (int i = 0; i < 4; i++) {
        struct timespec now;
        int id;
        catch (SIGRTMIN);
        CHECK_EQ(create(clocks[i], &ev, &id), 0);
        clock_gettime(clocks[i], &now);
        CHECK_EQ(set(id, TIMER_ABSTIME, now.tv_sec * 1000 + now.tv_nsec / 1000000 + 5, 0, NULL), 0);
        while (!caught)
            usleep(1000);
        CHECK(last.si_value.sival_ptr == &ev);
        CHECK_EQ(syscall(SYS_timer_delete, id), 0);
    }
}

TEST(what_it_missed_is_counted)
{
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
    sigset_t block, old;
    int id;

    catch (SIGRTMIN);
    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &block, &old);
    CHECK_EQ(create(CLOCK_MONOTONIC, &ev, &id), 0);
    CHECK_EQ(syscall(SYS_timer_getoverrun, id), 0);
    CHECK_EQ(set(id, 0, 5, 5, NULL), 0);
    usleep(52000);
    CHECK_EQ(caught, 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(caught >= 1);
    CHECK(overruns >= 8);
    CHECK_EQ(set(id, 0, 0, 0, NULL), 0);
    CHECK(syscall(SYS_timer_getoverrun, id) >= 0);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
}

TEST(sigtimedwait_takes_it_too)
{
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
    struct timespec limit = { .tv_sec = 10 };
    sigset_t block, old;
    siginfo_t si;
    int id;

    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &block, &old);
    CHECK_EQ(create(CLOCK_MONOTONIC, &ev, &id), 0);
    CHECK_EQ(set(id, 0, 2, 2, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(sigtimedwait(&block, &si, &limit), SIGRTMIN);
    CHECK_EQ(si.si_timerid, id);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
    while (sigtimedwait(&block, &si, &(struct timespec){ 0 }) > 0)
        ;
    sigprocmask(SIG_SETMASK, &old, NULL);
}

TEST(what_is_left)
{
    struct sigevent ev = { .sigev_notify = SIGEV_NONE };
    struct itimerspec it;
    int id;

    CHECK_EQ(create(CLOCK_MONOTONIC, &ev, &id), 0);
    CHECK_EQ(syscall(SYS_timer_gettime, id, &it), 0);
    CHECK(!it.it_value.tv_sec && !it.it_value.tv_nsec && !it.it_interval.tv_nsec);
    CHECK_EQ(set(id, 0, 100000, 7, NULL), 0);
    CHECK_EQ(syscall(SYS_timer_gettime, id, &it), 0);
    CHECK(it.it_value.tv_sec >= 90 && it.it_value.tv_sec <= 100);
    CHECK_EQ(it.it_interval.tv_nsec, 7000000);
    CHECK_EQ(set(id, 0, 1, 0, &it), 0);
    CHECK(it.it_value.tv_sec >= 90);
    usleep(5000);
    CHECK_EQ(syscall(SYS_timer_gettime, id, &it), 0);
    CHECK(!it.it_value.tv_sec && !it.it_value.tv_nsec);
    CHECK_EQ(set(id, 0, 50, 50, NULL), 0);
    usleep(80000);
    CHECK_EQ(syscall(SYS_timer_gettime, id, &it), 0);
    CHECK(it.it_value.tv_nsec > 0 && it.it_value.tv_nsec <= 50000000);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
}

static void *take_in_thread(void *arg)
{
    struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1 };
    struct timespec limit = { .tv_sec = 10 };
    sigset_t set_;
    siginfo_t si;
    int id;

    sigemptyset(&set_);
    sigaddset(&set_, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &set_, NULL);
    ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    if (create(CLOCK_MONOTONIC, &ev, &id) || set(id, 0, 2, 0, NULL))
        return (void *)1;
    bool ok = sigtimedwait(&set_, &si, &limit) == SIGRTMIN + 1;
    return ok && syscall(SYS_timer_delete, id) == 0 ? arg : (void *)2;
}

TEST(it_can_tell_one_thread)
{
    pthread_t thread;
    void *bad;

    pthread_create(&thread, NULL, take_in_thread, NULL);
    pthread_join(thread, &bad);
    CHECK(!bad);
}

TEST(on_processor_time)
{
    static const int clocks[] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };

    for (int i = 0; i < 2; i++) {
        int id;
        catch (SIGRTMIN);
        CHECK_EQ(create(clocks[i], &ev, &id), 0);
        CHECK_EQ(set(id, 0, 10, 10, NULL), 0);
        while (caught < 2)
            ;
        CHECK_EQ(syscall(SYS_timer_delete, id), 0);
    }
}

TEST(bad_arguments)
{
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
    struct itimerspec it = { .it_value.tv_nsec = 1000000000 };
    int id;

    CHECK_ERRNO(create(77, NULL, &id), EINVAL);
    CHECK_ERRNO(create(CLOCK_MONOTONIC_RAW, NULL, &id), EOPNOTSUPP);
    CHECK_ERRNO(create(CLOCK_MONOTONIC_COARSE, NULL, &id), EOPNOTSUPP);
    CHECK_ERRNO(create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev.sigev_signo = 0;
    CHECK_ERRNO(create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev = (struct sigevent){ .sigev_notify = 9, .sigev_signo = SIGUSR1 };
    CHECK_ERRNO(create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
    ev = (struct sigevent){ .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
    ev.sigev_notify_thread_id = 1;
    if (getpid() != 1)
        CHECK_ERRNO(create(CLOCK_MONOTONIC, &ev, &id), EINVAL);
    CHECK_ERRNO(create(CLOCK_MONOTONIC, (void *)8, &id), EFAULT);
    CHECK_ERRNO(create(CLOCK_MONOTONIC, NULL, (void *)8), EFAULT);
    CHECK_EQ(create(CLOCK_MONOTONIC, NULL, &id), 0);
    CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, &it, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_settime, id + 100, 0, &(struct itimerspec){ 0 }, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_gettime, id, (void *)8), EFAULT);
    CHECK_ERRNO(syscall(SYS_timer_gettime, id + 100, &it), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_getoverrun, id + 100), EINVAL);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
}

TEST(a_child_has_none)
{
    int id, status;

    CHECK_EQ(create(CLOCK_MONOTONIC, NULL, &id), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct itimerspec it;
        _exit(syscall(SYS_timer_gettime, id, &it) != -1 || errno != EINVAL);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(syscall(SYS_timer_delete, id), 0);
}

MAIN
