"""test_flow.py - the main job: numbers in, documents in order, `sent` afterwards."""
import datetime
import time

import pytest
from bson import Int64

import campaigns
from campaigns import assert_delivered, make_numbers, numbers_file, wait_for_status
from stack import SANITIZER_FACTOR, memory_kb
from waiting import wait_until

FIVE = ["+5511955500101", "+12025550102", "+442079460103", "+351915550104", "+4930555010500"]
MEMORY_LIMIT_KB = 64 * 1024

pytestmark = pytest.mark.usefixtures("unhealed")


def test_five_numbers_are_five_documents(stack):
    """R0.4 R0.17: the fields with their names and BSON types, in the order of the file."""
    before = datetime.datetime.now(datetime.timezone.utc)
    campaign_id = campaigns.send(stack, FIVE, message="Olá \"mundo\" \\ 👋\n\tfim")
    wait_for_status(stack, campaign_id, "sent")
    after = datetime.datetime.now(datetime.timezone.utc)

    assert_delivered(stack, campaign_id, FIVE)
    documents = campaigns.documents_of(stack, campaign_id)
    for seq, document in enumerate(documents, start=1):
        assert set(document) == {"_id", "identifier", "phone_number", "message", "campaign_id",
                                 "created_at", "updated_at", "deleted", "seq", "class"}
        assert document["message"] == "Olá \"mundo\" \\ 👋\n\tfim"
        assert document["campaign_id"] == campaign_id
        assert document["deleted"] is False
        assert isinstance(document["created_at"], datetime.datetime)
        assert document["updated_at"] == document["created_at"]
        assert before - datetime.timedelta(milliseconds=1) <= document["created_at"] <= after
        assert isinstance(document["seq"], Int64)
        assert document["class"] == "NORMAL"
        assert document["_id"] == campaigns.document_id(campaign_id, seq)


def test_sent_only_after_the_last_document(stack):
    """R0.16 R0.17: whoever sees `sent` finds all documents, stored before `sent_at`."""
    numbers = make_numbers(2000, seed=2)
    campaign_id = campaigns.send(stack, numbers)

    def counted_when_sent():
        if campaigns.status(stack, campaign_id)["status"] != "sent":
            return None
        return campaigns.count_documents(stack, campaign_id)
    assert wait_until("sent", counted_when_sent, interval=0.002) == len(numbers)
    sent_at = stack.one("SELECT sent_at FROM campaign.campaigns WHERE id = %s", campaign_id)
    newest = max(one["created_at"] for one in campaigns.documents_of(stack, campaign_id))
    assert newest <= sent_at


def test_not_sent_while_nothing_stores(stack):
    """R0.17: confirmed by the broker is not stored: without a consumer it stays `published`."""
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.send(stack, FIVE)
        answer = wait_for_status(stack, campaign_id, "published")
        assert (answer["published"], answer["stored"], answer["sent_at"]) == (5, 0, None)
        assert campaigns.count_documents(stack, campaign_id) == 0
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, FIVE)


def test_status_follows_the_commit_at_once(stack):
    """R0.14 R0.15: the commit wakes the worker, which otherwise looks every 5 s only."""
    campaign_id = campaigns.create(stack, FIVE)
    campaigns.dispatch(stack, campaign_id)
    started = time.monotonic()
    wait_until("sent", lambda: campaigns.status(stack, campaign_id)["status"] == "sent",
               interval=0.005)
    assert time.monotonic() - started < 2


def test_send_is_one_call(stack):
    """R0.12: create, import and dispatch in one transaction."""
    campaign_id = stack.one("SELECT campaign_send('one call', 'Hi', %s)", numbers_file(FIVE))
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, FIVE)


def test_send_with_a_bad_line_leaves_nothing(stack):
    """R0.12: the one transaction takes the campaign away with the refused file."""
    before = stack.one("SELECT count(*) FROM campaign.campaigns")
    with pytest.raises(Exception, match="line 2"):
        stack.one("SELECT campaign_send('bad', 'Hi', %s)", "+5511955500101\nabc\n")
    assert stack.one("SELECT count(*) FROM campaign.campaigns") == before


def test_status_tells_every_step(stack):
    """R0.3: totals and the time of each step, in the order of the steps."""
    campaign_id = campaigns.send(stack, FIVE, name="steps")
    answer = wait_for_status(stack, campaign_id, "sent")
    assert (answer["id"], answer["name"]) == (campaign_id, "steps")
    assert [answer[key] for key in ("total", "published", "stored", "failed")] == [5, 5, 5, 0]
    steps = [answer[key] for key in ("created_at", "queued_at", "started_at", "published_at",
                                     "sent_at")]
    moments = [datetime.datetime.fromisoformat(step) for step in steps]
    assert moments == sorted(moments)


def test_unordered_campaign_is_complete(stack):
    """R0.17: ordered = false gives up the order, not the exactly once."""
    numbers = make_numbers(3000, seed=3)
    campaign_id = campaigns.send(stack, numbers, ordered=False)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers, ordered=False)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_any_batch_size(stack, batch_size):
    """R0.17: how many recipients a message carries changes nothing in the store."""
    numbers = make_numbers(1001, seed=batch_size)
    with stack.settings(campaign__batch_size=str(batch_size)):
        campaign_id = campaigns.send(stack, numbers)
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_longest_message(stack):
    """R0.3: 4096 characters of four bytes: fewer recipients fit a body, none is lost."""
    numbers = make_numbers(1500, seed=5)
    message = "😀" * 4096
    with stack.settings(campaign__batch_size="1000"):
        campaign_id = campaigns.send(stack, numbers, message=message)
        wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)
    assert stack.messages.count_documents(
        {**campaigns.of_campaign(campaign_id), "message": message}) == len(numbers)


def test_small_campaign_does_not_wait_for_a_big_one(stack):
    """R0.15 R0.17: several campaigns are served in turns, each in its own order; memory of
    worker and consumer stays small."""
    many = make_numbers(60_000, seed=6)
    big = campaigns.create(stack, many)
    small = campaigns.create(stack, FIVE)
    campaigns.dispatch(stack, big)
    campaigns.wait_for_stored(stack, big, 2000)
    campaigns.dispatch(stack, small)
    wait_for_status(stack, small, "sent")
    memory = [memory_kb(stack.worker_pid()), memory_kb(stack.consumer_pid())]
    answer = campaigns.status(stack, big)
    assert answer["status"] != "sent" and answer["stored"] < len(many), answer
    wait_for_status(stack, big, "sent", timeout=120)
    assert_delivered(stack, small, FIVE)
    assert_delivered(stack, big, many)
    assert max(memory) < MEMORY_LIMIT_KB * SANITIZER_FACTOR, memory


def test_campaigns_of_one_queue_do_not_mix(stack):
    """R0.17: many campaigns at once, some in the same partition: each complete, in order."""
    sets = {campaigns.create(stack, numbers): numbers
            for numbers in (make_numbers(400, seed=100 + n) for n in range(12))}
    for campaign_id in sets:
        campaigns.dispatch(stack, campaign_id)
    for campaign_id, numbers in sets.items():
        wait_for_status(stack, campaign_id, "sent")
        assert_delivered(stack, campaign_id, numbers)
