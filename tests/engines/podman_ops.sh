# What podman.sh and podman-rootless.sh do alike. Before they source it, they set
#
#   as       what runs a command as who podman is for; empty for root
#   storage  podman's directories, as flags
#   base     the first id that a container may be given
cat > containers.conf <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END
export CONTAINERS_CONF=$work/containers.conf
podman="$as podman $storage"
binary() { if [ $runtime = runc ]; then echo runc; else echo "$RUNSC"; fi; }
# shellcheck disable=SC2086 # words
p() { timeout -k 5 60 $podman --runtime "$(binary)" "$@"; }
run() { p run --rm --network none "$@"; }
p_tty() { on_tty "timeout 30 $podman --runtime $(binary) $*"; }
runtime=runc
p import -q -c 'CMD ["sh"]' bb.tar localhost/bb:1 > /dev/null || exit 77

ops() {
    op run run bb:1 echo hi
    op status run bb:1 sh -c 'exit 42'
    op no-command run bb:1 nosuch
    op no-path run bb:1 /nosuch
    op not-executable run bb:1 /etc/passwd
    op stderr run bb:1 sh -c 'echo err >&2'
    op who run --user 1000:1000 -e A=b -w /tmp --hostname box bb:1 sh -c 'id; echo $A $PWD $(hostname)'
    op groups run --user 1000 --group-add 7 bb:1 id -G
    op pid-1 run bb:1 sh -c 'kill -TERM $$; echo alive'
    op killed run bb:1 sh -c 'sh -c "kill -9 \$\$" 2> /dev/null; echo $?'
    quiet run-d p run -d --name d1 --network none bb:1 sh -c 'echo log; trap "exit 3" TERM; while :; do sleep 0.1; done'
    sleep 0.5
    op logs p logs d1
    op inspect p inspect -f '{{.State.Status}} {{.State.Running}} {{.OCIRuntime}}' d1
    op ps p ps -a --format '{{.Names}} {{.State}}'
    op exec p exec d1 echo in
    op exec-status p exec d1 sh -c 'exit 7'
    op exec-who p exec -e X=1 -u 5 -w /etc d1 sh -c 'echo $X $(id -u) $PWD'
    op exec-stdin sh -c "echo foo | timeout 20 $podman exec -i d1 cat"
    quiet exec-d p exec -d d1 sh -c 'echo made > /tmp/made'
    sleep 0.5
    op exec-d-ran p exec d1 cat /tmp/made
    op exec-no-command p exec d1 nosuch
    op exec-no-path p exec d1 /nosuch
    op exec-tty p_tty exec -it d1 sh -c "'tty; echo ok'"
    quiet top p top d1
    $as sh -c 'echo data > file'
    op cp-in p cp file d1:/etc/copied
    op cp-seen p exec d1 cat /etc/copied
    op cp-tmp p cp file d1:/tmp/copied
    op cp-out p cp d1:/tmp/made out
    op cp-came cat out
    op diff sh -c "timeout 20 $podman diff d1 | sort"
    quiet pause p pause d1
    op paused p inspect -f '{{.State.Status}}' d1
    op exec-paused p exec d1 true
    quiet unpause p unpause d1
    op stats p stats --no-stream --format '{{.Name}}' d1
    quiet update p update --cpus 1 --memory 200m d1
    quiet commit p commit -q d1 localhost/c:1
    op committed p run --rm --network none localhost/c:1 cat /tmp/made
    quiet stop p stop -t 5 d1
    op stopped p inspect -f '{{.State.Status}} {{.State.ExitCode}}' d1
    quiet start p start d1
    quiet restart p restart -t 0 d1
    quiet kill p kill d1
    op wait p wait d1
    op rm p rm -f d1
    $as mkdir -p vol && rm -f vol/*
    op volume run -v "$work/vol:/v:rw" bb:1 sh -c 'echo z > /v/z; cat /v/z'
    op volume-came cat vol/z
    op volume-ro run -v "$work/vol:/v:ro" bb:1 sh -c 'echo z > /v/y'
    op volume-named run -v named:/v bb:1 sh -c 'echo z > /v/z; cat /v/z'
    op volume-file run -v "$work/file:/file:ro" bb:1 cat /file
    op tmpfs run --tmpfs /t:size=1m bb:1 sh -c 'df /t | tail -n 1'
    op read-only run --read-only bb:1 sh -c 'echo x > /x'
    op caps run --cap-drop all --cap-add chown --cap-add kill bb:1 grep Cap /proc/self/status
    op caps-user run --user 1000 bb:1 grep Cap /proc/self/status
    op privileged run --privileged bb:1 echo ok
    op nnp run --security-opt no-new-privileges bb:1 grep NoNewPrivs /proc/self/status
    op init run --init bb:1 echo ok
    op ulimit run --ulimit nofile=100:100 --ulimit nproc=100:100 bb:1 sh -c 'ulimit -n; ulimit -u'
    op memory run -m 64m bb:1 echo ok
    op oom run -m 32m bb:1 tail /dev/zero
    op pids run --pids-limit 10 bb:1 sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait'
    op cpus run --cpus 0.5 bb:1 echo ok
    op umask run --umask 0077 bb:1 sh -c umask
    op masked run bb:1 sh -c 'ls /sys/firmware | wc -l; wc -c < /proc/kcore'
    op shm run bb:1 sh -c 'echo x > /dev/shm/x; cat /dev/shm/x'
    op uidmap run --uidmap 0:$base:5000 bb:1 sh -c 'id -u; touch /x; stat -c %u /x'
    op ids run --uidmap 0:$base:5000 bb:1 cat /proc/self/uid_map
    op pod p pod create --name pp --infra=false --replace > /dev/null
    op pod-run run --pod pp bb:1 echo in
    quiet pod-rm p pod rm -f pp
    quiet stdin-d p run -d -i --name a1 --network none bb:1 cat
    quiet rm-running p rm -f -t 0 a1
    quiet health p run -d --name h1 --health-cmd 'echo healthy' --network none bb:1 sleep 100
    op healthcheck p healthcheck run h1
    quiet health-rm p rm -f -t 0 h1
    op many sh -c "for i in 1 2 3 4 5 6 7 8; do timeout 60 $podman --runtime $(binary) run --rm --network none bb:1 echo \$i & done | sort"
    op left p ps -aq
    differs inspect "it names the runtime"
}
