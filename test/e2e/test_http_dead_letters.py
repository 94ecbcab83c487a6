"""test_http_dead_letters.py - dead letters over HTTP: those of one's own campaigns, and nobody else's."""
import contextlib

import psycopg2
import pytest

import campaigns
from http_client import logged_in
from test_dead_letters import foreign_document
from test_http_members import in_turn, request
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

NUMBERS = campaigns.make_numbers(5, seed=915)


@contextlib.contextmanager
def refused(stack, person, seqs):
    """Recipients of a campaign of somebody's that MongoDB has refused: the campaign, and the ids of their letters."""
    campaign_id = person.api.create_campaign(person.company_id, name="refused")
    person.api.upload(campaign_id, campaigns.numbers_file(NUMBERS).encode()).expect(200)
    stack.messages.insert_many([foreign_document(campaign_id, seq) for seq in seqs])
    with stack.settings(campaign__dead_letters="on"):
        person.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
        campaigns.wait_for_status(stack, campaign_id, "failed")
        path = f"/dead-letters?campaign_id={campaign_id}"
        listed = wait_until("all are listed", lambda: len(person.api.get(path).json) == len(seqs) and person.api.get(path).json)
        yield campaign_id, [one["id"] for one in listed]
    stack.sql("DELETE FROM campaign.dead_letters WHERE campaign_id = %s", campaign_id)


@pytest.fixture(name="letter", scope="module")
def fixture_letter(stack, ana):
    """Two recipients of a campaign of Ana's that MongoDB has refused."""
    with refused(stack, ana, (2, 3)) as found:
        yield found


def test_own_ones(stack, ana, letter):
    """R5.3: listed with reason and origin; one is replayed after the repair, the other discarded
    with a reason; nothing is decided twice."""
    campaign_id, (two, three) = letter
    listed = ana.api.get(f"/dead-letters?campaign_id={campaign_id}&rows=1").expect(200).json
    assert [(one["id"], one["state"], one["queue"], one["first_seq"]) for one in listed] == [
        (two, "waiting", campaigns.queue_of(campaign_id), 2)]
    assert "conflict" in listed[0]["reason"]
    assert ana.api.get(f"/campaigns/{campaign_id}/health").json["deadLetters"] == 2
    stack.messages.delete_one({"_id": campaigns.document_id(campaign_id, 2)})
    assert ana.api.post(f"/dead-letters/{two}/replay", {"reason": "repaired"}).expect(202).json == {
        "id": two, "state": "replaying", "campaign": campaign_id}
    wait_until("it is stored", lambda: [one["id"] for one in ana.api.get(
        "/dead-letters?states=stored").json] == [two])
    ana.api.post(f"/dead-letters/{two}/replay").refused(409)
    ana.api.request("DELETE", f"/dead-letters/{three}", {"reason": " "}).refused(422)
    ana.api.request("DELETE", f"/dead-letters/{three}").refused(400)
    ana.api.request("DELETE", f"/dead-letters/{three}", {"reason": "ours is wrong"}).expect(200)
    ana.api.request("DELETE", f"/dead-letters/{three}", {"reason": "again"}).refused(409)
    decided = ana.api.get("/dead-letters?states=").expect(200).json
    assert [(one["state"], one["decided_by"], one["decision"]) for one in decided] == [
        ("stored", ana.email, "repaired"), ("discarded", ana.email, "ours is wrong")]
    assert ana.api.get("/dead-letters").json == []
    ana.api.get("/dead-letters?states=lost").refused(422)
    ana.api.get("/dead-letters?rows=0").refused(422)


def test_those_of_others(ana, eve, nobody, letter):
    """R0.8: 403 and 404 for those of another company, 401 without a token; what belongs to no
    campaign is shown to nobody."""
    campaign_id, (two, _) = letter
    assert eve.api.get("/dead-letters?states=").expect(200).json == []
    eve.api.get(f"/dead-letters?campaign_id={campaign_id}").refused(403)
    ana.api.get("/dead-letters?campaign_id=nobody").refused(404)
    for api, status in ((eve.api, 404), (nobody, 401)):
        api.request("POST", f"/dead-letters/{two}/replay").refused(status)
        api.request("DELETE", f"/dead-letters/{two}", {"reason": "x"}).refused(status)
    nobody.request("GET", "/dead-letters").refused(401)
    for wrong in ("0", "x", "99999999999999999999"):
        ana.api.post(f"/dead-letters/{wrong}/replay").refused(404)


@pytest.mark.parametrize("what", ["campaigns", "companies"])
def test_a_replay_beside_a_deletion(stack, what):
    """R0.9: it waits for the deletion, and is refused."""
    person = logged_in(stack.env["HTTP_URL"], company=True)
    with refused(stack, person, [2]) as (campaign_id, [letter_id]):
        target = {"campaigns": campaign_id, "companies": person.company_id}[what]
        with request(stack, person) as deleting, request(stack, person) as replaying:
            with pytest.raises(psycopg2.Error, match="is deleted|does not exist"):
                in_turn(stack, (deleting, f"DELETE FROM campaign_api.{what} WHERE id = %s RETURNING 1", target),
                        (replaying, "SELECT campaign_api.dead_letter_replay(%s)", str(letter_id)))
        assert stack.one("SELECT state FROM campaign.dead_letters WHERE id = %s", letter_id) == "waiting"
