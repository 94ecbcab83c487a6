"""test_http_verbs.py - a campaign is changed, scheduled, reset and asked for its past, with plain routes."""
import concurrent.futures
import contextlib
import json

import pytest

from http_client import JSON, LATER, unique
from proofs import check
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]


def moves(api, campaign_id):
    return [(one["source"], one["target"], one["user_id"], one["reason"])
            for one in api.get(f"/campaigns/{campaign_id}/events").expect(200).json]


def test_a_schedule_and_its_reset(ana, target):
    """R3.8: each verb takes a reason, and the events say who gave it."""
    path = f"/campaigns/{target}"
    scheduled = ana.api.post(f"{path}/schedule", {"at": LATER, "reason": "New Year"}).expect(202).json
    assert scheduled["status"] == "scheduled" and scheduled["scheduled_at"].startswith("2099-01-01T00")
    assert ana.api.post(f"{path}/schedule", {"at": None}).expect(200).json["status"] == "draft"
    ana.api.post(f"{path}/schedule", {"at": "soon"}).refused(400)
    ana.api.post(f"{path}/schedule", {"at": LATER}).expect(202)
    reset = ana.api.post(f"{path}/reset", {"reason": "wrong list"}).expect(200).json
    assert (reset["id"], reset["status"], reset["total"], reset["archived"]) == (target, "draft", 0, None)
    assert moves(ana.api, target) == [
        ("draft", "scheduled", ana.user_id, "New Year"), ("scheduled", "draft", ana.user_id, None),
        ("draft", "scheduled", ana.user_id, None), ("scheduled", "draft", ana.user_id, "wrong list")]
    ana.api.post(f"{path}/schedule", {"at": LATER}).refused(409)
    for verb in ("schedule", "reset"):
        ana.api.get(f"{path}/{verb}").refused(405)
    for question in ("events", "receipt"):
        ana.api.post(f"{path}/{question}").refused(405)


def test_a_send_window(ana, eve, target):
    """R5.4: hours and a time zone; null takes it away; what is not understood is named."""
    path = f"/campaigns/{target}/window"
    body = {"hours": "Mon-Fri 09:00-18:00", "time_zone": "America/Sao_Paulo", "reason": "office hours"}
    window = ana.api.post(path, body).expect(200).json["window"]
    assert (window["hours"], window["time_zone"]) == (body["hours"], body["time_zone"])
    assert window == ana.api.get(f"/campaigns/{target}/status").expect(200).json["window"] and window["until"]
    for wrong in ({**body, "hours": "always"}, {**body, "time_zone": "UTC+3"}, {**body, "recipients": True},
                  {"hours": "09:00-18:00"}):
        ana.api.post(path, wrong).refused(422)
    ana.api.post(path, {"reason": "no hours"}).refused(400)
    eve.api.post(path, {"hours": None}).refused(403)
    ana.api.get(path).refused(405)
    assert ana.api.post(path, {"hours": None}).expect(200).json["window"] is None
    assert moves(ana.api, target) == [
        ("draft", "draft", ana.user_id, "send window Mon-Fri 09:00-18:00 America/Sao_Paulo: office hours")]


@pytest.mark.parametrize("body", [b"", b"{}", b" {\n} ", b'{"reason": "lunch"}'])
def test_what_a_verb_may_be_sent(ana, target, body):
    """R0.8: nothing, an object of nothing, or a reason."""
    ana.api.request("POST", f"/campaigns/{target}/cancel", body, {"Content-Type": JSON}).expect(200)
    ((_, _, _, reason),) = moves(ana.api, target)
    assert reason == ("lunch" if b"lunch" in body else None)


@pytest.mark.parametrize("body", [b"lunch", b"[]", b"7", b'{"reason": 7}', b'{"reason": "x"',
                                  b'{"reason": "x"},"campaign_id":"y"', b'{"cause": "x"}'])
def test_what_a_verb_may_not_be_sent(ana, target, body):
    """R0.8: anything else changes nothing."""
    ana.api.request("POST", f"/campaigns/{target}/cancel", body,
                    {"Content-Type": JSON}).refused(400, 404, 422)
    assert moves(ana.api, target) == []


@pytest.mark.parametrize("size, status", [(20_000, 200), (1, 400)])
def test_a_body_in_chunks(ana, target, size, status):
    """R0.8: what nginx has put into a file, as it does with many small chunks, is not taken for no body."""
    path, earlier, later = f"/campaigns/{target}/deadline", "2098-01-01T00:00:00+00:00", LATER.replace("Z", "+00:00")
    ana.api.post(path, {"valid_until": earlier}).expect(200)
    body = json.dumps({"valid_until": later}).encode() + b" " * 12_000
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    ana.api.request("POST", path, sent, {"Content-Type": JSON, "Transfer-Encoding": "chunked"}).expect(status)
    assert ana.api.status(target)["valid_until"] == (later if status == 200 else earlier)


def test_the_address_says_which_campaign(ana, eve, target):
    """R0.8: an id in the body does not count, and another company's is 403."""
    own = eve.api.create_campaign(eve.company_id)
    eve.api.post(f"/campaigns/{own}/cancel", {"campaign_id": target}).expect(200)
    assert eve.api.status(own)["status"] == "cancelled" and ana.api.status(target)["status"] == "draft"
    for verb, body in (("schedule", {"at": LATER}), ("reset", {}), ("pause", {})):
        eve.api.post(f"/campaigns/{target}/{verb}", body).refused(403)
    for question in ("events", "receipt?phone_number=5511955500101"):
        eve.api.get(f"/campaigns/{target}/{question}").refused(403)
        eve.api.get(f"/campaigns/nobody/{question}").refused(404)
    assert moves(ana.api, target) == []


def test_a_receipt_over_http(ana, target, tmp_path):
    """R5.1: one address gives what proves a message, however its plus is written."""
    path = f"/campaigns/{target}/receipt?phone_number="
    ana.api.get(f"{path}5511955500101").refused(409)
    ana.api.post(f"/campaigns/{target}/dispatch").expect(202)
    ana.api.wait_for_status(target, "sent")
    assert wait_until(
        "the campaign is proved", lambda: ana.api.get(f"/campaigns/{target}/verify").expect(200).json["ok"])
    for number in ("%2B5511955500101", "+5511955500101", "5511955500101"):
        receipt = ana.api.get(path + number).expect(200).json
        assert receipt["number"] == "+5511955500101" and receipt["size"] == 2
    assert check(tmp_path, receipt)[0] == 0
    ana.api.get(f"{path}5511955500102").refused(404)
    ana.api.get(f"/campaigns/{target}/receipt").refused(422)
    # What was sent stays; the draft that takes its place begins anew.
    reset = ana.api.post(f"/campaigns/{target}/reset").expect(200).json
    assert reset["archived"] == target and reset["id"] != target
    assert ana.api.status(target)["status"] == "sent"


def test_the_newest_proof_without_another(ana, target):
    """R9.4: fresh=false asks for none: nothing is proved by it, and later it answers what was."""
    ana.api.post(f"/campaigns/{target}/dispatch").expect(202)
    ana.api.wait_for_status(target, "sent")
    newest = ana.api.get(f"/campaigns/{target}/verify?fresh=false").expect(200).json
    assert (newest["ok"], newest["checked_at"], newest["fresh"], newest["reason"]) == (None, None, False, None)
    proved = wait_until("it is proved", lambda: (answer := ana.api.get(
        f"/campaigns/{target}/verify").expect(200).json)["fresh"] and answer)
    again = ana.api.get(f"/campaigns/{target}/verify?fresh=false").expect(200).json
    assert (again["ok"], again["digest"], again["fresh"]) == (True, proved["digest"], False)
    assert again["checked_at"] >= proved["checked_at"] and again["age_seconds"] >= 0
    ana.api.get(f"/campaigns/{target}/verify?fresh=perhaps").refused(400)


@pytest.mark.parametrize("table, changes", [
    ("campaigns", [{"message": "corrected"}, {"ordered": False}, {"name": "of the third"}]),
    ("companies", [{"country": "PT"}, {"document": None}, {"name": "of the third"}])])
def test_what_is_not_sent_is_not_put_back(stack, ana, target, table, changes):
    """R0.8: of changes that wait for each other, an upload first, none undoes what it does not name."""
    changes = [{**change, **({"document": unique().upper()} if "document" in change else {})} for change in changes]
    row = target if table == "campaigns" else ana.company_id
    upload = stack.connect(autocommit=False)
    with contextlib.closing(upload), concurrent.futures.ThreadPoolExecutor(len(changes)) as pool:
        execute(upload, f"SELECT FROM campaign.{table} WHERE id = %s FOR NO KEY UPDATE", row)
        answers = []
        for change in changes:
            answers.append(pool.submit(ana.api.patch, f"/{table}/{row}", change))
            wait_until("it waits for those before", lambda: stack.one(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND usename = 'campaign_authenticator'") == len(answers))
        upload.rollback()
        for answer in answers:
            answer.result().expect(204)
    wanted = {name: value for change in changes for name, value in change.items()}
    assert ana.api.get(f"/{table}/{row}").expect(200).json.items() >= wanted.items()
