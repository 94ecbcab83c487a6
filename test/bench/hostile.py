"""hostile.py - what a hostile client takes from the others: one free account and 50 connections that do together all
that is expensive, from one address, while somebody else asks for /me and logs in.

nginx has the limits that docs/http.md gives as examples. The client is a process of its own: what it costs Python to be
hostile must not count as the server's delay. Must never ask from the address of the somebody else.
"""
import collections
import contextlib
import functools
import http.client
import json
import multiprocessing
import os
import pathlib
import threading
import time

from http_client import JSON, PASSWORD, logged_in, unique
from private_stack import Unmeasured
from report import Figure, percentile

LIMITS = {"CAMPAIGN_CONNECTIONS": "50", "CAMPAIGN_LOGIN_RATE": "30r/m"}
CONNECTIONS = 50
SECONDS = 60            # of BENCH_N = 1,000,000; less of fewer
SHORTEST_S = 3
NUMBERS_A_SECOND = 1_000_000 // SECONDS
OTHER = ("127.0.0.7", 0)
OTHERS_PAUSE_S = 0.05
LOGIN_PAUSE_S = 2
ROWS = 1000             # companies and campaigns that the hostile client has made beforehand, in the long form
LARGE_MB = 30           # of a body with a token, in the long form
MIB = 1024 * 1024
PATIENCE_S = 60
SAMPLE_S = 0.2
MEMORY_LIMIT_MIB = 2048
PARTS = ("nginx", "PostgREST", "PostgreSQL's largest process", "all of PostgreSQL")


# The hostile client ------------------------------------------------------------------------


def nested(turn):
    """Lists within lists, which multiply, and the largest ones that are allowed."""
    asked = ("/companies?select=users(companies(users(companies(users(companies(*))))))",
             "/companies?select=*,users(*,companies(*))", "/campaigns?select=companies(campaigns(message))",
             "/companies?select=*,campaigns(*)", "/campaigns?select=*,companies(*)&limit=1000",
             "/campaigns?select=*&order=message&offset=1", "/users?select=*,companies(*)", "/recipients?limit=1")
    return "GET", asked[turn % len(asked)], None, {}


def large_from_nobody(turn):
    """Bodies of 16 MB without a token that is one."""
    path = ("/campaigns/x1/numbers", "/campaigns/send", "/rpc/campaign_upload")[turn % 3]
    return "PUT", path, b"1," * (8 * MIB), {"Authorization": "Bearer a.b.c", "Content-Type": JSON}


@functools.lru_cache(2)
def large_body(is_good, size):
    """So many MB of JSON: numbers, or what takes as much and is none."""
    numbers = ",".join(f'"+55119{n:08}"' for n in range(size * 58_000)) if is_good else "1," * (size * 500_000) + "1"
    return f'{{"name":"n","message":"m","numbers":[{numbers}]}}'.encode()


def large(turn):
    """Much JSON with the token."""
    return "POST", "/campaigns/send", large_body(turn % 2, SIZES[large]), {"Content-Type": JSON}


def jobs(turn):
    """Those that take an hour, and those that take all of a core."""
    job = ({"job_name": "countdown", "meta": {"seconds": 3600}}, {"job_name": "pi", "meta": {"digits": 10_000}},
           {"job_name": "fibonacci", "meta": {"n": 100_000}})[turn % 3]
    return "POST", "/job", json.dumps(job).encode(), {"Content-Type": JSON}


def logins(turn):
    """Guesses, sign-ups, and requests for mails."""
    path, body = (("/login", {"email": f"{unique()}@example.com", "password": PASSWORD}),
                  ("/signup", {"email": f"{unique()}@example.com", "password": PASSWORD}),
                  ("/password/forgotten", {"email": f"{unique()}@example.com"}),
                  ("/me/password", {"old_password": "wrong", "new_password": PASSWORD}))[turn % 4]
    return "POST", path, json.dumps(body).encode(), {"Content-Type": JSON}


SIZES = {large: LARGE_MB}
# So many connections do each of these.
ATTACKS = ((nested, 20), (large_from_nobody, 8), (large, 4), (jobs, 9), (logins, 9))


def attack(address, token, requests, until, answers):
    """One connection that is opened again when it is closed, as often as it goes."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    turn = 0
    while time.monotonic() < until:
        method, path, body, headers = requests(turn)
        turn += 1
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {token}", **headers})
            answer = connection.getresponse()
            answer.read()
            answers[answer.status] += 1
        except (OSError, http.client.HTTPException):
            answers["cut off"] += 1
            connection.close()
    connection.close()


def be_hostile(address, token, seconds, told):
    """All connections for so long; tells what was answered, by attack."""
    SIZES[large] = scaled(LARGE_MB, seconds)
    until = time.monotonic() + seconds
    seen = {requests.__name__: collections.Counter() for requests, _ in ATTACKS}
    threads = [threading.Thread(target=attack, args=(address, token, requests, until, seen[requests.__name__]))
               for requests, count in ATTACKS for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send(seen)


def scaled(quantity, seconds):
    """What the long form has, in a form of so many seconds."""
    return max(1, quantity * seconds // SECONDS)


def furnish(person, rows):
    """What makes lists long: companies, and campaigns with long messages."""
    with contextlib.closing(http.client.HTTPConnection(person.api.address, timeout=PATIENCE_S)) as connection:
        for path, body in (("/companies", lambda: {"name": "x" * 200, "document": unique()}),
                           ("/campaigns", lambda: {"name": "x" * 200, "message": "á" * 4096,
                                                   "company_id": person.company_id})):
            for _ in range(rows):
                connection.request("POST", path, json.dumps(body()), {"Authorization": f"Bearer {person.api.token}",
                                                                      "Content-Type": JSON})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 201:
                    raise Unmeasured(f"{path}: {answer.status} {text[:200]}")


# Somebody else, and the servers ------------------------------------------------------------


class Memory(threading.Thread):
    """The most that a part has had for itself, in MiB."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.pids = {"nginx": part_pid(stack, "nginx"), "PostgREST": part_pid(stack, "postgrest")}
        self.server = part_pid(stack, "postgres")
        self.peaks = collections.Counter()
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(SAMPLE_S):
            for name, pid in self.pids.items():
                self.note(name, own_mib(pid)[1])
            server = [mib for parent, mib in map(own_mib, filter(str.isdigit, os.listdir("/proc")))
                      if parent == self.server]
            self.note("PostgreSQL's largest process", max(server, default=0))
            self.note("all of PostgreSQL", sum(server))

    def note(self, name, mib):
        self.peaks[name] = max(self.peaks[name], mib)


def part_pid(stack, name):
    if name == "postgres":
        file = pathlib.Path(stack.env["PGDATA"], "postmaster.pid")
    else:
        file = pathlib.Path(stack.directory, "run", f"{name}.pid")
    return file.read_text(encoding="ascii").split()[0]


def own_mib(pid):
    """The parent of a process, and what memory belongs to it alone; shared buffers are the server's."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return "", 0
    return status["PPid"].strip(), int(status.get("RssAnon", "0").split()[0]) / 1024


class Other:
    """Somebody else, who works while it lasts."""

    def __init__(self, person):
        self.person = person
        self.answered = []      # milliseconds
        self.logins = 0
        self.refused = []

    def ask(self):
        started = time.monotonic()
        answer = self.person.api.request("GET", "/me", source=OTHER)
        self.answered.append(1000 * (time.monotonic() - started))
        if answer.status != 200:
            self.refused.append(("/me", answer.status))

    def log_in(self):
        body = {"email": self.person.email, "password": self.person.password}
        answer = self.person.api.request("POST", "/login", body, source=OTHER)
        self.logins += 1
        if answer.status != 200:
            self.refused.append(("/login", answer.status))

    def work(self, busy):
        log_in_at = 0
        while busy():
            self.ask()
            if time.monotonic() >= log_in_at:
                self.log_in()
                log_in_at = time.monotonic() + LOGIN_PAUSE_S
            time.sleep(OTHERS_PAUSE_S)


@contextlib.contextmanager
def shipped_limits(stack):
    """nginx with the limits of docs/http.md."""
    def again(settings):
        stack.stop("nginx")
        os.environ.update(settings)
        for name in set(LIMITS) - set(settings):
            os.environ.pop(name, None)
        stack.start("nginx")

    before = {name: os.environ[name] for name in LIMITS if name in os.environ}
    again(LIMITS)
    try:
        yield
    finally:
        again(before)


def measure(stack, count, _rounds):
    """Nothing is said of who is refused: that is in the note."""
    seconds = max(SHORTEST_S, min(SECONDS, count // NUMBERS_A_SECOND))
    asked = Figure(f"GET /me beside {CONNECTIONS} hostile connections for {seconds} s, p95", "ms", limit=1000)
    slowest = Figure("the slowest of them", "ms")
    refused = Figure("requests and logins of somebody else that were refused", "", limit=0)
    memory = {name: Figure(f"memory beside hostile connections, {name}", "MiB", limit=MEMORY_LIMIT_MIB) for name in PARTS}
    yield from (asked, slowest, refused, *memory.values())
    hostile, other = (logged_in(stack.env["HTTP_URL"], company=True) for _ in range(2))
    furnish(hostile, scaled(ROWS, seconds))
    with shipped_limits(stack):
        watch = Memory(stack)
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(
            target=be_hostile, args=(hostile.api.address, hostile.api.token, seconds, theirs))
        somebody = Other(other)
        watch.start()
        process.start()
        try:
            somebody.work(lambda: process.is_alive() and not ours.poll())
            answers = ours.recv()
        finally:
            process.join()
            watch.over.set()
            watch.join()
    asked.product.append(percentile(somebody.answered, 95))
    slowest.product.append(max(somebody.answered))
    refused.product.append(len(somebody.refused))
    refused.note = f"{len(somebody.answered)} requests, {somebody.logins} logins; {somebody.refused[:5]}"
    asked.note = "; ".join(f"{name}: {', '.join(f'{n} x {status}' for status, n in sorted(seen.items(), key=str))}"
                           for name, seen in answers.items())
    for name, figure in memory.items():
        figure.product.append(watch.peaks[name])
