"""test_canary.py - so many first, and the others only if these have arrived (R5.4)."""
import contextlib

import pytest

import campaigns
from campaigns import make_numbers, wait_for_status
from senders import sender
from stack import execute
from waiting import wait_until

COUNT = 600
CANARY = 200

pytestmark = pytest.mark.usefixtures("no_store")


def with_canary(stack, ordered, seed):
    campaign_id = campaigns.create(stack, make_numbers(COUNT, seed=seed), ordered=ordered)
    stack.one("SELECT campaign_canary(%s, %s)", campaign_id, CANARY)
    campaigns.dispatch(stack, campaign_id)
    return campaign_id


@pytest.mark.parametrize("ordered", [True, False])
def test_a_gateway_that_fails_is_stopped(stack, ordered):
    """R5.4: a gateway that fails 30 % gets the canary and nothing more, until a person says so."""
    with sender(stack, CAMPAIGN_FAILURE_RATE="0.3"):
        campaign_id = with_canary(stack, ordered, 871)
        answer = wait_for_status(stack, campaign_id, "paused")
        assert answer["sent"] + answer["failed"] == answer["published"] == CANARY
        assert campaigns.count_documents(stack, campaign_id) == CANARY
        share = f"{100 * answer['failed'] / CANARY:g}"
        said = f"canary: {share} % of {CANARY} failed"
        assert stack.one("SELECT reason FROM campaign_events(%s) WHERE target = 'paused'", campaign_id) == said
        health = stack.one("SELECT campaign_health(%s)", campaign_id)
        assert health["health"] == "paused" and health["reason"].endswith(f"ago: {said}"), health
        stack.one("SELECT campaign_resume(%s, 'they are old numbers')", campaign_id)
        answer = wait_for_status(stack, campaign_id, "sent")
        assert answer["sent"] + answer["failed"] == COUNT


def test_a_gateway_that_delivers_goes_on(stack):
    """R5.4: nobody has to do anything; who holds the campaign's lock holds it up, and nobody else."""
    # Without a sender nothing of it arrives.
    campaign_id = with_canary(stack, True, 872)
    wait_for_status(stack, campaign_id, "publishing")
    with contextlib.closing(stack.connect(autocommit=False)) as client:
        execute(client, "SELECT campaign.campaign_lock(%s)", campaign_id)
        with sender(stack, CAMPAIGN_FAILURE_RATE="0"):
            wait_until("it has arrived", lambda: campaigns.status(stack, campaign_id)["stored"] == CANARY)
            assert stack.one("SELECT campaign.outbox_canary(%s)", campaign_id) is False
            assert campaigns.status(stack, campaign_id)["published"] == CANARY
            client.rollback()
            assert wait_for_status(stack, campaign_id, "sent")["sent"] == COUNT
    assert stack.one("SELECT reason FROM campaign_events(%s) WHERE source = target AND reason LIKE '%%follow'",
                     campaign_id) == f"canary: 0 % of {CANARY} failed, the others follow"
