"""pause.py - how long after the commit of a pause the last document is stored, by MongoDB's own log.

At full speed, with all of the campaign in its queue: nothing but the consumer's question stops it.
"""
import datetime
import time

import campaigns
from private_stack import Unmeasured
from report import Figure, percentile

TRIES = 50  # the short form: a tenth
NUMBERS = 60_000
LIMIT_MS = 1000
LATE_S = 1.5  # what is stored later than this after the commit would be found by the next look


def stored(stack, campaign_id):
    return stack.value("SELECT (campaign_status(%s) ->> 'stored')::bigint", campaign_id)


def last_written(stack, campaign_id):
    """When MongoDB wrote the campaign's last document."""
    inserts = {"$or": [{"op": "i", "o.campaign_id": campaign_id},
                       {"op": "c", "o.applyOps.o.campaign_id": campaign_id}]}
    oplog = stack.mongo.client["local"]["oplog.rs"]
    entry = oplog.find(inserts).sort("$natural", -1).limit(1).next()
    return entry["wall"].replace(tzinfo=datetime.timezone.utc)


def pause_one(stack):
    """Milliseconds from the commit to the last document."""
    campaign_id = campaigns.make(stack, NUMBERS)
    stack.sql("SELECT campaign_dispatch(%s)", campaign_id)
    deadline = time.monotonic() + campaigns.PATIENCE_S
    while stored(stack, campaign_id) == 0:
        if time.monotonic() > deadline:
            raise Unmeasured("nothing is stored")
        time.sleep(0.002)
    stack.sql("SELECT campaign_pause(%s)", campaign_id)
    committed = stack.value("SELECT clock_timestamp()")
    time.sleep(LATE_S)
    late = (last_written(stack, campaign_id) - committed).total_seconds() * 1000
    left = NUMBERS - stored(stack, campaign_id)
    stack.sql("SELECT campaign_cancel(%s)", campaign_id)
    return max(late, 0), left


def latency(stack, count, _rounds):
    figures = [Figure(f"pause to the last document, p{share}", "ms", limit=LIMIT_MS)
               for share in (50, 99)]
    yield from figures
    tries = TRIES if count >= campaigns.LONG_FORM else TRIES // 10
    stack.set("campaign.publish_ahead", 60_000)
    try:
        results = [pause_one(stack) for _ in range(tries)]
    finally:
        stack.sql("ALTER SYSTEM RESET campaign.publish_ahead")
        stack.sql("SELECT pg_reload_conf()")
    times = [late for late, left in results if left > 0]
    if len(times) < tries / 2:
        raise Unmeasured(f"only {len(times)} of {tries} campaigns were not over before the pause")
    for figure, share in zip(figures, (50, 99)):
        figure.product.append(percentile(times, share))
    figures[0].note = f"{len(times)} pauses, {min(times):.1f}..{max(times):.1f} ms"
