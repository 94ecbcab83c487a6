"""test_order.py - the order within a class: gaps, repeats, and where a consumer goes on."""
import json

import campaigns
from batches import AHEAD, changed, documents, stored_before, take_published


def test_a_gap_is_published_again(stack, consumer):
    """Order: behind a lost batch nothing is stored before it came again."""
    numbers = campaigns.make_numbers(900, seed=10)
    campaign_id = campaigns.send(stack, numbers)
    lost = take_published(stack, campaign_id, AHEAD)
    campaigns.publish(stack, lost[1:])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)
    assert campaigns.status(stack, campaign_id)["rewinds"] >= 1


def pieces_of(message, size):
    """The batch as several smaller ones, in order."""
    body = json.loads(message.body)
    parts = [body["recipients"][begin:begin + size] for begin in range(0, len(body["recipients"]), size)]
    return [changed(message, {"first_seq": first, "count": len(part)}, first_seq=first, recipients=part)
            for first, part in zip(range(body["first_seq"], body["first_seq"] + len(body["recipients"]), size), parts)]


def reordered(batches):
    """The second before the first, and so on."""
    return [one for pair in zip(batches[1::2], batches[::2]) for one in pair]


def test_what_comes_in_another_order_is_stored_in_order(stack, consumer):
    """Order: batches of which each second one comes before its first are stored in order, once."""
    numbers = campaigns.make_numbers(900, seed=24)
    campaign_id = campaigns.send(stack, numbers)
    batches = [one for message in take_published(stack, campaign_id, AHEAD) for one in pieces_of(message, 50)]
    campaigns.publish(stack, reordered(batches))
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_what_comes_back_reversed_after_a_crash_is_stored_in_order(stack, consumer):
    """Order: killed behind its first report, and what is left comes back reversed: it is stored in order, once."""
    numbers = campaigns.make_numbers(900, seed=25)
    campaign_id = campaigns.send(stack, numbers)
    first, *rest = [one for message in take_published(stack, campaign_id, AHEAD) for one in pieces_of(message, 50)]
    campaigns.publish(stack, [first])
    consumer.start()
    campaigns.wait_for_stored(stack, campaign_id, 50)
    consumer.kill()
    campaigns.publish(stack, rest[::-1])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_of_an_overlapping_batch_the_tail_is_stored(stack, consumer):
    """Order: of a batch that is partly a repeat, the rest is stored, once."""
    numbers = campaigns.make_numbers(900, seed=11)
    campaign_id = campaigns.send(stack, numbers)
    first, second = take_published(stack, campaign_id, AHEAD)
    both = [one for message in (first, second) for one in json.loads(message.body)["recipients"]]
    overlap = changed(second, {"first_seq": 200, "count": 251}, first_seq=200,
                      recipients=both[199:450])
    campaigns.publish(stack, [first, overlap])
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_what_the_store_has_lost_is_published_again(stack, consumer):
    """Order: where PostgreSQL knows more than MongoDB has, MongoDB decides where it goes on."""
    numbers = campaigns.make_numbers(900, seed=22)
    campaign_id = campaigns.send(stack, numbers)
    first, _ = take_published(stack, campaign_id, AHEAD)
    stack.messages.insert_many(stored_before([json.loads(first.body)]))
    report(stack, campaign_id, 1, AHEAD)
    consumer.start()
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_stored(stack, campaign_id, numbers)


def test_another_document_makes_up_for_none_that_is_lost(stack, consumer):
    """Reporting to PostgreSQL: before a campaign ends, a document in the place of one that was refused does not make up
    for one that MongoDB has lost."""
    numbers = campaigns.make_numbers(300, seed=23)
    campaign_id = campaigns.send(stack, numbers)
    first, second = take_published(stack, campaign_id, len(numbers))
    there = stored_before([json.loads(first.body)])
    stack.messages.insert_many([{**one, "identifier": "another"} for one in there[:3]] + there[3:100] + there[103:])
    for seq in (1, 2, 3):
        stack.one("SELECT campaign.report_conflict(%s, 'NORMAL', %s, 'stored with other content')", campaign_id, seq)
    report(stack, campaign_id, 1, len(there))
    campaigns.publish(stack, [second])
    consumer.start()
    assert campaigns.wait_for_status(stack, campaign_id, "failed")["failed"] == 3
    assert [one["seq"] for one in documents(stack, campaign_id)] == list(range(1, 301))


def report(stack, campaign_id, first, last):
    stack.one("SELECT campaign.report_stored(%s, '{NORMAL}', %s::bigint[], %s::bigint[])",
              [campaign_id], [first], [last])
