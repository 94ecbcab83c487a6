"""sizes.py - what a campaign takes of queues and disks: bytes of a body, of a document, and of a recipient's row.

Must never compare a full store with one whose files are still in memory: MongoDB writes everything down first.
"""
import pika

import campaigns
from private_stack import Unmeasured
from report import Figure

MIB = 1024 * 1024


def body_length(stack, batch):
    """Bytes of the body of a full batch, as it lies in the queue."""
    stack.stop("consumer")
    try:
        campaign_id = campaigns.make(stack, batch)
        campaigns.dispatch(stack, campaign_id, until="published")
        connection = pika.BlockingConnection(pika.URLParameters(stack.env["AMQP_URL"]))
        try:
            _, _, body = next(connection.channel().consume(
                campaigns.queue_of(stack, campaign_id), inactivity_timeout=campaigns.PATIENCE_S))
        finally:
            connection.close()    # which puts it back
    finally:
        stack.start("consumer")
    if body is None:
        raise Unmeasured("no body is in the queue")
    return len(body)


def measure(stack, count, _rounds, run_campaign, batch):
    body = Figure(f"body of {batch} recipients", "bytes")
    document = Figure(f"document, mean of {count:,}", "bytes")
    store = Figure(f"{count:,} documents on MongoDB's disk", "MiB")
    rows = Figure(f"{count:,} recipients in PostgreSQL, with their key", "MiB")
    yield from (body, document, store, rows)
    body.product.append(body_length(stack, batch))
    stack.sql("TRUNCATE campaign.recipients, campaign.uploads")
    run_campaign(stack, count)
    stack.mongo.client.admin.command("fsync")
    found = stack.mongo.command("collStats", "messages")
    document.product.append(found["size"] / found["count"])
    store.product.append((found["storageSize"] + found["totalIndexSize"]) / MIB)
    rows.product.append(stack.value("SELECT pg_total_relation_size('campaign.recipients')") / MIB)
