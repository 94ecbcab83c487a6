"""test_control.py - classes, and what is fixed at dispatch. Pause and cancel: test_pause.py."""
import re

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, numbers_file, wait_for_status
from stack import REPOSITORY
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


def test_numbers_cannot_be_added_to_what_runs(stack):
    """R0.11: only a draft takes numbers: seq and total are fixed when it is dispatched."""
    numbers = make_numbers(10, seed=37)
    campaign_id = campaigns.send(stack, numbers)
    with pytest.raises(psycopg2.Error, match="draft only"):
        stack.one("SELECT campaign_upload(%s, '+88800012345678'::text)", campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_the_documented_moves_are_the_allowed_ones(stack):
    """Life of a campaign: the table of docs/campaigns.md has every allowed move and no other."""
    text = (REPOSITORY / "docs" / "campaigns.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE))
    states = re.findall(r"^\| `(\w+)` \| [A-Z]", text, re.MULTILINE)
    assert len(states) == 9
    allowed = stack.one("SELECT json_agg(ARRAY[source, target])"
                        " FROM unnest(%s) AS source, unnest(%s) AS target"
                        " WHERE campaign.transition_allowed(source, target)", states, states)
    assert documented == set(map(tuple, allowed))


def test_a_schedule_survives_a_restart(stack):
    """A campaign is dispatched at its time, though PostgreSQL was restarted meanwhile."""
    numbers = make_numbers(20, seed=38)
    campaign_id = campaigns.create(stack, numbers)
    at = stack.one("SELECT (campaign_schedule(%s, now() + interval '4 s') ->> 'scheduled_at')"
                   "::timestamptz", campaign_id)
    stack.part("kill", "postgres")
    stack.part("start", "postgres")
    answer = wait_for_status(stack, campaign_id, "sent", ignoring=(psycopg2.Error,))
    assert_delivered(stack, campaign_id, numbers)
    late = stack.one("SELECT queued_at - %s FROM campaign.campaigns WHERE id = %s", at, campaign_id)
    assert 0 <= late.total_seconds() < 10, answer
