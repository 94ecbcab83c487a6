"""figures.py - what is measured, and against what.

Every measurement yields its figures, then fills them. Product and ceiling take turns, so that a
noisy neighbour hits both; the best round of each makes the ratio. What a ratio
leaves out of the clock and why is said here and in docs/performance.md.
"""
import time

import campaigns
import consumers
import eta
import gateway
import indexes
import hostile
import jobs
import life
import pause
import proof
import signup
import sizes
import suppression
import texts
import unchanged
import uploads
from private_stack import Unmeasured
from report import Figure, percentile

WORKER_BATCH = 250          # recipients of a body, campaign.batch_size's default
LATENCY_CAMPAIGNS = 120
LATENCY_NUMBERS = 5
WARM_UP = 1_000             # numbers of a campaign that nobody measures
MEMORY_SMALL = 10_000
MEMORY_LIMIT_MIB = 64
HASHES = 16
ATTRIBUTES = 6              # of a recipient, as generated records have them
WAITING_SHARE = 50          # a campaign that waits for so many numbers of BENCH_N
WAITING_S = 25              # more than two stall timeouts; the short form: a fifth
WAITING_SLOWEST_RATE = 200  # campaigns a second that are published
WAITING_SAMPLE = 100        # campaigns: their queues are all queues
BLOCKED_BATCH = 5           # two batches of it are as far as one may be ahead of the store


def shape(document):
    """Names, types and sizes of a document's fields, in order."""
    return [
        (name, type(value).__name__, len(value) if isinstance(value, (str, bytes)) else None)
        for name, value in document.items()
    ]


def check_same_documents(stack, campaign_id):
    """The ceiling inserts what the product stores, or the ratio means nothing."""
    stack.tool("raw_mongo", stack.mongo.name, "raw", campaign_id, campaigns.TEXT, 1, 1)
    ceiling = stack.mongo["raw"].find_one()
    product = stack.mongo["messages"].find_one({"_id": ceiling["_id"]})
    if product is None or shape(product) != shape(ceiling):
        raise Unmeasured(f"documents differ: {product} and {ceiling}")


def run_campaign(stack, count, memory=None, make=campaigns.make, index=()):
    """Rate of one campaign from dispatch to `sent`, into a collection that was emptied, with these indexes."""
    stack.fresh_collection("messages")
    for field in index:
        stack.mongo["messages"].create_index(field)
    campaign_id = make(stack, count)
    before = campaigns.notice_loss(stack, campaign_id)
    stack.settle()
    seconds = campaigns.dispatch(stack, campaign_id, memory=memory)
    stored = stack.mongo["messages"].estimated_document_count() - before
    if stored != count:
        raise Unmeasured(f"{stored} documents of {count} are stored")
    return campaign_id, count / seconds


def end_to_end(stack, count, rounds):
    figure = Figure(f"end to end, {count:,} numbers", "msg/s", goal=0.80)
    yield figure
    run_campaign(stack, WARM_UP)
    for place in range(rounds):
        campaign_id, rate = run_campaign(stack, count)
        if place == 0:
            stack.fresh_collection("raw")
            check_same_documents(stack, campaign_id)
        figure.product.append(rate)
        figure.ceiling.append(campaigns.store_bare(stack, campaign_id, count))
    figure.note = f"best {count / figure.best:.2f} s from dispatch to `sent`"


def with_attributes(stack, count, rounds):
    """Recipients that bring something (message version 2) and those that do not take turns."""
    figure = Figure(f"attributes end to end ÷ plain, {count:,} numbers", "msg/s")
    yield figure
    run_campaign(stack, WARM_UP, make=campaigns.make_with_attributes)
    for _ in range(rounds):
        campaign_id, rate = run_campaign(stack, count, make=campaigns.make_with_attributes)
        one = stack.mongo["messages"].find_one({"campaign_id": campaign_id})
        if len(one.get("attributes", {})) != ATTRIBUTES:
            raise Unmeasured(f"attributes are missing: {one}")
        figure.product.append(rate)
        figure.ceiling.append(run_campaign(stack, count)[1])


def singles(count):
    """Fewer of the messages that take the broker's time one by one."""
    return max(count // 5, min(count, 20_000))


def one_per_body(stack, count, rounds):
    count = singles(count)
    figure = Figure(f"one recipient per body, {count:,}", "msg/s", goal=0.72)
    yield figure
    stack.set("campaign.batch_size", 1)
    try:
        run_campaign(stack, WARM_UP)
        for _ in range(rounds):
            figure.product.append(run_campaign(stack, count)[1])
            figure.ceiling.append(count / stack.tool("raw_amqp", "flow", count, 1, campaigns.TEXT))
    finally:
        stack.set("campaign.batch_size", WORKER_BATCH)


def run_publishing(stack, count, batch):
    """
    Nothing consumes, as with the ceiling. All but the last number count as stored
    beforehand: that lifts the limit on publishing ahead of the store, and the
    campaign cannot become `sent`, so that `published` is seen.
    """
    campaign_id = campaigns.make(stack, count)
    report = "SELECT campaign.report_stored(%s, '{NORMAL}', %s::bigint[], %s::bigint[])"
    stack.sql("UPDATE campaign.progress SET stored = int8multirange(int8range(1, %s))"
              " WHERE campaign_id = %s", count, campaign_id)
    stack.settle()
    seconds = campaigns.dispatch(stack, campaign_id, until="published")
    bodies = stack.purge(campaigns.queue_of(stack, campaign_id))
    stack.sql(report, [campaign_id], [count], [count])
    if bodies != -(-count // batch):
        raise Unmeasured(f"{bodies} bodies of {count} numbers are in the queue")
    return count / seconds


def publishing(stack, count, rounds):
    sizes = ((WORKER_BATCH, count), (1, singles(count)))
    rows = [
        (batch, size, Figure(f"worker publishing, {batch} a body, {size:,}", "msg/s", goal=0.85))
        for batch, size in sizes
    ]
    yield from (figure for _, _, figure in rows)
    stack.stop("consumer")
    try:
        for batch, size, figure in rows:
            bodies = -(-size // batch)
            stack.set("campaign.batch_size", batch)
            for _ in range(rounds):
                figure.product.append(run_publishing(stack, size, batch))
                seconds = stack.tool("raw_amqp", "publish", bodies, batch, campaigns.TEXT)
                figure.ceiling.append(size / seconds)
    finally:
        stack.set("campaign.batch_size", WORKER_BATCH)
        stack.start("consumer")


def empty_recipients(stack):
    stack.sql("TRUNCATE campaign.recipients, campaign.uploads")
    stack.sql("CHECKPOINT")


def importing(stack, count, rounds):
    yield from importing_as(stack, count, rounds, Figure(f"import, {count:,} numbers", "rows/s", goal=0.90),
                            "upload", "copy")


def importing_table(stack, count, rounds):
    yield from importing_as(stack, count, rounds,
                            Figure(f"import of a table, {count:,} rows", "rows/s", goal=0.70),
                            "table", "table-copy")


def importing_as(stack, count, rounds, figure, product, ceiling):
    yield figure
    for _ in range(rounds):
        campaign_id = stack.value("SELECT campaign_create('bench', %s)", campaigns.TEXT)
        empty_recipients(stack)
        figure.product.append(count / stack.tool("import", product, campaign_id, count))
        empty_recipients(stack)
        figure.ceiling.append(count / stack.tool("import", ceiling, campaign_id, count))
        stored = stack.value("SELECT count(*) FROM campaign.recipients")
        if stored != count:
            raise Unmeasured(f"COPY stored {stored} of {count} rows")
    empty_recipients(stack)


def timed(stack, query, *values):
    """Seconds of a query that a client waits for; what the network adds is nothing here."""
    started = time.monotonic()
    stack.sql(query, *values)
    return time.monotonic() - started


def identifiers(stack, count, rounds):
    in_sql = Figure("cuid2() in SQL ÷ in C", "ids/s")
    series = Figure("recipients' ids ÷ bare SHA3-512", "ids/s")
    yield from (in_sql, series)
    count = max(20_000, min(count, 300_000))
    query = "SELECT count(cuid2()) FROM generate_series(1, %s)"
    for _ in range(rounds):
        in_sql.product.append(count / timed(stack, query, count))
        in_sql.ceiling.append(count / stack.tool("raw_hashes", "generate", count))
        series.product.append(count / stack.tool("raw_hashes", "series", count))
        series.ceiling.append(count / stack.tool("raw_hashes", "sha3", count))


def passwords(stack, _count, rounds):
    figure = Figure("password_hash() ÷ libargon2", "hashes/s")
    yield figure
    query = "SELECT count(password_hash('correct horse ' || i)) FROM generate_series(1, %s) AS i"
    for _ in range(rounds):
        figure.product.append(HASHES / timed(stack, query, HASHES))
        figure.ceiling.append(HASHES / stack.tool("raw_hashes", "argon2id", HASHES))


def latency(stack, _count, _rounds):
    figures = [
        Figure(f"commit to `sent`, {LATENCY_NUMBERS} numbers, p{share}", "ms", limit=limit)
        for share, limit in ((50, 100), (99, None))
    ]
    yield from figures
    stack.settle()
    times = []
    for _ in range(LATENCY_CAMPAIGNS):
        campaign_id = campaigns.make(stack, LATENCY_NUMBERS)
        times.append(1000 * campaigns.dispatch(stack, campaign_id))
    figures[0].product.append(percentile(times, 50))
    figures[1].product.append(percentile(times, 99))
    figures[0].note = (
        f"{LATENCY_CAMPAIGNS} campaigns one after the other, {min(times):.1f}..{max(times):.1f} ms"
    )


def make_waiting(stack, count, numbers=1, status="published"):
    """So many campaigns that have come to a status and, without a consumer, no further; their ids."""
    made = stack.value(
        "SELECT array_agg(campaign_send('bench', %s, %s)) FROM generate_series(1, %s)",
        campaigns.TEXT, "\n".join(map(campaigns.phone, range(1, numbers + 1))), count)
    deadline = time.monotonic() + campaigns.PATIENCE_S + count / WAITING_SLOWEST_RATE
    while stack.value("SELECT count(*) FROM campaign.campaigns WHERE status = %s", status) < count:
        if time.monotonic() > deadline:
            raise Unmeasured(f"{count} campaigns are not {status}")
        time.sleep(0.1)
    return made


def end_worker(stack):
    """Seconds until the worker is gone that was told to go."""
    pid = stack.worker_pid()
    started = time.monotonic()
    stack.sql("SELECT pg_terminate_backend(%s)", pid)
    while stack.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid) > 0:
        time.sleep(0.001)
    return time.monotonic() - started


def beside_waiting(stack, figures, seconds, make):
    """
    Beside campaigns that wait for a consumer. The longest turns are those in which all of them are
    suspected lost, so the long form has time for two such.
    """
    stack.stop("consumer")
    made = []
    try:
        made = make()
        stack.settle()
        times = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            made.append(campaigns.make(stack, LATENCY_NUMBERS))
            times.append(1000 * campaigns.dispatch(stack, made[-1], until="published"))
        figures[0].product.append(percentile(times, 50))
        figures[1].product.append(percentile(times, 99))
        figures[0].note = f"{len(times)} campaigns, {min(times):.1f}..{max(times):.1f} ms"
        figures[2].product.append(1000 * end_worker(stack))
    finally:
        stack.sql("SELECT count(campaign_cancel(id)) FROM unnest(%s) AS id", made)
        for queue in {campaigns.queue_of(stack, one) for one in made[:WAITING_SAMPLE]}:
            stack.purge(queue)
        stack.start("consumer")


def waiting_figures(what):
    return [
        Figure(f"dispatch to `published`, {what}, p50", "ms", limit=100),
        Figure(f"dispatch to `published`, {what}, p99", "ms", limit=100),
        Figure(f"end of the worker, {what}", "ms", limit=1000),
    ]


def waiting_seconds(count):
    return WAITING_S if count >= campaigns.LONG_FORM else WAITING_S // 5


def waiting(stack, count, _rounds):
    """Beside campaigns that are published completely."""
    seconds, count = waiting_seconds(count), count // WAITING_SHARE
    figures = waiting_figures(f"{count:,} waiting")
    yield from figures
    beside_waiting(stack, figures, seconds, lambda: make_waiting(stack, count))


def unfinished(stack, count, _rounds):
    """Beside campaigns that are as far ahead of the store as they may be, and not at their end."""
    seconds, count = waiting_seconds(count), count // WAITING_SHARE
    figures = waiting_figures(f"{count:,} half published")
    yield from figures
    stack.set("campaign.batch_size", BLOCKED_BATCH)
    try:
        beside_waiting(stack, figures, seconds, lambda: make_waiting(
            stack, count, 2 * BLOCKED_BATCH + 1, "publishing"))
    finally:
        stack.set("campaign.batch_size", WORKER_BATCH)


def memory(stack, count, _rounds):
    sizes = (MEMORY_SMALL, count)
    rows = [
        (name, field, size, Figure(f"{name} {text}, {size:,}", "MiB", limit=limit))
        for name, field, text, limit in (
            ("worker", "RssAnon", "own memory, peak", MEMORY_LIMIT_MIB),
            ("worker", "VmHWM", "with shared memory, peak", None),
            ("consumer", "VmHWM", "memory, peak", MEMORY_LIMIT_MIB),
        )
        for size in sizes
    ]
    yield from (figure for _, _, _, figure in rows)
    # New processes: their peaks are those of these campaigns alone.
    stack.stop("consumer")
    stack.start("consumer")
    stack.stop("worker")
    stack.start("worker")
    for size in sizes:
        watch = campaigns.Memory(stack)
        run_campaign(stack, size, memory=watch)
        watch.sample()
        for name, field, of_size, figure in rows:
            if of_size == size:
                figure.product.append(watch.peaks[name][field])


def verify(stack, count, rounds):
    yield from proof.measure(stack, count, rounds, run_campaign)


def size(stack, count, rounds):
    yield from sizes.measure(stack, count, rounds, run_campaign, WORKER_BATCH)


def in_other_languages(stack, count, rounds):
    yield from consumers.measure(stack, count, rounds, run_campaign, WARM_UP)


def with_indexes(stack, count, rounds):
    yield from indexes.measure(stack, count, rounds, run_campaign)


ALL = {
    "import": importing,
    "import-table": importing_table,
    "identifiers": identifiers,
    "passwords": passwords,
    "memory": memory,
    "sizes": size,
    "end-to-end": end_to_end,
    "attributes": with_attributes,
    "run": life.run,
    "scale": life.scale,
    "eta": eta.measure,
    "one-per-body": one_per_body,
    "publishing": publishing,
    "latency": latency,
    "verify": verify,
    "waiting": waiting,
    "unfinished": unfinished,
    "jobs": jobs.throughput,
    "job-snapshot": jobs.snapshot,
    "job-latency": jobs.latency,
    "pause": pause.latency,
    "sign-ups": signup.latency,
    "mail-snapshot": signup.mail_snapshot,
    "indexes": with_indexes,
    "texts": texts.measure,
    "suppression": suppression.measure,
    "gateway": gateway.measure,
    "uploads": uploads.measure,
    "unchanged": unchanged.measure,
    "hostile": hostile.measure,
    "consumers": in_other_languages,
}
