# linux.resources.devices, on v1: what the cgroup's list says (v2: tests/runsc/cgroup_devices_test.c).
. tests/runsc/oci/lib.sh
[ "$(id -u)" = 0 ] || skip "only root has cgroups of devices"
group=/sys/fs/cgroup/devices/runsc-test-$$
mkdir "$group" 2> /dev/null || skip "no cgroup v1 for devices that we may write"
rmdir "$group"

common='b *:* m
c *:* m
c 136:* rwm
c 1:3 rwm
c 1:5 rwm
c 1:7 rwm
c 1:8 rwm
c 1:9 rwm
c 5:0 rwm
c 5:2 rwm'
list() {
    bundle b ".linux.cgroupsPath=\"/runsc-test-$$\" | .linux.resources.devices=[$1]"
    rs create --bundle b one || fail "create with [$1]"
    LC_ALL=C sort "$group/devices.list"
    rs delete --force one
}
is "what each container has" "$common" list '{"allow":false,"access":"rwm"}'
is "without any rule" "$common" list ''
is "one more, and one that loses a right" "$(printf '%s\nc 10:229 r' "$common" | LC_ALL=C sort)" list \
    '{"allow":true,"type":"c","major":10,"minor":229,"access":"rw"},{"allow":false,"type":"c","major":10,"minor":229,"access":"w"}'
is "all" "a *:* rwm" list '{"allow":true,"access":"rwm"}'
bundle b '.linux.resources.devices=[{"type":"q"}]'
says "a type that there is not" 'linux.resources.devices\[0\].type: "q" is none of' rs create --bundle b one
[ ! -e "$group" ] || fail "its cgroup is left"
