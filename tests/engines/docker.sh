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
    d ps -aq | xargs -r docker rm -f > /dev/null
    kill "$(cat pid)"
    for _ in $(seq 100); do [ -e pid ] || break; sleep 0.1; done
}
docker=/usr/bin/docker
d() { timeout 60 $docker "$@"; }
run() { d run --runtime $runtime --rm --network none "$@"; }
for _ in $(seq 100); do d version > /dev/null 2>&1 && break; sleep 0.1; done
d import bb.tar bb:1 > /dev/null || { tail -n 3 dockerd.log; exit 77; }

ops() {
    op run run bb:1 echo hi
    op status run bb:1 sh -c 'exit 42'
    op no-command run bb:1 nosuch
    op no-path run bb:1 /nosuch
    op not-executable run bb:1 /etc/passwd
    op who run --user 1000:1000 -e A=b -w /tmp --hostname box bb:1 sh -c 'id; echo $A $PWD $(hostname)'
    op pid-1 run bb:1 sh -c 'kill -TERM $$; echo alive'
    op host-network d run --runtime $runtime --rm --network host bb:1 echo host
    quiet run-d d run -d --runtime $runtime --name d1 --network none bb:1 sh -c 'echo log; trap "exit 3" TERM; while :; do sleep 0.1; done'
    sleep 0.3
    op logs d logs d1
    op exec d exec d1 echo in
    op exec-status d exec d1 sh -c 'exit 7'
    op exec-who d exec -e X=1 -u 5 -w /etc d1 sh -c 'echo $X $(id -u) $PWD'
    op exec-stdin sh -c "echo foo | timeout 20 $docker exec -i d1 cat"
    quiet exec-d d exec -d d1 sh -c 'echo made > /tmp/made'
    sleep 0.5
    op exec-d-ran d exec d1 cat /tmp/made
    op exec-no-command d exec d1 nosuch
    op exec-tty on_tty "timeout 30 $docker exec -it d1 sh -c 'tty; echo ok'"
    quiet top d top d1
    echo data > file
    op cp-in d cp file d1:/etc/copied
    op cp-seen d exec d1 cat /etc/copied
    op cp-out d cp d1:/tmp/made out
    op cp-came cat out
    op diff sh -c "timeout 20 $docker diff d1 | sort"
    op pause d pause d1
    op paused d inspect -f '{{.State.Status}}' d1
    op unpause d unpause d1
    op stats d stats --no-stream --format '{{.Name}}' d1
    op update d update --cpus 1 --memory 100m --memory-swap 100m d1
    quiet commit d commit d1 c:1
    op stop d stop -t 5 d1
    op stopped d inspect -f '{{.State.Status}} {{.State.ExitCode}}' d1
    op start d start d1
    op restart d restart -t 0 d1
    op kill d kill d1
    op wait d wait d1
    op rm d rm -f d1
    mkdir -p vol && rm -f vol/*
    op volume run -v "$work/vol:/v:rw" bb:1 sh -c 'echo z > /v/z; cat /v/z'
    op volume-ro run -v "$work/vol:/v:ro" bb:1 sh -c 'echo z > /v/y'
    op volume-named run -v named:/v bb:1 sh -c 'echo z > /v/z; cat /v/z'
    op tmpfs run --tmpfs /t:size=1m bb:1 sh -c 'df /t | tail -n 1'
    op read-only run --read-only bb:1 sh -c 'echo x > /x'
    op caps run --cap-drop all --cap-add chown bb:1 grep Cap /proc/self/status
    op nnp run --security-opt no-new-privileges bb:1 grep NoNewPrivs /proc/self/status
    op init run --init bb:1 echo ok
    op ulimit run --ulimit nofile=100:100 bb:1 sh -c 'ulimit -n'
    quiet oom d run --runtime $runtime --name oom --network none -m 32m bb:1 tail /dev/zero
    op oom-flag d inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' oom
    quiet oom-rm d rm -f oom
    op pids run --pids-limit 10 bb:1 sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait'
    op tty on_tty "timeout 30 $docker run --runtime $runtime --rm -it --network none bb:1 sh -c 'tty; echo ok; sleep 0.2'"
    quiet again d run -d --runtime $runtime --name again --restart on-failure:2 --network none bb:1 sh -c 'exit 1'
    sleep 3
    op again-count d inspect -f '{{.RestartCount}}' again
    quiet again-rm d rm -f again
    quiet health d run -d --runtime $runtime --name h1 --health-cmd 'echo healthy' --health-interval 1s --network none bb:1 sleep 100
    sleep 3
    op healthy d inspect -f '{{.State.Health.Status}}' h1
    quiet health-rm d rm -f h1
    op pid-host run --pid host bb:1 echo ok
    quiet shared d run -d --runtime $runtime --name s1 --ipc shareable --network none bb:1 sleep 100
    op join-ipc run --ipc container:s1 bb:1 echo joined
    op join-net d run --runtime $runtime --rm --network container:s1 bb:1 echo joined
    quiet shared-rm d rm -f s1
    op many sh -c "for i in 1 2 3 4 5 6 7 8; do timeout 60 $docker run --runtime $runtime --rm --network none bb:1 echo \$i & done | sort"
    op left d ps -aq
}
compare
