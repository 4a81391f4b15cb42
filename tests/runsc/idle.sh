# An idle sandbox makes no wake-ups: not one of its threads is scheduled in while the guest sleeps.
# And it has 3 MiB of memory of its own at most; on systrap 4 MB, for there is a decoder, too.
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

# What it costs while it does nothing. Who is not root may not look into the sentry.
if [ "$(id -u)" = 0 ]; then
    kib=$(for pid in $(ours); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Private/ { sum += $2 } END { print sum }')
    most=$([ "$P" = systrap ] && echo 3906 || echo 3072)
    [ "$kib" -le "$most" ] || fail "$kib KiB of private memory, not $most at most"
fi

kill -TERM $runsc
wait $runsc
gone 5 "idle"
