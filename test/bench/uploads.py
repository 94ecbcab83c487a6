"""uploads.py - what numbers that come over HTTP cost: memory of the PostgreSQL session and of PostgREST
beside the size of the body, as JSON and as a file.

Memory is RssAnon, a process's own, sampled every 5 ms: a session's VmHWM would count the pages of
shared_buffers that it has touched.
"""
import http.client
import json
import pathlib
import re
import threading
import time
import urllib.parse

from private_stack import Unmeasured
from report import Figure

MOST = 1_900_000  # numbers: as JSON nearly 32 MB, which is nginx's limit
ENOUGH = 1_000_000
SAMPLE_S = 0.005
MIB = 1024 * 1024


def request(stack, method, path, body=None, token=None, kind="application/json"):
    """The answer to a request, from JSON."""
    url = urllib.parse.urlsplit(stack.env["HTTP_URL"])
    connection = http.client.HTTPConnection(url.netloc, timeout=300)
    headers = {"Content-Type": kind}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise Unmeasured(f"{method} {path}: {answer.status} {text[:300]!r}")
    return json.loads(text)


def somebody(stack):
    """The token of somebody with a company."""
    person = json.dumps({"email": f"bench{time.time_ns()}@example.com", "password": "correct horse battery staple"})
    request(stack, "POST", "/signup", person)
    token = request(stack, "POST", "/login", person)["token"]
    request(stack, "POST", "/companies", json.dumps({"name": "bench", "document": str(time.time_ns())}), token)
    return token


def own_kb(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE).group(1))


class Watch:
    """The peaks of PostgREST and of the sessions that it has in PostgreSQL."""

    def __init__(self, stack):
        pid = pathlib.Path(stack.directory, "run", "postgrest.pid").read_text(encoding="ascii").split()[0]
        sessions = stack.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'campaign_authenticator'")
        self.pids = {"PostgREST": [pid], "session": [row[0] for row in sessions]}
        self.peaks = {name: 0 for name in self.pids}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _sample(self):
        while True:
            for name, pids in self.pids.items():
                self.peaks[name] = max(self.peaks[name], *map(own_kb, pids))
            if self._over.wait(SAMPLE_S):
                return


def bodies(count):
    """(how it is called, its type, the body of so many numbers)."""
    numbers = [f"+55119{n:08}" for n in range(count)]
    yield "JSON", "application/json", json.dumps({"numbers": numbers}, separators=(",", ":")).encode()
    yield "file", "application/octet-stream", "\n".join(numbers).encode()


def measure(stack, count, _rounds):
    count = min(count, MOST)
    kinds = list(bodies(count))
    # Beside a small body, what a process has anyway would count.
    most = 6 if count >= ENOUGH else None
    figures = {(name, part): Figure(f"{name} of {len(body) / MIB:.1f} MiB, {part}", unit, limit=limit)
               for name, _, body in kinds
               for part, unit, limit in (("time", "s", None), ("session's memory ÷ body", "times", most),
                                         ("PostgREST's memory ÷ body", "times", most))}
    yield from figures.values()
    for name, kind, body in kinds:
        # New processes: their peaks are those of this request alone.
        stack.stop("postgrest")
        stack.start("postgrest")
        token = somebody(stack)
        campaign = request(stack, "POST", "/campaigns", json.dumps({"name": "n", "message": "m"}), token)["id"]
        with Watch(stack) as watch:
            started = time.monotonic()
            answer = request(stack, "PUT", f"/campaigns/{campaign}/numbers", body, token, kind)
            figures[name, "time"].product.append(time.monotonic() - started)
        if answer["accepted"] != count:
            raise Unmeasured(f"{answer['accepted']} of {count} numbers were accepted")
        for part, title in (("session", "session's memory ÷ body"), ("PostgREST", "PostgREST's memory ÷ body")):
            figures[name, title].product.append(watch.peaks[part] * 1024 / len(body))
    stack.sql("TRUNCATE campaign.recipients")
