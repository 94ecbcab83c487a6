"""test_senders.py - kill -9 of senders at random: nothing is lost, and nothing is sent twice."""
import contextlib

import pytest

import campaigns
from campaigns import documents_of, make_numbers, wait_for_status
from consumers import Consumer, environment
from waiting import wait_until

COUNT = 250

pytestmark = pytest.mark.usefixtures("no_store")


def start(stack, living, in_doubt):
    return living.enter_context(Consumer(environment(
        stack, CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN="20", CAMPAIGN_DISTRIBUTION="exponential",
        CAMPAIGN_IN_FLIGHT="4", CAMPAIGN_FAILURE_RATE="0.2", CAMPAIGN_IN_DOUBT=in_doubt,
        CAMPAIGN_LOG_LEVEL="debug")))


def finished(stack, ids):
    """How many have a fate."""
    return sum(answer["sent"] + answer["failed"] + answer["unknown"]
               for answer in (campaigns.status(stack, one) for one in ids))


@pytest.mark.parametrize("in_doubt", ["hold", "resend"])
def test_kill_senders_at_random(stack, chance, rounds, in_doubt):
    """R1.4 R5.3: sent + failed + unknown = produced; each begun once, or again only under `resend`."""
    with contextlib.ExitStack() as living:
        senders = [start(stack, living, in_doubt) for _ in range(3)]
        ids = [campaigns.send(stack, make_numbers(COUNT, seed=seed), ordered=ordered)
               for seed, ordered in ((1, True), (2, False))]
        running = list(senders)
        for number in range(rounds):
            due = 2 * COUNT * (number + 1) // (rounds + 2)
            wait_until(f"{due} have a fate", lambda: finished(stack, ids) >= due, interval=0.01)  # pylint: disable=cell-var-from-loop
            killed = running.pop(chance.randrange(len(running)))
            killed.process.kill()
            killed.process.wait(10)
            running.append(start(stack, living, in_doubt))
            senders.append(running[-1])
        for campaign_id in ids:
            wait_for_status(stack, campaign_id, "sent")
        begun = [line["identifier"] for one in senders for line in one.lines("begun")]
    documents = [one for campaign_id in ids for one in documents_of(stack, campaign_id)]
    assert len(documents) == finished(stack, ids) == 2 * COUNT
    assert all(one["identifier"] in begun for one in documents if one["status"] in ("sent", "failed"))
    if in_doubt == "hold":
        assert len(begun) == len(set(begun)), "sent twice"
    else:
        assert all(one["status"] in ("sent", "failed") for one in documents)
