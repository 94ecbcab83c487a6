"""monitors.py - a campaign-monitor of a test's own."""
import json
import os
import pathlib
import subprocess
import threading

from programs import base_environment, program_output
from stack import BUILD
from terminal import Terminal
from waiting import wait_until

PROGRAM = pathlib.Path(os.environ.get("CAMPAIGN_MONITOR", BUILD / "campaign-monitor"))


def environment(stack, **changes):
    """The monitor's settings for a stack, with changes; None removes a setting."""
    variables = {**base_environment(), "MONITOR_DATABASE_URL": stack.env["MONITOR_DATABASE_URL"],
                 "LC_ALL": "C.UTF-8", **changes}
    return {name: value for name, value in variables.items() if value is not None}


def monitor_output(*arguments, variables, timeout=60):
    """Exit code, standard output and standard error of a monitor that ends by itself."""
    return program_output(PROGRAM, *arguments, variables=variables, timeout=timeout)


def monitor_screen(stack, *arguments, rows=24, columns=80, term="vt100", **changes):
    """A monitor on a terminal."""
    return Terminal(PROGRAM, environment(stack, **changes), *arguments, rows=rows, columns=columns,
                    term=term)


class MonitorLines:
    """A monitor whose standard output is read line by line."""

    def __init__(self, stack, *arguments, **changes):
        self.process = subprocess.Popen([PROGRAM, *arguments], env=environment(stack, **changes),
                                        cwd="/", stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)
        self.thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def wait_for(self, description, wanted, after=0, timeout=30):
        """The first line of JSON, of those after so many, for which wanted() is true."""
        def found():
            looks = [json.loads(line) for line in self.lines[after:]]
            return next((look for look in looks if wanted(look)), None)
        return wait_until(f"{description} in {self.lines[-1:]}", found, timeout)


def campaign_of(look, campaign_id):
    """A campaign in a look of --json; None if it is not there."""
    return next((one for one in look.get("campaigns", []) if one["id"] == campaign_id), None)
