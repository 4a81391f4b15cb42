# How runsc do ends: with the command's status, 126, 127, 128 and the signal; and what it passes on.
. tests/runsc/lib.sh

for n in 0 1 42 125 126 127 255; do
    ends "exit $n" $n box -- sh -c "exit $n"
done
ends "no such command" 127 box -- no-such-command-anywhere
ends "no such path" 127 box -- /no/such/path
says "and which" "no-such-command-anywhere" box -- no-such-command-anywhere
hidden=$(mktemp /tmp/runsc-hidden.XXXXXX) && chmod 755 "$hidden"
says "what /tmp hides" "has a /tmp of its own: --ro $hidden" box -- "$hidden"
rm -f "$hidden"
ends "a directory" 126 box -- /etc
ends "a file that is not executable" 126 box -- /etc/passwd
says "and why" "[Pp]ermission denied" box -- /etc/passwd
printf 'not a program' > noexec && chmod +x noexec
ends "a file of no known format" 126 box -- "$work/noexec"
printf '#!/no/such/interpreter\n' > script && chmod +x script
ends "a script without its interpreter" 127 box -- "$work/script"
printf '#!/bin/sh\nexit 7\n' > script
ends "a script" 7 box -- "$work/script"
ends "a relative path" 7 box -- ./script
for s in TERM:143 KILL:137 SEGV:139 ABRT:134 PIPE:141 USR1:138 HUP:129; do
    ends "a child killed by ${s%:*}" "${s#*:}" box -- sh -c "sh -c 'kill -${s%:*} \$\$'"
    ends "the command killed by ${s%:*}" "${s#*:}" box -- bash -c "kill -${s%:*} \$\$; sleep 10"
done
ends "a crash" 139 box -- perl -e 'unpack("p", pack("J", 8))'
is "the end of the first process ends all others" "first" box -- sh -c 'sleep 100 & echo first'
gone 1 "others"
is "stdin, stdout and stderr are ours" "in out" sh -c 'echo in | "$1" do --platform="$2" -- sh -c "read x; echo \$x out; echo err >&2" 2> err' sh "$RUNSC" "$P"
[ "$(cat err)" = err ] || fail "stderr has: $(cat err)"
ends "all three closed" 0 sh -c '"$1" do --platform="$2" -- sh -c "exit 0" <&- >&- 2>&-' sh "$RUNSC" "$P"
is "no other descriptor goes in" " 0 1 2" sh -c '"$1" do --platform="$2" -- sh -c "cd /proc/self/fd && for f in [0-9] [0-9][0-9]; do [ -e \$f ] && all=\"\$all \$f\"; done; echo \"\$all\"" 5< /etc/passwd 7> /dev/null 12< /' sh "$RUNSC" "$P"
ends "SIGPIPE where nobody reads" 0 sh -c '"$1" do --platform="$2" -- yes | head -n 1 > /dev/null' sh "$RUNSC" "$P"
seq 200000 > numbers
is "a large file through" "same" sh -c '"$1" do --platform="$2" -- cat < numbers | cmp - numbers && echo same' sh "$RUNSC" "$P"
is "where a file ends up that stdin was read from" "line 2" sh -c 'printf "line 1\nline 2\n" > two; { "$1" do --platform="$2" -- sh -c "read x"; cat; } < two' sh "$RUNSC" "$P"
is "appending to a file" "a b" sh -c 'echo a > log; "$1" do --platform="$2" -- echo b >> log; paste -sd " " log' sh "$RUNSC" "$P"

# Signals to runsc go to the command.
for s in TERM INT HUP USR1; do
    rm -f ready
    "$RUNSC" do --platform="$P" --rw "$work" -C "$work" -- bash -c "trap 'echo got $s; exit 9' $s; touch ready; while :; do sleep 0.05; done" > got 2>&1 &
    runsc=$!
    eventually 20 [ -e ready ] || fail "$s: the command never ran: $(cat got)"
    kill -$s $runsc
    wait $runsc
    status=$?
    [ $status = 9 ] && [ "$(cat got)" = "got $s" ] || fail "SIG$s: status $status, and: $(cat got)"
done
"$RUNSC" do --platform="$P" -- sleep 100 &
runsc=$!
eventually 20 sh -c "[ \$(ls /proc/*/exe -l 2>/dev/null | grep -c '$work/bin/runsc-sentry') -ge 2 ]"
kill -TERM $runsc
wait $runsc
status=$?
[ $status = 143 ] || fail "SIGTERM without a handler: status $status"
gone 1 "SIGTERM"
