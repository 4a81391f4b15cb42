# time-limit: 600
# Nothing is left of sandboxes: no process, mount, file, cgroup, shared memory or message queue.
. tests/runsc/lib.sh
[ "${LONG:-0}" = 1 ] && n=1000 || n=50

# What engines on this machine do meanwhile is not ours.
without_others() { grep -vE '/(runsc-engines[.][^/]*|docker|containerd|kubepods[^/]*|libpod[^/]*|netns)(/|$)'; }
state() {
    cut -d ' ' -f 5 /proc/self/mountinfo | without_others | sort > "$1.mounts"
    find /dev/shm /dev/mqueue /run /var/run /var/tmp -xdev 2> /dev/null | without_others | sort > "$1.files"
    find /sys/fs/cgroup -type d 2> /dev/null | without_others | sort > "$1.cgroups"
    find "$work" -path "$work/before*" -prune -o -path "$work/after*" -prune -o -print | sort > "$1.here"
    ls -A /tmp | grep -e runsc -e sentry -e gofer > "$1.tmp"
    cat /proc/sysvipc/* > "$1.ipc"
    ls /proc/$$/fd > "$1.fds"
}
touch before after .out .err
state before
failed=0
for i in $(seq $n); do box -- true || failed=$((failed + 1)); done
[ $failed = 0 ] || fail "$failed of $n failed"
gone 1 "$n runs of true"
ends "one that fails" 127 box -- /no/such
ends "one that is killed" 124 box --timeout=500ms -- sh -c 'sleep 100 & mkdir -p /tmp/a && exec sleep 100'
refused "one that never was" "No such file" do --ro /no/such -- true
for i in 1 2 3 4 5 6; do box -- sh -c 'seq 1000 | sort -n | tail -n 1' > /dev/null & done
wait
gone 1 "six at a time"
state after
for what in here tmp ipc fds; do
    cmp -s before.$what after.$what || fail "$what: $(diff before.$what after.$what | head)"
done
# Others use these too, and a timer of the host's may come at any moment: only what is plainly ours
# counts.
for what in mounts cgroups files; do
    comm -13 before.$what after.$what | grep -e runsc -e sentry -e gofer -e "$work" && fail "$what are left"
done
:
