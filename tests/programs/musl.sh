# Programs of another libc, static and PIE: musl's start-up, threads, malloc and stdio.
. tests/programs/lib.sh
need musl-gcc
cat > m.c <<'END'
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int count, signals;
static __thread int mine;

static void *work(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        count++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&lock);
        mine++;
    }
    return (void *)(long)(mine + *(int *)arg);
}

static void on_signal(int s) { signals += s; }

int main(int argc, char **argv)
{
    pthread_t t[8];
    int ids[8], status;
    void *result;
    long sum = 0;

    for (int i = 0; i < 8; i++) {
        ids[i] = i;
        pthread_create(&t[i], NULL, work, &ids[i]);
    }
    pthread_mutex_lock(&lock);
    while (count < 8000)
        pthread_cond_wait(&cond, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], &result);
        sum += (long)result;
    }
    printf("threads %d %ld\n", count, sum);
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    printf("signals %d\n", signals);
    char *big = malloc(50 << 20);
    memset(big, 1, 50 << 20);
    big = realloc(big, 100 << 20);
    printf("heap %d %d\n", big[12345], big[(50 << 20) - 1]);
    free(big);
    fflush(stdout);
    if (fork() == 0) {
        printf("child with %s\n", argc > 1 ? argv[1] : "nothing");
        exit(3);
    }
    wait(&status);
    printf("status %d\n", WEXITSTATUS(status));
    FILE *f = popen("echo through popen; exit 5", "r");
    char line[64] = "";
    fgets(line, sizeof line, f);
    printf("%s%d\n", line, WEXITSTATUS(pclose(f)));
    errno = 0;
    printf("%d %s\n", open("/no/such", O_RDONLY), strerror(errno));
    char name[] = "/tmp/mXXXXXX";
    int fd = mkstemp(name);
    struct stat st;
    (void)!write(fd, "12345", 5);
    fstat(fd, &st);
    unlink(name);
    printf("file %d links %d\n", (int)st.st_size, (int)st.st_nlink);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("slept %d\n", (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= 20000000);
    printf("%s %s\n", getenv("SOME") ? getenv("SOME") : "-", secure_getenv("SOME") ? "not secure" : "secure");
    return 0;
}
END
for flags in "-static" "-static-pie -fPIE" "-static -O2 -s"; do
    musl-gcc -D_GNU_SOURCE -w $flags -o m m.c -pthread || skip "musl-gcc $flags fails"
    SOME=thing same "musl-gcc $flags" env SOME=thing "$work/m" argument
done
same "musl-gcc in the sandbox" sh -c 'cd "$(mktemp -d)" && musl-gcc -D_GNU_SOURCE -w -static -o m "$1/m.c" && SOME=else ./m' sh "$work"
