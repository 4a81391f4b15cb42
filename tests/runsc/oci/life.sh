# time-limit: 120
# A container from create to delete, as engines lead it; states, signals, what is left.
. tests/runsc/oci/lib.sh

bundle b "$(args sh -c 'exit 7')"
ends "run ends with its status" 7 rs run --bundle b one
says "and takes it away" "does not exist" rs state one
bundle b "$(args sh -c 'echo out; echo err >&2; cat')"
is "stdio is the caller's" "out
in" sh -c 'echo in | "$1" --platform="$2" --root "$3" run --bundle b one 2> /dev/null' sh "$RUNSC" "$P" "$work/state"

bundle b "$(args sh -c 'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done')"
rs create --bundle b --pid-file pid two > out 2>&1 || fail "create: $(cat out)"
status_is "after create" created two
[ "$(cat pid)" = "$(rs state two | jq .pid)" ] || fail "the pid file has $(cat pid)"
kill -0 "$(cat pid)" || fail "the process of the pid file is not there"
[ ! -s out ] || fail "it ran before start: $(cat out)"
says "a second of that name is refused" "already exists" rs create --bundle b two
ends "start" 0 rs start two
status_is "after start" running two
eventually 5 grep -q up out || fail "it does not write to create's stdout"
says "started twice" "already running" rs start two
says "what runs is not deleted" "not stopped: running" rs delete two
says "list has it" "two .*running" rs list
is "list as JSON" "two running" sh -c '"$1" --root "$2" list -f json | jq -r ".[] | .id + \" \" + .status"' sh "$RUNSC" "$work/state"
is "list of ids" "two" rs list -q
ends "kill by name" 0 rs kill two TERM
eventually 5 has_status two stopped || fail "a TERM did not end it"
says "kill of what has ended" "not running" rs kill two 9
says "start of what has ended" "has stopped" rs start two
ends "delete" 0 rs delete two
says "delete of what is gone" "does not exist" rs delete two
ends "delete --force of what is gone" 0 rs delete --force two
gone 2 "after delete"

bundle b "$(args sh -c 'while :; do :; done')"
rs run -d --bundle b three > out 2>&1 || fail "run -d: $(cat out)"
status_is "after run -d" running three
ends "kill by number" 0 rs kill three 9
eventually 1 has_status three stopped || fail "a KILL takes longer than a second"
ends "delete after kill" 0 rs delete three
rs run --detach --bundle b three || fail "the same name again"
ends "delete --force" 0 rs delete --force three
gone 2 "after delete --force"

# Whatever is killed, the rest can be tidied up, and the name is free again.
for victim in runsc-sentry runsc-gofer runsc; do
    rs run -d --bundle b four || fail "run before $victim is killed"
    for pid in $(ours); do
        case $(readlink "/proc/$pid/exe") in */$victim) kill -KILL "$pid" ;; esac
    done
    eventually 2 has_status four stopped || fail "$victim was killed, and it is $(rs state four | jq -r .status)"
    ends "delete after $victim was killed" 0 rs delete --force four
    gone 2 "after $victim was killed"
done

# A sentry that does not answer.
rs run -d --bundle b five || fail "run before the sentry is stopped"
for pid in $(ours); do
    case $(readlink "/proc/$pid/exe") in */runsc-sentry) kill -STOP "$pid" ;; esac
done
before=$(date +%s%N)
ends "kill of one that does not answer" 0 rs kill five 9
eventually 1 has_status five stopped || fail "it lives"
[ $(($(date +%s%N) - before)) -lt 2500000000 ] || fail "that took $((($(date +%s%N) - before) / 1000000)) ms"
ends "delete" 0 rs delete five

# A create that is killed on its way leaves nothing that a new one could stumble over.
for delay in 0.001 0.004 0.008 0.015 0.03; do
    timeout -s KILL $delay "$RUNSC" --platform="$P" --root "$work/state" create --bundle b six > /dev/null 2>&1
    rs delete --force six || fail "delete after a create was killed after $delay s"
    rs run -d --bundle b six || fail "run after a create was killed after $delay s"
    rs delete --force six || fail "delete after that"
done
gone 2 "after creates were killed"
mkdir full && if mount -t tmpfs -o size=4k,nr_inodes=4 none full 2> /dev/null; then
    head -c 4096 /dev/zero > full/all 2> /dev/null
    says "no room for its state" "No space left" "$RUNSC" --root full/state create --bundle b seven
    [ -z "$(ls full/state 2> /dev/null)" ] || fail "left where there is no room: $(ls full/state)"
    mount -o remount,ro full
    says "nor a right to write it" "Read-only file system" "$RUNSC" --root full/state create --bundle b seven
    umount full
fi
gone 2 "without room"

# Limits that change change inside, too. Who has no cgroups has none to change.
bundle b "$(args sleep 100) | .linux.resources={memory:{limit:134217728},pids:{limit:50}}"
rs run -d --bundle b eight || fail "run before limits are changed"
if rs update --pids-limit 7 --memory 64m --cpu-quota 20000 eight 2> /dev/null; then
    is "limits after an update" "67108864 7 20000 100000" rs exec eight sh -c "$limits"
    is "and of memory" "65536" rs exec eight sh -c 'awk "/^MemTotal:/ { print \$2 }" /proc/meminfo'
    says "they hold" "can't fork" rs exec eight sh -c 'for _ in 1 2 3 4 5 6 7 8; do sleep 5 & done'
    ends "and can be taken back" 0 rs update --pids-limit 50 eight
    is "then" "50" rs exec eight sh -c "for _ in 1 2 3 4 5 6 7 8; do sleep 0 & done; wait; cat /sys/fs/cgroup/$pids.max"
fi
rs delete --force eight || fail "delete after limits were changed"

is "pid 1 has no handler, and lives" "alive" sh -c 'echo "$1" > /dev/null; exec "$@"' sh "$RUNSC" --root "$work/state" run --bundle "$(bundle c "$(args sh -c 'kill -TERM $$; echo alive')" && echo c)" five
for flags in "--log=log --log-format=json" "--log log --log-format json"; do
    rm -f log
    # shellcheck disable=SC2086 # words
    ends "flags before the command: $flags" 1 rs $flags start nobody
    [ "$(jq -r .level < log)" = error ] || fail "no error in the log of $flags"
done
ends "flags behind it" 1 rs start --log log --log-format=json nobody
ends "checkpoint --help" 0 rs checkpoint --help
bundle b "$(args true) | .linux.seccomp={}"
ends "a profile without a word in it" 0 rs run --bundle b bare
bundle b "$(args echo ran) | .hooks.startContainer=[{path:\"/bin/sleep\",args:[\"sleep\",\"50\"],timeout:1}]"
says "a hook of the container's that hangs" "startContainer hook: error running hook: hook ran past specified timeout of 1s" rs run --bundle b late
bundle b "$(args sleep 100)"
for root in one two; do # of the same name, elsewhere
    "$RUNSC" --root "$work/$root" run -d --bundle b twin > /dev/null 2>&1 < /dev/null || fail "run -d of twin $root"
done
ends "delete --force of one" 0 "$RUNSC" --root "$work/one" delete --force twin
is "the other lives" "running" sh -c '"$1" --root two state twin | jq -r .status' sh "$RUNSC"
"$RUNSC" --root "$work/two" delete --force twin
rm -f hooked log
bundle b "$(args sleep 100) | .hooks.poststart=[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"exit 5\"]},{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"echo > $work/hooked\"]}]"
ends "a hook that fails when it is too late" 0 rs --log log run -d --bundle b six
[ -e hooked ] || fail "the hook behind it does not run"
grep -q 'level=warning.*poststart hook #0.*exit status 5' log || fail "nothing is said of it: $(cat log)"
ends "flags behind words" 0 rs kill six KILL --all
six_ended() { has_status six stopped; }
eventually 2 six_ended || fail "it lives"
ends "also there" 0 rs delete six --force
says "words that are too many" "too many words" rs delete six seven --force
bundle b "$(args sh -c 'while :; do echo x >> /n; sleep 0.05; done')"
rs run -d --bundle b seven || fail "run before it is paused"
if rs pause seven 2> /dev/null; then
    says "exec while it is paused" "in a paused container" rs exec seven true
    rs exec --ignore-paused seven echo late > late 2>&1 & late=$!
    sleep 0.3
    [ ! -s late ] || fail "what is paused runs: $(cat late)"
    rs resume seven; wait $late
    is "and then" "late" cat late
fi
says "another cgroup" "all of a container is in one cgroup" rs exec --cgroup memory:/x seven true
ends "its own" 0 rs exec --cgroup / seven true
says "a share of the cache" "l3 cache schema is not enabled" rs update --l3-cache-schema x seven
is "what it uses" "stats seven number" sh -c '"$1" --root "$2" events --stats seven | jq -r "[.type, .id, (.data.memory.usage.usage | type)] | join(\" \")"' sh "$RUNSC" "$work/state"
rs events --interval 50ms seven > events & events=$!
eventually 5 sh -c '[ "$(wc -l < events)" -ge 3 ]' || fail "events come $(wc -l < events) times"
rs delete --force seven
wait $events || fail "events ends with $?"
# The host kills what has no memory left: told to whoever listens, with the status of a kill.
bundle b "$(args tail /dev/zero) | .linux.resources.memory.limit=33554432"
for i in 1 2 3; do
    rs create --bundle b full > out 2>&1 < /dev/null || fail "create with little memory: $(cat out)"
    rs events full > events & events=$!
    sleep 0.2
    rs start full || fail "start with little memory"
    full_ended() { has_status full stopped; }
    eventually 20 full_ended || fail "it lives without memory"
    wait $events
    [ "$(rs state full | jq .pid)" = 0 ] || fail "it has a process"
    if [ "$(id -u)" = 0 ]; then jq -se 'any(.type == "oom")' events > /dev/null || fail "nobody hears of the want of memory: $(cat events)"; fi
    rs delete --force full
done
for i in 1 2 3 4 5; do # a shell has a handler when the kill that follows its start arrives
    bundle b "$(args sh -c 'trap "echo got; exit 7" TERM; sleep 5 & wait $!')"
    rs create --bundle b early > out 2>&1 && rs start early && ends "kill at once" 0 rs kill early TERM
    early_ended() { has_status early stopped; }
    eventually 3 early_ended && grep -q got out || fail "a signal right after the start is lost"
    rs delete --force early
done
ends "features" 0 rs features
rs features | jq -e '.hooks | index("createRuntime")' > /dev/null || fail "features has no hooks"
rs features > features
is "what there is" "true true false false" jq -r '[.linux.mountExtensions.idmap.enabled, .linux.seccomp.enabled, .linux.apparmor.enabled, .linux.intelRdt.enabled] | join(" ")' features
is "words of seccomp" "9 7 4" jq -r '.linux.seccomp | [(.actions | length), (.operators | length), (.supportedFlags | length)] | join(" ")' features
is "the last capability, and unsafe annotations" "CAP_CHECKPOINT_RESTORE 4" jq -r '"\(.linux.capabilities[-1]) \(.potentiallyUnsafeConfigAnnotations | length)"' features
for word in idmap ridmap rro runbindable tmpcopyup; do
    jq -e ".mountOptions | index(\"$word\")" features > /dev/null || fail "no mount option $word"
done
[ -z "$(ls state 2> /dev/null)" ] || fail "states are left: $(ls state)"
