#!/bin/sh
# Runs the test suites, two tests at a time, each under a time limit, and ends with one
# line that counts. `make test` calls this and sets the variables:
#
#   UNIT, FUZZ, GUEST,
#   HOSTILE             programs          RUNSC       the runsc to test
#   SUITES              which to run      PLATFORMS   to run guests on
#   T                   only tests whose path has this in it
#   LONG=1              gives everything ten times as long
set -u
cd "$(dirname "$0")/../.." || exit 2
results=build/test-results
rm -rf "$results" && mkdir -p "$results"

has() { case " $SUITES " in *" $1 "*) true ;; *) false ;; esac; }
each() { kind=$1; shift; for item in "$@"; do case $item in *"${T:-}"*) echo "$kind $item" ;; esac; done; }
files() { find "$1" -name '*.sh' ! -name 'lib.sh' 2>/dev/null | sort; }
{
    if has unit; then each unit ${UNIT:-}; fi
    if has fuzz; then each fuzz ${FUZZ:-}; fi
    if has guest; then each guest ${GUEST:-}; fi
    if has hostile; then each hostile ${HOSTILE:-}; fi
    if has programs; then each script $(files tests/programs); fi
    if has runsc; then each script $(files tests/runsc); fi
} > "$results/list"
xargs -r -P "${JOBS:-2}" -L 1 sh tests/tools/run_one.sh "$results" < "$results/list"

# Each result is one line: passed failed skipped path. Who was ended from outside has left none, and
# xargs has begun nothing after it.
cat "$results/list" "$results"/*.count 2>/dev/null | awk '
    NF == 2 { wanted[$2]; next }
    { passed += $1; failed += $2; skipped += $3; delete wanted[$4] }
    END {
        for (path in wanted) { print "has no result: " path; lost++ }
        printf "%d passed, %d failed, %d skipped", passed, failed, skipped
        if (lost) printf ", %d without a result", lost
        print ""
        exit failed > 0 || passed == 0 || lost > 0
    }'
