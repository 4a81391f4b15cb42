# --timeout ends everything that runs and exits with 124; what ends in time is left alone.
. tests/runsc/lib.sh

started=$(date +%s%N)
ends "one process" 124 box --timeout=1s -- sleep 100
took=$((($(date +%s%N) - started) / 1000000))
[ $took -ge 1000 ] && [ $took -lt 6000 ] || fail "--timeout=1s took $took ms"
gone 1 "one process"
ends "a tree, some in sessions of their own, deaf to all signals" 124 box -t 1s -- bash -c '
    trap "" TERM INT HUP QUIT
    for i in 1 2 3; do (setsid sh -c "trap \"\" TERM; sleep 100 & sleep 100" &) ; done
    sleep 100 | sleep 100'
gone 1 "a tree"
ends "one that never calls" 124 box --timeout=500ms -- sh -c 'while :; do :; done'
ends "one that is stopped" 124 box --timeout=500ms -- sh -c 'kill -STOP $$; sleep 100'
ends "one that calls all the time" 124 box --timeout=1s -- sh -c 'yes > /dev/null'
gone 1 "busy ones"
ends "in time" 3 box --timeout=60s -- sh -c 'exit 3'
ends "124 of the command itself" 124 box -- sh -c 'exit 124'
is "output before it is not lost" "before" sh -c '"$1" do --platform="$2" --timeout=5s -- sh -c "echo before; sleep 100"; [ $? = 124 ]' sh "$RUNSC" "$P"
