"""test_http_jobs.py - R2: the acceptance list of background jobs, as a client has them.

No job is lost or deleted; several types go through one endpoint; tokens, metadata and status
codes are right; what is somebody else's is not there.
"""
import contextlib
import decimal
import json
import os
import signal

import psycopg2
import pytest

from http_client import JSON, LATER, OVER, basic, logged_in, token_of, unique
from waiting import assert_stays, wait_until

pytest_plugins = ["http_fixtures"]

HOUR = {"seconds": 3600}
PI_20 = "3.14159265358979323846"
FIBONACCI_100 = "354224848179261915075"
FIELDS = {"id", "type", "status", "meta", "progress", "result", "error", "attempts", "max_attempts",
          "interruptions", "priority", "run_at", "created_at", "started_at", "finished_at"}


@pytest.fixture(name="echo", scope="module", autouse=True)
def fixture_echo(stack):
    """Types of this file: one returns its metadata, one fails, one is not open to HTTP."""
    stack.sql("""CREATE OR REPLACE FUNCTION public.echo_job(job_id text, meta jsonb) RETURNS jsonb
                 LANGUAGE sql AS 'SELECT meta'""")
    stack.sql("""CREATE OR REPLACE FUNCTION public.broken_job(job_id text, meta jsonb) RETURNS jsonb
                 LANGUAGE plpgsql
                 AS 'BEGIN RAISE data_exception USING MESSAGE = meta ->> ''say''; END'""")
    for name, handler, is_open in (("echo", "echo_job", True), ("broken", "broken_job", True),
                                   ("inner", "echo_job", False)):
        stack.sql("SELECT job_type_register(%s, %s, api => %s, secret_keys => '{pin}')",
                  name, f"public.{handler}", is_open)


@contextlib.contextmanager
def running(api, count):
    """The ids of so many jobs that run, and would for an hour; ended afterwards."""
    jobs = [api.create_job("countdown", HOUR) for _ in range(count)]
    try:
        for job_id in jobs:
            api.wait_for_job(job_id, "running")
        yield jobs
    finally:
        for job_id in jobs:
            api.post(f"/job/{job_id}/cancel").expect(200, 202, 409)
        for job_id in jobs:
            api.wait_for_job(job_id, *OVER)


@pytest.fixture(name="long")
def fixture_long(ana):
    """A job of Ana's that runs."""
    with running(ana.api, 1) as jobs:
        yield jobs[0]


# One endpoint, several types --------------------------------------------------------------


def test_several_types_through_one_endpoint(ana):
    """R2.1 R2.2 R2.3: POST /job, whatever the type; results are exact, progress is 100."""
    email = f"{unique()}@example.com"
    wanted = {"countdown": ({"seconds": 0.1}, {"seconds": 0.1}),
              "fibonacci": ({"n": 100}, {"n": 100, "value": FIBONACCI_100}),
              "pi": ({"digits": 20}, {"digits": 20, "value": PI_20}),
              "echo": ({"a": [1, None]}, {"a": [1, None]}),
              "user_create": ({"email": email, "password": "x"}, None)}
    jobs = {name: ana.api.create_job(name, meta) for name, (meta, _) in wanted.items()}
    for name, job_id in jobs.items():
        job = ana.api.wait_for_job(job_id, *OVER)
        assert (job["status"], job["progress"], job["error"]) == ("finished", 100, None), job
        assert (job["type"], job["attempts"], job["id"]) == (name, 1, job_id)
        assert job["created_at"] <= job["started_at"] <= job["finished_at"]
        if wanted[name][1] is not None:
            assert job["result"] == wanted[name][1]


@pytest.mark.parametrize("path", ["/job", "/jobs", "/rpc/job_create"])
def test_created(ana, path):
    """R2.2: 201, Location, {"id", "message"}; and GET of the Location."""
    answer = ana.api.post(path, {"job_name": "countdown", "meta": {"seconds": 0}}).expect(201)
    assert set(answer.json) == {"id", "message"} and answer.json["message"]
    assert answer.headers["Location"] == f"/job/{answer.json['id']}"
    job = ana.api.get(answer.headers["Location"]).expect(200).json
    assert set(job) == FIELDS | {"error_code", "cancel_requested"}
    assert (job["id"], job["type"], job["meta"]) == (answer.json["id"], "countdown", {"seconds": 0})
    assert ana.api.get(f"/jobs/{job['id']}").expect(200).json["id"] == job["id"]


def test_in_the_spelling_of_postgrest(ana, postgrest):
    """R2.2: the same without nginx."""
    api = ana.api.at(postgrest)
    answer = api.post("/rpc/job_create", {"job_name": "echo", "meta": {"x": 1}}).expect(201)
    job_id = answer.json["id"]
    assert answer.headers["Location"] == f"/jobs?id=eq.{job_id}"
    wait_until("the job is finished",
               lambda: api.get(f"/jobs?id=eq.{job_id}&status=eq.finished").expect(200).json)
    row = api.get(answer.headers["Location"]).expect(200).json[0]
    assert set(row) == FIELDS and row["result"] == {"x": 1}
    for answer in (api.get(f"/rpc/job_get?job_id={job_id}"),
                   api.post("/rpc/job_get", {"job_id": job_id})):
        assert {name: answer.expect(200).json[name] for name in FIELDS} == row
    api.post("/rpc/job_cancel", {"job_id": job_id}).refused(409)
    api.post("/rpc/job_retry", {"job_id": job_id}).refused(409)
    assert api.get("/rpc/job_stats").expect(200).json["by_type"]["echo"]["finished"] >= 1


def test_without_metadata(ana):
    """R2.1: they are {} then."""
    job_id = ana.api.post("/job", {"job_name": "echo"}).expect(201).json["id"]
    assert ana.api.wait_for_job(job_id, *OVER)["result"] == {}


@pytest.mark.parametrize("meta", [
    '{"n": 12345678901234567890123456789, "m": -9007199254740993, "f": 0.1234567890123456789}',
    '{"zero": 0, "one": 1.50, "small": 1.5e-300, "big": 1e300}',
    '{"é": "Olá, 世界 🚀 \\u00e9 \\ud83d\\ude80", "line": "a\\n\\t\\"\\\\b", "": " "}',
    '{"deep": [[[[{"a": [true, false, null, {}, []]}]]]]}', '{"sql": "\'; DROP TABLE x; --"}',
    json.dumps({"many": list(range(5000))}), json.dumps({str(n): n for n in range(1000)}),
    '{"x": ' + "[" * 500 + "]" * 500 + "}"], ids=lambda text: text[:24])
def test_metadata_come_back(ana, meta):
    """R2.1: as they went in: numbers to the last digit, text, nesting; also as a result."""
    def parse(text):
        return json.loads(text, parse_float=decimal.Decimal)
    body = f'{{"job_name": "echo", "meta": {meta}}}'.encode()
    answer = ana.api.post("/job", body, headers={"Content-Type": JSON}).expect(201)
    ana.api.wait_for_job(answer.json["id"], "finished")
    job = parse(ana.api.get(f"/job/{answer.json['id']}").body)
    assert job["meta"] == parse(meta) and job["result"] == parse(meta)
    row = parse(ana.api.get(f"/jobs?id=eq.{answer.json['id']}").body)[0]
    assert row["meta"] == parse(meta)


def test_secret_metadata_are_not_shown(stack, ana):
    """R2.1: in no answer, nor by a filter, an order or a selection."""
    meta = {"pin": "90125", "x": 1}
    job_id = ana.api.create_job("broken", {**meta, "say": "no"}, run_at=LATER)
    assert stack.one("SELECT meta ->> 'pin' FROM campaign.jobs WHERE id = %s", job_id) == "90125"
    for path in (f"/job/{job_id}", f"/jobs?id=eq.{job_id}", "/jobs/stats",
                 f"/jobs?id=eq.{job_id}&select=meta-%3Epin,x:meta-%3E%3Epin",
                 f"/jobs?id=eq.{job_id}&order=meta-%3Epin"):
        assert b"90125" not in ana.api.get(path).expect(200).body
    assert ana.api.get(f"/jobs?id=eq.{job_id}&meta->>pin=not.is.null").expect(200).json == []
    ana.api.post(f"/job/{job_id}/cancel").expect(200)


# What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("body", [
    {"job_name": "nothing"}, {"job_name": ""}, {"job_name": None}, {"job_name": "x" * 10_000},
    {"job_name": "COUNTDOWN", "meta": {"seconds": 1}}, {"job_name": "countdown "},
    {"job_name": "countdown"}, {"job_name": "countdown", "meta": {}},
    {"job_name": "countdown", "meta": {"seconds": -1}},
    {"job_name": "countdown", "meta": {"seconds": "1"}},
    {"job_name": "countdown", "meta": {"seconds": None}},
    {"job_name": "fibonacci", "meta": {"n": 100_001}},
    {"job_name": "fibonacci", "meta": {"n": 0.5}},
    {"job_name": "pi", "meta": {"digits": [1]}}, {"job_name": "pi", "meta": []},
    {"job_name": "pi", "meta": 7}, {"job_name": "pi", "meta": "x"},
    {"job_name": "pi", "meta": None},
    {"job_name": "user_create", "meta": {"email": "a@example.com"}},
    {"job_name": "user_create", "meta": {"email": "nobody", "password": "x"}},
    {"job_name": "dispatch", "meta": {"campaign_id": 7}}, {"job_name": "dispatch"},
    {"job_name": "welcome_email", "meta": {"email": "a@example.com"}}, {"job_name": "inner"},
    {"job_name": "echo", "priority": 1}, {"job_name": "echo", "priority": -1001}, {"job_name": "echo", "run_at": "infinity"},
    {"job_name": 7}, {"job_name": ["echo"]}, {"job_name": "echo", "priority": "7"}],
    ids=lambda body: json.dumps(body)[:60])
def test_unknown_types_and_bad_metadata(ana, no_job, body):
    """R2.2: 422, said in words, and no job."""
    assert ana.api.post("/job", body).refused(422).json["message"]


def test_a_type_that_is_not_open(ana):
    """R2.2: 422 that says so, and which there are."""
    answer = ana.api.post("/job", {"job_name": "welcome_email"}).refused(422).json
    assert "cannot be created over HTTP" in answer["message"]
    assert "countdown" in answer["hint"] and "welcome_email" not in answer["hint"]


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"7", b"[]", b"{}", b'{"job_name"}',
                                  b"[" * 100_000,
                                  b'{"job_name": "echo", "unknown": 1}',
                                  b'{"job_name": "echo", "run_at": "soon"}',
                                  b'{"job_name": "echo", "user_id": "x"}',
                                  b'{"job_name": "echo", "meta": {"x": "\\u0000"}}',
                                  b'{"job_name": "echo", "meta": {"x": 1e999999}}',
                                  b'{"job_name": "echo", "meta": {"x": \xff}}'],
                         ids=lambda body: repr(body[:40]))
def test_what_is_no_job(ana, no_job, body):
    """R2.2: one 4xx, and no job."""
    ana.api.post("/job", body, headers={"Content-Type": JSON}).refused(400, 404, 413, 422)


def test_large_metadata(ana, postgrest, no_job):
    """R2.2: 413 above 256 kB, by PostgreSQL, and above 1 MB by nginx."""
    for size, api in ((300_000, ana.api), (300_000, ana.api.at(postgrest)), (2_000_000, ana.api)):
        body = {"job_name": "echo", "meta": {"x": "x" * size}}
        api.post("/rpc/job_create", body).refused(413)
    ana.api.post("/job", {"job_name": "echo", "meta": {"x": "x" * 2_000_000}}).refused(413)


def test_without_a_token(nobody, long):
    """R2.2: 401, whatever is asked for."""
    for path in ("/job", "/jobs", f"/job/{long}", "/job/nobody", "/jobs/stats", "/rpc/job_stats",
                 f"/rpc/job_get?job_id={long}"):
        nobody.get(path).refused(401)
    for path, body in (("/job", {"job_name": "echo"}), ("/jobs", {"job_name": "echo"}),
                       (f"/job/{long}/cancel", None), (f"/job/{long}/retry", None),
                       ("/rpc/job_create", {"job_name": "echo"})):
        nobody.post(path, body).refused(401)
    nobody.post("/job", {"job_name": "echo"}, headers=basic("x.y.z")).refused(401)


def test_unknown_ids(ana):
    """R2.2: 404."""
    for path in ("/job/nobody", "/jobs/nobody", "/rpc/job_get?job_id=nobody",
                 f"/rpc/job_get?job_id={'x' * 5000}"):
        ana.api.get(path).refused(404)
    for verb in ("cancel", "retry"):
        ana.api.post(f"/job/nobody/{verb}").refused(404)
    assert ana.api.get("/jobs?id=eq.nobody").expect(200).json == []


def test_nothing_is_deleted(stack, ana, app, postgrest, long):
    """R2.2 R2.4: 405 for DELETE, PUT and PATCH, one or all, however it is spelled."""
    for api in (ana.api, app, ana.api.at(postgrest), app.at(postgrest)):
        for path in (f"/jobs?id=eq.{long}", "/jobs", "/jobs?id=eq.nobody",
                     "/jobs?limit=1&order=id"):
            for method, body in (("DELETE", None), ("PATCH", {"status": "finished"}),
                                 ("PUT", {"id": long, "status": "finished"})):
                answer = api.request(method, path, body)
                # 400: PostgREST has its own rules for PUT and for a limit.
                assert answer.status == 405 or method == "PUT" or "limit" in path, answer
                answer.refused(400, 405)
    for method in ("DELETE", "PATCH", "PUT", "POST"):
        for path in (f"/job/{long}", f"/jobs/{long}"):
            ana.api.request(method, path, {}).refused(405)
    for method in ("DELETE", "PATCH", "PUT"):
        ana.api.request(method, "/job", {"status": "finished"}).refused(405)
    for method in ("GET", "DELETE", "PUT"):
        ana.api.request(method, f"/job/{long}/cancel").refused(405)
    ana.api.delete("/jobs/stats").refused(405)
    ana.api.at(postgrest).post("/jobs", {"type": "echo"}).refused(405)
    assert ana.api.job(long)["status"] == "running"
    with pytest.raises(psycopg2.Error, match="kept for ever"):
        stack.sql("DELETE FROM campaign.jobs WHERE id = %s", long)


# Watching, cancelling, trying again -------------------------------------------------------


def test_progress_is_visible(ana):
    """R2.1: between 0 and 100 while it runs, 100 at its end; in the list and in the counts too."""
    job_id = ana.api.create_job("countdown", {"seconds": 20})
    wait_until("some progress", lambda: 0 < ana.api.job(job_id)["progress"] < 100)
    job = ana.api.job(job_id)
    assert job["status"] == "running" and job["started_at"] and job["finished_at"] is None
    row = ana.api.get(f"/job?id=eq.{job_id}").expect(200).json[0]
    running = ana.api.get("/jobs/stats").expect(200).json["running"]
    assert 0 < row["progress"] < 100 and row["started_at"]
    assert [0 < one["progress"] < 100 for one in running if one["id"] == job_id] == [True]
    ana.api.post(f"/job/{job_id}/cancel").expect(202)
    assert ana.api.wait_for_job(job_id, *OVER)["status"] == "cancelled"


def test_a_running_job_is_cancelled(ana, long):
    """R2.6: 202, then it is over; 409 the second time; tried again it runs."""
    answer = ana.api.post(f"/job/{long}/cancel").expect(202).json
    assert answer["id"] == long and answer["cancel_requested"] is True
    assert ana.api.wait_for_job(long, *OVER)["status"] == "cancelled"
    ana.api.post(f"/job/{long}/cancel").refused(409)
    assert ana.api.post(f"/job/{long}/retry").expect(202).json["status"] == "waiting"
    ana.api.wait_for_job(long, "running")
    ana.api.post(f"/job/{long}/retry").refused(409)


def test_a_scheduled_job(ana):
    """R2.6: not before its time; cancelled with 200; priority as it was given."""
    job_id = ana.api.create_job("echo", {"x": 1}, run_at=LATER, priority=-5)
    job = ana.api.job(job_id)
    assert (job["status"], job["priority"]) == ("scheduled", -5)
    assert job["run_at"].startswith("2099-01-01T00:00:00")
    assert_stays("scheduled", lambda: ana.api.job(job_id)["status"] == "scheduled", 0.5)
    assert ana.api.post(f"/job/{job_id}/cancel").expect(200).json["status"] == "cancelled"


def test_a_job_that_fails(ana):
    """R2.1 R2.6: its error is kept; tried again it fails again, counted."""
    job_id = ana.api.create_job("broken", {"say": "out of paper\r\nX-A: b"})
    job = ana.api.wait_for_job(job_id, *OVER)
    assert (job["status"], job["attempts"], job["result"]) == ("failed", 1, None)
    assert "out of paper" in job["error"] and job["error_code"] == "22000"
    ana.api.post(f"/job/{job_id}/retry").expect(202)
    again = wait_until("the second failure", lambda: (
        job if (job := ana.api.job(job_id))["status"] == "failed" else None))
    assert again["attempts"] == 2


def test_jobs_are_listed_by_status_in_pages(stack):
    """R2.6: those of one status, in order, page by page, and how many there are."""
    api = logged_in(stack.env["HTTP_URL"]).api
    made = [api.create_job("echo", {"n": n}, run_at=LATER) for n in range(7)]
    question = "/job?status=eq.scheduled&type=eq.echo&order=created_at,id&select=id"
    pages = [api.get(f"{question}&limit=3&offset={offset}", Prefer="count=exact").expect(200, 206)
             for offset in (0, 3, 6)]
    assert [one["id"] for page in pages for one in page.json] == made
    assert {page.headers["Content-Range"].rpartition("/")[2] for page in pages} == {"7"}
    assert api.get("/job?status=eq.failed").expect(200).json == []
    for job_id in made[:2]:
        api.post(f"/job/{job_id}/cancel").expect(200)
    cancelled = api.get("/jobs?status=eq.cancelled&select=id,status").expect(200).json
    assert {one["id"] for one in cancelled} == set(made[:2])
    api.get("/jobs?limit=1", Prefer="count=planned").refused(400)
    api.get("/job?nothing=eq.x").refused(400)


def test_how_jobs_are_doing(stack, ana, eve, app):
    """R2.6: counts by state and type, who runs what since when, what waits; one's own only."""
    with running(app, 1) as busy:
        waiting = app.create_job("echo", {})
        stats = app.get("/jobs/stats").expect(200).json
        assert set(stats) == {"by_type", "by_status", "oldest_waiting", "next_run_at", "running",
                              "throughput"}
        assert stats["by_type"] == {"countdown": {"running": len(busy)}, "echo": {"waiting": 1}}
        assert (stats["by_status"]["running"], stats["by_status"]["waiting"]) == (len(busy), 1)
        assert {one["id"] for one in stats["running"]} == set(busy)
        for one in stats["running"]:
            assert one["type"] == "countdown" and one["worker_pid"] > 0
            assert one["running_seconds"] >= 0 and one["started_at"]
        assert stats["oldest_waiting"]["id"] == waiting, stats
        assert set(stats["throughput"]) == {"finished_last_minute", "finished_last_hour"}
        assert app.get("/job/stats").expect(200).json["by_type"] == stats["by_type"]
        for api in (eve.api, ana.api):
            assert api.get("/jobs/stats").expect(200).json["running"] == []


# Whose they are ---------------------------------------------------------------------------


def test_other_peoples_jobs(ana, eve, app, long):
    """R2.2 R2.5: 404 for the jobs of others, users and applications; a list has one's own."""
    own = {"app": app.create_job("echo", {"of": "app"}), "eve": eve.api.create_job("echo", {})}
    for api, others in ((eve.api, (long, own["app"])), (app, (long, own["eve"])),
                        (ana.api, (own["app"], own["eve"]))):
        for job_id in others:
            api.get(f"/job/{job_id}").refused(404)
            for verb in ("cancel", "retry"):
                api.post(f"/job/{job_id}/{verb}").refused(404)
            assert api.get(f"/jobs?id=eq.{job_id}").expect(200).json == []
        listed = api.get("/jobs?select=id").expect(200).body.decode()
        assert not any(job_id in listed for job_id in others)
    assert [one["id"] for one in app.get("/jobs").expect(200).json] == [own["app"]]
    assert ana.api.job(long)["status"] == "running"


def test_an_application_has_jobs(ana, nobody, application):
    """R2.5: in both spellings of its token; after revocation no more, and the job goes on."""
    token = token_of(nobody, application)
    app = nobody.with_token(token["token"])
    answer = nobody.post("/job", {"job_name": "countdown", "meta": {"seconds": 2}},
                         headers=basic(token["token"])).expect(201)
    path = answer.headers["Location"]
    app.wait_for_job(answer.json["id"], "running")
    assert nobody.get(path, **basic(token["token"])).expect(200).json["meta"] == {"seconds": 2}
    ana.api.delete(f"/tokens/{token['id']}").expect(204)
    for method, where, body in (("GET", path, None), ("POST", "/job", {"job_name": "echo"}),
                                ("POST", f"{path}/cancel", None)):
        app.request(method, where, body).refused(401)
        nobody.request(method, where, body, basic(token["token"])).refused(401)
    other = nobody.with_token(token_of(nobody, application)["token"])
    assert other.wait_for_job(answer.json["id"], *OVER)["status"] == "finished"


# Lost and found ---------------------------------------------------------------------------


def test_a_job_survives_its_worker(stack, ana):
    """R2.4: kill -9 of the process that runs it: it is run again, once, and finishes."""
    job_id = ana.api.create_job("countdown", {"seconds": 3})
    ana.api.wait_for_job(job_id, "running")
    pid, = [one["worker_pid"] for one in ana.api.get("/jobs/stats").json["running"]
            if one["id"] == job_id]
    os.kill(pid, signal.SIGKILL)

    def over():
        job = json.loads(ana.api.get(f"/job/{job_id}").body)
        return job if job.get("status") in OVER else None
    job = wait_until("the job is over", over, 60)
    assert (job["status"], job["progress"], job["interruptions"]) == ("finished", 100, 1), job
    assert job["attempts"] == 1
    wait_until("PostgreSQL is back", lambda: stack.one("SELECT 1"), ignoring=(psycopg2.Error,))
