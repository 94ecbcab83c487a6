"""test_shares.py - `make shares`: 25 senders, each with a speed of its own, share a campaign (R1.2).

FAULT_SHARES messages (100,000), which takes a minute and a half; no part of `make fault`, which collects this file
only if FAULT_SHARES is set.
"""
import contextlib
import os
import time

import pytest

import campaigns
from consumers import Consumer, environment
from stack import Stack
from waiting import wait_until

SENDERS = 25
MEANS_MS = [10 + place for place in range(SENDERS)]
BATCH = 10  # recipients of a body, which belongs to one sender
PATIENCE = 1.1  # times the ideal


@pytest.fixture(scope="session", name="stack")
def fixture_stack():
    """Each sender has a session for each of its lanes."""
    running = Stack.up(settings=["max_connections=300", "max_prepared_transactions=10"],
                       without=("consumer", "smtp", "mailer", "postgrest", "nginx"))
    try:
        yield running
    finally:
        running.down()


def start(stack, living, mean_ms):
    living.enter_context(Consumer(environment(
        stack, CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN=str(mean_ms), CAMPAIGN_DEVIATION=str(mean_ms // 5),
        CAMPAIGN_SENDER_NAME=f"{mean_ms} ms")))


def processed(stack):
    """How many messages each has finished, by its mean."""
    return {int(name.split()[0]): count for name, count in
            stack.sql("SELECT name, processed FROM campaign_senders() WHERE alive")}


def test_senders_share_by_speed(stack):
    """R1.2: wall time within a tenth of the ideal, and nobody's share is far from their speed."""
    count = int(os.environ["FAULT_SHARES"])
    rate = sum(1000 / mean for mean in MEANS_MS)
    with contextlib.ExitStack() as living:
        living.enter_context(stack.settings(campaign__batch_size=str(BATCH), campaign__publish_ahead="10s"))
        for mean_ms in MEANS_MS:
            start(stack, living, mean_ms)
        wait_until("all are there", lambda: len(processed(stack)) == SENDERS, timeout=120)
        campaign_id = stack.one("SELECT campaign_simulate(%s, seed => 5) ->> 'id'", count)
        began = time.monotonic()
        wait_until("it is sent", lambda: campaigns.status(stack, campaign_id)["status"] == "sent",
                   timeout=3 * count / rate + 60)
        took = time.monotonic() - began
        shares = processed(stack)
    ideal = count / rate
    print(f"{count} messages, {SENDERS} senders: {took:.1f} s, ideal {ideal:.1f} s, ratio {took / ideal:.3f}")
    for mean_ms, done in sorted(shares.items()):
        print(f"{mean_ms:4} ms: {done:6} messages, {done * mean_ms / 1000 / took:.3f} of its time")
    assert sum(shares.values()) == count
    assert took <= PATIENCE * ideal
    for mean_ms, done in shares.items():
        assert abs(done - ideal * 1000 / mean_ms) <= 0.15 * ideal * 1000 / mean_ms + 2 * BATCH
