"""test_proof.py - does MongoDB hold exactly what was sent? Who asks, and what is answered (R5.1).

    FAULT_ROUNDS=20 pytest test/e2e/test_proof.py      also what takes minutes
"""
import contextlib
import json
import os
import threading

import psycopg2
import pytest
from bson import Int64

import campaigns
from campaigns import make_numbers, wait_for_status
from consumers import Consumer, environment
from proofs import (NORMAL, VIPS, consumer_asked_for, difference, digest_of, document_of, own_texts,
                    put, send, start_consumer, verify, verify_once)
from stack import execute
from waiting import assert_stays, wait_until


@pytest.fixture(scope="module", name="sent")
def _sent(stack):
    return send(stack)


def test_digest_is_that_of_the_contract(stack, sent):
    """Another implementation, of the documents as they are, comes to the same digest."""
    answer = verify(stack, sent)
    assert answer["ok"] is True
    assert (answer["expected"], answer["stored"]) == (len(VIPS + NORMAL),) * 2
    assert answer["digest"] == digest_of(campaigns.documents_of(stack, sent)).hex()
    assert answer["difference"] is None and answer["reason"] is None
    assert 0 <= answer["age_seconds"] < 20


def test_verify_on_the_command_line(stack, sent):
    code, output, errors = verify_once(stack, sent)
    assert code == 0, errors
    assert output.startswith(f"ok      campaign {sent}: {len(VIPS + NORMAL)} documents, ")
    assert json.loads(output.partition("documents, ")[2])["digest"] == verify(stack, sent)["digest"]


def test_verify_says_what_is_wrong(stack):
    campaign_id = send(stack, vips=[], normal=NORMAL[:10])
    stack.messages.delete_one({"_id": campaigns.document_id(campaign_id, 4)})
    code, output, _ = verify_once(stack, campaign_id)
    assert code == 1
    assert output.startswith(f"wrong   campaign {campaign_id}: 9 documents, ")
    assert json.loads(output.partition("documents, ")[2])["difference"] == {
        "kind": "missing", "class": "NORMAL", "seq": 4}


def test_verify_without_a_server(stack, sent):
    for name, url in (("MONGODB_URI", "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200"),
                      ("DATABASE_URL", "postgresql://127.0.0.1:9/campaign")):
        code, output, errors = verify_once(stack, sent, **{name: url})
        assert (code, output) == (69, ""), errors


def test_verify_of_nothing(stack):
    code, output, errors = verify_once(stack, "nobodysent")
    assert (code, output) == (1, "") and "does not exist" in errors


def test_document_under_the_ids_of_another_campaign(stack, sent):
    """A copy where no message of the campaign can be: --verify reads the whole collection."""
    other = campaigns.document_id("another", 7)
    document = document_of(stack, sent, "NORMAL", 9)
    put(stack, other, document)
    try:
        code, output, errors = verify_once(stack, sent)
    finally:
        put(stack, other, None)
    assert code == 1, errors
    assert json.loads(output.partition("documents, ")[2])["difference"] == {
        "kind": "extra", "class": "255", "seq": 7, "field": "_id",
        "copy_of": {"class": "NORMAL", "seq": 9}}
    assert verify_once(stack, sent)[0] == 0


def test_number_of_another_type(stack, sent):
    """seq has 64 bits: MongoDB holds 5 and 5, and programs that read it are given two types."""
    place = campaigns.document_id(sent, 5, "VIP")
    document = stack.messages.find_one({"_id": place})
    for other in (5, 5.0):
        put(stack, place, document | {"seq": other})
        assert difference(stack, sent) == {
            "kind": "changed", "class": "VIP", "seq": 5, "field": "seq"}
    put(stack, place, document | {"seq": Int64(5)})
    assert verify(stack, sent)["ok"] is True


@pytest.mark.parametrize("change", [
    {"attributes": {"a": ["ú", None, {"é": True}], "z": 1.25}}, {"attributes": {}},
    {"attributes": {"a": ["ú", None, {"é": True}], "z": 1.5, "y": 1}}, {"attributes": 7},
    {"attributes": {"z": 1.5, "a": ["ú", None, {"é": True}]}}, {"attributes": None}])
def test_changed_attributes(stack, change):
    """Another value, another key, another order, another type, or none."""
    campaign_id = own_texts(stack)
    place = campaigns.document_id(campaign_id, 1, "VIP")
    document = stack.messages.find_one({"_id": place}) | change
    if change["attributes"] is None:
        del document["attributes"]
    put(stack, place, document)
    assert difference(stack, campaign_id) == {
        "kind": "changed", "class": "VIP", "seq": 1, "field": "attributes"}


def put_raw(stack, pairs):
    stack.messages.delete_one({"_id": dict(pairs)["_id"]})
    stack.messages.insert_one(campaigns.raw_document(pairs))


@pytest.mark.parametrize("field, other", [
    ("identifier", "f1k0n2p9x7c3v5b8m4q6w1za"), ("phone_number", "+5511999999999"),
    ("message", "False"), ("attributes", {"z": 7}), ("campaign_id", "another"), ("class", "NORMAL"),
    ("seq", Int64(2)), ("created_at", 7), ("updated_at", None), ("deleted", True)])
def test_field_that_is_there_twice(stack, field, other):
    """A key may be there twice in BSON. Readers take the first or the last one: whichever is right,
    and if both are, it is named."""
    campaign_id = own_texts(stack)
    document = stack.messages.find_one({"_id": campaigns.document_id(campaign_id, 1, "VIP")})
    pairs = list(document.items())
    place = [name for name, _ in pairs].index(field)
    right = document[field]
    named = {"kind": "changed", "class": "VIP", "seq": 1, "field": field}
    for first, last in ((other, right), (right, other), (right, right)):
        put_raw(stack, pairs[:place] + [(field, first)] + pairs[place + 1:] + [(field, last)])
        assert difference(stack, campaign_id) == named, (first, last)
    code, output, errors = verify_once(stack, campaign_id)
    assert code == 1, errors
    assert json.loads(output.partition("documents, ")[2])["difference"] == named
    put_raw(stack, pairs + [("mine", 1), ("mine", 2)])
    assert verify(stack, campaign_id)["ok"] is True


def test_attribute_that_is_there_twice(stack):
    campaign_id = own_texts(stack)
    document = stack.messages.find_one({"_id": campaigns.document_id(campaign_id, 1, "VIP")})
    inner = list(document["attributes"].items())
    for pairs in ([("z", 7)] + inner, inner + inner[-1:]):
        put_raw(stack, list((document | {"attributes": campaigns.raw_document(pairs)}).items()))
        assert difference(stack, campaign_id) == {
            "kind": "changed", "class": "VIP", "seq": 1, "field": "attributes"}


# What used to verify ------------------------------------------------------------------------

def test_stolen_report(stack):
    """Somebody with the consumer's password reports what was never stored."""
    campaign_id = campaigns.create(stack, NORMAL[:50])
    stack.part("stop", "consumer")
    try:
        campaigns.dispatch(stack, campaign_id)
        wait_for_status(stack, campaign_id, "published")
        with contextlib.closing(stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])) as thief:
            execute(thief, "SELECT campaign.report_stored(ARRAY[%s], '{NORMAL}', '{1}', '{50}')",
                    campaign_id)
        assert campaigns.status(stack, campaign_id)["status"] == "sent"
        answer = stack.one("SELECT campaign_verify(%s, '1 second')", campaign_id)
        assert answer["ok"] is None and answer["reason"], answer
        assert verify_once(stack, campaign_id)[0] == 1
    finally:
        with stack.channel() as channel:
            channel.queue_purge(campaigns.queue_of(campaign_id))
        start_consumer(stack, campaign_id)
    answer = stack.one("SELECT campaign_verify(%s, '0')", campaign_id)
    assert answer["ok"] is False and answer["stored"] == 0
    assert answer["difference"] == {"kind": "missing", "class": "NORMAL", "seq": 1}


def test_restored_mongodb(stack):
    """The end of a campaign that was sent is lost with the rest of that day."""
    campaign_id = send(stack, vips=[], normal=NORMAL[:100])
    assert verify(stack, campaign_id)["ok"] is True
    low = campaigns.document_id(campaign_id, 61)
    stack.messages.delete_many({"_id": {"$gte": low, "$lte": campaigns.document_id(campaign_id, 100)}})
    stack.part("stop", "mongod")
    stack.part("start", "mongod")
    wait_until("a proof says so", lambda: stack.one(
        "SELECT campaign_verify(%s, '5 seconds')", campaign_id)["ok"] is False)
    answer = verify(stack, campaign_id)
    assert (answer["expected"], answer["stored"]) == (100, 60)
    assert answer["difference"] == {"kind": "missing", "class": "NORMAL", "seq": 61}


def test_everything_is_gone(stack):
    campaign_id = send(stack, vips=VIPS[:3], normal=NORMAL[:3])
    stack.messages.delete_many(campaigns.of_campaign(campaign_id))
    assert difference(stack, campaign_id) == {"kind": "missing", "class": "VIP", "seq": 1}


def test_campaign_that_was_not_sent(stack):
    """A draft has messages, and MongoDB none of them; an empty draft has none."""
    draft = campaigns.create(stack, NORMAL[:10])
    assert difference(stack, draft) == {"kind": "missing", "class": "NORMAL", "seq": 1}
    empty = stack.one("SELECT campaign_create('empty', 'Hello')")
    assert difference(stack, empty) == {"kind": "no messages"}


def test_campaign_that_was_cancelled(stack):
    """What it did reach is there, and has no receipt: the campaign as a whole is not proved."""
    with stack.settings(campaign__batch_size="20", campaign__publish_ahead="10ms"):
        numbers = make_numbers(8_000, seed=403)
        campaign_id = campaigns.send(stack, numbers)
        campaigns.wait_for_stored(stack, campaign_id, 100)
        stack.one("SELECT campaign_cancel(%s)", campaign_id)
        campaigns.wait_until_handled(stack)
    stored = campaigns.count_documents(stack, campaign_id)
    answer = verify(stack, campaign_id)
    assert (answer["ok"], answer["expected"], answer["stored"]) == (False, 8_000, stored)
    assert answer["difference"] == {"kind": "missing", "class": "NORMAL", "seq": stored + 1}
    with pytest.raises(psycopg2.Error) as refused:
        stack.one("SELECT campaign_receipt(%s, %s)", campaign_id, numbers[0])
    assert refused.value.pgcode == "55000" and "is not proved" in str(refused.value)


def test_campaign_that_is_paused(stack):
    """The first that is not stored is named, and later there is no difference."""
    with stack.settings(campaign__batch_size="20", campaign__publish_ahead="10ms"):
        campaign_id = campaigns.send(stack, make_numbers(8_000, seed=402))
        campaigns.wait_for_stored(stack, campaign_id, 100)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        campaigns.wait_until_handled(stack)
        stored = campaigns.count_documents(stack, campaign_id)
        assert difference(stack, campaign_id) == {
            "kind": "missing", "class": "NORMAL", "seq": stored + 1}
        stack.one("SELECT campaign_resume(%s)", campaign_id)
        wait_for_status(stack, campaign_id, "sent")
    assert verify(stack, campaign_id)["ok"] is True


# Who asks, and who answers ------------------------------------------------------------------

def test_answer_without_a_consumer(stack, sent):
    """It comes at once, with the newest proof and its age."""
    proved = verify(stack, sent)
    stack.part("stop", "consumer")
    try:
        wait_until("no consumer is listening", lambda: not consumer_asked_for(stack, sent))
        answer = stack.one("SELECT campaign_verify(%s)", sent)
    finally:
        start_consumer(stack, sent)
    assert (answer["ok"], answer["fresh"], answer["checked_at"]) == (
        True, False, proved["checked_at"])
    assert answer["age_seconds"] > 0


def test_asked_in_a_transaction_that_stays_open(stack, sent):
    """The question is seen before it is committed, and needs no commit."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        ((answer,),) = execute(connection, "SELECT campaign_verify(%s)", sent)
        assert answer["fresh"] and answer["ok"]
        connection.rollback()


def test_asked_in_a_snapshot(stack, sent):
    """A transaction that cannot see what is committed meanwhile does not wait for it."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        ((answer,),) = execute(connection, "SELECT campaign_verify(%s)", sent)
    assert not answer["fresh"] and "repeatable read" in answer["reason"]


def test_many_ask_at_once(stack, sent):
    """Each gets a proof that began after it had asked."""
    answers = []

    def ask():
        with contextlib.closing(stack.connect()) as connection:
            answers.append(execute(connection, "SELECT campaign_verify(%s)", sent)[0][0])
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12 and all(one["ok"] and one["fresh"] for one in answers), answers


def test_proved_once_it_is_sent(stack):
    """--verify-sent makes a proof of each campaign by itself, also of those sent before, once."""
    stack.part("stop", "consumer")
    before = campaigns.create(stack, NORMAL[:5])
    try:
        with Consumer(environment(stack), "--verify-sent"):
            campaigns.dispatch(stack, before)
            wait_for_status(stack, before, "sent")
            count = lambda one: stack.one(  # noqa: E731
                "SELECT count(*) FROM campaign.proofs WHERE campaign_id = %s"
                " AND difference IS NULL AND asked_at IS NULL", one)
            wait_until("it is proved", lambda: count(before) == 1)
            later = send(stack, vips=VIPS[:2], normal=NORMAL[:2])
            wait_until("the next one, too", lambda: count(later) == 1)
            assert count(before) == 1
    finally:
        start_consumer(stack, before)


def test_mongodb_away(stack, sent):
    """No proof is made up; once it is back one is made."""
    stack.part("stop", "mongod")
    try:
        answer = stack.one("SELECT campaign_verify(%s, '1 second')", sent)
        assert not answer["fresh"] and answer["reason"], answer
    finally:
        stack.part("start", "mongod")
    wait_until("a fresh proof", lambda: stack.one("SELECT campaign_verify(%s)", sent)["fresh"],
               timeout=60)


def test_consumer_that_is_killed(stack, sent):
    """Whoever asks is answered by the next one."""
    stack.part("kill", "consumer")
    stack.part("start", "consumer")
    wait_until("a fresh proof", lambda: stack.one("SELECT campaign_verify(%s)", sent)["fresh"])
    assert verify(stack, sent)["ok"] is True


@pytest.mark.skipif(int(os.environ.get("FAULT_ROUNDS") or 0) < 20, reason="the long form: 90 s")
def test_asker_waits_for_minutes(stack, sent):
    """A request lives as long as its asker waits, though nobody looks for it, or its maker dies."""
    answers = []

    def ask():
        with contextlib.closing(stack.connect()) as connection:
            answers.append(execute(connection, "SELECT campaign_verify(%s, '5 minutes')", sent)[0][0])

    stack.part("stop", "consumer")
    try:
        with contextlib.closing(stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])) as maker:
            begin = lambda: execute(maker, "SELECT * FROM campaign.proof_next(NULL)")  # noqa: E731
            wait_until("nothing is asked for", lambda: not begin())
            thread = threading.Thread(target=ask)
            thread.start()
            wait_until("it waits", lambda: stack.one(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                " AND query LIKE '%%campaign_verify%%'"))
            assert_stays("it waits, and nobody looks", thread.is_alive, 65)
            ((proved, asked, _),) = begin()
            assert proved == sent and asked is not None
            ((again, asked_again, attempt),) = wait_until("its maker is taken for dead", begin)
            assert (again, asked_again) == (sent, asked)
            execute(maker, "SELECT campaign.proof_report(%s, 'test', 0, '{}')", attempt)
            thread.join()
            assert answers[0]["fresh"] and answers[0]["ok"] is False, answers
            assert sent not in {row[0] for row in begin()}
    finally:
        start_consumer(stack, sent)
