# time-limit: 240
# SIGKILL of any one of a sandbox's processes: within a second, nothing of that sandbox is there.
. tests/runsc/lib.sh

# A guest with children, threads, a pipe, and a stopped process.
guest='
import os, signal, threading, time
for i in range(3):
    if os.fork() == 0:
        if i == 0:
            os.setsid()
        if i == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(1000)
for i in range(3):
    threading.Thread(target=time.sleep, args=(1000,)).start()
open("ready", "w").close()
time.sleep(1000)'
start() {
    rm -f ready
    "$RUNSC" do --platform="$P" --rw "$work" -C "$work" -- /usr/bin/python3 -c "$guest" > said 2>&1 &
    runsc=$!
    eventually 30 [ -e ready ] || fail "the guest never ran: $(cat said)"
}
for victim in runsc runsc-gofer runsc-sentry; do
    start
    kill -KILL "$(named $victim)"
    gone 1 "after SIGKILL of $victim"
    wait $runsc
    status=$?
    case $victim:$status in
    runsc:137 | *:125) ;;
    *) fail "SIGKILL of $victim: status $status: $(cat said)" ;;
    esac
    [ $victim = runsc ] || [ "$(grep -c '^runsc: ' said)" = 1 ] || fail "SIGKILL of $victim: not one line: $(cat said)"
done

# The processes that guests run in: without one, its guest process is killed, and no other.
start
stubs=$(named runsc-stub)
[ -n "$stubs" ] || fail "no process was seen that guests run in"
for stub in $stubs; do
    kill -KILL "$stub" 2> /dev/null
done
eventually 5 none_of_ours || kill -TERM $runsc
gone 1 "after SIGKILL of all that guests run in"
wait $runsc
status=$?
[ $status != 0 ] || fail "all stubs killed: status 0"
