"""test_rate.py - limits of campaigns: never faster than asked for, changed while they run, and no
burden to others (R5.4).

How even a rate is, test/unit/test_bucket.c says by a clock of its own: a busy machine makes it slower. What
a machine that has nothing else to do makes of it:

    RATE_SECONDS=60 pytest -s -k any_ten_seconds test/e2e/test_rate.py
"""
import bisect
import contextlib
import json
import os
import shutil
import subprocess
import threading
import time

import pytest

import campaigns
from campaigns import make_numbers
from consumers import Consumer, environment
from provider import Answer, Provider
from smtp_server import free_port
from test_windows import close_window, open_window
from waiting import assert_stays, wait_until

# What the bucket holds, what waits for the store, and as much again for a machine that is busy.
SLACK_S = 1.5


def times_of(stack, *ids, field="created_at", **only):
    """When the messages of these campaigns were stored, in seconds."""
    return sorted(one[field].timestamp() for campaign_id in ids for one in
                  stack.messages.find({**campaigns.of_campaign(campaign_id), **only}, {field: True}))


def assert_never_faster(times, rate):
    """In no second there were more than the rate allows."""
    # Else this could not fail.
    assert len(times) > rate * (1 + SLACK_S)
    for at, start in enumerate(times):
        count = bisect.bisect_left(times, start + 1) - at
        assert count <= rate * (1 + SLACK_S), (count, start - times[0])


def draft(stack, numbers, per_second, vips=(), ordered=True):
    campaign_id = campaigns.create(stack, numbers, ordered=ordered)
    if vips:
        stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id, campaigns.numbers_file(vips))
    stack.one("SELECT campaign_limit(%s, %s)", campaign_id, per_second)
    return campaign_id


def limited(stack, numbers, per_second, **options):
    campaign_id = draft(stack, numbers, per_second, **options)
    campaigns.dispatch(stack, campaign_id)
    return campaign_id


@contextlib.contextmanager
def senders(stack, count, **settings):
    """So many of these instead of the stack's consumer."""
    stack.part("stop", "consumer")
    try:
        with contextlib.ExitStack() as running:
            for _ in range(count):
                running.enter_context(Consumer(environment(stack, **settings)))
            yield
    finally:
        stack.part("start", "consumer")


class Slow:
    """A provider that takes 50 ms, and remembers when each request came."""

    def __init__(self, directory):
        self.times = []
        self._never = threading.Event()
        self._provider = Provider(self._respond)
        self.template = directory / "template.json"
        self.template.write_text(json.dumps({
            "url": self._provider.url + "/messages", "json": {"to": "{number}", "text": "{text}"},
            "answers": [{"status": 200, "is": "sent"}]}))

    def __enter__(self):
        self._provider.__enter__()
        return self

    def __exit__(self, *_):
        self._provider.__exit__()

    def _respond(self, request, nth):
        self.times.append(time.monotonic())
        self._never.wait(0.05)
        return Answer(200)

    def settings(self, in_flight):
        return {"CAMPAIGN_GATEWAY": "http", "CAMPAIGN_GATEWAY_TEMPLATE": str(self.template),
                "CAMPAIGN_IN_FLIGHT": str(in_flight)}


FAST = """
pid {0}/pid;
error_log {0}/log;
daemon off;
master_process off;
events {{ worker_connections 2048; }}
http {{
    log_format time $msec;
    access_log {0}/times time;
    keepalive_requests 1000000000;
    client_body_temp_path {0};
    server {{
        listen 127.0.0.1:{1};
        location / {{ return 200; }}
    }}
}}
"""


@contextlib.contextmanager
def fast(directory):
    """A provider that answers at once: the settings of a sender, and a function that returns when each request came."""
    port = free_port()
    (directory / "nginx.conf").write_text(FAST.format(directory, port))
    (directory / "template.json").write_text(json.dumps({
        "url": f"http://127.0.0.1:{port}/", "json": {"to": "{number}", "text": "{text}"},
        "answers": [{"status": 200, "is": "sent"}]}))
    with subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", directory, "-c", directory / "nginx.conf"],
                          stderr=subprocess.DEVNULL) as nginx:
        try:
            yield ({"CAMPAIGN_GATEWAY": "http", "CAMPAIGN_GATEWAY_TEMPLATE": str(directory / "template.json")},
                   lambda: sorted(float(line) for line in (directory / "times").read_text().split()))
        finally:
            nginx.terminate()


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


def test_a_gateway_is_not_asked_faster(stack, tmp_path):
    """R5.4: counted where the requests arrive, with a provider that takes 50 ms, two senders, and more in flight
    than the limit needs."""
    with Slow(tmp_path) as provider, senders(stack, 2, **provider.settings(20)), stack.settings(campaign__batch_size="10"):
        campaign_id = limited(stack, make_numbers(500, seed=868), 150, ordered=False)
        campaigns.wait_for_status(stack, campaign_id, "sent")
    assert len(provider.times) == 500
    assert_never_faster(sorted(provider.times), 150)


def test_whatever_happens_it_is_not_made_up_for(stack):
    """R5.4: a change from the lowest limit to a high one, a canary, a barrier between VIP and NORMAL, a pause, a window that
    closes and opens: neither more at once than the limit allows, nor a campaign that stands still."""
    rate = 400
    campaign_id = draft(stack, make_numbers(1500, seed=869), 0.01, vips=make_numbers(500, seed=870))
    stack.one("SELECT campaign_canary(%s, 200)", campaign_id)
    campaigns.dispatch(stack, campaign_id)
    wait_until("health says it", lambda: reason(stack, campaign_id).startswith("canary: 0 of 200"))
    stack.one("SELECT campaign_limit(%s, %s)", campaign_id, rate)
    campaigns.wait_for_stored(stack, campaign_id, 550)
    stack.one("SELECT campaign_pause(%s)", campaign_id)
    # Whatever of it was in the queue is left out by then.
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    campaigns.wait_for_stored(stack, campaign_id, 700)
    close_window(stack, campaign_id)
    campaigns.wait_until_handled(stack, [campaigns.queue_of(campaign_id)])
    open_window(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert_never_faster(times_of(stack, campaign_id), rate)


def windows(times, seconds=10):
    """The fewest and the most in any ten seconds from the first one to the last."""
    starts = [start for start in times if start + seconds <= times[-1]]
    counts = [bisect.bisect_left(times, start + seconds) - bisect.bisect_left(times, start) for start in starts]
    return min(counts), max(counts)


def assert_even(what, times, rate, tolerance=0.05):
    """Shows what any ten seconds had, and fails if that is too much or too little."""
    fewest, most = windows(times)
    print(f"\n| {what} | {rate:g} | {fewest} to {most} | {10 * fewest / rate - 100:+.1f} to {10 * most / rate - 100:+.1f} % |")
    assert (1 - tolerance) * 10 * rate - 1 <= fewest and most <= (1 + tolerance) * 10 * rate + 1


if "RATE_SECONDS" in os.environ:
    SECONDS = int(os.environ["RATE_SECONDS"])

    @pytest.mark.parametrize("rate, count, ordered", [
        (0.5, 1, True), (50, 1, True), (500, 1, True), (5000, 1, True),
        (50, 5, False), (500, 5, False), (500, 1, False), (5000, 1, False), (5000, 5, False)])
    def test_any_ten_seconds(stack, rate, count, ordered):
        """R5.4: within 5 %, by the times in MongoDB."""
        with senders(stack, count):
            campaign_id = limited(stack, make_numbers(int(rate * SECONDS), seed=867), rate, ordered=ordered)
            campaigns.wait_for_status(stack, campaign_id, "sent", timeout=600)
        assert_even(f"store, {count}, {'ordered' if ordered else 'unordered'}", times_of(stack, campaign_id), rate)

    @pytest.mark.parametrize("rate, count, ordered, in_flight", [
        (10, 1, True, 1), (50, 1, True, 8), (50, 5, False, 8), (500, 1, False, 50), (500, 5, False, 20)])
    def test_any_ten_seconds_at_a_provider(stack, tmp_path, rate, count, ordered, in_flight):
        """R5.4: the same with a provider that takes 50 ms, by the times at which the requests arrive."""
        with Slow(tmp_path) as provider, senders(stack, count, **provider.settings(in_flight)), \
                stack.settings(campaign__batch_size="10"):
            campaign_id = limited(stack, make_numbers(rate * SECONDS, seed=867), rate, ordered=ordered)
            campaigns.wait_for_status(stack, campaign_id, "sent", timeout=600)
        assert_even(f"http, {count}, {'ordered' if ordered else 'unordered'}", sorted(provider.times), rate)

    @pytest.mark.parametrize("count", [1, 5])
    def test_any_ten_seconds_at_a_fast_provider(stack, tmp_path, count):
        """R5.4: the same at 5,000 a second with one that answers at once."""
        with fast(tmp_path) as (settings, times), senders(stack, count, CAMPAIGN_IN_FLIGHT="50", **settings), \
                stack.settings(campaign__batch_size="50"):
            campaign_id = limited(stack, make_numbers(5000 * SECONDS, seed=867), 5000, ordered=False)
            campaigns.wait_for_status(stack, campaign_id, "sent", timeout=600)
        assert len(times()) == 5000 * SECONDS
        assert_even(f"http, {count}, unordered", times(), 5000)

    @pytest.mark.parametrize("rate, count, ordered, in_flight", [(500, 1, True, 50), (5000, 1, False, 1000), (5000, 5, False, 200)])
    def test_any_ten_seconds_simulated(stack, rate, count, ordered, in_flight):
        """R5.4: the same with a simulated one that takes 50 ms on average, by the times at which they are sent."""
        with senders(stack, count, CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN="50", CAMPAIGN_DEVIATION="10", CAMPAIGN_SEED="7",
                     CAMPAIGN_IN_FLIGHT=str(in_flight)), stack.settings(campaign__batch_size="50"):
            campaign_id = limited(stack, make_numbers(rate * SECONDS, seed=867), rate, ordered=ordered)
            campaigns.wait_for_status(stack, campaign_id, "sent", timeout=600)
        assert_even(f"simulate, {count}, {'ordered' if ordered else 'unordered'}", times_of(stack, campaign_id, field="sent_at"), rate)

    @pytest.mark.parametrize("rate", [50, 500, 5000])
    def test_any_ten_seconds_with_vips(stack, rate):
        """R5.4: half of them VIP. Never more, also over the barrier; not less on either side of it."""
        numbers = make_numbers(2 * rate * SECONDS, seed=867)
        campaign_id = limited(stack, numbers[::2], rate, vips=numbers[1::2])
        campaigns.wait_for_status(stack, campaign_id, "sent", timeout=600)
        for name in ("VIP", "NORMAL"):
            assert_even(f"store, {name}", times_of(stack, campaign_id, **{"class": name}), rate)
        assert windows(times_of(stack, campaign_id))[1] <= 1.05 * 10 * rate + 1
