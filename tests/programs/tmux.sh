# tmux: a server behind a socket, windows and panes on terminals of its own, detach and attach.
. tests/programs/lib.sh
need tmux
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
steps() { local name=$1; shift; "$@" > .steps.out 2>&1 || { fail "$name:"; shown .steps.out; }; }

# Without a terminal, by commands only. The prompt may come after the echo of what is typed.
is "a detached session" "6 times 7 is 42
two panes" sandbox -- env -u TMUX TERM=xterm sh -c '
    export TMUX_TMPDIR="$(mktemp -d)" PS1="$ "
    tmux -f /dev/null new-session -d -x 80 -y 24 "sh" && tmux split-window "sleep 100" &&
    tmux send-keys -t 0.0 "echo 6 times 7 is \$((6 * 7))" Enter
    i=0; until tmux capture-pane -p -t 0.0 | grep -o "6 times 7 is 42"; do i=$((i + 1)); [ $i -lt 200 ] || exit 1; sleep 0.1; done
    [ "$(tmux list-panes | wc -l)" = 2 ] && echo two panes
    tmux kill-server'

cat > conf <<'END'
set -g assume-paste-time 0
set -g default-command "exec env PS1='in-tmux ' sh"
END
cat > inner <<'END'
export TMUX_TMPDIR="$(mktemp -d)" PS1='$ '
unset TMUX
tmux -f "$1" new-session -s one
echo "tmux ended with $?"
tmux attach
echo "attach ended with $?"
END
steps "on a terminal: windows, panes, resize, detach, attach" drive -- env TERM=xterm bash "$work/inner" "$work/conf" <<'END'
expect in-tmux 
send echo a$((1+1))b\r
expect a2b
send \x02"
expect in-tmux 
send stty size\r
expect 1[01] 80
resize 40 120
send until stty size | grep ' 120$'; do :; done; echo wide$((1+1))\r
expect wide2
expect in-tmux 
send \x02c
expect in-tmux 
send echo window $((1+1))\r
expect window 2
send \x02d
expect detached
expect tmux ended with 0
expect window 2
expect in-tmux 
send tmux kill-server\r
expect attach ended with
END
