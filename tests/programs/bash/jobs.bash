# Job control without a terminal: process groups, stop, continue, disown, wait -n.
set -m
group() { ps -o pgid= -p "$1" | tr -d ' '; }
sleep 100 &
a=$!
[ "$(group $a)" = $a ] && echo "a job has a group of its own"
sleep 100 | sleep 100 &
b=$!
jobs | sed 's/ *$//'
kill -STOP %1
until jobs %1 | grep -q Stopped; do sleep 0.02; done
jobs %1 | sed 's/ *$//'
bg %1
until jobs %1 | grep -q Running; do sleep 0.02; done
kill %1
wait $a 2>/dev/null
echo "first: $?"
kill -- -"$(group $b)"
wait $b 2>/dev/null
echo "second: $?"
echo "jobs left: $(jobs -r | wc -l)"
(sleep 0.3; exit 5) &
(exit 6) &
wait -n
echo "the first to end: $?"
wait -n
echo "the other: $?"
(sleep 0.1; echo in the group) | cat
jobs=()
for i in 1 2 3 4 5 6 7 8; do (exit $i) & jobs+=($!); done
total=0
for job in "${jobs[@]}"; do wait "$job"; total=$((total + $?)); done
echo "all statuses: $total"
setsid -w bash -c 'ps -o sid= -p $$ | tr -d " " | grep -qx $$ && echo "a session of its own"'
set +m
nohup bash -c 'trap -p HUP; kill -HUP $$; echo alive' 2>/dev/null
