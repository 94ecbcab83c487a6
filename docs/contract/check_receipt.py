#!/usr/bin/python3
"""check_receipt.py - checks a receipt of campaign_receipt(), offline.

    check_receipt.py RECEIPT.json [TEXT [ATTRIBUTES]]     files with what was too long for it: the
                                                          text, and attributes that are "true"

Compare the digest that it prints with the one that campaign_verify() answers. Exit code 0, or 1.
"""
import base64
import hashlib
import json
import sys


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(receipt):
    seq = receipt["seq"] if "seq" in receipt else receipt["vip"]
    leaf = bytes([0, "seq" in receipt]) + seq.to_bytes(8, "big")
    for at, name in enumerate(("id", "number", "text", "attributes")):
        if at < 3 or name in receipt:
            part = receipt.get(name, name == "text")
            part = (open(sys.argv[at], encoding="utf-8").read() if part is True else part).encode()
            leaf += len(part).to_bytes(4, "big") + part
    return sha256(leaf)


def climb(node, place, last, path):
    """The root that a path leads to (RFC 9162, 2.1.3.2)."""
    for other in (path[at:at + 32] for at in range(0, len(path), 32)):
        from_left = place & 1 or place == last
        node = sha256(b"\1", other, node) if from_left else sha256(b"\1", node, other)
        while from_left and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return node if last == 0 else b""


try:
    receipt = json.load(open(sys.argv[1], encoding="utf-8"))
    size, place = receipt["size"], receipt["place"]
    root = climb(leaf_hash(receipt), place, size - 1, base64.b85decode(receipt["path"]))
    digest = sha256(b"\2", size.to_bytes(8, "big"), root)
    if not 0 <= place < size or digest[:16] != base64.b85decode(receipt["digest"]):
        raise ValueError("its parts do not belong together")
    print(f"ok: {receipt['number']} is number {place + 1} of {size} under digest {digest.hex()}")
except (LookupError, TypeError, AttributeError, ValueError, OSError, OverflowError) as error:
    sys.exit(f"this receipt proves nothing: {error!r}")
