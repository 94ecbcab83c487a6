"""test_proof.py - does MongoDB hold exactly what was sent? Whatever is tampered with is caught, and
named (R5.1)."""
import json
import random
import subprocess
import sys

import pytest
from bson import Binary, ObjectId

import campaigns
import merkle
from campaigns import make_numbers, numbers_file, wait_for_status
from consumers import Consumer, consumer_output, environment
from stack import REPOSITORY
from waiting import wait_until

CHECKER = REPOSITORY / "docs" / "contract" / "check_receipt.py"
VIPS = [f"+996{number:08d}" for number in range(700)]
NORMAL = make_numbers(2_400, seed=401)
CLASS_NAMES = ("VIP", "NORMAL")


def send(stack, *, vips=VIPS, normal=NORMAL, message="Olá, é hoje"):
    """A campaign of two classes that was sent; its id."""
    campaign_id = campaigns.create(stack, normal, message=message)
    if vips:
        stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
                  numbers_file(vips))
    campaigns.dispatch(stack, campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    return campaign_id


@pytest.fixture(scope="module", name="sent")
def _sent(stack):
    return send(stack)


def verify(stack, campaign_id):
    """A proof that was made for this call."""
    answer = stack.one("SELECT campaign_verify(%s, '20 seconds')", campaign_id)
    assert answer["fresh"], answer
    return answer


def difference(stack, campaign_id):
    answer = verify(stack, campaign_id)
    assert answer["ok"] is False and answer["digest"] is None, answer
    return answer["difference"]


def verify_once(stack, campaign_id, **changes):
    return consumer_output("--verify", campaign_id, variables=environment(stack, **changes))


def document_of(stack, campaign_id, class_name, seq):
    return stack.messages.find_one({"_id": campaigns.document_id(campaign_id, seq, class_name)})


def digest_of(documents):
    """What docs/contract makes of documents, computed without the project's code."""
    leaves = [merkle.leaf_bytes(CLASS_NAMES.index(one["class"]), one["seq"], one["identifier"],
                                one["phone_number"], one["message"]) for one in documents]
    return merkle.digest_of(leaves)


def test_digest_is_that_of_the_contract(stack, sent):
    """Another implementation, of the documents as they are, comes to the same digest."""
    answer = verify(stack, sent)
    assert answer["ok"] is True
    assert (answer["expected"], answer["stored"]) == (len(VIPS + NORMAL),) * 2
    assert answer["digest"] == digest_of(campaigns.documents_of(stack, sent)).hex()
    assert answer["difference"] is None and answer["reason"] is None
    assert 0 <= answer["age_seconds"] < 20


def test_verify_on_the_command_line(stack, sent):
    code, output, errors = verify_once(stack, sent)
    assert code == 0, errors
    assert output.startswith(f"ok      campaign {sent}: {len(VIPS + NORMAL)} documents, ")
    assert json.loads(output.partition("documents, ")[2])["digest"] == verify(stack, sent)["digest"]


def test_verify_says_what_is_wrong(stack):
    campaign_id = send(stack, vips=[], normal=NORMAL[:10])
    stack.messages.delete_one({"_id": campaigns.document_id(campaign_id, 4)})
    code, output, _ = verify_once(stack, campaign_id)
    assert code == 1
    assert output.startswith(f"wrong   campaign {campaign_id}: 9 documents, ")
    assert json.loads(output.partition("documents, ")[2])["difference"] == {
        "kind": "missing", "class": "NORMAL", "seq": 4}


def test_verify_without_a_server(stack, sent):
    for name, url in (("MONGODB_URI", "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200"),
                      ("DATABASE_URL", "postgresql://127.0.0.1:9/campaign")):
        code, output, errors = verify_once(stack, sent, **{name: url})
        assert (code, output) == (69, ""), errors


def test_verify_of_nothing(stack):
    code, output, errors = verify_once(stack, "nobodysent")
    assert (code, output) == (1, "") and "does not exist" in errors


# Two hundred tamperings ---------------------------------------------------------------------

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
        return class_name, (self.random.choice(ends) if self.random.random() < 0.3
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
                                    "class", "seq", "deleted"))
        value = document[field]
        changed = dict(document)
        way = self.random.randrange(4)
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


def put(stack, identifier, document):
    if document is None:
        stack.messages.delete_one({"_id": identifier})
    else:
        stack.messages.replace_one({"_id": identifier}, document | {"_id": identifier}, upsert=True)


def test_two_hundred_tamperings(stack, sent):
    """Each is caught and named; without it all is well again."""
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
