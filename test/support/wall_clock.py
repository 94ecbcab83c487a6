"""wall_clock.py - a wall clock for the PostgreSQL of a stack that a test can set back."""
import mmap
import os
import pathlib
import struct
import subprocess
import tempfile

BACK_S = 120


class WallClock:
    """Made before the stack, which is started with its environment; ended after it.

    In a folder of its own: other runs of pytest lock the one that they share against other users,
    and the server is one.
    """

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="wall_clock.")
        directory = pathlib.Path(self._folder.name)
        directory.chmod(0o755)
        library, file = directory / "wall_clock.so", directory / "offset"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", library,
                        pathlib.Path(__file__).with_suffix(".c")], check=True)
        file.write_bytes(struct.pack("q", 0))
        with open(file, "r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 8)
        self._offset_s = 0
        self.environment = {"CAMPAIGN_POSTGRES_PRELOAD": str(library), "WALL_CLOCK_FILE": str(file)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def set_back(self, server):
        """By two minutes."""
        before = server.one("SELECT clock_timestamp()")
        self._offset_s -= BACK_S
        self._memory[:] = struct.pack("q", self._offset_s)
        assert server.one("SELECT clock_timestamp() < %s", before), "the clock was not set back"
