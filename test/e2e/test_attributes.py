"""test_attributes.py - recipients with a text and attributes of their own, from SQL to MongoDB
(R3.1, R3.3): messages of version 2.
"""
import bson

import campaigns

OWN = "Olá \"Ana\" \\ \t\x01 €1.234,50 \U0001F680"
ATTRIBUTES = {"id": 9007199254740993, "customer": "Ana Lúcia \"Lu\" ✓", "amount": 1234.5, "tier": "DIAMOND",
              "tags": ["a", 1, -0.1, True, None, {}, []], "address": {"zip": "01310-100", "n": {"x": 1}}}


def test_r3_1_text_and_attributes_reach_mongodb(stack):
    """R3.1: each recipient gets its own text or the campaign's, and its attributes with their types."""
    campaign_id = campaigns.create(stack, ["+88800000000001"], message="for all")
    campaigns.add_recipients(stack, campaign_id, [("NORMAL", "+88800000000002", OWN, None), ("VIP", "+88800000000003", None, ATTRIBUTES),
                             ("NORMAL", "+88800000000004", OWN, {}), ("NORMAL", "+88800000000005", None, None)])
    campaigns.dispatch(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    documents = campaigns.documents_of(stack, campaign_id)
    assert [(one["phone_number"], one["message"], "attributes" in one) for one in documents] == [
        ("+88800000000003", "for all", True), ("+88800000000001", "for all", False),
        ("+88800000000002", OWN, False), ("+88800000000004", OWN, True), ("+88800000000005", "for all", False)]
    stored = documents[0]["attributes"]
    assert stored == ATTRIBUTES and documents[3]["attributes"] == {}
    assert isinstance(stored["id"], bson.Int64) and isinstance(stored["amount"], float)
    assert isinstance(stored["tags"][1], bson.Int64) and isinstance(stored["tags"][2], float)
    assert list(stored) == sorted(ATTRIBUTES)
