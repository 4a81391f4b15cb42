# time-limit: 100
# What a container may do to us, and others to it, while it is led: guests that resist, calls at
# once, deaths at any moment, disks that are full, many containers. LONG=1: more of each.
. tests/runsc/oci/lib.sh
long=${LONG:-0}
often() { [ "$long" = 1 ] && echo "$2" || echo "$1"; } # often FEW MANY
now() { echo $(($(date +%s%N) / 1000000)); }
# within NAME MS COMMAND…: it succeeds in so long
within() {
    local name=$1 ms=$2 before took; shift 2
    before=$(now)
    "$@" > said 2>&1 || fail "$name: $(cat said)"
    took=$(($(now) - before))
    [ $took -le "$ms" ] || fail "$name took $took ms"
}
stopped() { [ "$(rs state "$1" 2> /dev/null | jq -r .status)" = stopped ]; }

# A guest that does what it can is gone within a second.
resists() { # resists NAME WORD…
    local name=$1; shift
    bundle b "$(args "$@") | .linux.resources.pids.limit=60"
    rs run -d --bundle b r > /dev/null 2>&1 || { fail "$name does not start"; return; }
    sleep 0.3
    rs kill r TERM 2> /dev/null
    within "kill of $name" 1000 rs kill r KILL
    within "the end of $name" 1000 eventually 1 stopped r
    within "delete of $name" 1000 rs delete r
    rs run -d --bundle b r > /dev/null 2>&1 || { fail "$name does not start again"; return; }
    sleep 0.3
    within "delete --force of $name" 1000 rs delete --force r
}
resists "one that spins" sh -c 'while :; do :; done'
resists "one that spins many times" sh -c 'for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait'
resists "one that ignores signals" sh -c 'trap "" TERM INT HUP QUIT USR1 USR2 CHLD; while :; do sleep 1; done'
resists "one that forks" sh -c 'trap "" TERM; f() { while :; do (:) & (sleep 0.01) & wait; done; }; f & f & f'
resists "one that multiplies" sh -c 'f() { f & f & while :; do :; done; }; f 2> /dev/null'
resists "one whose children sleep" sh -c 'for i in $(seq 50); do sleep 1000 & done; wait'
resists "one that writes" sh -c 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done'
resists "one that has stopped itself" sh -c 'while :; do sh -c "kill -STOP \$\$"; done & kill -STOP $!; wait'
bundle b "$(args sh -c 'while :; do :; done')"
if rs run -d --bundle b r && rs pause r 2> /dev/null; then
    within "delete --force of one that is paused" 1000 rs delete --force r
    rs run -d --bundle b r && rs pause r
    within "kill of one that is paused" 1000 rs kill r KILL
    eventually 1 stopped r || fail "one that was paused lives"
fi
rs delete --force r
gone 2 "after guests that resist"

# Several callers at once: each gets an answer, one wins.
for _ in $(seq "$(often 2 20)"); do
    for i in 1 2 3 4 5 6; do
        { rs create --bundle b same > "create.$i" 2>&1; echo $? > "create.$i.rc"; } &
    done
    wait
    [ "$(cat create.*.rc | grep -cx 0)" = 1 ] || fail "of six creates at once $(cat create.*.rc | grep -cx 0) made it: $(cat create.?)"
    [ "$(cat create.? | grep -c 'already exists')" = 5 ] || fail "the others hear: $(cat create.?)"
    for i in 1 2 3; do { rs start same > "start.$i" 2>&1; echo $? > "start.$i.rc"; } & done
    for i in 1 2 3 4; do { rs state same > "state.$i" || echo $? > state.failed; } & done
    wait
    [ "$(cat start.*.rc | grep -cx 0)" = 1 ] || fail "of three starts at once $(cat start.*.rc | grep -cx 0) made it: $(cat start.?)"
    for i in 1 2 3 4; do jq -e '.id == "same"' "state.$i" > /dev/null || fail "state, meanwhile: $(cat "state.$i")"; done
    [ ! -e state.failed ] || fail "state failed while others were at it"
    for i in 1 2 3; do rs exec same true > "exec.$i" 2>&1 & rs kill same 0 > /dev/null 2>&1 & done
    for i in 1 2 3 4; do { rs delete --force same > "delete.$i" 2>&1 || echo "$i: $(cat "delete.$i")" >> delete.failed; } & done
    wait
    [ ! -e delete.failed ] || fail "delete --force at once: $(cat delete.failed)"
    says "none is left" "does not exist" rs state same
done
gone 2 "after calls at once"

# Any of our processes is killed at any moment, and its caller too.
for round in $(seq "$(often 8 200)"); do
    { timeout -k 1 10 "$RUNSC" --platform="$P" --root "$work/state" run -d --bundle b dies > /dev/null 2>&1; } &
    sleep "0.0$(shuf -i 10-69 -n 1)"
    # shellcheck disable=SC2046 # words
    victim=$(ours | shuf -n 1) && [ -n "$victim" ] && kill -KILL "$victim" 2> /dev/null
    wait
    status=$(rs state dies 2> /dev/null | jq -r .status)
    case $status in creating | created | running | stopped | '') ;; *) fail "round $round: its state is $status" ;; esac
    within "delete --force after a death" 1500 rs delete --force dies
    says "and then there is none" "does not exist" rs state dies
    rs run -d --bundle b dies > out 2>&1 || fail "round $round: the name cannot be taken again: $(cat out)"
    within "delete --force of that" 1000 rs delete --force dies
done
gone 2 "after deaths"

# Its state cannot be written: a line that says so, and nothing of it stays.
mkdir small && if mount -t tmpfs -o size=16k none small 2> /dev/null; then
    for used in 0 4096 8192 12288 16384; do
        rm -rf small/*
        head -c $used /dev/zero > small/used 2> /dev/null
        if "$RUNSC" --root small/state create --bundle b little > out 2>&1; then
            "$RUNSC" --root small/state delete --force little || fail "what was made with little room cannot be deleted"
        else
            grep -q 'No space left' out && [ "$(wc -l < out)" = 1 ] || fail "with $used bytes used: $(cat out)"
        fi
        [ -z "$(ls small/state 2> /dev/null)" ] || fail "left with $used bytes used: $(ls small/state)"
    done
    rm -rf small/*
    mkdir small/state && rs run -d --bundle b fits && cp -a state/fits small/state/
    mount -o remount,ro small
    says "a state that is read-only: create" "Read-only file system" "$RUNSC" --root small/state create --bundle b other
    ends "a state that is read-only: state" 0 "$RUNSC" --root small/state state fits
    ends "kill needs none" 0 "$RUNSC" --root small/state kill fits KILL
    rs delete --force fits
    umount small
fi
gone 2 "without room"

# Many at once.
many=$(often 12 200)
bundle b "$(args sh -c 'echo up; exec sleep 1000')"
began=$(now)
seq "$many" | xargs -P 8 -I %% sh -c '"$1" --platform="$2" --root "$3" run -d --bundle b "many-%%" > /dev/null 2> "many.%%" || cat "many.%%"' sh "$RUNSC" "$P" "$work/state" > failed
[ ! -s failed ] || fail "of $many containers: $(sort failed | uniq -c | head -n 3)"
[ "$(rs list -q | grep -c '^many-')" = "$many" ] || fail "list has $(rs list -q | grep -c '^many-') of $many"
[ "$(rs list -f json | jq '[.[] | select(.status == "running")] | length')" = "$many" ] || fail "not all of $many run"
[ "$long" = 0 ] || echo "$many containers were up after $(($(now) - began)) ms" >&2
is "an exec among many" "in" rs exec "many-$many" echo in
seq "$many" | xargs -P 8 -I %% "$RUNSC" --root "$work/state" delete --force many-%% || fail "delete among many"
[ -z "$(ls state)" ] || fail "states are left: $(ls state)"
gone 3 "after many"
