# time-limit: 120
# Processes that are put into a container: by words, by file, detached, on a terminal.
. tests/runsc/oci/lib.sh

bundle b "$(args sh -c 'echo $$ > /up; exec sleep 1000') | .process.env=[\"PATH=/bin\",\"A=1\"]"
rs run -d --bundle b x > /dev/null 2>&1 < /dev/null || fail "run -d"
eventually 5 test -e b/rootfs/up
is "its output" "hi" rs exec x echo hi
ends "its status" 9 rs exec x sh -c 'exit 9'
ends "killed" 143 rs exec x sh -c 'kill -TERM $$; sleep 10'
is "its input" "in" sh -c 'echo in | "$1" --root "$2" exec x cat' sh "$RUNSC" "$work/state"
is "flags" "/etc 1000:7 2" rs exec --cwd /etc --user 1000:7 --env A=2 x sh -c 'echo $PWD $(id -u):$(id -g) $A'
is "env of the container" "1" rs exec -e B=3 x sh -c 'echo $A'
is "it sees the others" "sleep 1000" rs exec x sh -c 'tr "\0" " " < /proc/1/cmdline | sed "s/ $//"'
says "no such command" 'exec: "nosuch": executable file not found in \$PATH' rs exec x nosuch
says "no such path" 'exec: "/x": stat /x: no such file or directory' rs exec x /x
says "not executable" 'exec: "/etc/passwd": permission denied' rs exec x /etc/passwd
jq -n '{args:["sh","-c","echo from file; exit 3"],cwd:"/",env:["PATH=/bin"],user:{uid:0,gid:0}}' > p.json
run rs exec --process p.json x
[ "$status $(cat .out)" = "3 from file" ] || fail "--process: $status $(cat .out .err)"

jq '.args=["sh","-c","grep Cpus_allowed_list /proc/self/status"] | .execCPUAffinity={initial:"1",final:"0,1000-1001"}' p.json > cpus.json
is "its processors" "Cpus_allowed_list:	0" rs exec --process cpus.json x
jq '.execCPUAffinity={final:"1000"}' cpus.json > nocpus.json
says "processors that are not there" "there is no such processor" rs exec --process nocpus.json x

jq '.args=["sh","-c","echo up; trap \"exit 4\" TERM; while :; do sleep 0.05; done"]' p.json > q.json
rs exec --process q.json --detach --pid-file pid x > out 2>&1 || fail "exec --detach: $(cat out)"
eventually 5 grep -q up out || fail "a detached one does not write to our stdout"
kill -0 "$(cat pid)" || fail "it has no stand-in"
kill -TERM "$(cat pid)"
stand_in_gone() { ! kill -0 "$(cat pid)" 2> /dev/null || grep -q '^State:.Z' "/proc/$(cat pid)/status"; }
eventually 5 stand_in_gone || fail "its stand-in does not pass a signal on"
rs exec --process q.json --detach --pid-file pid x > /dev/null 2>&1
kill -KILL "$(cat pid)"
dies() { [ "$(rs exec x sh -c 'grep -l "[t]rap" /proc/[0-9]*/cmdline 2> /dev/null | wc -l')" = 0 ]; }
eventually 5 dies || fail "it lives on when its stand-in is killed"

echo three > three
is "descriptors behind stdio" "three four" sh -c 'echo four | "$1" --root "$2" exec --preserve-fds 2 x sh -c "read -r a <&3; read -r b <&4; echo \$a \$b" 3< three 4<&0 < /dev/null' sh "$RUNSC" "$work/state"
says "one that is not open" "preserve-fds 1: descriptor 3 is not open" sh -c '"$1" --root "$2" exec --preserve-fds 1 x true 3<&-' sh "$RUNSC" "$work/state"
is "none that were not asked for" "closed" sh -c '"$1" --root "$2" exec x sh -c "(: <&3) 2> /dev/null || echo closed" 3< three' sh "$RUNSC" "$work/state"

for _ in 1 2 3 4 5 6 7 8; do rs exec x sh -c 'echo $((1 + 1))' >> many & done; wait $(jobs -p)
[ "$(grep -c 2 many)" = 8 ] || fail "eight at once: $(cat many)"
ends "kill --all" 0 rs kill --all x KILL
eventually 2 has_status x stopped || fail "kill --all"
says "in what has stopped" "cannot exec in a stopped container" rs exec x true
ends "delete" 0 rs delete x

bundle b "$(args sh -c 'read -r a <&3; echo $a')"
is "run, too" "three" sh -c '"$1" --root "$2" run --preserve-fds=1 --bundle b z 3< three' sh "$RUNSC" "$work/state"
bundle b "$(args sh -c 'exit 3')"
ends "run --keep" 3 rs run --keep --bundle b z
status_is "what was kept" stopped z
ends "and is deleted" 0 rs delete z
bundle b "$(args sh -c 'sleep 0.3')"
rs create --bundle b y > /dev/null 2>&1 || fail create
is "before it was started" "early" rs exec y echo early
rs delete --force y
rs run -d --bundle b y > /dev/null 2>&1
ends "the container's end is its end" 137 rs exec y sleep 100
rs delete --force y

if [ -x /usr/bin/python3 ]; then # with terminals, of which this devpts has one
    bundle b "$(args sleep 1000) | (.mounts[] | select(.destination == \"/dev/pts\").options) += [\"max=1\"]"
    rs run -d --bundle b x > /dev/null 2>&1 < /dev/null || fail "run with few terminals"
    on_terminal() { timeout 60 /usr/bin/python3 "$top/tests/tools/drive.py" -- "$RUNSC" --platform="$P" --root "$work/state" exec -t x "$@"; }
    on_terminal sh -c 'tty; exec 3<> /dev/ptmx; echo no more' > out 2>&1 <<'END' || fail "exec -t: $(cat out)"
expect /dev/pts/0
expect o space left on device
END
    on_terminal sh -c 'echo ready; read x' > out 2>&1 <<'END' & holder=$!
expect ready
pause 2
send \r
wait 0
END
    eventually 5 sh -c '"$1" --root "$2" exec x test -e /dev/pts/0' sh "$RUNSC" "$work/state" || fail "it holds none"
    for _ in 1 2 3; do
        on_terminal true > more 2>&1 <<'END' || fail "exec -t where there is no terminal left: $(cat more)"
expect o space left on device
wait 1
END
    done
    is "without one" "hi" rs exec x echo hi
    wait $holder || fail "the one that holds it: $(cat out)"
    rs delete --force x
fi
gone 2 "after all of these"
