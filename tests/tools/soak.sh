#!/bin/sh
# soak.sh MINUTES [PLATFORM]: one sandbox that builds programs and runs test suites, round after
# round, for so long. `make soak MINUTES=120` calls it.
#
# After each round the guest is quiet and tells what it sees, and we look at its sentry from
# outside: processes, threads, descriptors, private memory, arena and RAM in use. A round that
# does not end is a hang. At the end what the last sixth of the rounds took at least is held
# against what the second sixth took at most: what has grown by more than an eighth leaks. The
# table of all rounds is printed in any case.
#
#   ROUND_LIMIT   seconds after which a round hangs (300)
#   PART          a round runs every n-th of the guest tests (6); the first runs them all, for
#                 what has been seen once may stay cached
minutes=${1:-10} P=${2:-systrap}
export P
. tests/runsc/lib.sh
limit=${ROUND_LIMIT:-300} part=${PART:-6}
need gcc make python3 git tar
guests=$top/build/guest/static
[ -d "$guests" ] || skip "the guest tests are not built: make guest"
mkdir -p share/project see/tests && chmod 777 share && cp "$guests"/*_test see/tests/

# ---- what a round does, in the sandbox ----

i=0
while [ $i -lt 24 ]; do
    cat > share/project/part$i.c << END
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int part$i(int n)
{
    char *p = calloc(1, 4096);
    snprintf(p, 4096, "%d", n * $i);
    n = (int)strlen(p);
    free(p);
    return n;
}
END
    i=$((i + 1))
done
cat > share/project/Makefile << 'END'
SRCS := $(wildcard part*.c)
all: app ; ./app
app: main.o $(SRCS:.c=.o) ; gcc -o $@ $^
main.o: main.c $(SRCS)
main.c: $(SRCS) ; { for f in $(SRCS:.c=); do echo "int $$f(int);"; done; echo 'int main(void) { return part1(1) != 1; }'; } > $@
clean: ; rm -f *.o app main.c
.PHONY: all clean
END
cat > see/limited.py << 'END'
# limited.py SECONDS PROGRAM: timeout(1) whose seconds are those in which the sandbox could run: a host
# that stops all of it for a while stops this clock, too.
import os, signal, subprocess, sys
program = subprocess.Popen(sys.argv[2:], process_group=0)
for _ in range(int(sys.argv[1])):
    try:
        sys.exit(program.wait(1))
    except subprocess.TimeoutExpired:
        pass
os.killpg(program.pid, signal.SIGKILL)
sys.exit(124)
END
cat > see/round.sh << 'END'
# round.sh PART: rounds until there is no line to read any more.
part=$1 round=0
bad() { echo "bad: round $round: $*" >&2; }
# A test may fail once, because a busy machine outran it; then it has to pass alone. One that does not
# end hangs, and has no second try.
one_test() {
    python3 see/limited.py 180 "$1" > /dev/null 2>&1 < /dev/null
    case $? in
    0 | 77) ;;
    124) echo "$(basename "$1") has not ended after 180 s" ;;
    *) echo "again $1" ;;
    esac
}
if [ "$part" = one ]; then one_test "$2"; exit; fi
judge() {
    while read -r what test; do
        if [ "$what" != again ]; then
            bad "$what $test"
        elif [ -n "$(one_test "$test")" ]; then
            bad "$(basename "$test") failed twice"
        else
            echo "unsteady: round $round: $(basename "$test")" >&2
        fi
    done
}
# What a test has left running would be taken for a leak of ours, later.
no_left() {
    left=
    for dir in /proc/[0-9]*; do
        case $dir in /proc/1 | "/proc/$$") ;; *) read -r name < "$dir/comm" && left="$left $name" ;; esac
    done 2> /dev/null
    [ -z "$left" ] && return
    echo "left: $left" >&2
    kill -KILL -1
    sleep 0.2
}
while read -r _; do
    round=$((round + 1))
    rm -rf /tmp/soak && cp -r share/project /tmp/soak || bad "cp"
    make -s -j2 -C /tmp/soak all || bad "build in memory"
    make -s -j2 -C share/project clean || bad "clean"
    make -s -j2 -C share/project all || bad "build on the host's files"
    ls "$PWD"/see/tests/*_test | awk -v n="$part" -v r="$round" 'r == 1 || NR % n == r % n' |
        xargs -P 3 -n 1 sh see/round.sh one > /tmp/verdicts
    judge < /tmp/verdicts
    no_left
    (cd /tmp/soak && git init -q . && git add . && git -c user.name=a -c user.email=a@b commit -qm a &&
        git gc -q && git fsck --full > /dev/null 2>&1) > /dev/null 2>&1 || bad "git"
    tar -C /tmp/soak -cf - . | tar -tf - > /dev/null || bad "tar"
    python3 -c 'import threading, subprocess, sqlite3
def work():
    for i in range(20): assert subprocess.run(["true"]).returncode == 0
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
db = sqlite3.connect("/tmp/soak/db"); db.execute("create table t (a, b)")
db.executemany("insert into t values (?, ?)", ((i, str(i)) for i in range(5000))); db.commit()
assert db.execute("select count(*) from t").fetchone()[0] == 5000' || bad "python"
    i=0
    while [ $i -lt 200 ]; do /bin/true || bad "true"; i=$((i + 1)); done
    find /tmp -mindepth 1 -maxdepth 1 ! -name "$(basename "$PWD")" -exec rm -rf {} +
    echo "round $round processes $(ls -d /proc/[0-9]* | wc -l) $(awk '$1 == "Slab:" || $1 == "AnonPages:" { print $1, $2 }' /proc/meminfo | tr '\n' ' ')"
done
END

# ---- what is seen of it, from outside ----

sum_of() { awk -v what="$1" '$1 == what { sum += $2 } END { print sum + 0 }' "$2" 2> /dev/null; }
# A line of numbers; what the guest has said is $*.
sample() {
    sentry=$(named runsc-sentry | head -1)
    [ -n "$sentry" ] || { fail "there is no sentry any more"; return 1; }
    echo "$2 $4 $6 $8" \
        "$(ours | wc -l)" "$(ls "/proc/$sentry/task" | wc -l)" "$(ls "/proc/$sentry/fd" | wc -l)" \
        "$(sum_of Anonymous: "/proc/$sentry/smaps_rollup")" "$(sum_of VmSize: "/proc/$sentry/status")" \
        "$(($(date +%s) - began))"
}
columns="round guest-processes ram-KiB arena-KiB host-processes threads descriptors anonymous-KiB virtual-KiB seconds"
hang() {
    fail "round $1 has not ended after $limit s"
    ps -o pid,stat,wchan:20,time,comm -p "$(ours | tr '\n' ',' | sed 's/,$//')"
    [ ! -s err ] || tail -n 20 err
}

mkfifo in out
"$RUNSC" do --platform="$P" --no-tty --mem=1g --ov "$work/see" --rw "$work/share" -C "$work" -- sh see/round.sh "$part" \
    < in > out 2> err &
runsc=$!
exec 3> in 4< out
began=$(date +%s) round=0
: > table
while [ $(($(date +%s) - began)) -lt $((minutes * 60)) ]; do
    round=$((round + 1))
    echo go >&3
    line=$(timeout "$limit" head -n 1 <&4) || true
    case $line in "round $round "*) ;; *) hang $round; break ;; esac
    sleep 1
    # shellcheck disable=SC2086 # words
    sample $line >> table || break
done
exec 3>&- 4<&-
[ $failures = 0 ] || kill -TERM $runsc
wait $runsc || fail "it ended with $?"
gone 5 "after $round rounds"

# ---- what went wrong, what has grown ----

{ echo "$columns"; cat table; } | column -t
awk -v names="$columns" '
    { for (i = 1; i <= NF; i++) v[NR, i] = $i }
    END {
        n = split(names, name); sixth = int(NR / 6)
        if (sixth < 3) { print "too few rounds to say what grows"; exit }
        for (i = 2; i < n; i++) {
            most = 0; least = v[NR, i]
            for (r = sixth + 1; r <= 2 * sixth; r++) if (v[r, i] > most) most = v[r, i]
            for (r = NR - sixth + 1; r <= NR; r++) if (v[r, i] < least) least = v[r, i]
            if (least > most + most / 8 + (name[i] ~ /KiB/ ? 256 : 1)) { print "grows: " name[i] ": " most " to " least; bad = 1 }
        }
        exit bad
    }' table || fail "something leaks"
if grep -q '^bad: ' err; then
    fail "$(grep -c '^bad: ' err) things went wrong in $round rounds:"
    grep '^bad: ' err | sort | sed 's/round [0-9]*: //' | uniq -c | sort -rn | head -20
fi
grep -E '^(unsteady|left): ' err | sed 's/round [0-9]*: //' | sort | uniq -c | sort -rn
echo "$round rounds in $(($(date +%s) - began)) s on $P"
