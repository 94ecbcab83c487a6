"""test_proof_tampering.py - two hundred seeded changes of a campaign's documents in MongoDB: each is
caught, and named (R5.1)."""
import random

from bson import Int64, ObjectId

import campaigns
from proofs import CLASS_NAMES, NORMAL, VIPS, difference, put, send, verify


class Tampering:
    """A seeded change of a campaign's documents, what a proof must say of it, and the way back."""

    def __init__(self, stack, campaign_id, seed):
        self.stack = stack
        self.campaign_id = campaign_id
        self.random = random.Random(seed)
        self.before = []  # (_id, the document or None)
        self.kind = ("delete", "double", "swap", "edit")[seed % 4]

    def pick(self):
        """A message: class and seq, often at an end of a class or of a piece."""
        class_name, total = self.random.choice((("VIP", len(VIPS)), ("NORMAL", len(NORMAL))))
        ends = [1, total] + [end - len(VIPS) for end in (1024, 1025, 2048, 2049)
                             if class_name == "NORMAL"]
        return class_name, Int64(self.random.choice(ends) if self.random.random() < 0.3
                                 else self.random.randint(1, total))

    def write(self, identifier, document):
        """Puts a document in a place, or takes it away; the way back is noted."""
        self.before.append((identifier, self.stack.messages.find_one({"_id": identifier})))
        put(self.stack, identifier, document)

    def undo(self):
        for identifier, document in reversed(self.before):
            put(self.stack, identifier, document)

    def apply(self):
        """Changes something; what a proof must say."""
        class_name, seq = self.pick()
        place = campaigns.document_id(self.campaign_id, seq, class_name)
        document = self.stack.messages.find_one({"_id": place})
        name = {"class": class_name, "seq": seq}
        return getattr(self, self.kind)(place, document, name)

    def delete(self, place, _, name):
        self.write(place, None)
        return name | {"kind": "missing"}

    def double(self, _, document, name):
        """The same document under another _id: behind its class, before it, or of no form."""
        total = len(VIPS) if name["class"] == "VIP" else len(NORMAL)
        seq = self.random.choice((total + 1, total + self.random.randint(2, 10 ** 9), 0, None))
        if seq is None:
            self.write(self.random.choice((ObjectId(), "text", 7)), document)
            return {"kind": "extra", "class": "255", "seq": 0, "field": "_id", "copy_of": name}
        self.write(campaigns.document_id(self.campaign_id, seq, name["class"]), document)
        return {"kind": "extra", "class": name["class"], "seq": seq, "copy_of": name}

    def swap(self, place, document, name):
        """Two documents stand in each other's place; sometimes their seqs go with the places."""
        while True:
            other_class, other_seq = self.pick()
            if {"class": other_class, "seq": other_seq} != name:
                break
        other = {"class": other_class, "seq": other_seq}
        other_place = campaigns.document_id(self.campaign_id, other_seq, other_class)
        there = self.stack.messages.find_one({"_id": other_place})
        if self.random.random() < 0.5:
            document, there = document | other, there | name
        self.write(place, there)
        self.write(other_place, document)
        first, last = sorted((name, other), key=lambda one: (CLASS_NAMES.index(one["class"]),
                                                             one["seq"]))
        return first | {"kind": "out of place", "belongs": last}

    def edit(self, place, document, name):
        """One field has another value, another type, or is gone."""
        field = self.random.choice(("identifier", "phone_number", "message", "campaign_id",
                                    "class", "seq", "deleted", "created_at", "updated_at"))
        value = document[field]
        changed = dict(document)
        way = self.random.randrange(2 if field.endswith("_at") else 4)
        if way == 0:
            del changed[field]
        elif way == 1:
            changed[field] = self.random.choice((None, 7.5, b"x", [value], {"is": value}))
        elif isinstance(value, bool):
            changed[field] = not value
        elif isinstance(value, int):
            changed[field] = value + self.random.choice((-1, 1, 2 ** 40))
        else:
            at = self.random.randrange(len(value))
            changed[field] = self.random.choice((
                value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1:], value[:at] + value[at + 1:],
                value + " ", value + "\0", "", value.swapcase() + "x"))
        self.write(place, changed)
        return name | {"kind": "changed", "field": field}


def test_two_hundred_tamperings(stack):
    """Each is caught and named; without it all is well again."""
    sent = send(stack)
    wrong = []
    for seed in range(200):
        tampering = Tampering(stack, sent, seed)
        try:
            expected = tampering.apply()
            seen = difference(stack, sent)
        finally:
            tampering.undo()
        if seen != expected:
            wrong.append((seed, tampering.kind, expected, seen))
    assert not wrong, f"{len(wrong)} of 200: {wrong[:5]}"
    assert verify(stack, sent)["ok"] is True
