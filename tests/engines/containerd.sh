#!/bin/bash
# containerd with its stock shim, by ctr: the same operations on runc and on us.
. tests/engines/lib.sh containerd podman

cat > config.toml <<CONF
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/sock"
[ttrpc]
  address = "$work/ttrpc"
CONF
start_engine() {
    setsid containerd -c config.toml >> containerd.log 2>&1 < /dev/null &
    daemon=$!
    for _ in $(seq 100); do c version > /dev/null 2>&1 && break; sleep 0.1; done
}
ctr="timeout -s KILL 30 ctr -a $work/sock"
c() { $ctr "$@"; }
stop_engine() {
    c task ls -q | xargs -r -n 1 ctr -a "$work/sock" task rm -f
    kill $daemon
    wait $daemon
    find /sys/fs/cgroup -depth -type d -path '*/runsc-test*' -exec rmdir {} +
}
binary() { if [ $runtime = runc ]; then command -v runc; else echo "$RUNSC"; fi; }
start() { c run --runtime io.containerd.runc.v2 --runc-binary "$(binary)" "$@"; }
# once [FLAGS] COMMAND…: the image is put between; the container goes when it ends.
once() {
    local flags=()
    while [ "${1#-}" != "$1" ]; do
        flags+=("$1")
        case $1 in --rm | --read-only | --privileged | --net-host | --null-io | --seccomp | --allow-new-privs | --no-pivot) ;; *) flags+=("$2"); shift ;; esac
        shift
    done
    start --rm "${flags[@]}" $image once "$@"
}
# The shim tells of an exit a moment after it happened.
ended() {
    for _ in $(seq 50); do c task ls | grep -q "^$1 .*STOPPED" && return; sleep 0.1; done
    echo "$1 did not end"; return 1
}
# spec FILTER: a container of config.json, changed by the filter
spec() {
    rm -f spec/config.json
    runc spec --bundle "$work/spec" 2> /dev/null
    jq ".process.terminal = false | .root = { path: \"$work/bb\" } | .linux.cgroupsPath = \"/runsc-test/spec\" | $1" \
        spec/config.json > spec/new && mv spec/new spec/config.json
    start --rm --config "$work/spec/config.json" spec
}
start_engine
podman --root "$work/p" --runroot "$work/r" import -q bb.tar localhost/bb:1 > /dev/null &&
    podman --root "$work/p" --runroot "$work/r" save -q -o image.tar localhost/bb:1 && umount "$work/p/overlay" 2> /dev/null
c image import image.tar > /dev/null || { tail -n 3 containerd.log; exit 77; }
image=localhost/bb:1
mkdir spec
echo data > file
echo 'FROM=file' > env

ops() {
    op run once echo hi
    op status once sh -c 'exit 5'
    op stderr once sh -c 'echo err >&2'
    op stdin sh -c "echo in | $ctr run --rm --runtime io.containerd.runc.v2 --runc-binary $(binary) $image stdin head -n 1"
    op no-path once /nosuch
    c c rm once > /dev/null 2>&1
    op no-command once nosuch
    c c rm once > /dev/null 2>&1
    op not-executable once /etc/passwd
    c c rm once > /dev/null 2>&1
    op no-cwd once --cwd /new sh -c 'pwd'
    op cwd once --cwd /tmp pwd
    op env once --env A=b --env-file "$work/env" sh -c 'echo $A $FROM'
    op who once id
    op caps once grep Cap /proc/self/status
    op cap-drop once --cap-drop CAP_CHOWN grep CapEff /proc/self/status
    op cap-add once --cap-add CAP_SYS_TIME grep CapEff /proc/self/status
    op nnp once grep NoNewPrivs /proc/self/status
    op new-privs once --allow-new-privs grep NoNewPrivs /proc/self/status
    op seccomp once --seccomp grep Seccomp: /proc/self/status
    op seccomp-refuses once --seccomp sh -c 'unshare -U true 2>&1; echo $?'
    op read-only once --read-only sh -c 'echo x > /x'
    op masked once sh -c 'ls /sys/firmware | wc -l; cat /proc/timer_list /proc/kcore 2> /dev/null | wc -c'
    op mounts once sh -c 'cut -d" " -f2,3 /proc/mounts | grep -E "^/(dev|dev/pts|dev/shm|proc|run|sys) " | sort'
    op bind once --mount "type=bind,src=$work/file,dst=/file,options=rbind:ro" sh -c 'cat /file; echo x 2> /dev/null > /file'
    op bind-rw once --mount "type=bind,src=$work,dst=/w,options=rbind:rw" sh -c 'echo out > /w/out'
    op bind-came cat out
    op tmpfs once --mount type=tmpfs,src=tmpfs,dst=/t,options=size=1m sh -c 'df /t | tail -n 1'
    op hostname once hostname
    op host-network once --net-host echo ok
    op annotation once --annotation a=b echo ok
    op null-io once --null-io echo nothing
    op memory once --memory-limit 67108864 echo ok
    op oom once --memory-limit 33554432 tail /dev/zero
    op cpus once --cpus 0.5 echo ok
    op cpu-shares once --cpu-shares 100 echo ok
    op cgroup once --cgroup /runsc-test/own echo ok
    op privileged once --privileged echo ok
    op pid-1 once sh -c 'kill -TERM $$; echo alive'
    op orphans once sh -c '(sleep 0.2; echo late) & exit 0'
    op tty on_tty "$ctr run --runtime io.containerd.runc.v2 --runc-binary $(binary) --rm -t $image tty sh -c 'tty; echo ok'"
    op tty-size on_tty "stty cols 91 rows 17; $ctr run --runtime io.containerd.runc.v2 --runc-binary $(binary) --rm -t $image tty sh -c 'sleep 0.3; stty size'"

    op spec-user spec '.process.user = { uid: 1000, gid: 1000, additionalGids: [7, 8] } | .process.args = ["id"]'
    op spec-umask spec '.process.user.umask = 63 | .process.args = ["sh", "-c", "umask"]'
    op spec-rlimit spec '.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }] | .process.args = ["sh", "-c", "ulimit -n; ulimit -Hn"]'
    op spec-hostname spec '.hostname = "box" | .process.args = ["hostname"]'
    op spec-pids spec '.linux.resources.pids.limit = 5 | .process.args = ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait"]'
    op spec-ids spec '.linux.namespaces += [{ type: "user" }] | .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }] | .linux.gidMappings = .linux.uidMappings | .process.args = ["cat", "/proc/self/uid_map"]'

    op run-d start -d --pid-file "$work/pid" --label app=test $image c2 sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
    op pid-file sh -c "test \$(cat pid) = \$($ctr task ls | awk '\$1 == \"c2\" { print \$2 }') && echo same"
    op task-ls sh -c "$ctr task ls | grep -o 'c2.*RUNNING' | tr -d '0-9 '"
    op label sh -c "$ctr c ls -q labels.app==test"
    op info sh -c "$ctr c info c2 | jq -r '.Runtime.Name, .Image'"
    # On a busy host ctr drops what a process says just before it ends: these wait a little.
    op exec c task exec --exec-id e1 c2 sh -c 'echo in; sleep 0.1'
    op exec-status c task exec --exec-id e2 c2 sh -c 'exit 3'
    op exec-stdin sh -c "echo foo | $ctr task exec --exec-id e4 c2 sh -c 'cat; sleep 0.1'"
    op exec-no-command c task exec --exec-id e5 c2 nosuch
    op exec-no-path c task exec --exec-id e6 c2 /nosuch
    op exec-tty on_tty "$ctr task exec -t --exec-id e7 c2 sh -c 'sleep 0.3; tty; echo ok; exit 4'"
    op exec-d c task exec -d --exec-id e8 c2 sh -c 'echo made > /tmp/made; exec sleep 100'
    sleep 0.3
    op exec-d-ran c task exec --exec-id e9 c2 sh -c 'cat /tmp/made; sleep 0.1'
    op exec-d-ps sh -c "$ctr task ps c2 | grep -c e8"
    op exec-d-kill c task kill --exec-id e8 -s KILL c2
    op exec-d-gone sh -c "sleep 0.3; timeout 5 ctr -a $work/sock task exec --exec-id e10 c2 ps | grep -c '[s]leep 100'"
    op exec-self c task exec --exec-id e11 c2 sh -c 'readlink /proc/1/exe; hostname > /dev/null && echo ok; sleep 0.1'
    quiet ps c task ps c2
    op metrics sh -c "$ctr task metrics --format json c2 | jq -r 'keys | join(\" \")'"
    op metrics-memory sh -c "$ctr task metrics --format json c2 | jq '.memory.usage.usage > 0'"
    op pause c task pause c2
    op paused sh -c "$ctr task ls | grep -o PAUSED"
    op exec-paused c task exec --exec-id e12 c2 true
    op resume c task resume c2
    kill $daemon && wait $daemon
    start_engine
    op after-restart sh -c "$ctr task ls | grep -o 'c2.*RUNNING' | tr -d '0-9 '"
    op exec-after-restart c task exec --exec-id e13 c2 sh -c 'cat /tmp/made; sleep 0.1'
    op checkpoint-name c task checkpoint --image-path "$work/nosuch/x" --work-path "$work/cp" nosuch
    op snapshot sh -c "$ctr snapshots info c2 | jq -r .Kind"
    op snapshot-diff sh -c "$ctr snapshots diff c2 | tar -tz | grep tmp/made"
    op snapshot-mounts sh -c "$ctr snapshots mounts /mnt c2 | grep -c overlay"
    # To look up a user ctr mounts the overlay once more, and nothing can be copied up after that.
    op exec-who c task exec --exec-id e3 --user 1000 --cwd /tmp c2 sh -c 'id -u; pwd; sleep 0.1'
    op term c task kill c2
    ended c2
    op kill-ended c task kill c2
    op task-status c task rm c2
    op rm c c rm c2
    op rm-again c c rm c2

    op run-d-again start -d $image c3 sleep 100
    op rm-running c task rm c3
    op start-twice c task start -d c3
    op kill-all c task kill -a -s KILL c3
    ended c3
    op start-ended c task start -d c3
    op task-rm c task rm c3
    op start-again c task start -d c3
    op rm-force c task rm -f c3
    op attach-none c task attach c3
    op rm-c3 c c rm c3
    op bare start --rm --rootfs "$work/bb" bare /bin/sh -c 'echo bare; /bin/cat /etc/group | /bin/head -n 1'
    op many sh -c "for i in 1 2 3 4 5 6 7 8; do $ctr run --rm --runtime io.containerd.runc.v2 --runc-binary $(binary) $image m\$i echo \$i & done | sort"
    op left c task ls -q
    op left-containers c c ls -q
    op left-cgroups sh -c 'find /sys/fs/cgroup -path "*runsc-test/*" -type d | wc -l'
}
compare
