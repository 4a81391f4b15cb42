# What is wrong on the command line gets one clear line, status 125, and nothing half-made.
. tests/runsc/lib.sh

while IFS='|' read -r want flags; do
    # shellcheck disable=SC2086
    refused "do $flags" "$want" do $flags
done <<'END'
which command|
which command|--
which command|--mem 64m
no flag --nonsense|--nonsense -- true
did you mean --timeout|--timout 5 -- true
did you mean --hostname|--hostnme x -- true
no flag -Z|-Z -- true
--mem needs a value|--mem
-m needs a value|-m
no size|--mem lots -- true
no size|--mem -5 -- true
no size|--mem 0 -- true
no size|--mem 5x -- true
no size|--mem 99999999t -- true
no size|--mem= -- true
at least 8m|--mem 1k -- true
no size|--fsize 12monkeys -- true
whole number|--pids 0 -- true
whole number|--pids many -- true
whole number|--pids -1 -- true
whole number|--pids 1.5 -- true
whole number|--pids 99999999999999999999 -- true
whole number|--cpus 0 -- true
whole number|--cpus 100000 -- true
whole number|--files 1 -- true
no time|--timeout soon -- true
no time|--timeout 0 -- true
no time|--timeout -1s -- true
no time|-t 5parsecs -- true
takes no value|--summary=yes -- true
takes no value|--clean-env=1 -- true
no flag --no-summary|--no-summary -- true
no flag --no-tty|--no-tty=1 -- true
not one terminal|--tty -- true
platform|--platform=vax -- true
absolute|--tmp relative -- true
absolute|--hide ../x -- true
No such file|--rw /no/such -- true
END
refused "no such command" "no command \"frobnicate\"" frobnicate
refused "no such help" "no command \"frobnicate\"" help frobnicate
refused "arguments to syscalls" "no arguments" syscalls now
set --
for i in $(seq 300); do set -- "$@" --tmp "/mnt/$i"; done
refused "too many mounts" "more than" do "$@" -- true
gone 1 "refusals"

# A part of the installation is missing: said so, and nothing runs.
mkdir alone && cp bin/runsc alone/
run alone/runsc do -- true
[ $status = 125 ] && grep -q '^runsc: runsc-sentry is neither in' .err || fail "without a sentry: $status $(cat .err)"
cp bin/runsc-sentry alone/
run alone/runsc do -- true
[ $status = 125 ] && [ "$(wc -l < .err)" = 1 ] && grep -q gofer .err || fail "without a gofer: $status $(cat .err)"
