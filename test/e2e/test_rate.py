"""test_rate.py - limits of campaigns: never faster than asked for, changed while they run, and no
burden to others (R5.4).

How even a rate is, test/unit/test_bucket.c says by a clock of its own: a busy machine makes it slower. What
a machine that has nothing else to do makes of it:

    RATE_SECONDS=60 pytest -s -k any_ten_seconds test/e2e/test_rate.py
"""
import bisect
import os

import pytest

import campaigns
from campaigns import make_numbers
from waiting import assert_stays, wait_until

# What the bucket holds, what waits for the store, and as much again for a machine that is busy.
SLACK_S = 1.5


def times_of(stack, *ids):
    """When the messages of these campaigns were stored, in seconds."""
    return sorted(one["created_at"].timestamp() for campaign_id in ids for one in
                  stack.messages.find(campaigns.of_campaign(campaign_id), {"created_at": True}))


def assert_never_faster(times, rate):
    """In no second there were more than the rate allows."""
    # Else this could not fail.
    assert len(times) > rate * (1 + SLACK_S)
    for at, start in enumerate(times):
        count = bisect.bisect_left(times, start + 1) - at
        assert count <= rate * (1 + SLACK_S), (count, start - times[0])


def limited(stack, numbers, per_second):
    campaign_id = campaigns.create(stack, numbers)
    stack.one("SELECT campaign_limit(%s, %s)", campaign_id, per_second)
    campaigns.dispatch(stack, campaign_id)
    return campaign_id


def reason(stack, campaign_id):
    return stack.one("SELECT campaign_health(%s)", campaign_id)["reason"]


def test_what_a_store_missed_does_not_come_in_one_go(stack):
    """R5.4: 2000 a second, with the consumer away for a while: little waits for it, and what was not published
    is not made up for."""
    numbers = make_numbers(6000, seed=861)
    with stack.settings(campaign__publish_ahead="60s"):
        campaign_id = limited(stack, numbers, 2000)
        campaigns.wait_for_stored(stack, campaign_id, 300)
        stack.part("stop", "consumer")

        def waiting():
            now = campaigns.status(stack, campaign_id)
            return now["published"] - now["stored"]
        try:
            wait_until("something waits", lambda: waiting() > 200)
            assert_stays("less than one and a half seconds' worth", lambda: waiting() < 3000, 2)
        finally:
            stack.part("start", "consumer")
        campaigns.wait_for_status(stack, campaign_id, "sent")
    assert_never_faster(times_of(stack, campaign_id), 2000)
    campaigns.assert_delivered(stack, campaign_id, numbers)


def test_it_is_changed_while_it_runs_and_blocks_no_other(stack):
    """R5.4: beside a slow campaign another one passes; without its limit it catches up, in order."""
    numbers = make_numbers(3000, seed=862)
    slow = limited(stack, numbers, 10)
    fast = campaigns.send(stack, make_numbers(3000, seed=863))
    campaigns.wait_for_status(stack, fast, "sent")
    assert campaigns.status(stack, slow)["status"] in ("queued", "publishing")
    wait_until("health says it", lambda: reason(stack, slow) == "limited to 10 messages a second")
    stack.one("SELECT campaign_limit(%s, 1000)", slow)
    campaigns.wait_for_stored(stack, slow, 2800)
    assert_never_faster(times_of(stack, slow), 1000)
    stack.one("SELECT campaign_limit(%s, NULL, 'hurry')", slow)
    campaigns.wait_for_status(stack, slow, "sent")
    campaigns.assert_delivered(stack, slow, numbers)
    assert [row[0] for row in stack.sql("SELECT reason FROM campaign_events(%s) WHERE source = target", slow)] == [
        "at most 10 a second", "at most 1000 a second", "as fast as it goes: hurry"]


def test_all_campaigns_share_a_rate(stack):
    """R5.4: campaign.rate holds for all of them together, and all of them get on."""
    with stack.settings(campaign__rate="3"):
        ids = [campaigns.send(stack, make_numbers(600, seed=seed), ordered=ordered)
               for seed, ordered in ((864, True), (865, True), (866, False))]
        wait_until("health says it", lambda: reason(stack, ids[0]) == "limited to 3 messages a second, all campaigns together")
        wait_until("all get on", lambda: all(campaigns.status(stack, one)["stored"] for one in ids))
        with stack.settings(campaign__rate="600"):
            for campaign_id in ids:
                campaigns.wait_for_status(stack, campaign_id, "sent")
            wait_until("nobody waits any more", lambda: not stack.sql(
                "SELECT FROM campaign.troubles WHERE subject = 'rate'"))
    assert_never_faster(times_of(stack, *ids), 600)


def windows(times, seconds=10):
    """The fewest and the most in any ten seconds from the first one to the last."""
    starts = [start for start in times if start + seconds <= times[-1]]
    counts = [bisect.bisect_left(times, start + seconds) - bisect.bisect_left(times, start) for start in starts]
    return min(counts), max(counts)


if "RATE_SECONDS" in os.environ:
    @pytest.mark.parametrize("rate", [0.5, 5, 100, 5000])
    def test_any_ten_seconds(stack, rate):
        """R5.4: within 5 % in any ten seconds, by the times in MongoDB."""
        campaign_id = limited(stack, make_numbers(int(rate * int(os.environ["RATE_SECONDS"])), seed=867), rate)
        campaigns.wait_for_status(stack, campaign_id, "sent", timeout=600)
        fewest, most = windows(times_of(stack, campaign_id))
        print(f"\n{rate:g} a second: {fewest} to {most} in ten seconds")
        assert 0.95 * 10 * rate - 1 <= fewest and most <= 1.05 * 10 * rate + 1
