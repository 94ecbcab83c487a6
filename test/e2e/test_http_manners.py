"""test_http_manners.py - R7.4: answers that say what to do: where a list goes on, what a token is
needed for, and what is wrong with a body."""
import socket
import threading

import pytest

from http_client import JSON, LATER, Api, logged_in, unique
from own_nginx import own_nginx

pytest_plugins = ["http_fixtures"]

BLANKS = ["   ", "\n\t", "\u00a0", "\u200b\u2060", "\u3000 \ufeff", "\u00ad"]
NUMBER = "+5511955500161"


@pytest.fixture(name="owner", scope="module")
def fixture_owner(stack):
    """Somebody with five campaigns and, with their welcome mail, four jobs."""
    person = logged_in(stack.env["HTTP_URL"], company=True)
    for _ in range(5):
        person.api.create_campaign(person.company_id, name=unique())
    for _ in range(3):
        person.api.create_job("countdown", {"seconds": 1}, run_at=LATER)
    return person


def next_of(answer):
    """The address in the Link, None without one."""
    link = answer.headers["Link"]
    if link is None:
        return None
    assert link.startswith("<") and link.endswith('>; rel="next"'), link
    return link[1:].partition(">")[0]


@pytest.mark.parametrize("question, sizes", [
    ("/campaigns?limit=2", [2, 2, 1]), ("/campaigns/?select=id&limit=2", [2, 2, 1]),
    ("/campaigns?limit=2&offset=1&status=eq.draft", [2, 2, 0]),
    ("/campaigns?offset=3&limit=1", [1, 1, 0]), ("/campaigns?limit=5", [5, 0]), ("/campaigns", [5]),
    ("/campaigns?limit=9", [5]), ("/job?limit=2", [2, 2, 0]), ("/companies?limit=2", [1])])
def test_a_full_page_names_the_next(owner, question, sizes):
    """R7.4, R7.7: every row once, whatever was asked; the last page names none."""
    seen, found = [], []
    while question:
        answer = owner.api.get(question).expect(200)
        seen.append(len(answer.json))
        found += [row["id"] for row in answer.json]
        question = next_of(answer)
    assert seen == sizes
    assert len(set(found)) == len(found)


def test_a_total_ends_the_pages(owner):
    """R7.4: whoever asks for the total gets no link to an empty page."""
    for question, further in (("/campaigns?limit=5", False), ("/campaigns?limit=3&offset=2", False),
                              ("/campaigns?limit=4", True)):
        answer = owner.api.get(question, Prefer="count=exact").expect(200, 206)
        assert answer.headers["Content-Range"].endswith("/5")
        assert bool(next_of(answer)) == further
    assert owner.api.get("/campaigns?limit=2").headers["X-Next-Page"] is None
    head = owner.api.request("HEAD", "/campaigns?limit=2").expect(200)
    assert next_of(head) == "/campaigns?limit=2&offset=2"


def test_pages_of_recipients(owner):
    """R7.4: on the route of the campaign, too; an address in the link is the client's own."""
    campaign = owner.api.create_campaign(owner.company_id)
    owner.api.upload(campaign, b"+5511955500161\n+5511955500162\n+5511955500163\n").expect(200)
    first = owner.api.get(f"/campaigns/{campaign}/recipients?limit=2").expect(200)
    assert next_of(first) == f"/campaigns/{campaign}/recipients?limit=2&offset=2"
    assert len(owner.api.get(next_of(first)).expect(200).json) == 1
    odd = owner.api.get('/campaigns?limit=1&name=neq.a>b;"c').expect(200)
    assert odd.headers["Link"].count(">") == 1


@pytest.mark.parametrize("path", [
    "/campaigns", "/companies", "/me", "/job", "/job/x", "/jobs/stats", "/applications", "/tokens",
    "/suppressions", "/campaigns/x/status", "/campaigns/x/recipients", "/pedidos", "/rpc/me"])
def test_without_a_token(nobody, path):
    """R7.4: 401 says what is needed and where it comes from."""
    answer = nobody.get(path).refused(401)
    assert answer.json["message"] == "a token is needed"
    assert "POST /login" in answer.json["hint"] and "Bearer" in answer.json["hint"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_with_the_wrong_token(nobody, app, target):
    """R7.4: one that is none says so; that of an application is told what it is not for."""
    assert nobody.with_token("x.y.z").get("/me").refused(401).headers["WWW-Authenticate"]
    for path in ("/campaigns", "/me", f"/campaigns/{target}/status"):
        answer = app.get(path).refused(403)
        assert answer.json["message"] == "not with the token of an application"
        assert "POST /login" in answer.json["hint"]
    app.get("/jobs").expect(200)
    app.get("/nothing").refused(404)


def test_location_where_one_may_look(nobody, ana):
    """R7.4: whoever signs up cannot look at anything yet."""
    person = {"email": f"{unique()}@example.com", "password": "x"}
    assert nobody.patient("POST", "/signup", person).expect(201).headers["Location"] is None
    person["email"] = f"{unique()}@example.com"
    assert nobody.patient("POST", "/users?async", person).expect(202).headers["Location"] is None
    person["email"] = f"{unique()}@example.com"
    answer = ana.api.patient("POST", "/signup?async", person).expect(202)
    ana.api.get(answer.headers["Location"]).expect(200)


@pytest.mark.parametrize("text", BLANKS, ids=ascii)
def test_a_message_of_blanks(ana, target, text, stored_nothing):
    """R7.4: 422 wherever a message comes."""
    for method, path, body in (("POST", "/campaigns", {"name": "x", "message": text}),
                               ("POST", "/campaigns/send", {"name": "x", "message": text, "numbers": NUMBER}),
                               ("PATCH", f"/campaigns/{target}", {"message": text})):
        answer = ana.api.request(method, path, body).refused(422)
        assert answer.json["message"] == "campaign message has only blanks"


def test_nul_in_a_text(ana, nobody, target, stored_nothing):
    """R7.4: in our words; a backslash before it makes it something else."""
    nul = "a\u0000b"
    for method, path, body in (
            ("POST", "/campaigns", {"name": nul, "message": "x"}), ("POST", "/companies", {"name": nul, "document": "1"}),
            ("PATCH", f"/campaigns/{target}", {"message": nul}), ("POST", "/job", {"job_name": "pi", "meta": {"a": nul}}),
            ("POST", "/campaigns/send", {"name": "x", "message": nul, "numbers": NUMBER})):
        answer = ana.api.request(method, path, body).refused(422)
        assert answer.json["message"] == r"a text has the character \u0000, which cannot be stored"
    nobody.patient("POST", "/signup", {"email": nul, "password": "x"}).refused(422)
    ana.api.post("/campaigns", {"name": "", "message": r"\u0000"}).refused(422)
    ana.api.post("/segments", {"text": r"\u0000 \\u0000"}).expect(200)


@pytest.mark.parametrize("body", [b"null", b"7", b'"x"', b"true", b"[]", b" [ ] "])
def test_a_body_that_is_no_object(ana, body, stored_nothing):
    """R7.4: said so, whatever it is."""
    for path in ("/campaigns", "/companies"):
        answer = ana.api.post(path, body, headers={"Content-Type": JSON}).refused(422)
        assert answer.json["message"] == "the body must be a JSON object"


@pytest.mark.parametrize("path", ["/segments", "/job", "/campaigns/send", "/companies/x/members",
                                  "/campaigns/{}/pause", "/campaigns/{}/schedule", "/rpc/me", "/suppressions"])
def test_a_field_that_is_not_taken(ana, target, path, stored_nothing):
    """R7.4: 400 that names it; and one that names what is missing."""
    answer = ana.api.post(path.format(target), {"bogus": 1}).refused(400)
    assert answer.json["message"] == 'there is no field "bogus" here'


def test_fields_of_a_row(ana, target, stored_nothing):
    """R7.4: 400 that names it, for lists, too; whatever follows the body is 400."""
    for method, path in (("POST", "/campaigns"), ("PATCH", f"/campaigns/{target}"), ("POST", "/companies")):
        assert "'bogus'" in ana.api.request(method, path, {"bogus": 1}).refused(400).json["message"]
    for path in ("/campaigns", "/job", "/campaigns/send", f"/campaigns/{target}/pause"):
        ana.api.post(path, b'{"name": "x"} {}', headers={"Content-Type": JSON}).refused(400)
    for path, name in (("/job", "job_name"), ("/segments", "text"), ("/campaigns/send", "name")):
        assert ana.api.post(path, {}).refused(400).json["message"] == f'the field "{name}" is missing'


def test_what_follows_a_head(ana):
    """R7.5: PostgREST ends its connection behind a HEAD, and nobody else's request with it."""
    for _ in range(10):
        assert ana.api.request("HEAD", "/campaigns").status == 200
        ana.api.get("/me").expect(200)


def end_behind_a_head(connection):
    """Answers requests. What comes behind a HEAD finds the connection at an end: what PostgREST does, at the worst moment."""
    with connection, connection.makefile("rb") as requests:
        method = None
        while method != b"HEAD" and (line := requests.readline()):
            method = line.split()[0]
            while requests.readline().strip():
                pass
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if method == b"HEAD" else b"[]"))
        requests.readline()


def serve_two(server):
    for _ in range(2):
        threading.Thread(target=end_behind_a_head, args=(server.accept()[0],), daemon=True).start()


def test_what_meets_the_end_of_a_connection(stack):
    """R7.5: the connection of a HEAD is not used again, so that nothing is lost on it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve_two, args=(server,), daemon=True).start()
        with own_nginx(stack, server=f"127.0.0.1:{server.getsockname()[1]}") as port:
            api = Api(f"http://127.0.0.1:{port}")
            assert [api.request(method, "/campaigns").status for method in ("HEAD", "GET")] == [200, 200]
