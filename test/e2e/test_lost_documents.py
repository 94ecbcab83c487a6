"""test_lost_documents.py - MongoDB loses documents while their campaign runs, as when it is
restored from a backup: a campaign that is sent is there, all of it."""
import contextlib

import pytest

import campaigns
from campaigns import make_numbers, numbers_file, wait_for_status
from consumers import Consumer, environment
from test_dead_letters import foreign_document
from test_steps import progress_locked
from waiting import wait_until

VIP = [f"+8838{number:08d}" for number in range(100)]
NORMAL = make_numbers(8_000, seed=301)


@pytest.fixture(autouse=True)
def _slow(stack):
    """Small batches, and not many ahead: a campaign takes long enough to be paused in the middle."""
    with stack.settings(campaign__batch_size="20", campaign__publish_ahead="10ms"):
        yield


def two_classes(stack):
    """A dispatched campaign with VIP before NORMAL."""
    campaign_id = campaigns.create(stack, NORMAL)
    stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
              numbers_file(VIP))
    campaigns.dispatch(stack, campaign_id)
    return campaign_id


@contextlib.contextmanager
def paused(stack, campaign_id, stored):
    """The campaign once so much is stored, with nothing of it on its way; then goes on."""
    campaigns.wait_for_stored(stack, campaign_id, stored)
    stack.one("SELECT campaign_pause(%s)", campaign_id)
    campaigns.wait_until_handled(stack)
    yield
    stack.one("SELECT campaign_resume(%s)", campaign_id)


def delete(stack, campaign_id, first_seq, last_seq, class_name="NORMAL"):
    """Deletes stored documents; how many."""
    low = campaigns.document_id(campaign_id, first_seq, class_name)
    high = campaigns.document_id(campaign_id, last_seq, class_name)
    deleted = stack.messages.delete_many({"_id": {"$gte": low, "$lte": high}}).deleted_count
    assert deleted > 0, "nothing to lose"
    return deleted


def set_back(stack, campaign_id, seq):
    """Takes away all that MongoDB has stored since this recipient, of other campaigns, too, and
    starts it again: nobody restores a backup under a server that runs."""
    moment = stack.messages.find_one({"_id": campaigns.document_id(campaign_id, seq)})["created_at"]
    assert stack.messages.delete_many({"created_at": {"$gte": moment}}).deleted_count > 0
    stack.part("stop", "mongod")
    stack.part("start", "mongod")


def assert_sent_means_stored(stack, campaign_id, *sets):
    """Once it is sent all is there, each message once, with its own number."""
    wait_for_status(stack, campaign_id, "sent")
    documents = campaigns.documents_of(stack, campaign_id)
    for class_name, numbers in sets:
        found = [one["phone_number"] for one in documents if one["class"] == class_name]
        assert len(found) == len(numbers), f"{len(found)} of {len(numbers)} {class_name}"
        assert found == numbers


@pytest.mark.parametrize("restart", [True, False], ids=["restarted", "running"])
def test_class_that_is_done_already(stack, restart):
    """VIP is stored and reported, half of it is lost while NORMAL runs: no batch of VIP comes
    any more that would show it."""
    campaign_id = two_classes(stack)
    with paused(stack, campaign_id, len(VIP) + 1_000):
        if restart:
            stack.part("stop", "consumer")
        delete(stack, campaign_id, 51, 100, "VIP")
        if restart:
            stack.part("start", "consumer")
    assert_sent_means_stored(stack, campaign_id, ("VIP", VIP), ("NORMAL", NORMAL))


def test_what_was_stored_last(stack):
    """As after a restore: the end of what was stored is lost, and the lane must not go on
    behind the hole."""
    numbers = make_numbers(8_000, seed=302)
    campaign_id = campaigns.send(stack, numbers)
    with paused(stack, campaign_id, 5_000):
        set_back(stack, campaign_id, 4_000)
    assert_sent_means_stored(stack, campaign_id, ("NORMAL", numbers))


def test_middle_of_what_another_consumer_stored(stack):
    """A consumer that has not stored all of a campaign itself counts it."""
    campaign_id = campaigns.send(stack, NORMAL)
    with paused(stack, campaign_id, 3_000):
        stack.part("kill", "consumer")
        delete(stack, campaign_id, 1_001, 1_010)
        stack.part("start", "consumer")
    assert_sent_means_stored(stack, campaign_id, ("NORMAL", NORMAL))


def test_unordered_campaign(stack):
    """No order shows what is missing: it is counted."""
    numbers = make_numbers(8_000, seed=303)
    campaign_id = campaigns.send(stack, numbers, ordered=False)
    with paused(stack, campaign_id, 5_000):
        deleted = delete(stack, campaign_id, 1_000, 4_000)
    assert_sent_means_stored(stack, campaign_id, ("NORMAL", numbers))
    wait_until("it was published again",
               lambda: campaigns.status(stack, campaign_id)["rewinds"] >= 1)
    assert deleted > 1_000


def test_refused_recipients_are_parked_once(stack):
    """What MongoDB refuses is not in it: after a restart it is not taken for lost, nor sent to
    the dead letters again."""
    numbers = [f"+8837{number:08d}" for number in range(400)]
    stack.mongo["campaign"].command("collMod", "messages", validator={
        "phone_number": {"$not": {"$regex": r"^\+8837"}}})
    try:
        campaign_id = campaigns.send(stack, numbers)
        wait_until("some are parked", lambda: campaigns.dead_letter_count(stack) >= 50)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        campaigns.wait_until_handled(stack)
        stack.part("stop", "consumer")
        stack.part("start", "consumer")
        stack.one("SELECT campaign_resume(%s)", campaign_id)
        answer = wait_for_status(stack, campaign_id, "failed")
    finally:
        stack.mongo["campaign"].command("collMod", "messages", validator={})
    parked = [one.properties.headers["first_seq"] for one in campaigns.dead_letters(stack)]
    assert sorted(parked) == list(range(1, len(numbers) + 1))
    assert (answer["failed"], answer["rewinds"]) == (len(numbers), 0)


def test_failed_campaign_ends(stack):
    """A recipient that MongoDB refuses is not waited for, and other documents in the places of some
    do not make up for those that are lost."""
    stack.mongo["campaign"].command("collMod", "messages", validator={
        "phone_number": {"$ne": NORMAL[150]}})
    try:
        campaign_id = campaigns.create(stack, NORMAL)
        stack.messages.insert_many(foreign_document(campaign_id, seq) for seq in range(161, 181))
        campaigns.dispatch(stack, campaign_id)
        with paused(stack, campaign_id, 3_000):
            delete(stack, campaign_id, 2_001, 2_010)
        answer = wait_for_status(stack, campaign_id, "failed")
    finally:
        stack.mongo["campaign"].command("collMod", "messages", validator={})
    assert answer["failed"] == 21
    seqs = [one["seq"] for one in campaigns.documents_of(stack, campaign_id)]
    assert sorted(set(range(1, len(NORMAL) + 1)) - set(seqs)) == [151]
    assert len(campaigns.dead_letters(stack)) >= 21


def test_hole_behind_which_was_stored(stack):
    """The document that the lane stored last, of another campaign, is there; the one that it had
    seen at its look before is not."""
    campaign_id = campaigns.send(stack, NORMAL)
    mark = stack.log_mark("consumer")
    with paused(stack, campaign_id, 5_000):
        delete(stack, campaign_id, 1, len(NORMAL))
        stack.part("stop", "mongod")
        stack.part("start", "mongod")
    assert_sent_means_stored(stack, campaign_id, ("NORMAL", NORMAL))
    assert "MongoDB was set back" in stack.log_since("consumer", mark)


def test_end_that_is_lost_before_the_last_report(stack):
    """All is stored by one lane, from the first recipient to the last; the end is lost before
    PostgreSQL has taken the last report: the look at the end finds it."""
    numbers = make_numbers(1_500, seed=304)
    stack.part("stop", "consumer")
    try:
        with stack.settings(campaign__batch_size="1000"), campaigns.capture(stack) as take:
            campaign_id = campaigns.send(stack, numbers)
            wait_for_status(stack, campaign_id, "published")
            first, last = take()
        with stack.channel() as channel:
            channel.queue_purge(campaigns.queue_of(campaign_id))
        campaigns.publish(stack, [first])
        with Consumer(environment(stack)) as consumer:
            wait_until("the first message is reported", lambda: campaigns.status(
                stack, campaign_id)["stored"] == 1_000)
            with progress_locked(stack, campaign_id):
                campaigns.publish(stack, [last])
                campaigns.wait_for_stored(stack, campaign_id, len(numbers))
                delete(stack, campaign_id, 1_401, len(numbers))
            assert_sent_means_stored(stack, campaign_id, ("NORMAL", numbers))
            (said,) = consumer.lines("MongoDB lacks documents")
            assert said["missing"] == 100
            assert consumer.terminate() == 0
    finally:
        stack.part("start", "consumer")
