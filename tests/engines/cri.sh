#!/bin/bash
# containerd's CRI, as Kubernetes uses it: pods of several containers, on runc and on us.
. tests/engines/lib.sh containerd podman python3-grpcio containernetworking-plugins
client=$top/tests/engines/cri.py

cat > config.toml <<END
version = 2
root = "$work/root"
state = "$work/state"
[grpc]
  address = "$work/sock"
[ttrpc]
  address = "$work/ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$work/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    BinaryName = "$(command -v runc)"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc.options]
    BinaryName = "$RUNSC"
END
mkdir -p cni logs
cat > cni/10-test.conflist <<END
{ "cniVersion": "0.4.0", "name": "runsc-cri", "plugins": [
  { "type": "bridge", "bridge": "runsc-cri0", "ipam": { "type": "host-local", "dataDir": "$work/ipam", "subnet": "10.213.77.0/24" } } ] }
END
setsid containerd -c config.toml > containerd.log 2>&1 < /dev/null &
daemon=$!
cri() { timeout 60 /usr/bin/python3 "$client" "$work/sock" "$runtime" "$@"; }
stop_engine() {
    for ns in k8s.io; do ctr -a "$work/sock" -n $ns task ls -q | xargs -r -n 1 ctr -a "$work/sock" -n $ns task rm -f; done
    kill $daemon; wait $daemon
    ip link del runsc-cri0
}
for _ in $(seq 100); do ctr -a "$work/sock" version > /dev/null 2>&1 && break; sleep 0.1; done
p() { podman --root "$work/p" --runroot "$work/r" "$@"; }
p import -q bb.tar localhost/bb:1 > /dev/null &&
    p import -q -c 'ENTRYPOINT ["/bin/sleep", "100000"]' bb.tar localhost/pause:1 > /dev/null &&
    p save -q -o bb-image.tar localhost/bb:1 && p save -q -o pause-image.tar localhost/pause:1 && umount "$work/p/overlay" 2> /dev/null
for image in bb pause; do
    ctr -a "$work/sock" -n k8s.io image import $image-image.tar > /dev/null || { tail -n 3 containerd.log; exit 77; }
done

# make POD NAME SHARED MEMORY COMMAND…: created and started; its id is in $id
make() {
    local pod=$1 name=$2 shared=$3 memory=$4; shift 4
    id=$(cri create "$pod" "$pod_name" "$name" localhost/bb:1 "$shared" "$memory" "$@") && cri start "$id"
}
# A reason may come after the end that it is of.
until_it_is() { for _ in $(seq 50); do [ "$(cri status "$1" | cut -d' ' -f1)" = "$2" ] && break; sleep 0.2; done; sleep 1; cri status "$1"; }
# Sorted by stream: containerd copies each by itself, and either may come first.
sorted() { "$@" 2>&1 | sort; return "${PIPESTATUS[0]}"; } # of two streams either may come first
log_of() { cut -d' ' -f2- "logs/$1.log" | sort -s -k1,1; }

ops() {
    rm -rf logs; mkdir logs
    pod_name=one
    pod=$(cri run-pod one) || cat containerd.log | tail -3
    op pod cri pod-status "$pod"
    make "$pod" a '' 0 sh -c 'echo out; echo err >&2; trap "exit 7" TERM; while :; do sleep 0.1; done'; a=$id
    make "$pod" b '' 0 sh -c 'echo $NAME; hostname; exec sleep 1000'; b=$id
    op two cri list
    op status cri status "$a"
    op status-b cri status "$b"
    op log log_of a
    op log-b log_of b
    op exec-sync cri exec-sync "$a" echo hi
    op exec-sync-status cri exec-sync "$a" sh -c 'echo e >&2; exit 3'
    op exec-sync-b cri exec-sync "$b" sh -c 'echo $NAME; cat /proc/1/comm'
    op exec-none cri exec-sync "$a" /nosuch
    op exec-stream sorted cri exec "$b" 0 sh -c 'echo streamed; echo e >&2'
    op exec-stream-status cri exec "$b" 0 sh -c 'exit 4'
    op exec-tty cri exec "$b" 1 sh -c 'tty | tr -d 0-9; test -t 0 && echo yes'
    op pids cri exec-sync "$b" sh -c 'set -- /proc/[0-9]*; echo $#'
    op stats cri stats "$a"
    op stats-b cri stats "$b"
    op update cri update "$b" 67108864
    op updated sh -c "cat /sys/fs/cgroup/memory/cri-test/$b/memory.limit_in_bytes /sys/fs/cgroup/cri-test/$b/memory.max 2> /dev/null"
    op shm cri exec-sync "$a" sh -c 'echo shared > /dev/shm/x'
    op shm-b cri exec-sync "$b" cat /dev/shm/x
    op own-files cri exec-sync "$a" sh -c 'echo a > /own'
    op own-files-b cri exec-sync "$b" cat /own
    op host cri exec-sync "$b" hostname
    op stop cri stop "$a" 5
    op stopped cri status "$a"
    op exec-stopped cri exec-sync "$a" true
    op others cri status "$b"
    op rm cri rm "$a"
    make "$pod" c '' 0 sh -c 'exit 5'; op ends until_it_is "$id" exited
    op rm-c cri rm "$id"
    make "$pod" d '' 33554432 sh -c 'exec awk "BEGIN { x = \"0123456789abcdef\"; while (1) x = x x }"'
    op oom until_it_is "$id" exited
    op rm-d cri rm "$id"
    make "$pod" tty '' 0 sh -c 'tty'; op tty until_it_is "$id" exited
    op tty-log log_of tty
    op others-still cri exec-sync "$b" echo on
    op no-program make "$pod" e '' 0 /nosuch
    op kill cri stop "$b" 0
    op killed cri status "$b"
    op stop-pod cri stop-pod "$pod"
    op pod-stopped cri pod-status "$pod"
    op rm-pod cri rm-pod "$pod"
    op left cri list
    op left-pods cri list-pods

    pod_name=two
    pod=$(cri run-pod two shared)
    make "$pod" f shared 0 sleep 1001; f=$id
    make "$pod" g shared 0 sh -c 'exec sleep 1002'; g=$id
    op shared-pids cri exec-sync "$f" sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -o "sleep 100[12]" | sort'
    op shared-first cri exec-sync "$g" sh -c 'tr "\0" " " < /proc/1/cmdline'
    op stop-shared cri stop "$f" 0
    op shared-goes-on cri exec-sync "$g" echo on
    op rm-whole-pod cri stop-pod "$pod"
    op g-went-along cri status "$g"
    op rm-two cri rm-pod "$pod"
    op nothing-left cri list
}
compare
