"""The http gateway against a real server that answers, refuses, hangs, closes, drips, redirects or
talks nonsense (R5.3). Every message ends in exactly one result, and what may have been taken is not
sent again unless the provider knows an identifier when it sees it twice.
"""
import email.utils
import json
import threading
import time
import urllib.parse

import pytest

from provider import CLOSE, DRIP, HANG, RESET, Answer, Provider, message
from silent_resolver import SilentResolver
from smtp_server import Certificate

LIMITS = {"attempts": 3, "backoff_ms": 10, "backoff_max_ms": 40, "answer_max_bytes": 4096}
SENT = Answer(200, {"status": "queued", "id": "p-1"})


@pytest.fixture(name="template")
def _template(tmp_path):
    """Writes a template that speaks to a server; `changes` replace its keys, None takes one away."""
    def write(provider, **changes):
        template = {
            "url": provider.url + "/messages",
            "json": {"to": "{number}", "text": "{text}"},
            "answers": [{"status": 200, "at": "/status", "equals": "queued", "is": "sent"}],
            "error_code": "/code", "error_text": "/message", "message_id": "/id",
            "limits": LIMITS,
            **changes,
        }
        file = tmp_path / "template.json"
        file.write_text(json.dumps({key: value for key, value in template.items()
                                    if value is not None}))
        return file
    return write


# What the server does with all requests for a message of this kind; the state and the code in which
# it ends. "again" is tried three times; an unclear end is, if the provider knows identifiers.
KINDS = {
    "fine": (SENT, "sent", "", 1),
    "refused": (Answer(400, {"code": 21211, "message": "no such number"}), "failed", "21211", 1),
    "not-found": (Answer(404), "failed", "404", 1),
    "error": (Answer(500), "unknown", "500", "unclear"),
    "busy": (Answer(503, b"later"), "failed", "503", "again"),
    "slow-down": (Answer(429), "failed", "429", "again"),
    "redirect": (Answer(307, headers={"Location": "/elsewhere"}), "failed", "307", 1),
    "proxy": (Answer(502), "unknown", "502", "unclear"),
    "close": (CLOSE, "unknown", "no_answer", "unclear"),
    "reset": (RESET, "unknown", "no_answer", "unclear"),
    "cut": (Answer(200, SENT.body, cut=10), "unknown", "200", "unclear"),
    "huge": (Answer(200, b'{"status": "queued", "x": "' + b"x" * 9000 + b'"}'), "unknown", "200",
             "unclear"),
    "no-json": (Answer(200, b"<html>OK</html>"), "unknown", "200", "unclear"),
    "other-json": (Answer(200, {"status": "odd"}), "unknown", "200", "unclear"),
    "no-http": (b"220 smtp.example.com ESMTP\r\n", "unknown", "no_answer", "unclear"),
    "headers": (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 90000 + b"\r\n\r\n", "unknown", "200",
                "unclear"),
}
EACH = 4


def requests_of(kind, idempotent):
    end = KINDS[kind][3]
    return 3 if end == "again" or (end == "unclear" and idempotent) else 1


@pytest.mark.parametrize("idempotent", [False, True])
def test_every_message_has_one_result(driver, template, idempotent):
    """All of them at once, so that the provider has taken some since the first attempt of each."""
    kinds = [kind for _ in range(EACH) for kind in KINDS]
    messages = [message(f"{kind}.{place}") for place, kind in enumerate(kinds)]

    def respond(request, _nth):
        return KINDS[request.headers["idempotency-key"].split(".")[0]][0]

    with Provider(respond) as provider:
        results = driver.run(template(provider, idempotent=idempotent), messages, in_flight=100)
        provider.wait_for_requests(sum(requests_of(kind, idempotent) for kind in kinds))
        for kind, one, result in zip(kinds, messages, results):
            requests = requests_of(kind, idempotent)
            assert (result.state, result.code) == KINDS[kind][1:3], f"{kind}: {result}"
            assert result.attempts == requests, f"{kind}: {result}"
            assert provider.count(one.id) == requests, f"{kind}: {result}"
        assert {request.target for request in provider.requests} == {"/messages"}


@pytest.mark.parametrize("idempotent", [False, True])
def test_an_answer_that_never_ends(driver, template, idempotent):
    messages = [message(f"m{place}") for place in range(8)]
    limits = {**LIMITS, "attempts": 2, "timeout_ms": 1000}

    def respond(request, _nth):
        return HANG if request.headers["idempotency-key"] < "m4" else DRIP

    with Provider(respond) as provider:
        results = driver.run(template(provider, idempotent=idempotent, limits=limits), messages)
        requests = 2 if idempotent else 1
        provider.wait_for_requests(requests * len(messages))
        assert {(result.state, result.attempts) for result in results} == {("unknown", requests)}
        assert {result.code for result in results[:4]} == {"no_answer"}
        assert all(provider.count(one.id) == requests for one in messages)


def test_the_first_message_of_an_outage_does_not_fail(driver, template):
    """Nothing was taken since it was first tried, although something was in the moment in which it began. Each seventh
    message meets an outage, so that one of them at least begins in the same millisecond.
    """
    messages = [message(f"m{place}") for place in range(1, 141)]
    outages = {one.id for one in messages[6::7]}

    def respond(request, _nth):
        return Answer(429) if request.headers["idempotency-key"] in outages else SENT

    with Provider(respond) as provider:
        results = driver.run(template(provider), messages, in_flight=1)
    assert [(result.state, result.attempts) for result in results] == \
        [("not begun", 3) if one.id in outages else ("sent", 1) for one in messages]


def test_a_message_gets_through_in_the_end(driver, template):
    """Refusals for a while cost attempts, and nothing else."""
    def respond(_request, nth):
        return [Answer(503), Answer(429), SENT][min(nth, 3) - 1]

    messages = [message(f"m{place}") for place in range(50)]
    with Provider(respond) as provider:
        results = driver.run(template(provider), messages)
        assert {(result.state, result.attempts, result.text) for result in results} == {("sent", 3, "p-1")}
        assert all(provider.count(one.id) == 3 for one in messages)


def test_connections_stay(driver, template):
    with Provider(lambda _request, _nth: SENT) as provider:
        results = driver.run(template(provider), [message(f"m{place}") for place in range(400)], 8)
        assert {result.state for result in results} == {"sent"}
        assert provider.connections <= 8


def test_a_connection_that_breaks_repeats_nothing(driver, template):
    """libcurl would send a request again when a connection that was used before breaks."""
    def respond(request, _nth):
        return CLOSE if request.headers["idempotency-key"] == "second" else SENT

    messages = [message("first"), message("second"), message("third")]
    with Provider(respond) as provider:
        results = driver.run(template(provider), messages, in_flight=1)
        assert [result.state for result in results] == ["sent", "unknown", "sent"]
        assert provider.requests[0].connection == provider.requests[1].connection
        assert provider.count("second") == 1


def test_requests_start_in_order(driver, template):
    messages = [message(f"m{place:03}") for place in range(60)]
    with Provider(lambda _request, _nth: SENT) as provider:
        driver.run(template(provider), messages, in_flight=1)
        assert [request.headers["idempotency-key"] for request in provider.requests] == \
            [one.id for one in messages]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed_by_all(driver, template, form):
    """The provider's own clock counts for a date: this one is a day behind. Until the first message
    has come again, the second one is refused; if it did not wait as well, it would soon fail.
    """
    day_ago = time.time() - 86400
    arrivals = []
    headers = ({"Retry-After": "1"} if form == "seconds" else
               {"Date": email.utils.formatdate(day_ago, usegmt=True),
                "Retry-After": email.utils.formatdate(day_ago + 1, usegmt=True)})

    def respond(request, _nth):
        if request.headers["idempotency-key"] == "first":
            arrivals.append(time.monotonic())
            return Answer(429, headers=headers) if len(arrivals) == 1 else SENT
        return Answer(429) if len(arrivals) < 2 else SENT

    messages = [message("first"), message("second")]
    limits = {"attempts": 100, "backoff_ms": 1, "backoff_max_ms": 1}
    with Provider(respond) as provider:
        results = driver.run(template(provider, limits=limits), messages, in_flight=2)
    assert [result.state for result in results] == ["sent", "sent"]
    assert results[0].attempts == 2
    assert arrivals[1] - arrivals[0] >= 1


def test_an_unreachable_provider_was_sent_nothing(driver, template):
    with Provider(lambda _request, _nth: SENT) as gone:
        file = template(gone)
    results = driver.run(file, [message("a"), message("b")])
    assert {(result.state, result.code) for result in results} == {("not begun", "unreachable")}
    assert max(result.attempts for result in results) == 3


def by_name(provider, **limits):
    return {"url": f"http://provider.example:{provider.port}/messages", "allow_clear_text": True,
            "limits": {"attempts": 1, "connect_timeout_ms": 60000, "timeout_ms": 60000, **limits}}


@pytest.mark.parametrize("end", ["time-out", "stop"])
def test_a_silent_resolver_is_not_waited_for(driver, template, tmp_path, end):
    """Meanwhile no answer would be read, and nobody asked whether the rest is still wanted."""
    resolver = SilentResolver(tmp_path)
    messages = [message("one")]
    with Provider(lambda _request, _nth: SENT) as provider:
        changes = by_name(provider, **{"connect_timeout_ms": 500} if end == "time-out" else {})
        process = driver.start(template(provider, **changes), messages, 1, variables=resolver.environment)
        resolver.wait_until_asked()
        [result] = (driver.finish if end == "time-out" else driver.abandon)(process, messages)
        assert (result.state, result.attempts) == ("not begun", 1)
        assert resolver.count("answered") == 0


def test_a_lookup_that_is_not_needed_any_more(driver, template, tmp_path):
    """Two ask for the name, one gets it, and both take it: the other answer is not waited for."""
    resolver = SilentResolver(tmp_path, answers=1, questions=2)
    messages = [message("one"), message("two")]
    with Provider(lambda _request, _nth: SENT) as provider:
        process = driver.start(template(provider, **by_name(provider)), messages, 2, variables=resolver.environment)
        results = driver.finish(process, messages)
        assert [result.state for result in results] == ["sent", "sent"]
        assert (resolver.count("asked"), resolver.count("answered")) == (2, 1)


def test_only_the_providers_own_certificate_will_do(driver, template, tmp_path):
    certificate = Certificate(tmp_path)
    messages = [message(f"m{place}") for place in range(3)]
    with Provider(lambda _request, _nth: SENT, certificate.context()) as provider:
        results = driver.run(template(provider), messages)
        assert {(result.state, result.code) for result in results} == {("not begun", "unreachable")}
        assert "certificate" in results[0].text
        assert not provider.requests
        results = driver.run(template(provider, ca_file="ca.pem"), messages)
        assert {result.state for result in results} == {"sent"}


def test_what_is_abandoned_says_whether_it_was_begun(driver, template):
    """One hangs, one waits for its next attempt; the gateway goes on when both have come back."""
    answers = {"slow": HANG, "again": Answer(503)}

    def respond(request, _nth):
        return answers.get(request.headers["idempotency-key"], SENT)

    messages = [message("slow"), message("again"), message("third"), message("fourth")]
    limits = {"timeout_ms": 60000, "backoff_ms": 60000, "backoff_max_ms": 60000}
    with Provider(respond) as provider:
        process = driver.start(template(provider, limits=limits), messages, 2)
        provider.wait_for_requests(2)
        results = driver.abandon(process, messages)
        assert [(result.state, result.attempts) for result in results] == \
            [("unknown", 1), ("not begun", 1), ("sent", 1), ("sent", 1)]
        assert len(provider.requests) == 4


def test_a_refusal_after_silence_is_no_failure(driver, template):
    """The first attempt may have been taken: who tries the failed again would send it twice."""
    with Provider(lambda _request, nth: CLOSE if nth == 1 else Answer(402)) as provider:
        (result,) = driver.run(template(provider, idempotent=True), [message("m")])
        assert (result.state, result.attempts, result.code) == ("unknown", 2, "402")


def test_what_is_settled_is_not_tried_again(driver, template):
    """As after the loss of a claim: answers are waited for, and no further attempt is made."""
    released = threading.Event()

    def respond(request, _nth):
        key = request.headers["idempotency-key"]
        if key == "slow":
            assert released.wait(30)
        return Answer(503) if key == "again" else SENT

    messages = [message("slow"), message("again"), message("third")]
    limits = {"backoff_ms": 20000, "backoff_max_ms": 20000}
    with Provider(respond) as provider:
        process = driver.start(template(provider, limits=limits), messages, 2)
        provider.wait_for_requests(2)
        driver.settle(process)
        released.set()
        results = driver.finish(process, messages)
        assert [(result.state, result.attempts) for result in results] == \
            [("sent", 1), ("not begun", 1), ("sent", 1)]
        assert len(provider.requests) == 3


def test_nothing_is_begun_on_hold(driver, template):
    """As while PostgreSQL is asked whether it is still wanted."""
    messages = [message("one"), message("two")]
    with Provider(lambda _request, _nth: SENT) as provider:
        process = driver.start(template(provider), messages, 2, held=True)
        assert process.stderr.readline() == b"held\n" and provider.requests == []
        driver.release(process)
        results = driver.finish(process, messages)
        assert [(result.state, result.attempts) for result in results] == [("sent", 1)] * 2


def test_the_others_are_tried_on(driver, template):
    """As when one of two campaigns is paused: of the other, what may have been taken is sent again, and more is begun."""
    released = threading.Event()

    def respond(request, nth):
        key = request.headers["idempotency-key"]
        if key == "next" or nth > 1:
            return SENT
        if "running" in key:
            assert released.wait(30)
        return Answer(503) if "paused" in key else CLOSE

    messages = [message(key) for key in ("waiting", "paused and waiting", "running", "paused and running", "next")]
    limits = {"backoff_ms": 1000, "backoff_max_ms": 1000}
    with Provider(respond) as provider:
        process = driver.start(template(provider, idempotent=True, limits=limits), messages, 4)
        provider.wait_for_requests(4)
        driver.settle(process, every_second=True)
        provider.wait_for_requests(5)
        released.set()
        results = driver.finish(process, messages)
        assert [(result.state, result.attempts) for result in results] == \
            [("sent", 2), ("not begun", 1), ("sent", 2), ("not begun", 1), ("sent", 1)]
        assert len(provider.requests) == 7


NASTY = [
    'quotes " \\ \b\f\n\r\t /', "{text} {{number}} {secret:token}", "a=b&c=d;e+f %41 ?#", "José 😀 \u2028",
    "\x01\x1f\x7f", "'; DROP TABLE x; --", "</script>\r\nX-Injected: yes\r\n\r\n", "x" * 4000,
]


def fields_of(request, body):
    """What the provider reads out of a request."""
    target = urllib.parse.urlsplit(request.target)
    query = urllib.parse.parse_qs(target.query, keep_blank_values=True)
    if body == "json":
        fields = json.loads(request.body)
    else:
        fields = {key: value for key, [value] in urllib.parse.parse_qs(
            request.body.decode(), keep_blank_values=True, strict_parsing=True).items()}
    return {**fields, "query": query["text"], "path": urllib.parse.unquote(target.path)}


@pytest.mark.parametrize("body", ["json", "form"])
def test_texts_arrive_as_they_are(driver, template, tmp_path, body):
    (tmp_path / "token").write_text('s3cr3t"&+\n')
    fields = {"to": "{digits}", "plus": "{number}", "te&xt": "{text}", "name": "<{attribute:name|nobody}>",
              "token": "{secret:token}", "braces": "{{}}"}
    changes = {"json": None, body: fields, "secrets": {"token": "token"},
               "headers": {"X-Campaign": "{campaign_id}"}}
    messages = [message(f"m{place}", text, attributes={"name": text} if place % 2 else {"age": 3})
                for place, text in enumerate(NASTY)]
    with Provider(lambda _request, _nth: SENT) as provider:
        changes["url"] = provider.url + "/to/{number}/{id}?x=1&text={text}"
        results = driver.run(template(provider, **changes), messages)
        assert {result.state for result in results} == {"sent"}
        seen = {request.headers["idempotency-key"]: request for request in provider.requests}
    for one in messages:
        request = seen[one.id]
        name = json.loads(one.attributes).get("name", "nobody")
        assert fields_of(request, body) == {
            "to": one.number[1:], "plus": one.number, "te&xt": one.text, "name": f"<{name}>",
            "token": 's3cr3t"&+', "braces": "{}", "query": [one.text], "path": f"/to/{one.number}/{one.id}"}
        assert request.headers["x-campaign"] == "campaign1"
        assert "x-injected" not in request.headers


def test_a_header_cannot_hold_a_line_break(driver, template):
    messages = [message("m1", "one\r\nX-Injected: yes"), message("m2", "two")]
    with Provider(lambda _request, _nth: SENT) as provider:
        results = driver.run(template(provider, headers={"X-Text": "{text}"}), messages)
        assert [(result.state, result.code, result.attempts) for result in results] == \
            [("failed", "template", 0), ("sent", "", 1)]
        assert [request.headers["x-text"] for request in provider.requests] == ["two"]


def test_a_missing_attribute_fails_before_it_is_sent(driver, template):
    body = {"to": "{number}", "text": "{text}", "name": "{attribute:name}"}
    messages = [message("m1"), message("m2", attributes={"name": "Ana"})]
    with Provider(lambda _request, _nth: SENT) as provider:
        results = driver.run(template(provider, json=body), messages)
        assert [result.state for result in results] == ["failed", "sent"]
        assert "no attribute name" in results[0].text
        assert len(provider.requests) == 1


SECRET = 's3cr&t"/é+ x'


@pytest.mark.parametrize("spell", [
    lambda _request: SECRET, lambda request: request.headers["authorization"].removeprefix("Basic "),
    lambda request: request.target.rpartition("=")[2], lambda _request: urllib.parse.quote_plus(SECRET),
    lambda _request: json.dumps(SECRET)[1:-1],
], ids=["plain", "basic", "percent", "form", "json"])
def test_a_secret_that_comes_back_is_not_shown(driver, template, tmp_path, spell):
    (tmp_path / "key").write_text(SECRET + "\n")
    changes = {"secrets": {"key": "key"}, "basic": {"user": "u", "password": "{secret:key}"}}
    with Provider(lambda request, _nth: Answer(401, {"code": spell(request), "message": f"<{spell(request)}>, sir"})) \
            as provider:
        [result] = driver.run(template(provider, url=provider.url + "/?key={secret:key}", **changes), [message("m1")])
        hidden = "*" * len(spell(provider.requests[0]).encode())
    assert (result.code, result.text) == (hidden, f"<{hidden}>, sir")
