"""tokens.py - JSON Web Tokens, read and forged: what somebody could do who had the key.

Must never be taken for a check of a token: nothing here verifies a signature.
"""
import base64
import hashlib
import hmac
import json

HS256 = {"alg": "HS256", "typ": "JWT"}


def encode(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def claims_of(token):
    return decode(token.split(".")[1])


def forge(claims, key, header=None, digest=hashlib.sha256):
    """A token as anybody could make it who had the key."""
    signed = b".".join(encode(json.dumps(part).encode()) for part in (header or HS256, claims))
    return (signed + b"." + encode(hmac.new(key, signed, digest).digest())).decode()
