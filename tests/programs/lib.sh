# What every script test begins with: `. tests/programs/lib.sh`
#
# The script is run once for each of $PLATFORMS, or once on the host itself where RUNSC
# is "native". It goes on after a failed check; the status at the end counts them all.
#
#   $work     an empty directory, current, removed at the end
#   $here     the directory of the script; the sandbox sees it
#   sandbox [FLAGS] -- COMMAND…        runs it
#   drive [FLAGS] -- COMMAND… < STEPS  runs it on a terminal; tests/tools/drive.py has the steps
#   is NAME WANT COMMAND…       what it prints is WANT, and its status 0
#   ends NAME STATUS COMMAND…   its status is that
#   says NAME REGEX COMMAND…    a line of its output or errors is like that
#   same NAME COMMAND…          succeeds on the host and in the sandbox, with the same output
set -u
export LC_ALL=C RUNSC="${RUNSC:-build/release/bin/runsc}" P
unset MAKEFLAGS MAKELEVEL MFLAGS # of a make that runs us
if [ -z "${P:-}" ] && [ "$RUNSC" != native ]; then
    for P in ${PLATFORMS:-systrap}; do
        sh "$0" || exit $?
    done
    exit 0
fi
P=${P:-native}
top=$PWD
here=$top/$(dirname "$0")
case $RUNSC in native | /*) ;; *) RUNSC=$top/$RUNSC ;; esac
if [ "$RUNSC" != native ] && [ ! -x "$RUNSC" ]; then
    echo "$RUNSC is not built"
    exit 77
fi
if [ "$P" = kvm ] && [ ! -w /dev/kvm ]; then
    echo "/dev/kvm cannot be written"
    exit 77
fi
failures=0
work=$(mktemp -d) && cd "$work" || exit 2
at_end() {
    status=$?
    cd / && chmod -R u+rwX "$work" 2>/dev/null
    rm -rf "$work"
    [ $status = 0 ] && [ $failures -gt 0 ] && exit 1
    exit $status
}
[ "$RUNSC" != native ] || export TMPDIR="$work"
trap at_end EXIT
trap 'exit 130' INT TERM

skip() { echo "$1"; exit 77; }
skip_native() { if [ "$RUNSC" = native ]; then skip "not for the host itself"; fi; }
need() {
    for program in "$@"; do
        command -v "$program" > /dev/null || skip "$program is not installed"
    done
}
fail() { echo "FAIL ($P): $*"; failures=$((failures + 1)); }
shown() { for file in "$@"; do [ -s "$file" ] && sed "s,^,    ," "$file" | tail -n 40; done; }

sandbox() { sh "$top/tests/tools/sandbox.sh" --ro "$here" "$@"; }
drive() { /usr/bin/python3 "$top/tests/tools/drive.py" --size "${size:-24x80}" -- sh "$top/tests/tools/sandbox.sh" --ro "$here" "$@"; }

# Runs a command, into .out and .err; its status is in $status.
# shellcheck disable=SC3043 # every sh there is has local
run() { status=0; "$@" > "$work/.out" 2> "$work/.err" || status=$?; }
is() {
    local name=$1 want=$2; shift 2
    run "$@"
    if [ $status != 0 ] || [ "$(cat "$work/.out")" != "$want" ]; then
        fail "$name: status $status; printed:"
        shown "$work/.out" "$work/.err"
        echo "  instead of:"
        echo "$want" | sed "s,^,    ,"
    fi
}
ends() {
    local name=$1 want=$2; shift 2
    run "$@"
    if [ $status != "$want" ]; then
        fail "$name: status $status, not $want; printed:"
        shown "$work/.out" "$work/.err"
    fi
}
says() {
    local name=$1 want=$2; shift 2
    run "$@"
    if ! cat "$work/.out" "$work/.err" | grep -qE -e "$want"; then
        fail "$name: status $status; nothing like /$want/ in:"
        shown "$work/.out" "$work/.err"
    fi
}
same() {
    local name=$1 native=0; shift
    TMPDIR=$work "$@" > "$work/.native" 2> "$work/.native.err" || native=$?
    if [ $native != 0 ]; then
        fail "$name: a wrong test, it fails on the host with $native:"
        shown "$work/.native" "$work/.native.err"
        return
    fi
    run sandbox -- "$@"
    if [ $status != 0 ] || ! cmp -s "$work/.native" "$work/.out"; then
        fail "$name: status $status; output from the host's (-) to ours (+):"
        diff -u "$work/.native" "$work/.out" | tail -n +3 | head -n 40
        shown "$work/.err"
    fi
}
# until SECONDS COMMAND…: waits for it to be true.
eventually() {
    local tries=$(($1 * 20)); shift
    while ! "$@"; do
        local tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}
