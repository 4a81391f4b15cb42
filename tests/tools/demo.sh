#!/bin/sh
# The first look at runsc: real programs in the sandbox, and the host unharmed by them.
set -eu
cd "$(dirname "$0")/../.."
runsc=${RUNSC:-build/release/bin/runsc}
[ -x "$runsc" ] || { echo "$runsc is not built: run make MODE=release" >&2; exit 1; }

# show COMMAND…: prints it as a person would type it, then runs it in the sandbox
show() {
    printf '\n\033[1m$ runsc do --'
    for word in "$@"; do
        case $word in
        *[!a-zA-Z0-9_./=:,+-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\033[0m\n'
    "$runsc" do -- "$@"
}

echo "This host is $(uname -sr). A program in the sandbox has another kernel:"
show uname -a
echo
echo "It sees processes, memory and processors of its own:"
show sh -c 'ps -e | head -n 4; grep MemTotal /proc/meminfo'
if command -v python3 > /dev/null; then
    echo
    echo "Real programs run:"
    show python3 -c 'import threading, subprocess
t = threading.Thread(target=lambda: print(subprocess.getoutput("seq 10 | paste -sd+ | bc")))
t.start(); t.join()'
fi
echo
echo "It may do as it likes with the files it sees:"
before=$(cksum < /etc/passwd)
show sh -c 'echo "root is mine" > /tmp/passwd; cp /tmp/passwd /etc/passwd 2>/dev/null && cat /etc/passwd || echo "(that is for root only: try runsc do --user 0)"'
[ "$before" = "$(cksum < /etc/passwd)" ] || { echo "the host's /etc/passwd was changed!" >&2; exit 1; }
echo
echo "The host's /etc/passwd is as it was: what a sandbox writes is gone when it ends."
echo
echo "Now try it yourself:  $runsc do -- bash"
echo "What this host allows: $runsc doctor"
