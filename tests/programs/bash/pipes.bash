# Pipelines: long ones, broken ones, their statuses, and what is passed through them.
set -u
seq 1 20000 | sort -rn | sed 's/$/ x/' | awk '{ s += $1 } END { print s, NR }'
false | true | (exit 3) | true
echo "${PIPESTATUS[@]}"
set -o pipefail
yes | head -n 3
echo "yes ends by SIGPIPE: ${PIPESTATUS[*]}"
set +o pipefail

# 60 processes in a row
chain=cat
for _ in $(seq 59); do chain="$chain | cat"; done
echo "through sixty" | eval "$chain"

# 4 MB through three processes, unharmed
head -c 4194304 /dev/zero | tr '\0' 'a' | md5sum
diff <(seq 5) <(seq 5; echo more)
while read -r a b; do echo "$b-$a"; done <<< $'1 one\n2 two'
cat <<END | wc -c
here $((6 * 7))
END
coproc bc -l 2>/dev/null || exit 1
pid=$COPROC_PID # bash forgets it when the process ends
echo "6 * 7" >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"
echo "coproc: $answer"
eval "exec ${COPROC[1]}>&-"
wait "$pid" 2>/dev/null
echo "status $?"
mkfifo fifo
(echo to a fifo > fifo) &
cat fifo
wait
rm fifo
exec 5<> <(:)
echo saved >&5 && read -r -u 5 -t 5 line || line=none
exec 5>&-
printf '%s\n' {a..c}{1..3} | xargs -n 4 -P 3 echo | sort | tr '\n' ';'
echo
