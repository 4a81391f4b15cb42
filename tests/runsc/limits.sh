# time-limit: 240
# --mem --pids --cpus --files --fsize: what a program sees is what is enforced.
. tests/runsc/lib.sh
[ -x /usr/bin/python3 ] || skip "python3 is not installed"
py="/usr/bin/python3 -c"

is "--mem shows in /proc/meminfo" "131072" box --mem=128m -- awk '/MemTotal/ { print $2 }' /proc/meminfo
is "and in sysinfo(2)" "yes" box --mem=128m -- $py 'import os; print("yes" if os.sysconf("SC_PHYS_PAGES") * 4096 == 128 << 20 else os.sysconf("SC_PHYS_PAGES"))'
is "who takes more is killed, and nobody else" "137 and we live" box --mem=64m -- sh -c '
    /usr/bin/python3 -c "
l = []
while True:
    l.append(bytearray(1 << 20))"; echo $? and we live'
ends "where it is the command itself" 137 box --mem=64m -- $py 'l = []
while True: l.append(bytearray(1 << 20))'
is "memory that is freed can be used again" "ok" box --mem=96m -- $py '
for i in range(10):
    b = bytearray(30 << 20)
    del b
print("ok")'
is "files in /tmp count, and give ENOSPC or fail, not more" "bounded" box --mem=64m -- sh -c '
    head -c 200m /dev/zero > /tmp/big 2>/dev/null; [ "$(stat -c %s /tmp/big)" -lt 67108864 ] && echo bounded'
is "children count together" "bounded" box --mem=64m -- $py '
import os
for i in range(8):
    if os.fork() == 0:
        b = bytearray(20 << 20)
        for j in range(0, len(b), 4096): b[j] = 1
        import time; time.sleep(3); os._exit(0)
died = sum(os.wait()[1] != 0 for _ in range(8))
print("bounded" if 5 <= died <= 8 else died)'

is "--pids" "EAGAIN after 9" box --pids=10 -- $py '
import os, signal
n = 0
try:
    while True:
        if os.fork() == 0:
            signal.pause()
        n += 1
except BlockingIOError:
    print("EAGAIN after", n)
os.kill(0, 9) if n < 0 else None'
is "threads count, and the end of one makes room" "ok" box --pids=10 -- $py '
import threading
gate = threading.Event()
ts = []
try:
    for i in range(20):
        t = threading.Thread(target=gate.wait)
        t.start()
        ts.append(t)
except RuntimeError:
    pass
assert len(ts) == 9, len(ts)
gate.set()
[t.join() for t in ts]
t = threading.Thread(target=print, args=("ok",))
t.start()
t.join()'
ends "a fork bomb ends with --timeout" 124 box --pids=100 --timeout=3s -- /usr/bin/python3 -c '
import os
while True:
    try: os.fork()
    except BlockingIOError: pass'
gone 2 "fork bomb"

is "--cpus" "3 3 0-2 3" box --cpus=3 -- sh -c 'echo "$(nproc) $(grep -c ^processor /proc/cpuinfo) $(cat /sys/devices/system/cpu/online) $(getconf _NPROCESSORS_ONLN)"'
is "--files" "64 64" box --files=64 -- sh -c 'echo "$(ulimit -Sn) $(ulimit -Hn)"'
is "and no more can be open" "EMFILE 64" box --files=64 -- $py '
import os
try:
    while True: fd = os.open("/dev/null", 0)
except OSError as e:
    print("EMFILE" if e.errno == 24 else e, fd + 1)'
few() { (ulimit -Sn 100 && box "$@"); }
is "the soft limit of who starts runsc is not that of all guests together" "300 1024" few -- $py '
import os, resource
fds = []
for at, _, names in os.walk("/usr"):
    for path in (os.path.join(at, name) for name in names):
        if len(fds) < 300 and not os.path.islink(path):
            fds.append(os.open(path, 0))
    if len(fds) == 300:
        break
print(len(fds), resource.getrlimit(resource.RLIMIT_NOFILE)[0])'
ends "--fsize ends who writes more with SIGXFSZ" 153 box --fsize=1m -- sh -c 'exec head -c 2000000 /dev/zero > /tmp/f'
is "at that size, and EFBIG where SIGXFSZ is ignored" "1048576 EFBIG" box --fsize=1m -- $py '
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
fd = os.open("/tmp/f", os.O_CREAT | os.O_WRONLY)
n = 0
try:
    while True: n += os.write(fd, b"x" * 100000)
except OSError as e:
    print(n, "EFBIG" if e.errno == 27 else e)'
is "it shows as a limit" "1024" box --fsize=1m -- bash -c 'ulimit -f'
mkdir out
ends "it holds for the files of the host too" 153 box --fsize=64k --rw "$work/out" -C "$work/out" -- sh -c 'exec head -c 100000 /dev/zero > f'
[ "$(stat -c %s out/f)" = 65536 ] || fail "--fsize: the host's file has $(stat -c %s out/f) bytes"
