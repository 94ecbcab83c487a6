"""test_texts.py - placeholders, segments and test sends, from SQL and HTTP to MongoDB (R6.8, R6.9).

One campaign is sent and looked at from every side: what each recipient got, what it cost, the proof
and the receipts, its tests.
"""
import psycopg2
import pytest

import campaigns
from http_client import unique
from proofs import check, difference, digest_of, receipt_of, verify
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

MESSAGE = "Olá {Nome completo|cliente}, \\{{valor}\\} até {dia}! \\\\"
PEOPLE = [("NORMAL", "+88800000000001", None, {"Nome completo": "José \"Zé\" \\ {dia}", "valor": 10.50, "dia": "3/5"}),
          ("VIP", "+88800000000002", None, {"valor": True, "dia": "hoje 🚀", "x": {"valor": 9}}),
          ("NORMAL", "+88800000000003", "as it is: {valor} \\{", {"valor": 1, "dia": 2}),
          ("NORMAL", "+88800000000004", None, {"Nome completo": " ", "valor": -7, "dia": "a\tb\n\u0001c"})]
TEXTS = ["Olá cliente, {true} até hoje 🚀! \\\\", "Olá José \"Zé\" \\ {dia}, {10.5} até 3/5! \\\\",
         "as it is: {valor} \\{", "Olá cliente, {-7} até a\tb\n\u0001c! \\\\"]


@pytest.fixture(scope="module", name="draft")
def _draft(stack):
    """A draft with placeholders."""
    campaign_id = stack.one("SELECT campaign_create('texts', %s)", MESSAGE)
    campaigns.add_recipients(stack, campaign_id, PEOPLE)
    return campaign_id


@pytest.fixture(scope="module", name="sent")
def _sent(stack, draft):
    """The draft, dispatched and stored, with the answers of both."""
    asked = stack.one("SELECT campaign_texts(%s, 10)", draft)
    test = stack.one("SELECT campaign_test(%s, E'+88800000000007\n+88800000000008')", draft)
    dispatched = campaigns.dispatch(stack, draft)
    campaigns.wait_for_status(stack, draft, "sent")
    campaigns.wait_for_status(stack, test["id"], "sent")
    return asked, test, dispatched


def test_everybody_gets_their_own_text(stack, draft, sent):
    """R6.8: MongoDB's message is what this recipient gets; what was shown before is what was sent."""
    documents = campaigns.documents_of(stack, draft)
    assert [one["message"] for one in documents] == TEXTS
    assert [one["phone_number"][-1] for one in documents] == ["2", "1", "3", "4"]
    assert [one["text"] for one in sent[0]["samples"]] == TEXTS
    assert documents[1]["attributes"] == PEOPLE[0][3]


def test_status_says_what_it_cost(stack, draft, sent):
    """R6.9: counted once, when it was dispatched."""
    asked, _, dispatched = sent
    cost = campaigns.status(stack, draft)["segments"]
    assert cost == asked["segments"] == dispatched["segments"]
    each = [stack.one("SELECT message_segments(%s)", text) for text in TEXTS]
    assert cost["total"] == sum(one["segments"] for one in each)
    assert cost["ucs2"] == sum(one["encoding"] == "UCS-2" for one in each) == 3
    assert cost["longest"]["units"] == max(one["units"] for one in each)
    assert cost["warning"] and {one["character"] for one in cost["characters"]} == set("á🚀\t\u0001")


def test_filled_texts_are_proved(stack, draft, sent, tmp_path):
    """R5.1: digest, difference and receipts are those of what each of them got."""
    answer = verify(stack, draft)
    assert answer["ok"] is True and answer["digest"] == digest_of(campaigns.documents_of(stack, draft)).hex()
    for seq, (number, text) in enumerate(zip(("+88800000000002", "+88800000000001"), TEXTS), 1):
        receipt = receipt_of(stack, draft, number)
        assert receipt["text"] == text and check(tmp_path, receipt)[0] == 0, seq
    query = {"_id": campaigns.document_id(draft, 1)}
    stack.messages.update_one(query, {"$set": {"message": MESSAGE}})
    assert difference(stack, draft) == {"class": "NORMAL", "seq": 1, "kind": "changed", "field": "message"}
    stack.messages.update_one(query, {"$set": {"message": TEXTS[1]}})
    assert verify(stack, draft)["ok"] is True
    assert sent


def test_a_test_is_a_campaign_of_its_own(stack, draft, sent):
    """R6.8: the first recipient's text, to the numbers of the test; nothing else changes."""
    test = sent[1]
    assert (test["text"], test["sample"]["phone_number"], test["test_of"]) == (TEXTS[0], "+88800000000002", draft)
    documents = campaigns.documents_of(stack, test["id"])
    assert [(one["phone_number"], one["message"], one["attributes"]) for one in documents] == [
        (f"+8880000000000{digit}", TEXTS[0], {"test_of": draft}) for digit in (7, 8)]
    assert verify(stack, test["id"])["ok"] is True
    assert campaigns.status(stack, draft)["total"] == campaigns.count_documents(stack, draft) == len(PEOPLE)
    runs = [one[0]["campaignId"] for one in stack.sql("SELECT campaign_runs(rows => 10000)")]
    assert draft in runs and test["id"] not in runs


def refused(stack, query, *values):
    """The message of the error that a statement ends with."""
    with pytest.raises(psycopg2.Error) as caught:
        stack.one(query, *values)
    return caught.value.diag.message_primary


def test_tests_that_are_refused(stack, draft, sent):
    """R6.8: too many numbers, none, somebody who is no recipient, a test of a test."""
    before = stack.one("SELECT count(*) FROM campaign.campaigns")
    eleven = campaigns.numbers_file(campaigns.make_numbers(11))
    assert refused(stack, "SELECT campaign_test(%s, %s)", draft, eleven) == "a test goes to 1 to 10 numbers, not to 11"
    assert "holds no valid number" in refused(stack, "SELECT campaign_test(%s, '')", draft)
    assert "has no recipient" in refused(stack, "SELECT campaign_test(%s, '+88800000000007', '+88800000000099')", draft)
    assert "is a test itself" in refused(stack, "SELECT campaign_test(%s, '+88800000000007')", sent[1]["id"])
    assert "cannot be reset" in refused(stack, "SELECT campaign_reset(%s)", sent[1]["id"])
    assert stack.one("SELECT count(*) FROM campaign.campaigns") == before


@pytest.mark.parametrize("how", ["dispatch", "schedule"])
def test_gaps_are_refused_before_anything_is_sent(stack, how):
    """R6.8: a missing value stops the dispatch, and names whose it is."""
    campaign_id = stack.one("SELECT campaign_create('gap', 'Olá {name}')")
    campaigns.add_recipients(stack, campaign_id, [("NORMAL", "+88800000000001", None, {"name": "Ana"}),
                                                  ("NORMAL", "+88800000000002", None, {"name": ""})])
    call = {"dispatch": "campaign_dispatch(%s)", "schedule": "campaign_schedule(%s, now())"}[how]
    assert "the first is NORMAL 2 (+88800000000002): {name} has no value" in refused(stack, f"SELECT {call}", campaign_id)
    assert campaigns.status(stack, campaign_id)["status"] == "draft"
    stack.one("UPDATE campaign.campaigns SET message = 'Olá {name|você}' WHERE id = %s RETURNING id", campaign_id)
    stack.one(f"SELECT {call}", campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert [one["message"] for one in campaigns.documents_of(stack, campaign_id)] == ["Olá Ana", "Olá você"]


def test_a_text_that_cannot_be_filled_stops_its_campaign(stack):
    """R6.8: attributes that somebody has damaged since the check: no gap is sent, and others go on."""
    damaged = stack.one("SELECT campaign_create('damaged', 'Olá {name}!')")
    campaigns.add_recipients(stack, damaged, [("NORMAL", "+88800000000001", None, {"name": "Ana"})])
    mark = stack.log_mark("postgres")
    stack.one("""WITH sent AS MATERIALIZED (SELECT campaign_dispatch(%s) AS status)
                 UPDATE campaign.recipients SET attributes = '{}' FROM sent
                 WHERE campaign_id = %s AND status IS NOT NULL RETURNING seq""", damaged, damaged)
    other = campaigns.send(stack, campaigns.make_numbers(2))
    campaigns.wait_for_status(stack, other, "sent")
    wait_until("the campaign is set aside", lambda: f'"{damaged}" is set aside' in stack.log_since("postgres", mark))
    assert campaigns.status(stack, damaged)["published"] == campaigns.count_documents(stack, damaged) == 0
    stack.one("SELECT campaign_cancel(%s)", damaged)


def test_nobody_gets_the_campaigns_text_instead_of_their_own(stack):
    """R6.8: a program that writes the table itself, and forgets to say that there are such texts; when somebody
    says so, the campaign goes on by itself."""
    forgotten = stack.one("SELECT campaign_create('forgotten', 'for all')")
    campaigns.add_recipients(stack, forgotten, [("NORMAL", f"+8880000000000{digit}", None, None) for digit in (1, 2)])
    stack.one("UPDATE campaign.recipients SET text = 'mine' WHERE campaign_id = %s AND seq = 2 RETURNING seq", forgotten)
    mark = stack.log_mark("postgres")
    campaigns.dispatch(stack, forgotten)
    wait_until("the campaign is set aside", lambda: "NORMAL recipient 2 has a text of its own"
               in stack.log_since("postgres", mark))
    assert campaigns.status(stack, forgotten)["published"] == campaigns.count_documents(stack, forgotten) == 0
    stack.one("UPDATE campaign.campaigns SET own_texts = true, message_version = 2 WHERE id = %s RETURNING id", forgotten)
    campaigns.wait_for_status(stack, forgotten, "sent")
    assert [one["message"] for one in campaigns.documents_of(stack, forgotten)] == ["for all", "mine"]


def test_many_texts_in_bodies_that_are_full(stack):
    """R6.8: long texts fill bodies before they have a batch's recipients."""
    campaign_id = stack.one("SELECT campaign_create('long', '{n}: {x}')")
    people = [("NORMAL", f"+888000{n:08d}", None, {"n": n, "x": "é" * (n * 37 % 1800)}) for n in range(1, 301)]
    campaigns.add_recipients(stack, campaign_id, [one for one in people if one[3]["x"]])
    campaigns.dispatch(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert [one["message"] for one in campaigns.documents_of(stack, campaign_id)] == [
        f"{n}: {x}" for n, x in ((one[3]["n"], one[3]["x"]) for one in people if one[3]["x"])]
    assert verify(stack, campaign_id)["ok"] is True


# HTTP ---------------------------------------------------------------------------------------


def test_texts_over_http(stack, ana):
    """R6.8, R6.9: the same over HTTP; a test is not among the campaigns."""
    api = ana.api
    assert api.post("/segments", {"text": "Olá!"}).expect(200).json["characters"][0]["plain"] == "a"
    api.post("/segments", {"text": None}).refused(422)
    answer = api.post("/campaigns", {"name": "n", "message": "{{name}}", "company_id": ana.company_id}).refused(422)
    assert "\\{" in answer.json["hint"]
    campaign_id = api.create_campaign(ana.company_id, name=unique(), message="Olá {name}!")
    api.patch(f"/campaigns/{campaign_id}", {"message": "Olá {name"}).refused(422)
    campaigns.add_recipients(stack, campaign_id, [("NORMAL", "+88800000000001", None, {"name": "Ana"}),
                                                  ("NORMAL", "+88800000000002", None, {})])
    texts = api.get(f"/campaigns/{campaign_id}/texts?rows=1").expect(200).json
    assert texts["problem_count"] == 1 and texts["samples"][0]["text"] == "Olá Ana!"
    assert "{name} has no value" in api.post(f"/campaigns/{campaign_id}/dispatch").refused(409).json["details"]
    body = {"numbers": ["+88800000000007"], "sample": "+88800000000001"}
    test = api.post(f"/campaigns/{campaign_id}/test", body).expect(202)
    test_id = test.json["id"]
    assert test.headers["Location"] == f"/campaign_tests?id=eq.{test_id}" and test.json["text"] == "Olá Ana!"
    api.wait_for_status(test_id, "sent")
    api.post(f"/campaigns/{campaign_id}/test", {"numbers": []}).refused(422)
    api.post(f"/campaigns/{campaign_id}/test", {**body, "sample": "+88800000000002"}).refused(409)
    assert [one["id"] for one in api.get(f"/campaigns/{campaign_id}/tests").expect(200).json] == [test_id]
    listed = [one["id"] for one in api.get("/campaigns?select=id").expect(200).json]
    assert campaign_id in listed and test_id not in listed


def test_texts_of_others(ana, eve, nobody, target):
    """R0.8: neither seen nor sent by anybody else."""
    for api, status in ((eve.api, 403), (nobody, 401)):
        api.get(f"/campaigns/{target}/texts").refused(status)
        api.post(f"/campaigns/{target}/test", {"numbers": ["+88800000000007"]}).refused(status)
    assert eve.api.get(f"/campaigns/{target}/tests").expect(200).json == []
    nobody.post("/segments", {"text": "x"}).refused(401)
    ana.api.post("/campaigns/nobody/test", {"numbers": ["+88800000000007"]}).refused(404)
