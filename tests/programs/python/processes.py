"""subprocess and os.fork: pipes, statuses, sessions, process groups, limits, environments."""
import os, resource, signal, subprocess, sys, tempfile, time

run = subprocess.run
assert run(["true"]).returncode == 0
assert run(["sh", "-c", "exit 42"]).returncode == 42
assert run(["sh", "-c", "kill -9 $$"]).returncode == -9
assert run(["cat"], input=b"x" * 300000, capture_output=True).stdout == b"x" * 300000
assert run("echo out; echo err >&2", shell=True, capture_output=True, text=True).stderr == "err\n"
assert run(["env"], env={"A": "b"}, capture_output=True, text=True).stdout == "A=b\n"
assert run(["pwd"], cwd="/usr", capture_output=True, text=True).stdout == "/usr\n"
try:
    run(["/no/such/program"])
    assert False
except FileNotFoundError:
    pass
try:
    run(["/etc/passwd"])
    assert False
except PermissionError:
    pass
try:
    run(["sleep", "60"], timeout=0.3)
    assert False
except subprocess.TimeoutExpired:
    pass

a = subprocess.Popen(["seq", "1000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["wc", "-l"], stdin=a.stdout, stdout=subprocess.PIPE)
a.stdout.close()
assert b.communicate()[0].split() == [b"1000"] and a.wait() == 0

p = subprocess.Popen(["sleep", "60"], start_new_session=True)
assert os.getsid(p.pid) == p.pid and os.getpgid(p.pid) == p.pid
assert p.poll() is None
os.killpg(p.pid, signal.SIGTERM)
assert p.wait() == -signal.SIGTERM

p = subprocess.Popen(["sh", "-c", "ulimit -n"], stdout=subprocess.PIPE,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
assert p.communicate()[0] == b"64\n"

r, w = os.pipe()
assert run(["sh", "-c", "echo hi >&%d" % w], pass_fds=[w]).returncode == 0
assert os.read(r, 10) == b"hi\n"
assert run(["sh", "-c", "echo hi >&%d" % w], stderr=subprocess.DEVNULL).returncode != 0

pids = []
for i in range(20):
    pid = os.fork()
    if pid == 0:
        os._exit(i)
    pids.append(pid)
assert sorted(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids) == list(range(20))

pid = os.fork()
if pid == 0:
    signal.pause()
    os._exit(0)
os.kill(pid, signal.SIGSTOP)
assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
os.kill(pid, signal.SIGCONT)
assert os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1])
os.kill(pid, signal.SIGKILL)
_, status, usage = os.wait4(pid, 0)
assert os.WTERMSIG(status) == 9 and usage.ru_utime >= 0

# An orphan goes to the nearest process 1, and nobody waits for it here.
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.1)
        os._exit(0)
    os._exit(0)
os.wait()
try:
    os.waitpid(-1, os.WNOHANG)
    assert False
except ChildProcessError:
    pass

f = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], os.environ, setsigmask=[signal.SIGUSR1])
assert os.waitstatus_to_exitcode(os.waitpid(f, 0)[1]) == 9
fd = os.pidfd_open(os.getpid())
signal.pidfd_send_signal(fd, 0)
os.close(fd)

with tempfile.TemporaryFile() as out:
    procs = [subprocess.Popen(["sh", "-c", "for i in 1 2 3 4 5; do echo line; done"], stdout=out) for _ in range(10)]
    [p.wait() for p in procs]
    out.seek(0)
    assert out.read() == b"line\n" * 50
print("processes ok")
