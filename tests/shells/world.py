"""A user of their own: a home, a runtime directory, govctl on PATH; and shells on a terminal."""
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import time


class World:
    def __init__(self, govctl, like=None):
        """`like`: another world whose daemon has stopped; its files are there at the beginning."""
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="govctl-user-", dir="/tmp"))
        if like:
            shutil.copytree(like.home, self.home, dirs_exist_ok=True)
        (self.home / "run").mkdir(mode=0o700, exist_ok=True)
        self.env = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "TERM": "dumb",
                    "PATH": f"{pathlib.Path(govctl).resolve().parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        if mark := os.environ.get("GOVCTL_TESTS_RUN"):
            self.env["GOVCTL_TESTS_RUN"] = mark

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["govctl", "down", "-q"], env=self.env, cwd=self.home, check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *command):
        return subprocess.run(command, env=self.env, cwd=self.home, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)

    def types(self, line, answer):
        """A line given to bash, with a terminal on standard input where `answer` is typed: exit code, output."""
        typing, terminal = pty.openpty()
        os.write(typing, answer.encode())
        try:
            done = subprocess.run(["bash", "-c", line], env=self.env, cwd=self.home, text=True, timeout=60, check=False,
                                  stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        finally:
            os.close(terminal)
            os.close(typing)
        return done.returncode, done.stdout

    def works(self, *command):
        done = self.run(*command)
        assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


class Shell:
    """A shell on a terminal of its own. Ctrl-G prints the line as it stands as LINE:<…>."""

    def __init__(self, world, command, setup):
        self.seen = ""
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(world.home)
            os.execvpe(command[0], command, world.env)
        self.pid = pid
        self.send(setup + "\nprintf 'READY%s\\n' :\n")
        self.until("READY:")

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def until(self, mark, seconds=20):
        """All that is written up to and with `mark`."""
        deadline = time.monotonic() + seconds
        while mark not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {mark!r}, only: {self.seen[-2000:]!r}")
            self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        text, self.seen = self.seen.split(mark, 1)
        return text + mark

    def completed(self, typed):
        """The line after `typed` and a tab."""
        self.send(typed + "\t\x07")
        self.until("LINE:<")
        line = self.until(">")[:-1]
        self.send("\x15")
        return line

    def listed(self, typed):
        """What tabs write below the line: one completes what all offers share, the others show them."""
        self.send(typed + "\t\t\t\x07")
        text = self.until("LINE:<")
        self.until(">")
        self.send("\x15")
        return text
