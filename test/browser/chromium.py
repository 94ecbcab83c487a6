"""chromium.py - a headless Chromium, driven over a pipe by its DevTools protocol: messages of JSON, each
ended by a NUL.

Must never use a profile of anybody's, nor leave a process behind.
"""
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Root has no sandbox; nothing but our own pages is opened. There is no network but this machine's.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--remote-debugging-pipe")
ANSWER_S = 60
ABOVE_ALL = 10      # file descriptors that are neither of the two that Chromium reads and writes


def program():
    """The path of a Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def lifted(descriptor):
    """The same, out of the way of 3 and 4, and open in a child."""
    above = fcntl.fcntl(descriptor, fcntl.F_DUPFD, ABOVE_ALL)
    os.close(descriptor)
    return above


class Failed(Exception):
    """What was asked for could not be done."""


class Chromium:
    """A browser of its own, without pages."""

    def __init__(self, directory):
        theirs_in, ours_out = map(lifted, os.pipe())
        ours_in, theirs_out = map(lifted, os.pipe())
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._log = open(directory / "chromium.log", "wb")
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, "-", program(), *OPTIONS, f"--user-data-dir={directory}/profile",
             "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            pass_fds=(theirs_in, theirs_out), env={**os.environ, "HOME": str(directory)})
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._read = b""
        self._asked = 0
        self.events = []

    def close(self):
        """Ends the browser and all of its processes."""
        os.close(self._out)     # it ends when nobody can tell it anything more
        try:
            self._process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        self._log.close()

    def _next(self, deadline):
        """The next message: an answer or an event."""
        while b"\0" not in self._read:
            readable, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise Failed("Chromium does not answer")
            found = os.read(self._in, 1 << 16)
            if not found:
                raise Failed(f"Chromium has ended: see {self._log.name}")
            self._read += found
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        """The result of a command; events that come before it are kept."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_S
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._asked:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, session, method):
        """The parameters of the first event of this kind that was not taken yet."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._next(deadline))

    def open(self, url, script=None):
        """A page that has been loaded; `script` runs in it before its own."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "DOM"):
            self.call(f"{domain}.enable", session)
        if script is not None:
            self.call("Page.addScriptToEvaluateOnNewDocument", session, source=script)
        self.call("Page.navigate", session, url=url)
        self.wait_for(session, "Page.loadEventFired")
        return Page(self, session)


class Page:
    """A page in a browser."""

    def __init__(self, browser, session):
        self._browser = browser
        self._session = session

    def run(self, expression):
        """What an expression of JavaScript becomes, in the end if it is a promise."""
        answer = self._browser.call("Runtime.evaluate", self._session, expression=expression,
                                    awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Failed(answer["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return answer["result"].get("value")

    def choose_file(self, selector, path):
        """Puts a file into an input, as somebody does who picks it."""
        root = self._browser.call("DOM.getDocument", self._session)["root"]["nodeId"]
        node = self._browser.call("DOM.querySelector", self._session, nodeId=root, selector=selector)["nodeId"]
        self._browser.call("DOM.setFileInputFiles", self._session, nodeId=node, files=[str(path)])

    def command(self, method, **parameters):
        """The result of a command of DevTools for this page."""
        return self._browser.call(method, self._session, **parameters)

    def press(self, key, code, text=""):
        """A key, as somebody presses it. code: that of Windows."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                         text=text if kind == "keyDown" else "")

    def seen(self, method):
        """The parameters of all events of this kind so far."""
        return [event["params"] for event in self._browser.events
                if event.get("method") == method and event.get("sessionId") == self._session]

    def refusal(self):
        """Why the browser has kept the next answer from the page."""
        while True:
            failed = self._browser.wait_for(self._session, "Network.loadingFailed")
            if "corsErrorStatus" in failed:
                return failed["corsErrorStatus"]["corsError"]
