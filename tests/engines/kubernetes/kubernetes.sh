#!/bin/bash
# Kubernetes: pods of a RuntimeClass that is ours, and the same of one that is runc's, on a node of
# our own. $KUBERNETES keeps its programs, which are built where they are missing; $PARTS narrows
# what is done: deployment, job, pod, probes, ends, kinds.
[ -n "${OWN_NET:-}" ] || OWN_NET=1 exec unshare -n -m bash "$0" "$@"
. tests/engines/lib.sh containerd podman etcd-server containernetworking-plugins openssl
KUBERNETES=${KUBERNETES:-/var/tmp/runsc-kubernetes}
bash "$top/tests/engines/kubernetes/build.sh" "$KUBERNETES" || { echo "kubernetes cannot be built here"; exit 77; }
began=$SECONDS
. "$top/tests/engines/kubernetes/node.sh"
echo "kubernetes: the node is ready after $((SECONDS - began)) s"

forever='trap exit TERM; while :; do sleep 0.1; done'
# made NAME < YAML: RUNTIME stands for the class, HERE for a directory of the host's, FOREVER for a
# program that ends when it is told to
made() {
    sed "s/RUNTIME/$runtime/; s/FOREVER/$forever/; s|HERE|$work/vol|" > made.yaml
    quiet "$1" k apply -f made.yaml
}
# pod NAME < YAML: what follows its name
pod() {
    cat > pod.yaml
    {
        printf 'apiVersion: v1\nkind: Pod\nmetadata: { name: %s, labels: { app: %s } }\nspec:\n' "$1" "$1"
        printf '  runtimeClassName: RUNTIME\n  enableServiceLinks: false\n'
        grep -q terminationGrace pod.yaml || printf '  terminationGracePeriodSeconds: 5\n'
        cat pod.yaml
    } | made "$1-made"
}
of() { k get "$1" -o "jsonpath={$2}"; } # of KIND/NAME JSONPATH
phase() { until_is "$1-$2" "$2" of "pod/$1" .status.phase; }
ready() { quiet "$1-ready" k wait --for=condition=Ready "pod/$1" --timeout 40s; }
# A pod that has ended is tidied away within a minute.
none() { patience=90 until_is "$1-gone" 0 sh -c "$kubectl get pod -l app=$1 -o name | wc -l"; }
rm_pod() { quiet "$1-rm" k delete pod "$1" --wait=false; none "$1"; }
container() { of "pod/$1" ".status.containerStatuses[0].$2"; }

deployment() {
    cat <<END
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: $1
  selector: { matchLabels: { app: web } }
  strategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } }
  template:
    metadata: { labels: { app: web } }
    spec:
      runtimeClassName: RUNTIME
      enableServiceLinks: false
      terminationGracePeriodSeconds: 5
      containers:
      - name: web
        image: localhost/bb:$2
        command: [sh, -c, 'echo up \$VERSION; touch /ready; FOREVER']
        readinessProbe: { exec: { command: [test, -e, /ready] }, periodSeconds: 1 }
END
}
web() { k get pod -l app=web -o name | head -n 1; }
versions() { k get pod -l app=web --field-selector status.phase=Running -o 'jsonpath={.items[*].spec.containers[0].image}'; }

ops_deployment() {
    made web-apply < <(deployment 2 1)
    quiet web-rollout k rollout status deployment/web --timeout 60s
    op web-available of deployment/web .status.availableReplicas
    op web-log k logs "$(web)"
    quiet web-scale k scale deployment/web --replicas 4
    until_is web-scaled 4 of deployment/web .status.readyReplicas
    quiet web-scale-down k scale deployment/web --replicas 2
    until_is web-scaled-down 2 sh -c "$kubectl get pod -l app=web -o name | wc -l"
    quiet web-update k set image deployment/web web=localhost/bb:2
    quiet web-updated k rollout status deployment/web --timeout 60s
    until_is web-new 'localhost/bb:2 localhost/bb:2' versions
    op web-new-env k exec "$(web)" -- sh -c 'echo $VERSION'
    quiet web-undo k rollout undo deployment/web
    quiet web-undone k rollout status deployment/web --timeout 60s
    until_is web-old 'localhost/bb:1 localhost/bb:1' versions
    quiet web-delete-one k delete "$(web)" --wait=false
    quiet web-healed k rollout status deployment/web --timeout 60s
    quiet web-rm k delete deployment web
    none web
}

ops_job() {
    made job-apply <<'END'
apiVersion: batch/v1
kind: Job
metadata: { name: sum }
spec:
  completions: 3
  parallelism: 2
  template:
    metadata: { labels: { app: sum } }
    spec:
      runtimeClassName: RUNTIME
      enableServiceLinks: false
      restartPolicy: Never
      volumes: [ { name: m, emptyDir: { medium: Memory, sizeLimit: 1Mi } } ]
      initContainers:
      - { name: first, image: "localhost/bb:1", command: [sh, -c, "echo 40 > /m/n"], volumeMounts: [ { name: m, mountPath: /m } ] }
      containers:
      - { name: then, image: "localhost/bb:1", command: [sh, -c, "echo $(($(cat /m/n) + 2)); stat -f -c %T /m"], volumeMounts: [ { name: m, mountPath: /m } ] }
END
    quiet job-done k wait --for=condition=Complete job/sum --timeout 60s
    op job-succeeded of job/sum .status.succeeded
    op job-logs k logs -l app=sum
    quiet job-rm k delete job sum
    none sum
    made fail-apply <<'END'
apiVersion: batch/v1
kind: Job
metadata: { name: bad }
spec:
  backoffLimit: 0
  template:
    metadata: { labels: { app: bad } }
    spec: { runtimeClassName: RUNTIME, restartPolicy: Never, containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, "exit 9"] } ] }
END
    quiet fail-done k wait --for=condition=Failed job/bad --timeout 40s
    op fail-code sh -c "$kubectl get pod -l app=bad -o 'jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}'"
    quiet fail-rm k delete job bad
    none bad
}

ops_pod() {
    quiet config k create configmap settings --from-literal=colour=blue
    quiet secret k create secret generic key --from-literal=word=hush
    pod two <<'END'
  hostname: box
  securityContext: { fsGroup: 77 }
  volumes:
  - { name: shared, emptyDir: {} }
  - { name: settings, configMap: { name: settings } }
  - { name: key, secret: { secretName: key, defaultMode: 0400 } }
  containers:
  - name: one
    image: localhost/bb:1
    command: [sh, -c, 'echo one; echo from-one > /s/f; FOREVER']
    env:
    - { name: COLOUR, valueFrom: { configMapKeyRef: { name: settings, key: colour } } }
    - { name: MY, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
    - { name: MEM, valueFrom: { resourceFieldRef: { resource: limits.memory } } }
    resources: { limits: { memory: 64Mi, cpu: 500m } }
    volumeMounts: [ { name: shared, mountPath: /s }, { name: settings, mountPath: /settings }, { name: key, mountPath: /key } ]
  - name: two
    image: localhost/bb:1
    command: [sh, -c, 'sleep 0.2; echo two; sleep 0.2; echo err >&2; FOREVER']
    securityContext: { runAsUser: 1000, runAsGroup: 1000, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
    volumeMounts: [ { name: shared, mountPath: /s } ]
END
    ready two
    op phase of pod/two .status.phase
    op ready of pod/two '.status.containerStatuses[*].ready'
    op logs k logs two -c one
    op logs-err k logs two -c two
    op logs-all sh -c "$kubectl logs two --all-containers | sort"
    op exec k exec two -c one -- echo in
    op exec-status k exec two -c one -- sh -c 'exit 7'
    op exec-stdin sh -c "echo foo | $kubectl exec -i two -c one -- cat"
    op exec-tty on_tty "$kubectl exec -it two -c one -- sh -c 'sleep 0.3; tty; echo ok'"
    op exec-none k exec two -c one -- nosuch
    op env k exec two -c one -- sh -c 'echo $COLOUR $MY $MEM'
    op volumes k exec two -c one -- sh -c 'cat /settings/colour /key/word; stat -Lc %a:%g /key/word'
    op hostname k exec two -c one -- hostname
    op hosts k exec two -c one -- grep -c box /etc/hosts
    op shared k exec two -c two -- cat /s/f
    op group k exec two -c two -- sh -c 'id -u; id -G; stat -c %g /s'
    op read-only k exec two -c two -- sh -c 'echo x > /x'
    op caps k exec two -c two -- grep -E 'CapEff|NoNewPrivs' /proc/self/status
    op same-hostname k exec two -c two -- hostname
    op pid-1 k exec two -c one -- sh -c 'tr "\0" " " < /proc/1/cmdline | cut -c 1-6'
    echo copied > file
    op cp-in k cp file two:/s/copied -c one
    op cp-seen k exec two -c two -- cat /s/copied
    quiet cp-out k cp two:/s/f out -c one
    op cp-came cat out
    op attach sh -c "timeout 3 $kubectl attach two -c one; echo \$?"
    until_is stats two sh -c "$kubectl get --raw /api/v1/nodes/localhost/proxy/stats/summary | jq -r '.pods[] | select(.podRef.name == \"two\" and (.containers | length) == 2) | .podRef.name'"
    op restarts of pod/two '.status.containerStatuses[*].restartCount'
    quiet pid-killed k exec two -c one -- sh -c 'kill -TERM 1'
    until_is restarted '1 0' of pod/two '.status.containerStatuses[*].restartCount'
    until_is restarted-ready 'true true' of pod/two '.status.containerStatuses[*].ready'
    op shared-stays k exec two -c one -- cat /s/copied
    op previous k logs two -c one --previous
    rm_pod two
    quiet config-rm k delete configmap/settings secret/key
}

ops_probes() {
    pod probed <<'END'
  containers:
  - name: a
    image: localhost/bb:1
    command: [sh, -c, 'touch /live; sleep 1; touch /started; FOREVER']
    startupProbe: { exec: { command: [cat, /started] }, periodSeconds: 1, failureThreshold: 30 }
    livenessProbe: { exec: { command: [cat, /live] }, periodSeconds: 1, failureThreshold: 2 }
    readinessProbe: { exec: { command: [sh, -c, 'test ! -e /busy'] }, periodSeconds: 1 }
END
    ready probed
    quiet busy k exec probed -- touch /busy
    until_is not-ready false container probed ready
    quiet not-busy k exec probed -- rm /busy
    until_is ready-again true container probed ready
    quiet dead k exec probed -- rm /live
    until_is probe-restarted 1 container probed restartCount
    until_is probe-back true container probed ready
    rm_pod probed
}

ops_ends() {
    pod oom <<'END'
  restartPolicy: Never
  containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'exec tail /dev/zero'], resources: { limits: { memory: 32Mi } } } ]
END
    phase oom Failed
    op oom-why container oom 'state.terminated.reason'
    op oom-code container oom 'state.terminated.exitCode'
    rm_pod oom
    pod crash <<'END'
  containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'echo dying > /dev/termination-log; exit 3'] } ]
END
    until_is crash-loop CrashLoopBackOff container crash state.waiting.reason
    op crash-code container crash lastState.terminated.exitCode
    op crash-message container crash lastState.terminated.message
    rm_pod crash
    pod nocommand <<'END'
  restartPolicy: Never
  containers: [ { name: a, image: "localhost/bb:1", command: [nosuch] } ]
END
    phase nocommand Failed
    op nocommand-why container nocommand state.terminated.reason
    op nocommand-code container nocommand state.terminated.exitCode
    op nocommand-message container nocommand state.terminated.message
    rm_pod nocommand
    pod polite <<'END'
  volumes: [ { name: h, hostPath: { path: HERE } } ]
  containers:
  - name: a
    image: localhost/bb:1
    command: [sh, -c, 'trap "echo term >> /h/polite; exit" TERM; while :; do sleep 0.1; done']
    volumeMounts: [ { name: h, mountPath: /h } ]
    lifecycle: { postStart: { exec: { command: [sh, -c, 'echo start > /h/polite'] } }, preStop: { exec: { command: [sh, -c, 'echo stop >> /h/polite'] } } }
END
    ready polite
    rm_pod polite
    op hooks cat vol/polite
    pod spinning <<'END'
  terminationGracePeriodSeconds: 1
  containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'trap : TERM; while :; do :; done'], resources: { limits: { cpu: 300m } } } ]
END
    ready spinning
    rm_pod spinning
}

ops_kinds() {
    made daemonset <<'END'
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: each }
spec:
  selector: { matchLabels: { app: each } }
  template:
    metadata: { labels: { app: each } }
    spec: { runtimeClassName: RUNTIME, terminationGracePeriodSeconds: 1, containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'FOREVER'] } ] }
END
    until_is daemonset-ready 1 of daemonset/each .status.numberReady
    quiet daemonset-rm k delete daemonset each
    none each
    made statefulset <<'END'
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: kept }
spec:
  serviceName: kept
  replicas: 2
  selector: { matchLabels: { app: kept } }
  template:
    metadata: { labels: { app: kept } }
    spec: { runtimeClassName: RUNTIME, terminationGracePeriodSeconds: 1, containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'hostname; FOREVER'] } ] }
END
    until_is statefulset-ready 2 of statefulset/kept .status.readyReplicas
    op statefulset-logs sh -c "$kubectl logs kept-0; $kubectl logs kept-1"
    quiet statefulset-rm k delete statefulset kept
    none kept
    pod hostnet <<'END'
  hostNetwork: true
  containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'FOREVER'] } ]
END
    ready hostnet
    op hostnet-ip of pod/hostnet .status.podIP
    rm_pod hostnet
    pod shared <<'END'
  shareProcessNamespace: true
  containers:
  - { name: a, image: "localhost/bb:1", command: [sh, -c, 'FOREVER'] }
  - { name: b, image: "localhost/bb:1", command: [sleep, '12345'] }
END
    ready shared
    op shared-pids k exec shared -c a -- sh -c 'ps | grep -c "[s]leep 12345"'
    rm_pod shared
    pod served <<'END'
  containers: [ { name: a, image: "localhost/bb:1", command: [sh, -c, 'nc -ll -p 8000 -e echo served & FOREVER'] } ]
END
    ready served
    op port-forward sh -c "$kubectl port-forward served 18000:8000 > /dev/null & sleep 2; busybox nc -w 2 127.0.0.1 18000 < /dev/null; kill \$!"
    rm_pod served
    op left sh -c "$kubectl get pod -o name | wc -l"
}
ops() {
    local begun=$SECONDS
    mkdir -p vol && rm -f vol/*
    for part in ${PARTS:-deployment job pod probes ends kinds}; do "ops_$part"; done
    differs port-forward "a container has no internet sockets yet"
    echo "kubernetes: $runtime: $((SECONDS - begun)) s"
}
compare
