#!/bin/sh
# Runs one guest test on the host's Linux first, then in the sandbox on each of
# $PLATFORMS, and compares what it prints and how it ends. A test that fails on the
# host is a wrong test; one that ends with 77 there is skipped, and so is one that fails
# because we are root of a user namespace only.
# The last line is "counted: passed failed skipped".
set -u
test=$(pwd)/$1
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
more=$([ "${LONG:-0}" = 1 ] && echo 0 || echo)
passed=0 failed=0 skipped=0

# Others look meanwhile whether anything is left in the host's ipc namespace.
own=
[ "$(id -u)" != 0 ] || ! unshare -i true 2> /dev/null || own="unshare -i"
# shellcheck disable=SC2086 # words
timeout -k 5 "60$more" $own "$test" > "$dir/native" 2> "$dir/native.err" < /dev/null
native=$?
if [ $native = 77 ]; then
    echo "skipped on the host: $(tail -1 "$dir/native")"
    echo "counted: 0 0 1"
    exit 0
elif [ $native != 0 ] && [ "$(id -u)" = 0 ] && ! grep -q ' 4294967295$' /proc/self/uid_map; then
    echo "skipped on the host: root of a user namespace may not do all that it tests"
    echo "counted: 0 0 1"
    exit 0
elif [ $native != 0 ]; then
    echo "fails on the host (status $native):"
    cat "$dir/native" "$dir/native.err"
    echo "counted: 0 1 0"
    exit 0
fi
passed=1

for platform in $PLATFORMS; do
    if [ ! -x "$RUNSC" ]; then
        echo "skipped on $platform: runsc is not built"
        skipped=$((skipped + 1))
        continue
    fi
    if [ "$platform" = kvm ] && [ ! -w /dev/kvm ]; then
        echo "skipped on kvm: /dev/kvm cannot be written"
        skipped=$((skipped + 1))
        continue
    fi
    timeout -k 5 "60$more" "$RUNSC" do --platform="$platform" -- "$test" \
        > "$dir/guest" 2> "$dir/guest.err" < /dev/null
    status=$?
    if [ $status = $native ] && cmp -s "$dir/native" "$dir/guest"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "differs on $platform (status $status):"
        diff -u --label host --label "$platform" "$dir/native" "$dir/guest"
        tail -20 "$dir/guest.err"
    fi
done
echo "counted: $passed $failed $skipped"
