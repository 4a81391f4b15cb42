# time-limit: 180
# Pods: several containers in one sentry, each with a process, files and an end of its own.
. tests/runsc/oci/lib.sh
[ "$(id -u)" = 0 ] || skip "engines make pods as root"

# sandbox ID [FILTER]; member ID SANDBOX ARGS [FILTER]: made, not started
cri='.annotations["io.kubernetes.cri.container-type"]'
sandbox() {
    bundle "$1" "$(args sleep 1000) | $cri=\"sandbox\" | .hostname=\"$1\" | ${2:-.}"
    rs run -d --bundle "$1" "$1" > "$1.out" 2>&1 < /dev/null || fail "the sandbox $1: $(cat "$1.out")"
}
joined() { printf '.linux.namespaces=[{type:"mount"},%s{type:"network",path:"/proc/%d/ns/net"},{type:"ipc",path:"/proc/%d/ns/ipc"},{type:"uts",path:"/proc/%d/ns/uts"}] | del(.hostname)' "$2" "$1" "$1" "$1"; }
member() {
    local pid; pid=$(rs state "$2" | jq .pid)
    bundle "$1" "$3 | $cri=\"container\" | .annotations[\"io.kubernetes.cri.sandbox-id\"]=\"$2\" | $(joined "$pid" '{type:"pid"},') | ${4:-.}"
    rs create --bundle "$1" --pid-file "$1.pid" "$1" > "$1.out" 2>&1 < /dev/null || { cat "$1.out"; return 1; }
}
sentries() { named runsc-sentry | wc -l; }
one_sentry() { [ "$(sentries)" = 1 ] || fail "$1: $(sentries) sentries"; }

sandbox p
member a p "$(args sh -c 'echo up; echo a > /file; trap "exit 7" TERM; while :; do sleep 0.05; done')" || fail "a is not made"
status_is "made" created a
one_sentry "with one container"
rs start a || fail "start a"
status_is "started" running a
eventually 5 grep -q up a.out || fail "a does not write to its stdout"
member b p "$(args sh -c 'sleep 1000 & exec sleep 1001')" || fail "b is not made"
rs start b || fail "start b"
one_sentry "with two containers"

is "exec in a" "in a" rs exec a sh -c 'echo in $(cat /file)'
ends "exec in b" 5 rs exec b sh -c 'exit 5'
is "a has its own files" "a" cat a/rootfs/file
is "b has none of them" "no" rs exec b sh -c '[ -e /file ] && echo yes || echo no'
is "pids of their own" "1" rs exec b sh -c 'grep -l "sleep.[1]001" /proc/[0-9]*/cmdline | tr -dc 0-9'
is "b sees its two and who looks" "3" rs exec b sh -c 'set -- /proc/[0-9]*; echo $#'
is "a sees nothing of the sandbox" "0" rs exec a sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -c "[s]leep 1000" || :'
is "the sandbox sees nothing of them" "1" rs exec p sh -c 'cat /proc/[0-9]*/comm | grep -c sleep'
is "one host name" "p" rs exec a hostname
ends "which one may change" 0 rs exec --cap CAP_SYS_ADMIN a hostname q
is "for all" "q" rs exec b hostname


# What the engine shares, and what it does not.
mkdir shm && chmod 1777 shm
share='.mounts += [{destination:"/dev/shm",type:"bind",source:"'$PWD'/shm",options:["rbind","rw"]}]'
pid=$(rs state p | jq .pid)
bundle c "$(args sh -c 'echo c > /dev/shm/x; sleep 1002 & sleep 1003') | $cri=\"container\" | .annotations[\"io.kubernetes.cri.sandbox-id\"]=\"p\"
    | $(joined "$pid" "{type:\"pid\",path:\"/proc/$pid/ns/pid\"},") | $share | .process.user={uid:1000,gid:1000}
    | .linux.resources.pids.limit=6 | .linux.resources.memory.limit=67108864 | .linux.seccomp={defaultAction:\"SCMP_ACT_ALLOW\",syscalls:[{names:[\"mkdir\",\"mkdirat\"],action:\"SCMP_ACT_ERRNO\"}]}"
rs run -d --bundle c c > c.out 2>&1 < /dev/null || fail "c, with the pids of the sandbox: $(cat c.out)"
one_sentry "with three containers"
is "the sandbox sees c's" "1002 1003" rs exec p sh -c 'sleep 0.2; cat /proc/[0-9]*/cmdline | tr "\\0" "\\n" | grep "100[23]" | sort | tr "\\n" " " | sed "s/ $//"'
is "c's root is nobody's first process" "no" rs exec c sh -c '[ "$(readlink /proc/1/exe)" = "$(readlink /proc/self/exe)" ] && [ $$ = 1 ] && echo yes || echo no'
eventually 2 test -s shm/x || fail "c does not write to the pod's /dev/shm"
member e p "$(args sh -c 'cat /dev/shm/x; echo e >> /dev/shm/y') | $share" && rs start e || fail "e is not started"
eventually 3 has_status e stopped || fail "e does not end"
is "e reads what c has written" c cat e.out
ends "delete e" 0 rs delete e
says "c's profile is c's" "not permitted" rs exec --user 0 c mkdir /tmp/d
ends "and not b's" 0 rs exec b mkdir /tmp/d
says "c's limit of processes, too" "can't fork" rs exec c sh -c 'sleep 1 & sleep 1 & sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait'
ends "b has none" 0 rs exec b sh -c 'sleep 0 & sleep 0 & sleep 0 & sleep 0 & sleep 0 & sleep 0 & wait'
is "c's memory" "65536" rs exec c sh -c 'while read -r name kb unit; do [ $name = MemTotal: ] && echo $kb; done < /proc/meminfo; :'
is "c's user" "1000" rs exec c id -u
ends "kill c" 0 rs kill c 9
eventually 2 has_status c stopped || fail "c lives"
is "all of c has ended" "" rs exec p sh -c 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n" | grep "100[23]"; :'
ends "delete c" 0 rs delete c
status_is "when c has ended" running p

# Another network: a sentry of its own, and it works all the same.
bundle f "$(args sleep 1000) | $cri=\"container\" | .annotations[\"io.kubernetes.cri.sandbox-id\"]=\"p\""
rs run -d --bundle f f > f.out 2>&1 < /dev/null || fail "f, with a network of its own: $(cat f.out)"
[ "$(sentries)" = 2 ] || fail "with a network of its own: $(sentries) sentries"
is "exec in it" "f" rs exec f echo f
rs delete --force f

# Another container costs a fraction of what another sandbox does, beside its own program and data.
memory() {
    for pid in $(named runsc) $(named runsc-gofer) $(named runsc-sentry); do cat "/proc/$pid/smaps_rollup"; done |
        awk '/^Pss_(Anon|Shmem):/ { sum += $2 } END { print sum }'
}
before=$(memory)
for c in m1 m2 m3 m4; do member $c p "$(args sleep 1000)" && rs start $c || fail "$c is not started"; done
each=$((($(memory) - before) / 4))
for c in m1 m2 m3 m4; do rs delete --force $c; done
before=$(memory)
bundle m1 "$(args sleep 1000)" && rs run -d --bundle m1 m1 > /dev/null 2>&1 < /dev/null
alone=$(($(memory) - before))
rs delete --force m1
[ $((each * 2)) -lt $alone ] || fail "another container has $each KiB of its own, another sandbox $alone"
[ -z "${VERBOSE:-}" ] || echo "another container: $each KiB of its own; another sandbox: $alone"

# Ends: one container's is nobody else's; what its files were on can be unmounted at once.
mkdir -p m && mount -t tmpfs none m && cp -a image m/rootfs && mkdir -p d && ln -sfn "$PWD/m/rootfs" d/rootfs || skip "no tmpfs"
member d p "$(args sh -c 'exec 3< /etc/passwd; while read -t 1 x < /dev/zero; do :; done; sleep 0.2; exit 9')" || fail "d is not made"
"$busybox" true
pid=$(cat d.pid)
rs start d || fail "start d"
eventually 5 has_status d stopped || fail "d does not end"
umount m || fail "d's files are held: $(ls -l /proc/$(named runsc-sentry)/fd /proc/$(named runsc-sentry)/map_files | grep "$PWD/m")"
ends "delete d" 0 rs delete d
ends "kill a" 0 rs kill a TERM
eventually 5 has_status a stopped || fail "a does not end of a TERM"
says "exec in what has ended" "stopped container" rs exec a true
ends "delete a" 0 rs delete a
status_is "when a has ended" running b
status_is "when a has ended" running p
is "b goes on" "on" rs exec b echo on
member a p "$(args sh -c 'sleep 1000 & sleep 1000')" || fail "a is not made again"
rs start a || fail "start a again"
ends "kill --all" 0 rs kill --all a 9
eventually 2 has_status a stopped || fail "kill --all a"
ends "delete a again" 0 rs delete a
status_is "when all of a was killed" running b

# Whatever of a container is killed, the others go on, and its name is free again.
for victim in anchor runsc-gofer; do
    member a p "$(args sleep 1000)" && rs start a || fail "start before its $victim is killed"
    if [ $victim = anchor ]; then kill -KILL "$(cat a.pid)"; else kill -KILL $(ps -o pid= --ppid "$(cat a.pid)"); fi
    eventually 2 has_status a stopped || fail "its $victim was killed, and a is $(rs state a | jq -r .status)"
    ends "delete --force after its $victim was killed" 0 rs delete --force a
    status_is "when a's $victim was killed" running b
    is "b goes on when a's $victim was killed" "on" rs exec b echo on
done
member a p "$(args sleep 1000)" || fail "a is not made"
ends "one that was never started is deleted" 0 rs delete --force a
member a p "$(args /nosuch)" > /dev/null && fail "made, without a program"
is "and says so" 1 sh -c 'grep -c "exec: \"/nosuch\": stat /nosuch: no such file or directory" a.out'
status_is "after that" running b

# Paused: it stands still, its neighbours do not.
member a p "$(args sh -c 'i=0; while :; do i=$((i + 1)); echo $i > /n; done')" && rs start a || fail "a is not started"
eventually 5 test -s a/rootfs/n
ends "pause" 0 rs pause a
status_is "paused" paused a
is "b goes on beside it" "on" rs exec b echo on
sleep 0.1; before=$(cat a/rootfs/n); sleep 0.2
[ "$(cat a/rootfs/n)" = "$before" ] || fail "a runs on while it is paused"
ends "resume" 0 rs resume a
moves() { [ "$(cat a/rootfs/n)" != "$before" ]; }
eventually 2 moves || fail "a does not go on"
ends "pause again" 0 rs pause a
ends "kill while paused" 0 rs kill a 9
eventually 2 has_status a stopped || fail "a lives"
ends "delete a" 0 rs delete a

# The sentry is killed: all end, and all can be taken away.
member a p "$(args sleep 1000)" && rs start a || fail "a is not started"
kill -KILL "$(named runsc-sentry)"
for c in a b p; do eventually 2 has_status $c stopped || fail "$c outlives its sentry"; done
for c in a b p; do ends "delete $c without a sentry" 0 rs delete --force $c; done
gone 3 "when the sentry was killed"
sandbox p
member b p "$(args sleep 1000)" && rs start b || fail "b in another p"

# The sandbox's end is everybody's.
ends "kill the sandbox" 0 rs kill p 9
eventually 2 has_status p stopped || fail "p lives"
eventually 2 has_status b stopped || fail "b outlives its sandbox"
ends "delete b" 0 rs delete --force b
ends "delete p" 0 rs delete --force p
gone 3 "after the pod"
