"""test_http_people.py - sign-up, login, companies and people over HTTP."""
import statistics
import time

import pytest

from http_client import PASSWORD, Api, logged_in, unique
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

WRONG = "this is not the password"
ENOUGH_FAILURES = 12


def test_signup(stack, nobody):
    """R0.7: 201 with the user's id; a live user's address is 409, whatever its case."""
    email = f"{unique()}@Example.com"
    answer = nobody.signup(email).expect(201).json
    assert stack.one("SELECT email FROM campaign.users WHERE id = %s", answer["id"]) == email
    nobody.signup(email.upper()).refused(409)
    assert stack.one("SELECT count(*) FROM campaign.users WHERE lower(email) = lower(%s)",
                     email) == 1


@pytest.mark.parametrize("email", ["", " ", "x", "@example.com", "a@b", "a b@example.com",
                                   "a@example.com\nBcc: x@example.com", "a" * 300 + "@example.com"])
def test_signup_with_a_bad_address(nobody, email):
    """R0.7: 422, and which field it was."""
    assert "mail" in nobody.signup(email).refused(422).json["message"]


def test_a_person_changes_themselves(stack, nobody):
    """R0.7: e-mail and password; the old ones stop working."""
    person = logged_in(stack.env["HTTP_URL"])
    email = f"{unique()}@example.com"
    change = {"email": email, "password": PASSWORD}
    person.api.patch(f"/users/{person.user_id}", change).expect(200)
    assert person.api.get("/me").json["email"] == email
    nobody.login(person.email).refused(401)
    nobody.login(email).expect(200)
    change = {"old_password": WRONG, "new_password": "a new password 1"}
    person.api.post("/me/password", change).refused(403)
    person.api.post("/me/password", {**change, "old_password": PASSWORD}).expect(200)
    nobody.login(email).refused(401)
    nobody.login(email, "a new password 1").expect(200)
    stored = stack.one("SELECT password FROM campaign.users WHERE id = %s", person.user_id)
    assert stored.startswith("$argon2id$")


def test_a_person_changes_themselves_without_their_id(ana, nobody):
    """R7.1: PATCH /me is checked as PATCH /users/:id is."""
    email = f"{unique()}@example.com"
    before = ana.api.get("/me").json
    changed = ana.api.patch("/me", {"email": email, "password": PASSWORD}).expect(200).json
    assert {**before, "email": email, "updated_at": changed["updated_at"]} == changed
    assert ana.api.get("/me").json == changed
    ana.api.patch("/me", {"email": before["email"], "password": PASSWORD}).expect(200)
    for body, status in (({"email": "nobody"}, 422), ({"email": 7}, 422), ({"email": None}, 422),
                         ({}, 400), ({"password": "x"}, 400), ({"email": email}, 403),
                         ({"email": email, "password": WRONG}, 403)):
        ana.api.patch("/me", body).refused(status)
    nobody.patch("/me", {"email": email}).refused(401)
    ana.api.get("/rpc/me_update").refused(405)


def test_tokens_of_the_same_second(stack, nobody):
    """R0.8: a token that is a moment older than the new password is refused, and one that is a
    moment younger is not."""
    person = logged_in(stack.env["HTTP_URL"])
    wait_until("a second begins", lambda: time.time() % 1 < 0.2)
    old = nobody.login(person.email).expect(200).json["token"]
    change = {"old_password": PASSWORD, "new_password": "a new password 1"}
    changed = person.api.post("/me/password", change).expect(200).json["token"]
    new = nobody.login(person.email, "a new password 1").expect(200).json["token"]
    for token, status in ((old, 401), (changed, 200), (new, 200)):
        nobody.with_token(token).get("/me").expect(status)


def test_address_of_a_deleted_person(stack, nobody):
    """R0.9: deleting is soft, ends the login, and frees the address for a new user."""
    first = logged_in(stack.env["HTTP_URL"])
    first.api.delete(f"/users/{first.user_id}").refused(403)
    first.api.delete(f"/users/{first.user_id}", body={"password": PASSWORD}).expect(204)
    nobody.login(first.email).refused(401)
    second_id = nobody.signup(first.email, "another password 1").expect(201).json["id"]
    assert second_id != first.user_id
    nobody.login(first.email).refused(401)
    assert nobody.login(first.email, "another password 1").expect(200).json["user_id"] == second_id
    rows = stack.sql("SELECT id, deleted FROM campaign.users WHERE email = %s", first.email)
    assert sorted(rows) == sorted([(first.user_id, True), (second_id, False)])


def test_login_tells_nobody_apart(stack, nobody):
    """R0.8: unknown address, wrong password and deleted user get the same answer."""
    alive, gone = (logged_in(stack.env["HTTP_URL"]) for _ in range(2))
    gone.api.delete("/me", body={"password": PASSWORD}).expect(204)
    answers = [nobody.login(f"{unique()}@example.com", WRONG), nobody.login(alive.email, WRONG),
               nobody.login(gone.email, PASSWORD), nobody.login(alive.email, ""),
               nobody.login("not an address", WRONG)]
    bodies = {answer.refused(401).body for answer in answers}
    assert len(bodies) == 1, bodies


def test_login_takes_the_same_time(stack, nobody):
    """R0.8: an unknown address costs as much work as a wrong password."""
    api = nobody.at(stack.env["POSTGREST_URL"])
    known_s, unknown_s = [], []
    # In turns: a machine that is busy for a while slows both.
    for email in [logged_in(stack.env["HTTP_URL"]).email for _ in range(7)]:
        for address, seconds in ((email, known_s), (f"{unique()}@example.com", unknown_s)):
            started = time.perf_counter()
            api.post("/rpc/login", {"email": address, "password": WRONG}).expect(401)
            seconds.append(time.perf_counter() - started)
    known, unknown = statistics.median(known_s), statistics.median(unknown_s)
    assert 0.5 < known / unknown < 2, (known_s, unknown_s)


def test_no_filter_undoes_the_count(stack, nobody):
    """R0.8: a question that ends in an error for a wrong password only, and would roll back the
    count of failures, is not asked."""
    victim = logged_in(stack.env["HTTP_URL"])
    answers = [nobody.patient("POST", path + "?pgrst_scalar-%3E%3Ecode=like.P%5C",
                              {"email": victim.email, "password": WRONG})
               for path in ["/login", "/rpc/login"] * ENOUGH_FAILURES]
    statuses = [answer.status for answer in answers]
    # How long it is refused grows from a second on: on a slow machine some are answered in between.
    assert statuses[:5] == [401] * 5 and set(statuses) == {401, 429}, answers


def test_repeated_failures_are_slowed(stack, nobody):
    """R0.8: after several wrong passwords an account answers late or not at all; others do
    not notice."""
    api = nobody.at(stack.env["POSTGREST_URL"])
    victim, other = (logged_in(stack.env["HTTP_URL"]) for _ in range(2))

    def attempt(email, password):
        started = time.perf_counter()
        answer = api.post("/rpc/login", {"email": email, "password": password})
        return answer.status, time.perf_counter() - started
    first = attempt(victim.email, WRONG)
    assert first[0] == 401
    for _ in range(ENOUGH_FAILURES):
        last = attempt(victim.email, WRONG)
        assert last[0] in (401, 429), last
    assert last[0] == 429 or last[1] > first[1] + 0.2 or attempt(victim.email, PASSWORD)[0] != 200
    assert attempt(other.email, PASSWORD)[0] == 200


def test_login_renews_a_weak_hash(stack, nobody):
    """R0.6: with higher settings the next login stores a stronger hash, of the same password."""
    person = logged_in(stack.env["HTTP_URL"])
    query = "SELECT password FROM campaign.users WHERE id = %s"
    before = stack.one(query, person.user_id)
    with stack.settings(campaign__argon2_iterations="3"):
        nobody.login(person.email).expect(200)
        after = stack.one(query, person.user_id)
    assert before != after and ",t=3," in after
    nobody.login(person.email).expect(200)


def test_company(stack, ana):
    """R0.2 R0.7: create, read, change, delete; the document loses its punctuation."""
    document = unique().upper()
    body = {"name": " Padaria ", "document": f"{document[:4]}.{document[4:]}/-"}
    answer = ana.api.post("/companies", body)
    company = answer.expect(201).json
    assert company["document"] == document
    assert answer.headers["Location"] == f"/companies/{company['id']}"
    assert ana.api.get(answer.headers["Location"]).expect(200).json["id"] == company["id"]

    ana.api.patch(f"/companies/{company['id']}", {"name": "Confeitaria"}).expect(204)
    assert ana.api.get(f"/companies/{company['id']}").json["name"] == "Confeitaria"
    ana.api.post("/companies", {"name": "again", "document": document.lower()}).refused(409)
    ana.api.delete(f"/companies/{company['id']}").expect(204)
    assert stack.one("SELECT deleted FROM campaign.companies WHERE id = %s", company["id"]) is True
    ana.api.post("/companies", {"name": "again", "document": document}).expect(201)


def test_company_in_a_country_of_half_a_character(ana):
    """R0.2 R6.2: what is not known is quoted up to a whole character, and refused like any other."""
    company = ana.api.post("/companies", {"name": "Padaria", "document": unique()}).expect(201).json
    answer = ana.api.patch(f"/companies/{company['id']}", {"country": "x" * 39 + "é"}).expect(422)
    assert answer.json["message"] == f'country "{"x" * 39}" is not known'
    assert ana.api.get(f"/companies/{company['id']}").json["country"] == company["country"]


def test_company_without_name_or_document(ana):
    """R0.2: 4xx and nothing else."""
    for body in ({}, {"name": "x"}, {"document": unique()}, {"name": "", "document": unique()},
                 {"name": "x", "document": "./-"}, {"name": None, "document": None},
                 {"name": "x" * 201, "document": unique()}):
        ana.api.post("/companies", body).refused(400, 422)


def test_campaign(ana):
    """R0.3 R0.7: create, read, list, change, delete."""
    body = {"name": "Spring", "message": "Olá!", "company_id": ana.company_id}
    answer = ana.api.post("/campaigns", body).expect(201)
    campaign = answer.json
    assert answer.headers["Location"] == f"/campaigns/{campaign['id']}"
    assert (campaign["status"], campaign["total"], campaign["user_id"]) == ("draft", 0, ana.user_id)
    ana.api.patch(f"/campaigns/{campaign['id']}", {"name": "Summer"}).expect(204)
    assert ana.api.get(f"/campaigns/{campaign['id']}").json["name"] == "Summer"
    rows = ana.api.get(f"/campaigns?id=eq.{campaign['id']}").json
    assert [one["name"] for one in rows] == ["Summer"]
    ana.api.delete(f"/campaigns/{campaign['id']}").expect(204)


def test_the_only_company_is_taken(stack, ana):
    """R0.3: whoever has one company need not name it; whoever has none cannot make a campaign."""
    person = logged_in(stack.env["HTTP_URL"])
    body = {"name": "n", "message": "m"}
    person.api.post("/campaigns", body).refused(400, 403, 409, 422)
    person.company_id = person.api.create_company()
    assert person.api.post("/campaigns", body).expect(201).json["company_id"] == person.company_id
    person.api.create_company()
    person.api.post("/campaigns", body).refused(400, 409, 422)
    person.api.post("/campaigns", {**body, "company_id": ana.company_id}).refused(403, 404, 422)


def test_nginx_limits_logins(stack):
    """R0.8: one address gets 429 after a burst, under both names of a login."""
    api = Api(stack.env["HTTP_URL"])
    for path, source in (("/login", "127.0.0.2"), ("/rpc/login", "127.0.0.3")):
        seen = [api.post(path, {}, source=(source, 0)).status for _ in range(60)]
        assert 429 in seen and seen[0] != 429, seen
    api.post("/login", {}, source=("127.0.0.3", 0)).refused(429, 400, 401, 404, 422)
