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
} | xargs -r -P "${JOBS:-2}" -L 1 sh tests/tools/run_one.sh "$results"

# Each result is one line: passed failed skipped.
cat "$results"/*.count 2>/dev/null | awk '
    { passed += $1; failed += $2; skipped += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }'
