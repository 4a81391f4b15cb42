# Who a command is, and what it is told: --user --hostname --cwd --env --env-pass --clean-env --rootfs.
. tests/runsc/lib.sh

is "the caller" "$(id -u):$(id -g)" box -- sh -c 'echo "$(id -u):$(id -g)"'
is "--user by number" "1234:1234" box --user 1234 -- sh -c 'echo "$(id -u):$(id -g)"'
is "--user with a group" "1234:77" box -u 1234:77 -- sh -c 'echo "$(id -u):$(id -g)"'
is "--user by name" "$(id -u nobody):$(id -g nobody) nobody" box --user nobody -C / -- sh -c 'echo "$(id -u):$(id -g) $(id -un)"'
is "no other group is left" "1234" box --user 1234 -- id -G
is "root inside has capabilities, others none" "0000000000000000" box --user 1234 -- awk '/CapEff/ { print $2 }' /proc/self/status
is "--user 0" "0 0" box --user 0 -- sh -c 'echo $(id -u) $(id -g)'
is "who is not root may not what root may" "refused" box --user 1234 -- sh -c 'touch /etc/x 2>/dev/null || echo refused'
is "files are the user's" "1234:77" box --user 1234:77 -- sh -c 'cd /tmp && touch f && stat -c %u:%g f'
refused "an unknown user" "no user \"nosuchuser\"" do --user nosuchuser -- true
refused "an unknown group" "no group \"nosuchgroup\"" do --user 0:nosuchgroup -- true

is "the host name" "runsc" box -- uname -n
is "--hostname" "box.example" box --hostname box.example -- uname -n
is "in /proc too" "box" box --hostname box -- cat /proc/sys/kernel/hostname
refused "an empty one" "1 to 64" do --hostname "" -- true

is "where we are is where it starts" "$work" box -- pwd
is "--cwd" "/usr" box --cwd /usr -- pwd
is "-C" "/" box -C / -- pwd
refused "one that is not absolute" "absolute" do -C usr -- true
refused "one that is not there" "/no/such" do -C /no/such -- true
refused "one that is a file" "/etc/passwd" do -C /etc/passwd -- true

export SOME=thing
is "the environment goes in" "thing" box -- sh -c 'echo $SOME'
is "--env" "a=b x" box --env "SOME=a=b" -e OTHER=x -- sh -c 'echo $SOME $OTHER'
is "the last one counts" "2" box --env N=1 --env N=2 -- sh -c 'echo $N'
is "an empty value" "[]" box --env SOME= -- sh -c 'echo "[$SOME]"'
is "--clean-env" "HOME=/
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" box --clean-env -- sh -c 'env | grep -v -E "^(PWD|_|OLDPWD|SHLVL)=" | sort'
is "--env-pass" "thing" box --clean-env --env-pass SOME --env-pass NOT_SET_AT_ALL -- sh -c 'echo $SOME'
is "--clean-env wherever it stands" "kept []" box --env KEPT=kept --clean-env -- sh -c 'echo $KEPT [$SOME]'
refused "--env without a value" "NAME=value" do --env SOME -- true
refused "--env without a name" "NAME=value" do --env =x -- true
big=$(head -c 100000 /dev/zero | tr '\0' x)
is "a long variable, a long argument" "100000 100000" box --env BIG="$big" -- sh -c 'echo ${#BIG} ${#1}' sh "$big"
is "many arguments" "20000" box -- sh -c 'echo $#' sh $(seq 20000)
is "odd arguments" "[] [ ] [-x] [a
b]" box -- sh -c 'echo "[$1] [$2] [$3] [$4]"' sh "" " " -x "a
b"
is "namespaces: it is alone" "yes" box -- sh -c '[ $(ls -d /proc/[0-9]* | wc -l) -le 4 ] && echo yes || ls -d /proc/[0-9]*'
is "pids start at 1" "1" box -- sh -c 'echo $$'
is "no network but lo, or none at all" "0" box -- sh -c 'cat /proc/net/dev 2>/dev/null | grep -c -E "eth|ens|enp|wlan"; :'
is "the kernel says that it is Linux" "Linux x86_64" box -- uname -sm
