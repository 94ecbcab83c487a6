"""test_proof.py - does MongoDB hold exactly what was sent? Whatever is tampered with is caught, and
named (R5.1)."""
import contextlib
import json
import random
import subprocess
import sys
import threading

import pytest
from bson import Int64, ObjectId

import campaigns
import merkle
from campaigns import make_numbers, numbers_file, wait_for_status
from consumers import Consumer, consumer_output, environment
from stack import REPOSITORY, execute
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


def test_document_under_the_ids_of_another_campaign(stack, sent):
    """A copy where no message of the campaign can be: --verify reads the whole collection."""
    other = campaigns.document_id("another", 7)
    document = document_of(stack, sent, "NORMAL", 9)
    put(stack, other, document)
    try:
        code, output, errors = verify_once(stack, sent)
    finally:
        put(stack, other, None)
    assert code == 1, errors
    assert json.loads(output.partition("documents, ")[2])["difference"] == {
        "kind": "extra", "class": "255", "seq": 7, "field": "_id",
        "copy_of": {"class": "NORMAL", "seq": 9}}
    assert verify_once(stack, sent)[0] == 0


def test_number_of_another_type_is_the_same_number(stack, sent):
    """A consumer in another language may have written seq in 32 bits."""
    place = campaigns.document_id(sent, 5, "VIP")
    document = stack.messages.find_one({"_id": place})
    put(stack, place, document | {"seq": 5})
    assert verify(stack, sent)["ok"] is True
    put(stack, place, document | {"seq": Int64(5)})


# What used to verify ------------------------------------------------------------------------

def test_stolen_report(stack):
    """Somebody with the consumer's password reports what was never stored."""
    campaign_id = campaigns.create(stack, NORMAL[:50])
    stack.part("stop", "consumer")
    try:
        campaigns.dispatch(stack, campaign_id)
        wait_for_status(stack, campaign_id, "published")
        with contextlib.closing(stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])) as thief:
            execute(thief, "SELECT campaign.report_stored(ARRAY[%s], '{NORMAL}', '{1}', '{50}')",
                    campaign_id)
        assert campaigns.status(stack, campaign_id)["status"] == "sent"
        answer = stack.one("SELECT campaign_verify(%s, '1 second')", campaign_id)
        assert answer["ok"] is None and answer["reason"], answer
        assert verify_once(stack, campaign_id)[0] == 1
    finally:
        with stack.channel() as channel:
            channel.queue_purge(campaigns.queue_of(campaign_id))
        stack.part("start", "consumer")
    answer = stack.one("SELECT campaign_verify(%s, '0')", campaign_id)
    assert answer["ok"] is False and answer["stored"] == 0
    assert answer["difference"] == {"kind": "missing", "class": "NORMAL", "seq": 1}


def test_restored_mongodb(stack):
    """The end of a campaign that was sent is lost with the rest of that day."""
    campaign_id = send(stack, vips=[], normal=NORMAL[:100])
    assert verify(stack, campaign_id)["ok"] is True
    low = campaigns.document_id(campaign_id, 61)
    stack.messages.delete_many({"_id": {"$gte": low, "$lte": campaigns.document_id(campaign_id, 100)}})
    stack.part("stop", "mongod")
    stack.part("start", "mongod")
    wait_until("a proof says so", lambda: stack.one(
        "SELECT campaign_verify(%s, '5 seconds')", campaign_id)["ok"] is False)
    answer = verify(stack, campaign_id)
    assert (answer["expected"], answer["stored"]) == (100, 60)
    assert answer["difference"] == {"kind": "missing", "class": "NORMAL", "seq": 61}


def test_everything_is_gone(stack):
    campaign_id = send(stack, vips=VIPS[:3], normal=NORMAL[:3])
    stack.messages.delete_many(campaigns.of_campaign(campaign_id))
    assert difference(stack, campaign_id) == {"kind": "missing", "class": "VIP", "seq": 1}


def test_campaign_that_was_not_sent(stack):
    """A draft has messages, and MongoDB none of them; an empty draft has none."""
    draft = campaigns.create(stack, NORMAL[:10])
    assert difference(stack, draft) == {"kind": "missing", "class": "NORMAL", "seq": 1}
    empty = stack.one("SELECT campaign_create('empty', 'Hello')")
    assert difference(stack, empty) == {"kind": "no messages"}


def test_campaign_that_is_paused(stack):
    """The first that is not stored is named, and later there is no difference."""
    with stack.settings(campaign__batch_size="20", campaign__publish_ahead="10ms"):
        campaign_id = campaigns.send(stack, make_numbers(8_000, seed=402))
        campaigns.wait_for_stored(stack, campaign_id, 100)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        campaigns.wait_until_handled(stack)
        stored = campaigns.count_documents(stack, campaign_id)
        assert difference(stack, campaign_id) == {
            "kind": "missing", "class": "NORMAL", "seq": stored + 1}
        stack.one("SELECT campaign_resume(%s)", campaign_id)
        wait_for_status(stack, campaign_id, "sent")
    assert verify(stack, campaign_id)["ok"] is True


# Who asks, and who answers ------------------------------------------------------------------

def test_answer_without_a_consumer(stack, sent):
    """It comes at once, with the newest proof and its age."""
    proved = verify(stack, sent)
    stack.part("stop", "consumer")
    try:
        wait_until("no consumer is listening", lambda: "no consumer" in (stack.one(
            "SELECT campaign_verify(%s, '0')", sent)["reason"] or ""))
        answer = stack.one("SELECT campaign_verify(%s)", sent)
    finally:
        stack.part("start", "consumer")
    assert (answer["ok"], answer["fresh"], answer["checked_at"]) == (
        True, False, proved["checked_at"])
    assert answer["age_seconds"] > 0


def test_asked_in_a_transaction_that_stays_open(stack, sent):
    """The question is seen before it is committed, and needs no commit."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        ((answer,),) = execute(connection, "SELECT campaign_verify(%s)", sent)
        assert answer["fresh"] and answer["ok"]
        connection.rollback()


def test_asked_in_a_snapshot(stack, sent):
    """A transaction that cannot see what is committed meanwhile does not wait for it."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        ((answer,),) = execute(connection, "SELECT campaign_verify(%s)", sent)
    assert not answer["fresh"] and "repeatable read" in answer["reason"]


def test_many_ask_at_once(stack, sent):
    """Each gets a proof that began after it had asked."""
    answers = []

    def ask():
        with contextlib.closing(stack.connect()) as connection:
            answers.append(execute(connection, "SELECT campaign_verify(%s)", sent)[0][0])
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12 and all(one["ok"] and one["fresh"] for one in answers), answers


def test_proved_once_it_is_sent(stack):
    """--verify-sent makes a proof of each campaign by itself, also of those sent before, once."""
    stack.part("stop", "consumer")
    before = campaigns.create(stack, NORMAL[:5])
    try:
        with Consumer(environment(stack), "--verify-sent"):
            campaigns.dispatch(stack, before)
            wait_for_status(stack, before, "sent")
            count = lambda one: stack.one(  # noqa: E731
                "SELECT count(*) FROM campaign.proofs WHERE campaign_id = %s"
                " AND difference IS NULL AND asked_at IS NULL", one)
            wait_until("it is proved", lambda: count(before) == 1)
            later = send(stack, vips=VIPS[:2], normal=NORMAL[:2])
            wait_until("the next one, too", lambda: count(later) == 1)
            assert count(before) == 1
    finally:
        stack.part("start", "consumer")


def test_mongodb_away(stack, sent):
    """No proof is made up; once it is back one is made."""
    stack.part("stop", "mongod")
    try:
        answer = stack.one("SELECT campaign_verify(%s, '1 second')", sent)
        assert not answer["fresh"] and answer["reason"], answer
    finally:
        stack.part("start", "mongod")
    wait_until("a fresh proof", lambda: stack.one("SELECT campaign_verify(%s)", sent)["fresh"],
               timeout=60)


# Receipts -----------------------------------------------------------------------------------

def check(tmp_path, receipt, *arguments):
    """What the checker says: exit code and output. It is given nothing else."""
    path = tmp_path / "receipt.json"
    path.write_text(receipt if isinstance(receipt, str) else json.dumps(receipt), encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", CHECKER, path, *arguments], text=True, env={},
                          capture_output=True, check=False, cwd=tmp_path)
    return done.returncode, done.stdout + done.stderr


def receipt_of(stack, campaign_id, number):
    return stack.one("SELECT campaign_receipt(%s, %s)", campaign_id, number)


def test_receipts_are_checked_offline(stack, sent, tmp_path):
    """At the ends of classes and pieces: by the script alone, and in at most 1 kB."""
    digest = verify(stack, sent)["digest"]
    for number in (VIPS[0], VIPS[-1], NORMAL[0], NORMAL[1024 - 701], NORMAL[1024 - 700], NORMAL[-1]):
        receipt = receipt_of(stack, sent, number)
        assert len(json.dumps(receipt, ensure_ascii=False).encode()) <= 1024
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
    assert "text" not in receipt and len(json.dumps(receipt).encode()) <= 1024
    assert check(tmp_path, receipt)[0] == 1
    for content, code in ((text, 0), (text + "!", 1)):
        (tmp_path / "text").write_text(content, encoding="utf-8")
        assert check(tmp_path, receipt, tmp_path / "text")[0] == code


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


@pytest.mark.parametrize("receipt", ["", "[]", "7", "{}", '{"text": 1}'])
def test_receipts_that_are_none(receipt, tmp_path):
    code, output = check(tmp_path, receipt)
    assert code == 1 and "proves nothing" in output
