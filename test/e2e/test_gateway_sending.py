"""A consumer with the http gateway, from campaign_dispatch() to a provider and back to every
recipient's fate.
"""
import collections
import contextlib
import itertools
import json
import threading
import time

import pytest

import campaigns
from campaigns import capture, documents_of, make_numbers, wait_for_status
from consumers import Consumer, consumer_output, environment
from provider import CLOSE, HANG, Answer, Provider
from proxy import Proxy
from waiting import wait_until

# The name of the prepared statement, and that no format is given: a session that only prepares it has SQL there.
QUESTION = b"report_stopped\0\0\0"

SENT = Answer(200, {"status": "queued", "id": "p-1"})


def write_template(directory, url, **changes):
    file = directory / "template.json"
    file.write_text(json.dumps({
        "url": url + "/messages", "json": {"to": "{number}", "text": "{text}"},
        "answers": [{"status": 200, "at": "/status", "equals": "queued", "is": "sent"}],
        "error_code": "/code", "error_text": "/message",
        "limits": {"attempts": 3, "backoff_ms": 10, "backoff_max_ms": 50}, **changes}))
    return file


def settings(stack, template, **changes):
    return environment(stack, **{"CAMPAIGN_GATEWAY": "http", "CAMPAIGN_GATEWAY_TEMPLATE": str(template),
                                 "CAMPAIGN_IN_FLIGHT": "8", **changes})


def counts(stack, campaign_id):
    answer = campaigns.status(stack, campaign_id)
    return {state: answer[state] for state in ("sent", "failed", "unknown", "pending", "sending")}


# By number; what a request gets, the first and the later ones.
KINDS = [
    lambda nth: SENT,
    lambda nth: SENT if nth > 1 else Answer(503),
    lambda nth: SENT if nth > 1 else Answer(429, headers={"Retry-After": "0"}),
    lambda nth: Answer(404, {"code": "21211", "message": "no such number"}),
    lambda nth: CLOSE,
]


def test_every_recipient_has_a_fate(stack, no_store, tmp_path):
    """R5.3: sent, also at the second attempt, failed with the provider's words, or unknown."""
    numbers = make_numbers(50, seed=31)
    kinds = {number: KINDS[place % len(KINDS)] for place, number in enumerate(numbers)}

    def respond(request, nth):
        return kinds[json.loads(request.body)["to"]](nth)

    with Provider(respond) as provider:
        with Consumer(settings(stack, write_template(tmp_path, provider.url))) as consumer:
            campaign_id = campaigns.send(stack, numbers, message="Olá!")
            wait_for_status(stack, campaign_id, "sent")
            assert consumer.process.poll() is None
        assert counts(stack, campaign_id) == {"sent": 30, "failed": 10, "unknown": 10, "pending": 0,
                                              "sending": 0}
        documents = documents_of(stack, campaign_id)
        assert collections.Counter(one["status"] for one in documents) == \
            {"sent": 30, "failed": 10, "unknown": 10}
        for one in documents:
            place = numbers.index(one["phone_number"]) % len(KINDS)
            assert provider.count(one["identifier"]) == one["attempts"] == (2 if place in (1, 2) else 1)
    fates = collections.Counter(stack.sql(
        "SELECT state, code, text, attempts FROM campaign.fates WHERE campaign_id = %s AND state = 'failed'",
        campaign_id))
    assert fates == {("failed", "21211", "no such number", 1): 10}
    assert {request.target for request in provider.requests} == {"/messages"}


@pytest.mark.parametrize("in_doubt", ["hold", "resend"])
def test_a_killed_sender_doubles_nothing(stack, no_store, tmp_path, in_doubt):
    """R5.3: counted at the provider. Some are hanging there when the sender dies: with `hold` they
    come once and are unknown; with `resend` they come again, for the same identifiers."""
    hanging = set()

    def respond(request, nth):
        if nth == 1 and len(hanging) < 3:
            hanging.add(request.headers["idempotency-key"])
            return HANG
        return SENT

    resends = in_doubt == "resend"
    with Provider(respond) as provider:
        template = write_template(tmp_path, provider.url, idempotent=resends)
        changes = {"CAMPAIGN_IN_DOUBT": in_doubt, "CAMPAIGN_IN_FLIGHT": "3"}
        with Consumer(settings(stack, template, **changes)) as first:
            campaign_id = campaigns.send(stack, make_numbers(12, seed=32))
            provider.wait_for_requests(3)
            first.process.kill()
            first.process.wait()
        with Consumer(settings(stack, template, **changes)):
            wait_for_status(stack, campaign_id, "sent")
        assert counts(stack, campaign_id) == {"sent": 12 if resends else 9, "failed": 0,
                                              "unknown": 0 if resends else 3, "pending": 0, "sending": 0}
        documents = {one["identifier"]: one for one in documents_of(stack, campaign_id)}
        assert len(documents) == 12 and hanging < set(documents)
        for key in documents:
            assert provider.count(key) == (2 if resends and key in hanging else 1)


def test_two_copies_of_a_batch_are_sent_once(stack, no_store, tmp_path):
    """R5.3: of an unordered campaign a batch that was published twice may come twice in a row, into
    one chunk: the claim on the first copy is not that of the second."""
    first = make_numbers(1, seed=33)

    def respond(request, _nth):
        # Meanwhile the others arrive.
        if json.loads(request.body)["to"] == first[0]:
            time.sleep(0.5)
        return SENT

    with stack.settings(campaign__batch_size="2", campaign__stall_timeout="1h"), capture(stack) as take, \
            Provider(respond) as provider:
        ids = [campaigns.send(stack, numbers, ordered=False) for numbers in (first, make_numbers(4, seed=34))]
        for campaign_id in ids:
            wait_for_status(stack, campaign_id, "published")
        copies = [one for one in take() if ids[1].encode() in one.body]
        assert len(copies) == 2
        campaigns.publish(stack, copies)
        with Consumer(settings(stack, write_template(tmp_path, provider.url))):
            for campaign_id in ids:
                wait_for_status(stack, campaign_id, "sent")
            campaigns.wait_until_handled(stack, [campaigns.QUEUES[-1]])
        assert counts(stack, ids[1])["sent"] == 4
        assert {provider.count(one["identifier"]) for one in documents_of(stack, ids[1])} == {1}


def test_unknown_ends_too(stack, no_store, tmp_path):
    """R5.3: what gets no answer again and again is unknown in the end, although it may be sent again."""
    with Provider(lambda _request, _nth: CLOSE) as provider:
        template = write_template(tmp_path, provider.url, idempotent=True)
        with Consumer(settings(stack, template, CAMPAIGN_IN_DOUBT="resend")):
            campaign_id = campaigns.send(stack, make_numbers(4, seed=35))
            wait_for_status(stack, campaign_id, "sent")
        assert counts(stack, campaign_id)["unknown"] == 4
        assert {provider.count(one["identifier"]) for one in documents_of(stack, campaign_id)} == {3}


def away_since(stack):
    return stack.one("SELECT count(away_since) FROM campaign_senders() WHERE alive")


def registered(stack):
    """How many sessions of senders there were."""
    return stack.one("SELECT count(*) FROM campaign.senders")


def test_a_provider_that_is_away_fails_nobody(stack, no_store, tmp_path):
    """R5.3: what was claimed and not sent is given back, single messages are tried, and when the provider is there
    again all are sent, once, in order. The first of each would have failed after a tenth of a second. Where a body
    has one recipient, the message that was tried is all of it; nothing is published again that was acknowledged.
    """
    there = threading.Event()
    taken = []

    def respond(request, _nth):
        if not there.is_set():
            return Answer(503)
        taken.append(request.headers["idempotency-key"])
        return SENT

    before = registered(stack)
    ids = [campaigns.send(stack, make_numbers(12, seed=37))]
    wait_for_status(stack, ids[0], "published")
    with stack.settings(campaign__batch_size="1", campaign__stall_timeout="1h"), Provider(respond) as provider, \
            Consumer(settings(stack, write_template(tmp_path, provider.url), CAMPAIGN_IN_FLIGHT="1")) as consumer:
        ids.append(campaigns.send(stack, make_numbers(12, seed=38), ordered=False))
        wait_until("both lanes hold back", lambda: len(consumer.lines("the provider takes nothing")) == 2)
        wait_until("PostgreSQL knows", lambda: away_since(stack) == 1)
        assert stack.messages.count_documents({"campaign_id": {"$in": ids}, "status": "failed"}) == 0
        requests = len(provider.requests)
        provider.wait_for_requests(requests + 1)
        there.set()
        for campaign_id in ids:
            wait_for_status(stack, campaign_id, "sent")
            assert counts(stack, campaign_id)["sent"] == 12
            assert campaigns.status(stack, campaign_id)["rewinds"] == 0
            keys = [one["identifier"] for one in documents_of(stack, campaign_id)]
            assert collections.Counter(taken).keys() >= set(keys)
        assert len(taken) == len(set(taken)) == 24
        wait_until("it is over", lambda: len(consumer.lines("the provider takes messages again")) == 2)
        wait_until("PostgreSQL knows that, too", lambda: away_since(stack) == 0)
        assert registered(stack) - before == len(campaigns.QUEUES), "a session for each try"
    ordered = [one["identifier"] for one in documents_of(stack, ids[0])]
    assert [one for one in taken if one in ordered] == ordered


def test_a_silent_provider_makes_nothing_unknown(stack, no_store, tmp_path):
    """R5.3: who may have been sent to is sent to again if that is allowed, also by a sender with another provider,
    while the first one lives.
    """
    limits = {"attempts": 10, "backoff_ms": 1, "backoff_max_ms": 10}
    changes = {"CAMPAIGN_IN_DOUBT": "resend", "CAMPAIGN_IN_FLIGHT": "1"}
    (tmp_path / "other").mkdir()
    with stack.settings(campaign__batch_size="1", campaign__stall_timeout="1h"), \
            Provider(lambda _request, _nth: CLOSE) as silent, Provider(lambda _request, _nth: SENT) as other:
        template = write_template(tmp_path, silent.url, idempotent=True, limits=limits)
        with Consumer(settings(stack, template, **changes)) as first:
            campaign_id = campaigns.send(stack, make_numbers(3, seed=39))
            wait_until("the lane holds back", lambda: first.lines("the provider takes nothing"))
            silent.wait_for_requests(limits["attempts"] + 1)
            template = write_template(tmp_path / "other", other.url, idempotent=True)
            with Consumer(settings(stack, template, **changes)):
                wait_for_status(stack, campaign_id, "sent")
        assert counts(stack, campaign_id)["sent"] == len(other.requests) == 3


def test_cancel_while_the_provider_wants_a_pause(stack, no_store, tmp_path):
    """R5.2: what waits in the gateway for another attempt is not begun."""
    busy = Answer(429, headers={"Retry-After": "500"})
    with Provider(lambda _request, _nth: busy) as provider:
        with Consumer(settings(stack, write_template(tmp_path, provider.url))) as consumer:
            campaign_id = campaigns.send(stack, make_numbers(20, seed=36))
            provider.wait_for_requests(1)
            stack.one("SELECT campaign_cancel(%s)", campaign_id)
            wait_until("nothing is held", lambda: counts(stack, campaign_id)["sending"] == 0)
            assert consumer.terminate() == 0
        assert counts(stack, campaign_id)["sent"] == counts(stack, campaign_id)["unknown"] == 0


def unacknowledged(stack):
    """Bodies that consumers have, asked of the channels themselves: what queues count is seconds old."""
    return sum(map(int, stack.rabbitmqctl("-q", "--no-table-headers", "list_channels", "messages_unacknowledged").split()))


def questions(stack, since):
    """When senders have asked lately who is halted."""
    return {one for (one,) in stack.sql(
        "SELECT query_start FROM pg_stat_activity WHERE query LIKE '%%report_stopped%%'"
        " AND application_name = 'campaign-consumer' AND query_start > %s", since)}


def test_a_pause_of_one_campaign_leaves_the_others_alone(stack, no_store, tmp_path):
    """R5.2 R5.3: two campaigns in one chunk, all of it under way, and one is paused: of the other, who gets no answer
    is sent to again, as always. A third one holds the lane until both are there.
    """
    gates = [threading.Event(), threading.Event()]
    first, paused, other = (make_numbers(count, seed=41 + count) for count in (1, 2, 3))

    def respond(request, nth):
        number = json.loads(request.body)["to"]
        assert gates[number not in first].wait(60)
        return CLOSE if number in other and nth == 1 else SENT

    with Provider(respond) as provider:
        ids = [campaigns.send(stack, numbers, ordered=False) for numbers in (first, paused, other)]
        for campaign_id in ids:
            wait_for_status(stack, campaign_id, "published")
        with Consumer(settings(stack, write_template(tmp_path, provider.url, idempotent=True))):
            wait_until("the lane has all three", lambda: unacknowledged(stack) == 3)
            gates[0].set()
            provider.wait_for_requests(6)
            stack.one("SELECT campaign_pause(%s)", ids[1])
            asked = {stack.one("SELECT clock_timestamp()")}
            for _ in range(2):
                asked |= wait_until("the lane asks again", lambda: questions(stack, max(asked)), interval=0.01)
            gates[1].set()
            wait_for_status(stack, ids[2], "sent")
        assert counts(stack, ids[2])["sent"] == 3 and counts(stack, ids[1])["sent"] == 2
        assert {provider.count(one["identifier"]) for one in documents_of(stack, ids[2])} == {2}


@contextlib.contextmanager
def on_the_way_to_postgresql(stack):
    """A proxy, and the DATABASE_URL through it."""
    url = environment(stack)["DATABASE_URL"]
    with Proxy.to(url) as proxy:
        yield proxy, proxy.through(url)


def answering_when(answers, at_once=0):
    """Answers of a provider that are held back until then, but for the first ones."""
    requests = itertools.count()

    def respond(_request, _nth):
        assert next(requests) < at_once or answers.wait(60)
        return SENT
    return respond


def test_postgresql_that_hangs_makes_nothing_unknown(stack, no_store, tmp_path):
    """R5.3: answers are taken and written down while the question who is paused has none, for longer than a request
    may last.
    """
    answers = threading.Event()
    with Provider(answering_when(answers)) as provider, on_the_way_to_postgresql(stack) as (proxy, through):
        template = write_template(tmp_path, provider.url, limits={"timeout_ms": 5000})
        with Consumer(settings(stack, template, DATABASE_URL=through, CAMPAIGN_HOLD="8")):
            campaign_id = campaigns.send(stack, make_numbers(8, seed=48))
            provider.wait_for_requests(8)
            proxy.freeze(QUESTION)
            assert proxy.holding.wait(30)
            answers.set()
            wait_until("all is written down", lambda: stack.messages.count_documents(
                {"campaign_id": campaign_id, "status": {"$ne": "sending"}}) == 8)
            proxy.mend()
            wait_for_status(stack, campaign_id, "sent")
        assert counts(stack, campaign_id)["sent"] == 8


def test_session_with_postgresql_that_is_dead(stack, no_store, tmp_path):
    """R5.3: a session on which the question who is paused has no answer for CAMPAIGN_HOLD is given up; on the next one
    everybody gets their message, once.
    """
    answers = threading.Event()
    numbers = make_numbers(24, seed=49)
    # The second chunk is larger than what may be in flight: some of it is not begun when the session dies.
    with Provider(answering_when(answers, at_once=8)) as provider, on_the_way_to_postgresql(stack) as (proxy, through):
        template = write_template(tmp_path, provider.url)
        with Consumer(settings(stack, template, DATABASE_URL=through, CAMPAIGN_HOLD="2")):
            campaign_id = campaigns.send(stack, numbers)
            provider.wait_for_requests(16)
            proxy.strand(QUESTION)
            assert proxy.holding.wait(30)
            answers.set()
            wait_for_status(stack, campaign_id, "sent")
        assert counts(stack, campaign_id)["sent"] == len(numbers)
        assert {provider.count(one["identifier"]) for one in documents_of(stack, campaign_id)} == {1}


def holds_answer(proxy):
    """Holds the answer to the next question, unless a session that begins in this moment waits in front of it."""
    proxy.freeze_answer(QUESTION, b"valid_ms")
    return proxy.holding.wait(5) or proxy.mend()


def test_an_answer_that_is_older_than_the_pause(stack, no_store, tmp_path):
    """R5.2: the answer to the question who is paused is held up on its way, and the campaign paused meanwhile: nothing
    begins before PostgreSQL has answered once more.
    """
    answers = threading.Event()
    numbers = make_numbers(24, seed=50)
    # The second chunk is larger than what may be in flight.
    with Provider(answering_when(answers, at_once=8)) as provider, on_the_way_to_postgresql(stack) as (proxy, through):
        with Consumer(settings(stack, write_template(tmp_path, provider.url), DATABASE_URL=through)):
            campaign_id = campaigns.send(stack, numbers)
            provider.wait_for_requests(16)
            wait_until("an answer is held", lambda: holds_answer(proxy))
            asked = stack.one("SELECT clock_timestamp()")
            answers.set()
            stack.one("SELECT campaign_pause(%s)", campaign_id)
            wait_until("the answer is old", lambda: stack.one("SELECT clock_timestamp() - %s > '1.5 s'", asked))
            proxy.mend()
            wait_until("nothing is held", lambda: counts(stack, campaign_id)["sending"] == 0)
            assert counts(stack, campaign_id)["sent"] == len(provider.requests) == 16
            stack.one("SELECT campaign_resume(%s)", campaign_id)
            wait_for_status(stack, campaign_id, "sent")
        assert {provider.count(one["identifier"]) for one in documents_of(stack, campaign_id)} == {1}


@pytest.mark.parametrize("changes, settings_changes, complaint", [
    ({"urll": "x"}, {}, "template.json:1: unknown key \"urll\""),
    ({"secrets": {"key": "nowhere"}}, {}, "nowhere: No such file or directory"),
    ({}, {"CAMPAIGN_GATEWAY_TEMPLATE": "/nowhere.json"}, "cannot read /nowhere.json"),
    ({}, {"CAMPAIGN_GATEWAY_TEMPLATE": ""}, "needs CAMPAIGN_GATEWAY_TEMPLATE"),
    ({}, {"CAMPAIGN_IN_DOUBT": "resend"}, "CAMPAIGN_IN_DOUBT=resend would send twice"),
])
def test_a_wrong_template_ends_before_anything_is_sent(stack, tmp_path, changes, settings_changes, complaint):
    """R0.16: code 78 and one line, with --check and without."""
    template = write_template(tmp_path, "https://sms.example.com", **changes)
    for arguments in (["--check"], []):
        code, out, err = consumer_output(*arguments,
                                         variables=settings(stack, template, **settings_changes))
        assert (code, out) == (78, "")
        assert err.startswith("campaign-consumer: ") and complaint in err and err.count("\n") == 1, err


def test_check_reads_the_template(stack, tmp_path):
    template = write_template(tmp_path, "https://sms.example.com")
    code, out, err = consumer_output("--check", variables=settings(stack, template))
    assert (code, err) == (0, ""), out + err
