# Signals to a shell: traps, their order, what children inherit, wait and kill.
trap 'echo exit trap, status $?' EXIT
trap 'echo got usr1' USR1
kill -USR1 $$
trap '' USR2
bash -c 'kill -USR2 $$; echo "an ignored signal stays ignored after exec"'
trap - USR2
bash -c 'kill -USR2 $$'
echo "killed by usr2: $?"
bash -c 'kill -KILL $$' 2>/dev/null
echo "killed: $?"
bash -c 'ulimit -c 0; kill -SEGV $$' 2>/dev/null
echo "segv: $?"
trap 'echo child' CHLD
(exit 5) &
wait $!
echo "background: $?"
trap - CHLD
(trap 'echo term in child; exit 7' TERM; echo ready > flag; while :; do sleep 0.05; done) &
while [ ! -s flag ]; do sleep 0.02; done
kill -TERM $!
wait $!
echo "its own status: $?"
sleep 100 &
# Until it has called execve, bash's own handlers would get what is meant for sleep.
until grep -qs sleep /proc/$!/comm; do sleep 0.02; done
kill -STOP $!
kill -CONT $!
kill $!
wait $! 2>/dev/null
echo "sleep: $?"
trap 'echo interrupted wait' ALRM
# It has to come while we wait, also on a machine that stands still for a while.
sleep 30 &
sleeper=$!
(sleep 1; kill -ALRM $$) &
killer=$!
wait $sleeper
echo "wait gives $?"
wait $killer
kill $sleeper
wait $sleeper 2>/dev/null
timeout 0.2 sleep 10
echo "timeout: $?"
timeout -s INT 5 bash -c 'trap "echo int; exit 9" INT; while :; do sleep 0.05; done'
echo "timeout -s INT: $?"
trap 'echo err on line $LINENO' ERR
false
trap - ERR
f() { trap 'echo return trap' RETURN; return 4; }
f
echo "f: $?"
bash -c 'trap "echo bye" EXIT; exit 3'
echo "nested: $?"
