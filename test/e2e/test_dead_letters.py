"""test_dead_letters.py - what cannot be stored is parked with its reason; the rest goes on."""
import json

import pika
import pytest

import campaigns
from amqp_proxy import AmqpProxy
from campaigns import Captured, assert_delivered, make_numbers, wait_for_status
from consumers import Consumer, environment
from programs import frozen
from stack import DEAD, cpu_seconds
from waiting import assert_stays, wait_until


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
    "unknown version": (lambda one: body_of(one, version=4), "unknown version 4"),
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


def test_queue_of_the_dead_letters_is_deleted(stack):
    """R0.16: somebody deletes campaign.dead while dead letters are published: the broker returns
    one and confirms it all the same; it is not believed, and the queue is made again."""
    count = 1_000
    mark = stack.log_mark("consumer")
    messages = [bad_message("no JSON", "", campaigns.QUEUES[0]) for _ in range(count)]
    for number, one in enumerate(messages):
        one.properties.message_id = str(number)
    pid = stack.consumer_pid()
    with frozen(pid):
        campaigns.publish(stack, messages)
    with stack.channel() as channel:
        counts = []

        def there():
            counts.append(channel.queue_declare(DEAD, passive=True).method.message_count)
            return counts[-1]
        wait_until("some are there", there, interval=0.001)
        with frozen(pid):
            # The one that is on its way arrives; a queue that is deleted under it would refuse it.
            wait_until("no more arrive", lambda: there() and counts[-3:] == counts[-1:] * 3)
            lost = channel.queue_delete(DEAD).method.message_count
    assert 0 < lost < count, "deleted too late"
    witness = send_through(stack, campaigns.QUEUES[0])
    wait_for_status(stack, witness, "sent")
    assert "no queue takes it" in stack.log_since("consumer", mark)
    dead = {int(one.properties.message_id) for one in campaigns.dead_letters(stack)}
    assert set(range(lost, count)) <= dead


def test_dead_letter_that_is_not_confirmed(stack):
    """R0.16: the broker takes a dead letter and does not say so; SIGTERM is answered, and the
    message is not acknowledged: the next consumer has it."""
    stack.part("stop", "consumer")
    proxy = AmqpProxy(stack.env["AMQP_URL"])
    try:
        proxy.hold_confirms()
        with Consumer(environment(stack, AMQP_URL=proxy.url)) as consumer:
            campaigns.publish(stack, [bad_message("no JSON", "", campaigns.QUEUES[0])])
            wait_until("it waits for the confirm", lambda: proxy.held)
            assert consumer.terminate() == 0
            assert not consumer.lines("sent to the dead letters")
    finally:
        proxy.close()
        stack.part("start", "consumer")
    # At least once: the first one may have arrived as well.
    assert 1 <= len(campaigns.wait_for_dead_letters(stack, 2)) <= 2


def test_conflict_is_parked_once(stack):
    """R0.17: a consumer that died between parking a recipient and reporting its batch: the batch
    comes again, and the recipient is known."""
    numbers = make_numbers(10, seed=63)
    campaign_id = campaigns.create(stack, numbers)
    stack.messages.insert_one(foreign_document(campaign_id, 3))
    with campaigns.capture(stack) as take:
        campaigns.dispatch(stack, campaign_id)
        wait_for_status(stack, campaign_id, "failed")
        messages = take()
    assert len(campaigns.wait_for_dead_letters(stack, 1)) == 1
    stack.part("kill", "consumer")
    stack.sql("UPDATE campaign.progress SET stored = '{}' WHERE campaign_id = %s", campaign_id)
    stack.sql("UPDATE campaign.campaigns SET status = 'published' WHERE id = %s", campaign_id)
    campaigns.publish(stack, messages)
    stack.part("start", "consumer")
    wait_until("the batch is reported again", lambda: stack.one(
        "SELECT stored = '{[1,11)}' FROM campaign.progress WHERE campaign_id = %s", campaign_id))
    assert campaigns.dead_letters(stack) == []
