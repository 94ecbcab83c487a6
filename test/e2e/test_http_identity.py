"""test_http_identity.py - whose an address is: codes that come by mail, through nginx, the mailer and an
SMTP server. test/sql/48, 64 and 65 have the decisions."""
import concurrent.futures
import contextlib
import json
import re

import pytest

from http_client import PASSWORD, logged_in, unique
from mailers import parse, part, wait_for_mail, wait_for_status
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

NEW = "a new password 1"
CODE = re.compile(r"^ {4}([a-z0-9]{24})\r?$", re.MULTILINE)


@pytest.fixture(name="proofs", autouse=True, scope="module")
def fixture_proofs(stack):
    """Addresses are proved, as they are unless somebody turns it off."""
    with stack.settings(campaign__require_verified_email="on"):
        yield


def mail_to(stack, address, kind):
    """The last mail of this kind to an address, once it has arrived."""
    job_id = wait_until(f"a {kind} mail for {address}", lambda: stack.one(
        "SELECT max(id) FROM campaign.jobs WHERE type = %s AND lower(meta ->> 'email') = lower(%s)"
        " AND seq = (SELECT max(seq) FROM campaign.jobs j WHERE j.type = %s"
        "            AND lower(j.meta ->> 'email') = lower(%s))",
        f"{kind}_email", address, f"{kind}_email", address))
    mail = parse(wait_for_mail(stack, job_id))
    assert mail["To"] == address
    wait_for_status(stack, job_id, "finished")
    return mail


def code_to(stack, address, kind="confirm"):
    """The code in that mail, which is the same in both of its parts."""
    mail = mail_to(stack, address, kind)
    (code,) = CODE.findall(part(mail, "plain"))
    assert f"<strong>{code}</strong>" in part(mail, "html")
    return code


def confirm(stack, person):
    return person.api.patient("POST", "/me/confirm", {"code": code_to(stack, person.email)})


def proved(stack, company=False):
    """Somebody whose address is theirs."""
    person = logged_in(stack.env["HTTP_URL"], company=company)
    assert confirm(stack, person).expect(200).json["email_verified"] is True
    return person


def first_refusal(request):
    """The first 429 of many requests."""
    return wait_until("it has to wait", lambda: (
        lambda answer: answer.refused(429) if answer.status == 429 else None)(request()))


def test_from_sign_up_to_a_membership(stack):
    """R7.2: the code of the mail proves an address; who has proved theirs is invited, by mail."""
    owner, guest = proved(stack, company=True), logged_in(stack.env["HTTP_URL"])
    members = f"/companies/{owner.company_id}/members"
    owner.api.patient("POST", members, {"email": guest.email}).refused(404)
    guest.api.patient("POST", "/me/confirm", {"code": "wrong"}).refused(422)
    confirm(stack, guest).expect(200)
    confirm(stack, guest).refused(422)
    invitation = owner.api.patient("POST", members, {"email": guest.email}).expect(201).json
    mail = mail_to(stack, guest.email, "invitation")
    for kind in ("plain", "html"):
        assert owner.email in part(mail, kind) and "Padaria Central" in part(mail, kind)
    guest.api.post(f"/invitations/{invitation['id']}/accept").expect(200)
    assert len(guest.api.get("/me").json["companies"]) == 1


def test_another_address(stack, nobody):
    """R7.2: the old one stays until the new one is proved; both steps ask for what they need."""
    person, email = proved(stack), f"{unique()}@example.com"
    person.api.patch("/me", {"email": email}).refused(403)
    changed = person.api.patch(f"/users/{person.user_id}", {"email": f"\u200bmailto:{email} ",
                                                            "password": PASSWORD}).expect(202).json
    assert (changed["email"], changed["new_email"]) == (person.email, email)
    nobody.login(email).refused(401)
    code = code_to(stack, email)
    assert person.api.post("/me/code").expect(202).json["new_email"] == email
    person.api.post("/me/confirm", {"code": code}).expect(200)
    nobody.login(person.email).refused(401)
    nobody.login(email).expect(200)
    person.api.post("/me/code").refused(409)


def test_a_new_password_by_mail(stack, nobody):
    """R7.1, R7.2: the same answer for everybody; the code ends all tokens of before."""
    person = proved(stack)
    answers = [nobody.patient("POST", "/password/forgotten", {"email": address}).expect(202)
               for address in (person.email.upper(), f"{unique()}@example.com")]
    assert answers[0].body == answers[1].body and set(answers[0].headers) == set(answers[1].headers)
    code = code_to(stack, person.email, "reset")
    nobody.patient("POST", "/password/reset", {"code": "wrong", "password": NEW}).refused(422)
    token = nobody.patient("POST", "/password/reset", {"code": code, "password": NEW}
                           ).expect(200).json["token"]
    person.api.get("/me").refused(401)
    nobody.with_token(token).get("/me").expect(200)
    nobody.login(person.email).refused(401)
    nobody.login(person.email, NEW).expect(200)
    nobody.patient("POST", "/password/reset", {"code": code, "password": "x"}).refused(422)
    assert stack.one("SELECT count(*) FROM campaign.jobs j WHERE strpos(j::text, %s) > 0", code) == 0


def test_whoever_proves_an_address_gets_it(stack, nobody):
    """R7.2: somebody who has signed up with another's address neither keeps it nor hands over."""
    squatter = logged_in(stack.env["HTTP_URL"], company=True)
    assert "POST /rpc/password_forgotten" in nobody.signup(squatter.email).refused(409).json["hint"]
    nobody.patient("POST", "/password/forgotten", {"email": squatter.email}).expect(202)
    answer = nobody.patient("POST", "/password/reset", {
        "code": code_to(stack, squatter.email, "reset"), "password": NEW}).expect(200).json
    assert answer["user_id"] != squatter.user_id
    owner = nobody.with_token(answer["token"]).get("/me").json
    assert (owner["email"], owner["email_verified"], owner["companies"]) == (squatter.email, True, [])
    nobody.login(squatter.email).refused(401)
    kept = nobody.login(f"{squatter.user_id}@released.invalid").expect(200).json
    assert kept["user_id"] == squatter.user_id
    assert len(squatter.api.get("/me").json["companies"]) == 1


def test_two_who_prove_one_address_at_once(stack):
    """R7.2: one gets it, whoever has it."""
    holder, other = logged_in(stack.env["HTTP_URL"]), proved(stack)
    own = code_to(stack, holder.email)
    other.api.patch("/me", {"email": holder.email, "password": PASSWORD}).expect(202)
    wait_until("the mail is the other's", lambda: stack.one(
        "SELECT count(*) FROM campaign.address_codes WHERE user_id = %s", other.user_id))
    theirs = code_to(stack, holder.email)
    assert theirs != own
    with concurrent.futures.ThreadPoolExecutor() as threads:
        answers = [threads.submit(person.api.patient, "POST", "/me/confirm", {"code": code})
                   for person, code in ((holder, own), (other, theirs))]
        statuses = [answer.result().expect(200, 409, 422).status for answer in answers]
    assert statuses.count(200) == 1, statuses
    assert stack.sql("SELECT id, verified_at IS NOT NULL FROM campaign.users WHERE email = %s",
                     holder.email) == [((holder, other)[statuses.index(200)].user_id, True)]


def test_a_code_that_is_used_twice_at_once(stack):
    """R7.2: the second request waits for the first one, and finds it used."""
    person = proved(stack)
    with contextlib.closing(stack.connect(autocommit=False)) as first, \
            contextlib.closing(stack.connect(autocommit=False)) as second, \
            concurrent.futures.ThreadPoolExecutor() as threads:
        (code,), = execute(first, "SELECT campaign.address_code_issue('reset', %s, %s, 'x')",
                           person.user_id, person.email)
        first.commit()
        reset = "SELECT campaign_api.password_reset(%s, %s)"
        # Of two clients: one would wait for the count of its attempts.
        execute(second, "SELECT set_config('request.headers', %s, true)",
                json.dumps({"x-forwarded-for": "203.0.113.1"}))
        (answer,), = execute(first, reset, code, NEW)
        assert answer["user_id"] == person.user_id
        later = threads.submit(execute, second, reset, code, "another one")
        wait_until("the second waits", lambda: later.done() or stack.one(
            "SELECT cardinality(pg_blocking_pids(%s)) > 0", second.info.backend_pid))
        first.commit()
        assert later.result()[0][0]["code"] == "PT422"
        second.commit()
    assert stack.one("SELECT password_verify(%s, password) FROM campaign.users WHERE id = %s",
                     NEW, person.user_id)


def test_a_stranger_locks_nobody_out(stack, nobody):
    """R7.3: waits go by account and client; every 429 says how long."""
    person = logged_in(stack.env["HTTP_URL"])
    wrong = {"email": person.email, "password": "wrong"}
    stranger = {"source": ("127.0.0.66", 0)}
    refused = first_refusal(lambda: nobody.patient("POST", "/login", wrong, **stranger))
    assert int(refused.headers["Retry-After"]) >= 1
    # So long that it is not over below.
    assert stack.sql("UPDATE campaign.login_attempts SET next_at = now() + interval '5 minutes'"
                     " WHERE account = sha256(lower(%s)::bytea) AND client = '127.0.0.66'"
                     " RETURNING client", person.email)
    # Whatever the stranger says that their address is.
    forged = {"X-Forwarded-For": "127.0.0.77", "X-Real-IP": "127.0.0.77"}
    nobody.patient("POST", "/login", {**wrong, "password": PASSWORD}, headers=forged, **stranger).refused(429)
    nobody.login(person.email).expect(200)
    change = {"old_password": "wrong", "new_password": NEW}
    refused = first_refusal(lambda: person.api.patient("POST", "/me/password", change,
                                                       source=("127.0.0.67", 0)).expect(403, 429))
    assert int(refused.headers["Retry-After"]) >= 1
    person.api.post("/me/password", {"old_password": PASSWORD, "new_password": NEW}).expect(200)
