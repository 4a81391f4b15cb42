# What docker.sh and podman_ops.sh do alike: the words are the same but for the engine's name.
# Before they source it, they define
#
#   e            the engine with the runtime that $runtime names, for a minute at most
#   start        the same with `run`, without a network; e and start take the engine's own words
#   words        prints what e runs, for a shell or a terminal
#   as           what runs a command as who the engine is for; empty for root
run() { start --rm "$@"; }
e_tty() { on_tty "timeout 30 $(words) $*"; }

# A container for one command.
ops_once() {
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
}

# One that goes on, and what is done to it meanwhile.
ops_live() {
    quiet run-d start -d --name d1 bb:1 sh -c 'echo log; trap "exit 3" TERM; while :; do sleep 0.1; done'
    sleep 0.5
    op logs e logs d1
    op exec e exec d1 echo in
    op exec-status e exec d1 sh -c 'exit 7'
    op exec-who e exec -e X=1 -u 5 -w /etc d1 sh -c 'echo $X $(id -u) $PWD'
    op exec-stdin sh -c "echo foo | timeout 20 $(words) exec -i d1 cat"
    quiet exec-d e exec -d d1 sh -c 'echo made > /tmp/made'
    sleep 0.5
    op exec-d-ran e exec d1 cat /tmp/made
    op exec-no-command e exec d1 nosuch
    op exec-no-path e exec d1 /nosuch
    op exec-tty e_tty exec -it d1 sh -c "'tty; echo ok'"
    quiet top e top d1
    $as sh -c 'echo data > file'
    op cp-in e cp file d1:/etc/copied
    op cp-seen e exec d1 cat /etc/copied
    op cp-out e cp d1:/tmp/made out
    op cp-came cat out
    op diff sh -c "timeout 20 $(words) diff d1 | sort"
}

# What is left of its life.
ops_end() {
    quiet pause e pause d1
    op paused e inspect -f '{{.State.Status}}' d1
    op exec-paused e exec d1 true
    quiet unpause e unpause d1
    op stats e stats --no-stream --format '{{.Name}}' d1
    quiet update e update --cpus 1 --memory 200m --memory-swap 200m d1
    quiet stop e stop -t 5 d1
    op stopped e inspect -f '{{.State.Status}} {{.State.ExitCode}}' d1
    quiet start e start d1
    quiet restart e restart -t 0 d1
    quiet kill e kill d1
    op wait e wait d1
    op rm e rm -f d1
}

# What a container is given, and what it may do.
ops_view() {
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
    op nnp run --security-opt no-new-privileges bb:1 grep NoNewPrivs /proc/self/status
    op init run --init bb:1 echo ok
    op ulimit run --ulimit nofile=100:100 --ulimit nproc=100:100 bb:1 sh -c 'ulimit -n; ulimit -u'
    op memory run -m 64m bb:1 echo ok
    op pids run --pids-limit 10 bb:1 sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait'
    op cpus run --cpus 0.5 bb:1 echo ok
    op masked run bb:1 sh -c 'exec 2>&1; ls /sys/firmware | wc -l; wc -c < /proc/kcore'
    op shm run bb:1 sh -c 'echo x > /dev/shm/x; cat /dev/shm/x'
}
