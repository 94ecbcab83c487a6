"""consumers.py - a campaign-consumer of a test's own, beside or instead of the stack's.

Must never leave a process behind: Consumer is a context manager.
"""
import json
import os
import pathlib
import signal
import subprocess
import tempfile

from stack import REPOSITORY
from waiting import wait_until

PROGRAM = pathlib.Path(os.environ.get("CAMPAIGN_CONSUMER", REPOSITORY / "build/campaign-consumer"))
URLS = ("AMQP_URL", "MONGODB_URI", "DATABASE_URL")


def environment(stack=None, **changes):
    """The three URLs of a stack, with changes; None takes a setting away."""
    variables = {"PATH": os.environ["PATH"]}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"):
        if name in os.environ:
            variables[name] = os.environ[name]
    if stack is not None:
        variables.update(AMQP_URL=stack.env["AMQP_URL"], MONGODB_URI=stack.env["MONGODB_URI"],
                         DATABASE_URL=stack.env["CONSUMER_DATABASE_URL"])
    variables.update(changes)
    return {name: value for name, value in variables.items() if value is not None}


def consumer_output(*arguments, variables, directory="/", timeout=60):
    """Exit code, standard output and standard error of a consumer that ends by itself."""
    done = subprocess.run([PROGRAM, *arguments], env=variables, cwd=directory, timeout=timeout,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Consumer:
    """A running consumer; its log lines are JSON, as on no terminal."""

    def __init__(self, variables, *arguments):
        self.directory = tempfile.TemporaryDirectory(prefix="campaign-test.")
        self.path = pathlib.Path(self.directory.name) / "log"
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([PROGRAM, *arguments], env=variables, stderr=log,
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

    def lines(self):
        """The log lines as objects; an incomplete last one is left out."""
        return [json.loads(line) for line in self.log().splitlines(keepends=True)
                if line.endswith("\n")]

    def wait_for_line(self, piece, timeout=30):
        """Waits for a line whose message has this piece."""
        return wait_until(f"a log line with {piece!r} in {self.log()}",
                          lambda: [line for line in self.lines() if piece in line["msg"]], timeout)

    def terminate(self, timeout=10):
        """SIGTERM; the exit code. Fails if it takes longer."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)
