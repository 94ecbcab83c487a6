"""test_http_repeats.py - requests that come twice, with an Idempotency-Key."""
import concurrent.futures
import contextlib

import pytest

from http_client import BYTES, LATER, logged_in, unique
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

COUNTED = ("campaigns", "companies", "applications", "jobs")


@pytest.fixture(name="maker", scope="module")
def fixture_maker(stack):
    """Somebody who comes to have many companies."""
    return logged_in(stack.env["HTTP_URL"], company=True)


def creating(maker):
    """(route, what it creates, a body)."""
    return [("/campaigns", "campaigns", {"name": unique(), "message": "Olá!", "company_id": maker.company_id}),
            ("/campaigns/send", "campaigns", {"name": unique(), "message": "Olá!",
                                              "company_id": maker.company_id, "numbers": ["+5511955500151"]}),
            ("/companies", "companies", {"name": "n", "document": unique()}),
            ("/applications", "applications", {"name": unique(), "company_id": maker.company_id}),
            ("/job", "jobs", {"job_name": "countdown", "meta": {"seconds": 1}, "run_at": LATER})]


def counts(stack):
    return {table: stack.one(f"SELECT count(*) FROM campaign.{table}") for table in COUNTED}


def grown(before, table):
    return {**before, table: before[table] + 1}


def ask(api, path, body, key):
    return api.post(path, body, headers={"Idempotency-Key": key})


@pytest.fixture(name="begun", scope="module")
def fixture_begun(stack, maker):
    """Campaigns of which more can be made: (route, body, how many campaigns more)."""
    def campaign(numbers, dispatch, **fields):
        made = maker.api.create_campaign(maker.company_id, name=unique(), **fields)
        maker.api.upload(made, numbers).expect(200)
        if dispatch:
            maker.api.post(f"/campaigns/{made}/dispatch").expect(202)
            maker.api.wait_for_status(made, "sent")
        return f"/campaigns/{made}"

    over = campaign(b"+5511955500153\n", True)
    stack.sql("INSERT INTO campaign.fates (campaign_id, class, seq, state, code, text, attempts)"
              " VALUES (%s, 'NORMAL', 1, 'failed', 'blocked', 'blocked', 1)", over.split("/")[-1])
    zones = campaign(b"+5511955500154\n+442079460958\n", False, ordered=False)
    empty = f"/campaigns/{maker.api.create_campaign(maker.company_id, name=unique())}"
    return {"test": (f"{over}/test", {"numbers": ["+5511955500155"]}, 1),
            "retry": (f"{over}/retry_failed", {}, 1),
            "reset": (f"{over}/reset", {"reason": "once more"}, 1),
            "zones": (f"{zones}/dispatch_zones", {"hours": "00:00-24:00"}, 2),
            "records": (f"{empty}/generate?quantity=3", None, 0),
            "generate": ("/pedidos/generate?quantity=3", None, 1),
            "run": ("/pedidos/reset", None, 1)}


@pytest.mark.parametrize("what", ["test", "retry", "reset", "zones", "records"])
def test_what_comes_of_a_campaign_comes_once(stack, maker, begun, what):
    """R7.4: a test, another try, a draft in its place, its parts, its records."""
    path, body, more = begun[what]
    asked_twice(stack, maker.api, path, body, more)


def test_a_generated_run_comes_once(stack, ana, begun):
    """R7.4: and the draft that takes its place."""
    path, body, more = begun["generate"]
    run = asked_twice(stack, ana.api, path, body, more).json["campaignId"]
    ana.api.wait_for_status(run, "sent")
    path, body, more = begun["run"]
    asked_twice(stack, ana.api, path, body, more)


def asked_twice(stack, api, path, body, more):
    """Two requests with one key make so many campaigns; answers the first answer."""
    before = stack.one("SELECT count(*) FROM campaign.campaigns")
    key = unique()
    first = ask(api, path, body, key).expect(200, 202)
    again = ask(api, path, body, key).expect(first.status)
    assert stack.one("SELECT count(*) FROM campaign.campaigns") == before + more
    assert (again.json, again.headers["Location"]) == (first.json, first.headers["Location"])
    assert (first.headers["Idempotency-Replayed"], again.headers["Idempotency-Replayed"]) == (None, "true")
    return first


@pytest.mark.parametrize("place", range(5))
def test_the_first_answer_comes_again(stack, maker, place):
    """R7.3: the same status, address and body, and one thing; another key is another thing."""
    path, table, body = creating(maker)[place]
    before = counts(stack)
    key = unique()
    first = ask(maker.api, path, body, key).expect(201, 202)
    again = ask(maker.api, path, body, key).expect(first.status)
    assert counts(stack) == grown(before, table)
    assert again.headers["Location"] == first.headers["Location"] is not None
    assert (first.headers["Idempotency-Replayed"], again.headers["Idempotency-Replayed"]) == (None, "true")
    # Nothing keeps a secret: a lost one is replaced by another.
    assert again.json == ({**first.json, "secret": None} if path == "/applications" else first.json)
    if path == "/companies":
        body["document"] = unique()
    ask(maker.api, path, body, unique()).expect(201, 202)
    assert counts(stack) == grown(grown(before, table), table)


def test_without_a_key_twice_is_two(stack, maker):
    """R7.3: as ever."""
    before = counts(stack)
    path, table, body = creating(maker)[0]
    for _ in range(2):
        assert maker.api.post(path, body).expect(201).headers["Idempotency-Replayed"] is None
    assert counts(stack) == grown(grown(before, table), table)


def test_a_key_is_for_one_request(stack, maker, eve, app):
    """R7.3: another body or route with it is 422; it is nobody else's."""
    path, _, body = creating(maker)[0]
    key = unique()
    first = ask(maker.api, path, body, key).expect(201).json
    before = counts(stack)
    ask(maker.api, path, {**body, "name": "other"}, key).refused(422)
    for other, _, another in creating(maker)[1:]:
        ask(maker.api, other, another, key).refused(422)
    assert counts(stack) == before
    mine = ask(eve.api, path, {**body, "company_id": eve.company_id}, key).expect(201).json
    assert mine["id"] != first["id"]
    path, _, body = creating(maker)[4]
    assert ask(app, path, body, key).expect(201).headers["Idempotency-Replayed"] is None


def test_what_was_refused_may_be_tried_again(maker):
    """R7.3: an error has created nothing, and its key is free."""
    path, _, body = creating(maker)[0]
    key = unique()
    ask(maker.api, path, {**body, "name": None}, key).refused(422)
    ask(maker.api, path, body, key).expect(201)


def test_keys_that_cannot_be(maker):
    """R7.3: one that is too long; and an array has no single answer."""
    path, _, body = creating(maker)[0]
    ask(maker.api, path, body, "k" * 256).refused(400)
    ask(maker.api, path, [body, body], unique()).refused(400)
    ask(maker.api, path, body, "k" * 255).expect(201)


def test_a_request_that_runs(stack, maker):
    """R7.3: 409 while the first one has no answer, and then its answer."""
    path, _, body = creating(maker)[1]
    key = unique()
    other = stack.connect(autocommit=False)
    with contextlib.closing(other), concurrent.futures.ThreadPoolExecutor(1) as pool:
        execute(other, "SELECT FROM campaign.companies WHERE id = %s FOR UPDATE", maker.company_id)
        first = pool.submit(ask, maker.api, path, body, key)
        wait_until("it waits for the company", lambda: stack.one(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND usename = 'campaign_authenticator'") == 1)
        ask(maker.api, path, body, key).refused(409)
        other.rollback()
        answer = first.result().expect(202)
    assert ask(maker.api, path, body, key).expect(202).json == answer.json


def test_many_at_once_are_one(stack, maker):
    """R7.3: of twenty at the same time one creates, and none is told something else."""
    path, table, body = creating(maker)[0]
    key = unique()
    before = counts(stack)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(maker.api, path, body, key), range(20)))
    ids = {answer.json["id"] for answer in answers if answer.expect(201, 409).status == 201}
    assert len(ids) == 1 and counts(stack) == grown(before, table)


def test_a_form_twice(stack, maker):
    """R7.3: what it says counts. Its boundary is another one each time that curl or a browser sends it."""
    key = unique()

    def send(boundary, number="+5511955500152", content_type="multipart/form-data"):
        body = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'
                       for name, file, value in (("name", "", "n"), ("message", "", "m"),
                                                 ("company_id", "", maker.company_id),
                                                 ("f", '; filename="n"', number)))
        return maker.api.request("POST", "/campaigns/send", f"{body}--{boundary}--".encode(), headers={
            "Content-Type": f"{content_type}; boundary={boundary}", "Idempotency-Key": key})
    before = counts(stack)
    first = send("b0").expect(202)
    for boundary in ("b0", "----WebKitFormBoundary7MA4YWxkTrZu0gW"):
        again = send(boundary).expect(202)
        assert again.json == first.json and again.headers["Idempotency-Replayed"] == "true"
    assert counts(stack) == grown(before, "campaigns")
    send("b0", "+5511955500153").refused(422)
    send("b0", content_type=BYTES).refused(400, 404, 415, 422)


def test_a_day_later(stack, maker):
    """R7.3: a key is kept for a day, and its row is taken away later."""
    path, table, body = creating(maker)[0]
    key = unique()
    ask(maker.api, path, body, key).expect(201)
    stack.sql("UPDATE campaign.first_answers SET created_at = created_at - interval '25 hours'")
    before = counts(stack)
    ask(maker.api, path, {**body, "name": "other"}, key).expect(201)
    assert counts(stack) == grown(before, table)
    assert stack.one("SELECT count(*) FROM campaign.first_answers") == 1


def test_nothing_of_a_body_is_kept(stack, maker):
    """R7.3: neither the key nor what it was for can be found in the table."""
    meta = {"email": f"{unique()}@example.com", "password": "long enough 1"}
    body = {"job_name": "user_create", "meta": meta, "run_at": LATER}
    key = unique()
    ask(maker.api, "/job", body, key).expect(201)
    row = str(stack.sql("SELECT * FROM campaign.first_answers WHERE owner = %s", maker.user_id))
    for word in (key, "long enough 1", meta["email"]):
        assert word not in row
