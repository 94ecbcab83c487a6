"""life.py - a generated run with VIP priority beside the figures that it has to beat, and whether ten
times as many messages cost the same each.

Must never count a run that was not stored completely.
"""
import pathlib
import statistics
import time

import campaigns
from private_stack import Unmeasured
from report import Figure

SEED = 7
GENERATED_A_SECOND = 1_000_000 / 27     # to beat: 27 s for a million records
VIP_A_SECOND = 3_500
NORMAL_A_SECOND = 1_400
MEMORY_MIB = 1_024
TIMES_AS_MANY = 10
MOST_TIMES_THE_COST = 1.1
UPLOAD_CHUNK = 1_000_000
MEMORY_LIMIT_MIB = 64


def wait_until_done(stack, campaign_id, count, memory):
    deadline = time.monotonic() + campaigns.PATIENCE_S + count / campaigns.SLOWEST_RATE
    while True:
        status = stack.value("SELECT campaign_run_status(%s)", campaign_id)
        if status["phase"] == "DONE":
            return status
        if status["phase"] in ("ABORTED", "ERROR") or time.monotonic() > deadline:
            raise Unmeasured(f"the run of {campaign_id} is in phase {status['phase']}")
        memory.sample()
        time.sleep(campaigns.POLL_MAX_S)


def run(stack, count, rounds):
    """Beside the figures to beat, as ceilings: the ratio says how many times as fast it is."""
    generating = Figure(f"generating {count:,} records ÷ to beat", "records/s", goal=1.0)
    vip = Figure(f"run of {count:,}, VIP stored ÷ to beat", "msg/s", goal=1.0)
    normal = Figure(f"run of {count:,}, NORMAL stored ÷ to beat", "msg/s", goal=1.0)
    peak = Figure(f"run of {count:,}, worker's own and consumer's memory, peak", "MiB", limit=MEMORY_MIB)
    yield from (generating, vip, normal, peak)
    for _ in range(rounds):
        stack.fresh_collection("messages")
        stack.settle()
        campaign_id = stack.value("SELECT campaign_create('bench run', %s)", campaigns.TEXT)
        before = campaigns.notice_loss(stack, campaign_id)
        memory = campaigns.Memory(stack)
        stack.sql("SELECT campaign_generate(%s, %s, %s, dispatch => true)", campaign_id, count, SEED)
        status = wait_until_done(stack, campaign_id, count, memory)
        stored = stack.mongo["messages"].estimated_document_count() - before
        if stored != count:
            raise Unmeasured(f"{stored} documents of {count} are stored")
        for figure, value, to_beat in (
            (generating, 1000 * count / max(status["generationTimeMs"], 1), GENERATED_A_SECOND),
            (vip, float(status["throughput"]["vip"]), VIP_A_SECOND),
            (normal, float(status["throughput"]["normal"]), NORMAL_A_SECOND),
        ):
            figure.product.append(value)
            figure.ceiling.append(to_beat)
        peak.product.append(memory.peaks["worker"]["RssAnon"] + memory.peaks["consumer"]["VmHWM"])
    generating.note = f"at best {count / generating.best:.1f} s, {status['totalTimeMs'] / 1000:.1f} s to `DONE`"


def make(stack, count):
    """A draft of so many numbers, uploaded in pieces."""
    campaign_id = stack.value("SELECT campaign_create('bench', %s)", campaigns.TEXT)
    for first in range(1, count + 1, UPLOAD_CHUNK):
        last = min(first + UPLOAD_CHUNK - 1, count)
        numbers = "\n".join(campaigns.phone(seq) for seq in range(first, last + 1))
        stack.sql("SELECT campaign_upload(%s, %s::text)", campaign_id, numbers)
    total = stack.value("SELECT total FROM campaign.campaigns WHERE id = %s", campaign_id)
    if total != count:
        raise Unmeasured(f"{total} of {count} numbers were accepted")
    return campaign_id


def processor_seconds(stack):
    """What worker and consumer have used so far."""
    used = 0
    for pid in (stack.worker_pid(), stack.consumer_pid()):
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            used += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return used / 1e9


def in_turn(stack, count, campaigns_count):
    """Microseconds a message of campaigns of this size, one behind the other, into one collection."""
    stack.fresh_collection("messages")
    ids = [make(stack, count) for _ in range(campaigns_count)]
    before = sum(campaigns.notice_loss(stack, campaign_id) for campaign_id in ids)
    stack.settle()
    seconds = sum(campaigns.dispatch(stack, campaign_id) for campaign_id in ids)
    stored = stack.mongo["messages"].estimated_document_count() - before
    if stored != campaigns_count * count:
        raise Unmeasured(f"{stored} documents of {campaigns_count * count} are stored")
    return 1e6 * seconds / (campaigns_count * count)


def one_size(stack, count):
    """Microseconds a message from dispatch to `sent`, of the two processes, and of bare inserts; and memory."""
    stack.fresh_collection("messages")
    campaign_id = make(stack, count)
    before = campaigns.notice_loss(stack, campaign_id)
    stack.settle()
    memory = campaigns.Memory(stack)
    used = processor_seconds(stack)
    seconds = campaigns.dispatch(stack, campaign_id, memory=memory)
    used = processor_seconds(stack) - used
    stored = stack.mongo["messages"].estimated_document_count() - before
    if stored != count:
        raise Unmeasured(f"{stored} documents of {count} are stored")
    bare_us = 1e6 / campaigns.store_bare(stack, campaign_id, count)
    return 1e6 * seconds / count, 1e6 * used / count, bare_us, memory.peaks


def spread(values):
    """Each of some values in turn, for a note."""
    return ", ".join(f"{value:.2f}" for value in values)


def scale(stack, count, _rounds):
    """
    Ten times as many messages: each costs at most a tenth more, and memory stays flat.

    MongoDB writes its files behind what it stores: of one campaign the most part when it is over, of
    ten times as many messages most while they are stored. So the time is also compared with that of as many
    messages in campaigns of the smaller size, one behind the other, and with that of bare inserts. What is compared is
    measured before and after the large campaign, because a virtual machine may become slower or faster in minutes.
    """
    more = TIMES_AS_MANY * count
    times = Figure(f"time a message, {more:,} ÷ {count:,}", "times", limit=MOST_TIMES_THE_COST)
    used = Figure(f"worker's and consumer's CPU a message, {more:,} ÷ {count:,}", "times",
                  limit=MOST_TIMES_THE_COST)
    worker = Figure(f"worker's own memory, peak, {more:,}", "MiB", limit=MEMORY_LIMIT_MIB)
    consumer = Figure(f"consumer's memory, peak, {more:,}", "MiB", limit=MEMORY_LIMIT_MIB)
    beside = Figure("the same ÷ that of bare inserts", "times", limit=MOST_TIMES_THE_COST)
    turns = Figure(f"time a message, {more:,} ÷ {TIMES_AS_MANY} campaigns of {count:,}", "times",
                   limit=MOST_TIMES_THE_COST)
    yield from (times, beside, turns, used, worker, consumer)
    few, turn = [], []
    few.append(one_size(stack, count))
    turn.append(in_turn(stack, count, TIMES_AS_MANY // 2))
    many = one_size(stack, more)
    turn.append(in_turn(stack, count, TIMES_AS_MANY // 2))
    few.append(one_size(stack, count))
    few_us, few_cpu_us, few_bare_us = (statistics.mean(one[place] for one in few) for place in range(3))
    turn_us = statistics.mean(turn)
    many_us, many_cpu_us, many_bare_us, peaks = many
    times.product.append(many_us / few_us)
    turns.product.append(many_us / turn_us)
    beside.product.append(many_us / few_us / (many_bare_us / few_bare_us))
    used.product.append(many_cpu_us / few_cpu_us)
    worker.product.append(peaks["worker"]["RssAnon"])
    consumer.product.append(peaks["consumer"]["VmHWM"])
    turns.note = f"{spread(turn)} and {many_us:.2f} µs"
    times.note = (f"{spread(one[0] for one in few)} and {many_us:.2f} µs, of it CPU {few_cpu_us:.2f} and"
                  f" {many_cpu_us:.2f} µs")
    beside.note = f"bare inserts: {spread(one[2] for one in few)} and {many_bare_us:.2f} µs"
