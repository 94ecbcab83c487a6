"""test_http_runs.py - runs over HTTP: /pedidos, and the same for any campaign."""
import concurrent.futures

import pytest

import campaigns
from http_client import logged_in
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

KEYS = {"counts", "enqueueNormalTimeMs", "enqueueVipTimeMs", "eta", "generationTimeMs", "lastRunId",
        "phase", "processing", "progress", "throughput", "totalTimeMs"}


@pytest.fixture(name="bia")
def fixture_bia(stack):
    """Somebody with a company of their own and no run."""
    return logged_in(stack.env["HTTP_URL"], company=True).api


# Jobs and requests that are held up.
HELD_UP = """SELECT count(*) FROM pg_stat_activity WHERE pg_blocking_pids(pid) <> '{}'
    AND (backend_type = 'campaign job worker' OR usename = 'campaign_authenticator')"""


def status(api, path="/pedidos"):
    return api.get(path).expect(200).json


def wait_for_phase(api, *wanted):
    def reached():
        answer = status(api)
        return answer if answer["phase"] in wanted else None
    return wait_until(f"phase {wanted}", reached, 60)


def test_a_run_from_generate_to_done(bia):
    """R3.1 R3.4 R3.7 R3.8: one request starts it, the others tell about it."""
    started = bia.post("/pedidos/generate?quantity=3000").expect(202)
    assert started.headers["Location"].startswith("/job/")
    campaign_id = started.json["campaignId"]
    answer = wait_for_phase(bia, "DONE")
    assert set(answer) == KEYS and answer["lastRunId"] == started.json["runId"]
    assert answer["progress"] == {"target": 3000, "generated": 3000, "processedTotal": 3000}
    assert status(bia, f"/campaigns/{campaign_id}/run") == answer == status(bia, "/pedidos/queue/status")
    for path in ("/pedidos/health/queue", f"/campaigns/{campaign_id}/health"):
        health = status(bia, path)
        assert health["health"] == "healthy" and health["counters"]["completed"] == 3000
    log = status(bia, "/pedidos/logs?lines=5")
    assert len(log) == 5 and log[-1]["event"].endswith("sent"), log
    assert status(bia, f"/campaigns/{campaign_id}/logs?lines=5") == log
    jobs = status(bia, "/pedidos/queue/jobs?types=completed,waiting&rows=2")
    assert jobs["waiting"] == [] and [one["seq"] for one in jobs["completed"]] == [1, 2]
    assert jobs["completed"][0]["attributes"]["observations"] == "enviado com prioridade"
    assert set(status(bia, f"/campaigns/{campaign_id}/jobs")) == {
        "waiting", "active", "completed", "failed", "delayed"}
    for path in ("/pedidos/runs", "/campaigns/runs", f"/campaigns/{campaign_id}/runs"):
        (entry,) = status(bia, path)
        assert entry["campaignId"] == campaign_id and entry["phase"] == "DONE"


def test_an_unchanged_status_is_not_sent_again(bia):
    """R3.9: 304 without a body as long as nothing has happened."""
    bia.post("/pedidos/generate?quantity=10").expect(202)
    wait_for_phase(bia, "DONE")
    first = bia.get("/pedidos").expect(200)
    tag = first.headers["ETag"]
    for sent in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = bia.get("/pedidos", **{"If-None-Match": sent}).expect(304)
        assert again.body == b"" and again.headers["ETag"] == tag
    assert "no-store" not in first.headers["Cache-Control"]
    changed = bia.get("/pedidos", **{"If-None-Match": '"other"'}).expect(200)
    assert changed.json == first.json
    bia.post("/pedidos/generate?quantity=10").expect(202)
    bia.get("/pedidos", **{"If-None-Match": tag}).expect(200)


def test_pause_resume_cancel_and_reset(stack, bia):
    """R3.6: a run is stopped, goes on, is refused a second time, is ended and cleared."""
    stack.part("stop", "consumer")
    try:
        campaign_id = bia.post("/pedidos/generate?quantity=500").expect(202).json["campaignId"]
        wait_for_phase(bia, "WAITING_VIP_DRAIN")
        bia.post("/pedidos/generate?quantity=5").refused(409)
        bia.post(f"/campaigns/{campaign_id}/generate?quantity=5").refused(409)
        bia.post("/pedidos/reset").refused(409)
        bia.post("/pedidos/queue/pause").expect(200)
        assert status(bia, "/pedidos/health/queue")["health"] == "paused"
        bia.post("/pedidos/queue/pause").refused(409)
        bia.post("/pedidos/queue/resume").expect(200)
        bia.post("/pedidos/queue/close").expect(200)
        bia.post("/pedidos/queue/clean?state=completed").refused(409)
        answer = bia.post("/pedidos/cancel?purge&removePending&resetLogs").expect(200).json
        assert answer["phase"] == "ABORTED" and answer["counts"]["cancelled"] == 500
    finally:
        stack.part("start", "consumer")
    assert status(bia, "/pedidos/logs") == []
    campaigns.wait_until_handled(stack)
    assert campaigns.count_documents(stack, campaign_id) == 0
    answer = bia.post("/pedidos/reset").expect(200).json
    assert answer["archived"] == campaign_id and answer["draftId"] != campaign_id
    assert [one["phase"] for one in status(bia, "/pedidos/runs")] == ["ABORTED"]
    bia.post(f"/campaigns/{answer['draftId']}/generate?quantity=7").expect(202)


def test_reset_clears(bia):
    """R3.6: afterwards there is nothing of the run but its entry in the history, nothing to reset again,
    and the next one goes into the draft that took its place."""
    campaign_id = bia.post("/pedidos/generate?quantity=10").expect(202).json["campaignId"]
    run_id = wait_for_phase(bia, "DONE")["lastRunId"]
    answer = bia.post("/pedidos/reset").expect(200).json
    assert (answer["phase"], answer["counts"]["total"]) == ("IDLE", 0), answer
    draft = answer["draftId"]
    now = status(bia)
    assert (now["phase"], now["lastRunId"], now["progress"]) == (
        "IDLE", run_id, {"target": 0, "generated": 0, "processedTotal": 0}), now
    (entry,) = status(bia, "/pedidos/runs")
    assert entry["campaignId"] == campaign_id and entry["archivedAt"] and entry["counts"]["completed"] == 10
    bia.post("/pedidos/reset").refused(409)
    bia.post(f"/campaigns/{campaign_id}/reset").refused(409)
    assert {one["id"] for one in status(bia, "/campaigns")} == {campaign_id, draft}
    assert bia.post("/pedidos/generate?quantity=5").expect(202).json["campaignId"] == draft
    second = wait_for_phase(bia, "DONE")
    bia.delete(f"/campaigns/{bia.post('/pedidos/reset').expect(200).json['draftId']}").expect(204)
    assert status(bia) == second, "the run that was reset is the newest that is left"
    assert bia.post("/pedidos/generate?quantity=5").expect(202).json["campaignId"] not in (campaign_id, draft)


def test_delete_while_it_is_generated(stack, bia):
    """R3.6: the job ends with the campaign, also while it waits for the deletion itself."""
    started = bia.post("/pedidos/generate?quantity=500000").expect(202).json
    wait_until("a chunk", lambda: status(bia)["progress"]["generated"] > 0, 60)
    with stack.connect(autocommit=False) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM campaign.campaigns WHERE id = %s FOR UPDATE", (started["campaignId"],))
        wait_until("the next chunk waits", lambda: stack.one(HELD_UP) == 1, 60)
        cursor.execute("SELECT campaign.api_campaign_delete(%s)", (started["campaignId"],))
    wait_until("the job is cancelled", lambda: stack.one(
        "SELECT status FROM campaign.jobs WHERE id = %s", started["jobId"]) == "cancelled", 60)
    bia.get("/pedidos").refused(404)


def test_reset_of_a_run_that_was_not_generated(stack, bia):
    """R3.6: one whose job was cancelled is cleared in its place, which the next one takes."""
    with stack.connect(autocommit=False) as holder:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE campaign.progress IN SHARE MODE")
        started = bia.post("/pedidos/generate?quantity=10").expect(202).json
        wait_until("the chunk is being made", lambda: stack.one(HELD_UP) == 1)
        stack.one("SELECT job_cancel(%s)", started["jobId"])
        holder.rollback()
    wait_for_phase(bia, "ABORTED")
    assert bia.post("/pedidos/reset").expect(200).json["phase"] == "IDLE"
    assert [one["phase"] for one in status(bia, "/pedidos/runs")] == ["ABORTED"]
    bia.post("/pedidos/reset").refused(409)
    assert bia.post("/pedidos/generate?quantity=5").expect(202).json["campaignId"] == started["campaignId"]
    wait_for_phase(bia, "DONE")


def test_nothing_to_clean(stack, bia):
    """R3.6: a state that nobody is in changes nothing: the run goes on."""
    stack.part("stop", "consumer")
    try:
        bia.post("/pedidos/generate?quantity=500").expect(202)
        wait_for_phase(bia, "WAITING_VIP_DRAIN")
        bia.post("/pedidos/queue/clean?state=delayed").refused(409)
        assert status(bia)["counts"]["cancelled"] == 0
    finally:
        stack.part("start", "consumer")
    wait_for_phase(bia, "DONE")
    bia.post("/pedidos/queue/clean?state=waiting").refused(409)


def test_close_and_clean_any_campaign(ana, eve):
    """R3.6: in English, and for a campaign that was not generated."""
    api = ana.api
    campaign_id = api.create_campaign(ana.company_id)
    api.upload(campaign_id, b"5511955500101\n5511955500102\n").expect(200)
    api.post(f"/campaigns/{campaign_id}/close").refused(409)
    api.post(f"/campaigns/{campaign_id}/clean").refused(409)
    eve.api.post(f"/campaigns/{campaign_id}/clean?state=delayed").refused(403)
    answer = api.post(f"/campaigns/{campaign_id}/clean?state=delayed").expect(200).json
    assert (answer["campaignId"], answer["removed"], answer["phase"]) == (campaign_id, 2, "ABORTED")


def test_cancel_any_campaign_with_its_options(ana, eve):
    """R3.6: the options of /pedidos/cancel, for a campaign that was not generated, beside a reason."""
    api, cancelled = ana.api, {}
    for query in ("", "?purge&removePending", "?purge&removePending&resetLogs", "?resetLogs=false"):
        campaign_id = api.create_campaign(ana.company_id)
        api.upload(campaign_id, b"5511955500101\n5511955500102\n").expect(200)
        eve.api.post(f"/campaigns/{campaign_id}/cancel{query}").refused(403)
        answer = api.post(f"/campaigns/{campaign_id}/cancel{query}", {"reason": "wrong list"}).expect(200).json
        assert (answer["status"], answer["cancelled"]) == ("cancelled", 2), query
        assert len(api.get(f"/campaigns/{campaign_id}/recipients").expect(200).json) == 2
        assert api.get(f"/campaigns/{campaign_id}/events").expect(200).json[-1]["reason"] == "wrong list"
        cancelled[query] = [one["event"] for one in status(api, f"/campaigns/{campaign_id}/logs")]
        api.post(f"/campaigns/{campaign_id}/cancel{query}").refused(409)
    logs = list(cancelled.values())
    assert logs[2] == [] and logs[0] == logs[1] == logs[3] != [], cancelled
    campaign_id = api.create_campaign(ana.company_id)
    api.post(f"/campaigns/{campaign_id}/cancel?resetLogs").expect(200)    # without a body
    assert status(api, f"/campaigns/{campaign_id}/logs") == []


def test_cancel_while_records_are_generated(bia):
    """R3.6: by its own address, too, a campaign is cancelled with the job that generates it."""
    started = bia.post("/pedidos/generate?quantity=1000000").expect(202).json
    bia.post(f"/campaigns/{started['campaignId']}/cancel").expect(200)
    wait_until("the job is over", lambda: status(bia, f"/job/{started['jobId']}")["status"] in ("cancelled", "failed"), 60)
    assert status(bia, f"/job/{started['jobId']}")["status"] == "cancelled"
    assert status(bia)["phase"] == "ABORTED"


@pytest.mark.parametrize("path", ["/pedidos/cancel", "/pedidos/queue/clean?state=waiting",
                                  "/pedidos/queue/clean?state=delayed"])
def test_cancelling_during_the_last_chunk(stack, bia, path):
    """R3.6: whoever cancels waits for the chunk that is being made; if it was the last one, the campaign
    was dispatched meanwhile, and is cancelled all the same."""
    stack.part("stop", "consumer")    # or all may be stored before it is cancelled
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as client, stack.connect(autocommit=False) as holder:
            with holder.cursor() as cursor:
                cursor.execute("LOCK TABLE campaign.progress IN SHARE MODE")
            campaign_id = bia.post("/pedidos/generate?quantity=10").expect(202).json["campaignId"]
            wait_until("the chunk is being made", lambda: stack.one(HELD_UP) == 1)
            request = client.submit(bia.post, path)
            wait_until("the request waits for it", lambda: stack.one(HELD_UP) == 2)
            holder.rollback()
            answer = request.result(60)
    finally:
        stack.part("start", "consumer")
    if path.endswith("delayed"):    # all were waiting by then
        answer.refused(409)
        wait_for_phase(bia, "DONE")
        return
    answer = answer.expect(200).json
    assert answer["phase"] == "ABORTED" and answer["counts"]["cancelled"] == 10
    assert 0 < answer.get("removed", 10) <= 10    # the worker may have published some
    assert stack.one("SELECT status FROM campaign.campaigns WHERE id = %s", campaign_id) == "cancelled"


@pytest.mark.parametrize("path", ["/pedidos/generate", "/pedidos/generate?quantity=0",
                                  "/pedidos/generate?quantity=1500001", '/pedidos/generate?quantity=1"',
                                  "/pedidos/generate?quantity=1e3"])
def test_no_quantity(bia, path):
    """R3.1: what is no quantity is refused, and makes no campaign."""
    bia.post(path).refused(400, 422)
    assert bia.get("/campaigns").expect(200).json == []


def test_runs_are_their_companys(nobody, ana, eve):
    """R0.9: nobody sees, starts or ends the run of others."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.post(f"/campaigns/{campaign_id}/generate?quantity=3").expect(202)
    for name in ("run", "health", "logs", "runs", "jobs"):
        ana.api.get(f"/campaigns/{campaign_id}/{name}").expect(200)
        eve.api.get(f"/campaigns/{campaign_id}/{name}").refused(403)
        nobody.get(f"/campaigns/{campaign_id}/{name}").refused(401)
        eve.api.get(f"/campaigns/nobody/{name}").refused(404)
    eve.api.post(f"/campaigns/{campaign_id}/generate?quantity=3").refused(403)
    eve.api.get("/pedidos").refused(404)
    eve.api.post("/pedidos/cancel").refused(404)
    nobody.post("/pedidos/generate?quantity=3").refused(401)
    assert eve.api.get("/campaigns/runs").expect(200).json == []
    eve.api.post("/pedidos").refused(405)
    eve.api.get("/pedidos/cancel").refused(405)
