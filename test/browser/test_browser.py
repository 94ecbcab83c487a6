"""test_browser.py - R7.5: a page of another origin uses the API in a real browser, if its origin is allowed.

The pages are of two servers on this machine; nginx allows the origin of the first one only.
"""
import json
import urllib.parse

import pytest

from http_client import PASSWORD, unique
from stack import open_folder
from waiting import wait_until

NUMBERS = b"+55 11 95555-0101\r\n+44 20 7946 0958\r\n"


def opened(browser, stack, origin):
    api = urllib.parse.quote(stack.env["HTTP_URL"])
    return browser.open(f"{origin}/page.html?api={api}")


@pytest.fixture(name="page", scope="module")
def fixture_page(browser, stack, origins):
    """A page whose origin is allowed, of somebody who has logged in."""
    page = opened(browser, stack, origins[0])
    email = f"{unique()}@example.com"
    ask(page, "POST", "/signup", {"email": email, "password": PASSWORD}, expect=201)
    assert page.run(f"logIn({json.dumps(email)}, {json.dumps(PASSWORD)})")
    ask(page, "POST", "/companies", {"name": "Padaria Central", "document": unique()}, expect=201)
    return page


@pytest.fixture(name="stranger", scope="module")
def fixture_stranger(browser, stack, origins, page):
    """A page of another origin that has got hold of the token."""
    stranger = opened(browser, stack, origins[1])
    stranger.run(f"void (token = {json.dumps(page.run('token'))})")
    return stranger


def ask(page, method, path, body=None, headers=None, expect=200):
    """The answer to a request of the page."""
    words = ", ".join(json.dumps(word) if word is not None else "undefined" for word in (method, path, body))
    answer = page.run(f"ask({words}, {json.dumps(headers or {})})")
    assert answer["status"] == expect, answer
    return answer


@pytest.fixture(name="file")
def fixture_file():
    """A file of numbers on somebody's disk."""
    with open_folder() as folder:
        file = folder / "números.txt"
        file.write_bytes(NUMBERS)
        yield file


def sent(page, campaign_id):
    def is_sent():
        return ask(page, "GET", f"/campaigns/{campaign_id}/status")["json"]["status"] == "sent"
    wait_until("the page sees that it is sent", is_sent)


def test_a_form_with_a_file(page, stack, file):
    """R6.6, R7.5: fields and a file that somebody has picked, in one request, and then what became of it."""
    page.choose_file("#file", file)
    answer = page.run("submit('/campaigns')")
    assert answer["status"] == 201, answer
    campaign_id = answer["json"]["id"]
    assert answer["headers"]["location"] == f"/campaigns/{campaign_id}"
    ask(page, "POST", f"/campaigns/{campaign_id}/dispatch", expect=202)
    sent(page, campaign_id)
    rows = ask(page, "GET", f"/campaigns/{campaign_id}/recipients?limit=1")
    assert rows["json"][0]["phone_number"] == "+5511955550101"
    assert 'rel="next"' in rows["headers"]["link"] and rows["headers"]["content-range"] == "0-0/*"
    assert ask(page, "GET", f"/campaigns/{campaign_id}/verify")["json"]["ok"] is True
    assert stack.messages.count_documents({"campaign_id": campaign_id}) == 2


def test_a_file_as_it_is(page, file):
    """R7.5: PUT with a header of ours, which the browser asks about first; then PATCH and DELETE."""
    page.choose_file("#file", file)
    draft = ask(page, "POST", "/campaigns", {"name": "n", "message": "m"}, {"Idempotency-Key": unique()}, 201)
    place = draft["headers"]["location"]
    answer = page.run(f"ask('PUT', '{place}/numbers', chosen(), {{'X-Class': 'VIP', 'X-Country': 'BR'}})")
    assert (answer["status"], answer["json"]["accepted"]) == (200, 2), answer
    ask(page, "PATCH", place, {"name": "Autumn sale"}, expect=204)
    assert ask(page, "GET", place)["json"]["name"] == "Autumn sale"
    ask(page, "DELETE", place, expect=204)
    ask(page, "GET", place, expect=404)


def test_refusals_can_be_read(page):
    """R7.5: those of PostgreSQL, and those that nginx gives by itself, with their headers."""
    answer = ask(page, "POST", "/campaigns", {"name": "n", "message": " "}, expect=422)
    assert answer["json"]["message"]
    answer = ask(page, "POST", "/job", {"job_name": "x" * 2_000_000}, expect=413)
    assert answer["json"]["code"] == "HTTP413"
    token = page.run("token")
    try:
        page.run("void (token = 'a.b.c')")
        answer = ask(page, "GET", "/me", expect=401)
        assert answer["headers"]["www-authenticate"].startswith("Bearer")
    finally:
        page.run(f"void (token = {json.dumps(token)})")


def test_another_origin_reads_nothing(page, stranger):
    """R7.5: not even with a token, and not what anybody may ask."""
    ask(page, "GET", "/me")
    for path in ("/me", "/campaigns", "/health"):
        assert stranger.run(f"refused(ask('GET', '{path}'))") == "TypeError"
        assert stranger.refusal() in ("PreflightMissingAllowOriginHeader", "MissingAllowOriginHeader")
    assert stranger.run("refused(fetch(api + '/health'))") == "TypeError"
    assert stranger.refusal() == "MissingAllowOriginHeader"


def test_another_origin_changes_nothing(page, stranger, stack):
    """R7.5: what needs a token, the browser asks about first; what it does not ask about has no token."""
    before = stack.sql("SELECT id, updated_at FROM campaign.campaigns ORDER BY id")
    for request in ("ask('POST', '/campaigns', {name: 'n', message: 'm'})", "submit('/campaigns')",
                    "submit('/campaigns/send')"):
        assert stranger.run(f"refused({request})") == "TypeError"
        assert stranger.refusal() == "PreflightMissingAllowOriginHeader"
    # A form needs no leave.
    form = "new FormData(document.getElementById('campaign'))"
    assert stranger.run(f"refused(fetch(api + '/campaigns', {{method: 'POST', body: {form}}}))") == "TypeError"
    assert stranger.refusal() == "MissingAllowOriginHeader"
    assert stack.sql("SELECT id, updated_at FROM campaign.campaigns ORDER BY id") == before
    ask(page, "GET", "/me")
