"""test_contract.py - R0.20: docs/contract says what the programs do, and suffices.

Two parts: the documents agree with each other and with lib/contract/message.h; what the worker and the
broker really have agrees with the documents. The rules for consumers are tested in
test_contract_consumer.py.
"""
import hashlib
import json
import re

import pytest

import campaigns
import contract
from waiting import wait_until

TEXT = "Olá \"João\" \\ \t\r\n\x01 / €uro \U0001F680 " + "é" * 500


# The documents --------------------------------------------------------------------------------


def test_r0_20_documents_are_well_formed_and_every_reference_resolves():
    """R0.20: the schema is valid draft 2020-12; each $ref of asyncapi.yaml points at something."""
    contract.BODY.check_schema(contract.SCHEMA)
    contract.BODY.check_schema(contract.SCHEMA_2)
    contract.BODY.check_schema(contract.SCHEMA_3)
    assert contract.ASYNCAPI["asyncapi"].startswith("3.")
    found = list(contract.references(contract.ASYNCAPI))
    assert len(found) > 5
    for reference in found:
        assert contract.resolve(reference) is not None, reference
    for schema in contract.ASYNCAPI["components"]["schemas"].values():
        contract.BODY.check_schema(schema)


def test_r0_20_names_in_the_documents_are_those_of_the_programs():
    """R0.20: names of exchanges, queues, fields and headers are those of lib/contract/message.h."""
    names = contract.header_constants()
    partitions = {names["QUEUE_PREFIX"] + str(n) for n in range(names["PARTITIONS"])}
    expected = partitions | {names["QUEUE_PARALLEL"], names["DEAD"]}
    assert set(contract.queues()) == expected
    assert set(contract.exchanges()) == {names["EXCHANGE"], names["DEAD"]}
    fields = {value for name, value in names.items() if name.startswith("FIELD_")}
    recipient = contract.SCHEMA["$defs"]["recipient"]
    known = set(contract.SCHEMA["properties"]) | set(recipient["properties"])
    assert known == fields - {names["FIELD_ATTRIBUTES"]}
    assert set(contract.SCHEMA["required"]) | set(recipient["required"]) == known
    own = contract.SCHEMA_2["$defs"]["recipient"]
    assert set(contract.SCHEMA_2["properties"]) == set(contract.SCHEMA["properties"])
    assert set(own["properties"]) == set(recipient["properties"]) | {
        names["FIELD_TEXT"], names["FIELD_ATTRIBUTES"]}
    assert own["required"] == recipient["required"]
    headers = {value for name, value in names.items() if name.startswith("HEADER_")}
    schemas = contract.ASYNCAPI["components"]["schemas"]
    described = set(schemas["batchHeaders"]["properties"]) | set(schemas["batch2Headers"]["properties"])
    assert described | set(schemas["deadHeaders"]["properties"]) == headers
    for name, value in names.items():
        if isinstance(value, str):
            assert f"`{value}" in contract.README or f"].{value}`" in contract.README, name


def test_r0_20_limits_in_the_documents_are_those_of_the_programs():
    """R0.20: every limit of the documents is the one of lib/contract/message.h."""
    names = contract.header_constants()
    limits = {
        "partitions": names["PARTITIONS"], "frame_bytes": names["FRAME_MAX"],
        "body_bytes": names["BODY_MAX"], "recipients": names["BATCH_MAX"],
        "message_characters": names["TEXT_MAX_CHARS"], "message_bytes": names["TEXT_MAX_BYTES"],
        "attributes_bytes": names["ATTRIBUTES_MAX"], "attributes_depth": names["ATTRIBUTES_DEPTH"],
        "identifier_characters": names["ID_MAX"], "phone_number_characters": names["PHONE_MAX"],
        "seq": names["SEQ_MAX"],
    }
    assert contract.ASYNCAPI["components"]["x-limits"] == limits
    for name, limit in limits.items():
        assert re.search(rf"\b{limit}\b", contract.README), name
    assert contract.SCHEMA["properties"]["version"]["const"] == names["VERSION"]
    assert contract.SCHEMA_2["properties"]["version"]["const"] == names["VERSION_OWN"]
    assert contract.SCHEMA_3["properties"]["version"]["const"] == names["VERSION_SUPPRESSED"]
    assert contract.ASYNCAPI["info"]["version"] == str(names["VERSION_SUPPRESSED"])
    own = contract.SCHEMA_2["$defs"]["recipient"]["properties"]
    assert own["message"]["maxLength"] == limits["message_characters"]
    for schema in (contract.SCHEMA, contract.SCHEMA_2):
        properties, parts = schema["properties"], schema["$defs"]
        assert properties["message"]["maxLength"] == limits["message_characters"]
        assert properties["recipients"]["maxItems"] == limits["recipients"]
        assert parts["seq"]["maximum"] == limits["seq"]
        assert parts["cuid2"]["maxLength"] == limits["identifier_characters"]
        number = parts["recipient"]["properties"]["phone_number"]
        assert number["maxLength"] == limits["phone_number_characters"]
    headers = contract.ASYNCAPI["components"]["schemas"]["batchHeaders"]["properties"]
    assert headers["count"]["maximum"] == limits["recipients"]
    assert headers["total"]["maximum"] == headers["first_seq"]["maximum"] == limits["seq"]


def test_r0_20_worked_example_is_right():
    """R0.20: partition, queue and _id of the README's example, computed anew."""
    example = contract.worked_example()
    digest = hashlib.sha256(example.pop("campaign_id").encode()).digest()
    head = int.from_bytes(digest[:4], "big")
    partition = head % contract.header_constants()["PARTITIONS"]
    assert example.pop("SHA-256") == digest.hex()
    assert example.pop("first 4 bytes") == str(head)
    assert example.pop("partition") == str(partition)
    assert example.pop("queue") == f"campaign.messages.{partition}"
    assert len(example) == 4
    for line, value in example.items():
        _, name, seq = line.split()
        number = bytes([("VIP", "NORMAL").index(name)])
        expected = digest[:10] + number + int(seq).to_bytes(5, "big")
        assert value == expected.hex(), line


def test_r0_20_example_message_is_valid_and_broken_ones_are_not():
    """R0.20: the schema takes the README's example, with unknown fields too, and nothing else."""
    example = json.loads(contract.code_blocks("json")[0])
    recipient = example["recipients"][0]
    contract.BODY.validate(example)
    contract.BODY.validate({**example, "new": 1, "recipients": [{**recipient, "new": None}]})
    broken = [{"version": 2}, {"class": "vip"}, {"total": 0}, {"first_seq": 2 ** 40},
              {"first_seq": "1"}, {"message": "x" * 4097}, {"recipients": []},
              {"recipients": [recipient] * 1001}, {"campaign_id": "1abc"},
              {"recipients": [{**recipient, "phone_number": "5511987654321"}]},
              {"recipients": [{**recipient, "identifier": "a" * 33}]}]
    broken += [{"recipients": [{name: recipient[name]}]} for name in recipient]
    for change in broken:
        assert not contract.BODY.is_valid({**example, **change}), change
    for name in example:
        assert not contract.BODY.is_valid({k: v for k, v in example.items() if k != name}), name


def test_r3_1_example_of_version_2_is_valid_and_broken_ones_are_not():
    """R3.1: the schema of version 2 takes the README's example, whose attributes are canonical."""
    text = contract.code_blocks("json")[1]
    example = json.loads(text)
    recipient = example["recipients"][0]
    contract.BODY_2.validate(example)
    assert not contract.BODY.is_valid(example), "an old consumer takes it"
    assert contract.canonical(recipient["attributes"]) in text
    wrong = [[], None, "{}", {"": 1}, {"$a": 1}, {"a.b": 1}, {"a": {"$b": 1}}, {"a": [{"b.c": 1}]},
             {"a": 2 ** 63}, {"a": 1e15 + 0.5}]
    for attributes in wrong:
        broken = {**example, "recipients": [{**recipient, "attributes": attributes}]}
        assert not contract.BODY_2.is_valid(broken), attributes
    for message in (None, 1, "x" * 4097):
        broken = {**example, "recipients": [{**recipient, "message": message}]}
        assert not contract.BODY_2.is_valid(broken), message


# What the worker and the broker have ----------------------------------------------------------


def published(stack, take, campaign_id):
    """All messages of a campaign that is published completely, each held against the contract."""
    campaigns.wait_for_status(stack, campaign_id, "sent")
    messages = [one for one in take() if one.properties.headers["campaign_id"] == campaign_id]
    return [(one, check_message(one)) for one in messages]


def check_message(captured):
    """Body, properties and headers of a message; its body."""
    body = contract.parse(captured)
    properties = captured.properties
    names = contract.header_constants()
    assert len(captured.body) <= names["BODY_MAX"]
    assert set(body) == set(contract.SCHEMA["properties"]), "a field that no document names"
    own = {"message", "attributes"} if body["version"] == 2 else set()
    for recipient in body["recipients"]:
        assert set(recipient) - own == set(contract.SCHEMA["$defs"]["recipient"]["properties"])
    version = {"version": 2} if body["version"] == 2 else {}
    assert properties.headers == {
        "campaign_id": body["campaign_id"], "class": body["class"], **version,
        "first_seq": body["first_seq"], "count": len(body["recipients"]), "total": body["total"]}
    contract.schema_of("batch2Headers" if version else "batchHeaders").validate(properties.headers)
    contract.schema_of("batchProperties").validate({
        name: getattr(properties, name) for name in
        ("content_type", "delivery_mode", "message_id", "type")})
    assert properties.message_id == f"{body['campaign_id']}.{body['class']}.{body['first_seq']}"
    assert properties.type == names["TYPE"] and properties.content_type == names["CONTENT_TYPE"]
    return body


def recipients_of(messages, class_name):
    """The numbers of a class in the order of publishing; fails if there is a hole or a repeat."""
    numbers = []
    for _, body in messages:
        if body["class"] == class_name:
            assert body["first_seq"] == len(numbers) + 1
            numbers += [one["phone_number"] for one in body["recipients"]]
    return numbers


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "parallel"])
def test_r0_20_published_messages_are_as_documented(stack, ordered):
    """R0.20: bodies, properties, headers and routing keys that the worker really published."""
    vip, normal = campaigns.make_numbers(30, seed=2), campaigns.make_numbers(600, seed=3)
    with campaigns.capture(stack) as take:
        campaign_id = campaigns.create(stack, normal, message=TEXT, ordered=ordered)
        stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
                  campaigns.numbers_file(vip))
        campaigns.dispatch(stack, campaign_id)
        messages = published(stack, take, campaign_id)
    queue = campaigns.queue_of(campaign_id) if ordered else "campaign.parallel"
    assert {captured.routing_key for captured, _ in messages} == {queue}
    assert {body["message"] for _, body in messages} == {TEXT}
    assert {(body["class"], body["total"]) for _, body in messages} == {("VIP", 30),
                                                                       ("NORMAL", 600)}
    assert recipients_of(messages, "VIP") == vip
    assert recipients_of(messages, "NORMAL") == normal


def test_r3_1_published_messages_of_version_2_are_as_documented(stack):
    """R3.1: a campaign that needs it is version 2 in every batch; attributes travel as canonical
    JSON, and a body ends when it is full."""
    numbers = campaigns.make_numbers(300, seed=14)
    attributes = [{"b": n, "a": {"z": n / 4, "y": "é\"\x01"}, "filler": "x" * 3000 * (n % 3 == 0)}
                  for n in range(300)]
    texts = ["own " + number if n % 2 else None for n, number in enumerate(numbers)]
    with campaigns.capture(stack) as take:
        campaign_id = campaigns.create(stack, campaigns.make_numbers(3, seed=15), message=TEXT)
        campaigns.add_recipients(stack, campaign_id, [
            ("VIP", *one) for one in zip(numbers, texts, attributes)])
        campaigns.dispatch(stack, campaign_id)
        messages = published(stack, take, campaign_id)
    assert {(body["version"], body["message"]) for _, body in messages} == {(2, TEXT)}
    assert recipients_of(messages, "VIP") == numbers
    recipients = [one for _, body in messages if body["class"] == "VIP" for one in body["recipients"]]
    assert [one.get("message") for one in recipients] == texts
    for recipient, expected in zip(recipients, attributes):
        whole = {k: {"y": v["y"], "z": v["z"] if v["z"] % 1 else int(v["z"])} if k == "a" else v
                 for k, v in expected.items()}
        assert recipient["attributes"] == expected
        assert any(contract.canonical(whole).encode() in one.body for one, _ in messages)
    full = [one for one, body in messages if body["class"] == "VIP"]
    assert len(full) > 2, "two would hold them, if only recipients were counted"


def set_batch_size(stack, size):
    """Sets campaign.batch_size and waits until the server has told the worker."""
    stack.set("campaign.batch_size", size)

    def seen():
        connection = stack.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW campaign.batch_size")
                return cursor.fetchone()[0] == str(size)
        finally:
            connection.close()
    if size is not None:
        wait_until(f"campaign.batch_size is {size}", seen)


@pytest.fixture
def batch_size(stack):
    """A function that sets campaign.batch_size until the end of the test."""
    yield lambda size: set_batch_size(stack, size)
    set_batch_size(stack, None)


def test_r0_20_batch_size_one_is_a_recipient_per_message(stack, batch_size):
    """R0.20: with campaign.batch_size = 1 every message has one recipient."""
    numbers = campaigns.make_numbers(60, seed=4)
    batch_size(1)
    with campaigns.capture(stack) as take:
        messages = published(stack, take, campaigns.send(stack, numbers))
    assert [len(body["recipients"]) for _, body in messages] == [1] * len(numbers)
    assert recipients_of(messages, "NORMAL") == numbers


def test_r0_20_largest_batch_fits_one_frame(stack, batch_size):
    """R0.20: 1000 of the longest numbers and 4096 characters that JSON writes with six."""
    numbers = [f"+4915{number:011d}" for number in range(2000)]
    batch_size(1000)
    with campaigns.capture(stack) as take:
        messages = published(stack, take, campaigns.send(stack, numbers, message="\x01" * 4096))
    assert max(len(body["recipients"]) for _, body in messages) == 1000
    assert max(len(captured.body) for captured, _ in messages) > 90000
    assert recipients_of(messages, "NORMAL") == numbers


def listed(stack, what, *columns):
    """What rabbitmqctl lists, as dictionaries."""
    return json.loads(stack.rabbitmqctl("-q", "--formatter", "json", f"list_{what}", *columns))


def test_r0_20_queues_and_exchanges_are_as_documented(stack):
    """R0.20: arguments, durability and bindings in the broker are those of asyncapi.yaml."""
    queues = {one.pop("name"): one for one in
              listed(stack, "queues", "name", "durable", "auto_delete", "arguments")}
    bindings = {(one["source_name"], one["destination_name"], one["routing_key"])
                for one in listed(stack, "bindings")}
    for name, (binding, exchange) in contract.queues().items():
        arguments = queues[name]["arguments"]
        if isinstance(arguments, list):
            arguments = {key: value for key, _, value in arguments}
        assert arguments == contract.arguments(binding, stack.rabbitmq_major()), name
        assert queues[name]["durable"] is binding["durable"] is True
        assert queues[name]["auto_delete"] is binding["autoDelete"] is False
        assert (exchange["name"], name, name) in bindings
    exchanges = {one["name"]: one for one in
                 listed(stack, "exchanges", "name", "type", "durable", "auto_delete")}
    for name, described in contract.exchanges().items():
        assert exchanges[name] == {"name": name, "type": described["type"],
                                   "durable": described["durable"],
                                   "auto_delete": described["autoDelete"]}
