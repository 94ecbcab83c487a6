"""test_http_applications.py - R2.5: programs and their tokens, over HTTP.

A token is made with the credentials of an application, works in both spellings, is listed and
named, and ends at once when it is revoked; nothing but hashes is stored.
"""
import time

import pytest

from http_client import Api, basic, logged_in, token_of, unique
from stack import run
from tokens import claims_of, forge
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

DAYS_30_S = 30 * 24 * 3600
ENOUGH_FAILURES = 6


@pytest.fixture(name="token")
def fixture_token(nobody, application):
    """A token of it."""
    return token_of(nobody, application)


def is_let_in(api, token):
    """Whether a token works, in both spellings."""
    answers = [api.with_token(token).get("/tokens"), api.get("/tokens", **basic(token))]
    statuses = {answer.status for answer in answers}
    assert len(statuses) == 1, answers
    assert statuses <= {200, 401}, answers
    return statuses == {200}


def test_an_application_is_made(stack, ana, nobody):
    """R2.5: 201 with Location and secret, the only time; listed without; renamed."""
    answer = ana.api.post("/applications", {"name": " biller ", "company_id": ana.company_id})
    made = answer.expect(201).json
    assert set(made) == {"id", "name", "secret"} and made["name"] == "biller"
    assert len(made["secret"]) == 64
    assert answer.headers["Location"] == f"/applications/{made['id']}"
    one = ana.api.get(answer.headers["Location"]).expect(200)
    assert one.json["company_id"] == ana.company_id and made["secret"] not in one.body.decode()
    assert one.json in ana.api.get("/applications").expect(200).json
    ana.api.patch(f"/applications/{made['id']}", {"name": "invoices"}).expect(204)
    assert ana.api.get(f"/applications/{made['id']}").json["name"] == "invoices"
    for body in ({}, {"name": ""}, {"name": "x" * 201}, {"name": "x", "secret": "y"}):
        ana.api.post("/applications", body).refused(400, 404, 422)
    ana.api.post("/applications", {"name": "x", "company_id": "nobody"}).refused(404)
    nobody.post("/applications", {"name": "x"}).refused(401)
    assert stack.one("SELECT user_id FROM campaign.applications WHERE id = %s",
                     made["id"]) == ana.user_id


def test_who_has_no_company(stack, nobody):
    """R2.5: has applications of their own, which nobody else sees."""
    person = logged_in(stack.env["HTTP_URL"])
    made = person.api.post("/applications", {"name": "diary"}).expect(201).json
    assert is_let_in(nobody, token_of(nobody, made)["token"])
    assert [one["id"] for one in person.api.get("/applications").json] == [made["id"]]


def test_a_token_is_made(nobody, application):
    """R2.5: GET /token with id and secret; for 30 days; its claims name the application."""
    answer = token_of(nobody, application)
    assert set(answer) == {"id", "application_id", "token", "expires_at"}
    claims = claims_of(answer["token"])
    assert set(claims) == {"role", "application_id", "jti", "iat", "exp"}
    assert (claims["role"], claims["application_id"]) == ("campaign_app", application["id"])
    assert claims["exp"] - claims["iat"] == DAYS_30_S and abs(claims["iat"] - time.time()) < 300
    assert answer["id"] not in claims.values()


def test_the_end_of_a_token_is_a_setting(stack, nobody, application):
    """R2.5: campaign.app_token_expiry, for new tokens, up to the longest that it may be."""
    def lifetime():
        claims = claims_of(token_of(nobody, application)["token"])
        return claims["exp"] - claims["iat"]
    with stack.settings(campaign__app_token_expiry="2h"):
        wait_until("new tokens live for two hours", lambda: lifetime() == 7200)
    with stack.settings(campaign__app_token_expiry="3650d"):
        wait_until("new tokens live for ten years", lambda: lifetime() == 3650 * 86400)


def test_both_spellings(nobody, postgrest, token):
    """R2.5: as a bearer, and as the user name of HTTP basic authentication."""
    seen = [nobody.with_token(token["token"]).get("/tokens"),
            nobody.get("/tokens", **basic(token["token"])),
            nobody.get("/tokens", **basic(token["token"], "not looked at")),
            nobody.get("/tokens", Authorization=f"bearer {token['token']}"),
            nobody.at(postgrest).with_token(token["token"]).get("/tokens")]
    assert len({answer.expect(200).body for answer in seen}) == 1
    assert [one["id"] for one in seen[0].json] == [token["id"]]


def test_a_users_token_is_one_in_both_spellings(nobody, ana):
    """R2.5: a person may send theirs as a user name, too."""
    assert nobody.get("/me", **basic(ana.api.token)).expect(200).json["id"] == ana.user_id


def test_tokens_are_named_and_listed(ana, eve, nobody, application):
    """R2.5: id, name, application, times and whether revoked; for the company and itself."""
    token = token_of(nobody, application, "?name=caf%C3%A9+%22till%22+100%25")
    token_of(nobody, application)
    listed = ana.api.get(f"/tokens?application_id=eq.{application['id']}").expect(200).json
    assert {one["name"] for one in listed} == {'café "till" 100%', None}
    one = next(one for one in listed if one["id"] == token["id"])
    assert set(one) == {"id", "name", "application_id", "created_at", "expires_at", "revoked"}
    assert one["revoked"] is False and one["application_id"] == application["id"]
    own = nobody.with_token(token["token"]).get("/tokens").expect(200).json
    assert sorted(map(str, own)) == sorted(map(str, listed))
    assert token["id"] not in [one["id"] for one in eve.api.get("/tokens").expect(200).json]
    embedded = ana.api.get(f"/tokens?id=eq.{token['id']}&select=name,applications(name)").json
    assert embedded[0]["applications"]["name"] == application["name"]


@pytest.mark.parametrize("name", ["x" * 201, "%ff%fe", "%00"], ids=["long", "bytes", "NUL"])
def test_bad_names_of_tokens(nobody, application, name):
    """R2.5: 4xx and no token."""
    headers = basic(application["id"], application["secret"])
    nobody.patient("GET", f"/token?name={name}", headers=headers).refused(400, 422)


def test_a_token_is_revoked_at_once(ana, nobody, application, token):
    """R2.5: the next request is 401; it stays in the list; others go on; twice is no harm."""
    other = token_of(nobody, application)
    assert is_let_in(nobody, token["token"])
    ana.api.delete(f"/tokens/{token['id']}").expect(204)
    assert not is_let_in(nobody, token["token"])
    assert ana.api.get(f"/tokens/{token['id']}").expect(200).json["revoked"] is True
    ana.api.delete(f"/tokens/{token['id']}").expect(204)
    assert is_let_in(nobody, other["token"])
    ana.api.delete("/tokens/nobody").refused(404)


def test_an_application_revokes_its_own(nobody, application, token):
    """R2.5: with the very token, and no other application's."""
    api = nobody.with_token(token["token"])
    api.delete(f"/tokens/{token['id']}").expect(204)
    assert not is_let_in(nobody, token["token"])
    assert is_let_in(nobody, token_of(nobody, application)["token"])


def test_a_token_revoked_in_sql(stack, nobody):
    """R2.5: token_create() and token_revoke() are the same tokens."""
    made = stack.one("SELECT token_create(%s)", unique())
    assert is_let_in(nobody, made["token"])
    assert stack.one("SELECT token_revoke(%s)", made["id"])["revoked_at"]
    assert not is_let_in(nobody, made["token"])


def test_a_token_expires(stack, nobody, key):
    """R2.5: at its time, not half a minute later; a forged later end does not help."""
    made = stack.one("SELECT token_create(%s, NULL, '1 second')", unique())
    stack.sql("SELECT pg_sleep_until(%s)", made["expires_at"])
    assert not is_let_in(nobody, made["token"])
    later = {**claims_of(made["token"]), "exp": int(time.time()) + 3600}
    assert not is_let_in(nobody, forge(later, key))


def test_a_deleted_application(stack, ana, nobody, application, token):
    """R2.5 R0.9: all its tokens end at once, it gets no more, and its rows stay."""
    ana.api.delete(f"/applications/{application['id']}").expect(204)
    assert not is_let_in(nobody, token["token"])
    headers = basic(application["id"], application["secret"])
    nobody.patient("GET", "/token", headers=headers).refused(401)
    ana.api.get(f"/applications/{application['id']}").refused(404)
    ana.api.get(f"/tokens/{token['id']}").refused(404)
    assert stack.sql("SELECT deleted FROM campaign.applications WHERE id = %s",
                     application["id"]) == [(True,)]
    assert stack.one("SELECT revoked_at IS NOT NULL FROM campaign.application_tokens"
                     " WHERE id = %s", token["id"]) is True


def test_the_company_of_an_application_is_deleted(stack, nobody):
    """R2.5: its applications' tokens end with it."""
    owner = logged_in(stack.env["HTTP_URL"], company=True)
    made = owner.api.post("/applications", {"name": "x"}).expect(201).json
    token = token_of(nobody, made)["token"]
    assert is_let_in(nobody, token)
    owner.api.delete(f"/companies/{owner.company_id}").expect(204)
    assert not is_let_in(nobody, token)


def test_other_peoples_applications(eve, nobody, ana, application, token):
    """R2.5: not seen, changed, revoked nor made, by others and by applications."""
    stranger = eve.api.post("/applications", {"name": "x"}).expect(201).json
    for api in (eve.api, nobody.with_token(token_of(nobody, stranger)["token"])):
        for method, path, body in (
                ("GET", f"/applications/{application['id']}", None),
                ("PATCH", f"/applications/{application['id']}", {"name": "taken"}),
                ("DELETE", f"/applications/{application['id']}", None),
                ("GET", f"/tokens/{token['id']}", None), ("DELETE", f"/tokens/{token['id']}", None),
                ("POST", "/applications", {"name": "x", "company_id": ana.company_id})):
            api.request(method, path, body).refused(403, 404)
        for path in (f"/tokens?id=eq.{token['id']}",
                     f"/tokens?application_id=eq.{application['id']}"):
            assert api.get(path).expect(200).json == []
    assert is_let_in(nobody, token["token"])
    assert ana.api.get(f"/applications/{application['id']}").json["name"] == application["name"]


def test_what_an_application_may_not(nobody, ana, token):
    """R2.5: a program is no person: it makes no users' requests and sees no people."""
    api = nobody.with_token(token["token"])
    for path in ("/me", "/users", "/companies", "/company_members", "/campaigns", "/recipients",
                 "/applications"):
        api.get(path).refused(401, 403)
    for path, body in (("/logout", None), ("/companies", {"name": "x", "document": unique()}),
                       ("/me/password", {"old_password": "x", "new_password": "y"}),
                       ("/applications", {"name": "x"}),
                       (f"/companies/{ana.company_id}/members", {"email": ana.email})):
        api.post(path, body).refused(401, 403)
    assert is_let_in(nobody, token["token"])


def test_one_kind_of_token_is_not_the_other(stack, ana, nobody, key, token):
    """R2.5: even a signed mixture of both is refused."""
    user, app = claims_of(ana.api.token), claims_of(token["token"])
    for claims in ({**app, "role": "campaign_user"}, {**user, "role": "campaign_app"},
                   {**app, "user_id": ana.user_id},
                   {**user, "application_id": app["application_id"]},
                   {**app, "user_id": ana.user_id, "role": "campaign_user"},
                   {**user, "application_id": app["application_id"], "role": "campaign_app"},
                   {**app, "jti": user["jti"]}, {**app, "jti": token["id"]}, {**app, "jti": ["x"]},
                   {**app, "application_id": None}, {**app, "application_id": "nobody"}):
        for path in ("/tokens", "/me", "/applications"):
            nobody.with_token(forge(claims, key)).get(path).refused(401)
    nobody.with_token(forge(app, key)).get("/tokens").expect(200)


def test_nothing_but_hashes_is_stored(stack, application, token):
    """R2.5: neither the secret, the token nor its id is in a row, or in a dump."""
    hidden = [application["secret"], token["token"], claims_of(token["token"])["jti"]]
    rows = stack.sql("SELECT a::text, a.secret_hash = sha256(%s) FROM campaign.applications a"
                     " WHERE id = %s", application["secret"].encode(), application["id"])
    rows += stack.sql("SELECT t::text, t.hash = sha256(%s) FROM campaign.application_tokens t"
                      " WHERE id = %s", hidden[2].encode(), token["id"])
    assert [hashed for _, hashed in rows] == [True, True]
    dump = run([f"{stack.env['PG_BIN']}/pg_dump", stack.env["DATABASE_URL"]]).stdout
    assert application["id"] in dump and token["id"] in dump
    for text in [row for row, _ in rows] + [dump]:
        for secret in hidden:
            assert secret not in text and secret.encode().hex() not in text


@pytest.mark.parametrize("header", [
    "", "Basic", "Basic ", "Basic !!!", "Basic YQ", "Basic YTpi=", "Basic ====", "Basic Og==",
    "Basic bm9jb2xvbg==", "Basic YTpi YTpi", "Basic " + "A" * 7000, "Basic " + "A" * 70000,
    "basic OnNlY3JldA==", "Negotiate x", "Digest username=x", "Bearer", "Bearer a.b.c", "YTpi",
    "Basic /////zo=", "Basic AAA6AAA="], ids=lambda header: header[:16])
def test_hostile_headers(nobody, postgrest, header):
    """R2.5: 401 (431 if it is too long): not base64, no colon, no user, no end."""
    answers = [nobody.patient("GET", "/token", headers={"Authorization": header})]
    answers += [nobody.request("GET", path, headers={"Authorization": header})
                for path in ("/tokens", "/me")]
    if len(header) < 8000:
        answers.append(nobody.at(postgrest).post("/rpc/token", headers={"Authorization": header}))
    for answer in answers:
        # 429: a stack that stays has counted these users before.
        answer.refused(*((431,) if len(header) > 8000 else (401, 429)))


@pytest.mark.parametrize("tail", ["\n", "\r\n", "\r\nX-A: b", " ", "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                                  "\x00", ".", ",x", "\u00e9"], ids=repr)
def test_nothing_but_a_token_becomes_a_header(nobody, token, tail):
    """R2.5: what nginx decodes can hold line breaks, which must not reach PostgREST as such."""
    for user in (token["token"] + tail, tail + token["token"]):
        nobody.get("/tokens", **basic(user)).refused(401)
    assert is_let_in(nobody, token["token"])


def test_wrong_credentials(nobody, application):
    """R2.5: 401 that says how, and not which of the two was wrong."""
    answers = [nobody.patient("GET", "/token", headers=basic(*pair)) for pair in (
        (application["id"], "wrong"), (application["id"], ""), ("nobody", application["secret"]),
        (application["id"], application["secret"] + "x"), (b"\xff\xfe", b"\x00"),
        (application["id"].upper(), application["secret"]))]
    assert len({answer.refused(401).body for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Basic realm="campaign"'}
    nobody.patient("GET", "/token").refused(401)


def test_guessing_is_slowed(nobody, application, token):
    """R2.5: as logins are; tokens that are out work on."""
    answers = [nobody.patient("GET", "/token", headers=basic(application["id"], "wrong"))
               for _ in range(ENOUGH_FAILURES)]
    assert [answer.status for answer in answers][:5] == [401] * 5
    right = nobody.patient("GET", "/token", headers=basic(application["id"], application["secret"]))
    assert 1 <= int(right.refused(429).headers["Retry-After"]) <= 300
    assert is_let_in(nobody, token["token"])


def test_no_filter_undoes_the_count(nobody, application):
    """R2.5: nor does a question that ends in an error."""
    wrong = basic(application["id"], "wrong")
    answers = [nobody.patient(method, path + "?pgrst_scalar-%3E%3Ecode=like.P%5C", headers=wrong)
               for method, path in [("POST", "/rpc/token"), ("GET", "/token")] * ENOUGH_FAILURES]
    statuses = [answer.status for answer in answers]
    # How long it is refused grows from a second on: on a slow machine some are answered in between.
    assert statuses[:5] == [401] * 5 and set(statuses) == {401, 429}, answers


def test_nobody_has_no_applications(stack):
    """R2.5: none, and not one that is NULL, with which nothing could be refused any more."""
    assert stack.sql("SELECT * FROM campaign.request_applications()") == []


def test_nginx_limits_credentials(stack):
    """R2.5: one address gets 429 after a burst, under both names."""
    api = Api(stack.env["HTTP_URL"])
    for method, path, source in (("GET", "/token", "127.0.0.4"),
                                 ("POST", "/rpc/token", "127.0.0.5")):
        seen = [api.request(method, path, source=(source, 0)).status for _ in range(60)]
        assert 429 in seen and seen[0] == 401, seen


def test_token_is_for_get_only(nobody, application):
    """R2.5: 405 for every other verb, and for GET of PostgREST's spelling."""
    headers = basic(application["id"], application["secret"])
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        answer = nobody.patient(method, "/token", headers=headers)
        answer.expect(405)
    nobody.patient("GET", "/rpc/token", headers=headers).refused(405)


def test_verbs_of_tokens(ana, token):
    """R2.5: nothing of a token is changed; lists need a filter to be deleted from."""
    for method in ("PATCH", "PUT", "POST"):
        answer = ana.api.request(method, f"/tokens/{token['id']}", {"name": "x"})
        answer.refused(403, 405)
    ana.api.post("/tokens", {"name": "x"}).refused(403, 404, 405)
    for path in ("/tokens", "/applications"):
        ana.api.delete(path).refused(400)
    ana.api.patch("/applications", {"name": "x"}).refused(400)
