"""test_contract_consumer.py - R0.20: what a consumer of an older version of docs/contract does with a
newer message. All other rules for consumers are in test/conformance.
"""
import json

import campaigns
from batches import OWN, documents
from foreign_consumer import ForeignConsumer


def test_r3_1_a_consumer_of_version_1_refuses_version_2(stack):
    """R3.1: it stores nothing of it, rather than the wrong text; the next consumer stores all."""
    campaigns.wait_until_handled(stack)
    stack.part("stop", "consumer")
    old = ForeignConsumer(stack.env["AMQP_URL"], stack.env["MONGODB_URI"],
                          stack.env["CONSUMER_DATABASE_URL"], versions=(1,))
    with stack.settings(campaign__stall_timeout="3s"):
        try:
            old.start()
            plain = campaigns.send(stack, ["+88800000000001"])
            campaign_id = campaigns.create(stack, ["+88800000000002"], message="for all")
            campaigns.add_recipients(stack, campaign_id, [("NORMAL", "+88800000000003", "own", OWN)])
            campaigns.dispatch(stack, campaign_id)
            letters = campaigns.wait_for_dead_letters(stack, 1)
            campaigns.wait_for_status(stack, plain, "sent")
            assert not documents(stack, campaign_id)
            old.stop()
        finally:
            stack.part("start", "consumer")
        campaigns.wait_for_status(stack, campaign_id, "sent")
    assert not old.failures
    # It is offered again as long as nobody stores it.
    for letter in letters + campaigns.dead_letters(stack):
        assert letter.properties.headers["reason"] and json.loads(letter.body)["version"] == 2
    assert [(one["message"], one.get("attributes")) for one in documents(stack, campaign_id)] == [
        ("for all", None), ("own", OWN)]
