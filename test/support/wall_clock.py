"""wall_clock.py - a wall clock for the PostgreSQL of a stack that a test can set."""
import mmap
import os
import pathlib
import struct
import subprocess

BACK_S = 120
PATIENCE_S = 40  # of a test, much less than that


class WallClock:
    """Made before the stack, which is started with its environment."""

    def __init__(self, directory):
        """`directory` is empty, for all users, and stays as long as the stack."""
        library, file = directory / "wall_clock.so", directory / "offset"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", library,
                        pathlib.Path(__file__).with_suffix(".c")], check=True)
        file.write_bytes(struct.pack("q", 0))
        with open(file, "r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 8)
        self._offset_s = 0
        self.environment = {"CAMPAIGN_POSTGRES_PRELOAD": str(library), "WALL_CLOCK_FILE": str(file)}

    def set_back(self, server):
        """By two minutes."""
        before = server.one("SELECT clock_timestamp()")
        self._move(-BACK_S)
        assert server.one("SELECT clock_timestamp() < %s", before), "the clock was not set back"

    def set_forward(self, server, seconds):
        after = server.one("SELECT clock_timestamp() + %s * interval '1 second'", seconds)
        self._move(seconds)
        assert server.one("SELECT clock_timestamp() >= %s", after), "the clock was not set forward"

    def _move(self, seconds):
        self._offset_s += seconds
        self._memory[:] = struct.pack("q", self._offset_s)
