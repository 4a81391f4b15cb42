# time-limit: 120
# What a container's programs see of what config.json says: files, mounts, ids, limits.
. tests/runsc/oci/lib.sh

sees() { # sees NAME WANT FILTER WORD…
    local name=$1 want=$2 filter=$3; shift 3
    bundle b "$(args "$@") | $filter"
    is "$name" "$want" rs run --bundle b x
}
sees "the root is written through" "" . sh -c 'echo x > /made; mkdir /dir'
[ "$(cat b/rootfs/made)" = x ] && [ -d b/rootfs/dir ] || fail "the host does not see what was written"
rm -r b/rootfs/made b/rootfs/dir
bundle b "$(args sh -c 'while [ ! -e /go ]; do sleep 0.02; done; cat /go')"
rs run --bundle b x > out & pid=$!
sleep 0.3; echo went > b/rootfs/go.new; mv b/rootfs/go.new b/rootfs/go
wait $pid; [ "$(cat out)" = went ] || fail "what the host changes is not seen: $(cat out)"
rm b/rootfs/go
sees "a read-only root" "no" '.root.readonly=true' sh -c 'echo x 2> /dev/null > /made || echo no'
mkdir vol && echo host > vol/f && echo one > file
sees "a directory" "host written" ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"rbind\",\"rw\"]}]" sh -c 'echo written > /v/g; echo $(cat /v/f /v/g)'
[ "$(cat vol/g)" = written ] || fail "a volume is not written through"
sees "a read-only directory" "host no" ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"bind\",\"ro\",\"rprivate\"]}]" sh -c 'echo $(cat /v/f) $(echo x 2> /dev/null > /v/h || echo no)'
if [ "$(id -u)" = 0 ]; then # in a mount namespace of its own, for what is mounted here
    mkdir -p vol/sub && echo under > vol/sub/f
    for kind in bind:under rbind:over; do
        bundle b "$(args cat /v/sub/f) | .mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"${kind%:*}\"]}]"
        is "what is mounted below, by ${kind%:*}" "${kind#*:}" unshare -m sh -c 'mount -t tmpfs none vol/sub && echo over > vol/sub/f && exec "$1" --root "$2" run --bundle b x' sh "$RUNSC" "$work/state"
    done
fi
sees "one file" "one" ".mounts+=[{destination:\"/etc/one\",type:\"bind\",source:\"$work/file\",options:[\"bind\"]}]" cat /etc/one
ln -s / b/rootfs/out
sees "a link in the image leads nowhere outside" "host" ".mounts+=[{destination:\"/out/v\",type:\"bind\",source:\"$work/vol\",options:[\"bind\"]}]" cat /v/f
[ ! -e /v ] || fail "a place was made on the host"
rm b/rootfs/out
sees "tmpfs with a size" "64.0K" '.mounts+=[{destination:"/t",type:"tmpfs",source:"tmpfs",options:["size=64k"]}]' sh -c 'df -h /t | awk "END { print \$2 }"'
sees "masked paths" "0 0" '.linux.maskedPaths=["/etc/passwd","/sys/firmware","/not/there"]' sh -c 'echo $(wc -c < /etc/passwd) $(ls /sys/firmware | wc -l)'
sees "read-only paths" "no" '.linux.readonlyPaths=["/etc"]' sh -c 'echo x 2> /dev/null > /etc/x || echo no'
sees "devices" "ok" . sh -c 'for d in null zero full random urandom tty ptmx; do [ -c /dev/$d ] || echo no $d; done; [ -L /dev/fd ] && [ -L /dev/stdin ] && echo ok'
sees "nodes of devices" "c 660 10 666 5, b 8 1, p" '.linux.devices=[{path:"/dev/d/c",type:"c",major:10,minor:666,fileMode:432,uid:5},{path:"/dev/b",type:"b",major:8,minor:1},{path:"/dev/p",type:"p"}]' sh -c 'cd /dev; [ -c d/c ] && [ -b b ] && [ -p p ] && echo c $(stat -c %a d/c) $((0x$(stat -c %t d/c))) $((0x$(stat -c %T d/c))) $(stat -c %u d/c), b $((0x$(stat -c %t b))) $((0x$(stat -c %T b))), p'
sees "a node has no device of the host" "No such device or address" '.linux.devices=[{path:"/dev/b",type:"b",major:8,minor:1}]' sh -c 'cat /dev/b 2>&1 | sed "s/.*: //"'
sees "a masked node" "0" '.linux.devices=[{path:"/dev/b",type:"b",major:8,minor:1}] | .linux.maskedPaths=["/dev/b"]' sh -c 'wc -c < /dev/b'
sees "settings" "1 0 60 5" '.linux.sysctl={"net.ipv4.ip_forward":"1","net.ipv6.conf.lo.disable_ipv6":"0","net.core.somaxconn":"5"}' sh -c 'cd /proc/sys; echo $(cat net/ipv4/ip_forward net/ipv6/conf/lo/disable_ipv6 vm/swappiness net/core/somaxconn)'
sees "a place for message queues" "mqueue" '.' sh -c 'sed -n "s,.* /dev/mqueue .* - \\([^ ]*\\) .*,\\1,p" /proc/self/mountinfo'
sees "message queues that are files" "QSIZE:0 NOTIFY:0 SIGNO:0 NOTIFY_PID:0" '.' sh -c ': > /dev/mqueue/q && echo $(cat /dev/mqueue/q) && rm /dev/mqueue/q'
sees "limits of message queues" "21 8192" '.linux.sysctl={"fs.mqueue.msg_max":"21"}' sh -c 'cd /proc/sys/fs/mqueue; echo $(cat msg_max msgsize_max)'
cgroup='.linux.resources={memory:{limit:134217728},cpu:{quota:50000,period:100000,shares:512},pids:{limit:77}}'
sees "limits in a cgroup" "134217728 77 50000 100000" "$cgroup" sh -c "$limits"
sees "of the version that the host has" "$cgroups" . sh -c 'awk "\$3 ~ /^cgroup/ { n++; type = \$3 } END { print n, type }" /proc/mounts'
sees "what is used, and who" "1 1 yes" "$cgroup" sh -c "cd /sys/fs/cgroup; read -r n < $pids.current; read -r m < $memory; read -r p < ${pids%pids}cgroup.procs; echo -n \"\$n \$p \"; [ \$m -gt 0 ] && [ \$m -lt 134217728 ] && echo yes"
sees "nothing can be set there" "no" "$cgroup" sh -c "(echo 1 > /sys/fs/cgroup/$pids.max) 2> /dev/null || echo no"
if [ "$cgroups" = "4 cgroup" ]; then
    sees "each in its hierarchy" "cpu,cpuacct cpuset memory pids" . sh -c 'echo $(sed -n "s/^[1-9]:\\(.*\\):\\/\$/\\1/p" /proc/self/cgroup | sort)'
    sees "which mountinfo tells" "/sys/fs/cgroup/memory rw,memory" . sh -c 'awk "\$(NF - 2) == \"cgroup\" && /memory/ { print \$5, \$NF }" /proc/self/mountinfo'
    sees "shares, and time that goes by" "512 yes" "$cgroup" sh -c 'cd /sys/fs/cgroup/cpu; read -r a < ../cpuacct/cpuacct.usage; for i in 1 2 3 4 5 6 7 8; do cat cpu.shares > /dev/null; done; read -r b < ../cpuacct/cpuacct.usage; echo $(cat cpu.shares) $([ "$b" -gt "$a" ] && echo yes)'
fi
sees "which part of the host is mounted" "$work/vol" ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"bind\"]}]" sh -c 'sed -n "s,^[^ ]* [^ ]* [^ ]* \\([^ ]*\\) /v .*,\\1,p" /proc/self/mountinfo'
source=$(df -P "$work/vol" | awk 'END { print $1 }') type=$(stat -f -c %T "$work/vol")
sees "and of which file system" "$source $type $source $type" ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"bind\"]}]" sh -c 'for d in / /v; do echo $(df -P $d | awk "END { print \$1 }") $(stat -f -c %T $d); done | xargs echo'
type=$(awk -v s="$source" '$1 == s { print $3; exit }' /proc/mounts)
sees "by name" "$type $type" ".mounts+=[{destination:\"/v\",type:\"bind\",source:\"$work/vol\",options:[\"bind\"]}]" sh -c 'echo $(awk "\$2 == \"/\" || \$2 == \"/v\" { print \$3 }" /proc/mounts)'
sees "how mounts spread" "shared" '.linux.rootfsPropagation="shared"' sh -c 'sed -n "s,^[^ ]* [^ ]* [^ ]* / / [^ ]* \\([a-z]*\\):.*,\\1,p" /proc/self/mountinfo'
sees "the host name" "box" '.hostname="box"' hostname
sees "or that of the host, where none is given" "$(hostname)" 'del(.hostname)' hostname
bundle b "$(args sh -c 'echo lost')"
ends "the host's null can be written, with whatever right it came" 0 sh -c '"$@" 1< /dev/null' sh "$RUNSC" --root "$work/state" run --bundle b x
sees "environment" "A=1" '.process.env=["A=1"]' /bin/busybox env
sees "cwd is made" "/a/b" '.process.cwd="/a/b"' pwd
sees "umask" "0077" '.process.user.umask=63' sh -c umask
sees "user and groups" "1000 100 100 7 8" '.process.user={uid:1000,gid:100,additionalGids:[7,8]}' sh -c 'echo $(id -u) $(id -g) $(id -G)'
sees "capabilities of root" "0000000020000420" . sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
sees "and of others" "0000000000000000" '.process.user={uid:1000,gid:1000}' sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
sees "bounding set" "0000000020000420" . sh -c 'sed -n "s/^CapBnd:.//p" /proc/self/status'
sees "no new privileges" "1" . sh -c 'sed -n "s/^NoNewPrivs:.//p" /proc/self/status'
sees "limits" "77 99" '.process.rlimits=[{type:"RLIMIT_NOFILE",soft:77,hard:99}]' sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)'
sees "the score for running out of memory" "77" '.process.oomScoreAdj=77' cat /proc/self/oom_score_adj
sees "it is pid 1" "1" . sh -c 'echo $$'
sees "another kind of machine" "i686 00000008 i686" '.linux.personality={domain:"LINUX32"}' sh -c 'echo $(uname -m; cat /proc/self/personality; sh -c "uname -m")'
sees "how it is scheduled" "3 5 best-effort: prio 1" '.process.scheduler={policy:"SCHED_BATCH",nice:5} | .process.ioPriority={class:"IOPRIO_CLASS_BE",priority:1}' sh -c 'read -r line < /proc/self/stat; set -- ${line##*) }; echo ${39} ${17} $(ionice -p $$)'
sees "a policy that the sandbox has not" "0" '.process.scheduler={policy:"SCHED_FIFO",priority:5}' sh -c 'read -r line < /proc/self/stat; set -- ${line##*) }; echo ${39}' 2> /dev/null
allow='.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[RULE]}'
rule() { echo "${allow%RULE*}$1${allow#*RULE}"; }
sees "a profile refuses a call" "mkdir: can't create directory '/x': No data available 2" "$(rule '{names:["mkdir","mkdirat","nosuchcall"],action:"SCMP_ACT_ERRNO",errnoRet:61}')" sh -c 'echo $(mkdir /x 2>&1; sed -n "s/^Seccomp:.//p" /proc/self/status)'
sees "by its arguments" "no yes" "$(rule '{names:["kill"],action:"SCMP_ACT_ERRNO",args:[{index:1,value:10,op:"SCMP_CMP_EQ"}]}')" sh -c 'trap "" USR1 USR2; echo $(kill -USR1 $$ 2> /dev/null && echo yes || echo no) $(kill -USR2 $$ && echo yes)'
sees "under a mask" "no yes" "$(rule '{names:["kill"],action:"SCMP_ACT_ERRNO",args:[{index:1,value:2,valueTwo:2,op:"SCMP_CMP_MASKED_EQ"},{index:0,value:0,op:"SCMP_CMP_NE"}]}')" sh -c 'trap "" USR1 USR2; echo $(kill -USR1 $$ 2> /dev/null && echo yes || echo no) $(kill -USR2 $$ && echo yes)'
sees "or kills" "159" "$(rule '{names:["mkdir","mkdirat"],action:"SCMP_ACT_KILL_PROCESS"}')" sh -c 'sh -c "mkdir /x" 2> /dev/null; echo $?'
cat > trap.c <<'END'
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static siginfo_t got;
static long where, was;

static void on(int sig, siginfo_t *si, void *context)
{
    ucontext_t *u = context;

    (void)sig;
    got = *si;
    where = u->uc_mcontext.gregs[REG_RIP];
    was = u->uc_mcontext.gregs[REG_RAX];
    u->uc_mcontext.gregs[REG_RAX] = 77;
}

int main(void)
{
    struct sigaction act = { .sa_sigaction = on, .sa_flags = SA_SIGINFO };

    sigaction(SIGSYS, &act, NULL);
    long r = syscall(SYS_mkdir, "/x", 0755);
    printf("%d %d %x %d %ld %ld\n", got.si_code, got.si_syscall, got.si_arch,
           (long)got.si_call_addr == where, was, r);
    return 0;
}
END
mkdir -p b && gcc -D_GNU_SOURCE -static -o image/trap trap.c 2> /dev/null && cp image/trap b/rootfs/trap &&
    sees "or tells the program which" "1 83 c000003e 1 83 77" "$(rule '{names:["mkdir"],action:"SCMP_ACT_TRAP"}')" /trap
cat > often.c <<'END'
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    int refused = 0;

    for (int i = 0; i < 1000; i++)
        refused += syscall(SYS_getppid) < 0;
    printf("%d\n", refused);
    return 0;
}
END
gcc -static -o image/often often.c 2> /dev/null && cp image/often b/rootfs/often &&
    sees "however often it is asked" "1000" "$(rule '{names:["getppid"],action:"SCMP_ACT_ERRNO"}')" /often
sees "nobody traces, nobody listens" "1 1" "$(rule '{names:["mkdir","mkdirat"],action:"SCMP_ACT_TRACE"},{names:["rmdir","unlinkat"],action:"SCMP_ACT_NOTIFY"}')" sh -c 'echo $(mkdir /x 2>&1 | grep -c "Function not implemented") $(rmdir /tmp 2>&1 | grep -c "Function not implemented")'
sees "what is not allowed is refused" "no" '.linux.seccomp={defaultAction:"SCMP_ACT_ERRNO",syscalls:[{names:["read","write","close","execve","exit_group","exit","brk","mmap","munmap","mprotect","arch_prctl","set_tid_address","set_robust_list","rseq","prlimit64","getrandom","readlink","readlinkat","fstat","newfstatat","stat","openat","getuid","geteuid","getgid","getegid","getpid","getppid","rt_sigaction","rt_sigprocmask","rt_sigreturn","ioctl","fcntl","getcwd","uname","prctl","sigaltstack","futex","dup2","pipe2","vfork","clone","wait4","lseek"],action:"SCMP_ACT_ALLOW"}]}' sh -c 'cd /tmp 2> /dev/null || echo no'
mkdir hooks
for kind in prestart createRuntime createContainer poststart poststop; do
    filter="${filter:-.} | .hooks.$kind=[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"cat > $work/hooks/$kind\"]}]"
done
filter="$filter | .hooks.startContainer=[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"cat > /hook\"]}]"
[ "$(id -u)" = 0 ] || filter="$filter | del(.hooks.createContainer)"
sees "hooks run, and then it" "ran" "$filter" sh -c '[ -s /hook ] && echo ran'
for state in prestart:created createRuntime:creating poststart:running poststop:stopped; do
    [ "$(jq -r .status < "hooks/${state%:*}")" = "${state#*:}" ] || fail "the ${state%:*} hook got $(cat "hooks/${state%:*}")"
done
[ "$(jq -r .status < b/rootfs/hook)" = created ] || fail "the startContainer hook got $(cat b/rootfs/hook)"
[ "$(id -u)" != 0 ] || sees "who has no number" "Invalid argument" '.process.capabilities[]+=["CAP_CHOWN"] | .linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:0,size:10}] | .linux.gidMappings=.linux.uidMappings' sh -c 'touch /mine; chown 5000 /mine 2>&1 | sed "s/.*: //"; rm /mine'
bundle b "$(args sh -c 'ulimit -Sc; ulimit -Hc') | .process.rlimits=[{type:\"RLIMIT_CORE\",soft:\"@\",hard:\"@\"}]"
sed -i 's/"@"/18446744073709551615/' b/config.json # jq does not know it either
is "the largest number there is is no limit" "unlimited
unlimited" rs run --bundle b largest
gone 2 "after all of these"
