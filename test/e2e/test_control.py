"""test_control.py - classes, pause, resume and cancel."""
import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, numbers_file, wait_for_status
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("unhealed")


def upload_class(stack, campaign_id, numbers, class_name):
    return stack.one("SELECT campaign_upload(%s, %s::text, class => %s)", campaign_id,
                     numbers_file(numbers), class_name)


def test_vip_before_normal(stack):
    """R3.2, the VIP barrier: every VIP is stored before the first NORMAL is published, even if
    the NORMAL ones were uploaded first."""
    normal, vip = make_numbers(3000, seed=30), make_numbers(2500, seed=31)
    campaign_id = stack.one("SELECT campaign_create('classes', 'Hi')")
    upload_class(stack, campaign_id, normal[:1500], "NORMAL")
    upload_class(stack, campaign_id, vip, "VIP")
    upload_class(stack, campaign_id, normal[1500:], "NORMAL")
    campaigns.dispatch(stack, campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, vip, class_name="VIP")
    assert_delivered(stack, campaign_id, normal, class_name="NORMAL")
    order = [kind for kind, _ in campaigns.insertion_order(stack, campaign_id)]
    assert order == ["VIP"] * len(vip) + ["NORMAL"] * len(normal)
    created = {kind: [one["created_at"] for one in campaigns.documents_of(stack, campaign_id)
                      if one["class"] == kind] for kind in ("VIP", "NORMAL")}
    assert max(created["VIP"]) <= min(created["NORMAL"])
    campaigns.assert_identifiers_differ(stack, campaign_id)


def test_no_normal_is_published_before_vip_is_stored(stack):
    """R3.2, the VIP barrier: with nobody storing, NORMAL waits however long it takes."""
    stack.part("stop", "consumer")
    try:
        campaign_id = stack.one("SELECT campaign_create('barrier', 'Hi')")
        upload_class(stack, campaign_id, make_numbers(50, seed=32), "NORMAL")
        upload_class(stack, campaign_id, make_numbers(50, seed=33), "VIP")
        with campaigns.capture(stack) as take:
            campaigns.dispatch(stack, campaign_id)

            def published(class_name):
                return campaigns.status(stack, campaign_id)["classes"][class_name]["published"]
            wait_until("all VIP are published", lambda: published("VIP") == 50)
            assert_stays("no NORMAL is published", lambda: published("NORMAL") == 0, 1)
            seen = {one.properties.headers["class"] for one in take()}
        assert seen == {"VIP"}
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")


def test_pause_and_resume_neither_skip_nor_repeat(stack):
    """R5.2: three pauses in mid-run; publishing stands still within a second."""
    numbers = make_numbers(60_000, seed=34)
    # Little ahead: a campaign that is published whole can no longer be paused.
    with stack.settings(campaign__publish_ahead="20ms", campaign__batch_size="100"):
        campaign_id = campaigns.send(stack, numbers)
        pause_and_resume(stack, campaign_id, len(numbers))
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def pause_and_resume(stack, campaign_id, total):
    for stored in (3_000, 12_000, 25_000):
        campaigns.wait_for_stored(stack, campaign_id, stored)
        answer = stack.one("SELECT campaign_pause(%s)", campaign_id)
        assert answer["status"] == "paused"
        wait_until("what was published is stored", lambda: settled(stack, campaign_id))
        count = campaigns.count_documents(stack, campaign_id)
        assert count < total
        assert_stays("paused", lambda: campaigns.count_documents(stack, campaign_id) == count, 0.7)
        assert stack.one("SELECT campaign_resume(%s)", campaign_id)["status"] == "queued"


def settled(stack, campaign_id):
    """A second after a pause: what the broker had is stored."""
    answer = stack.one("SELECT clock_timestamp() - max(stored_at) > interval '0.5 s'"
                       " FROM campaign.progress WHERE campaign_id = %s", campaign_id)
    return bool(answer)


def test_cancel_ends_for_good(stack):
    """R5.2: what the broker held is stored, in order and once; nothing follows."""
    numbers = make_numbers(60_000, seed=35)
    campaign_id = campaigns.send(stack, numbers)
    campaigns.wait_for_stored(stack, campaign_id, 3_000)
    assert stack.one("SELECT campaign_cancel(%s)", campaign_id)["status"] == "cancelled"
    wait_until("what was published is stored", lambda: settled(stack, campaign_id))
    count = campaigns.count_documents(stack, campaign_id)
    assert 3_000 <= count < len(numbers)
    assert_stays("cancelled", lambda: campaigns.count_documents(stack, campaign_id) == count, 1)
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert written == list(range(1, count + 1))
    assert campaigns.status(stack, campaign_id)["status"] == "cancelled"
    for verb, what in (("resume", "only a paused one"), ("pause", "cannot become"),
                       ("dispatch", "already dispatched"), ("cancel", "cannot become")):
        with pytest.raises(psycopg2.Error, match=what):
            stack.one(f"SELECT campaign_{verb}(%s)", campaign_id)


def test_pause_before_the_first_message(stack):
    """R5.2: paused in the transaction that dispatches it: nothing goes out until resume."""
    numbers = make_numbers(30, seed=36)
    campaign_id = campaigns.create(stack, numbers)
    stack.sql("DO $$ BEGIN PERFORM campaign_dispatch('" + campaign_id + "');"
              " PERFORM campaign_pause('" + campaign_id + "'); END $$")
    assert_stays("paused", lambda: campaigns.status(stack, campaign_id)["published"] == 0, 1)
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_numbers_cannot_be_added_to_what_runs(stack):
    """R0.11: only a draft takes numbers: seq and total are fixed when it is dispatched."""
    numbers = make_numbers(10, seed=37)
    campaign_id = campaigns.send(stack, numbers)
    with pytest.raises(psycopg2.Error, match="draft only"):
        stack.one("SELECT campaign_upload(%s, '+99912345678'::text)", campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)
