# time-limit: 120
# SIGKILL of the process that changes a program's memory: that program dies of it, and no other.
. tests/runsc/lib.sh

# What it has touched makes it known on the host: more than all others have.
victim='
import mmap
big = mmap.mmap(-1, 96 << 20)
while True:
    for at in range(0, len(big), 4096):
        big[at] = 1
    open("ready", "w").close()
    for i in range(1000):
        m = mmap.mmap(-1, 1 << 20)
        m[0] = 1
        m.close()'
other='
import mmap, subprocess, sys
def maps(n):
    for i in range(n):
        m = mmap.mmap(-1, 1 << 20)
        m[i] = 1
        m.close()
maps(100)
status = subprocess.run([sys.executable, "-c", sys.argv[1]]).returncode
maps(1000)
subprocess.run([sys.executable, "-c", "print(1)"], check=True)
print("status", status)'

rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status" 2> /dev/null; }
find_agent() { # the first that was made of those that share the big memory
    for stub in $(named runsc-stub | sort -n); do
        kib=$(rss "$stub")
        [ "${kib:-0}" -gt 90000 ] && pid=$stub && return
    done
    return 1
}

for round in 1 2 3; do
    rm -f ready
    "$RUNSC" do --platform="$P" --rw "$work" -C "$work" -- \
        /usr/bin/python3 -c "$other" "$victim" > said 2>&1 &
    runsc=$!
    eventually 30 [ -e ready ] || fail "the guest never ran: $(cat said)"
    if ! eventually 10 find_agent; then
        fail "no process has the big memory"
        kill -TERM $runsc
        break
    fi
    kill -KILL "$pid"
    eventually 20 grep -q '^status' said || fail "round $round: the other did not go on: $(cat said)"
    wait $runsc
    status=$?
    [ $status = 0 ] || fail "round $round: status $status: $(cat said)"
    grep -q '^status -9$' said || fail "round $round: not killed: $(cat said)"
    gone 5 "round $round"
done
