"""test_dead_letters.py - what cannot be stored is parked with its reason; the rest goes on."""
import json

import pika
import pytest

import campaigns
from campaigns import Captured, assert_delivered, make_numbers, wait_for_status
from stack import cpu_seconds
from waiting import assert_stays


def body_of(campaign, **changes):
    fields = {"version": 1, "campaign_id": campaign, "class": "NORMAL", "total": 5,
              "first_seq": 1, "message": "Hello", "recipients": [
                  {"identifier": "abcdefghijklmnopqrstuvwx", "phone_number": "+12025550101"}]}
    fields.update(changes)
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def without_field(name):
    return lambda campaign: body_of(campaign, **{name: None})


RECIPIENT = {"identifier": "abcdefghijklmnopqrstuvwx", "phone_number": "+12025550101"}
# What is published, and a piece of the reason.
BAD = {
    "empty": (lambda _: b"", "at byte"),
    "no JSON": (lambda _: b"hello", "at byte"),
    "truncated": (lambda one: body_of(one)[:-20], "at byte"),
    "trailing": (lambda one: body_of(one) + b"x", "at byte"),
    "array": (lambda _: b"[]", "at byte"),
    "deeply nested": (lambda _: b'{"x":' + b"[" * 60_000, "at byte"),
    "NUL": (lambda one: body_of(one) + b"\0", "at byte"),
    "invalid UTF-8": (lambda one: body_of(one).replace(b"Hello", b"H\xff\xfe"), "UTF-8"),
    "lone surrogate": (lambda one: body_of(one).replace(b"Hello", b"\\ud800"), ""),
    "unknown version": (lambda one: body_of(one, version=2), "unknown version 2"),
    "version as text": (lambda one: body_of(one, version="1"), ""),
    "no version": (without_field("version"), "version is missing"),
    "no campaign_id": (without_field("campaign_id"), "campaign_id is missing"),
    "no class": (without_field("class"), "class is missing"),
    "no recipients": (without_field("recipients"), "recipients is missing"),
    "empty recipients": (lambda one: body_of(one, recipients=[]), "no recipients"),
    "unknown class": (lambda one: body_of(one, **{"class": "GOLD"}), "class"),
    "class without recipients": (lambda one: body_of(one, **{"class": "VIP"}), "class"),
    "seq 0": (lambda one: body_of(one, first_seq=0), "first_seq"),
    "seq below 0": (lambda one: body_of(one, first_seq=-1), "first_seq"),
    "seq of 30 digits": (lambda one: body_of(one, first_seq=10 ** 30), ""),
    "seq beyond total": (lambda one: body_of(one, first_seq=6), "first_seq"),
    "more than the campaign": (lambda one: body_of(one, total=9, first_seq=9), "more recipients"),
    "two recipients, one place": (lambda one: body_of(one, total=1, recipients=[RECIPIENT] * 2),
                                  "more recipients"),
    "1001 recipients": (lambda one: body_of(one, total=5000, recipients=[RECIPIENT] * 1001),
                        "more than 1000"),
    "bad identifier": (lambda one: body_of(one, recipients=[{**RECIPIENT, "identifier": "A-1"}]),
                       "identifier"),
    "bad number": (lambda one: body_of(one, recipients=[{**RECIPIENT, "phone_number": "12"}]),
                   "phone_number"),
    "unknown campaign": (lambda _: body_of("nosuchcampaign"), "unknown campaign"),
    "SQL in campaign_id": (lambda _: body_of("'; DROP TABLE x; --"), "campaign_id"),
    "header disagrees": (lambda one: body_of(one), "disagrees"),
    "a megabyte": (lambda one: body_of(one, message="x" * 1_000_000), "bytes"),
}


def bad_message(case, campaign_id, queue):
    headers = {"campaign_id": "another"} if case == "header disagrees" else {"mark": "kept"}
    properties = pika.BasicProperties(headers=headers, delivery_mode=2, type="campaign.batch",
                                      content_type="application/json", message_id=case)
    return Captured(queue, properties, BAD[case][0](campaign_id))


def test_bad_messages_step_aside(stack):
    """R0.16 R0.17: each goes to campaign.dead as it was, with its reason; the good ones
    before and behind it are stored in order, and no processor time is burnt."""
    numbers = make_numbers(5, seed=60)
    sent = campaigns.send(stack, numbers)
    wait_for_status(stack, sent, "sent")
    queue = campaigns.queue_of(sent)
    messages = [bad_message(case, sent, queue) for case in BAD]
    campaigns.publish(stack, messages)
    behind = send_through(stack, queue)
    wait_for_status(stack, behind, "sent")
    assert_delivered(stack, behind, numbers)
    assert_delivered(stack, sent, numbers)

    dead = campaigns.wait_for_dead_letters(stack, len(BAD))
    by_case = {one.properties.message_id: one for one in dead}
    assert len(dead) == len(BAD) and set(by_case) == set(BAD)
    problems = {case: letter_problem(by_case[case], case, sent, queue) for case in BAD}
    assert not {case: problem for case, problem in problems.items() if problem}
    before = cpu_seconds(stack.consumer_pid())
    assert_stays("still there", stack.consumer_pid, 1)
    assert cpu_seconds(stack.consumer_pid()) - before < 0.3


def letter_problem(letter, case, campaign_id, queue):
    """What is wrong with a dead letter, or None."""
    headers, body = letter.properties.headers, BAD[case][0](campaign_id)
    # A body beyond what any contract allows is cut: it would fill the broker's memory.
    if letter.body != body and not (case == "a megabyte" and body.startswith(letter.body)):
        return f"body differs: {letter.body[:80]!r}"
    if headers.get("queue") != queue:
        return f"header queue: {headers.get('queue')!r}"
    if not headers.get("reason") or BAD[case][1] not in headers["reason"]:
        return f"header reason: {headers.get('reason')!r}"
    if case != "header disagrees" and headers.get("mark") != "kept":
        return "its own headers are lost"
    return None


def send_through(stack, queue):
    """A campaign of five numbers that goes through this queue."""
    numbers = make_numbers(5, seed=60)
    while True:
        campaign_id = campaigns.create(stack, numbers)
        if campaigns.queue_of(campaign_id) == queue:
            campaigns.dispatch(stack, campaign_id)
            return campaign_id


def test_bad_message_in_mid_run(stack):
    """R0.17: rubbish between the batches of a running campaign does not change its order."""
    numbers = make_numbers(20_000, seed=61)
    campaign_id = campaigns.send(stack, numbers)
    queue = campaigns.queue_of(campaign_id)
    for stored in (1_000, 5_000, 10_000):
        campaigns.wait_for_stored(stack, campaign_id, stored)
        campaigns.publish(stack, [bad_message("truncated", campaign_id, queue)] * 3)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)
    assert len(campaigns.wait_for_dead_letters(stack, 9)) == 9


@pytest.mark.parametrize("ordered, places", [(True, range(1, 8)), (False, [7])])
def test_conflict_is_never_overwritten(stack, ordered, places):
    """R0.17: where MongoDB holds other documents (PostgreSQL was restored from a backup, say),
    they stay; ours are parked, the campaign fails and says why."""
    numbers = make_numbers(40, seed=62)
    campaign_id = campaigns.create(stack, numbers, ordered=ordered)
    originals = [foreign_document(campaign_id, seq) for seq in places]
    stack.messages.insert_many([dict(one) for one in originals])
    campaigns.dispatch(stack, campaign_id)
    answer = wait_for_status(stack, campaign_id, "failed", timeout=15)
    assert "conflict" in answer["error"] and "NORMAL" in answer["error"]
    ids = [one["_id"] for one in originals]
    assert list(stack.messages.find({"_id": {"$in": ids}}).sort("_id")) == originals

    dead = campaigns.wait_for_dead_letters(stack, len(originals))
    assert all("conflict" in one.properties.headers["reason"] for one in dead)
    parked = [json.loads(one.body) for one in dead]
    assert [one["first_seq"] for one in parked] == list(places)
    assert [one["recipients"][0]["phone_number"] for one in parked
            ] == [numbers[seq - 1] for seq in places]
    assert {one["campaign_id"] for one in parked} == {campaign_id}
    witness = send_through(stack, campaigns.queue_of(campaign_id))
    wait_for_status(stack, witness, "sent")


def foreign_document(campaign_id, seq):
    return {"_id": campaigns.document_id(campaign_id, seq), "identifier": "foreign",
            "campaign_id": campaign_id, "class": "NORMAL", "seq": seq, "phone_number": "+1"}
