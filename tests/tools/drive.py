#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own, as a person at the keyboard would.

usage: drive.py [--size ROWSxCOLUMNS] -- COMMAND... < STEPS

Each line of STEPS is one of

    send TEXT         type it; \\r, \\x03, \\e and so on are understood
    expect REGEX      wait until the output that no earlier expect consumed has it
    resize ROWS COLS  what a terminal window does when it is resized
    signal NAME       to the command itself, not through the terminal
    stopped           wait until the command has stopped itself (as ^Z does), then continue it
    pause SECONDS     where nothing on the screen says that it is time to type
    wait STATUS       the command ends with this status (128+n: by signal n)

Ends with 0, or with 1 after telling which step failed and what the screen had.
"""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

PATIENCE = 30.0 * (10 if os.environ.get("LONG") == "1" else 1)


class Terminal:
    def __init__(self, command, rows, cols):
        self.unread = ""
        self.all = ""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execvp(command[0], command)

    def fill(self, seconds):
        """Reads what there is, or waits for more; False at the end of the terminal."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        text = data.decode("utf-8", "replace")
        self.unread += text
        self.all += text
        return bool(data)

    def expect(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.unread, re.S)
            if found:
                self.unread = self.unread[found.end():]
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError("did not come in time")
            if not self.fill(left):
                if re.search(pattern, self.unread, re.S):
                    continue
                raise AssertionError("the terminal was closed before it came")

    def send(self, text):
        os.write(self.fd, text.replace("\\e", "\\x1b").encode().decode("unicode_escape").encode("latin-1"))

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(cols), 0, 0))

    def waitpid(self, options):
        deadline = time.monotonic() + PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, options | os.WNOHANG)
            if pid:
                return status
            if time.monotonic() > deadline:
                raise AssertionError("the command goes on")
            if not self.fill(0.05):
                time.sleep(0.05)

    def stopped(self):
        if not os.WIFSTOPPED(self.waitpid(os.WUNTRACED)):
            raise AssertionError("the command ended")
        os.kill(self.pid, signal.SIGCONT)

    def wait(self, want):
        status = self.waitpid(0)
        self.pid = 0
        got = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if got != int(want):
            raise AssertionError("the status was %d" % got)

    def step(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "signal":
            os.kill(self.pid, getattr(signal, rest))
        elif verb == "stopped":
            self.stopped()
        elif verb == "pause":
            time.sleep(float(rest))
        elif verb == "resize":
            self.resize(*rest.split())
        elif verb in ("send", "expect", "wait"):
            getattr(self, verb)(rest)
        else:
            raise AssertionError("no such step")


def main():
    args = sys.argv[1:]
    rows, cols = 24, 80
    if args[0] == "--size":
        rows, cols = map(int, args[1].split("x"))
        args = args[2:]
    terminal = Terminal(args[1:], rows, cols)
    for line in sys.stdin.read().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            terminal.step(line)
        except AssertionError as why:
            print("step \"%s\": %s. The terminal had:" % (line, why))
            for shown in terminal.all.splitlines()[-40:]:
                print("    " + repr(shown)[1:-1])
            if terminal.pid:
                os.kill(terminal.pid, signal.SIGKILL)
            return 1
    return 0


sys.exit(main())
