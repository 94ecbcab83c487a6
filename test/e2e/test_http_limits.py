"""test_http_limits.py - what one client may take from the others.

Time in the database, bodies, connections; and what is said when an answer does not come.
"""
import contextlib
import socket
import threading

import pytest

from http_client import JSON, PASSWORD, Api, basic, logged_in
from own_nginx import own_nginx
from proxy import Proxy
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

MIB = 1024 * 1024
WAITING = ("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
           "AND usename = 'campaign_authenticator'")


@contextlib.contextmanager
def held(stack, campaign_id):
    """Whatever changes the campaign waits."""
    other = stack.connect(autocommit=False)
    try:
        execute(other, "SELECT FROM campaign.campaigns WHERE id = %s FOR UPDATE", campaign_id)
        yield
    finally:
        other.rollback()
        other.close()


@contextlib.contextmanager
def role_setting(stack, setting, value):
    """Another limit of campaign_user for a while, known to PostgREST."""
    shipped = stack.one("SELECT split_part(line, '=', 2) FROM pg_roles, unnest(rolconfig) AS line "
                        "WHERE rolname = 'campaign_user' AND line LIKE %s", f"{setting}=%")
    try:
        stack.sql(f"ALTER ROLE campaign_user SET {setting} = '{value}'")
        stack.sql("NOTIFY pgrst, 'reload config'")
        yield
    finally:
        stack.sql(f"ALTER ROLE campaign_user SET {setting} = '{shipped}'")
        stack.sql("NOTIFY pgrst, 'reload config'")


def background(function):
    """The answers that a request on a thread of its own will have."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    return thread, answers


@pytest.mark.parametrize("setting, status, code", [("statement_timeout", 500, "57014"),
                                                   ("lock_timeout", 503, "PT503")])
def test_every_request_ends(stack, ana, target, stored_nothing, setting, status, code):
    """R7.2: one that would wait for ever is ended by PostgreSQL, and has changed nothing."""
    with role_setting(stack, setting, "200ms"), held(stack, target):
        # PostgREST has not read the role's new limit yet when the shipped one ends it.
        wait_until("the limit ends it", lambda: ana.api.post(f"/campaigns/{target}/dispatch")
                   .refused(status, 503).json["code"] == code)
        wait_until("its connection is free", lambda: stack.one(WAITING) == 0)


def hang_up(stack, api, path):
    """Sends a request and goes away while PostgreSQL works on it; false if the answer was there first."""
    host, port = api.address.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall((f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n"
                            "Content-Length: 0\r\n\r\n").encode())
        connection.setblocking(False)

        def at_work():
            with contextlib.suppress(BlockingIOError):
                return connection.recv(1) and "answered"
            return stack.one(WAITING) == 1
        return wait_until("it is at work or answered", at_work) is True


def test_who_hangs_up(stack, ana, target, stored_nothing):
    """R7.2: PostgREST does not notice, nor does PostgreSQL; the limits give the connection back."""
    path = f"/campaigns/{target}/dispatch"
    with role_setting(stack, "lock_timeout", "2s"), held(stack, target):
        wait_until("it has hung up", lambda: hang_up(stack, ana.api, path))
        wait_until("its connection is free", lambda: stack.one(WAITING) == 0)
    assert ana.api.status(target)["status"] == "draft"


def test_too_many_lists_within_lists(ana):
    """R7.2: whoever nests lists multiplies the work; however it is written, a list has no lists within."""
    ana.api.get("/companies?select=name,users(email),campaigns(id)&users.order=email").expect(200)
    ana.api.get("/campaigns?select=id,companies(name)&status=in.(draft,sent)&or=(total.eq.0,and(total.gt.5))").expect(200)
    inside = ("users(companies(name))", "name,campaigns(id),users(email,companies(name))", "users%28companies(name)%29",
              '")":name,users(")":email,companies(name))', "%22)%22:name,users(%22)%22:email,companies(name))",
              "(".join(["companies", "users"] * 4) + ")" * 7, "a:users(...companies(name))")
    for path in [f"/companies?{name}={one}" for name in ("select", "%73elect", "limit=1&sele%63t") for one in inside]:
        answer = ana.api.get(path.replace('"', "%22")).refused(400)
        assert answer.json["message"] == "too many lists within lists", path


def test_places_of_one_account(stack, ana, eve, app, target):
    """R7.2: so many requests of one account at a time, programs of theirs included; others are not concerned."""
    with stack.settings(campaign__requests_per_account="2"):
        with held(stack, target):
            waiting = [background(lambda: ana.api.post(f"/campaigns/{target}/cancel"))[0] for _ in range(2)]
            wait_until("both are at work", lambda: stack.one(WAITING) == 2)
            for one in (ana.api.get("/me"), app.get("/job")):
                assert one.refused(429).headers["Retry-After"]
                assert one.json["message"] == "too many requests of this account at a time"
            # Nginx asks for the token first, which is a request, too.
            assert ana.api.upload(target, b"1" * 200_000).refused(429).headers["Retry-After"]
            eve.api.get("/me").expect(200)
        for thread in waiting:
            thread.join()
        ana.api.get("/me").expect(200)


@contextlib.contextmanager
def places_taken(stack, account, number):
    """As many requests of an account, or of an address, seem to be at work."""
    with contextlib.closing(stack.connect()) as other:
        execute(other, "SELECT pg_advisory_lock(hashtextextended('a request of ' || %s, place))"
                       " FROM generate_series(1, %s) AS place", account, number)
        yield


def test_places_of_another_address(stack, nobody):
    """R7.2: nobody takes them, whatever they say that their address is."""
    with places_taken(stack, "192.0.2.1", 20):
        nobody.request("GET", "/ready", headers={"X-Forwarded-For": "192.0.2.1"}).expect(200)


def test_places_without_a_token(stack, nobody, ana):
    """R7.2: a quarter of those of an account, so that one client with both does not have all connections."""
    with places_taken(stack, "127.0.0.1", 4):
        nobody.login(ana.email).expect(200)
    with places_taken(stack, "127.0.0.1", 5):
        nobody.login(ana.email).refused(429)
        nobody.patient("POST", "/login", {"email": ana.email, "password": PASSWORD},
                       source=("127.0.0.7", 0)).expect(200)
        ana.api.get("/me").expect(200)


def test_proofs_of_one_account(stack, ana, eve):
    """R7.2: four of them wait for a consumer, which makes one at a time for everybody; others are not concerned."""
    wanted = [(ana, ana.api.create_campaign(ana.company_id)) for _ in range(5)]
    wanted.append((eve, eve.api.create_campaign(eve.company_id)))
    stack.part("stop", "consumer")
    try:
        stack.sql("SELECT campaign.proof_asked()")      # a consumer has looked for requests
        asked = [background(lambda api=person.api, path=f"/campaigns/{campaign_id}/verify": api.get(path))
                 for person, campaign_id in wanted]
        for thread, _ in asked:
            thread.join()
    finally:
        stack.part("start", "consumer")
    reasons = [answers[0].expect(200).json["reason"] for _, answers in asked]
    assert sorted(reasons[:5]) == ["the proof that was asked for is not there yet: ask again"] * 4 + [
        "this account waits for 4 proofs: ask again when one is there"]
    assert reasons[5] == "the proof that was asked for is not there yet: ask again"
    wait_until("all are made", lambda: all(
        person.api.get(f"/campaigns/{campaign_id}/verify").json["fresh"] for person, campaign_id in wanted))


def test_large_bodies_of_one_address(ana, eve, target):
    """R7.2: four at a time, and small requests beside them; another address is not concerned."""
    path, length = f"/campaigns/{target}/numbers", 200_000
    with contextlib.ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(half(ana.api, path, length))
        refused = wait_until("all are taken", lambda: (
            lambda answer: answer if answer.status == 429 else None)(ana.api.upload(target, b"1" * length)))
        assert refused.refused(429).headers["Retry-After"]
        ana.api.upload(target, b"+442079460103\n").expect(200)
        eve.api.request("PUT", path, b"1" * length, source=("127.0.0.7", 0)).refused(403, 404)
    wait_until("they are given back", lambda: ana.api.upload(target, b"1" * length).status == 422)


def test_only_numbers_are_large(ana, target, stored_nothing):
    """R7.2: a body of more than 1 MB is for the routes that take numbers."""
    for method, path in (("POST", "/companies"), ("POST", "/campaigns"), ("PATCH", f"/campaigns/{target}"),
                         ("POST", "/job"), ("POST", "/rpc/campaign_status"),
                         ("POST", f"/campaigns/{target}/dispatch")):
        ana.api.request(method, path, b" " * (MIB + 1), headers={"Content-Type": JSON}).refused(413)
    for path in ("/login", "/signup", "/token"):
        answer = Api(ana.api.url).patient("POST", path, b" " * 70_000, headers={"Content-Type": JSON})
        answer.refused(405 if path == "/token" else 413)


def first_line(api, path, headers, length=16 * MIB, method="PUT"):
    """What the server says when it has seen the headers of a large request."""
    host, port = api.address.split(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall((f"{method} {path} HTTP/1.1\r\nHost: x\r\n{head}Expect: 100-continue\r\n"
                            f"Content-Length: {length}\r\n\r\n").encode())
        return connection.makefile("rb").readline().decode()


@pytest.mark.parametrize("kind", [JSON, "application/octet-stream"])
def test_no_body_from_strangers(ana, app, target, stored_nothing, kind):
    """R7.2: a token is looked at before a large body is read, on every route that takes one."""
    sent = {"Content-Type": kind}

    def ask(path, headers, length=16 * MIB):
        return first_line(ana.api, path, {**sent, **headers}, length,
                          method="POST" if path == "/campaigns/send" else "PUT")

    for path in (f"/campaigns/{target}/numbers", "/campaigns/send", "/rpc/campaign_send",
                 "/suppressions/numbers", "/rpc/campaign_upload", "/rpc/campaign_form",
                 "/rpc/campaign_upload_json"):
        for stranger in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"},
                         basic("a.b.c")):
            assert " 401 " in ask(path, stranger), (path, stranger)
        assert " 403 " in ask(path, {"Authorization": f"Bearer {app.token}"})
        known = {"Authorization": f"Bearer {ana.api.token}"}
        assert " 100 " in ask(path, known), path
        assert " 413 " in ask(path, known, 100 * MIB), path
    answer = Api(ana.api.url).request("PUT", f"/campaigns/{target}/numbers", b"1" * MIB).refused(401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "POST /login" in answer.json["hint"]


def test_nothing_large_is_read_by_postgrest(ana, target, stored_nothing):
    """R7.2: it would make a tree of JSON; of numbers, PostgreSQL reads the bytes."""
    known = {"Authorization": f"Bearer {ana.api.token}"}
    form = "application/x-www-form-urlencoded"
    for path, kind in (("/rpc/campaign_upload", JSON), ("/rpc/campaign_form", JSON), ("/rpc/campaign_preview", form),
                       ("/campaigns/send", form), ("/rpc/campaign_send", "text/csv"), ("/suppressions/numbers", form),
                       ("/rpc/campaign_upload_json", form), ("/rpc/campaign_preview_json", "text/plain")):
        head = {**known, "Content-Type": kind}
        assert " 413 " in first_line(ana.api, path, head, method="POST"), path
        assert " 100 " in first_line(ana.api, path, head, MIB, method="POST"), path


def test_a_large_body_arrives(ana, target):
    """R7.2: with the headers that the route makes of it, as file and as JSON."""
    numbers = [f"+55119{n:08}" for n in range(20_000)]
    file = "\n".join(numbers).encode()
    assert ana.api.upload(target, file, X_Class="VIP").expect(200).json["accepted"] == 20_000
    answer = ana.api.get(f"/recipients?campaign_id=eq.{target}&seq=eq.20000&select=class")
    assert answer.json == [{"class": "VIP"}]
    answer = ana.api.post(f"/campaigns/{target}/numbers", {"numbers": numbers}).expect(200)
    assert answer.json["duplicates"] == 20_000
    sent = {"name": "n", "message": "m", "numbers": numbers}
    assert ana.api.post("/campaigns/send", sent).expect(202).json["total"] == 20_000


def half(api, path, length=1000):
    """A request whose body never comes."""
    host, port = api.address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall((f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n"
                        f"Content-Length: {length}\r\n\r\n+").encode())
    return connection


def test_connections_of_one_address(stack, ana, target, monkeypatch):
    """R7.2: so many requests at a time, 429 with Retry-After, and others are not concerned."""
    path = f"/campaigns/{target}/numbers"
    stack.part("stop", "nginx")
    monkeypatch.setenv("CAMPAIGN_CONNECTIONS", "3")
    stack.part("start", "nginx")
    try:
        with contextlib.ExitStack() as opened:
            for _ in range(3):
                opened.enter_context(half(ana.api, path))
            refused = wait_until("all are taken", lambda: (
                lambda answer: answer if answer.status == 429 else None)(ana.api.get("/me")))
            assert refused.refused(429).headers["Retry-After"]
            ana.api.get(f"/campaigns/{target}").refused(429)
            ana.api.request("GET", "/me", source=("127.0.0.7", 0)).expect(200)
        wait_until("they are given back", lambda: ana.api.get("/me").status == 200)
    finally:
        stack.part("stop", "nginx")
        monkeypatch.delenv("CAMPAIGN_CONNECTIONS")
        stack.part("start", "nginx")


def test_it_may_have_happened(stack, ana, target):
    """R7.3: 504 if the answer got lost, 503 only if the request never arrived."""
    with held(stack, target):
        thread, answers = background(lambda: ana.api.post(f"/campaigns/{target}/dispatch"))
        wait_until("the request is at work", lambda: stack.one(WAITING) == 1)
        stack.part("kill", "postgrest")
        thread.join()
    try:
        assert "may have been done" in answers[0].refused(504).json["hint"]
        answer = ana.api.post(f"/campaigns/{target}/cancel").refused(503)
        assert "Nothing was done" in answer.json["hint"]
        assert answer.headers["Retry-After"]
    finally:
        stack.part("start", "postgrest")


def test_nothing_is_done_twice(stack, ana, application, postgrest):
    """R7.3: a kept connection breaks behind the commit: 504, whatever the method, and it is not sent again."""
    person = logged_in(ana.api.url)
    credentials = basic(application["id"], application["secret"])
    with Proxy.to(postgrest) as between, own_nginx(
            stack, server=f"127.0.0.1:{between.port}") as port:
        api = person.api.at(f"http://127.0.0.1:{port}")
        for verb, request in (
                (b"/rpc/token", lambda: Api(api.url).request("GET", "/token", headers=credentials)),
                (b"/rpc/me_delete", lambda: api.request("DELETE", "/me", {"password": PASSWORD}))):
            api.get("/me").expect(200)
            between.swallow_answer(verb)
            assert "may have been done" in request().refused(504).json["hint"]
            assert between.swallowed()
    assert stack.one("SELECT count(*) FROM campaign.application_tokens WHERE application_id = %s", application["id"]) == 1
    assert stack.one("SELECT deleted FROM campaign.users WHERE id = %s", person.user_id)
