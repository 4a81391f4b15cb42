# util-linux on System V: ipcmk, ipcs, ipcrm, lsipc.
. tests/programs/lib.sh
need ipcmk ipcs ipcrm lsipc
cat > life.sh <<'END'
set -e
shm=$(ipcmk -M 12345 -p 640 | sed 's/.*: //')
sem=$(ipcmk -S 7 | sed 's/.*: //')
msg=$(ipcmk -Q -p 600 | sed 's/.*: //')
ipcs -m -i "$shm" | grep -o 'bytes=12345'
ipcs -m -i "$shm" | grep -o 'mode=0[0-7]*'
ipcs -s -i "$sem" | grep -o 'nsems = 7'
ipcs -q -i "$msg" | grep -o 'qnum=0'
ipcs -m | awk -v id="$shm" '$2 == id { print $4, $5, $6 }'
ipcs -s | awk -v id="$sem" '$2 == id { print $4, $5 }'
ipcs -q | awk -v id="$msg" '$2 == id { print $4, $5, $6 }'
awk -v id="$shm" '$2 == id { print $3, $4, $7 }' /proc/sysvipc/shm
ipcrm -m "$shm" -s "$sem" -q "$msg"
ipcs -m | awk -v id="$shm" '$2 == id' | wc -l
ipcrm -m "$shm" 2>&1 | grep -c 'invalid id'
END
same "a life of each" sh life.sh
same "the limits" sh -c 'ipcs -l | grep -v "max total shared memory\|max seg size"'
same "nothing is left by a namespace" sh -c '
    unshare -i sh -c "ipcmk -M 4096 > /dev/null && ipcmk -Q > /dev/null && ipcs | grep -c ^0x" 2> /dev/null || echo 2'
same "lsipc" sh -c 'lsipc -r -o RESOURCE,LIMIT | grep -c "MSG\|SHM\|SEM"'
