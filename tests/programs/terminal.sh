# A shell on a terminal: job control with ^C, ^Z and ^\, the window's size, line editing, and
# what a terminal owes to a full-screen program. Each first seen to be so on the host.
. tests/programs/lib.sh
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
need bash
# A job that says when it has the terminal: what is typed earlier is the shell's. Each word and its
# end in one write(2): print() may make two of them, with the prompt of a shell between.
cat > job <<'END'
#!/usr/bin/python3
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"on\n"))
os.write(1, b"go\n")
while True:
    signal.pause()
END
chmod +x job
shell() { drive -- env -u PROMPT_COMMAND PS1='$ ' TERM=xterm job="$work/job" bash --norc --noprofile --noediting -i; }
steps() { local name=$1; shift; "$@" > .steps.out 2>&1 || { fail "$name:"; shown .steps.out; }; }

steps "^C ends the job in the foreground, not the shell" shell <<'END'
expect \$ 
send $job\r
expect go\r\n
send \x03
expect \$ 
send echo status $?\r
expect status 130
send exit 4\r
wait 4
END
steps "^Z stops it, fg and bg continue it" shell <<'END'
expect \$ 
send $job\r
expect go\r\n
send \x1a
expect Stopped +\$job
send jobs\r
expect \[1\]\+ +Stopped
send bg\r
expect \[1\]\+ \$job &
expect on\r\n
send jobs\r
expect \[1\]\+ +Running
send fg\r
expect \$job\r\n
pause 1
send \x1a
expect Stopped
send kill %1\r
expect Terminated|\$ 
send exit\r
END
steps "^\\ quits with SIGQUIT" shell <<'END'
expect \$ 
send ulimit -c 0; $job\r
expect go\r\n
send \x1c
expect Quit
send echo status $?\r
expect status 131
send exit\r
wait 0
END
steps "^C reaches a whole pipeline, and a trap" shell <<'END'
expect \$ 
send (trap 'echo trapped; exit 9' INT; echo go; while :; do sleep 0.1; done) | (trap '' INT; cat)\r
expect go\r\n
send \x03
expect trapped
expect \$ 
send exit\r
END
steps "a job of the background that reads is stopped" shell <<'END'
expect \$ 
send cat &\r
expect \[1\] \d+
send until jobs | grep -q Stopped; do sleep 0.05; done; jobs\r
expect \[1\]\+ +Stopped +cat
send echo a$((1+1))\r
expect a2\r\n
send fg\r
expect cat\r\n
pause 1
send hello\r
expect hello\r\nhello\r\n
send \x04
expect \$ 
send exit\r
END
steps "the window's size, and SIGWINCH when it changes" drive -- sh -c 'trap "stty size; exit 7" WINCH; stty size; echo ready; while :; do sleep 0.05; done' <<'END'
expect 24 80\r\n
expect ready
resize 40 132
expect 40 132\r\n
wait 7
END
steps "^D ends input, and the shell" shell <<'END'
expect \$ 
send cat\r
expect cat\r\n
send abc\x04
expect abcabc
send \r\x04
expect \$ 
send \x04
expect exit
wait 0
END
steps "erase, kill and word erase edit the line" drive -- sh -c 'stty -a | grep -o "icanon" ; read -r line; echo "<$line>"' <<'END'
expect icanon
send abx\x7fc\r
expect <abc>
wait 0
END
steps "kill the line" drive -- sh -c 'echo ready; read -r line; echo "<$line>"' <<'END'
expect ready
send wrong\x15right words\x17word\r
expect <right word>
wait 0
END
steps "^S and ^Q hold and free the output" drive -- sh -c 'echo ready; read -r x; echo one; read -r x; echo two' <<'END'
expect ready
send \r
expect one
send \x13
send \r
send \x11
expect two
wait 0
END
steps "no echo, for passwords" drive -- bash -c 'read -r -s -p "password: " x; echo "[$x]"' <<'END'
expect password: $
send secret\r
expect ^\[secret\]
wait 0
END
steps "raw mode passes every byte" drive -- bash -c 'stty raw -echo; echo ready; head -c 6 | od -An -tx1; stty sane' <<'END'
expect ready
send \x03\x1a\x04\r\x7f\x1c
expect 03 1a 04 0d 7f 1c
wait 0
END
steps "timed reads in raw mode" drive -- bash -c 'read -r -t 0.3 -n 1 x || echo none; read -r -n 1 x; echo "got $x"' <<'END'
expect none
send k
expect got k
wait 0
END
steps "its name, and that it is one" drive -- sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo three; ls -l /proc/self/fd/0 | sed "s/.*-> //"; echo over /dev/tty > /dev/tty; cut -d " " -f 7 /proc/self/stat | grep -vc "^0$"' <<'END'
expect /dev/(pts/\d+|console)
expect three
expect /dev/(pts/\d+|console)
expect over /dev/tty
expect 1
wait 0
END
steps "line editing by readline" drive -- env TERM=xterm PS1='$ ' bash --norc --noprofile -i <<'END'
expect \$ 
send echo wordl\x02\x02d\x05\x7f\r
expect word
send echo hist$((40+2))\r
expect hist42
send \x10\r
expect hist42
send ech\x7f\x7f\x7fprintf 'x%sx\\n' /usr/inc\t\r
expect x/usr/include/?x
send exit\r
END
steps "script(1) makes a terminal inside" drive -- sh -c 'script -qec "tty; stty size; exit 3" /dev/null; echo "status $?"' <<'END'
expect /dev/(pts/\d+|console)
expect status 3
END
steps "the status is the command's, the terminal is as it was" bash -c '/usr/bin/python3 "$1/tests/tools/drive.py" -- bash -c "before=\$(stty -g); sh \"\$0\" -- sh -c \"stty raw -echo; kill -KILL \\\$\\\$\"; echo status \$?; [ \"\$before\" = \"\$(stty -g)\" ] && echo as it was" "$1/tests/tools/sandbox.sh"' drive "$top" <<'END'
expect status 137
END
steps "who writes to a terminal that nobody reads can be killed" drive -- bash -c 'exec 2> /dev/null; echo ready; read -r x; yes & yes > /dev/tty & sleep 0.5; kill -9 %1 %2; SECONDS=0; wait; took=$SECONDS; echo "took <$took>"' <<'END'
expect ready
send \r
pause 4
expect took <[01]>\r\n
wait 0
END
steps "what was written before the end arrives, however late it is read" drive -- sh -c 'echo ready; read -r x; seq 3500' <<'END'
expect ready
send \r
pause 2
expect 1749\r\n1750\r\n.*3499\r\n3500\r\n
wait 0
END
if [ "$RUNSC" != native ]; then
    steps "the host's terminal is restored" bash -c '/usr/bin/python3 "$1/tests/tools/drive.py" -- bash -c "before=\$(stty -g); sh \"\$0\" -- sh -c \"stty raw -echo; exit 5\"; echo status \$?; [ \"\$before\" = \"\$(stty -g)\" ] && echo as it was" "$1/tests/tools/sandbox.sh"' drive "$top" <<'END'
expect status 5
expect as it was
wait 0
END
fi
