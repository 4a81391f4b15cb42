#!/bin/bash
# Docker Swarm on one node: a service cannot name a runtime, so that each is the daemon's default
# for a while. The ingress mesh, which publishes ports, is the host's own and not tested.
. tests/engines/lib.sh docker.io iptables

export DOCKER_HOST=unix://$work/sock
docker=/usr/bin/docker
d() { timeout -k 5 60 $docker "$@"; }
# start_daemon RUNTIME
start_daemon() {
    cat > daemon.json <<END
{ "data-root": "$work/data", "exec-root": "$work/exec", "pidfile": "$work/pid", "hosts": ["unix://$work/sock"],
  "storage-driver": "overlay2", "exec-opts": ["native.cgroupdriver=cgroupfs"], "bridge": "none",
  "iptables": false, "ip-forward": false, "ip-masq": false,
  "runtimes": { "runsc": { "path": "$RUNSC" } }, "default-runtime": "$1" }
END
    setsid dockerd --config-file daemon.json > dockerd.log 2>&1 < /dev/null &
    for _ in $(seq 100); do d version > /dev/null 2>&1 && return; sleep 0.1; done
    tail -n 3 dockerd.log
    return 1
}
stop_engine() {
    [ -e pid ] || return
    d swarm leave --force
    d ps -aq | xargs -r docker rm -f > /dev/null
    kill "$(cat pid)"
    for _ in $(seq 100); do [ -e pid ] || break; sleep 0.1; done
    rm -rf data/swarm
}
service() { d service create --quiet --detach --no-resolve-image --restart-delay 100ms --network host --name "$@"; }
tasks() { d service ps --filter desired-state=running --format '{{.CurrentState}}' "$1" | grep -c '^Running'; }
images() { d service ps --filter desired-state=running --format '{{.Image}} {{.CurrentState}}' "$1" | cut -d' ' -f1,2 | sort | uniq -c | tr -s ' '; }
forever='trap "exit" TERM; while :; do sleep 0.1; done'

ops() {
    start_daemon $runtime || exit 77
    quiet import d import bb.tar bb:1
    quiet import-2 d import -c 'ENV VERSION=2' bb.tar bb:2
    quiet init d swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:22377
    op default d info --format '{{.Swarm.LocalNodeState}} {{.Swarm.Nodes}}'
    op node d node ls --format '{{.Status}} {{.Availability}} {{.ManagerStatus}}'
    quiet create service web --replicas 3 --env A=b --hostname 'box-{{.Task.Slot}}' bb:1 sh -c "echo \$A \$(hostname); $forever"
    until_is replicas 3 tasks web
    op ls d service ls --format '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}'
    op runtime sh -c "$docker ps -q | xargs $docker inspect -f '{{.HostConfig.Runtime}}' | sort -u | sed s/$runtime/ours/"
    until_is logs 3 sh -c "timeout 20 $docker service logs web 2>&1 | grep -c 'b box-[123]$'"
    op log-lines sh -c "timeout 20 $docker service logs --raw web 2>&1 | sort"
    op inspect d service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Image}} {{.Spec.Mode.Replicated.Replicas}}' web
    quiet scale d service scale --detach web=5
    until_is scaled 5 tasks web
    quiet scale-down d service scale --detach web=2
    until_is scaled-down 2 tasks web
    until_is stopped-well 2 sh -c "timeout 20 $docker ps -q --filter name=web | wc -l"
    op exec sh -c "$docker exec \$($docker ps -q --filter name=web.1) sh -c 'echo \$A'"

    quiet update d service update --quiet --detach --no-resolve-image --image bb:2 --update-parallelism 1 --update-delay 100ms web
    until_is updated ' 2 bb:2 Running' images web
    until_is update-state completed d service inspect -f '{{.UpdateStatus.State}}' web
    op updated-env sh -c "$docker exec \$($docker ps -q --filter name=web.1) sh -c 'echo \$VERSION'"
    quiet rollback d service rollback --quiet --detach web
    until_is rolled-back ' 2 bb:1 Running' images web
    until_is rollback-state rollback_completed d service inspect -f '{{.UpdateStatus.State}}' web
    quiet start-first d service update --quiet --detach --no-resolve-image --update-order start-first --env-add C=d web
    until_is start-first-state completed d service inspect -f '{{.UpdateStatus.State}}' web
    op start-first-env sh -c "$docker exec \$($docker ps -q --filter name=web.1) sh -c 'echo \$C'"
    quiet force d service update --quiet --detach --force web
    until_is forced completed d service inspect -f '{{.UpdateStatus.State}}' web

    quiet task-killed sh -c "$docker kill \$($docker ps -q --filter name=web.1)"
    until_is replaced 2 tasks web
    until_is failure 'non-zero exit (137)' sh -c "timeout 20 $docker service ps --no-trunc --format '{{.Error}}' web | grep -o 'non-zero.*)' | head -n 1"
    quiet task-removed sh -c "$docker rm -f \$($docker ps -q --filter name=web.2)"
    until_is replaced-again 2 tasks web

    node=$(d node ls -q)
    quiet drain d node update --availability drain "$node"
    until_is drained 0 sh -c "timeout 20 $docker ps -q | wc -l"
    op drained-node d node ls --format '{{.Status}} {{.Availability}}'
    quiet active d node update --availability active "$node"
    until_is active-again 2 tasks web
    quiet rm d service rm web
    until_is removed 0 sh -c "timeout 20 $docker ps -aq --filter name=web | wc -l"

    quiet job service job --mode replicated-job --replicas 3 --max-concurrent 2 --restart-condition none bb:1 echo done
    until_is job-complete 'job 0/2 (3/3 completed)' d service ls --format '{{.Name}} {{.Replicas}}'
    op job-logs d service logs --raw job
    quiet job-rm d service rm job
    quiet global service everywhere --mode global bb:1 sleep 100
    until_is global-runs 1 tasks everywhere
    quiet global-rm d service rm everywhere
    quiet crash service crash --restart-max-attempts 2 --restart-condition on-failure bb:1 sh -c 'exit 3'
    until_is crashed 3 sh -c "timeout 20 $docker service ps --no-trunc --format '{{.Error}}' crash | grep -c 'non-zero exit (3)'"
    quiet crash-rm d service rm crash
    quiet health service well --health-cmd 'test -e /tmp/well' --health-interval 300ms --health-retries 30 bb:1 sh -c "sleep 1; touch /tmp/well; $forever"
    until_is healthy healthy sh -c "timeout 20 $docker inspect -f '{{.State.Health.Status}}' \$($docker ps -q --filter name=well)"
    until_is healthy-task 1 tasks well
    quiet health-rm d service rm well

    quiet limits service small --limit-memory 32m --limit-pids 20 --limit-cpu 0.5 --restart-condition none bb:1 tail /dev/zero
    until_is oom 'non-zero exit (137)' sh -c "timeout 20 $docker service ps --no-trunc --format '{{.Error}}' small | grep -o 'non-zero.*)'"
    quiet limits-rm d service rm small
    echo secret | d secret create s1 - > /dev/null
    echo setting | d config create c1 - > /dev/null
    mkdir -p vol
    quiet files service files --secret s1 --config source=c1,target=/etc/setting,mode=0440 --mount type=bind,src=$work/vol,dst=/v \
        --mount type=tmpfs,dst=/t,tmpfs-size=1m --mount type=volume,src=named,dst=/n --user 1000 --group 7 --workdir /tmp \
        --read-only --cap-drop ALL --stop-signal INT --ulimit nofile=100:100 bb:1 \
        sh -c "cat /run/secrets/s1; id -u; id -G; pwd; ulimit -n; df /t | tail -n 1; ls -d /n; $forever"
    until_is files-logs 'secret|1000|1000 7|/tmp|100|tmpfs 1024 0 1024 0% /t|/n' sh -c "timeout 20 $docker service logs --raw files 2>&1 | tr -s ' ' | paste -sd'|'"
    op config sh -c "$docker exec -u 0 \$($docker ps -q --filter name=files) cat /etc/setting"
    op secret-mode sh -c "$docker exec \$($docker ps -q --filter name=files) stat -c %a /run/secrets/s1"
    quiet files-rm d service rm files
    until_is secret-rm s1 d secret rm s1
    until_is config-rm c1 d config rm c1

    cat > stack.yml <<END
version: "3.8"
services:
  one: { image: "bb:1", command: [sh, -c, '$forever'], deploy: { replicas: 2, resources: { limits: { memory: 64M } } }, networks: [host] }
  two: { image: "bb:1", command: [sh, -c, '$forever'], environment: { A: b }, networks: [host] }
networks: { host: { external: true, name: host } }
END
    quiet stack d stack deploy --resolve-image never -c stack.yml st
    until_is stack-runs '1/1 2/2' sh -c "timeout 20 $docker stack services --format '{{.Replicas}}' st | sort | paste -sd' '"
    op stack-ps sh -c "timeout 20 $docker stack ps --format '{{.Name}} {{.DesiredState}}' st | sort"
    op stack-env sh -c "$docker exec \$($docker ps -q --filter name=st_two) sh -c 'echo \$A'"
    quiet stack-rm d stack rm st
    until_is left 0 sh -c "timeout 20 $docker ps -aq | wc -l"
    quiet leave d swarm leave --force
    op left-swarm d info --format '{{.Swarm.LocalNodeState}}'
    stop_engine > /dev/null 2>&1
}
compare
