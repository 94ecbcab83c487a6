"""test_hostile_campaigns.py - as test_hostile.py, while campaigns are published and stored: the
launcher and its workers are cancelled, ended and killed at random.

No database ever has a worker twice, so nothing is published by two at once; every recipient is stored
once, in order.

    FAULT_N=100000 FAULT_ROUNDS=50 FAULT_SEED=7 pytest test/fault/test_hostile_campaigns.py
"""
import json

import psycopg2
import pymongo.errors
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers
from hostile import watched
from waiting import wait_until

AWAY = (psycopg2.Error, pymongo.errors.PyMongoError)
CAMPAIGNS = 3
COMPLETION_S = 200


def campaign_processes(stack, kind="campaign%"):
    return [row[0] for row in stack.sql("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE %s"
                                        " ORDER BY pid", kind)]


def strike(stack, chance):
    """One hostile act, once the one before is over; its name."""
    wait_until("a worker is there", stack.worker_pids, 30, ignoring=AWAY)
    act = chance.choice(["cancel", "cancel", "terminate", "terminate", "launcher", "worker", "kill"])
    if act in ("cancel", "terminate"):
        found = campaign_processes(stack)
        for pid in chance.sample(found, min(2, len(found))):
            stack.sql(f"SELECT pg_{act}_backend(%s)", pid)
    elif act == "kill":
        stack.part("kill", "worker")
    else:
        stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = %s",
                  f"campaign {act}")
    return act


def restarts(bodies):
    """How often publishing of a campaign went back, or two published at once: a batch that does not
    follow the one before it."""
    count = 0
    last = 0
    for body in bodies:
        count += body["first_seq"] != last + 1
        last = body["first_seq"] + len(body["recipients"]) - 1
    return count


@pytest.mark.usefixtures("unhealed")
def test_hostile_acts_on_campaigns(stack, n, rounds, chance):
    """R0.14 R0.15 R0.17: whatever is done to the launcher and its workers, each worker is one, every
    recipient is published once for each start of a worker at most, and stored once, in order."""
    sets = {}
    with campaigns.capture(stack) as take, watched(stack, job_workers=2) as watcher:
        for place in range(CAMPAIGNS):
            numbers = make_numbers(n, seed=500 + place)
            sets[campaigns.send(stack, numbers)] = numbers
        for place in range(3 * rounds):
            share = n * (place + 1) // (3 * rounds + 2)
            wait_until("some more are stored", lambda least=share: max(
                campaigns.count_documents(stack, one) for one in sets) >= least,
                COMPLETION_S, interval=0.005, ignoring=AWAY)
            print(strike(stack, chance))
        for campaign_id, numbers in sets.items():
            campaigns.wait_for_status(stack, campaign_id, "sent", COMPLETION_S, ignoring=AWAY)
            assert_delivered(stack, campaign_id, numbers)
        wait_until("all workers are there", lambda: (len(stack.worker_pids()), len(
            campaign_processes(stack, "campaign launcher"))) == (1, 1), 30, ignoring=AWAY)
        bodies = {one: [] for one in sets}
        for message in take():
            body = json.loads(message.body)
            bodies[body["campaign_id"]].append(body)
    starts = len(watcher.campaign_workers)
    assert starts > 1
    for campaign_id, published in bodies.items():
        seen = {seq for body in published for seq in range(
            body["first_seq"], body["first_seq"] + len(body["recipients"]))}
        assert seen == set(range(1, n + 1))
        assert restarts(published) <= starts, (restarts(published), starts)
