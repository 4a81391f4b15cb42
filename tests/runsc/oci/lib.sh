# What the tests of the commands on containers add to tests/runsc/lib.sh.
#
#   bundle DIR [JQ FILTER]   a bundle with a busybox in it that runs `true`; the filter changes
#                            its config.json
#   rs ARGUMENTS…            runsc with a root of states of its own, on the platform under test
#   args WORD…               a jq filter that sets what it runs
#   status_is NAME WANT ID   what `state` says
#   $limits                  for a shell inside: prints the limits that its cgroups show, of memory,
#                            processes, and processors. $pids and $memory are files of them, and
#                            $cgroups how many mounts there are of what type
. tests/runsc/lib.sh
need jq busybox
busybox=$(command -v busybox)
file -L "$busybox" 2> /dev/null | grep -q static || "$busybox" --list > /dev/null || skip "no static busybox"
[ "$(id -u)" = 0 ] || rootless=--rootless
chmod 711 "$work"
mkdir -p image/bin image/etc image/tmp image/proc image/sys image/dev
cp "$busybox" image/bin/busybox
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "image/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' > image/etc/passwd

if awk '$3 == "cgroup" { v1 = 1 } END { exit !v1 }' /proc/mounts; then # as the host's are
    limits='cd /sys/fs/cgroup; echo $(cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us)'
    pids=pids/pids memory=memory/memory.usage_in_bytes cgroups="4 cgroup"
else
    limits='cd /sys/fs/cgroup; echo $(cat memory.max pids.max cpu.max)'
    pids=pids memory=memory.current cgroups="1 cgroup2"
fi

rs() { "$RUNSC" --platform="$P" --root "$work/state" "$@"; }
args() { jq -nc '".process.args=" + ($ARGS.positional | tojson)' -r --args -- "$@"; }
bundle() {
    mkdir -p "$1" && [ -e "$1/rootfs" ] || cp -a "$work/image" "$1/rootfs"
    rm -f "$1/config.json"
    "$RUNSC" spec ${rootless:-} --bundle "$1" || exit 2
    jq ".process.terminal=false | .root.readonly=false | .process.args=[\"true\"] | ${2:-.}" "$1/config.json" > "$1/new" &&
        mv "$1/new" "$1/config.json" || exit 2
}
status_is() {
    local is; is=$(rs state "$3" 2> /dev/null | jq -r .status)
    [ "$is" = "$2" ] || fail "$1: $3 is ${is:-not there}, not $2"
}
has_status() { [ "$(rs state "$1" 2> /dev/null | jq -r .status)" = "$2" ]; }
