# What of the host's files a sandbox sees: --ro --rw --ov --tmp --hide and the defaults. The most
# specific path wins, in whatever order the flags stand.
. tests/runsc/lib.sh

fresh() {
    rm -rf tree && mkdir -p tree/sub/deep tree/other && echo host > tree/f && echo sub > tree/sub/g &&
        echo deep > tree/sub/deep/h && ln -s "/tmp/link-of-$$" tree/absolute && ln -s ../../.. tree/up
}
host_is() { # host_is NAME FILE TEXT
    [ "$(cat "tree/$2" 2>/dev/null)" = "$3" ] || fail "$1: the host's $2 is \"$(cat "tree/$2" 2>&1)\""
}
write_all='echo 1 > f; echo 2 > sub/g; echo 3 > sub/deep/h; cat f sub/g sub/deep/h 2>&1'

fresh
is "by default the current directory is writable" "new" sh -c "cd tree && exec \"\$@\"" sh "$RUNSC" do --platform="$P" -- sh -c 'echo new > f && rm -r sub && mkdir d && cat f'
host_is "and what is written is thrown away" f host
[ -d tree/sub ] && ! [ -e tree/d ] || fail "the host's directories have changed: $(ls tree)"
is "so is what is written elsewhere" "ok" box -- sh -c 'touch /etc/.runsc-test /usr/.runsc-test 2>/dev/null; echo ok'
! [ -e /etc/.runsc-test ] && ! [ -e /usr/.runsc-test ] || fail "the host's /etc or /usr was written to"
cd / && is "/tmp is private and empty" "0" box -- sh -c 'ls -A /tmp | wc -l'; cd "$work" || exit 2
is "and is a tmpfs that anybody may write" "1777 tmpfs" box -C / -- sh -c 'echo "$(stat -c %a /tmp) $(stat -f -c %T /tmp)"'

fresh
is "--ro" "EROFS
host" box --ro tree -C "$work/tree" -- sh -c 'touch f 2>&1 | grep -q "Read-only" && echo EROFS; cat f'
ends "--ro holds for every kind of change" 0 box --ro "$work/tree" -C "$work/tree" -- sh -c '
    ! rm f && ! mkdir x && ! mv f x && ! ln f x && ! ln -s f x && ! chmod 777 f && ! touch x && ! mknod x p && ! rmdir other && ! truncate -s 0 f && exec true'
host_is "--ro" f host
is "--rw writes through" "1
2
3" box --rw "$work/tree" -C "$work/tree" -- sh -c "$write_all"
host_is "--rw" f 1; host_is "--rw" sub/deep/h 3
fresh
ends "--rw: every kind of change" 0 box --rw "$work/tree" -C "$work/tree" -- sh -c '
    set -e; mkdir new; mv f new/moved; ln new/moved hard; ln -s hard soft; chmod 751 hard; touch -d @1000000000 new
    rm sub/g; rmdir other; mkfifo pipe; printf "" >> appended; echo a >> appended; truncate -s 100 appended; rm -r sub'
[ "$(cat tree/hard)" = host ] && [ "$(stat -c '%a %h' tree/hard)" = "751 2" ] && [ "$(readlink tree/soft)" = hard ] &&
    [ "$(stat -c %Y tree/new)" = 1000000000 ] && [ -p tree/pipe ] && [ "$(stat -c %s tree/appended)" = 100 ] &&
    ! [ -e tree/f ] && ! [ -e tree/sub ] && ! [ -e tree/other ] || fail "--rw: the host has: $(ls -lR tree)"
fresh
is "--ov is written, and thrown away" "1
2
3" box --ov "$work/tree" -C "$work/tree" -- sh -c "$write_all"
host_is "--ov" f host; host_is "--ov" sub/deep/h deep
is "--tmp hides what is there" "0
here" box --tmp "$work/tree" -C "$work/tree" -- sh -c 'ls -A | wc -l; echo here > f; cat f'
host_is "--tmp" f host
is "--hide a directory" "0
refused" box --ro "$work" --hide "$work/tree" -C "$work/tree" -- sh -c 'ls -A | wc -l; touch x 2>/dev/null || echo refused'
is "--hide a file" "0" box --ro "$work/tree" --hide "$work/tree/f" -C "$work/tree" -- sh -c 'wc -c < f'
is "HOST:GUEST puts it elsewhere" "host" box --ro "$work/tree:/mnt/a/b" -- cat /mnt/a/b/f
is "a single file, read-only" "host
EROFS" box --ro "$work/tree/f:/mnt/file" -- sh -c 'cat /mnt/file; echo x 2>/dev/null > /mnt/file || echo EROFS' 2>/dev/null
is "a single file, written through" "x" box --rw "$work/tree/f:/mnt/file" -- sh -c 'echo x > /mnt/file; cat /mnt/file'
host_is "--rw of a file" f x

# rw over ro over ov, in each order of the flags
for order in "1 2 3" "1 3 2" "2 1 3" "2 3 1" "3 1 2" "3 2 1"; do
    fresh
    set --
    for i in $order; do
        case $i in
        1) set -- "$@" --ov "$work/tree" ;;
        2) set -- "$@" --ro "$work/tree/sub" ;;
        3) set -- "$@" --rw "$work/tree/sub/deep" ;;
        esac
    done
    is "the most specific path wins ($order)" "1
sub
3" box "$@" -C "$work/tree" -- sh -c "{ $write_all; } 2>/dev/null"
    host_is "order $order" f host; host_is "order $order" sub/g sub; host_is "order $order" sub/deep/h 3
done
fresh
is "--hide within --rw" "0" box --hide "$work/tree/sub" --rw "$work/tree" -C "$work/tree" -- sh -c 'echo 1 > f; ls -A sub | wc -l'
host_is "--rw around --hide" f 1; host_is "--hide within --rw" sub/g sub
is "--rw within --hide" "deep" box --rw "$work/tree/sub/deep" --hide "$work/tree" -- cat "$work/tree/sub/deep/h"
is "--tmp within --ro" "made" box --tmp "$work/tree/other" --ro "$work/tree" -C "$work/tree" -- sh -c 'touch other/made && ls other'

fresh
is "links lead through the sandbox, not the host" "the sandbox's" box --rw "$work/tree" -- sh -c 'echo "the sandbox'"'"'s" > "$1/absolute"; cat "$(readlink "$1/absolute")"' sh "$work/tree"
! [ -e "/tmp/link-of-$$" ] || fail "a link led to the host's /tmp"
is ".. leads out of a mount to what the sandbox has there" "same" box --rw "$work/tree:/mnt/t" -- sh -c '[ /mnt/t/.. -ef /mnt ] && [ /mnt/t/sub/../.. -ef /mnt ] && [ /mnt/t/up -ef / ] && echo same'
rm -f tree/up; ln -s "$work" tree/outside
is "nor does a link to where the sandbox has nothing" "none" box --rw "$work/tree:/mnt/t" -C / -- sh -c 'cat /mnt/t/outside/tree/f 2>/dev/null || echo none'

fresh
(
    eventually 20 [ -e tree/asked ] && echo answer > tree/answered
) &
is "--rw is shared with the host while it runs" "answer" box --rw "$work/tree" -C "$work/tree" -- sh -c '
    touch asked; i=0; until [ -s answered ]; do i=$((i + 1)); [ $i -lt 400 ] || exit 1; sleep 0.05; done; cat answered'
wait
is "mounts are listed" "3" box --ro "$work/tree:/mnt/r" --rw "$work/tree:/mnt/w" --tmp /mnt/t -- grep -c ' /mnt/[rwt] ' /proc/mounts
is "and say how they are" "/mnt/r ro
/mnt/t rw
/mnt/w rw" box --ro "$work/tree:/mnt/r" --rw "$work/tree:/mnt/w" --tmp /mnt/t -- sh -c '
    awk "\$2 ~ \"^/mnt/\" { split(\$4, o, \",\"); print \$2, o[1] }" /proc/mounts | sort'

refused "one path twice" "another flag has said" do --ro "$work/tree" --rw "$work/tree" -- true
refused "no such path" "No such file" do --ro "$work/none" -- true
refused "a place that is not absolute" "absolute" do --ro "$work/tree:mnt" -- true
refused "a place with .." "absolute" do --ro "$work/tree:/mnt/../x" -- true
refused "a layer over a file" "only a directory" do --ov "$work/tree/f" -- true
refused "a root that is a file" "not a directory" do --rootfs "$work/tree/f" -- true
refused "a root that is not there" "No such file" do --rootfs "$work/none" -- true
[ "$(ls tree)" = "$(printf 'absolute\nanswered\nasked\nf\nother\nsub\nup')" ] || fail "a refused command left something: $(ls tree)"
