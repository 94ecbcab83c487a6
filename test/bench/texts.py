"""texts.py - what texts cost, counted: a million of them in about a second, and filled in two.

Must never count a text that is in memory as another one's: every text is made for its recipient.
"""
import time

from campaigns import TEXT
from private_stack import Unmeasured
from report import Figure

COUNTED_MAX = 1.5           # seconds for a million texts
FILLED_MAX = 2.5
MESSAGE = "Olá {name}! " + TEXT[5:]


def timed(stack, wanted, query, *values):
    started = time.monotonic()
    found = stack.value(query, *values)
    seconds = time.monotonic() - started
    if found != wanted:
        raise Unmeasured(f"{found} segments, not {wanted}")
    return seconds


def recipients(stack, count):
    """A draft of so many recipients with a name each; its id."""
    campaign_id = stack.value("SELECT campaign_create('bench', %s)", MESSAGE)
    stack.sql("""SELECT campaign.recipients_add(%s, array_agg('NORMAL'::campaign.recipient_class),
                     array_agg('+' || 5511900000000 + g), NULL, array_agg(jsonb_build_object('name', 'Ana ' || g)))
                 FROM generate_series(1, %s) AS g""", campaign_id, count)
    return campaign_id


def measure(stack, count, rounds):
    share = max(count / 1_000_000, 0.05)
    counted = Figure(f"message_segments(), {count:,} texts", "s", limit=COUNTED_MAX * share)
    filled = Figure(f"{count:,} texts filled and counted", "s", limit=FILLED_MAX * share)
    yield from (counted, filled)
    stack.sql("CREATE TABLE IF NOT EXISTS public.bench_texts (text text)")
    stack.sql("TRUNCATE public.bench_texts")
    stack.sql("INSERT INTO public.bench_texts SELECT %s || g FROM generate_series(1, %s) AS g",
              TEXT.replace("á", "à").replace("ã", "a"), count)
    campaign_id = recipients(stack, count)
    stack.settle()
    for _ in range(rounds):
        counted.product.append(timed(
            stack, count, "SELECT sum((message_segments(text) -> 'segments')::bigint)::bigint FROM public.bench_texts"))
        filled.product.append(timed(
            stack, 2 * count, "SELECT (campaign_texts(%s, 0) #>> '{segments,total}')::bigint", campaign_id))
    stack.sql("DROP TABLE public.bench_texts")
