"""test_http_browsers.py - what browsers and other well-meaning clients do besides asking.

OPTIONS, pages of another origin, HEAD, and addresses that end in a slash.
"""
import pytest

from http_client import JSON, unique

pytest_plugins = ["http_fixtures"]

PAGE = "https://app.example.com"
READ = ["/", "/users", "/users/{user}", "/companies", "/companies/{company}", "/me",
        "/companies/{company}/members", "/campaigns", "/campaigns/{campaign}",
        "/campaigns/{campaign}/recipients", "/campaigns/{campaign}/status",
        "/campaigns/{campaign}/run", "/campaigns/{campaign}/health", "/campaigns/{campaign}/logs",
        "/campaigns/{campaign}/runs", "/campaigns/{campaign}/jobs", "/campaigns/runs",
        "/campaigns/{campaign}/events", "/campaigns/{campaign}/parts", "/campaigns/{campaign}/fates",
        "/campaigns/{campaign}/recipients.csv", "/campaigns/{campaign}/reasons", "/campaigns/{campaign}/senders",
        "/campaigns/{campaign}/texts", "/campaigns/{campaign}/tests", "/senders", "/senders/events", "/suppressions",
        "/dead-letters", "/invitations", "/companies/{company}/invitations",
        "/applications", "/tokens", "/job", "/jobs", "/jobs/stats"]
WRITTEN = ["/signup", "/login", "/logout", "/token", "/me/password", "/campaigns/send",
           "/companies/{company}/members/{user}", "/campaigns/{campaign}/numbers",
           "/campaigns/{campaign}/dispatch", "/campaigns/{campaign}/cancel",
           "/campaigns/{campaign}/generate", "/pedidos/generate", "/pedidos/queue/clean",
           "/rpc/campaign_upload", "/rpc/campaign_dispatch", "/nothing"]


@pytest.fixture(name="place")
def fixture_place(ana, target):
    """Fills the ids into a route."""
    return lambda route: route.format(user=ana.user_id, company=ana.company_id, campaign=target)


def test_options_changes_nothing(ana, place, stored_nothing):
    """R7.4: on every route, with and without a token, a body and a browser."""
    for route in READ + WRITTEN:
        for path in (place(route), place(route).rstrip("/") + "/"):
            for headers in ({}, {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}):
                answer = ana.api.request("OPTIONS", path, b"+5511955500109\n", headers=headers)
                assert (answer.status, answer.body) == (204, b""), (path, answer)


def preflight(api, path, origin, method="PUT"):
    return api.request("OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,x-skip-invalid"}).headers


def test_a_page_may_ask(nobody, place):
    """R7.4: a browser asks without a token, and learns that all methods and headers will do."""
    for route in READ + WRITTEN:
        headers = preflight(nobody, place(route), PAGE)
        assert headers["Access-Control-Allow-Origin"] == PAGE, route
        assert {"PUT", "PATCH", "DELETE"} <= set(headers["Access-Control-Allow-Methods"].split(", "))
        assert headers["Access-Control-Allow-Headers"] == "authorization,content-type,x-skip-invalid"
        assert "Origin" in headers.get_all("Vary")


def test_a_page_may_read_every_answer(ana, nobody, target):
    """R7.4: what PostgREST answers, and what nginx answers by itself; the header comes once."""
    page = {"Origin": PAGE}
    answers = [ana.api.request("GET", "/me", headers=page).expect(200),
               nobody.request("GET", "/me", headers=page).refused(401),
               ana.api.request("GET", "/nothing", headers=page).refused(404),
               ana.api.request("GET", f"/campaigns/{unique().lower()}", headers=page).refused(404),
               ana.api.request("GET", f"/campaigns/{target}/run", headers=page).expect(200),
               ana.api.request("DELETE", "/jobs/stats", headers=page).refused(405),
               ana.api.request("GET", "/users", headers={**page, "Prefer": "count=planned"}
                               ).refused(400),
               ana.api.request("POST", "/login", b"x" * 70_000,
                               headers={**page, "Content-Type": JSON}).refused(413)]
    for answer in answers:
        assert answer.headers.get_all("Access-Control-Allow-Origin") == [PAGE], answer.status
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert {"Location", "Content-Range", "ETag", "Retry-After"} <= set(exposed.split(", "))


def test_no_header_without_a_page(ana):
    """R7.4: other clients get none of it."""
    for path in ("/me", "/nothing"):
        headers = ana.api.get(path).headers
        assert not [name for name in headers if name.lower().startswith("access-control")]


def test_only_listed_origins(stack, nobody, monkeypatch):
    """R7.4: each of the list and nothing that looks like one; a list may be empty."""
    asked = [PAGE, "http://localhost:5173", "https://app.example.co", "https://app.example.com.x",
             "https://evil.example", "https://appxexample.com", "null", "*", f"{PAGE} {PAGE}"]
    try:
        for listed in (f"{PAGE} http://localhost:5173", ""):
            stack.part("stop", "nginx")
            monkeypatch.setenv("CAMPAIGN_ORIGINS", listed)
            stack.part("start", "nginx")
            allowed = [origin for origin in asked if
                       preflight(nobody, "/campaigns", origin)["Access-Control-Allow-Origin"]]
            assert allowed == listed.split()
            answer = nobody.request("GET", "/", headers={"Origin": "https://evil.example"})
            assert answer.expect(200).headers["Access-Control-Allow-Origin"] is None
    finally:
        stack.part("stop", "nginx")
        monkeypatch.delenv("CAMPAIGN_ORIGINS")
        stack.part("start", "nginx")


@pytest.mark.parametrize("route", READ)
def test_head_is_get_without_the_body(ana, place, route):
    """R7.4: the same status and headers."""
    path = place(route)
    got = ana.api.get(path).expect(200)
    head = ana.api.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Range", "Cache-Control"):
        assert head.headers[name] == got.headers[name], name


@pytest.mark.parametrize("route", READ[1:])
def test_a_slash_at_the_end(ana, place, route):
    """R7.4: the same route, with its question."""
    path = place(route)
    assert ana.api.get(f"{path}/").expect(200).headers["Content-Type"] == \
        ana.api.get(path).headers["Content-Type"]
    ana.api.request("TRACE", f"{path}/").refused(405)


@pytest.mark.parametrize("method, route", [
    ("PUT", "/suppressions"), ("PATCH", "/suppressions"), ("POST", "/dead-letters"), ("POST", "/senders"), ("PUT", "/inbound")])
def test_a_method_that_a_route_does_not_have(ana, method, route):
    """R7.5: 405, and not what PostgREST says of an address that nobody has asked for."""
    ana.api.request(method, route, {}).refused(405)


def test_a_slash_opens_no_inner_address(ana):
    """R7.4: what nginx itself asks for is not there for a client."""
    for name in ("allowed", "form", "self", "unlisted", "numbers-cleared", "numbers-in-json", "numbers-read"):
        for path in (f"/{name}", f"/{name}/"):
            ana.api.post(path, {}).refused(404)


def test_a_slash_keeps_the_question(ana, target):
    """R7.4: and what is written goes to the same place."""
    rows = ana.api.get(f"/campaigns/?id=eq.{target}&select=id").expect(200).json
    assert rows == [{"id": target}]
    ana.api.post("/companies/", {"name": "n", "document": unique()}).expect(201)
    ana.api.request("PUT", f"/campaigns/{target}/numbers/", b"+5511955500131\n").expect(200)
    ana.api.delete(f"/campaigns/{target}/").expect(204)
    ana.api.get(f"/campaigns/{target}").refused(404)
