"""test_http_flow.py - the life of a campaign over HTTP alone."""
import json

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, numbers_file
from http_client import BYTES, TEXT, Api, unique

pytest_plugins = ["http_fixtures"]

FIVE = ["+5511955500101", "+12025550102", "+442079460103", "+351915550104", "+4930555010500"]
MILLION = 1_000_000
LIMIT = 64 * 1024 * 1024


def test_life_of_a_campaign(stack, nobody):
    """R0.7 R0.8 R0.10: sign-up, login, company, campaign, file, dispatch, `sent`, documents."""
    email = f"{unique()}@example.com"
    nobody.signup(email).expect(201)
    token = nobody.login(email).expect(200).json["token"]
    me = nobody.with_token(token)
    assert me.get("/me").expect(200).json["email"] == email

    company_id = me.create_company()
    campaign_id = me.create_campaign(company_id, message="Olá \"mundo\" 👋")
    answer = me.upload(campaign_id, numbers_file(FIVE).encode()).expect(200).json
    assert answer["accepted"] == 5
    queued = me.post(f"/campaigns/{campaign_id}/dispatch").expect(202).json
    assert queued["id"] == campaign_id

    final = me.wait_for_status(campaign_id, "sent")
    assert (final["total"], final["stored"], final["failed"]) == (5, 5, 0)
    assert_delivered(stack, campaign_id, FIVE)
    documents = campaigns.documents_of(stack, campaign_id)
    assert {one["message"] for one in documents} == {"Olá \"mundo\" 👋"}
    assert me.get(f"/campaigns/{campaign_id}/verify").expect(200).json["ok"] is True
    rows = me.get(f"/campaigns/{campaign_id}/recipients?order=seq").expect(200).json
    assert [one["phone_number"] for one in rows] == FIVE


def test_life_without_nginx(stack, ana, postgrest):
    """R0.7 R0.10: the same in PostgREST's own spelling."""
    api = ana.api.at(postgrest)
    headers = {"Prefer": "return=representation"}
    body = {"name": "direct", "message": "Hi", "company_id": ana.company_id}
    rows = api.post("/campaigns", body, headers=headers).expect(201).json
    campaign_id = rows[0]["id"]
    headers = {"Content-Type": TEXT, "X-Campaign-Id": campaign_id}
    api.post("/rpc/campaign_upload", numbers_file(FIVE).encode(), headers=headers).expect(200)
    api.post("/rpc/campaign_dispatch", {"campaign_id": campaign_id}).expect(202)
    ana.api.wait_for_status(campaign_id, "sent")
    assert_delivered(stack, campaign_id, FIVE)


def test_send_is_one_request(stack, ana):
    """R0.12: create, import and dispatch in one request and one transaction."""
    body = {"name": "one request", "message": "Hi", "numbers": numbers_file(FIVE),
            "company_id": ana.company_id}
    campaign_id = ana.api.post("/campaigns/send", body).expect(202).json["id"]
    ana.api.wait_for_status(campaign_id, "sent")
    assert_delivered(stack, campaign_id, FIVE)


def test_send_with_a_bad_line_leaves_nothing(ana):
    """R0.12: refused as a whole, with the line in the answer."""
    name = unique()
    body = {"name": name, "message": "Hi", "numbers": "+5511955500101\nabc\n",
            "company_id": ana.company_id}
    answer = ana.api.post("/campaigns/send", body).refused(422)
    assert "line 2" in json.dumps(answer.json)
    assert ana.api.get(f"/campaigns?name=eq.{name}").expect(200).json == []


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("content_type", [TEXT, BYTES, "application/x-www-form-urlencoded"])
def test_raw_file(ana, method, content_type):
    """R0.10: a raw body, whatever curl calls it; R0.11: CRLF, BOM, no last newline."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    numbers = b"\xef\xbb\xbf+55 (11) 95550-0101\r\n\r\n12025550102"
    answer = ana.api.upload(campaign_id, numbers, content_type, method).expect(200).json
    assert (answer["accepted"], answer["invalid"]) == (2, 0)
    rows = ana.api.get(f"/campaigns/{campaign_id}/recipients?order=seq").json
    assert [one["phone_number"] for one in rows] == ["+5511955500101", "+12025550102"]


@pytest.mark.parametrize("chunked", [False, True])
def test_json_numbers(ana, chunked):
    """R0.10: the same address takes JSON, with or without a length."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    body = json.dumps({"numbers": FIVE + ["nonsense"], "skip_invalid": True, "campaign_id": "x"})
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    answer = ana.api.request("PUT", f"/campaigns/{campaign_id}/numbers", body.encode(), headers)
    assert (answer.expect(200).json["accepted"], answer.json["invalid"]) == (5, 1)
    assert ana.api.status(campaign_id)["total"] == 5


def test_vip_numbers(stack, ana):
    """R0.11: X-Class puts a file before the others."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.upload(campaign_id, numbers_file(FIVE).encode()).expect(200)
    ana.api.upload(campaign_id, b"+393331234567\n", X_Class="VIP").expect(200)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    ana.api.wait_for_status(campaign_id, "sent")
    assert_delivered(stack, campaign_id, ["+393331234567"], class_name="VIP")
    assert_delivered_after(stack, campaign_id)


def assert_delivered_after(stack, campaign_id):
    """The VIP was stored before any other was published."""
    vip, *others = campaigns.documents_of(stack, campaign_id)
    assert vip["class"] == "VIP" and len(others) == len(FIVE)
    assert all(one["created_at"] >= vip["created_at"] for one in others)


def test_options_of_an_upload(ana):
    """R0.11: X-Skip-Invalid and X-Allow-Duplicates."""
    numbers = b"+5511955500101\nnonsense\n+5511955500101\n"
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.upload(campaign_id, numbers).refused(422)
    assert ana.api.status(campaign_id)["total"] == 0
    answer = ana.api.upload(campaign_id, numbers, X_Skip_Invalid="true").expect(200).json
    assert (answer["accepted"], answer["duplicates"], answer["invalid"]) == (1, 1, 1)

    campaign_id = ana.api.create_campaign(ana.company_id)
    answer = ana.api.upload(campaign_id, numbers, X_Skip_Invalid="true",
                            X_Allow_Duplicates="true").expect(200).json
    assert (answer["accepted"], answer["duplicates"]) == (2, 0)


def test_same_file_again_is_a_no_op(ana, target):
    """R0.11: the same file says that it is, also after dispatch; another one is refused then."""
    same = b"+5511955500101\n+12025550102\n"
    assert ana.api.upload(target, same).expect(200).json["repeated"] is True
    assert ana.api.status(target)["total"] == 2
    ana.api.post(f"/campaigns/{target}/dispatch").expect(202)
    assert ana.api.upload(target, same).expect(200).json["repeated"] is True
    ana.api.upload(target, b"+4930555010500\n").refused(409)
    ana.api.post(f"/campaigns/{target}/dispatch").refused(409)
    assert ana.api.wait_for_status(target, "sent")["total"] == 2


def test_pause_resume_cancel(ana):
    """R0.8: the verbs over HTTP; one that the status forbids is 409."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.upload(campaign_id, numbers_file(make_numbers(50_000, seed=71)).encode()).expect(200)
    for verb in ("pause", "resume"):
        ana.api.post(f"/campaigns/{campaign_id}/{verb}").refused(409)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    paused = ana.api.post(f"/campaigns/{campaign_id}/pause").expect(200).json
    assert paused["status"] == "paused"
    assert ana.api.status(campaign_id)["status"] == "paused"
    ana.api.post(f"/campaigns/{campaign_id}/resume").expect(202)
    ana.api.post(f"/campaigns/{campaign_id}/cancel").expect(200)
    assert ana.api.status(campaign_id)["status"] == "cancelled"
    ana.api.post(f"/campaigns/{campaign_id}/resume").refused(409)


def test_limit_and_canary(ana):
    """R5.4: over HTTP; other numbers are 422, and a canary comes before the dispatch."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.upload(campaign_id, numbers_file(make_numbers(50, seed=72)).encode()).expect(200)
    limited = ana.api.post(f"/campaigns/{campaign_id}/limit", {"per_second": 0.5, "reason": "new"}).expect(200).json
    assert limited["per_second"] == 0.5
    wanted = {"canary": 10, "failed_max": 0.1}
    canary = ana.api.post(f"/campaigns/{campaign_id}/canary", wanted).expect(200).json["canary"]
    assert canary == {"recipients": 10, "failed_max": 0.1, "ended_at": None}
    for verb, body in (("limit", {"per_second": 0}), ("limit", {"per_second": "7"}), ("canary", {"canary": 0}),
                       ("canary", {"canary": 5, "failed_max": 2})):
        ana.api.post(f"/campaigns/{campaign_id}/{verb}", body).refused(422)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    ana.api.post(f"/campaigns/{campaign_id}/canary", wanted).refused(409)
    assert ana.api.post(f"/campaigns/{campaign_id}/limit", {"per_second": None}).expect(200).json["per_second"] is None
    ana.api.wait_for_status(campaign_id, "sent")
    ana.api.post(f"/campaigns/{campaign_id}/limit", {"per_second": 7}).refused(409)


def test_a_million_numbers_in_one_request(ana):
    """R0.10: through nginx and PostgREST into one campaign."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    numbers = b"".join(b"+888%011d\n" % n for n in range(MILLION))
    answer = ana.api.upload(campaign_id, numbers, BYTES).expect(200).json
    assert (answer["accepted"], answer["duplicates"], answer["invalid"]) == (MILLION, 0, 0)
    assert ana.api.status(campaign_id)["total"] == MILLION


def test_too_large_a_file(stack, ana):
    """R0.10: 413, by nginx at its limit and by PostgreSQL at its own; nothing is stored."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    connection = Api(stack.env["HTTP_URL"], ana.api.token)
    too_large = {"Content-Length": str(LIMIT + 1), "Content-Type": TEXT}
    connection.request("PUT", f"/campaigns/{campaign_id}/numbers", b"", too_large).refused(413)
    too_large = {"Content-Length": str(LIMIT // 2 + 1), "Content-Type": "application/json"}
    connection.request("PUT", f"/campaigns/{campaign_id}/numbers", b"", too_large).refused(413)
    with stack.settings(campaign__upload_max_bytes="1kB"):
        numbers = numbers_file(make_numbers(200)).encode()
        for content_type in (TEXT, BYTES):
            answer = ana.api.upload(campaign_id, numbers, content_type).refused(413)
            assert "+888" not in answer.body.decode()
    assert ana.api.status(campaign_id)["total"] == 0


def test_recipients_come_in_pages(ana):
    """R0.10: read-only, a limited number at a time, with a count on request."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    numbers = make_numbers(2500, seed=72)
    ana.api.upload(campaign_id, numbers_file(numbers).encode()).expect(200)
    path = f"/campaigns/{campaign_id}/recipients?order=seq"
    first = ana.api.get(path, Prefer="count=exact").expect(206)
    assert first.headers["Content-Range"] == "0-999/2500"
    seen = []
    for offset in range(0, 2500, 1000):
        seen += [one["phone_number"]
                 for one in ana.api.get(f"{path}&limit=1000&offset={offset}").json]
    assert seen == numbers
