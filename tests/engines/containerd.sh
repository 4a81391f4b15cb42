#!/bin/bash
# containerd with its stock shim, by ctr: the same operations on runc and on us.
. tests/engines/lib.sh containerd podman

cat > config.toml <<END
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/sock"
[ttrpc]
  address = "$work/ttrpc"
END
setsid containerd -c config.toml > containerd.log 2>&1 < /dev/null &
daemon=$!
c() { timeout 60 ctr -a "$work/sock" "$@"; }
stop_engine() { c task ls -q | xargs -r -n 1 ctr -a "$work/sock" task rm -f; kill $daemon; wait $daemon; }
binary() { if [ $runtime = runc ]; then command -v runc; else echo "$RUNSC"; fi; }
run() { c run --runtime io.containerd.runc.v2 --runc-binary "$(binary)" "$@"; }
for _ in $(seq 100); do c version > /dev/null 2>&1 && break; sleep 0.1; done
podman --root "$work/p" --runroot "$work/r" import -q bb.tar localhost/bb:1 > /dev/null &&
    podman --root "$work/p" --runroot "$work/r" save -q -o image.tar localhost/bb:1 && umount "$work/p/overlay" 2> /dev/null
c image import image.tar > /dev/null || { tail -n 3 containerd.log; exit 77; }
image=localhost/bb:1

ops() {
    op run run --rm $image c1 echo hi
    op status run --rm $image c1 sh -c 'exit 5'
    op no-path run --rm $image c1 /nosuch
    c c rm c1 > /dev/null 2>&1
    op run-d run -d $image c2 sleep 100
    op exec c task exec --exec-id e1 c2 echo in
    op exec-status c task exec --exec-id e2 c2 sh -c 'exit 3'
    quiet ps c task ps c2
    quiet metrics c task metrics c2
    op pause c task pause c2
    op paused sh -c "ctr -a $work/sock task ls | grep -o PAUSED"
    op resume c task resume c2
    op kill c task kill -s KILL c2
    sleep 0.5
    op task-rm c task rm c2
    op rm c c rm c2
    op memory run --rm --memory-limit 67108864 $image c3 echo ok
    op cpus run --rm --cpus 0.5 $image c4 echo ok
    op tty on_tty "timeout 30 ctr -a $work/sock run --runtime io.containerd.runc.v2 --runc-binary $(binary) --rm -t $image c5 sh -c 'tty; echo ok'"
    op read-only run --rm --read-only $image c7 sh -c 'echo x > /x'
    op host-network run --rm --net-host $image c8 echo ok
    op left c task ls -q
}
compare
