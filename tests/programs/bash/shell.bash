# The file side of a shell script: tests, globs, redirections, permissions, umask, here strings.
set -eu
mkdir -p a/b/c && cd a
echo one > f && echo two >> f && cat f
echo "${#PWD}" > /dev/null
ln -s f l && ln f h && [ f -ef h ] && [ -L l ] && readlink l
[ f -nt /etc/hostname ] && echo newer
chmod 640 f && stat -c '%A %h %s' f
(umask 077; : > private; stat -c %a private)
touch x{1..50}.txt && echo x*.txt | wc -w
shopt -s globstar nullglob extglob
echo **/ nothing*
set -o noclobber
(echo no > f) 2>/dev/null || echo "noclobber holds"
set +o noclobber
exec 3> log 4>&1
echo "to three" >&3 && echo "to four" >&4
exec 3>&- 4>&-
cat log
{ echo out; echo err >&2; } > both 2>&1 && wc -l < both
mv f g && ! [ -e f ] && cat l 2>/dev/null || echo "the link dangles"
printf 'b\na\nc\n' > s && sort -o s s && tr '\n' ' ' < s && echo
dd if=/dev/zero of=sparse bs=1 seek=1M count=1 2>/dev/null && stat -c '%s' sparse
truncate -s 100 sparse && stat -c '%s' sparse
cp -a . ../copy && diff -r . ../copy && echo "copies are equal"
find . -type f -name 'x*' -delete && find . -type f | sort | tr '\n' ' ' && echo
rm -rf ../copy && ! [ -d ../copy ] && echo removed
mkdir d && touch d/f && (rmdir d 2>/dev/null || echo "not empty")
mv d e && ls e
cd .. && rm -r a
n=0; for i in $(seq 100); do n=$((n + $(bash -c "echo $i"))); done; echo $n
printf '%s\n' "$(ulimit -n | grep -Eq '^[0-9]+$' && echo a number)"
echo $BASH_SUBSHELL $(echo $BASH_SUBSHELL) $( (echo $BASH_SUBSHELL) )
read -r -t 0.1 line < <(sleep 0.5) || echo "read timed out"
for s in HUP INT QUIT; do kill -l $s; done | tr '\n' ' ' && echo
