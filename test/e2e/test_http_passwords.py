"""test_http_passwords.py - a changed password stays changed, whatever overlaps the change."""
import concurrent.futures
import contextlib
import json
import time

import pytest

from http_client import PASSWORD, logged_in
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

NEW = "a new password 1"
PAIRS = 12
ELSEWHERE = {"x-forwarded-for": "192.0.2.7"}    # the attempts of one client wait for each other
# A login with the old password either waits for the change that it overlaps, or is over.
WAITS = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


@pytest.fixture(name="person")
def fixture_person(stack):
    """Somebody whose password is about to change."""
    return logged_in(stack.env["HTTP_URL"])


def claim(cursor, person):
    """The request of this connection is that person's, as PostgREST says it."""
    cursor.execute("SELECT set_config('request.jwt.claims', %s, true)",
                   (json.dumps({"role": "campaign_user", "user_id": person.user_id}),))


def login_inside_a_change(stack, person):
    """A login that finds the old password, and ends after the change of it has committed: the claim
    iat of its token, if it got one, and that of the change."""
    with contextlib.closing(stack.connect(autocommit=False)) as changing, \
            contextlib.closing(stack.connect()) as logging, \
            concurrent.futures.ThreadPoolExecutor() as threads, changing.cursor() as cursor:
        claim(cursor, person)
        cursor.execute("SELECT campaign_api.password_change(%s, %s)", (PASSWORD, NEW))
        # So late that nothing but a look at the password can tell the token from a later one.
        after = time.time() + 1
        wait_until("the change takes effect", lambda: time.time() > after)
        execute(logging, "SELECT set_config('request.headers', %s, false)", json.dumps(ELSEWHERE))
        login = threads.submit(execute, logging, "SELECT campaign_api.login(%s, %s)",
                               person.email, PASSWORD)
        wait_until("the login waits", lambda: login.done()
                   or stack.one(WAITS, logging.info.backend_pid))
        changing.commit()
        return login.result()[0][0]


@pytest.mark.parametrize("iterations", ["2", "3"])
def test_a_login_inside_a_change(stack, nobody, person, iterations):
    """R7.1: it gets no token, and does not bring the old password back as a stronger hash."""
    with stack.settings(campaign__argon2_iterations=iterations):
        answer = login_inside_a_change(stack, person)
    assert answer.get("code") == "PT401", answer
    assert stack.one("SELECT password_verify(%s, password) FROM campaign.users WHERE id = %s",
                     NEW, person.user_id)
    nobody.login(person.email, NEW).expect(200)


def test_overlapping_pairs(stack, person):
    """R7.1: of many logins that overlap a change, none leaves a token or a hash of the password
    before; the token that the change itself has answered is good."""
    api = person.api.at(stack.env["POSTGREST_URL"])
    weak = stack.one("SELECT password_hash(%s)", PASSWORD)
    with stack.settings(campaign__argon2_iterations="3"), \
            concurrent.futures.ThreadPoolExecutor() as threads:
        for pair in range(PAIRS):
            stack.sql("UPDATE campaign.users SET password = %s WHERE id = %s", weak, person.user_id)
            stack.sql("DELETE FROM campaign.login_attempts")
            logins = [threads.submit(api.post, "/rpc/login",
                                     {"email": person.email, "password": PASSWORD}, headers=ELSEWHERE)]
            change = threads.submit(api.post, "/rpc/password_change",
                                    {"old_password": PASSWORD, "new_password": f"{NEW}{pair}"})
            logins += [threads.submit(api.post, "/rpc/login",
                                      {"email": person.email, "password": PASSWORD}, headers=ELSEWHERE)]
            api = api.with_token(change.result().expect(200).json["token"])
            for login in logins:
                answer = login.result().expect(200, 401)
                if answer.status == 200:
                    api.with_token(answer.json["token"]).get("/rpc/me").refused(401)
            api.get("/rpc/me").expect(200)
            assert stack.one("SELECT password_verify(%s, password) FROM campaign.users"
                             " WHERE id = %s", f"{NEW}{pair}", person.user_id)


def test_two_changes_of_one_second(stack, person):
    """R7.1: a token from between two changes ends with the second, however close they are."""
    api = person.api.at(stack.env["POSTGREST_URL"])
    tokens = []
    for old, new in ((PASSWORD, NEW), (NEW, PASSWORD), (PASSWORD, NEW)):
        answer = api.post("/rpc/password_change", {"old_password": old, "new_password": new})
        api = api.with_token(answer.expect(200).json["token"])
        tokens.append(api.token)
    for token, status in zip(tokens, (401, 401, 200)):
        api.with_token(token).get("/rpc/me").expect(status)
