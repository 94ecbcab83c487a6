"""campaigns.py - campaigns of the benchmark: made, dispatched, watched, and how much
memory the two programs take meanwhile.

Must never start the clock before everything that belongs to the import is over.
"""
import hashlib
import pathlib
import time

from private_stack import Unmeasured

LONG_FORM = 100_000      # of BENCH_N; with fewer a figure is shown to work, in as little time as it can
CONSUMER_BATCH = 2000    # documents of an insert, the consumer's default
TEXT = "Olá! Sua fatura vence amanhã. Responda SAIR para não receber mais mensagens."
POLL_MIN_S = 0.001
POLL_MAX_S = 0.02
POLL_SHARE = 0.01       # of the time so far: exact enough, and looking takes time, too
SAMPLE_S = 0.02
PATIENCE_S = 20
ATTRIBUTES_CHUNK = 25_000
SMALL = 100             # numbers of a campaign that only has to be noticed
SLOWEST_RATE = 1000     # numbers a second; a campaign that is slower counts as stuck
KIB_IN_MIB = 1024


def phone(seq):
    """The same numbers as test/bench/sample.h."""
    return f"+{5511900000000 + seq * 61803399 % 100000000}"


def make(stack, count):
    """A draft of so many numbers; its id."""
    campaign_id = stack.value("SELECT campaign_create('bench', %s)", TEXT)
    numbers = "\n".join(phone(seq) for seq in range(1, count + 1))
    answer = stack.value("SELECT campaign_upload(%s, %s::text)", campaign_id, numbers)
    if answer["accepted"] != count:
        raise Unmeasured(f"{answer['accepted']} of {count} numbers were accepted")
    return campaign_id


def make_with_attributes(stack, count):
    """The same with attributes like those of a generated record; its id."""
    campaign_id = stack.value("SELECT campaign_create('bench', %s)", TEXT)
    for first in range(1, count + 1, ATTRIBUTES_CHUNK):
        stack.sql("""
            SELECT campaign.recipients_add(%s, array_agg('NORMAL'::campaign.recipient_class),
                array_agg('+' || 5511900000000 + n * 61803399 %% 100000000), NULL,
                array_agg(jsonb_build_object('id', n, 'customer', 'Maria Oliveira', 'amount', 1234.56,
                    'tier', 'GOLD', 'observations', '', 'status', 'pendente') ORDER BY n))
            FROM generate_series(%s::bigint, %s) AS n""",
            campaign_id, first, min(first + ATTRIBUTES_CHUNK - 1, count))
    return campaign_id


def place(campaign_id):
    """Where its documents lie in the collection: docs/contract says how `_id` begins."""
    return hashlib.sha256(campaign_id.encode()).digest()


def notice_loss(stack, campaign_id):
    """
    Sends two small campaigns through the queue of another one, so that its lane of the consumer notices
    now, and not on the clock, that what it stored before is gone. How many documents that adds.

    One of them lies before the other one and one behind it, because nearly every campaign is stored between
    others: MongoDB takes documents faster at the end of a collection, where it splits pages without writing them.
    """
    queue, sides = queue_of(stack, campaign_id), set()
    while len(sides) < 2:
        small = stack.value("SELECT campaign_create('bench', %s)", TEXT)
        side = place(small) < place(campaign_id)
        if side in sides or queue_of(stack, small) != queue:
            continue
        sides.add(side)
        stack.sql("SELECT campaign_upload(%s, %s::text)", small, "\n".join(map(phone, range(1, SMALL + 1))))
        dispatch(stack, small)
    return len(sides) * SMALL


def resident(pid):
    """Memory of a process by name of /proc/PID/status, in MiB."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, text = line.partition(":")
        if name in ("VmHWM", "RssAnon", "RssShmem", "RssFile"):
            fields[name] = int(text.split()[0]) / KIB_IN_MIB
    return fields


class Memory:
    """Peaks of worker and consumer. The kernel keeps VmHWM; RssAnon is sampled."""

    def __init__(self, stack):
        self.pids = {"worker": stack.worker_pid(), "consumer": stack.consumer_pid()}
        self.peaks = {name: {} for name in self.pids}
        self.sampled_at = 0

    def sample(self):
        now = time.monotonic()
        if now - self.sampled_at < SAMPLE_S:
            return
        self.sampled_at = now
        for name, pid in self.pids.items():
            for field, value in resident(pid).items():
                self.peaks[name][field] = max(value, self.peaks[name].get(field, 0))


def dispatch(stack, campaign_id, until="sent", memory=None):
    """Seconds from asking for dispatch and commit until a client sees the status."""
    total = stack.value("SELECT total FROM campaign.campaigns WHERE id = %s", campaign_id)
    patience_s = PATIENCE_S + total / SLOWEST_RATE
    started = time.monotonic()
    stack.sql("SELECT campaign_dispatch(%s)", campaign_id)
    while True:
        status = stack.value("SELECT status FROM campaign.campaigns WHERE id = %s", campaign_id)
        now = time.monotonic()
        if status == until:
            return now - started
        if status not in ("queued", "publishing", "published"):
            raise Unmeasured(f"campaign {campaign_id} is {status}")
        if now > started + patience_s:
            raise Unmeasured(f"campaign {campaign_id} is still {status} after {patience_s:.0f} s")
        if memory is not None:
            memory.sample()
        time.sleep(min(max(POLL_SHARE * (now - started), POLL_MIN_S), POLL_MAX_S))


def queue_of(stack, campaign_id):
    """The queue that a campaign's messages go to: lib/contract/message.h says how it is found."""
    return stack.value(
        "SELECT 'campaign.messages.' ||"
        " (('x' || left(encode(sha256(%s::bytea), 'hex'), 8))::bit(32)::bigint %% 4)",
        campaign_id,
    )


def store_bare(stack, campaign_id, count):
    """
    Rate at which MongoDB takes the same documents from a loop that does nothing else, between as many of other
    campaigns as the product found there.
    """
    stack.fresh_collection("raw")
    found = stack.mongo["messages"].find
    stack.mongo["raw"].insert_many([*found(sort=[("_id", 1)], limit=SMALL), *found(sort=[("_id", -1)], limit=SMALL)])
    stack.settle()
    return count / stack.tool("raw_mongo", stack.mongo.name, "raw", campaign_id, TEXT, count, CONSUMER_BATCH)
