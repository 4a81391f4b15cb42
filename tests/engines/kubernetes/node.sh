# A Kubernetes node on loopback: `. tests/engines/kubernetes/node.sh` after lib.sh brings up
# containerd, etcd and the five programs of $KUBERNETES, in a network namespace of its own.
#
#   k ARGUMENTS…     kubectl
#   runtime classes  "runc" and "runsc", as handlers of the stock io.containerd.runc.v2 shim
#   images           localhost/bb:1 and :2, which says VERSION=2
address=10.77.0.1
ip link set lo up
ip link add eth0 type veth peer name eth1 && ip addr add $address/24 dev eth0 && ip link set eth1 up && ip link set eth0 up && ip route add default dev eth0

# The kubelet sets these for the whole host.
tunables="vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes"
for tunable in $tunables; do echo "$tunable $(cat /proc/sys/$tunable)"; done > tunables
started=
# daemon PROGRAM ARGUMENTS…: its output goes to PROGRAM.log
daemon() {
    setsid "$@" > "$(basename "$1").log" 2>&1 < /dev/null &
    started="$! $started"
}
stop_engine() {
    k delete deployment,job,daemonset,statefulset,pod --all --force --grace-period=0
    # shellcheck disable=SC2086 # words
    kill ${started% * }
    for namespace in k8s.io default; do
        ctr -a "$work/containerd.sock" -n $namespace task ls -q | xargs -r -n 1 ctr -a "$work/containerd.sock" -n $namespace task rm -f
    done
    # shellcheck disable=SC2086 # words
    kill $started
    wait
    while read -r tunable value; do echo "$value" > "/proc/sys/$tunable"; done < tunables
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} +
}

cat > containerd.toml <<END
version = 2
root = "$work/containerd"
state = "$work/state"
[grpc]
  address = "$work/containerd.sock"
[ttrpc]
  address = "$work/containerd.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$work/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc.options]
        BinaryName = "$RUNSC"
END
mkdir cni manifests
cat > cni/10-pods.conflist <<END
{ "cniVersion": "0.4.0", "name": "pods", "plugins": [ { "type": "bridge", "bridge": "cni0", "isGateway": true,
  "ipam": { "type": "host-local", "subnet": "10.78.0.0/24", "dataDir": "$work/ipam" } } ] }
END
daemon containerd -c containerd.toml
podman() { command podman --root "$work/p" --runroot "$work/r" --tmpdir "$work/t" "$@"; }
podman import -q -c 'CMD ["/bin/sleep", "100000000"]' bb.tar localhost/pause:1 > /dev/null &&
    podman import -q bb.tar localhost/bb:1 > /dev/null && podman import -q -c 'ENV VERSION=2' bb.tar localhost/bb:2 > /dev/null &&
    podman save -q -m -o images.tar localhost/pause:1 localhost/bb:1 localhost/bb:2 || exit 77
umount "$work/p/overlay" 2> /dev/null
ctr -a "$work/containerd.sock" -n k8s.io image import images.tar > /dev/null || exit 77

daemon etcd --data-dir "$work/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
openssl genrsa -out sa.key 2048 2> /dev/null
echo 'secret,admin,admin,system:masters' > tokens
daemon "$KUBERNETES/bin/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --cert-dir "$work/certs" --secure-port 6443 \
    --bind-address 127.0.0.1 --advertise-address $address --token-auth-file tokens --authorization-mode AlwaysAllow \
    --service-account-issuer https://kubernetes --service-account-key-file sa.key --service-account-signing-key-file sa.key \
    --service-cluster-ip-range 10.79.0.0/24 --disable-admission-plugins ServiceAccount --allow-privileged \
    --kubelet-preferred-address-types InternalIP
cat > kubeconfig <<END
{ "apiVersion": "v1", "kind": "Config", "current-context": "here",
  "clusters": [ { "name": "here", "cluster": { "server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": true } } ],
  "users": [ { "name": "admin", "user": { "token": "secret" } } ],
  "contexts": [ { "name": "here", "context": { "cluster": "here", "user": "admin" } } ] }
END
kubectl="timeout -k 5 120 $KUBERNETES/bin/kubectl --kubeconfig $work/kubeconfig --cache-dir $work/cache"
k() { $kubectl "$@"; }
for _ in $(seq 300); do k get --raw /readyz > /dev/null 2>&1 && break; sleep 0.2; done
daemon "$KUBERNETES/bin/kube-controller-manager" --kubeconfig kubeconfig --leader-elect=false --service-account-private-key-file sa.key --port 0
daemon "$KUBERNETES/bin/kube-scheduler" --kubeconfig kubeconfig --leader-elect=false --port 0
cat > kubelet.yaml <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
cgroupDriver: cgroupfs
enforceNodeAllocatable: []
evictionHard: { memory.available: "1Mi", nodefs.available: "0%", imagefs.available: "0%" }
imageGCHighThresholdPercent: 100
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
resolvConf: ""
syncFrequency: 2s
END
daemon "$KUBERNETES/bin/kubelet" --config kubelet.yaml --kubeconfig kubeconfig --root-dir "$work/kubelet" \
    --cert-dir "$work/kubelet-certs" --hostname-override localhost --node-ip $address \
    --container-runtime remote --container-runtime-endpoint "unix://$work/containerd.sock"
k wait --for=condition=Ready node/localhost --timeout 1s > /dev/null 2>&1
for _ in $(seq 300); do k wait --for=condition=Ready node/localhost --timeout 1s > /dev/null 2>&1 && break; sleep 0.2; done
k get node localhost > /dev/null || { tail -n 3 kubelet.log; exit 77; }
for class in runc runsc; do
    k apply -f - > /dev/null <<END
{ "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": { "name": "$class" }, "handler": "$class" }
END
done
