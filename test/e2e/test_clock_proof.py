"""test_clock_proof.py - the clock of the server's machine is set back between two proofs (R5.1)."""
import psycopg2
import pytest

import campaigns
from campaigns import make_numbers
from clock_fixtures import _clean, _clock, _server  # noqa: F401  pylint: disable=unused-import
from consumers import Consumer, environment
from proofs import receipt_of, send, start_consumer, verify
from waiting import wait_until

PARTS = ["smtp", "mailer", "postgrest", "nginx"]
SETTINGS = []
FIVE = make_numbers(5, seed=171)


def test_fresh_proof(server, clock):
    """What was proved at a later time, before, answers no question, and is not the newest proof."""
    campaign_id = send(server, vips=[], normal=FIVE)
    assert verify(server, campaign_id)["ok"] is True
    assert receipt_of(server, campaign_id, FIVE[0])
    clock.set_back(server)
    server.messages.delete_many(campaigns.of_campaign(campaign_id))
    answer = verify(server, campaign_id)
    assert (answer["ok"], answer["stored"], answer["age_seconds"] < 60) == (False, 0, True), answer
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="is not proved"):
        receipt_of(server, campaign_id, FIVE[0])
    answer = server.one("SELECT campaign_verify(%s, '0')", campaign_id)
    assert answer["ok"] is False and answer["age_seconds"] >= 0, answer


def test_proved_once_it_is_sent(server, clock):
    """--verify-sent proves a campaign once, though it was sent later than it is now."""
    before = send(server, vips=[], normal=FIVE)
    server.part("stop", "consumer")
    try:
        clock.set_back(server)
        with Consumer(environment(server), "--verify-sent"):
            count = lambda one: server.one(  # noqa: E731
                "SELECT count(*) FROM campaign.proofs WHERE campaign_id = %s", one)
            for each in (before, *(send(server, vips=[], normal=FIVE) for _ in range(3))):
                wait_until("it is proved", lambda one=each: count(one) == 1)
            assert count(before) == 1
    finally:
        start_consumer(server, before)
