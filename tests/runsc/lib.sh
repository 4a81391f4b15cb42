# What the tests of the command line add to tests/programs/lib.sh. They run copies of our
# programs out of $work, so that what is left of them can be told from others' sandboxes.
#
#   box [FLAGS] -- COMMAND…   runsc do, on the platform under test; in the background say
#                             "$RUNSC" do …, so that $! is it and not a shell
#   ours                      the pids of all processes that run one of the copies, or came from one
#   named PROGRAM             those of ours that the host calls so
. tests/programs/lib.sh
[ "$RUNSC" != native ] || skip "not for the host itself"
chmod 755 "$work" && mkdir bin && cp "$(dirname "$RUNSC")"/runsc* bin/ || exit 2
for extra in "$(dirname "$RUNSC")"/../libexec/runsc/runsc-*; do
    [ -x "$extra" ] && cp "$extra" bin/
done
RUNSC=$work/bin/runsc

box() { "$RUNSC" do --platform="$P" "$@"; }
ours() { # by what ps shows to everybody: who is not root may not read another's /proc/PID/exe
    ps -eo pid=,ppid=,stat=,args= | awk -v bin="$work/bin/" '
        $3 !~ /^Z/ { parent[$1] = $2 }
        $3 !~ /^Z/ && index($4, bin) == 1 { mine[$1] }
        END { # a child may come before its parent: pids begin again at the end
            do { more = 0; for (pid in parent) if (!(pid in mine) && parent[pid] in mine) { mine[pid]; more = 1 } } while (more)
            for (pid in mine) print pid
        }'
}
named() { for pid in $(ours); do [ "$(cat "/proc/$pid/comm")" = "$1" ] && echo "$pid"; done 2> /dev/null; }
none_of_ours() { [ -z "$(ours)" ]; }
gone() { # gone SECONDS NAME: nothing of ours is left after so long
    eventually "$1" none_of_ours && return
    fail "$2: processes are left:"
    for pid in $(ours); do
        echo "    $(ps -o pid=,stat=,comm= "$pid")"
        kill -KILL "$pid"
    done 2> /dev/null
}
# refused NAME REGEX FLAGS…: status 125, one line that says why, and nothing on stdout
refused() {
    local name=$1 want=$2; shift 2
    run "$RUNSC" "$@"
    if [ $status != 125 ] || [ -s "$work/.out" ] || [ "$(wc -l < "$work/.err")" != 1 ] ||
        ! grep -qE -e "^runsc: .*$want" "$work/.err"; then
        fail "$name: status $status, and not one line like /$want/:"
        shown "$work/.out" "$work/.err"
    fi
}
