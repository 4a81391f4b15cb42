# What create refuses, in runc's words, and that nothing is left of it.
. tests/runsc/oci/lib.sh

wrong() { # wrong NAME WORDS FILTER
    bundle b "$3"
    run rs --log log --log-format json create --bundle b x
    [ $status = 1 ] && grep -qF -e "$2" .err || fail "$1: status $status, and not \"$2\" in: $(cat .err)"
    tail -n 1 log | jq -r .msg | grep -qF -e "$2" || fail "$1: the log has $(tail -n 1 log)"
    [ "$(wc -l < .err)" = 1 ] || fail "$1: more than one line: $(cat .err)"
    ls state 2> /dev/null | grep -q . && fail "$1: left: $(ls state)"
}
wrong "no such path" 'exec: "/x": stat /x: no such file or directory' "$(args /x)"
wrong "no such command" 'exec: "nosuch": executable file not found in $PATH' "$(args nosuch)"
wrong "not executable" 'exec: "/etc/passwd": permission denied' "$(args /etc/passwd)"
wrong "a directory" 'exec: "/etc": permission denied' "$(args /etc)"
wrong "no arguments" 'process.args: must not be empty' '.process.args=[]'
wrong "an argument that is none" 'process.args[1]: must be a string' '.process.args=["a", 1]'
wrong "a relative cwd" 'process.cwd: Cwd must be an absolute path' '.process.cwd="a"'
wrong "a limit of no name" 'process.rlimits[0].type: there is no limit "RLIMIT_X"' '.process.rlimits=[{type:"RLIMIT_X",soft:1,hard:1}]'
wrong "a limit twice" 'process.rlimits[1].type: RLIMIT_CPU stands here twice' '.process.rlimits=[{type:"RLIMIT_CPU",soft:1,hard:1},{type:"RLIMIT_CPU",soft:1,hard:1}]'
wrong "no version" 'ociVersion: is not there' 'del(.ociVersion)'
wrong "another version" 'ociVersion: 2.0.0 is none of 1.0 to 1.2' '.ociVersion="2.0.0"'
wrong "no root" 'invalid rootfs: stat nowhere: No such file or directory' '.root.path="nowhere"'
wrong "a namespace of no name" 'linux.namespaces[0].type: there is no namespace "x"' '.linux.namespaces[0].type="x"'
wrong "a namespace twice" 'linux.namespaces[' '.linux.namespaces+=[{type:"pid"}]'
wrong "ids without a namespace" 'linux.uidMappings: there is no user namespace' '.linux.namespaces|=map(select(.type != "user")) | .linux.uidMappings=[{containerID:0,hostID:0,size:1}]'
wrong "a mount of no source" 'mounts[0].source: is not there' '.mounts=[{destination:"/x",type:"bind"}]'
wrong "a source that is not there" 'error mounting "/nowhere" to rootfs at "/x": stat /nowhere' '.mounts=[{destination:"/x",type:"bind",source:"/nowhere"}]'
wrong "a file system we have not" 'mounts[0].type: the sandbox has no file system "ext4"' '.mounts=[{destination:"/x",type:"ext4",source:"/dev/sda"}]'
wrong "a mount that climbs" 'has ".." in it' '.mounts=[{destination:"/../x",type:"tmpfs"}]'
wrong "a relative hook" 'hooks.prestart[0].path: must be an absolute path' '.hooks={prestart:[{path:"x"}]}'
wrong "a hook that fails" 'error running prestart hook #0: error running hook: exit status 3, stdout: why' '.hooks={prestart:[{path:"/bin/sh",args:["sh","-c","echo why; exit 3"]}]}'
wrong "a hook that hangs" 'hook ran past specified timeout of 1s' '.hooks={createRuntime:[{path:"/bin/sleep",args:["sleep","100"],timeout:1}]}'
wrong "a terminal without a socket" 'cannot allocate tty' '.process.terminal=true'
wrong "a number that is none" 'linux.resources.memory.limit: must be a whole number' '.linux.resources.memory.limit="x"'
wrong "an action of no name" 'linux.seccomp.syscalls[0].action: there is no "SCMP_ACT_X"' '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["read"],action:"SCMP_ACT_X"}]}'
wrong "a seventh argument" 'linux.seccomp.syscalls[0].args[0].index: 6 is not from 0 to 5' '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["read"],action:"SCMP_ACT_ERRNO",args:[{index:6,value:1,op:"SCMP_CMP_EQ"}]}]}'
wrong "a flag of no name" 'linux.seccomp.flags[0]: there is no "x"' '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",flags:["x"]}'
wrong "an architecture of no name" 'linux.seccomp.architectures[0]: there is no "x"' '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",architectures:["x"]}'
wrong "a setting of the host" 'linux.sysctl.vm.swappiness: is not in a separate kernel namespace' '.linux.sysctl={"vm.swappiness":"1"}'
wrong "a setting without its namespace" "linux.sysctl.net.ipv4.ip_forward: is not allowed in the host's network namespace" '.linux.namespaces|=map(select(.type != "network")) | .linux.sysctl={"net.ipv4.ip_forward":"1"}'
wrong "a setting that we have not" 'linux.sysctl: the sandbox has no /proc/sys/net/ipv4/nosuch' '.linux.sysctl={"net.ipv4.nosuch":"1"}'
wrong "a setting that is no number" 'linux.sysctl: /proc/sys/net/core/somaxconn cannot be x' '.linux.sysctl={"net.core.somaxconn":"x"}'
wrong "a device of no kind" 'linux.devices[0].type: there is no kind of device "x"' '.linux.devices=[{path:"/dev/x",type:"x"}]'
wrong "a relative device" 'linux.devices[0].path: must be an absolute path' '.linux.devices=[{path:"x",type:"c"}]'
wrong "a propagation of no name" 'linux.rootfsPropagation: there is no propagation "x"' '.linux.rootfsPropagation="x"'
wrong "a kind of machine of no name" 'linux.personality.domain: there is no domain "x"' '.linux.personality={domain:"x"}'
wrong "a kind of machine with flags" 'linux.personality.flags: the specification has none' '.linux.personality={domain:"LINUX",flags:["x"]}'
wrong "a share of a cache" 'linux.intelRdt.l3CacheSchema: intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled' '.linux.intelRdt={l3CacheSchema:"L3:0=f"}'
wrong "a cache that is a number" 'linux.intelRdt.l3CacheSchema: must be' '.linux.intelRdt={l3CacheSchema:7}'
wrong "lines that are one" 'linux.intelRdt.schemata: must be' '.linux.intelRdt={schemata:"L3:0=f"}'
wrong "a switch that is a word" 'linux.intelRdt.enableCMT: must be' '.linux.intelRdt={enableCMT:"yes"}'
wrong "a policy of no name" 'process.scheduler.policy: there is no policy "x"' '.process.scheduler={policy:"x"}'
wrong "a priority for who has none" 'process.scheduler.priority: scheduler.priority can only be' '.process.scheduler={policy:"SCHED_OTHER",priority:1}'
wrong "nicer than there is" 'process.scheduler.nice: 20 is not from -20 to 19' '.process.scheduler={policy:"SCHED_OTHER",nice:20}'
wrong "a class of no name" 'process.ioPriority.class: there is no class "x"' '.process.ioPriority={class:"x",priority:1}'
wrong "no list of processors" 'process.execCPUAffinity.final: "1-" is no list of processors' '.process.execCPUAffinity={final:"1-"}'
wrong "a rule for devices that is none" "linux.resources.devices[0].access: 'x' is none of" '.linux.resources.devices=[{allow:false,access:"x"}]'
echo '{ "ociVersion": ' > b/config.json
says "no JSON" "config.json: line 2" rs create --bundle b x
says "no bundle" "No such file or directory" rs create --bundle nowhere x
for id in "" ../x a/b .; do
    says "the id \"$id\"" "invalid container ID format|word is missing" rs create --bundle b "$id"
done
gone 1 "after what was refused"
