# What the tests of container engines share. `. tests/engines/lib.sh PACKAGE…` installs the
# engine, where it is missing, and makes $work and $work/bb.tar, a busybox image.
#
# An engine's script defines ops(), which does the same with whatever runtime $runtime names,
# and calls compare: it runs ops for runc and for us, and what a user would see, the output
# and the status of each operation, must be the same.
#
#   op NAME COMMAND…      one operation; what it prints counts, but for ids, times and numbers
#                         that no two runs share
#   quiet NAME COMMAND…   only its status counts
#   until_is NAME WANT COMMAND…   what a scheduler brings about takes its time: tried until
#                         it is WANT, for $patience or 40 seconds at most; what it was in the end counts
#   differs NAME WHY      this one is not compared; few have a reason not to be
#
# SHOW=1 prints what runc's operations gave.
set -u
export LC_ALL=C
top=$PWD
RUNSC=${RUNSC:-$top/build/release/bin/runsc}
[ "$(id -u)" = 0 ] || { echo "engines need root"; exit 77; }
for package in runc jq busybox-static "$@"; do
    dpkg -s "$package" > /dev/null 2>&1 && continue
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" > /dev/null ||
        { echo "$package cannot be installed"; exit 77; }
done
work=$(mktemp -d /var/tmp/runsc-engines.XXXXXX)
chmod 755 "$work"
at_end() {
    status=$?
    stop_engine > /dev/null 2>&1
    cd /
    awk -v dir="$work/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount -l
    rm -rf "$work"
    exit $status
}
stop_engine() { :; }
trap at_end EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 2

mkdir -p bb/bin bb/etc bb/proc bb/sys bb/dev bb/tmp bb/root bb/home bb/var bb/run
cp "$(command -v busybox)" bb/bin/busybox
for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "bb/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n' > bb/etc/passwd
printf 'root:x:0:\nuser:x:1000:\n' > bb/etc/group
chmod 1777 bb/tmp
tar -C bb -cf bb.tar .

skipped=
differs() { skipped="$skipped $1"; [ "$runtime" = runc ] || echo "  not compared: $1: $2" >&2; }
record() { printf '%s: %s' "$1" "$2" | tr '\n' '|' >> "$runtime.log"; echo >> "$runtime.log"; }
# What no two runs share.
normal() {
    tr -d '\r\000' | sed -E -e 's/\^@//g' -e '/error waiting for container: context canceled/d' -e 's/Up .*/Up/' -e 's/[0-9a-f]{64}/ID/g' -e 's/[0-9a-f]{12}/ID/g' -e "s,$RUNSC,RUNTIME,g" \
        -e 's/runsc create failed/runc create failed/' -e 's,RUNTIME: runsc: ,runc: ,' -e 's/RUNTIME: /runc: /' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?/TIME/g' -e 's/[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}/TIME/g'
}
op() {
    local name=$1 out status=0; shift
    out=$("$@" 2>&1 < /dev/null | normal; exit "${PIPESTATUS[0]}") || status=$?
    record "$name" "$status $out"
}
quiet() {
    local name=$1 status=0; shift
    "$@" > /dev/null 2>&1 < /dev/null || status=$?
    record "$name" "$status"
}
until_is() {
    local name=$1 want=$2 is end=$((SECONDS + ${patience:-40})); shift 2
    while is=$("$@" 2>&1 < /dev/null); [ "$is" != "$want" ] && [ $SECONDS -lt $end ]; do sleep 0.2; done
    op "$name" echo "$is"
}
on_tty() { script -qec "$*" /dev/null; }
compare() {
    local failures=0
    for runtime in runc runsc; do
        : > $runtime.log
        ops
    done
    while IFS=: read -r name want; do
        case " $skipped " in *" $name "*) continue ;; esac
        is=$(grep "^$name:" runsc.log | cut -d: -f2-)
        [ "$is" = "$want" ] && continue
        failures=$((failures + 1))
        printf 'FAIL %s:\n    runc: %s\n    us:   %s\n' "$name" "$want" "$is"
    done < runc.log
    [ -z "${SHOW:-}" ] || cat runc.log
    echo "$(basename "$0" .sh): $(wc -l < runc.log) operations, $failures differ from runc's"
    [ $failures = 0 ]
}
