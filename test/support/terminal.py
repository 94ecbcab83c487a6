"""terminal.py - a program on a terminal of a test's own: what its screen shows, and keys.

Understands what ncurses writes for a vt100 (and colours), and nothing else. Must never leave a process behind:
Terminal is a context manager.
"""
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading

from waiting import wait_until

SEQUENCE = re.compile(r"\x1b\[([?>]?)([0-9;]*)([A-Za-z@])|\x1b[()][A-Z0-9]|\x1b[=>78cDEHM]")


class Screen:
    """Lines of characters, changed by what is written."""

    def __init__(self, rows, columns):
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.row = self.column = 0
        self.region = (0, rows - 1)
        self.cells = [[" "] * columns for _ in range(rows)]

    def lines(self):
        return ["".join(line).rstrip() for line in self.cells]

    def feed(self, text):
        """Writes a text; returns the beginning of a sequence at its end that is not complete."""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = SEQUENCE.match(text, at)
                if found is None:
                    return text[at:]
                if found.group() == "\x1bM":
                    self.up()
                elif found.group(3) and not found.group(1):
                    numbers = [int(one or 0) for one in found.group(2).split(";")]
                    self.obey(found.group(3), numbers)
                at = found.end()
            else:
                self.put(text[at])
                at += 1
        return ""

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.down()
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\t":
            self.column = min((self.column // 8 + 1) * 8, self.columns - 1)
        elif character >= " ":
            if self.column < self.columns:
                self.cells[self.row][self.column] = character
            self.column += 1

    def down(self):
        """A line down; the lines of the region go up if it is the last of them."""
        if self.row == self.region[1]:
            self.cells.insert(self.row + 1, [" "] * self.columns)
            del self.cells[self.region[0]]
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def up(self):
        """A line up; the lines of the region go down if it is the first of them."""
        if self.row == self.region[0]:
            del self.cells[self.region[1]]
            self.cells.insert(self.row, [" "] * self.columns)
        else:
            self.row = max(self.row - 1, 0)

    def obey(self, command, numbers):
        count = numbers[0] or 1
        if command in "Hf":
            self.row = min(count, self.rows) - 1
            self.column = min((numbers[1] if len(numbers) > 1 else 1) or 1, self.columns) - 1
        elif command in "ABCD":
            self.row = min(max(self.row + {"A": -count, "B": count}.get(command, 0), 0), self.rows - 1)
            self.column = min(max(self.column + {"C": count, "D": -count}.get(command, 0), 0),
                              self.columns - 1)
        elif command == "r":
            last = numbers[1] if len(numbers) > 1 else self.rows
            self.region = (count - 1, min(last, self.rows) - 1)
            self.row = self.column = 0
        elif command == "J":
            for row in range(0 if numbers[0] == 2 else self.row + 1, self.rows):
                self.cells[row] = [" "] * self.columns
            if numbers[0] == 0:
                self.obey("K", [0])
        elif command == "K":
            start, end = {0: (self.column, self.columns), 1: (0, self.column + 1)}.get(
                numbers[0], (0, self.columns))
            self.cells[self.row][start:end] = [" "] * (end - start)


class Terminal:
    """A running program on a terminal."""

    def __init__(self, program, variables, *arguments, rows=24, columns=80, term="vt100"):
        self.screen = Screen(rows, columns)
        self.written = ""
        self.lock = threading.Lock()
        self.code = None
        environment = {**variables, "TERM": term, "LC_ALL": "C.UTF-8"}
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            self._become(program, arguments, environment, rows, columns)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @staticmethod
    def _become(program, arguments, environment, rows, columns):
        try:
            set_size(0, rows, columns)
            os.chdir("/")
            os.execve(program, [str(program), *arguments], environment)
        finally:
            os._exit(127)  # pylint: disable=protected-access

    def _read(self):
        rest, pending = "", b""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            pending += data
            text = pending.decode("utf-8", "ignore")
            pending = pending[len(text.encode()):]
            with self.lock:
                self.written += text
                rest = self.screen.feed(rest + text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.thread.join(10)
        os.close(self.master)

    def lines(self):
        with self.lock:
            return self.screen.lines()

    def text(self):
        return "\n".join(self.lines())

    def wait_for(self, piece, timeout=30):
        """Waits until the screen shows this."""
        return wait_until(f"{piece!r} on the screen", lambda: piece in self.text() or self._ended(),
                          timeout)

    def wait_for_line(self, pattern, timeout=30):
        """Waits for a line with this pattern; the match."""
        def found():
            matches = [re.search(pattern, line) for line in self.lines()]
            return next(filter(None, matches), None)
        try:
            return wait_until(f"a line like {pattern!r}", found, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen:\n{self.text()}") from None

    def _ended(self):
        assert self.thread.is_alive(), f"the program has ended; its screen:\n{self.text()}"
        return False

    def press(self, keys):
        os.write(self.master, keys.encode())

    def resize(self, rows, columns):
        with self.lock:
            self.screen.resize(rows, columns)
        set_size(self.master, rows, columns)

    def wait_for_end(self, timeout=10):
        """The exit code of a program that ends by itself."""
        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return False
            self.code = os.waitstatus_to_exitcode(status)
            return True
        wait_until("the end of the program", ended, timeout)
        self.thread.join(10)
        return self.code


def set_size(descriptor, rows, columns):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
