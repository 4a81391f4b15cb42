#!/bin/bash
# Docker: a daemon of our own, the same operations on runc and on us.
. tests/engines/lib.sh docker.io iptables

cat > daemon.json <<END
{ "data-root": "$work/data", "exec-root": "$work/exec", "pidfile": "$work/pid", "hosts": ["unix://$work/sock"],
  "storage-driver": "overlay2", "exec-opts": ["native.cgroupdriver=cgroupfs"], "bridge": "none",
  "iptables": false, "ip-forward": false, "ip-masq": false,
  "runtimes": { "runsc": { "path": "$RUNSC" } } }
END
export DOCKER_HOST=unix://$work/sock
setsid dockerd --config-file daemon.json > dockerd.log 2>&1 < /dev/null &
stop_engine() {
    e ps -aq | xargs -r docker rm -f > /dev/null
    kill "$(cat pid)"
    for _ in $(seq 100); do [ -e pid ] || break; sleep 0.1; done
}
as=
words() { echo /usr/bin/docker; }
e() { timeout 60 /usr/bin/docker "$@"; }
start() { e run --runtime $runtime --network none "$@"; }
. "$top/tests/engines/ops.sh"
for _ in $(seq 100); do e version > /dev/null 2>&1 && break; sleep 0.1; done
e import bb.tar bb:1 > /dev/null || { tail -n 3 dockerd.log; exit 77; }

ops() {
    ops_once
    op host-network e run --runtime $runtime --rm --network host bb:1 echo host
    ops_live
    quiet commit e commit d1 c:1
    ops_end
    ops_view
    quiet oom start --name oom -m 32m bb:1 tail /dev/zero
    op oom-flag e inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' oom
    quiet oom-rm e rm -f oom
    op tty e_tty run --runtime $runtime --rm -it --network none bb:1 sh -c "'tty; echo ok; sleep 0.2'"
    quiet again start -d --name again --restart on-failure:2 bb:1 sh -c 'exit 1'
    sleep 3
    op again-count e inspect -f '{{.RestartCount}}' again
    quiet again-rm e rm -f again
    quiet health start -d --name h1 --health-cmd 'echo healthy' --health-interval 1s bb:1 sleep 100
    sleep 3
    op healthy e inspect -f '{{.State.Health.Status}}' h1
    quiet health-rm e rm -f h1
    op pid-host run --pid host bb:1 echo ok
    quiet shared start -d --name s1 --ipc shareable bb:1 sleep 100
    op join-ipc run --ipc container:s1 bb:1 echo joined
    op join-net e run --runtime $runtime --rm --network container:s1 bb:1 echo joined
    quiet shared-rm e rm -f s1
    op many sh -c "for i in 1 2 3 4 5 6 7 8; do timeout 60 $(words) run --runtime $runtime --rm --network none bb:1 echo \$i & done | sort"
    op left e ps -aq
}
compare
