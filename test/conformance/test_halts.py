"""test_halts.py - campaigns that are paused or cancelled, and recipients who are left out."""
import json

import campaigns
from batches import AHEAD, documents, stored_before, take_published
from test_order import report
from waiting import assert_stays, wait_until

ANSWER_S = 0.5  # longer than an answer counts


def queued(stack, numbers):
    """A campaign whose first batches wait in the queue; nobody consumes it."""
    campaign_id = campaigns.send(stack, numbers)
    messages = take_published(stack, campaign_id, AHEAD)
    campaigns.publish(stack, messages)
    return campaign_id, messages


def test_a_paused_campaign_is_not_stored(stack, consumer):
    """Paused and cancelled campaigns: nothing of it is stored, its queue goes on, and after resume
    it comes whole and in order."""
    numbers = campaigns.make_numbers(900, seed=40)
    campaign_id, _ = queued(stack, numbers)
    stack.one("SELECT campaign_pause(%s)", campaign_id)
    consumer.start()
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    assert documents(stack, campaign_id) == []
    assert campaigns.status(stack, campaign_id)["stored"] == 0
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_what_is_stored_of_a_cancelled_campaign_is_reported(stack, consumer):
    """Paused and cancelled campaigns: what MongoDB has already is reported, and only that."""
    campaign_id, messages = queued(stack, campaigns.make_numbers(900, seed=41))
    before = stored_before([json.loads(messages[0].body)])[:100]
    stack.messages.insert_many(before)
    stack.one("SELECT campaign_cancel(%s)", campaign_id)
    consumer.start()
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    assert documents(stack, campaign_id) == before
    assert campaigns.status(stack, campaign_id)["stored"] == len(before)


def test_paused_while_it_meets_a_duplicate(stack, consumer):
    """What a consumer does with a message: it asks before each insert, also before the one that goes on behind a
    document that MongoDB has: paused meanwhile, the campaign gets no more of them, and all of them after resume."""
    numbers = campaigns.make_numbers(900, seed=46)
    campaign_id, messages = queued(stack, numbers)
    before = stored_before([json.loads(messages[0].body)])[:1]
    stack.messages.insert_many(before)
    consumer.mongodb.when(numbers[0].encode(), consumer.mongodb.back.hold)
    consumer.start()
    wait_until("MongoDB has answered", consumer.mongodb.back.stuck.is_set)
    stack.one("SELECT campaign_pause(%s)", campaign_id)
    assert_stays("nothing more is stored", lambda: documents(stack, campaign_id) == before, ANSWER_S)
    consumer.mongodb.back.release()
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    assert documents(stack, campaign_id) == before
    assert campaigns.status(stack, campaign_id)["stored"] == len(before)
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)
    assert documents(stack, campaign_id)[:1] == before


def suppressed_campaign(stack, numbers, left_out):
    """Whose batches are version 3; the list is empty again afterwards."""
    stack.one("SELECT suppression_import(%s)", campaigns.numbers_file(left_out))
    try:
        campaign_id = campaigns.send(stack, numbers)
        messages = take_published(stack, campaign_id, min(AHEAD, len(numbers)))
    finally:
        stack.one("WITH gone AS (DELETE FROM campaign.suppressions RETURNING 1) SELECT count(*) FROM gone")
    assert all(json.loads(one.body)["version"] == 3 for one in messages)
    campaigns.publish(stack, messages)
    return campaign_id, messages


def assert_complete(stack, campaign_id, numbers, left_out):
    """Sent, each number that is not left out once and in its place; the others counted."""
    answer = campaigns.wait_for_status(stack, campaign_id, "sent")
    wanted = [(seq, one) for seq, one in enumerate(numbers, 1) if one not in left_out]
    assert [(one["seq"], one["phone_number"]) for one in documents(stack, campaign_id)] == wanted
    assert [seq for _, seq in campaigns.insertion_order(stack, campaign_id)] == [seq for seq, _ in wanted]
    assert (answer["stored"], answer["suppressed"]) == (len(wanted), len(left_out))


def test_who_is_left_out_is_not_stored(stack, consumer):
    """Version 3: recipients who are left out: nothing is stored of them, and the campaign is complete
    (R6.10)."""
    numbers = campaigns.make_numbers(400, seed=42)
    left_out = numbers[:2] + numbers[100:350:50] + numbers[-1:]
    campaign_id, _ = suppressed_campaign(stack, numbers, left_out)
    consumer.start()
    assert_complete(stack, campaign_id, numbers, left_out)


def test_all_are_left_out(stack, consumer):
    """Version 3: recipients who are left out: a campaign of nobody else is reported, and complete."""
    numbers = campaigns.make_numbers(30, seed=43)
    campaign_id, _ = suppressed_campaign(stack, numbers, numbers)
    consumer.start()
    assert_complete(stack, campaign_id, numbers, numbers)


def test_who_is_left_out_too_late_is_a_repeat(stack, consumer):
    """Version 3: recipients who are left out: what MongoDB holds in such a place is stored, and is
    reported as such."""
    numbers = campaigns.make_numbers(40, seed=44)
    campaign_id, (message,) = suppressed_campaign(stack, numbers, numbers[4:8])
    body = json.loads(message.body)
    there = {"identifier": "stored", "phone_number": numbers[5]}
    before = stored_before([{**body, "first_seq": 6, "recipients": [there]}])
    stack.messages.insert_many(before)
    consumer.start()
    answer = campaigns.wait_for_status(stack, campaign_id, "sent")
    assert (answer["stored"], answer["suppressed"]) == (37, 3)
    assert [one for one in documents(stack, campaign_id) if one["seq"] == 6] == before


def test_it_goes_on_behind_who_was_left_out(stack, consumer):
    """Order: in `next` that is read back, who was left out counts as stored."""
    numbers = campaigns.make_numbers(900, seed=45)
    campaign_id, messages = suppressed_campaign(stack, numbers, numbers[200:250] + numbers[300:301])
    first = json.loads(messages[0].body)
    assert (first["first_seq"], len(first["recipients"])) == (1, 250)
    stack.messages.insert_many(stored_before([first]))
    report(stack, campaign_id, 1, 200)
    stack.sql("SELECT campaign.report_checked(%s, '{NORMAL}', '{201}', '{250}', '{}', '{true}')", [campaign_id])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert written == [seq for seq in range(1, 901) if not 201 <= seq <= 250 and seq != 301]
    assert campaigns.status(stack, campaign_id)["rewinds"] == 0


def test_behind_its_deadline_the_rest_expires(stack, consumer):
    """Deadlines: behind it what MongoDB has is reported, nothing more is stored, and what comes without recipients ends
    the campaign."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(900, seed=44))
    messages = take_published(stack, campaign_id, AHEAD)
    before = stored_before([json.loads(messages[0].body)])[:100]
    stack.messages.insert_many(before)
    stack.one("SELECT campaign_deadline_set(%s, clock_timestamp() + interval '300 ms')", campaign_id)
    wait_until("the worker has noticed", lambda: stack.one(
        "SELECT expired_at IS NOT NULL FROM campaign.campaigns WHERE id = %s", campaign_id), interval=0.01)
    campaigns.publish(stack, messages)
    consumer.start()
    answer = campaigns.wait_for_status(stack, campaign_id, "sent")
    assert (answer["sent"], answer["expired"], answer["failed"]) == (100, 800, 0)
    assert documents(stack, campaign_id) == before
