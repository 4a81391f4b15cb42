/* SPDX-License-Identifier: Apache-2.0 */
/* covers: alarm, setitimer */
/* getitimer(2), setitimer(2), alarm(2), and RLIMIT_CPU */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "lib.h"

static volatile int caught;
static volatile int caught_code;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    (void)sig, (void)uc;
    caught++;
    caught_code = si->si_code;
}

static void catch (int sig)
{
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

    caught = 0;
    sigaction(sig, &sa, NULL);
}

static void stop(int which)
{
    setitimer(which, &(struct itimerval){ 0 }, NULL);
}

TEST(one_shot)
{
    struct itimerval it = { .it_value = { 1000, 20000 } }, now;

    catch (SIGALRM);
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
    CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
    CHECK(now.it_value.tv_sec >= 900 && now.it_value.tv_sec <= 1000 &&
          (now.it_value.tv_sec < 1000 || now.it_value.tv_usec <= 20000));
    it.it_value.tv_sec = 0;
    CHECK_EQ(setitimer(ITIMER_REAL, &it, &now), 0);
    CHECK(now.it_value.tv_sec >= 900);
    while (!caught)
        usleep(1000); /* not pause(): it may come before that */
    CHECK_EQ(caught_code, SI_KERNEL);
    CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0);
}

TEST(again_and_again)
{
    struct itimerval it = { .it_value.tv_usec = 5000, .it_interval.tv_usec = 5000 }, old;

    catch (SIGALRM);
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
    while (caught < 5)
        pause();
    CHECK_EQ(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, &old), 0);
    CHECK_EQ(old.it_interval.tv_usec, 5000);
    int n = caught;
    usleep(20000);
    CHECK_EQ(caught, n);
}

TEST(a_blocked_signal_comes_once)
{
    struct itimerval it = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
    sigset_t set, old;

    catch (SIGALRM);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, &old);
    CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
    usleep(20000);
    CHECK_EQ(caught, 0);
    stop(ITIMER_REAL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK_EQ(caught, 1);
}

static void burn_until_caught(void)
{
    while (!caught)
        ;
}

TEST(processor_time)
{
    struct itimerval it = { .it_value.tv_usec = 10000 };

    catch (SIGVTALRM);
    CHECK_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
    burn_until_caught();
    catch (SIGPROF);
    it.it_interval.tv_usec = 10000;
    CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
    while (caught < 3)
        ;
    stop(ITIMER_PROF);
}

TEST(processor_time_stands_still_in_a_sleep)
{
    struct itimerval it = { .it_value.tv_usec = 30000 }, left;

    catch (SIGPROF);
    CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
    usleep(60000);
    CHECK_EQ(caught, 0);
    CHECK_EQ(getitimer(ITIMER_PROF, &left), 0);
    CHECK(left.it_value.tv_usec > 0);
    burn_until_caught();
}

TEST(bad_arguments)
{
    struct itimerval it = { .it_value.tv_usec = 1000000 };

    CHECK_ERRNO(getitimer(3, &it), EINVAL);
    CHECK_ERRNO(syscall(SYS_setitimer, 3, &it, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, &it, NULL), EINVAL);
    it = (struct itimerval){ .it_value.tv_sec = -1 };
    CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, &it, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, (void *)8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, (void *)8), EFAULT);
    CHECK_EQ(syscall(SYS_setitimer, ITIMER_REAL, NULL, NULL), 0);
}

TEST(alarm_says_what_was_left)
{
    catch (SIGALRM);
    CHECK_EQ(alarm(100), 0);
    unsigned left = alarm(200);
    CHECK(left == 100 || left == 99);
    left = alarm(0);
    CHECK(left == 200 || left == 199);
    CHECK_EQ(alarm(0), 0);
}

TEST(a_child_has_none_and_exec_keeps_it)
{
    int status;

    alarm(100);
    pid_t pid = fork();
    if (pid == 0)
        _exit(alarm(0) != 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(alarm(0) > 0);
}

TEST(the_limit_of_processor_time)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit limit = { 1, 10 };
        setrlimit(RLIMIT_CPU, &limit);
        for (;;)
            ;
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGXCPU);
}

/* ---- what one process does is no other's burden ---- */

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static pid_t with_a_period_of_nothing(void)
{
    struct itimerval it = {
        {0,  1},
        { 0, 1}
    };
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    catch (SIGPROF);
    setitimer(ITIMER_PROF, &it, NULL);
    for (long end = now_ms() + 10000; now_ms() < end;)
        ;
    _exit(0);
}

TEST(a_period_that_is_too_short_stops_no_other_timer)
{
    struct itimerspec every = {
        {0,  10000000},
        { 0, 10000000}
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    uint64_t n, sum = 0;

    CHECK(fd >= 0);
    pid_t pid = with_a_period_of_nothing();
    CHECK(pid > 0);
    CHECK_EQ(timerfd_settime(fd, 0, &every, NULL), 0);
    for (long end = now_ms() + 5000; sum < 50 && now_ms() < end;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, 1000) == 1 && read(fd, &n, sizeof n) == sizeof n)
            sum += n;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd);
    CHECK(sum >= 50);
}

static pid_t with_many_timers(int done)
{
    struct itimerspec late = {
        {0,     0},
        { 1000, 0}
    };
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (int i = 0; i < 8000; i++) {
        timer_t id;
        if (timer_create(i % 2 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &ev, &id))
            break;
        late.it_value.tv_sec++;
        timer_settime(id, 0, &late, NULL);
    }
    (void)!write(done, "x", 1);
    for (;;)
        pause();
}

TEST(many_timers_of_processor_time_end_soon)
{
    int p[2], status;
    char c;

    CHECK_EQ(pipe(p), 0);
    pid_t pid = with_many_timers(p[1]);
    CHECK(pid > 0);
    CHECK_EQ(read(p[0], &c, 1), 1);
    long start = now_ms();
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(now_ms() - start < 1000);
    close(p[0]);
    close(p[1]);
}

MAIN
