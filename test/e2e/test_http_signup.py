"""test_http_signup.py - R4.1: sign-up as a queued job: 202 at once, and only the hash is stored."""
import pytest

from http_client import OVER, unique
from waiting import wait_until

pytest_plugins = ["http_fixtures"]


@pytest.mark.parametrize("path", ["/users?async", "/signup?async", "/users?async=true",
                                  "/signup?x=1&async=1", "/signup_async", "/rpc/signup_async"])
def test_sign_up_later(stack, nobody, path):
    """R4.1: 202 with the job; the user can log in when it is done; only the hash was stored."""
    email, password = f"{unique()}@example.com", f"pass {unique()}"
    answer = nobody.patient("POST", path, {"email": email, "password": password}).expect(202)
    assert set(answer.json) == {"id", "message"}
    assert answer.headers["Location"] is None
    wait_until("the user is there", lambda: stack.sql(
        "SELECT id FROM campaign.users WHERE email = %s", email))
    nobody.login(email, password).expect(200)
    row = stack.one("SELECT j::text FROM campaign.jobs j WHERE id = %s", answer.json["id"])
    assert password not in row and "argon2id" in row and email in row
    assert stack.one("SELECT count(*) FROM campaign.jobs j WHERE strpos(j::text, %s) > 0",
                     password) == 0
    assert stack.one("SELECT count(*) FROM campaign.jobs WHERE type = 'welcome_email'"
                     " AND meta ->> 'email' = %s", email) == 1
    nobody.get(f"/job/{answer.json['id']}").refused(401)


def test_sign_up_later_tells_no_address(stack, nobody, ana):
    """R4.1: an address that is taken, in any case, gets the same answer, and no second user."""
    fresh = nobody.patient("POST", "/users?async",
                           {"email": f"{unique()}@example.com", "password": "x"}).expect(202)
    taken = nobody.patient("POST", "/users?async",
                           {"email": ana.email.upper(), "password": "x"}).expect(202)
    assert fresh.json["message"] == taken.json["message"]
    assert set(fresh.headers) == set(taken.headers)
    wait_until("the job has failed", lambda: stack.one(
        "SELECT status FROM campaign.jobs WHERE id = %s", taken.json["id"]) == "failed")
    assert stack.one("SELECT count(*) FROM campaign.users WHERE lower(email) = lower(%s)",
                     ana.email) == 1
    nobody.login(ana.email).expect(200)


def test_sign_up_later_with_a_token(nobody, ana, eve, app):
    """R4.1: whoever sends one owns the job: they see what came of it, without the hash."""
    for api, others in ((ana.api, (eve.api, app)), (app, (ana.api,))):
        answer = api.patient("POST", "/users?async",
                             {"email": f"{unique()}@example.com", "password": "x"}).expect(202)
        job = api.wait_for_job(answer.json["id"], *OVER)
        assert job["status"] == "finished" and set(job["result"]) == {"user_id"}
        assert set(job["meta"]) == {"email"}
        for other in others:
            other.get(f"/job/{answer.json['id']}").refused(404)
    nobody.with_token("a.b.c").patient("POST", "/users?async", {}).refused(401)


@pytest.mark.parametrize("body", [{"email": "nobody", "password": "x"},
                                  {"email": None, "password": "x"},
                                  {"email": "a@example.com", "password": ""},
                                  {"email": "a@example.com", "password": None},
                                  {"email": "a@example.com\r\nBcc: b@example.com", "password": "x"},
                                  {"email": "a@example.com", "password": "x" * 4097},
                                  {"email": "a@example.com", "password": 7}], ids=repr)
def test_sign_up_later_with_bad_values(nobody, no_job, body):
    """R4.1: 422 in the request, not later in the job."""
    nobody.patient("POST", "/users?async", body).refused(422)


def test_async_is_a_question(stack, nobody):
    """R4.1: ?async=0 and other words make no job; nor does it change a login."""
    for path in ("/users", "/users?async=0", "/users?async=false", "/signup?asynchronous",
                 "/signup?x=async", "/login?async"):
        body = {"email": f"{unique()}@example.com", "password": "x"}
        # 400: PostgREST takes what has a value for a filter.
        nobody.patient("POST", path, body).expect(201, 400, 401)
        assert stack.one("SELECT count(*) FROM campaign.jobs WHERE type = 'user_create'"
                         " AND meta ->> 'email' = %s", body["email"]) == 0
