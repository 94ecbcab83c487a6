"""test_http_fates.py - what became of recipients and who sends to them, over HTTP; deadlines."""
import csv
import io
import json

import pytest

import campaigns
from campaigns import make_numbers
from http_client import LATER

pytest_plugins = ["http_fixtures"]

NUMBERS = make_numbers(30, seed=660)
READ = ("fates", "reasons", "senders", "recipients.csv")


@pytest.fixture(name="told", scope="module")
def fixture_told(stack, ana):
    """A campaign of ana's of which a sender has told: 1 to 20 are done, 3 have failed, 2 are unknown."""
    stack.part("stop", "consumer")
    campaign_id = ana.api.create_campaign(ana.company_id, name="told")
    ana.api.upload(campaign_id, campaigns.numbers_file(NUMBERS).encode()).expect(200)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    told = [{"campaign": campaign_id, "class": "NORMAL", "seq": seq, "state": state, "code": code, "text": text,
             "attempts": 2}
            for seq, state, code, text in ((3, "failed", "blocked", "=HYPERLINK(\"x\")"), (5, "unknown", "in-doubt", ""),
                                           (7, "failed", "blocked", "no, never"), (9, "unknown", "in-doubt", ""),
                                           (11, "failed", "invalid", "@x"))]
    stack.one("SELECT count(*) FROM campaign.sender_begin('host:66:1', 'one', 'simulate', '{}', 'host', 'campaign.parallel') AS s (id),"
              " LATERAL campaign.report_fates(ARRAY[%s], '{NORMAL}', '{1}', '{20}', '{}', '{f}', s.id, %s::jsonb, 20, 3, 0)",
              campaign_id, json.dumps(told))
    yield campaign_id
    ana.api.post(f"/campaigns/{campaign_id}/cancel")
    stack.part("start", "consumer")
    campaigns.wait_until_handled(stack)


def pages(api, path):
    """The answers of a path and of all links to a next page."""
    while path is not None:
        answer = api.get(path).expect(200)
        yield answer
        link = answer.headers["Link"]
        path = link[1:link.index(">")] if link else None


def test_states(ana, told):
    """R5.3: all of them, page by page, without a gap; some states; one number."""
    rows = [row for page in pages(ana.api, f"/campaigns/{told}/fates?rows=7") for row in page.json]
    assert [row["seq"] for row in rows] == list(range(1, 31))
    assert [row["phone_number"] for row in rows] == NUMBERS
    assert [row["seq"] for row in rows if row["state"] == "failed"] == [3, 7, 11]
    failed = [page.json for page in pages(ana.api, f"/campaigns/{told}/fates?states=failed,unknown&rows=2")]
    assert [[row["seq"] for row in page] for page in failed] == [[3, 5], [7, 9], [11]]
    assert failed[0][0]["code"] == "blocked" and failed[0][0]["attempts"] == 2
    (one,) = ana.api.get(f"/campaigns/{told}/fates?phone_number={NUMBERS[4]}").expect(200).json
    assert (one["seq"], one["state"]) == (5, "unknown")
    reasons = ana.api.get(f"/campaigns/{told}/reasons").expect(200).json
    assert [(one["code"], one["recipients"]) for one in reasons] == [("blocked", 2), ("in-doubt", 2), ("invalid", 1)]
    for wrong in ("states=lost", "rows=0", "rows=10001", "rows=x", "after_class=GOLD"):
        ana.api.get(f"/campaigns/{told}/fates?{wrong}").refused(400, 422)


def test_csv(ana, told):
    """R5.3: a file that a spreadsheet opens: quoted, without formulas, numbers as they are; the pages are one file."""
    got = list(pages(ana.api, f"/campaigns/{told}/recipients.csv?rows=7"))
    assert got[0].headers["Content-Type"].startswith("text/csv") and len(got) == 5
    text = b"".join(page.body for page in got).decode()
    assert text.count("\r\n") == text.count("\n") == 31
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert [row["phone_number"] for row in rows] == NUMBERS
    assert rows[2]["reason"] == "'=HYPERLINK(\"x\")" and rows[6]["reason"] == "no, never" and rows[10]["reason"] == "'@x"
    whole = ana.api.get(f"/campaigns/{told}/recipients.csv").expect(200)
    assert whole.body.decode() == text and whole.headers["Link"] is None
    unsent = ana.api.get(f"/campaigns/{told}/recipients.csv?states=pending,sending").expect(200).body.decode()
    assert [row["seq"] for row in csv.DictReader(io.StringIO(unsent))] == [str(seq) for seq in range(21, 31)]
    ana.api.get(f"/campaigns/{told}/recipients.csv?states=lost").refused(422)


def test_senders(ana, eve, told):
    """R1.4: who has sent one's campaigns, and nothing of what they do for others or where they run."""
    (one,) = ana.api.get(f"/campaigns/{told}/senders").expect(200).json
    assert (one["name"], one["processed"], one["failed"]) == ("one", 20, 3)
    assert set(one) == {"name", "gateway", "alive", "processed", "failed", "first_at", "last_at"}
    assert one in ana.api.get("/senders").expect(200).json
    assert {"at", "event", "name"} == set(ana.api.get("/senders/events").expect(200).json[0])
    assert eve.api.get("/senders").expect(200).json == eve.api.get("/senders/events").expect(200).json == []


def test_deadline(ana, told):
    """R5.3: a time or a duration; one that has passed is none."""
    path = f"/campaigns/{told}/deadline"
    assert ana.api.post(path, {"valid_until": LATER}).expect(200).json["valid_until"] == LATER.replace("Z", "+00:00")
    assert ana.api.post(path, {"valid_for": "PT2H"}).expect(200).json["valid_until"] is not None
    assert ana.api.post(path).expect(200).json["valid_until"] is None
    for wrong in ({"valid_until": "2001-01-01T00:00:00Z"}, {"valid_for": "-1 hour"}, {"valid_for": "soon"},
                  {"valid_until": LATER, "valid_for": "1 hour"}, {"valid_until": 7}, {"until": LATER}):
        ana.api.post(path, wrong).refused(400, 422)


def test_of_others(stack, ana, eve, nobody, told):
    """R0.9: 403 for a campaign of another company, 404 for none, 401 without a token, and nothing is changed."""
    before = stack.sql("SELECT * FROM campaign.fates WHERE campaign_id = %s ORDER BY seq", told)
    status = ana.api.get(f"/campaigns/{told}/status").json
    posts = (("resolve", {"outcome": "sent", "reason": "mine"}), ("retry_failed", {}), ("deadline", {"valid_for": "1 ms"}))
    for api, campaign_id, wanted in ((eve.api, told, 403), (eve.api, "nobody", 404), (nobody, told, 401)):
        for name in READ:
            api.get(f"/campaigns/{campaign_id}/{name}").refused(wanted)
        api.get(f"/senders/events?campaign_id={campaign_id}").refused(wanted)
        for name, body in posts:
            api.post(f"/campaigns/{campaign_id}/{name}", body).refused(wanted)
    nobody.get("/senders").refused(401)
    assert stack.sql("SELECT * FROM campaign.fates WHERE campaign_id = %s ORDER BY seq", told) == before
    assert ana.api.get(f"/campaigns/{told}/status").json == status


def test_resolving_and_trying_again(stack, ana, told):
    """R5.3: last, because the campaign is over then."""
    resolve, retry = f"/campaigns/{told}/resolve", f"/campaigns/{told}/retry_failed"
    ana.api.post(resolve, {"outcome": "lost", "reason": "x"}).refused(422)
    ana.api.post(resolve, {"outcome": "sent"}).refused(400)
    ana.api.post(retry).refused(409)
    assert ana.api.post(resolve, {"outcome": "failed", "reason": "no record", "class": "NORMAL", "seqs": [5]}).expect(
        200).json == {"resolved": 1}
    assert ana.api.post(resolve, {"outcome": "sent", "reason": "answered"}).expect(200).json == {"resolved": 1}
    stack.one("SELECT count(*) FROM campaign.report_checked(ARRAY[%s], '{NORMAL}', '{21}', '{30}', ARRAY[%s])", told, told)
    again = ana.api.post(retry, {"codes": ["blocked", "resolved"], "reason": "once more"}).expect(202)
    assert again.json["total"] == 3 and again.json["retry_of"] == told
    assert again.headers["Location"] == f"/campaigns/{again.json['id']}"
    rows = ana.api.get(f"/campaigns/{told}/fates?states=failed").expect(200).json
    assert [(row["seq"], row["retried_in"] == again.json["id"]) for row in rows] == [
        (3, True), (5, True), (7, True), (11, False)]
    ana.api.post(retry, {"codes": ["blocked"]}).refused(409)
    ana.api.post(f"/campaigns/{again.json['id']}/cancel").expect(200)
