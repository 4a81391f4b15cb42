# time-limit: 60
# Mounts that the host's kernel makes for a container: with other owners, over each other.
. tests/runsc/oci/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root"

sees() { # sees NAME WANT FILTER COMMANDS
    bundle b "$(args sh -c "$4") | .process.capabilities|=map_values(. + [\"CAP_CHOWN\",\"CAP_FOWNER\",\"CAP_DAC_OVERRIDE\"]) | $3"
    is "$1" "$2" rs run --bundle b x
}
volume() { # a new one: files of 0, 1000, 77
    rm -rf vol && mkdir vol && echo x > vol/of0 && echo x > vol/of1000 && echo x > vol/of77 || exit 2
    chown 1000:1000 vol/of1000 && chown 77:77 vol/of77 && chmod 777 vol || exit 2
}
on_host() { # on_host NAME WANT FILE: its owner
    [ "$(stat -c %u:%g "$3")" = "$2" ] || fail "$1: on the host $3 is $(stat -c %u:%g "$3")'s"
}
mapped() { # mapped OPTIONS RANGES: a mount of the volume at /v
    echo ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:$1,uidMappings:$2,gidMappings:$2}]"
}
plain() { echo ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"bind\"${1:-}]}]"; }
owners='cd /v && echo $(stat -c %u:%g of0 of1000 of77)'
both='[{containerID:0,hostID:1000,size:10},{containerID:1000,hostID:0,size:1}]'
users='[{containerID:0,hostID:1000,size:10}]'
large='grep -c "too large"'

volume
bundle b "$(args true) | $(mapped '["bind"]' "$users")"
rs run --bundle b x 2> why || { grep -q 'support idmap' why && skip "no id-mapped mounts of this file system"; }
sees "owners have other ids" "1000:1000 0:0 65534:65534" "$(mapped '["bind","idmap"]' "$both")" "$owners"
sees "also where no option says so" "1000:1000 0:0 65534:65534" "$(mapped '["bind"]' "$both")" "$owners"
sees "as crun writes it" "1000:1000 0:0 65534:65534" "$(plain ',"idmap=uids=0-1000-10#1000-0-1;gids=0-1000-10#1000-0-1"')" "$owners"
sees "what is made and given away" "0:0 1005:1003" "$(mapped '["rbind","ridmap"]' "$both")" 'cd /v; touch a b; chown 1005:1003 b; echo $(stat -c %u:%g a b)'
on_host "what root makes" 1000:1000 vol/a
on_host "what is given away" 5:3 vol/b
sees "ids that have no number there" "1 1 1" "$(mapped '["bind"]' "$both")" "cd /v; echo \$(chown 5000 a 2>&1 | $large) \$(chgrp 5000 a 2>&1 | $large) \$(chmod 600 of77 2>&1 | $large)"
sees "files of nobody's cannot be written" "no x" "$(mapped '["bind"]' "$both")" 'cd /v; (echo y > of77) 2> /dev/null || echo $(echo no; cat of77)'
volume
sees "who has no number makes nothing" "1 1 1 1 3" "$(mapped '["bind"]' "$users")" "cd /v; echo \$(touch a 2>&1 | $large) \$(mkdir a 2>&1 | $large) \$(ln -s b a 2>&1 | $large) \$(chown 0 of0 2>&1 | $large) \$(ls | wc -l)"
sees "others do" "1000:1000" ".process.user={uid:1000,gid:1000} | $(mapped '["bind"]' "$users")" 'cd /v; mkdir d && touch d/f && stat -c %u:%g d/f'
on_host "what others make" 0:0 vol/d/f

space='.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=.linux.uidMappings'
chown -R 100000:100000 image b/rootfs
volume
sees "in a user namespace: as it is" "65534:65534 65534:65534 65534:65534" "$space | $(plain)" "$owners"
sees "as the namespace has them" "0:0 1000:1000 77:77" "$space | $(plain ',"idmap"')" "$owners; touch a b; chown 5:6 b"
on_host "its root makes files of root's" 0:0 vol/a
on_host "and gives them away" 5:6 vol/b
sees "or as the mount says" "1000:1000 65534:65534 65534:65534" "$space | $(mapped '["bind"]' '[{containerID:0,hostID:101000,size:10}]')" "$owners"
chown -R 0:0 image b/rootfs

mkdir -p o/l1 o/l2/d o/up o/wk && echo 1 > o/l1/a && echo 2 > o/l2/a && echo 2 > o/l2/b && echo d > o/l2/d/f
over() { echo ".mounts+=[{destination:\"/o\",type:\"overlay\",source:\"overlay\",options:[\"lowerdir=$work/o/l1:$work/o/l2\"${1:-}]}]"; }
sees "directories over each other" "1 2 d" "$(over)" 'cd /o; echo $(cat a b d/f)'
sees "cannot be changed without one for changes" "no" "$(over)" '(echo x > /o/x) 2> /dev/null || echo no'
upper=",\"upperdir=$work/o/up\",\"workdir=$work/o/wk\""
sees "and can be with one" "b e" "$(over "$upper")" 'cd /o; rm a; echo more >> b; mv d e; echo $(ls)'
[ "$(cat o/l1/a o/l2/a o/l2/b o/l2/d/f)" = "$(printf '1\n2\n2\nd')" ] || fail "what is below was changed"
[ -c o/up/a ] && [ "$(cat o/up/b)" = "$(printf '2\nmore')" ] && [ -f o/up/e/f ] || fail "changes: $(ls -l o/up)"
sees "which are there the next time" "b e" "$(over "$upper")" 'echo $(ls /o)'
sees "read-only, though it has one" "no" "$(over "$upper,\"ro\"")" '(echo x > /o/x) 2> /dev/null || echo no'
grep -q " $work" /proc/self/mountinfo && fail "a mount is left on the host"

wrong() { # wrong NAME WORDS FILTER
    bundle b "$3"
    run rs create --bundle b x
    [ $status = 1 ] && [ "$(wc -l < .err)" = 1 ] && grep -qF -e "$2" .err ||
        fail "$1: status $status, and not \"$2\" in: $(cat .err)"
    ls state | grep -q . && fail "$1: left: $(ls state)"
}
wrong "ids of one kind" 'mounts[0].gidMappings: id-mapped mounts must have both uid and gid mappings' ".mounts=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",uidMappings:$users}]"
wrong "ids of no bind mount" 'mounts[0]: id-mapped mounts are only supported for bind-mounts' '.mounts=[{destination:"/v",type:"tmpfs",options:["idmap"]}]'
for text in uids=0-1 uids=0-x-1 uids=0-1-1-1 uids= pids=0-1-1 @uids=0-1-1; do
    wrong "ranges that are none: $text" 'mounts[0].options[1]: write idmap=uids=' "$(plain ",\"idmap=$text\"" | sed 's/+=/=/')"
done
wrong "maps of two kinds" 'mounts[0]: has maps of ids, and its options have others' "$(mapped '["bind","idmap=uids=0-1-1;gids=0-1-1"]' "$both" | sed 's/+=/=/')"
wrong "ids from nowhere" 'mounts[0]: id-mapped mounts need mappings' ".mounts=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"idmap\"]}]"
wrong "ids that overlap" 'mounts[0]: cannot make a user namespace of those ids' "$(mapped '["bind"]' '[{containerID:0,hostID:0,size:2},{containerID:1,hostID:5,size:2}]') | .mounts=.mounts[-1:]"
wrong "a file system that cannot" 'mounts[0]: failed to set MOUNT_ATTR_IDMAP on /proc: Invalid argument' ".mounts=[{destination:\"/v\",type:\"bind\",source:\"/proc\",uidMappings:$both,gidMappings:$both}]"
wrong "a directory that is not there" 'error mounting "overlay" to rootfs at "/o": mount overlay, data: lowerdir=/nowhere' '.mounts=[{destination:"/o",type:"overlay",source:"overlay",options:["lowerdir=/nowhere"]}]'
gone 2 "after all of these"
