"""test_http_hostile.py - what no honest client sends.

One 4xx each, nothing is stored, and the servers stay.
"""
import itertools
import json
import socket

import pytest

from http_client import BYTES, JSON, TEXT, Api, unique

pytest_plugins = ["http_fixtures"]

SQL = ["'; DROP TABLE campaign.users; --", "' OR '1'='1", "\\'; SELECT pg_sleep(60); --",
       "$$; DELETE FROM campaign.campaigns; $$", "%s %d %n", "{{7*7}}", "\u202e\ufeff", "${jndi:x}"]
MIB = 1024 * 1024


def bodies(ana, target):
    """(path, a body that would be accepted)."""
    return [("/signup", {"email": f"{unique()}@example.com", "password": "long enough 1"}),
            ("/login", {"email": f"{unique()}@example.com", "password": "nobody has this"}),
            ("/companies", {"name": "n", "document": unique()}),
            ("/campaigns", {"name": "n", "message": "m", "company_id": ana.company_id}),
            ("/campaigns/send", {"name": "n", "message": "m", "numbers": "+5511955500101",
                                 "company_id": ana.company_id}),
            (f"/companies/{ana.company_id}/members", {"email": ana.email}),
            ("/rpc/campaign_dispatch", {"campaign_id": target}),
            ("/rpc/campaign_status", {"campaign_id": target})]


@pytest.mark.parametrize("text", SQL)
def test_sql_is_text(stack, ana, text):
    """R0.7: in a name and a message it is stored as it is."""
    # In a message, braces are those of a placeholder.
    message = "m" + text.replace("{", "\\{").replace("}", "\\}")
    campaign_id = ana.api.create_campaign(ana.company_id, name=text, message=message)
    row = stack.sql("SELECT name, message FROM campaign.campaigns WHERE id = %s", campaign_id)
    assert row == [(text, message)]
    assert ana.api.get(f"/campaigns/{campaign_id}").json["message"] == message


@pytest.mark.parametrize("text", SQL)
def test_sql_is_no_address(nobody, ana, target, stored_nothing, text):
    """R0.7: in an address, an id, a file or a filter it is 4xx or no rows."""
    nobody.signup(text).refused(422)
    nobody.login(text, text).refused(401)
    ana.api.upload(target, text.encode()).refused(422)
    for name in ("campaign_status", "campaign_dispatch", "campaign_cancel"):
        ana.api.post(f"/rpc/{name}", {"campaign_id": text}).refused(404)
    body = {"name": "n", "message": "m", "company_id": text}
    ana.api.post("/campaigns", body).refused(403, 404, 422)
    headers = {"Content-Type": TEXT, "X-Campaign-Id": text.encode("ascii", "ignore").decode()}
    answer = ana.api.post("/rpc/campaign_upload", b"+5511955500101\n", headers=headers)
    answer.refused(400, 404, 422)


def test_sql_in_the_question(ana, target, stored_nothing):
    """R0.8: filters, orders and selections take names, not SQL."""
    for question in ("id=eq.x'%20OR%20true--", "order=id%3Bdrop%20table%20x",
                     "select=id,(select%201)",
                     "id=eq.x)%20or%20(1=1", "or=(id.eq.x,id.is.null))--",
                     "select=pg_sleep(60)", "id=fts.x%27%27", "select=id::regclass"):
        answer = ana.api.get(f"/users?{question}")
        assert 400 <= answer.status < 500 or answer.json == [], (question, answer)


@pytest.mark.parametrize("size", [4097, MIB])
def test_enormous_passwords(nobody, ana, stored_nothing, size):
    """R0.6: a password of a megabyte is refused before it is hashed."""
    nobody.signup(f"{unique()}@example.com", "x" * size).refused(400, 413, 422)
    nobody.login(ana.email, "x" * size).refused(400, 401, 413, 422)
    for old, new in (("x" * size, "y"), (ana.password, "x" * size)):
        change = {"old_password": old, "new_password": new}
        ana.api.post("/me/password", change).refused(400, 403, 413, 422)


def test_enormous_passwords_without_nginx(nobody, ana, postgrest, stored_nothing):
    """R0.6: PostgreSQL refuses it by itself."""
    body = {"email": f"{unique()}@example.com", "password": "x" * MIB}
    nobody.at(postgrest).post("/rpc/signup", body).refused(400, 413, 422)
    body["email"] = ana.email
    nobody.at(postgrest).post("/rpc/login", body).refused(400, 401, 413, 422)


@pytest.mark.parametrize("value", ["\u0000", "a\u0000b", "\ud800"])
def test_characters_that_cannot_be(ana, nobody, target, stored_nothing, value):
    """R0.7: NUL and half a surrogate pair, in every string."""
    for path, body in bodies(ana, target):
        for field in body:
            api = nobody if path in ("/signup", "/login") else ana.api
            answer = api.patient("POST", path, {**body, field: value})
            answer.refused(400, 401, 404, 422)


def test_bytes_that_are_no_text(ana, target, stored_nothing):
    """R0.10: NUL and invalid UTF-8 in a file, as text and as bytes; in JSON too."""
    for junk, kind in itertools.product((b"+551195550\x000101\n", b"\xff\xfe+\x005\x005\n",
                                         b"+5511955500101\n\xc3\x28\n", b"\x00" * 1000),
                                        (TEXT, BYTES)):
        ana.api.upload(target, junk, kind).refused(400, 422)
    for method in ("PUT", "POST"):
        ana.api.upload(target, b"+5511955500101\x00\n+442079460103\n",
                       "text/plain; charset=utf-8", method).refused(400, 422)
    for junk in (b"\xff\xfe", b'{"name": "\xc3\x28"}', b'{"name": "x\x00"}'):
        ana.api.post("/companies", junk, headers={"Content-Type": JSON}).refused(400, 422)


def test_nul_without_nginx(ana, target, postgrest, stored_nothing):
    """R0.10: PostgREST cuts a text off at a NUL; what is left must not pass for the file."""
    headers = {"Content-Type": TEXT, "X-Campaign-Id": target}
    ana.api.at(postgrest).post("/rpc/campaign_upload", b"+442079460103\n\x00+12025550102\n",
                               headers=headers).refused(400, 422)


@pytest.mark.parametrize("value", [[], {}, 7, 1.5, True, None, [["x"]], {"$ne": ""}],
                         ids=repr)
def test_wrong_types(ana, nobody, target, stored_nothing, value):
    """R0.7: a value of another type, or none; test_http_types.py looks at the answers."""
    for path, body in bodies(ana, target):
        for field in body:
            if value is None and field == "company_id" and path.startswith("/campaigns"):
                continue  # the only company is taken
            api = nobody if path in ("/signup", "/login") else ana.api
            api.patient("POST", path, {**body, field: value}).refused(400, 401, 403, 404, 422)


def test_fields_that_do_not_exist(ana, nobody, target, stored_nothing):
    """R0.7: an unknown field is an error, not ignored; so are the ones that are not writable."""
    for path, body in bodies(ana, target):
        api = nobody if path in ("/signup", "/login") else ana.api
        for field in ("unknown", "is_admin", "deleted\"; --", "identifier_entropy"):
            api.patient("POST", path, {**body, field: "x"}).refused(400, 403, 404, 422)
    for field in ("role", "user_id", "created_at"):
        nobody.patient("POST", "/signup", {**dict(bodies(ana, target))["/signup"], field: "x"}
                       ).refused(400, 404, 422)


@pytest.mark.parametrize("body", [b"", b"{", b"[", b"null", b"7", b'"x"', b"{}", b"[]", b"[{}]",
                                  b"{" * 10_000, b"[" * 100_000, b'{"a":' * 50_000, b"\n",
                                  b'{"email": "a@example.com", "email": 1}'],
                         ids=lambda body: repr(body[:12]))
def test_broken_json(ana, nobody, target, stored_nothing, body):
    """R0.7: what is no object with our fields."""
    headers = {"Content-Type": JSON}
    for path, _ in bodies(ana, target):
        if body == b"[]" and path in ("/companies", "/campaigns"):
            continue  # no rows to create: nothing happens, which is what was asked
        api = nobody if path in ("/signup", "/login") else ana.api
        api.patient("POST", path, body, headers=headers).refused(400, 401, 404, 406, 413, 422)


def test_huge_json(ana, nobody, stored_nothing):
    """R0.7: 30 MB of name; a million fields; the server answers and stays."""
    body = {"name": "x" * 30 * MIB, "document": unique()}
    ana.api.post("/companies", body).refused(400, 413, 422)
    many = json.dumps({f"f{n}": n for n in range(200_000)}).encode()
    ana.api.post("/companies", many, headers={"Content-Type": JSON}).refused(400, 413, 422)
    answer = nobody.patient("POST", "/signup", many, headers={"Content-Type": JSON})
    answer.refused(400, 404, 413, 422)


@pytest.mark.parametrize("path, size", [("/companies/x1/members", 60_000),
                                        ("/campaigns/x1/numbers", 2_000_000)])
def test_no_body_keeps_nginx_busy(stack, ana, stored_nothing, path, size):
    """R0.7: a long body without an end is not looked at again and again."""
    log = stack.env["NGINX_LOG"]
    with open(log, encoding="utf-8", errors="replace") as file:
        file.seek(0, 2)
        ana.api.post(path, b"{" + b"a" * size, headers={"Content-Type": JSON}).refused(400)
        assert "pcre2_match() failed" not in file.read()


@pytest.mark.parametrize("number", ["1e131071", "-1e-16383", "0e-16383", "1e5000"])
def test_short_numbers_that_are_long(ana, stored_nothing, number):
    """R2.2: 413 for metadata of a job that would be more than 256 kB whenever they are read."""
    meta = f'{{"seconds": 0, "x": [{", ".join([number] * 60)}]}}'
    body = f'{{"job_name": "countdown", "meta": {meta}}}'.encode()
    ana.api.post("/job", body, headers={"Content-Type": JSON}).refused(413)


def test_other_content_types(ana, target, stored_nothing):
    """R0.7: XML, CSV and forms where JSON is expected."""
    for kind in ("application/xml", "text/html", "application/vnd.pgrst.plan+json", "x/y", "\"",
                 "a"):
        ana.api.post("/companies", b"<name>x</name>", headers={"Content-Type": kind}
                     ).refused(400, 415, 422)
        ana.api.post("/rpc/campaign_dispatch", b"<x/>", headers={"Content-Type": kind}
                     ).refused(400, 404, 415, 422)
    assert ana.api.status(target)["status"] == "draft"


def test_plans_are_not_shown(ana):
    """R0.8: EXPLAIN would tell of rows that are not ours."""
    answer = ana.api.get("/users", Accept="application/vnd.pgrst.plan+json; options=analyze")
    answer.refused(406, 415)


def test_campaign_header(ana, stored_nothing):
    """R0.10: an upload to no campaign, to one that does not exist, and with odd options."""
    for headers in ({}, {"X-Campaign-Id": ""}, {"X-Campaign-Id": "nosuchcampaign"},
                    {"X-Campaign-Id": "x" * 4000}):
        ana.api.post("/rpc/campaign_upload", b"+5511955500101\n",
                     headers={"Content-Type": TEXT, **headers}).refused(400, 404, 422)


def test_odd_options(ana, target, stored_nothing):
    """R0.11: an option that is neither true nor false is refused, not guessed."""
    for name in ("X-Skip-Invalid", "X-Allow-Duplicates"):
        headers = {name.replace("-", "_"): "perhaps"}
        ana.api.upload(target, b"+442079460103\n", **headers).refused(400, 422)


def test_odd_addresses(ana, stored_nothing):
    """R0.7: what is no route is 404 or 405 in the same shape."""
    for path in ("/nothing", "/users/UPPER", "/users/a/b", "/campaigns//numbers",
                 "/%2e%2e/etc/passwd", "/users/%00", "/users/..%2f..%2f", "/rpc/", "/rpc/nothing",
                 "/campaigns/x/explode", "//users", "/login/", "/users/" + "a" * 3000):
        answer = ana.api.get(path)
        assert answer.status in (400, 404, 405), (path, answer)
    for method in ("PUT", "POST", "TRACE", "CONNECT", "FROBNICATE"):
        answer = ana.api.request(method, f"/users/{ana.user_id}")
        assert answer.status in (400, 405), (method, answer)
    ana.api.request("PUT", "/login", {}).refused(405)
    ana.api.get("/signup").refused(405)


def test_no_header_comes_from_a_value(ana, postgrest, stored_nothing):
    """R0.7: PostgREST writes an error's message into the status line as it is."""
    value = "x\r\nSet-Cookie: a=b\r\n\r\n<html>"
    for api in (ana.api, ana.api.at(postgrest)):
        answers = [api.post(f"/rpc/{name}", {"campaign_id": value})
                   for name in ("campaign_status", "campaign_dispatch", "campaign_verify")]
        answers += [api.post("/rpc/company_member_invite", {"company_id": value, "email": value}),
                    api.post("/rpc/company_member_remove", {"company_id": value, "user_id": value}),
                    api.post("/rpc/campaign_upload_json",
                             {"campaign_id": value, "numbers": [], "class": value}),
                    api.post("/rpc/signup", {"email": value, "password": value}),
                    api.post("/campaigns", {"name": "n", "message": "m", "company_id": value})]
        for answer in answers:
            assert 400 <= answer.status < 500 and answer.headers["Set-Cookie"] is None, answer
            assert set(answer.json) == {"code", "message", "details", "hint"}


def test_half_a_request(stack, ana, target, stored_nothing):
    """R0.10: a client that goes away in the middle of its file leaves nothing."""
    api = Api(stack.env["HTTP_URL"])
    host, port = api.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall((f"PUT /campaigns/{target}/numbers HTTP/1.1\r\nHost: x\r\n"
                            f"Authorization: Bearer {ana.api.token}\r\nContent-Type: text/plain\r\n"
                            "Content-Length: 1000\r\n\r\n+5511955500102\n").encode())
    ana.api.get("/me").expect(200)


def test_errors_tell_no_rows(ana, nobody, stored_nothing):
    """R0.7: neither a failing row, a secret nor the name of an internal object is in an error."""
    answers = [nobody.signup(ana.email), ana.api.post("/companies", {"name": "x"}),
               ana.api.post("/campaigns", {"name": "n", "message": None}),
               ana.api.patch(f"/users/{ana.user_id}", {"email": None}),
               nobody.login(ana.email, "wrong password 1")]
    for answer in answers:
        answer.refused(400, 401, 409, 422)
        text = answer.body.decode()
        for secret in ("Failing row", "argon2", "users_email_key", "campaign.", "sql",
                       "wrong password 1"):
            assert secret not in text, text
