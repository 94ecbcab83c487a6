"""proof.py - a proof of a campaign, beside a bare read of its documents with as many hashes.

Must never measure a proof that found a difference.
"""
import contextlib
import subprocess
import time

from campaigns import SAMPLE_S, resident
from private_stack import ROOT, Unmeasured
from report import Figure

SECONDS_MAX = 5             # for a million documents
MEMORY_LIMIT_MIB = 64


def run_verify(stack, campaign_id):
    """Seconds and peak memory (MiB) of `campaign-consumer --verify`."""
    environment = dict(stack.env, DATABASE_URL=stack.env["CONSUMER_DATABASE_URL"])
    peak = 0
    started = time.monotonic()
    with subprocess.Popen([ROOT / "build" / "campaign-consumer", "--verify", campaign_id],
                          env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                peak = max(peak, resident(process.pid).get("VmHWM", 0))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_S)
        seconds = time.monotonic() - started
    if process.returncode != 0:
        raise Unmeasured(f"campaign {campaign_id} is not proved")
    return seconds, peak


def measure(stack, count, rounds, run_campaign):
    rate = Figure(f"proof, {count:,} documents ÷ a bare read with hashes", "docs/s")
    longest = Figure(f"proof, {count:,} documents, longest", "s",
                     limit=SECONDS_MAX * max(count / 1_000_000, 0.1))
    memory = Figure(f"proof, {count:,} documents, memory, peak", "MiB", limit=MEMORY_LIMIT_MIB)
    yield from (rate, longest, memory)
    campaign_id, _ = run_campaign(stack, count)
    documents = stack.mongo["messages"].count_documents({})
    for _ in range(rounds):
        seconds, peak = run_verify(stack, campaign_id)
        rate.product.append(count / seconds)
        longest.product.append(seconds)
        memory.product.append(peak)
        rate.ceiling.append(documents / stack.tool("raw_proof", stack.mongo.name, "messages", documents))
    rate.note = f"longest {max(longest.product):.2f} s"
