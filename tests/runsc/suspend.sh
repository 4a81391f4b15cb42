# time-limit: 240
# Job control from outside: the sandbox is a job of the shell that started it. ^Z stops it and
# its runsc, fg and bg go on with it, and what is typed meanwhile is the shell's.
. tests/runsc/lib.sh
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
need bash
cat > echoes <<'END'
#!/usr/bin/python3
import signal
signal.signal(signal.SIGCONT, lambda *_: print("on", flush=True))
print("go", flush=True)
while True:
    print("got", input(), flush=True)
END
chmod +x echoes
printf '#!/bin/sh\nexec "%s" do --platform=%s --ro "%s" -C "%s" -- "$@"\n' "$RUNSC" "$P" "$work" "$work" > sb
chmod +x sb
# (A pause before ^Z: python has to be in its read, else it sees a signal only after it.)
# (Nor is ^Z typed where a shell begins a program: between its vfork and the exec it could not be
# stopped, and the job would never be seen as stopped.)
# Steps as the shell of a person who sits at the host; @ is the command that runs in a sandbox, or
# itself where the steps are first seen to be right.
steps() {
    local name=$1; shift
    cat > .steps
    for sb in "" ./sb; do
        sed "s,@ *,${sb:+$sb }," .steps > .now
        env -u PROMPT_COMMAND PS1='$ ' TERM=xterm /usr/bin/python3 "$top/tests/tools/drive.py" -- \
            bash --norc --noprofile --noediting -i < .now > .out 2>&1 ||
            { fail "$name${sb:+, in a sandbox}:"; shown .out; }
    done
}

steps "^Z, what is typed then, and fg" <<'END'
expect \$ 
send @ ./echoes\r
expect go\r\n
send one\r
expect got one\r\n
pause 0.3
send \x1a
expect Stopped
expect \$ 
send echo 'for the shell'\r
expect \nfor the shell\r\n
send stty -a | grep -o ' echo '\r
expect \r\n(\$ )? echo \r
send fg\r
expect on\r\n
send two\r
expect got two\r\n
pause 0.3
send \x1a
expect Stopped
send fg\r
expect on\r\n
pause 0.3
send \x03
expect KeyboardInterrupt
expect \$ 
send echo status $?\r
expect status 130
send exit\r
END
steps "bg, and fg of what runs" <<'END'
expect \$ 
send @ sh -c 'echo go; sleep 6; echo a; read x; echo got $x'\r
expect go\r\n
pause 1
send \x1a
expect Stopped
send bg\r
expect &\r\n
send jobs\r
expect Running
send fg\r
expect sleep
pause 0.5
send hello\r
expect got hello\r\n
send exit\r
END
steps "all of its processes stop" <<'END'
expect \$ 
send @ sh -c 'echo go; sleep 4; echo slept'\r
expect go\r\n
pause 1
send \x1a
expect Stopped
pause 5
send echo still\r
expect \nstill\r\n
send fg\r
expect \nslept\r\n
send exit\r
END
steps "a program that stops itself" <<'END'
expect \$ 
send @ sh -c 'kill -STOP $$; echo back'\r
expect Stopped
send fg\r
expect \nback\r\n
send exit\r
END

# Without a terminal: SIGTSTP and SIGCONT to runsc.
state() { ps -o stat= "$1"; }
is_stopped() { case $(state "$1") in T*) true ;; *) false ;; esac; }
is_running() { case $(state "$1") in T* | "") false ;; *) true ;; esac; }
"$RUNSC" do --platform="$P" --rw "$work" -C "$work" -- sh -c 'trap "echo on >> heard" CONT; touch ready; while :; do sleep 0.1; done' < /dev/null > said 2>&1 &
runsc=$!
eventually 20 [ -e ready ] || fail "the guest never ran: $(cat said)"
kill -TSTP $runsc
eventually 5 is_stopped $runsc || fail "SIGTSTP: runsc is $(state $runsc)"
kill -CONT $runsc
eventually 5 is_running $runsc || fail "SIGCONT: runsc is $(state $runsc)"
eventually 5 [ -s heard ] || fail "the guest heard of no SIGCONT"
kill -TERM $runsc
wait $runsc
status=$?
[ $status = 143 ] || fail "SIGTERM: status $status"

# A guest that stops itself where nobody could see it does not stop the clock.
ends "--timeout of a stopped guest" 124 box --timeout=1s -- sh -c 'kill -STOP $$; echo no' < /dev/null
gone 2 "suspended"
