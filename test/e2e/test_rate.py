"""test_rate.py - the pace of campaigns: never faster than asked for, changed while they run, and no
burden to others (R5.4).

How even a pace is, test/unit/test_bucket.c says by a clock of its own: here a busy machine makes it slower.
"""
import bisect

import campaigns
from campaigns import make_numbers
from waiting import assert_stays, wait_until

# What has gathered for want of a turn, and what waits for the store, in seconds of the pace.
SLACK_S = 0.4


def times_of(stack, *ids):
    """When the messages of these campaigns were stored, in seconds."""
    return sorted(one["created_at"].timestamp() for campaign_id in ids for one in
                  stack.messages.find(campaigns.of_campaign(campaign_id), {"created_at": True}))


def assert_never_faster(times, rate, seconds, streams=1):
    """In no window of this length there were more than the pace allows."""
    for at, start in enumerate(times):
        count = bisect.bisect_left(times, start + seconds) - at
        assert count <= rate * (seconds + SLACK_S) + streams, (count, start - times[0])


def limited(stack, count, per_second, seed):
    campaign_id = campaigns.create(stack, make_numbers(count, seed=seed))
    stack.one("SELECT campaign_limit(%s, %s)", campaign_id, per_second)
    campaigns.dispatch(stack, campaign_id)
    return campaign_id


def test_a_campaign_keeps_its_pace(stack):
    """R5.4: 500 a second, with the consumer away for a while: what it missed does not come in one go."""
    campaign_id = limited(stack, 1500, 500, seed=861)
    campaigns.wait_for_stored(stack, campaign_id, 200)
    stack.part("stop", "consumer")

    def waiting():
        now = campaigns.status(stack, campaign_id)
        return now["published"] - now["stored"]
    try:
        wait_until("the room is full", lambda: waiting() > 75)
        assert_stays("no more than a fifth of a second", lambda: waiting() <= 100, 0.5)
    finally:
        stack.part("start", "consumer")
    campaigns.wait_for_status(stack, campaign_id, "sent")
    times = times_of(stack, campaign_id)
    assert len(times) == 1500
    for seconds in (0.1, 1, 2):
        assert_never_faster(times, 500, seconds)


def test_it_is_changed_while_it_runs_and_blocks_no_other(stack):
    """R5.4: beside a slow campaign another one passes; without its limit it catches up."""
    slow = limited(stack, 3000, 10, seed=862)
    fast = campaigns.send(stack, make_numbers(3000, seed=863))
    campaigns.wait_for_status(stack, fast, "sent")
    assert campaigns.status(stack, slow)["status"] != "sent"
    assert_never_faster(times_of(stack, slow), 10, 1)
    stack.one("SELECT campaign_limit(%s, NULL, 'hurry')", slow)
    campaigns.wait_for_status(stack, slow, "sent")
    assert [row[0] for row in stack.sql("SELECT reason FROM campaign_events(%s) WHERE source = target",
                                        slow)] == ["at most 10 a second", "as fast as it goes: hurry"]


def test_all_campaigns_share_a_pace(stack):
    """R5.4: campaign.rate holds for all of them together, and all of them get on."""
    with stack.settings(campaign__rate="300"):
        ids = [campaigns.send(stack, make_numbers(200, seed=seed), ordered=ordered)
               for seed, ordered in ((864, True), (865, True), (866, False))]
        for campaign_id in ids:
            campaigns.wait_for_status(stack, campaign_id, "sent")
    times = times_of(stack, *ids)
    assert len(times) == 600
    for seconds in (0.1, 1):
        assert_never_faster(times, 300, seconds, len(ids))
