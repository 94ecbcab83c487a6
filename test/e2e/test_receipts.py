"""test_receipts.py - what proves a message to anybody, offline (R5.1)."""
import base64
import json
import random
import re

import pytest

import campaigns
import merkle
from proofs import (CHECKER, CLASS_NAMES, NORMAL, VIPS, check, digest_of, own_texts, receipt_of,
                    send, verify)

REFUSAL = "this receipt proves nothing: its parts do not belong together, or one is missing\n"


@pytest.fixture(scope="module", name="sent")
def _sent(stack):
    return send(stack)


def example():
    """The example of docs/contract/proof.md: its lines by their names."""
    text = (CHECKER.parent / "proof.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^((?:leaf|hash) \w+ \d|root|digest) +([0-9a-f]+)$", text, re.MULTILINE))


def test_worked_example_is_right():
    """Computed anew from the texts."""
    lines = example()
    messages = [("VIP", 1, "f1k0n2p9x7c3v5b8m4q6w1za", "+5511987654321", "Olá", None),
                ("NORMAL", 1, "g8t3r5w2y6u1i9o4p7s0d3fb", "+5511987654322", "Olá", None),
                ("NORMAL", 2, "h2j4k6l8z1x3c5v7b9n0m2qa", "+5511987654323", "Hi Ana",
                 '{"name":"Ana","tier":"GOLD"}')]
    leaves = [merkle.leaf_bytes(CLASS_NAMES.index(name), *rest) for name, *rest in messages]
    expected = {"root": merkle.root_of(leaves).hex(), "digest": merkle.digest_of(leaves).hex()}
    for (name, seq, *_), leaf in zip(messages, leaves):
        expected[f"leaf {name} {seq}"] = leaf.hex()
        expected[f"hash {name} {seq}"] = merkle.root_of([leaf]).hex()
    assert lines == expected


def test_texts_and_attributes_of_their_own(stack, tmp_path):
    """They are part of the leaf, of what is compared, and of the receipt."""
    campaign_id = own_texts(stack)
    answer = verify(stack, campaign_id)
    assert answer["ok"] is True, answer
    documents = campaigns.documents_of(stack, campaign_id)
    assert "attributes" in documents[1] and "attributes" not in documents[2]
    assert answer["digest"] == digest_of(documents).hex()
    for document in documents:
        receipt = receipt_of(stack, campaign_id, document["phone_number"])
        (tmp_path / "text").write_text(document["message"], encoding="utf-8")
        code, output = check(tmp_path, receipt, tmp_path / "text")
        assert code == 0, (receipt, output)


def test_receipts_are_checked_offline(stack, sent, tmp_path):
    """At the ends of classes and pieces: by the script alone, and in at most 1,000 bytes."""
    digest = verify(stack, sent)["digest"]
    for number in (VIPS[0], VIPS[-1], NORMAL[0], NORMAL[1024 - 701], NORMAL[1024 - 700], NORMAL[-1]):
        receipt = receipt_of(stack, sent, number)
        assert len(json.dumps(receipt, ensure_ascii=False).encode()) <= 1000
        code, output = check(tmp_path, receipt)
        assert code == 0, (number, output)
        place = (VIPS + NORMAL).index(number) + 1
        assert output == (f"ok: {number} is number {place} of {len(VIPS + NORMAL)}"
                          f" under digest {digest}\n")
    assert len(CHECKER.read_text(encoding="utf-8").splitlines()) <= 50


def test_receipt_of_a_single_message(stack, tmp_path):
    campaign_id = send(stack, vips=[], normal=NORMAL[:1])
    verify(stack, campaign_id)
    receipt = receipt_of(stack, campaign_id, NORMAL[0])
    assert receipt["path"] == "" and check(tmp_path, receipt)[0] == 0


def test_receipt_of_a_long_text(stack, tmp_path):
    """It stays short: whoever has the message has its text."""
    text = "ã€😀" * 1000
    campaign_id = send(stack, vips=[], normal=NORMAL[:20], message=text)
    verify(stack, campaign_id)
    receipt = receipt_of(stack, campaign_id, NORMAL[7])
    assert "text" not in receipt and len(json.dumps(receipt).encode()) <= 1000
    assert check(tmp_path, receipt)[0] == 1
    for content, code in ((text, 0), (text + "!", 1)):
        (tmp_path / "text").write_text(content, encoding="utf-8")
        assert check(tmp_path, receipt, tmp_path / "text")[0] == code


def test_text_of_several_lines(stack, tmp_path):
    """It is read byte for byte."""
    text = "one\r\ntwo\rthree\n" + "ã" * 600 + "\r\n"
    campaign_id = send(stack, vips=[], normal=NORMAL[:3], message=text)
    verify(stack, campaign_id)
    receipt = receipt_of(stack, campaign_id, NORMAL[1])
    assert "text" not in receipt
    for content, code in ((text, 0), (text.replace("\r\n", "\n"), 1), ("\ufeff" + text, 1), (text + "\n", 1)):
        (tmp_path / "text").write_bytes(content.encode())
        assert check(tmp_path, receipt, tmp_path / "text")[0] == code, content


def test_text_of_a_file_and_of_the_receipt(stack, sent, tmp_path):
    """Who gives a text has that one checked, and no other."""
    verify(stack, sent)
    receipt = receipt_of(stack, sent, NORMAL[3])
    for content, code in ((receipt["text"], 0), (receipt["text"] + "!", 1)):
        (tmp_path / "text").write_text(content, encoding="utf-8")
        assert check(tmp_path, receipt, tmp_path / "text")[0] == code


# Receipts that somebody made up: a tree of a single leaf, whose parts do belong together ----------


def made_up(number="+5511999999999", **changes):
    """Such a receipt; its digest is right for whatever it says."""
    leaf = merkle.leaf_bytes(1, 1, "f1k0n2p9x7c3v5b8m4q6w1za", number, "Olá")
    digest = merkle.digest_of([leaf])
    return {"digest": base64.b85encode(digest[:16]).decode(), "size": 1, "place": 0, "seq": 1, "path": "",
            "id": "f1k0n2p9x7c3v5b8m4q6w1za", "number": number, "text": "Olá"} | changes


def refused(tmp_path, receipt):
    """One line, which nothing of the receipt is in."""
    code, output = check(tmp_path, receipt)
    return (code, output) == (1, REFUSAL)


def test_number_has_the_form_of_one(tmp_path):
    """What is printed says nothing but what was checked."""
    assert check(tmp_path, made_up())[0] == 0
    digest = "dd1ab0baccc4e1dc99c0df8a01fad4aa52300b7593c86609082e6f988bb66ee5"
    for number in (f"+5511999999999 is number 2 of 3 under digest {digest}\n\u001b[8m", "+5511999999999\n",
                   "+5511999999999 is number 1 of 1", "5511999999999", "+1234567", "+1234567890123456",
                   "+55119999٣٤٥٦٧", " +5511999999999", "+5511 99999999", "", "ok"):
        assert refused(tmp_path, made_up(number)), number


@pytest.mark.parametrize("changes", [
    {"size": True}, {"size": "1"}, {"size": 1.0}, {"place": "0"}, {"place": 0.0}, {"place": [0]},
    {"vip": 1}, {"id": True}, {"id": None}, {"text": False}, {"text": "\ud800"}])
def test_parts_of_another_type(changes, tmp_path):
    assert refused(tmp_path, made_up(**changes))


@pytest.mark.parametrize("key, other", [("text", "another"), ("number", "+5511888888888"), ("size", 7)])
def test_key_that_is_there_twice(key, other, tmp_path):
    """Readers of JSON take the first or the last one."""
    receipt = made_up()
    for first, last in ((other, receipt[key]), (receipt[key], receipt[key])):
        text = json.dumps({key: first})[:-1] + ", " + json.dumps(receipt | {key: last})[1:]
        assert json.loads(text) == receipt
        assert refused(tmp_path, text), text


def tamper(receipt, chance):
    """A receipt in which one thing is not as it was."""
    changed = dict(receipt)
    field = chance.choice(sorted(receipt))
    value = receipt[field]
    if chance.random() < 0.1:
        del changed[field]
    elif isinstance(value, int):
        changed[field] = value + chance.choice((-1, 1, 2, -2, 1024, -1024, 2 ** 70))
    elif chance.random() < 0.2 and len(value) > 1:
        at = chance.randrange(len(value))
        changed[field] = value[:at] + value[at + 1:]
    else:
        at = chance.randrange(len(value))
        other = chance.choice([one for one in "09AZaz!~+é" if one != value[at]])
        changed[field] = value[:at] + other + value[at + 1:]
    return changed


def test_two_hundred_tampered_receipts(stack, sent, tmp_path):
    """None of them proves anything."""
    verify(stack, sent)
    believed = []
    for seed in range(200):
        chance = random.Random(seed)
        receipt = receipt_of(stack, sent, chance.choice(VIPS + NORMAL))
        changed = tamper(receipt, chance)
        assert changed != receipt
        code, output = check(tmp_path, changed)
        if code != 1 or "proves nothing" not in output:
            believed.append((seed, changed, output))
    assert not believed, believed
    assert check(tmp_path, receipt_of(stack, sent, NORMAL[3]))[0] == 0


@pytest.mark.parametrize("receipt", [
    "", "[]", "7", "{}", '{"text": 1}', "[" * 100_000, '{"path":' * 100_000, '{"size": ' + "9" * 5000 + "}"],
    ids=lambda one: one[:12])
def test_receipts_that_are_none(receipt, tmp_path):
    assert refused(tmp_path, receipt)
