"""silent_resolver.py - a resolver that stops answering, for a program that a test starts."""
import os
import pathlib
import subprocess

from waiting import wait_until


class SilentResolver:
    """`environment` is for the program; its first `answers` lookups get this machine's address, once it has asked
    `questions`."""

    def __init__(self, directory, answers=0, questions=0):
        library = directory / "silent_resolver.so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", library,
                        pathlib.Path(__file__).with_suffix(".c"), "-ldl"], check=True)
        self._log = directory / "resolver.log"
        # The library of the sanitizers would have to be the first one.
        self.environment = {"LD_PRELOAD": str(library), "RESOLVER_LOG": str(self._log),
                            "RESOLVER_ANSWERS": str(answers), "RESOLVER_QUESTIONS": str(questions),
                            "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def count(self, word):
        """How often it was `asked`, and has `answered`."""
        return self._log.read_text(encoding="ascii").split().count(word) if self._log.exists() else 0

    def wait_until_asked(self, times=1):
        wait_until("the name is looked up", lambda: self.count("asked") >= times)
