# runsc help, --version, doctor, syscalls; the man page and the completion know every flag.
. tests/runsc/lib.sh

is "--version" "runsc version" sh -c '"$1" --version | cut -d " " -f 1,2' sh "$RUNSC"
for ask in "" help --help -h; do
    # shellcheck disable=SC2086
    says "runsc $ask" '^  do +run one program' "$RUNSC" $ask
done
for command in do doctor syscalls; do
    says "help $command" "usage: runsc $command" "$RUNSC" help $command
    says "$command --help" "usage: runsc $command" "$RUNSC" $command --help
    ends "help $command" 0 "$RUNSC" help $command
done
says "help --help" '^  do +run one program' "$RUNSC" help --help
says "a flag without its value" "--ro needs a value" "$RUNSC" do --ro -- true
says "do -h" "usage: runsc do" "$RUNSC" do -h
ends "doctor" 0 "$RUNSC" doctor
says "doctor has a verdict" "sandboxes work here" "$RUNSC" doctor
says "doctor names the platform" "platform|ptrace" "$RUNSC" doctor
"$RUNSC" syscalls > table
[ "$(wc -l < table)" -gt 250 ] || fail "runsc syscalls lists $(wc -l < table) lines"
for call in read openat clone3 futex_waitv io_uring_setup bpf; do
    grep -qw "$call" table || fail "runsc syscalls does not know $call"
done
ends "output that goes nowhere" 0 sh -c '"$1" syscalls | head -n 1 > /dev/null' sh "$RUNSC"

# Each flag of the help is in the man page and is completed, and neither has another.
"$RUNSC" help do | grep -oE -e '--(\[no-\])?[a-z-]+' | sed 's/\[no-\]//' | sort -u | grep -vx -e --help > flags
[ -s flags ] || fail "help do lists no flags"
grep -oE '^\.(TP|IP|B|BR|BI).*' "$top/docs/runsc.1" > /dev/null || fail "docs/runsc.1 has no paragraphs"
sed 's/\\-/-/g; s/\\fB//g; s/\\f[IR]//g' "$top/docs/runsc.1" > page
while read -r flag; do
    grep -q -e "^\.B.*$flag" page || fail "docs/runsc.1 does not tell of $flag"
done < flags
grep -E '^\.B' page | grep -oE -e '--[a-z-]+' | sort -u | grep -vx -e --help -e --no-tty -e --version -e -- > described
comm -13 flags described > unknown
[ -s unknown ] && fail "docs/runsc.1 tells of flags that are none: $(cat unknown)"
if command -v bash > /dev/null; then
    complete() { # complete WORD…: what bash would offer for the last word
        bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; _runsc; printf "%s\n" "${COMPREPLY[@]}"' "$top/runsc/completion.bash" "$@"
    }
    export PATH="$work/bin:$PATH"
    complete runsc do -- > offered
    sort -u offered | grep -e '^--' | grep -vx -e --help -e --no-tty > sorted
    comm -3 flags sorted > differ
    [ -s differ ] && fail "flags only in the help, or only completed: $(cat differ)"
    is "commands" "do
doctor" complete runsc do
    complete runsc do --log "" | grep -qx debug || fail "--log is not completed"
    complete runsc do --ro /us | grep -q '^/usr' || fail "paths are not completed"
    complete runsc do -- ls /us | grep -q '^/usr' || fail "arguments of the command are not completed"
fi
if command -v man > /dev/null && man --version > /dev/null 2>&1; then
    man -l --warnings "$top/docs/runsc.1" > /dev/null 2> warnings || true
    [ ! -s warnings ] || fail "man: $(cat warnings)"
fi
