"""test_senders.py - consumers whose gateway sends: claims, results, fates, and who is thought dead."""
import contextlib

import pika
import pytest

import campaigns
from campaigns import Captured, documents_of, make_numbers, wait_for_status
from senders import (SLOW, assert_begun_once, assert_fates_agree, claimed, fates, held, proxied, sender,
                     wait_for_claims, wait_for_held, with_a_way_to_rabbitmq)
from test_dead_letters import foreign_document
from waiting import wait_until

COUNT = 300

pytestmark = pytest.mark.usefixtures("no_store")


@pytest.mark.parametrize("rate, ordered, status", [("0", True, "sent"), ("0.3", True, "sent"),
                                                   ("0.3", False, "sent"), ("1", True, "failed")])
def test_sent_and_failed_are_all(stack, rate, ordered, status):
    """R1.2 R5.3: at each failure rate sent + failed = produced, in MongoDB and in PostgreSQL."""
    with sender(stack, CAMPAIGN_FAILURE_RATE=rate):
        campaign_id = campaigns.send(stack, make_numbers(COUNT, seed=1), ordered=ordered)
        wait_for_status(stack, campaign_id, status)
        answer = assert_fates_agree(stack, campaign_id, COUNT)
    assert answer["sent"] + answer["failed"] == COUNT
    # Five standard deviations around the rate.
    expected = float(rate) * COUNT
    assert abs(answer["failed"] - expected) <= 5 * (expected * (1 - float(rate))) ** 0.5


def test_killed_sender_is_held(stack):
    """R1.4 R5.3: what a sender had begun when it died is listed as unknown, and never sent again."""
    with contextlib.ExitStack() as living:
        first = living.enter_context(sender(stack, **SLOW))
        campaign_id = campaigns.send(stack, make_numbers(20, seed=2))
        wait_for_claims(stack, campaign_id, 4)
        wait_for_held(stack, campaign_id, 4)
        # Longer than campaign.stall_timeout: a living sender's work has not stalled.
        second = living.enter_context(sender(stack))
        wait_until("the second sender is there", lambda: stack.one(
            "SELECT count(*) FROM campaign_senders() WHERE alive") == 2)
        first.process.kill()
        wait_for_status(stack, campaign_id, "sent")
        answer = assert_fates_agree(stack, campaign_id, 20)
        assert (answer["sent"], answer["unknown"]) == (16, 4)
        assert fates(stack, campaign_id) == {1: "unknown", 2: "unknown", 3: "unknown", 4: "unknown"}
        assert second.process.poll() is None


def test_killed_sender_is_sent_again(stack):
    """R5.3: with `resend`, by the next sender, with the same identifier."""
    with contextlib.ExitStack() as living:
        first = living.enter_context(sender(stack, **SLOW))
        campaign_id = campaigns.send(stack, make_numbers(20, seed=3))
        wait_for_claims(stack, campaign_id, 4)
        before = {one["identifier"] for one in documents_of(stack, campaign_id)}
        living.enter_context(sender(stack, CAMPAIGN_IN_DOUBT="resend"))
        first.process.kill()
        wait_for_status(stack, campaign_id, "sent")
        answer = assert_fates_agree(stack, campaign_id, 20)
        assert answer["sent"] == 20
        assert before <= {one["identifier"] for one in documents_of(stack, campaign_id)}


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_doubt_of_a_halted_campaign(stack, verb):
    """R5.2 R5.3: with `resend`, what a dead sender had begun of a paused campaign is sent again when it is resumed; of
    a cancelled one nothing is sent, so it is unknown.
    """
    with sender(stack, **SLOW) as first:
        campaign_id = campaigns.send(stack, make_numbers(20, seed=18))
        wait_for_claims(stack, campaign_id, 4)
        first.process.kill()
        first.process.wait()
    stack.one(f"SELECT campaign_{verb}(%s)", campaign_id)
    with sender(stack, CAMPAIGN_IN_DOUBT="resend") as second:
        second.wait_for_line("left out")
        if verb == "pause":
            stack.one("SELECT campaign_resume(%s)", campaign_id)
            wait_for_status(stack, campaign_id, "sent")
            assert assert_fates_agree(stack, campaign_id, 20)["sent"] == 20
        else:
            wait_until("it is reported", lambda: len(fates(stack, campaign_id)) == 4)
            assert set(fates(stack, campaign_id).values()) == {"unknown"}
            assert [one["status"] for one in documents_of(stack, campaign_id)] == ["unknown"] * 4


def test_living_sender_is_waited_for(stack):
    """R1.4: what comes again while its sender lives is neither sent by another, nor published again."""
    with with_a_way_to_rabbitmq(stack, CAMPAIGN_MEAN="3500", CAMPAIGN_IN_FLIGHT="4",
                                CAMPAIGN_FAILURE_RATE="1") as (first, proxy):
        campaign_id = campaigns.send(stack, make_numbers(4, seed=4), ordered=False)
        wait_for_claims(stack, campaign_id, 4)
        with sender(stack, CAMPAIGN_LOG_LEVEL="debug"):
            proxy.cut()
            wait_until("the second one waits", lambda: both_hold(stack, campaign_id), interval=0.01)
            wait_for_status(stack, campaign_id, "failed")
            answer = assert_fates_agree(stack, campaign_id, 4)
            # The second one would have sent them without a failure.
            assert answer["failed"] == 4
            assert answer["rewinds"] == 0
        assert first.process.poll() is None


def both_hold(stack, campaign_id):
    return stack.one("SELECT count(*) FROM campaign.senders WHERE ended_at IS NULL AND %s = ANY (held_campaigns)",
                     campaign_id) == 2


def test_stop_of_the_one_that_waits(stack):
    """R5.3: who stops while another one sends reports nothing of it."""
    with with_a_way_to_rabbitmq(stack, CAMPAIGN_MEAN="4000", CAMPAIGN_IN_FLIGHT="4",
                                CAMPAIGN_FAILURE_RATE="1") as (_, proxy):
        campaign_id = campaigns.send(stack, make_numbers(4, seed=8), ordered=False)
        wait_for_claims(stack, campaign_id, 4)
        with sender(stack) as second:
            proxy.cut()
            wait_until("the second one waits", lambda: both_hold(stack, campaign_id), interval=0.01)
            assert second.terminate() == 0
        proxy.mend()
        wait_for_status(stack, campaign_id, "failed")
        assert assert_fates_agree(stack, campaign_id, 4)["failed"] == 4


def test_what_is_taken_back_is_sent_by_the_one_that_waits(stack):
    """R1.4 R5.3: a sender that stops takes back what it has not begun; whoever waits for it sends that."""
    with stack.settings(campaign__batch_size="60"), \
            with_a_way_to_rabbitmq(stack, CAMPAIGN_MEAN="100", CAMPAIGN_IN_FLIGHT="1") as (first, proxy):
        campaign_id = campaigns.send(stack, make_numbers(60, seed=9), ordered=False)
        # Its chunks grow from one message to ten.
        wait_until("it sends", lambda: campaigns.status(stack, campaign_id)["sent"] > 0)
        # This one takes the whole batch at once.
        with sender(stack, CAMPAIGN_IN_FLIGHT="60") as second:
            wait_until("the second one is there", lambda: stack.one(
                "SELECT count(*) FROM campaign_senders() WHERE alive") == 2)
            wait_until("much is claimed and not begun", lambda: claimed(stack, campaign_id) > 6, interval=0.01)
            proxy.cut()
            wait_until("the second one has it", lambda: both_hold(stack, campaign_id)
                       or campaigns.status(stack, campaign_id)["status"] == "sent", interval=0.01)
            assert first.terminate() == 0
            wait_for_status(stack, campaign_id, "sent")
            assert assert_fates_agree(stack, campaign_id, 60)["sent"] == 60
            assert second.process.poll() is None


def test_stop_gives_back_what_was_not_begun(stack):
    """R1.4: SIGTERM: what is in flight ends and is reported, the rest is left as if never claimed."""
    with sender(stack, CAMPAIGN_MEAN="150", CAMPAIGN_IN_FLIGHT="1") as first:
        campaign_id = campaigns.send(stack, make_numbers(40, seed=5))
        wait_until("some are sent", lambda: campaigns.status(stack, campaign_id)["sent"] >= 3)
        assert first.terminate() == 0
    answer = campaigns.status(stack, campaign_id)
    assert claimed(stack, campaign_id) == answer["sending"] == answer["unknown"] == 0
    assert answer["sent"] == campaigns.count_documents(stack, campaign_id) < 40
    with sender(stack):
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 40)["sent"] == 40


def test_pause_stops_what_was_not_begun(stack):
    """R5.2: a pause is obeyed between two messages; what was claimed and not begun is not sent."""
    with sender(stack, CAMPAIGN_MEAN="100", CAMPAIGN_IN_FLIGHT="2") as only:
        campaign_id = campaigns.send(stack, make_numbers(30, seed=6))
        wait_until("some are sent", lambda: campaigns.status(stack, campaign_id)["sent"] >= 4)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        wait_until("nothing is held", lambda: held(stack, campaign_id) == 0)
        paused = campaigns.status(stack, campaign_id)
        assert paused["status"] == "paused" and paused["sent"] < 30
        assert claimed(stack, campaign_id) == 0
        stack.one("SELECT campaign_resume(%s)", campaign_id)
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 30)["sent"] == 30
        # What was taken back was not lost.
        assert not only.lines("MongoDB was set back")


def test_mongodb_set_back_sends_nothing_twice(stack):
    """R5.3: what was reported as sent and lost by MongoDB is stored again, and not sent."""
    with sender(stack, CAMPAIGN_MEAN="100", CAMPAIGN_IN_FLIGHT="2") as first:
        campaign_id = campaigns.send(stack, make_numbers(30, seed=7))
        wait_until("some are sent", lambda: campaigns.status(stack, campaign_id)["sent"] >= 6)
        assert first.terminate() == 0
    sent = campaigns.status(stack, campaign_id)["sent"]
    stack.messages.delete_many({"campaign_id": campaign_id, "seq": {"$gt": 2}})
    with sender(stack, CAMPAIGN_FAILURE_RATE="1", CAMPAIGN_LOG_LEVEL="debug") as second:
        # All that is sent from now on fails: what was sent before must not.
        wait_for_status(stack, campaign_id, "sent")
        assert_begun_once(second, 30 - sent)
    answer = campaigns.status(stack, campaign_id)
    assert (answer["sent"], answer["failed"]) == (sent, 30 - sent)
    statuses = [one["status"] for one in documents_of(stack, campaign_id)]
    assert statuses == ["sent"] * 2 + ["reported"] * (sent - 2) + ["failed"] * (30 - sent)


def dead_letter(stack, campaign_id):
    """The id of the only dead letter of a campaign, and the message that it is."""
    letter, names, kinds, texts, content_type, body = wait_until("it is listed", lambda: stack.sql(
        "SELECT d.id, h.*, envelope ->> 'content_type', body FROM campaign.dead_letters d, campaign.dead_headers(d.envelope) h"
        " WHERE campaign_id = %s", campaign_id))[0]
    headers = {name: int(text) if kind == "number" else text for name, kind, text in zip(names, kinds, texts)}
    properties = pika.BasicProperties(content_type=content_type, delivery_mode=2, headers=headers)
    return letter, Captured(campaigns.QUEUES[-1], properties, bytes(body))


def test_mongodb_set_back_behind_a_replay(stack):
    """R5.3: the only recipient of a campaign is refused, replayed and sent; MongoDB loses that, and the message
    comes again: it is stored, and not sent."""
    with stack.settings(campaign__dead_letters="on"), sender(stack, CAMPAIGN_LOG_LEVEL="debug") as only:
        campaign_id = campaigns.create(stack, make_numbers(1, seed=17))
        foreign = foreign_document(campaign_id, 1)
        stack.messages.insert_one(dict(foreign))
        campaigns.dispatch(stack, campaign_id)
        wait_for_status(stack, campaign_id, "failed")
        letter, message = dead_letter(stack, campaign_id)
        stack.messages.delete_one({"_id": foreign["_id"]})
        stack.one("SELECT campaign_dead_replay(ARRAY[%s::bigint])", letter)
        wait_until("it is sent", lambda: campaigns.status(stack, campaign_id)["sent"] == 1)
        stack.messages.delete_one({"_id": foreign["_id"]})
        campaigns.publish(stack, [message])
        wait_until("it is stored again", lambda: documents_of(stack, campaign_id))
        campaigns.wait_until_handled(stack, [message.routing_key])
        assert [one["status"] for one in documents_of(stack, campaign_id)] == ["reported"]
        begun = [line["identifier"] for line in only.lines("begun")]
        assert begun.count(documents_of(stack, campaign_id)[0]["identifier"]) == 1
    stack.sql("DELETE FROM campaign.dead_letters")


def test_lost_answer_to_a_claim(stack):
    """R5.3: an insert whose answer was lost is read back by its claim when MongoDB is there again: ours, so it is
    sent, once. The queue is not held meanwhile."""
    with proxied(stack) as (only, proxy):
        only.wait_for_line("registered as a sender")
        proxy.swallow_answer(b"sending", cut=True)
        campaign_id = campaigns.send(stack, make_numbers(20, seed=8))
        only.wait_for_line("without the queue: claims")
        proxy.mend()
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 20)["sent"] == 20
        assert_begun_once(only, 20)


def test_a_fast_sender_takes_more_bodies(stack):
    """R1.2: as many as it needs for a second, so that it does not wait for each; once each, whatever it subscribes to
    meanwhile."""
    with stack.settings(campaign__batch_size="5", campaign__publish_ahead="10s"), \
            sender(stack, CAMPAIGN_MEAN="5", CAMPAIGN_IN_FLIGHT="1", CAMPAIGN_LOG_LEVEL="debug") as only:
        campaign_id = campaigns.send(stack, make_numbers(COUNT, seed=14), ordered=False)
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, COUNT)["sent"] == COUNT
        assert_begun_once(only, COUNT)
        assert max(line["bodies"] for line in only.lines("takes other bodies at a time")) > 4


def test_stop_while_it_claims(stack):
    """R1.4 R5.3: a stop comes while an insert is under way, whose answer is lost: what is there was begun by nobody, and
    is taken away again."""
    with proxied(stack) as (first, proxy):
        first.wait_for_line("registered as a sender")

        def stop():
            first.process.terminate()
            first.wait_for_line("stopping")

        proxy.swallow_answer(b"sending", before=stop)
        campaign_id = campaigns.send(stack, make_numbers(20, seed=12))
        assert first.process.wait(30) == 0
        assert proxy.swallowed()
        assert_begun_once(first, 0)
    assert campaigns.count_documents(stack, campaign_id) == 0
    with sender(stack):
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 20)["sent"] == 20


def test_long_words_of_a_provider_are_cut_between_characters(stack):
    """R5.3: a result that another program has written at length is reported, not tried for ever."""
    with campaigns.capture(stack) as take, sender(stack, CAMPAIGN_FAILURE_RATE="1") as first:
        campaign_id = campaigns.send(stack, make_numbers(2, seed=13))
        wait_for_status(stack, campaign_id, "failed")
        messages = take()
        assert first.terminate() == 0
    # As if its sender had died before it reported.
    stack.messages.update_many({"campaign_id": campaign_id}, {"$set": {"error.text": "é" * 200}})
    stack.sql("DELETE FROM campaign.fates WHERE campaign_id = %s", campaign_id)
    stack.sql("UPDATE campaign.progress SET stored = '{}', decided = '{}', failed = '{}' WHERE campaign_id = %s", campaign_id)
    stack.sql("UPDATE campaign.campaigns SET status = 'published' WHERE id = %s", campaign_id)
    campaigns.publish(stack, messages)
    with sender(stack) as second:
        wait_for_status(stack, campaign_id, "failed")
        assert second.process.poll() is None
    texts = stack.sql("SELECT text FROM campaign.fates WHERE campaign_id = %s", campaign_id)
    assert texts == [("é" * 99,)] * 2


def test_results_wait_for_mongodb(stack):
    """R5.3: what has ended while MongoDB was away is written down later, and does not become unknown."""
    with proxied(stack, CAMPAIGN_MEAN="4000") as (only, proxy):
        campaign_id = campaigns.send(stack, make_numbers(10, seed=11))
        # MongoDB shows the claims before the sender has the answer.
        wait_until("all are begun", lambda: len(only.lines("begun")) == 10, interval=0.01)
        proxy.cut()
        only.wait_for_line("without the queue: results")
        proxy.mend()
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 10)["sent"] == 10
        assert_begun_once(only, 10)


def test_a_result_that_is_refused_keeps_no_other(stack):
    """R5.3: results are written down together; if MongoDB refuses one of them, all others are written, and this one
    when it may be."""
    stack.mongo["campaign"].command("collMod", "messages", validator={
        "$or": [{"seq": {"$ne": 5}}, {"status": {"$ne": "sent"}}]})
    try:
        with sender(stack, CAMPAIGN_IN_FLIGHT="50"):
            campaign_id = campaigns.send(stack, make_numbers(50, seed=816))
            wait_until("all others are written", lambda: stack.messages.count_documents(
                {**campaigns.of_campaign(campaign_id), "status": "sent"}) == 49)
            stack.mongo["campaign"].command("collMod", "messages", validator={})
            wait_for_status(stack, campaign_id, "sent")
    finally:
        stack.mongo["campaign"].command("collMod", "messages", validator={})
    assert_fates_agree(stack, campaign_id, 50)


def test_lost_session_ends_the_claim(stack):
    """R1.4: whose session of PostgreSQL is gone begins nothing more, and what is in flight counts."""
    with sender(stack, CAMPAIGN_MEAN="250", CAMPAIGN_IN_FLIGHT="4", CAMPAIGN_LOG_LEVEL="debug") as only:
        campaign_id = campaigns.send(stack, make_numbers(20, seed=9))
        wait_until("a chunk is larger than what is in flight", lambda: held(stack, campaign_id) > 4, interval=0.01)
        stack.sql("SELECT pg_terminate_backend(pid) FROM campaign.senders WHERE ended_at IS NULL"
                  " AND held_campaigns = ARRAY[%s]", campaign_id)
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 20)["sent"] == 20
        assert_begun_once(only, 20)


def test_stop_abandons_what_has_no_answer(stack):
    """R5.3: SIGTERM does not wait for ever for a gateway: what it had begun is unknown."""
    with sender(stack, CAMPAIGN_LOG_LEVEL="debug", **SLOW) as first:
        campaign_id = campaigns.send(stack, make_numbers(8, seed=10))
        wait_until("four have begun", lambda: len(first.lines("begun")) == 4)
        assert first.terminate() == 0
    assert fates(stack, campaign_id) == {1: "unknown", 2: "unknown", 3: "unknown", 4: "unknown"}
    assert claimed(stack, campaign_id) == 0
    with sender(stack):
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 8)["sent"] == 4
