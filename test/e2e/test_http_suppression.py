"""test_http_suppression.py - suppression lists over HTTP: each company's own, and nobody else's."""
import pytest

import campaigns
from campaigns import make_numbers

pytest_plugins = ["http_fixtures"]

NUMBERS = make_numbers(5, seed=615)


@pytest.fixture(autouse=True)
def _forget(stack):
    yield
    stack.one("WITH gone AS (DELETE FROM campaign.suppressions RETURNING 1) SELECT count(*) FROM gone")


def test_opting_out_and_in(stack, ana, eve):
    """R6.10: by hand, as a list and by an incoming message; listed with who did it; for one company."""
    assert ana.api.post("/suppressions", {"phone_number": NUMBERS[0], "reason": "asked"}).expect(200).json == {
        "added": True}
    assert ana.api.post("/suppressions/numbers", {"numbers": NUMBERS[:2]}).expect(200).json["accepted"] == 1
    assert ana.api.post("/inbound", {"from": NUMBERS[2], "text": " Sair. "}).expect(200).json == {
        "phone_number": NUMBERS[2], "action": "stop", "changed": True}
    listed = ana.api.get("/suppressions").expect(200).json
    assert [(one["phone_number"], one["user_id"]) for one in listed] == [
        (number, ana.user_id) for number in NUMBERS[:3]]
    assert eve.api.get("/suppressions").expect(200).json == []
    assert ana.api.request("DELETE", "/suppressions", {"phone_number": NUMBERS[2]}).expect(200).json == {
        "removed": True}
    campaign_id = ana.api.create_campaign(ana.company_id, name="list")
    uploaded = ana.api.upload(campaign_id, campaigns.numbers_file(NUMBERS).encode()).expect(200).json
    assert (uploaded["accepted"], uploaded["suppressed"]) == (5, 2)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    answer = campaigns.wait_for_status(stack, campaign_id, "sent")
    assert (answer["stored"], answer["suppressed"]) == (3, 2)


def test_lists_of_others(ana, eve, nobody):
    """R6.10: 403 for another company, 404 for none, 401 without a token, 422 for what is no number."""
    body = {"phone_number": NUMBERS[0]}
    for method, path in (("POST", "/suppressions"), ("DELETE", "/suppressions")):
        eve.api.request(method, path, {**body, "company_id": ana.company_id}).refused(403)
        nobody.request(method, path, body).refused(401)
        ana.api.request(method, path, {**body, "company_id": "nobody"}).refused(404)
        ana.api.request(method, path, {"phone_number": "12"}).refused(422)
        ana.api.request(method, path, {"phone_number": 7}).refused(422)
    eve.api.get(f"/suppressions?company_id={ana.company_id}").refused(403)
    eve.api.post("/inbound", {"from": NUMBERS[0], "text": "STOP", "company_id": ana.company_id}).refused(403)
    eve.api.post("/suppressions/numbers", {"numbers": NUMBERS, "company_id": ana.company_id}).refused(403)
    assert ana.api.get("/suppressions").json == []
