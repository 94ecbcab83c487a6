"""programs.py - a program of a test's own, beside or instead of the stack's.

Must never leave a process behind: Program is a context manager.
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile

from waiting import wait_until


def base_environment():
    """What a program is given besides its settings."""
    variables = {"PATH": os.environ["PATH"]}
    for name in ("SOMETIMES_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"):
        if name in os.environ:
            variables[name] = os.environ[name]
    return variables


def program_output(program, *arguments, variables, directory="/", timeout=60):
    """Exit code, standard output and standard error of a program that ends by itself."""
    done = subprocess.run([program, *arguments], env=variables, cwd=directory, timeout=timeout,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def frozen(pid):
    """A process that does nothing for a while, with its connections open."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Program:
    """A running program; its log lines are JSON, as on no terminal."""

    def __init__(self, program, variables, *arguments):
        self.directory = tempfile.TemporaryDirectory(prefix="campaign-test.")
        self.path = pathlib.Path(self.directory.name) / "log"
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([program, *arguments], env=variables, stderr=log,
                                            cwd=self.directory.name, stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.directory.cleanup()

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.path.read_text(encoding="utf-8")

    def lines(self, piece=""):
        """The log lines as objects whose message has this piece; an incomplete last one is left
        out."""
        lines = [json.loads(line) for line in self.log().splitlines(keepends=True)
                 if line.endswith("\n")]
        return [line for line in lines if piece in line["msg"]]

    def wait_for_line(self, piece, timeout=30):
        """Waits for a line whose message has this piece."""
        return wait_until(f"a log line with {piece!r} in {self.log()}",
                          lambda: self.lines(piece), timeout)

    def terminate(self, timeout=10):
        """SIGTERM; the exit code. Fails if it takes longer."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)
