"""test_health.py - campaign_health(): each reason why a campaign does not move is named, and goes
away with its cause."""
import contextlib
import re

import pytest

import campaigns
from waiting import wait_until

NAMED_S = 15  # within which a stall has to be named


def health(stack, campaign_id):
    return stack.one("SELECT campaign_health(%s)", campaign_id)


@contextlib.contextmanager
def part_away(stack, name):
    stack.part("stop", name)
    try:
        yield
    finally:
        stack.part("start", name)


@contextlib.contextmanager
def alarm(stack):
    """RabbitMQ's memory alarm."""
    stack.rabbitmqctl("set_vm_memory_high_watermark", "0.0000001")
    try:
        yield
    finally:
        stack.rabbitmqctl("set_vm_memory_high_watermark", "0.6")


STALLS = {
    "no consumer": (lambda stack: part_away(stack, "consumer"),
                    r"no consumer on campaign\.messages\.\d since \d+ s"),
    "MongoDB": (lambda stack: part_away(stack, "mongod"), r"waiting for MongoDB since \d+ s"),
    "RabbitMQ": (lambda stack: part_away(stack, "rabbitmq"),
                 r"no connection to RabbitMQ since \d+ s"),
    "alarm": (alarm, r"RabbitMQ is blocked \(a memory or disk alarm\) since \d+ s"),
}


@pytest.mark.parametrize("name", STALLS)
def test_a_stall_is_named(stack, name):
    """R3.7: where it is stuck and since when, within 15 s; healthy once the cause is gone."""
    cause, sentence = STALLS[name]
    with cause(stack):
        campaign_id = campaigns.send(stack, campaigns.make_numbers(50))
        answer = wait_until(f"the stall is named: {sentence}", lambda: re.fullmatch(
            sentence, health(stack, campaign_id)["reason"]) and health(stack, campaign_id), NAMED_S)
        assert answer["health"] == "degraded" and answer["isStuck"] and not answer["aborted"]
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert health(stack, campaign_id)["health"] == "healthy"
    wait_until("nobody waits for anything", lambda: not stack.sql(
        "SELECT * FROM campaign.troubles WHERE subject IN ('MongoDB', 'RabbitMQ')"))
