# time-limit: 300
# python3: threads, subprocess, multiprocessing by fork and spawn, asyncio, mmap, files.
. tests/programs/lib.sh
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
for program in "$here"/python/*.py; do
    same "$(basename "$program")" timeout 120 /usr/bin/python3 -B "$program"
done
is "as a filter" "[3, 2, 1]" sh -c 'echo "[1, 2, 3]" | sh "$1" -- /usr/bin/python3 -c "
import json, sys
print(json.load(sys.stdin)[::-1])"' sh "$top/tests/tools/sandbox.sh"
ends "sys.exit" 3 sandbox -- /usr/bin/python3 -c 'import sys; sys.exit(3)'
ends "an uncaught exception" 1 sandbox -- /usr/bin/python3 -c 'raise ValueError'
is "modules in C, and their libraries" "ok" sandbox -- /usr/bin/python3 -c '
import bz2, ctypes, decimal, hashlib, lzma, sqlite3, ssl, zlib, random, uuid, math
assert zlib.decompress(zlib.compress(b"x" * 1000)) == b"x" * 1000
assert bz2.decompress(lzma.decompress(lzma.compress(bz2.compress(b"y")))) == b"y"
assert hashlib.sha256(b"").hexdigest()[:8] == "e3b0c442"
assert ctypes.CDLL(None).getpid() > 0
assert uuid.uuid4() != uuid.uuid4() and random.random() != random.random()
print("ok")'
