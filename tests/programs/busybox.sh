# busybox, static: its applets agree with the host's, and it is a whole system by --rootfs.
. tests/programs/lib.sh
need busybox
bb=$(command -v busybox)
script='
cd "$(mktemp -d)" && seq 100 > f
awk "{ s += \$1 } END { print s }" f; sort -rn f | head -n 3; md5sum < f; wc f; grep -c 1 f; sed -n 5,7p f; tr 1 x < f | tail -n 2
mkdir -p a/b && cp f a/b && tar cf - a | tar tf - ; gzip -c f | gunzip -c | cmp - f && echo same; find . -type f | sort
ln -s f l && readlink l; stat -c %s f; dd if=f bs=10 count=2 2>/dev/null; cut -c 1 f | uniq -c | head -n 3; od -c f | head -n 2
echo $((3 ** 4)); for i in 1 2 3; do (exit $i); echo $?; done; echo a b c | xargs -n 1 echo; printf "%03d\n" 7; expr 6 "*" 7
(sleep 0.1; echo later) & wait; kill -l 9; trap "echo trapped" USR1; kill -USR1 $$; timeout 60 true && echo $?; diff f f && echo no difference
unset x; echo ${x:-default} ${#PWD} > /dev/null; vi --help 2>&1 | grep -c Usage; cpio --help 2>&1 | grep -c Usage; ash -c "echo nested"; env -i A=b env; basename /a/b.c .c
'
same "applets" "$bb" sh -c "$script"

# A root of its own: nothing of the host is in it.
mkdir -p root/bin root/etc root/proc root/sys root/dev root/tmp root/usr && cp "$bb" root/bin/busybox
for applet in sh ls cat id mount ps find wc grep touch rm mkdir hostname uname sleep test sort readlink; do ln -s busybox root/bin/$applet; done
echo 'root:x:0:0:root:/:/bin/sh' > root/etc/passwd
if [ "$RUNSC" != native ]; then
    is "its root" "bin
dev
etc
proc
sys
tmp
usr" sh -c 'sh "$1" --rootfs="$2/root" -- /bin/ls /' sh "$top/tests/tools/sandbox.sh" "$work"
    is "writes are thrown away" "new" sandbox --rootfs="$work/root" -- /bin/sh -c 'echo new > /etc/f && cat /etc/f && rm -r /usr && mkdir /usr2'
    [ -e root/etc/f ] || [ -e root/usr2 ] || ! [ -d root/usr ] && fail "the host's root has changed: $(ls root root/etc)"
    is "a command is found by PATH" "busybox" sandbox --rootfs="$work/root" --clean-env -- sh -c "ls -l /bin/sh | sed s/.*-..//"
    is "nothing of the host" "passwd" sandbox --rootfs="$work/root" -- /bin/sh -c 'cd /etc && echo *'
fi
