# SPDX-License-Identifier: Apache-2.0
"""Boxes: the ways to run a command that are compared. `native` is none at all."""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.environ.get("BENCH_OUT") or os.path.join(TOP, "build/bench")
WORK = os.path.join(OUT, "work")
SHM = "/dev/shm"
RUNSC = os.environ.get("RUNSC") or os.path.join(TOP, "build/release/bin/runsc")
GVISOR = os.path.join(OUT, "gvisor/runsc")

OURS = ["ptrace", "systrap", "kvm"]
TITLES = {"native": "native", "gvisor-systrap": "gVisor systrap", "gvisor-ptrace": "gVisor ptrace",
          "bwrap": "bubblewrap", "crun": "crun"} | {p: "runsc " + p for p in OURS}

os.makedirs(WORK, exist_ok=True)
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what a box leaves behind becomes ours


def gvisor(platform):
    rootless = ["--rootless"] if os.getuid() else []
    return [GVISOR, "--root=" + os.path.join(OUT, "gvisor/state"), "--platform=" + platform,
            "--ignore-cgroups", "--network=none", *rootless, "do", "-cwd", WORK]


def bundle(command):
    """A bundle for crun with next to nothing in it: the host's /usr, and namespaces of its own."""
    path = os.path.join(OUT, "bundle")
    kinds = ["pid", "mount", "ipc", "uts", "network"] + (["user"] if os.getuid() else [])
    config = {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": True},
        "process": {"cwd": "/", "args": command, "env": ["PATH=/usr/bin:/bin"],
                    "user": {"uid": 0, "gid": 0}, "noNewPrivileges": True},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                   {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}],
        "linux": {"namespaces": [{"type": kind} for kind in kinds]},
    }
    if os.getuid():
        config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": os.getuid(), "size": 1}]
        config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": os.getgid(), "size": 1}]
    for name in "proc", "dev", "usr":
        os.makedirs(os.path.join(path, "rootfs", name), exist_ok=True)
    for name in "bin", "lib", "lib64":
        if not os.path.islink(os.path.join(path, "rootfs", name)):
            os.symlink("usr/" + name, os.path.join(path, "rootfs", name))
    with open(os.path.join(path, "config.json"), "w") as file:
        json.dump(config, file)
    return path


def argv(box, command):
    """What runs `command` (a list of words) in `box`, with WORK as its current directory."""
    if box == "native":
        return command
    if box.startswith("gvisor-"):
        return gvisor(box.removeprefix("gvisor-")) + command
    if box == "bwrap":
        return ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"] + command
    if box == "crun":
        return ["crun", "--root=" + os.path.join(OUT, "crun"), "--cgroup-manager=disabled", "run",
                "--bundle=" + bundle(command), "bench-%d" % os.getpid()]
    return [RUNSC, "do", "--platform=" + box, "--no-tty", "--ov", OUT, "-C", WORK, "--"] + command


def missing(box):
    """Why there is no such box on this machine, or None."""
    program = argv(box, ["/bin/true"])[0]
    if not shutil.which(program):
        return os.path.relpath(program, TOP) + " is not there" if "/" in program else program + " is not installed"
    out, error = run(box, ["/bin/true"], 20)
    return error


def descendants():
    """The pids of all processes below this one."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name) as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(name))
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found += children.get(pid, [])
    return found


def sweep():
    """Ends what is left of a box, of whatever session or namespace it has become."""
    while pids := descendants():
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except (ProcessLookupError, ChildProcessError):
                pass
        time.sleep(0.002)


def start(box, command, cwd=WORK, watch=()):
    """Starts it, in a session of its own, by way of the words `watch`. Its output goes through pipes:
    gVisor wants that."""
    return subprocess.Popen([*watch, *argv(box, command)], cwd=cwd, stdin=subprocess.DEVNULL, start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")


def finish(child, seconds):
    """Waits for its end: (what it printed, None), or (None, what went wrong)."""
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, "no end after %d s" % seconds
    finally:
        sweep()
    if child.returncode == 0:
        return out, None
    last = (err.strip() or out.strip() or "nothing said").splitlines()[-1]
    return None, "status %d: %s" % (child.returncode, last)


def in_memory():
    """A directory in memory, or WORK where there is none that programs can run from."""
    usable = os.path.isdir(SHM) and os.access(SHM, os.W_OK) and not os.statvfs(SHM).f_flag & os.ST_NOEXEC
    return SHM if usable else WORK


def run(box, command, seconds):
    """Runs it in an empty directory, and returns what finish() does.

    A sandbox has an overlay there, which is in memory. What runs without one gets memory, too:
    else the host's disk would be compared, and not the ways to it.
    """
    if box != "native":
        return finish(start(box, command), seconds)
    with tempfile.TemporaryDirectory(dir=in_memory(), prefix="bench-") as cwd:
        return finish(start(box, command, cwd), seconds)
