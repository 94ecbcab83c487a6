"""eta.py - how wrong campaign_run_status() is about the time that a run still takes: at full speed, with a limit, and
when the limit changes on the way.

What is said is compared with when the run was over by the server's clock. The ceiling is how wrong one would be who
knew the pace of the whole run beforehand: where the machine is busy, no run is even, and nobody can foresee that. Must
never count what was said before a change that was still to come.
"""
import datetime
import statistics
import time

import campaigns
from private_stack import Unmeasured
from report import Figure

SEED = 7
FEWEST = 500_000        # at full speed: fewer are over before their pace is known
LIMITED_MOST = 300_000  # messages of a limited run
LIMITED_S = 30          # how long its limit makes it take: far longer than at full speed on a busy machine, too
SHORT_S = 5             # the short form
SAMPLE_S = 0.1
SETTLED_S = 2           # after a change the pace is that of the last seconds
FEWEST_ANSWERS = 3
EDGE = 0.1              # of the run's time at its beginning and at its end
MOST_WRONG = 20         # percent


def generated(stack, count):
    """A draft of so many generated records, a quarter of them VIP; its id."""
    campaign_id = stack.value("SELECT campaign_create('bench eta', %s)", campaigns.TEXT)
    stack.sql("SELECT campaign_generate(%s, %s, %s, dispatch => false)", campaign_id, count, SEED)
    deadline = time.monotonic() + campaigns.PATIENCE_S + count / campaigns.SLOWEST_RATE
    while stack.value("SELECT generated_at IS NULL FROM campaign.runs WHERE campaign_id = %s", campaign_id):
        if time.monotonic() > deadline:
            raise Unmeasured(f"{count} records are not generated")
        time.sleep(campaigns.POLL_MAX_S)
    return campaign_id


def watch(stack, campaign_id, seconds, change=None):
    """
    [(when, milliseconds that it is said to take, or None, messages that are processed)] from dispatch to the end, by the
    server's clock, and when it ended. change: (share of the messages, limit): behind that share the limit is another
    one, and only what is said afterwards is kept.
    """
    said, changed_at = [], None
    due = time.monotonic()
    give_up = due + campaigns.PATIENCE_S + 5 * seconds
    stack.sql("SELECT campaign_dispatch(%s)", campaign_id)
    while True:
        at, status = stack.sql("SELECT clock_timestamp(), campaign_run_status(%s)", campaign_id)[0]
        if status["phase"] == "DONE":
            break
        if status["phase"] in ("ABORTED", "ERROR") or time.monotonic() > give_up:
            raise Unmeasured(f"the run of {campaign_id} is in phase {status['phase']}")
        said.append((at, status["eta"]["estimatedMs"], status["progress"]["processedTotal"]))
        if change and not changed_at and status["eta"]["progressPercent"] >= 100 * change[0]:
            stack.sql("SELECT campaign_limit(%s, %s)", campaign_id, change[1])
            changed_at = stack.value("SELECT clock_timestamp()")
        due = max(due + SAMPLE_S, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0))
    if change:
        if changed_at is None:
            raise Unmeasured("it was over before its limit changed")
        settled_at = changed_at + datetime.timedelta(seconds=SETTLED_S)
        said = [one for one in said if one[0] > settled_at]
    return said, stack.value("SELECT sent_at FROM campaign.campaigns WHERE id = %s", campaign_id)


def errors(stack, campaign_id, count, said, ended_at):
    """
    By how many percent each answer of the middle was wrong, the same of whoever knew the pace from the first answer to
    the end, and how many answers were none.
    """
    started_at = stack.value("SELECT queued_at FROM campaign.campaigns WHERE id = %s", campaign_id)
    edge = EDGE * (ended_at - started_at)
    (first_at, _, first), wrong, known, silent = said[0], [], [], 0
    ms_each = 1000 * (ended_at - first_at).total_seconds() / (count - first)
    for at, left_ms, processed in said:
        if not started_at + edge <= at <= ended_at - edge:
            continue
        if left_ms is None:
            silent += 1
            continue
        took_ms = 1000 * (ended_at - at).total_seconds()
        wrong.append(100 * abs(left_ms - took_ms) / took_ms)
        known.append(100 * abs(ms_each * (count - processed) - took_ms) / took_ms)
    if len(wrong) < FEWEST_ANSWERS:
        raise Unmeasured(f"only {len(wrong)} answers in the middle of the run said how long it takes")
    return wrong, known, silent


def one_run(stack, figures, count, per_second=None, change=None):
    """Adds the largest and the median error of a run, without a limit or with one."""
    stack.fresh_collection("messages")
    campaign_id = generated(stack, count)
    if per_second is not None:
        stack.sql("SELECT campaign_limit(%s, %s)", campaign_id, per_second)
    campaigns.notice_loss(stack, campaign_id)
    stack.settle()
    said, ended_at = watch(stack, campaign_id, count / (per_second or campaigns.SLOWEST_RATE), change)
    wrong, known, silent = errors(stack, campaign_id, count, said, ended_at)
    for figure, of in zip(figures, (max, statistics.median)):
        figure.product.append(of(wrong))
        figure.ceiling.append(of(known))
    figures[0].note = f"{len(wrong)} answers of the last round; {silent} times it said nothing"


def pair(what):
    return [Figure(f"error of the time left, {what}, largest", "%", limit=MOST_WRONG),
            Figure(f"error of the time left, {what}, median", "%", limit=MOST_WRONG)]


def measure(stack, count, rounds):
    fast, few = max(count, FEWEST), min(count, LIMITED_MOST)
    seconds = LIMITED_S if count >= campaigns.LONG_FORM else SHORT_S
    per_second = max(few // seconds, 1)
    at_full_speed = pair(f"{fast:,} at full speed")
    limited = pair(f"{few:,} at {per_second:,} a second")
    changed = pair(f"{few:,}, half of that from the middle on")
    yield from (*at_full_speed, *limited, *changed)
    for _ in range(rounds):
        one_run(stack, at_full_speed, fast)
        one_run(stack, limited, few, per_second)
        one_run(stack, changed, few, per_second, change=(0.5, per_second / 2))
