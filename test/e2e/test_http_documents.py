"""test_http_documents.py - what tells people about the API: OpenAPI and the Postman collection."""
import json
import os
import pathlib
import re

import pytest

from stack import REPOSITORY, run

pytest_plugins = ["http_fixtures"]

POSTMAN = REPOSITORY / "docs" / "postman"
COLLECTION = POSTMAN / "campaign.postman_collection.json"
ENVIRONMENT = POSTMAN / "campaign.postman_environment.json"
TOOLS = pathlib.Path(os.environ.get("CAMPAIGN_TOOLS", REPOSITORY / ".tools"))
ID = "00000000"
VARIABLE = re.compile(r"\{\{(?!base_url)\w+\}\}")
# Everything that docker/nginx.conf maps.
ROUTES = {"POST /signup", "POST /login", "POST /logout", "GET /me", "PATCH /me", "DELETE /me",
          "POST /me/password", "POST /me/code", "POST /me/confirm", "POST /password/forgotten",
          "POST /password/reset", "GET /", "GET /users", "POST /users", f"GET /users/{ID}", f"PATCH /users/{ID}", f"DELETE /users/{ID}",
          "GET /companies", "POST /companies", f"GET /companies/{ID}", f"PATCH /companies/{ID}",
          f"DELETE /companies/{ID}", f"GET /companies/{ID}/members",
          f"POST /companies/{ID}/members",
          f"DELETE /companies/{ID}/members/{ID}", f"GET /companies/{ID}/invitations",
          "GET /invitations", f"GET /invitations/{ID}", f"DELETE /invitations/{ID}",
          f"POST /invitations/{ID}/accept", f"POST /invitations/{ID}/decline",
          "GET /campaigns", "POST /campaigns", "POST /campaigns/send", f"GET /campaigns/{ID}",
          f"PATCH /campaigns/{ID}", f"DELETE /campaigns/{ID}", f"PUT /campaigns/{ID}/numbers",
          f"POST /campaigns/{ID}/numbers", f"DELETE /campaigns/{ID}/numbers",
          f"POST /campaigns/{ID}/preview", f"GET /campaigns/{ID}/recipients",
          f"GET /campaigns/{ID}/status", f"GET /campaigns/{ID}/verify",
          f"POST /campaigns/{ID}/dispatch", f"POST /campaigns/{ID}/pause",
          f"POST /campaigns/{ID}/resume", f"POST /campaigns/{ID}/cancel",
          f"POST /campaigns/{ID}/schedule", f"POST /campaigns/{ID}/window", f"POST /campaigns/{ID}/reset",
          f"POST /campaigns/{ID}/limit", f"POST /campaigns/{ID}/canary",
          f"POST /campaigns/{ID}/dispatch_zones", f"GET /campaigns/{ID}/parts", f"POST /campaigns/{ID}/parts/pause",
          f"POST /campaigns/{ID}/parts/resume", f"POST /campaigns/{ID}/parts/cancel", f"POST /campaigns/{ID}/parts/limit",
          f"GET /campaigns/{ID}/events", f"GET /campaigns/{ID}/receipt",
          f"GET /campaigns/{ID}/fates", f"GET /campaigns/{ID}/reasons", f"GET /campaigns/{ID}/senders",
          f"GET /campaigns/{ID}/recipients.csv", f"POST /campaigns/{ID}/resolve",
          f"POST /campaigns/{ID}/retry_failed", f"POST /campaigns/{ID}/deadline", "GET /senders", "GET /senders/events",
          "POST /segments", f"GET /campaigns/{ID}/texts", f"POST /campaigns/{ID}/test",
          f"GET /campaigns/{ID}/tests",
          "GET /applications", "POST /applications", f"GET /applications/{ID}",
          f"PATCH /applications/{ID}", f"DELETE /applications/{ID}",
          f"POST /applications/{ID}/secret", "GET /token", "GET /tokens",
          f"GET /tokens/{ID}", f"DELETE /tokens/{ID}", "POST /job", "GET /job", f"GET /job/{ID}",
          f"POST /job/{ID}/cancel", f"POST /job/{ID}/retry", "GET /jobs/stats", "GET /health",
          "GET /ready", "GET /suppressions", "POST /suppressions", "DELETE /suppressions",
          "PUT /suppressions/numbers", "POST /inbound", "GET /dead-letters",
          f"POST /dead-letters/{ID}/replay", f"DELETE /dead-letters/{ID}", "POST /pedidos/generate", "GET /pedidos",
          "GET /pedidos/logs", "GET /pedidos/runs", "GET /pedidos/health/queue",
          "GET /pedidos/queue/status", "GET /pedidos/queue/jobs", "POST /pedidos/queue/pause",
          "POST /pedidos/queue/resume", "POST /pedidos/queue/clean", "POST /pedidos/queue/close",
          "POST /pedidos/cancel", "POST /pedidos/reset", "GET /campaigns/runs",
          f"GET /campaigns/{ID}/run", f"GET /campaigns/{ID}/runs", f"GET /campaigns/{ID}/health",
          f"GET /campaigns/{ID}/logs", f"GET /campaigns/{ID}/jobs", f"POST /campaigns/{ID}/generate",
          f"POST /campaigns/{ID}/close", f"POST /campaigns/{ID}/clean"}
# What the collection shows to be refused.
REFUSED = {f"DELETE /job/{ID}", "GET /job/nobody"}


def requests_of(items):
    for item in items:
        if "item" in item:
            yield from requests_of(item["item"])
        else:
            yield item["request"], item


def collection():
    return list(requests_of(json.loads(COLLECTION.read_text(encoding="utf-8"))["item"]))


@pytest.fixture(name="openapi", scope="module")
def fixture_openapi(ana):
    return ana.api.get("/", Accept="application/openapi+json").expect(200).json


def test_newman_runs_the_collection(stack):
    """R0.13: every request of the collection works against the real servers."""
    answer = run([TOOLS / "npm" / "node_modules" / ".bin" / "newman", "run", COLLECTION,
                  "--environment", ENVIRONMENT, "--env-var", f"base_url={stack.env['HTTP_URL']}",
                  "--color", "off", "--disable-unicode"], timeout=180)
    assert "AssertionError" not in answer.stdout


def test_collection_has_every_route():
    """R0.13: each endpoint with a working payload, and assertions for each."""
    seen = set()
    for request, item in collection():
        path = VARIABLE.sub(ID, request["url"]["raw"].removeprefix("{{base_url}}"))
        seen.add(f"{request['method']} {path.partition('?')[0]}")
        assert any(event["listen"] == "test" for event in item["event"]), item["name"]
    assert ROUTES - seen == set()
    assert seen - ROUTES == REFUSED


def test_routes_are_those_of_nginx(nobody):
    """R0.13: a route of the list exists; a route of the configuration is in the list."""
    for route in ROUTES - {"GET /", "GET /health", "GET /ready", "POST /login", "POST /signup", "POST /users"}:
        method, path = route.split(" ")
        answer = nobody.request(method, path, {}).refused(400, 401, 404)
        assert answer.json["code"] not in ("HTTP404", "HTTP405"), (route, answer)
    text = (REPOSITORY / "docker" / "nginx.conf").read_text(encoding="utf-8")
    words = {word for route in ROUTES for word in re.findall(r"[a-z]{2,}", route)}
    public = re.compile(r"^\s+location (?!@|/numbers-|\^~ /page/|= /(?:page|errors|numbers|unlisted|allowed|form|self|rpc/)|~ \^/rpc/)(.*) \{", re.MULTILINE)
    for location in public.findall(text):
        names = set(re.findall(r"[a-z]{2,}", re.sub(r"\(\?<\w+>", "", location)))
        assert names <= words | {"rpc", "company", "campaign", "create", "update", "async"}, (location, names - words)


def test_openapi_has_every_function_and_view(openapi):
    """R0.7, R7.7: all of the schema campaign_api, described."""
    paths = openapi["paths"]
    for name in ("users", "companies", "company_members", "campaigns", "campaign_tests", "recipients",
                 "applications", "tokens", "jobs"):
        assert openapi["definitions"][name]["description"], name
        for column, described in openapi["definitions"][name]["properties"].items():
            assert described["description"], (name, column)
    for name in ("signup", "login", "logout", "me", "company_member_invite", "company_member_remove",
                 "invitation_accept", "invitation_decline",
                 "password_change", "campaign_upload", "campaign_upload_json", "campaign_dispatch",
                 "campaign_send", "campaign_status", "campaign_pause", "campaign_resume",
                 "campaign_cancel", "campaign_limit", "campaign_canary", "campaign_texts", "campaign_test", "message_segments",
                 "campaign_verify", "campaign_receipt", "campaign_run_status", "campaign_health",
                 "campaign_logs", "campaign_runs", "campaign_recipients", "campaign_generate",
                 "campaign_run_control", "application_create", "token",
                 "job_create", "job_get", "job_cancel", "job_retry", "job_stats", "signup_async"):
        assert paths[f"/rpc/{name}"]["post"]["summary"], name
    for path, verbs in paths.items():
        for verb, described in verbs.items():
            if path != "/" and verb != "parameters":
                assert described.get("summary"), (verb, path)


def test_openapi_is_valid(openapi, tmp_path):
    """R0.7: by somebody else's reading of the specification, references included."""
    assert openapi["swagger"] == "2.0" and openapi["info"]["title"]
    (tmp_path / "api.json").write_text(json.dumps(openapi), encoding="utf-8")
    script = ("require('@apidevtools/swagger-parser').validate(process.argv[1])"
              ".catch((error) => { console.log(String(error)); process.exit(1); })")
    run(["node", "-e", script, tmp_path / "api.json"], cwd=TOOLS / "npm")


def test_openapi_tells_nobody_nothing_secret(nobody, openapi):
    """R0.8: without a token only sign-up, login and the tokens of applications are described."""
    text = json.dumps(openapi)
    for secret in ("identifier_", "argon2", "revoked_tokens", "login_attempts",
                   "secret_hash", "application_tokens"):
        assert secret not in text, secret
    answer = nobody.get("/")
    if answer.status == 200:
        paths = set(answer.json["paths"])
        assert paths <= {"/", "/rpc/signup", "/rpc/signup_async", "/rpc/login", "/rpc/ready",
                     "/rpc/token", "/rpc/password_forgotten", "/rpc/password_reset"}, paths
    else:
        answer.refused(401)
