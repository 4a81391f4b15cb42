#!/bin/sh
# Runs one test: run_one.sh RESULTS KIND PATH. Quiet where it passes; a failure is
# shown whole. Leaves "passed failed skipped PATH" in RESULTS for run_tests.sh.
set -u
results=$1 kind=$2 path=$3
name=$(echo "$path" | sed "s,^build/,,; s,/,-,g")
log=$results/$name.log
more=$([ "${LONG:-0}" = 1 ] && echo 0 || echo)
case $path in build/tsan/*) more=0 ;; esac # each instruction takes so much longer

# limit SECONDS command…: a script may say "# time-limit: SECONDS" for itself.
limit() { seconds=$1$more; shift; timeout -k 5 "$seconds" "$@"; }
# One writer at a time, so that the output of two failures does not mix.
show() { flock "$results/show" sh -c 'echo "== $1: $2"; cat "$3"' show "$1" "$path" "$log" >&2; }
count() { echo "$1 $2 $3 $path" > "$results/$name.count"; }
why() { case $1 in 124 | 137) echo "TIMEOUT" ;; *) echo "FAILED (status $1)" ;; esac; }

case $kind in
unit)
    limit 120 "$path" > "$log" 2>&1
    status=$?
    # Criterion's last line: Tested: 5 | Passing: 4 | Failing: 1 | Crashing: 0
    set -- $(sed -n 's/.*Tested: *[^0-9]*\([0-9]*\).*Passing: *[^0-9]*\([0-9]*\).*/\1 \2/p' "$log" | tail -1)
    tested=${1:-1} passing=${2:-0}
    if [ $status = 0 ]; then
        count "${1:-1}" 0 0
    else
        [ "$tested" -gt "$passing" ] || passing=$((tested - 1))
        count "$passing" $((tested - passing)) 0
        show "$(why $status)"
    fi
    ;;
fuzz)
    corpus=tests/fuzz/corpus/$(basename "$path" _fuzz)
    if limit 120 "$path" "$corpus" > "$log" 2>&1; then count 1 0 0; else show "$(why $?)"; count 0 1 0; fi
    ;;
guest | hostile)
    timeout -k 5 600$more sh "tests/tools/run_$kind.sh" "$path" > "$log" 2>&1
    status=$?
    set -- $(sed -n 's/^counted: //p' "$log")
    [ $# = 3 ] || set -- 0 1 0
    count "$@"
    [ $status = 0 ] && [ "$2" = 0 ] || show "FAILED"
    ;;
script)
    # All scripts on the first platform; on the others those that differ most from each other.
    case $path in
    tests/programs/bash.sh | tests/programs/python.sh | tests/runsc/container.sh | tests/runsc/idle.sh) ;;
    *) export PLATFORMS="${PLATFORMS%% *}" ;;
    esac
    seconds=$(sed -n 's/^# time-limit: *//p' "$path" | head -1)
    limit "${seconds:-180}" sh "$path" > "$log" 2>&1
    status=$?
    case $status in
    0) count 1 0 0 ;;
    77) count 0 0 1; echo "skipped: $path: $(tail -1 "$log")" ;;
    *) count 0 1 0; show "$(why $status)" ;;
    esac
    ;;
esac
exit 0
