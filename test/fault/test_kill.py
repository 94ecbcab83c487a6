"""test_kill.py - kill -9 of each part in the middle of a campaign.

Afterwards each accepted line is one document, written once and in order, the campaign is
`sent`, and nothing is in the dead letters (the fixture of conftest.py looks).
"""
import time

import psycopg2
import pymongo.errors
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers
from waiting import wait_until

PARTS = ["worker", "consumer", "rabbitmq", "mongod", "postgres"]
RECOVERY_S = 30
# Completing takes as long as the machine is slow; recovering does not.
COMPLETION_S = 300
AWAY = (psycopg2.Error, pymongo.errors.PyMongoError)


def stored(stack, campaign_id):
    return campaigns.count_documents(stack, campaign_id)


def wait_for_some(stack, campaign_id, count, total):
    """Waits for documents in MongoDB; to have them all would be too late for a kill."""
    wait_until(f"{count} documents", lambda: stored(stack, campaign_id) >= count,
               COMPLETION_S, interval=0.01, ignoring=AWAY)
    assert stored(stack, campaign_id) < total, "complete before the kill: raise FAULT_N"


def kill(stack, part, campaign_id=None, total=0):
    """kill -9; PostgreSQL starts its worker again, the others are started as their service
    manager would. Answers when all is up again. With a campaign: it must not be complete."""
    stack.part("kill", part)
    if part != "worker":
        complete = campaign_id and part != "mongod" and stored(stack, campaign_id) == total
        stack.part("start", part)
        assert not complete, "complete before the kill: raise FAULT_N"
    return time.monotonic()


def wait_for_recovery(stack, campaign_id, before, up_at):
    """New documents arrive, or it is complete, within RECOVERY_S of all parts being up."""
    def moved():
        return (stored(stack, campaign_id) > before
                or campaigns.status(stack, campaign_id)["status"] == "sent")
    wait_until("it goes on", moved, max(1, up_at + RECOVERY_S - time.monotonic()), ignoring=AWAY)


def finish(stack, campaign_id, numbers):
    campaigns.wait_for_status(stack, campaign_id, "sent", COMPLETION_S, ignoring=AWAY)
    assert_delivered(stack, campaign_id, numbers)


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("part", PARTS)
def test_kill_one(stack, part, share, n):
    """R0.14 R0.15 R0.16 R0.17: kill -9 in mid-run, early and late: nothing is lost, doubled or
    out of order."""
    numbers = make_numbers(n, seed=PARTS.index(part) + 200)
    campaign_id = campaigns.send(stack, numbers)
    count = int(n * share)
    wait_for_some(stack, campaign_id, count, n)
    up_at = kill(stack, part, campaign_id, n)
    wait_for_recovery(stack, campaign_id, count, up_at)
    finish(stack, campaign_id, numbers)


def test_kill_at_random(stack, n, rounds, chance):
    """R0.14 R0.15 R0.16 R0.17: a seeded series of kills, several campaigns at once."""
    sets = {}
    killed = []
    for place in range(rounds):
        numbers = make_numbers(n, seed=300 + place)
        campaign_id = campaigns.send(stack, numbers, ordered=chance.random() < 0.8)
        sets[campaign_id] = numbers
        count = chance.randrange(0, n // 2)
        wait_for_some(stack, campaign_id, count, n)
        part = chance.choice(PARTS)
        killed.append((part, count))
        print("kill", part, "at", count, "of", campaign_id)
        wait_for_recovery(stack, campaign_id, count, kill(stack, part))
    for campaign_id, numbers in sets.items():
        campaigns.wait_for_status(stack, campaign_id, "sent", COMPLETION_S, ignoring=AWAY)
        ordered = stack.one("SELECT ordered FROM campaign.campaigns WHERE id = %s", campaign_id)
        assert_delivered(stack, campaign_id, numbers, ordered=ordered)
    assert len(killed) == rounds


def test_kill_everything(stack, n):
    """R0.14 R0.17: a power cut: all at once, everything on disk is found again."""
    numbers = make_numbers(n, seed=400)
    campaign_id = campaigns.send(stack, numbers)
    wait_for_some(stack, campaign_id, n // 3, n)
    servers = ["postgres", "rabbitmq", "mongod"]
    for part in servers + ["consumer"]:
        stack.part("kill", part)
    for part in servers + ["consumer"]:
        stack.part("start", part)
    wait_for_recovery(stack, campaign_id, n // 3, time.monotonic())
    finish(stack, campaign_id, numbers)


def test_crash_after_commit(stack, n):
    """R0.14: committed means published, whatever crashes next: the postmaster, in the moment
    after COMMIT, with a worker that has not looked yet."""
    numbers = make_numbers(n // 10, seed=401)
    campaign_id = campaigns.create(stack, numbers)
    stack.part("stop", "rabbitmq")
    try:
        campaigns.dispatch(stack, campaign_id)
        stack.part("kill", "postgres")
        stack.part("start", "postgres")
    finally:
        stack.part("start", "rabbitmq")
    finish(stack, campaign_id, numbers)
