"""merkle.py - a campaign's Merkle tree by the words of docs/contract and RFC 9162, without the
project's own code."""
import hashlib


def leaf_bytes(class_number, seq, identifier, phone_number, message, attributes=None):
    """What docs/contract says a leaf consists of."""
    texts = [identifier, phone_number, message] + ([] if attributes is None else [attributes])
    return bytes([class_number]) + seq.to_bytes(8, "big") + b"".join(
        len(text.encode()).to_bytes(4, "big") + text.encode() for text in texts)


def root_of(leaves):
    """MTH of RFC 9162, 2.1.1, as it is defined."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:left]) + root_of(leaves[left:])).digest()


def digest_of(leaves):
    """Size and root in one hash."""
    return hashlib.sha256(b"\2" + len(leaves).to_bytes(8, "big") + root_of(leaves)).digest()
