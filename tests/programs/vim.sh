# vim at work: it draws, edits, runs a filter, is stopped and continued, is resized, and saves.
. tests/programs/lib.sh
need vim
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
steps() { local name=$1; shift; "$@" > .steps.out 2>&1 || { fail "$name:"; shown .steps.out; }; }
printf 'first line\nsecond line\nthird line\n' > text
steps "open, edit, filter, save" drive -- env TERM=xterm HOME=/nonexistent bash -c 'cp "$1" "${TMPDIR:-/tmp}/t" && cd "${TMPDIR:-/tmp}" && vim -u NONE -N --cmd "set noswapfile" t; echo; echo left vim; cat t' bash "$work/text" <<'END'
expect first line
expect third line
send Goappended by vim\e
expect appended by vim
send :%!sort -r\r
expect 4 lines filtered
send :1s/third/THIRD/\r
expect THIRD
send :!echo from the shell\r
expect from the shell
send \r
send :wq\r
expect left vim
expect THIRD line\r\nsecond line\r\nfirst line\r\nappended by vim\r\n
wait 0
END
steps "^Z, fg, a new size" drive -- env TERM=xterm HOME=/nonexistent PS1='$ ' bash --norc --noprofile --noediting -i <<'END'
expect \$ 
send vim -u NONE -N --cmd 'set ruler noswapfile' /etc/passwd\r
expect root:
send \x1a
expect Stopped
send echo in the shell\r
expect in the shell\r\n
send fg\r
expect root:
resize 50 100
expect \x1b\[50;
send :set lines? columns?\r
expect lines=50
expect columns=100
send \r:q!\r
expect \$ 
send exit\r
wait 0
END
