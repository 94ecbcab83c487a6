#!/usr/bin/python3
"""check_receipt.py - checks a receipt of campaign_receipt(), offline.

    check_receipt.py RECEIPT.json [TEXT [ATTRIBUTES]]     files with what was too long for it: the
                                                          text, and attributes that are "true"

Compare the digest that it prints with the one that campaign_verify() answers. Exit code 0, or 1.
"""
import json
import re
import sys
from base64 import b85decode
from hashlib import sha256


def leaf_hash(receipt):
    [name] = {"vip", "seq"} & receipt.keys()  # one of them, or nobody knows which is meant
    leaf = bytes([0, name == "seq"]) + receipt[name].to_bytes(8, "big")
    for at, name in enumerate(("id", "number", "text", "attributes")):
        if at < 3 or name in receipt:
            in_file = at > 1 and (at < len(sys.argv) or receipt.get(name, True) is True)
            part = open(sys.argv[at], "rb").read() if in_file else receipt[name].encode()
            leaf += len(part).to_bytes(4, "big") + part
    return sha256(leaf).digest()


def climb(node, place, last, path):
    """The root that a path leads to (RFC 9162, 2.1.3.2)."""
    for other in (path[at:at + 32] for at in range(0, len(path), 32)):
        from_left = place & 1 or place == last
        node = sha256(b"\1" + (other + node if from_left else node + other)).digest()
        while from_left and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return node if last == 0 else b""


try:
    receipt, keys = json.load(open(sys.argv[1], encoding="utf-8"),
                              object_pairs_hook=lambda pairs: (dict(pairs), len(pairs)))
    size, place = receipt["size"], receipt["place"]
    root = climb(leaf_hash(receipt), place, size - 1, b85decode(receipt["path"]))
    digest = sha256(b"\2" + size.to_bytes(8, "big") + root).digest()
    shown = f"{receipt['number']} is number {place + 1} of {size}"
    if (keys > len(receipt) or not 0 <= place < size or digest[:16] != b85decode(receipt["digest"])
            or not re.fullmatch(r"\+[0-9]{8,15} is number [0-9]+ of [0-9]+", shown)):
        raise ValueError
    print(f"ok: {shown} under digest {digest.hex()}")
except Exception:  # whatever it is; pylint: disable=broad-exception-caught
    sys.exit("this receipt proves nothing: its parts do not belong together, or one is missing")
