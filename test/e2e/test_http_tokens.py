"""test_http_tokens.py - tokens: what they hold, and all the ones that must not work."""
import contextlib
import hashlib
import hmac
import json
import time

import pytest

from http_client import logged_in, unique
from tokens import HS256, claims_of, decode, encode, forge

pytest_plugins = ["http_fixtures"]

HOUR_S = 3600
REFUSED = (400, 401, 403, 431)


@pytest.fixture(name="claims")
def fixture_claims(ana):
    return claims_of(ana.api.token)


def assert_useless(api, token, *statuses):
    """No data for this token, read or write, whatever is asked."""
    holder = api.with_token(token)
    for path in ("/me", "/users", "/companies", "/campaigns", "/recipients"):
        answer = holder.get(path)
        assert answer.status in (statuses or REFUSED), (path, answer)
    answer = holder.post("/companies", {"name": "forged", "document": unique()})
    assert answer.status in (statuses or REFUSED), answer


def test_what_a_token_holds(ana, key):
    """R0.8: role, user, an id of its own and an end, signed with HMAC-SHA256."""
    now = time.time()
    claims = claims_of(ana.api.token)
    assert decode(ana.api.token.split(".")[0]) == HS256
    assert (claims["role"], claims["user_id"]) == ("campaign_user", ana.user_id)
    assert set(claims) == {"role", "user_id", "jti", "iat", "exp"}
    assert claims["exp"] - claims["iat"] == HOUR_S and abs(claims["iat"] - now) < 300
    signed, _, signature = ana.api.token.rpartition(".")
    assert encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode() == signature


def test_what_a_login_answers(nobody, ana):
    """R0.8: token, end and user; each login its own token."""
    one, two = (nobody.login(ana.email).expect(200).json for _ in range(2))
    assert set(one) == {"token", "expires_at", "user_id"} and one["user_id"] == ana.user_id
    assert claims_of(one["token"])["jti"] != claims_of(two["token"])["jti"]


def test_forging_with_the_key_works(ana, key, claims):
    """The forger of these tests is able: with the real key its token is as good as ours."""
    ana.api.with_token(forge(claims, key)).get("/me").expect(200)


def test_algorithm_none(nobody, claims):
    """R0.8: an unsigned token, in every spelling."""
    for name in ("none", "None", "NONE", "nOnE", ""):
        header = {"alg": name, "typ": "JWT"}
        parts = [encode(json.dumps(part).encode()).decode() for part in (header, claims)]
        for end in (".", "", ".AA"):
            assert_useless(nobody, ".".join(parts) + end, 401)


def test_another_key_or_digest(nobody, claims, key):
    """R0.8: another key, an empty one, a longer digest, and a header that lies."""
    assert_useless(nobody, forge(claims, b"x" * 64), 401)
    assert_useless(nobody, forge(claims, b""), 401)
    assert_useless(nobody, forge(claims, key[:-1]), 401)
    assert_useless(nobody, forge(claims, b"x" * 64, {**HS256, "kid": "../../dev/null"}), 401)
    assert_useless(nobody, forge(claims, key, {"alg": "RS256", "typ": "JWT"}), 401)


def test_an_edited_payload(nobody, ana, eve, claims):
    """R0.8: the signature of one payload is not that of another."""
    head, _, tail = ana.api.token.split(".")
    for change in ({"user_id": eve.user_id}, {"role": "postgres"}, {"exp": claims["exp"] + HOUR_S}):
        body = encode(json.dumps({**claims, **change}).encode()).decode()
        assert_useless(nobody, f"{head}.{body}.{tail}", 401)


def test_an_expired_token(nobody, claims, key):
    """R0.8: also one that is not valid yet."""
    now = int(time.time())
    assert_useless(nobody, forge({**claims, "exp": now - 60}, key), 401)
    assert_useless(nobody, forge({**claims, "nbf": now + HOUR_S}, key), 401)


@pytest.mark.parametrize("role", ["postgres", "campaign_worker", "campaign_consumer",
                                  "campaign_authenticator", "pg_read_all_data", "nobody at all",
                                  "", None, 7, ["campaign_user"], "campaign_user; RESET ROLE"])
def test_another_role(nobody, claims, key, role):
    """R0.8: even a signed token makes nobody of a role that is not for requests."""
    assert_useless(nobody, forge({**claims, "role": role}, key), 400, 401, 403)


@pytest.mark.parametrize("user", ["", None, 7, "x", {"id": 1}, "' OR true --", "\u0000",
                                  pytest.param("a" * 10_000, id="long")])
def test_nobodys_token(nobody, claims, key, user):
    """R0.8: a signed token without a user that lives."""
    assert_useless(nobody, forge({**claims, "user_id": user}, key))
    without = {name: value for name, value in claims.items() if name != "user_id"}
    assert_useless(nobody, forge(without, key), 401, 403)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "Bearer", "x" * 7000, "%00", "eyJ.eyJ."])
def test_garbage(nobody, token):
    """R0.8: what is no token at all is as good as none."""
    assert_useless(nobody, token, 400, 401)


def test_a_revoked_token(stack, nobody):
    """R0.8: logout ends this token at once, and no other."""
    person = logged_in(stack.env["HTTP_URL"])
    other = nobody.with_token(nobody.login(person.email).json["token"])
    person.api.post("/logout").expect(200, 204)
    assert_useless(nobody, person.api.token, 401)
    other.get("/me").expect(200)
    person.api.post("/logout").refused(401)


def test_the_token_of_a_deleted_user(stack, nobody):
    """R0.8 R0.9: it stops working with the user."""
    person = logged_in(stack.env["HTTP_URL"], company=True)
    person.api.delete("/me", body={"password": person.password}).expect(204)
    assert_useless(nobody, person.api.token, 401)


def test_the_secret_is_for_superusers(stack, ana, key):
    """R0.8: no role of the API can read it, nor sign with it."""
    for role in ("campaign_user", "campaign_anon"):
        with contextlib.closing(stack.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
            for query in ("SHOW campaign.jwt_secret", "SELECT campaign.jwt_sign('{}')"):
                with pytest.raises(Exception, match="permission denied|must be superuser|denied"):
                    cursor.execute(query)
    assert key.decode() not in ana.api.get("/").body.decode()
