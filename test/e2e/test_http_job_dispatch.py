"""test_http_job_dispatch.py - R2.3 R2.5: campaigns dispatched by a job, for its creator."""
from http_client import LATER, OVER, TEXT, logged_in, token_of
from waiting import wait_until

pytest_plugins = ["http_fixtures"]


def test_a_campaign_is_dispatched_by_a_job(ana, app, eve):
    """R2.3 R2.5: by a member of its company and by its application, and nobody else."""
    for api, stranger in ((ana.api, eve.api), (app, eve.api)):
        campaign_id = ana.api.create_campaign(ana.company_id)
        ana.api.upload(campaign_id, b"+5511955500101\n", TEXT).expect(200)
        body = {"job_name": "dispatch", "meta": {"campaign_id": campaign_id}}
        stranger.post("/job", body).refused(403)
        assert ana.api.status(campaign_id)["status"] == "draft"
        job_id = api.post("/job", body).expect(201).json["id"]
        assert api.wait_for_job(job_id, *OVER)["result"]["id"] == campaign_id
        ana.api.wait_for_status(campaign_id, "sent")
    eve_app = eve.api.post("/applications", {"name": "x"}).expect(201).json
    eve_app = eve.api.with_token(token_of(eve.api.with_token(None), eve_app)["token"])
    eve_app.post("/job", body).refused(403)
    for api in (ana.api, app):
        api.post("/job", {"job_name": "dispatch", "meta": {"campaign_id": "nobody"}}).refused(404)


def test_a_job_outlives_no_membership(stack, ana, nobody):
    """R0.8: what somebody has scheduled who left the company since is not dispatched."""
    guest = logged_in(stack.env["HTTP_URL"])
    members = f"/companies/{ana.company_id}/members"
    ana.api.invite(ana.company_id, guest)
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.upload(campaign_id, b"+5511955500101\n", TEXT).expect(200)
    job_id = guest.api.create_job("dispatch", {"campaign_id": campaign_id}, run_at=LATER)
    ana.api.delete(f"{members}/{guest.user_id}").expect(204)
    guest.api.post(f"/job/{job_id}/cancel").expect(200)
    guest.api.post(f"/job/{job_id}/retry").expect(202)
    wait_until("it was tried", lambda: guest.api.job(job_id)["error"])
    guest.api.post(f"/job/{job_id}/cancel").expect(200, 202)
    assert "may not dispatch" in guest.api.job(job_id)["error"]
    assert ana.api.status(campaign_id)["status"] == "draft"
