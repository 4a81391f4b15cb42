#!/bin/sh
# Runs one program of tests/hostile in the sandbox on each of $PLATFORMS. Its source says
# with which flags, and how it may end. It passes where it ends so, the sentry did not
# die of it, nothing of the sandbox is left, and the host is as it was.
# The last line is "counted: passed failed skipped".
set -u
# What others mount meanwhile is not ours to be asked for: root has a mount table of its own.
if [ "$(id -u)" = 0 ] && [ -z "${MOUNTS_OWN:-}" ] && unshare -m true 2> /dev/null; then
    MOUNTS_OWN=1 exec unshare -m --propagation private sh "$0" "$@"
fi
program=$1
field() { sed -n "s,^/\* $1: *\(.*\) \*/,\1,p" "tests/hostile/$(basename "$program").c"; }
flags=$(field flags) ends=$(field ends)
[ -n "$flags" ] && [ -n "$ends" ] || { echo "its source does not say how to run it"; exit 2; }
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cp "$(dirname "$RUNSC")"/runsc* "$program" "$dir"
more=$([ "${LONG:-0}" = 1 ] && echo 0 || echo)
passed=0 failed=0 skipped=0

# shellcheck disable=SC2012 # the names are numbers
ours() { ls -l /proc/[0-9]*/exe 2> /dev/null | sed -n "s,.* /proc/\([0-9]*\)/exe -> $dir/runsc.*,\1,p"; }
host() {
    cat /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/overcommit_memory
    cut -d ' ' -f 5 /proc/self/mountinfo | sort
    ls -ld / /etc /usr /bin/sh /proc/sys/kernel && cksum /etc/passwd
    cat /proc/sysvipc/*
}
complain() { echo "$*"; bad=1; }

for platform in $PLATFORMS; do
    if [ "$platform" = kvm ] && [ ! -w /dev/kvm ]; then
        echo "skipped on kvm: /dev/kvm cannot be written"
        skipped=$((skipped + 1))
        continue
    fi
    bad=0
    host > "$dir/before" 2>&1
    (
        cd "$dir" && ulimit -c 0
        # shellcheck disable=SC2086 # words
        exec timeout -k 5 "250$more" "$dir/runsc" do --platform="$platform" --env "LONG=${LONG:-0}" $flags \
            -- "$dir/$(basename "$program")" > "$dir/out" 2> "$dir/err" < /dev/null
    )
    status=$?
    case " $ends " in *" $status "*) ;; *) complain "status $status, not one of: $ends" ;; esac
    grep -qE 'BREACH|^runsc|panic|assert|ERROR: |runtime error' "$dir/err" && complain "it was said:"
    tries=0
    while [ -n "$(ours)" ]; do
        tries=$((tries + 1))
        sleep 0.05
        [ $tries -lt 40 ] && continue
        complain "processes are left: $(ours | tr '\n' ' ')"
        # shellcheck disable=SC2046
        kill -KILL $(ours)
        break
    done
    host > "$dir/after" 2>&1
    cmp -s "$dir/before" "$dir/after" || complain "the host has changed: $(diff "$dir/before" "$dir/after")"
    if [ $bad = 1 ]; then
        failed=$((failed + 1))
        echo "on $platform: $(basename "$program")"
        tail -n 20 "$dir/err" "$dir/out"
    else
        passed=$((passed + 1))
    fi
done
echo "counted: $passed $failed $skipped"
