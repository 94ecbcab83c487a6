"""foreign_message.py - messages and documents as docs/contract describes them: the part of
foreign_consumer.py that needs no server.

Must never know anything that docs/contract does not say.
"""
import datetime
import hashlib
import json
import os
import pathlib
import urllib.parse

import bson
import jsonschema

CONTRACT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "contract"
SCHEMAS = {version: json.loads((CONTRACT / name).read_text(encoding="utf-8"))
           for version, name in ((1, "batch.schema.json"), (2, "batch2.schema.json"),
                                 (3, "batch3.schema.json"))}
BODY_MAX = 131064
CLASSES = {"VIP": 0, "NORMAL": 1}
COMPARED = ("identifier", "phone_number", "message", "campaign_id", "attributes")
URLS = ("AMQP_URL", "MONGODB_URI", "DATABASE_URL")


class Rejected(Exception):
    """A message for the dead letters; the text is the reason."""


def document_id(campaign_id, class_name, seq):
    digest = hashlib.sha256(campaign_id.encode()).digest()
    return digest[:10] + bytes([CLASSES[class_name]]) + seq.to_bytes(5, "big")


def seq_of(document):
    return int.from_bytes(document["_id"][11:], "big")


def last_of(batch):
    return batch["first_seq"] + len(batch["recipients"]) - 1


def left_out_of(batch):
    """The seqs of those who are left out."""
    return [seq for seq, recipient in enumerate(batch["recipients"], batch["first_seq"])
            if recipient is None]


def typed(value):
    """A value of attributes as MongoDB holds it: every whole number has 64 bits."""
    if isinstance(value, dict):
        return {key: typed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [typed(one) for one in value]
    return bson.Int64(value) if isinstance(value, int) and not isinstance(value, bool) else value


def own_fields(batch, recipient):
    """What the recipient brings; in version 1 these are unknown fields."""
    if batch["version"] == 1:
        return {}
    own = {"message": recipient["message"]} if "message" in recipient else {}
    if "attributes" in recipient:
        own["attributes"] = typed(recipient["attributes"])
    return own


def documents_of(batch):
    """The documents of a batch, as MongoDB will hold them."""
    now = datetime.datetime.now(datetime.timezone.utc)
    common = {"message": batch["message"], "campaign_id": batch["campaign_id"],
              "class": batch["class"]}
    for seq, recipient in enumerate(batch["recipients"], batch["first_seq"]):
        if recipient is None:
            continue
        yield {"_id": bson.Binary(document_id(batch["campaign_id"], batch["class"], seq)),
               "identifier": recipient["identifier"], "phone_number": recipient["phone_number"],
               **common, **own_fields(batch, recipient), "seq": bson.Int64(seq),
               "created_at": now, "updated_at": now, "deleted": False}


class Stored(dict):
    """An object of MongoDB. A key that is there twice has a value that is equal to nothing."""

    def __setitem__(self, key, value):
        super().__setitem__(key, object() if key in self else value)


def missing_and_other(documents, there):
    """Those whose place is free, and those in whose place is another document."""
    return ([one for one in documents if one["seq"] not in there],
            [one for one in documents if one["seq"] in there
             and any(one.get(name) != there[one["seq"]].get(name) for name in COMPARED)])


def without_repeats(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Rejected("a field twice")
    return members


def strings_of(value):
    """All strings in a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from strings_of(one)


def check_text(batch):
    """What the schema cannot say about strings."""
    for text in strings_of(batch):
        if "\0" in text:
            raise Rejected("U+0000 in a string")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise Rejected("half a surrogate pair")


def check_headers(properties, batch):
    expected = {**batch, "count": len(batch["recipients"])}
    headers = properties.headers or {}
    for name in ("campaign_id", "class", "first_seq", "count", "total", "version"):
        if headers.get(name, expected[name]) != expected[name]:
            raise Rejected(f"header {name} disagrees with the body")


def schema_for(batch, versions):
    """The schema of its version; the lowest one refuses what is no version."""
    version = batch.get("version") if isinstance(batch, dict) else None
    return SCHEMAS[version if version in versions else min(versions)]


def decode(properties, body, versions):
    """The checked batch of a message."""
    if len(body) > BODY_MAX:
        raise Rejected(f"body of more than {BODY_MAX} bytes")
    try:
        batch = json.loads(body.decode("utf-8"), object_pairs_hook=without_repeats)
        jsonschema.validate(batch, schema_for(batch, versions), jsonschema.Draft202012Validator)
    except (ValueError, RecursionError) as error:
        raise Rejected(str(error).splitlines()[0]) from error
    except jsonschema.ValidationError as error:
        raise Rejected(error.message.splitlines()[0][:200]) from error
    check_text(batch)
    if last_of(batch) > batch["total"]:
        raise Rejected("more recipients than total")
    check_headers(properties, batch)
    return batch


def alone(batch, seq):
    """The recipient at `seq` as a batch of one."""
    return {**batch, "first_seq": seq, "recipients": [batch["recipients"][seq - batch["first_seq"]]]}


def headers_of(batch):
    headers = {"campaign_id": batch["campaign_id"], "class": batch["class"],
               "first_seq": batch["first_seq"], "count": len(batch["recipients"]),
               "total": batch["total"]}
    if batch["version"] > 1:
        headers["version"] = batch["version"]
    return headers


# Ranges: (first, last), both ends included ----------------------------------------------------


def parse_multirange(text):
    """PostgreSQL's text of an int8multirange: {[1,3),[7,8)}."""
    if text == "{}":
        return []
    ranges = (one.split(",") for one in text[2:-2].split("),["))
    return [(int(first), int(end) - 1) for first, end in ranges]


def end_of(ranges, seq):
    """The last seq of the range that holds this one; none: the one before it."""
    return next((last for first, last in ranges if first <= seq <= last), seq - 1)


def runs(first, last, apart):
    """first … last in pieces: (first, last, whether all of it is in `apart`)."""
    pieces = []
    for seq in range(first, last + 1):
        if pieces and pieces[-1][2] == (seq in apart):
            pieces[-1] = (pieces[-1][0], seq, seq in apart)
        else:
            pieces.append((seq, seq, seq in apart))
    return pieces


def settings():
    """The three addresses: from the environment, else from .env."""
    lines = pathlib.Path(".env").read_text(encoding="utf-8").splitlines() if os.path.exists(".env") else []
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    values.update({name: os.environ[name] for name in URLS if name in os.environ})
    return [values[name] for name in URLS]


def host_at(url, turn):
    """The URL with only the host whose turn it is: a cluster has several, separated by commas."""
    parts = urllib.parse.urlsplit(url)
    login, at_sign, hosts = parts.netloc.rpartition("@")
    one = hosts.split(",")[turn % (hosts.count(",") + 1)]
    return parts._replace(netloc=login + at_sign + one).geturl()
