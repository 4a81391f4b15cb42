# An idle sandbox makes no wake-ups: not one of its threads is scheduled in while the guest sleeps.
# And it has 3 MiB of memory of its own at most.
. tests/runsc/lib.sh

"$RUNSC" do --platform="$P" --rw "$work" -C "$work" -- sh -c 'touch ready; exec sleep 100' &
runsc=$!
eventually 20 [ -e ready ] || fail "the guest never ran"
switches() {
    for pid in $(ours); do
        for task in /proc/"$pid"/task/*; do
            echo "$task $(cat "$task/comm") $(grep ctxt "$task/status" | tr -s '\t\n' '  ')"
        done
    done
}
settled() { switches > first; sleep 1; switches > second; cmp -s first second; }
eventually 10 settled
switches > first
sleep 3
switches > second
cmp -s first second || fail "threads woke up: $(diff first second)"
[ -s first ] || fail "no thread was seen"

# What one more costs while it does nothing: clean pages of our programs are the page cache's, and
# every other sandbox's. Who is not root may not look into the sentry.
if [ "$(id -u)" = 0 ]; then
    kib=$(for pid in $(ours); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Private_Dirty/ { sum += $2 } END { print sum }')
    [ "$kib" -le 3072 ] || fail "$kib KiB of private memory, not 3 MiB at most"
fi

kill -TERM $runsc
wait $runsc
gone 5 "idle"
