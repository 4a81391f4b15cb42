# What podman.sh and podman-rootless.sh do alike. Before they source it, they set
#
#   as       what runs a command as who podman is for; empty for root
#   storage  podman's directories, as flags
#   base     the first id that a container may be given
cat > containers.conf <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END
export CONTAINERS_CONF=$work/containers.conf
podman="$as podman $storage"
binary() { if [ $runtime = runc ]; then echo runc; else echo "$RUNSC"; fi; }
words() { echo "$podman --runtime $(binary)"; }
# shellcheck disable=SC2046 # words
e() { timeout -k 5 60 $(words) "$@"; }
start() { e run --network none "$@"; }
. "$top/tests/engines/ops.sh"
runtime=runc
e import -q -c 'CMD ["sh"]' bb.tar localhost/bb:1 > /dev/null || exit 77

ops() {
    ops_once
    ops_live
    op cp-tmp e cp file d1:/tmp/copied
    op inspect e inspect -f '{{.State.Status}} {{.State.Running}} {{.OCIRuntime}}' d1
    op ps e ps -a --format '{{.Names}} {{.State}}'
    quiet commit e commit -q d1 localhost/c:1
    op committed run localhost/c:1 cat /tmp/made
    ops_end
    ops_view
    op oom run -m 32m bb:1 tail /dev/zero
    op privileged run --privileged bb:1 echo ok
    op umask run --umask 0077 bb:1 sh -c umask
    op uidmap run --uidmap 0:$base:5000 bb:1 sh -c 'id -u; touch /x; stat -c %u /x'
    op ids run --uidmap 0:$base:5000 bb:1 cat /proc/self/uid_map
    op pod e pod create --name pp --infra=false --replace > /dev/null
    op pod-run run --pod pp bb:1 echo in
    quiet pod-rm e pod rm -f pp
    quiet stdin-d start -d -i --name a1 bb:1 cat
    quiet rm-running e rm -f -t 0 a1
    quiet health start -d --name h1 --health-cmd 'echo healthy' bb:1 sleep 100
    op healthcheck e healthcheck run h1
    quiet health-rm e rm -f -t 0 h1
    op many sh -c "for i in 1 2 3 4 5 6 7 8; do timeout 60 $(words) run --rm --network none bb:1 echo \$i & done | sort"
    op left e ps -aq
    differs inspect "it names the runtime"
}
