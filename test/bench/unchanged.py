"""unchanged.py - what it costs to ask for the status of a run that has not changed: the answer 304 beside the whole one,
and beside an empty list, which takes the same way through nginx, PostgREST and PostgreSQL.

Must never count an answer that was another one than expected.
"""
import http.client
import statistics
import time
import urllib.parse

import uploads
from private_stack import Unmeasured
from report import Figure

REQUESTS = 200
PATIENCE_S = 20
SLOWEST_RATE = 5_000    # records a second that are generated and stored


class Asking:
    """Somebody with a run that is over, on one connection."""

    def __init__(self, stack):
        self.headers = {"Authorization": f"Bearer {uploads.somebody(stack)}"}
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(stack.env["HTTP_URL"]).netloc, timeout=60)

    def ask(self, method, path, expected, **headers):
        """The answer's body and headers, and the seconds that it took."""
        started = time.perf_counter()
        self.connection.request(method, path, headers={**self.headers, **headers})
        answer = self.connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - started
        if answer.status != expected:
            raise Unmeasured(f"{method} {path}: {answer.status} {body[:300]!r}")
        return body, answer.headers, seconds

    def run(self, count):
        """Has a run of so many records; the ETag of its status."""
        self.ask("POST", f"/pedidos/generate?quantity={count}", 202)
        deadline = time.monotonic() + PATIENCE_S + count / SLOWEST_RATE
        while True:
            body, headers, _ = self.ask("GET", "/pedidos", 200)
            if b'"DONE"' in body:
                return headers["ETag"]
            if time.monotonic() > deadline:
                raise Unmeasured(f"a run of {count} is not over: {body!r}")
            time.sleep(0.1)


def measure(stack, count, rounds):
    beside_whole = Figure(f"304 ÷ 200 of GET /pedidos, {count:,} recipients", "answers/s")
    beside_nothing = Figure("the same 304 ÷ an empty list", "answers/s")
    yield from (beside_whole, beside_nothing)
    asking = Asking(stack)
    try:
        tag = asking.run(count)
        kinds = {"304": ("/pedidos", 304, {"If-None-Match": tag}), "200": ("/pedidos", 200, {}),
                 "empty": ("/campaigns?select=id&limit=0", 200, {})}
        for _ in range(rounds):
            times = {kind: [] for kind in kinds}
            # In turns, so that a noisy neighbour hits all of them.
            for _ in range(REQUESTS):
                for kind, (path, expected, headers) in kinds.items():
                    times[kind].append(asking.ask("GET", path, expected, **headers)[2])
            rate = {kind: 1 / statistics.median(seconds) for kind, seconds in times.items()}
            for figure, ceiling in ((beside_whole, "200"), (beside_nothing, "empty")):
                figure.product.append(rate["304"])
                figure.ceiling.append(rate[ceiling])
    finally:
        asking.connection.close()
    beside_whole.note = "median of the last round: " + ", ".join(
        f"{kind} {1000 / each:.2f} ms" for kind, each in rate.items())
