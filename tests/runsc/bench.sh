# The harness of the benchmarks, on two rows and a hung cell. No time is judged.
. tests/runsc/lib.sh
rows=$top/build/bench/bin
[ -x "$rows/getppid" ] || skip "bench/rows is not built: make bench-rows"
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
export BENCH_OUT="$work/out" PYTHONPATH="$top/bench" PYTHONDONTWRITEBYTECODE=1
mkdir -p out/bin docs && cp "$rows/getppid" "$rows/timed" out/bin/

says "rows are measured" "getppid .*native .*; $P .*x" \
    env BOXES=native,"$P",gvisor-systrap ROWS='^getppid$|python' QUICK=1 "$top/bench/run"
ends "each cell has its rounds" 0 /usr/bin/python3 -c "
import results
cells = [times for row in results.load('results.json')['rows'].values() for times in row['cells'].values()]
assert [len(times) for times in cells] == [1, 1, 1, 1], cells
"
says "what there is not is said" "no gvisor-systrap here: .*gvisor/runsc is not there" \
    env BOXES=native,gvisor-systrap ROWS='^none' "$top/bench/run"
ends "a hung cell is given up" 0 /usr/bin/python3 -c "
import boxes
assert boxes.run('$P', ['/bin/sleep', '100'], 2) == (None, 'no end after 2 s')
assert boxes.run('native', ['setsid', 'sh', '-c', 'sleep 100 & exec sleep 100'], 1) == (None, 'no end after 1 s')
assert boxes.descendants() == []
"
ends "a failed one says why" 0 /usr/bin/python3 -c "
import boxes
assert boxes.run('$P', ['/bin/sh', '-c', 'echo because >&2; exit 3'], 20) == (None, 'status 3: because')
"
if command -v gnuplot > /dev/null; then
    echo "{\"$P\": {\"wall_ms\": [10, 11, 12], \"private_kib\": 2000, \"processes\": 6}}" > out/start.json
    ends "a report is written" 0 "$top/bench/report" docs
    says "with a table" "^\\| python3 -c pass \\| .* \\|$" cat docs/performance.md
    says "with the start" "11.0 ms \\| 2.0 MB \\| 6" cat docs/performance.md
    says "with a plot" "</svg>" cat docs/performance.svg
    says "nothing fell behind itself" "^2 compared .*, 0 fell behind, 0 lost" "$top/bench/compare" docs/recorded
    awk '/^#/ { print; next } { print $1, $2, $3 / 10, $4 / 10, $5 / 10 }' docs/recorded > ten-times-better
    ends "all fell behind ten times better" 1 "$top/bench/compare" ten-times-better
fi
gone 5 "bench"
