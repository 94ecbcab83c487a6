"""test_page.py - R9.2, R9.3: the page that nginx serves, in a real browser on real servers: somebody logs in, sees a
campaign to its end, stops others, and reads where one is stuck.
"""
import datetime
import re
import time

import pytest

from http_client import PASSWORD, logged_in
from looker import Looker
from programs import frozen
from waiting import wait_until

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>&amp;"
STUCK_S = 30
TAB, ENTER, ESCAPE = ("Tab", 9), ("Enter", 13, "\r"), ("Escape", 27)


@pytest.fixture(name="ana", scope="module")
def fixture_ana(stack):
    """Somebody with a company."""
    return logged_in(stack.env["HTTP_URL"], company=True)


@pytest.fixture(name="looker", scope="module")
def fixture_looker(browser, stack, ana):
    """The page of Ana, who has logged in. Nothing of it may be refused, and nothing may leave its origin."""
    url = stack.env["HTTP_URL"]
    looker = Looker(browser, url)
    looker.log_in(ana)
    yield looker
    assert looker.refusals() == []
    assert [address for address in looker.addresses() if not address.startswith(f"{url}/")] == []
    assert not looker.page.seen("Runtime.exceptionThrown")


def numbers(count, start=0):
    return "".join(f"+5511955{place:06}\n" for place in range(start, start + count)).encode()


def campaign(ana, vips=0, normal=100, per_second=None, name="Spring sale"):
    """A campaign that is under way; its id."""
    campaign_id = ana.api.create_campaign(ana.company_id, name=name)
    if vips:
        ana.api.upload(campaign_id, numbers(vips), X_Class="VIP").expect(200)
    ana.api.upload(campaign_id, numbers(normal, vips)).expect(200)
    if per_second:
        ana.api.post(f"/campaigns/{campaign_id}/limit", {"per_second": per_second}).expect(200)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    return campaign_id


def asked(stack, campaign_id, mark):
    """(what, status) of each question about a campaign since then, from nginx's log."""
    return re.findall(rf'"GET /campaigns/{campaign_id}/(\w+)" (\d+) ', stack.log_since("nginx", mark))


def test_a_campaign_to_its_end(looker, ana):
    """R9.2: it appears, moves by class, and ends `sent`; then its proof, its events and its run are there."""
    campaign_id = campaign(ana, vips=60, normal=120, per_second=60)
    running = looker.waits_for_row(campaign_id, lambda row: row["status"] in ("publishing", "published") and row["bars"])
    assert running["name"] == "Spring sale"
    looker.choose(campaign_id)
    moving = looker.waits_for_row(campaign_id, lambda row: "/s" in row["figures"] and "ETA" in row["figures"])
    assert "100.0 %" not in moving["figures"]
    done = looker.waits_for_row(campaign_id, lambda row: row["status"] == "sent" and "all is stored" in row["sentence"])
    assert done["bars"] == ["VIP60 of 60", "NORMAL120 of 120"] and "100.0 %" in done["figures"]
    wait_until("all are sent, by class", lambda: [(row[""], row["sent"], row["of"]) for row in looker.table("progress")] == [
        ("VIP", "60", "60"), ("NORMAL", "120", "120"), ("all", "180", "180")])
    looker.waits_for("its events are there", "#events", " → sent by ")
    assert f"by {ana.email}" in looker.text("#events")
    assert [run["status"] for run in looker.table("runs")] == ["sent"]
    looker.waits_for("nothing is proved yet", "#proof", "nothing is proved yet")
    looker.click("#prove")
    looker.waits_for("it is proved", "#proof", "MongoDB held exactly the 180 messages, ")
    assert "held exactly the 180 messages, 0 s ago." in looker.text("#notice")
    wait_until("the proof grows old", lambda: not looker.text("#proof").endswith(" 0 s ago"))


def test_pause_resume_cancel(looker, ana, stack):
    """R9.2, R5.2: by its buttons; what is paused is asked about cheaply, and nothing is cancelled without a yes."""
    campaign_id = campaign(ana, normal=500, per_second=5)
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "publishing")
    looker.choose(campaign_id)
    looker.orders("pause")
    looker.waits_for("it is paused", "#notice", "“Spring sale”: paused.")
    looker.waits_for_row(campaign_id, lambda row: row["sentence"].startswith(f"paused by {ana.email} "))
    assert ana.api.status(campaign_id)["status"] == "paused"
    ana.api.wait_for_status(campaign_id, "paused")
    looker.orders("resume")
    looker.waits_for("it goes on", "#notice", "“Spring sale”: resumed, it is ")
    looker.waits_for_row(campaign_id, lambda row: row["status"] in ("queued", "publishing", "published"))
    looker.orders("cancel")
    assert "Cancel “Spring sale” for good?" in looker.text("#question-text")
    looker.click("#question [value=no]")
    looker.orders("cancel")
    looker.page.press(*ESCAPE)
    wait_until("the question is gone", lambda: looker.text("#question-text") is None)
    assert ana.api.status(campaign_id)["status"] != "cancelled"
    looker.orders("cancel")
    looker.click("#question [value=yes]")
    looker.waits_for("it is cancelled", "#notice", "“Spring sale”: cancelled.")
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "cancelled" and "cancelled by" in row["sentence"])
    assert ana.api.status(campaign_id)["status"] == "cancelled"


def test_a_hidden_page_asks_seldom(looker, stack):
    """R9.2: and at once when somebody looks again."""
    hide = ("Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange'))")

    looker.page.run(hide % "true")
    seen = [stack.log_mark("nginx"), time.monotonic()]

    def is_quiet():
        if stack.log_mark("nginx") != seen[0]:
            seen[:] = [stack.log_mark("nginx"), time.monotonic()]
        return time.monotonic() - seen[1] > 3
    wait_until("it asks nothing for longer than there is between two looks", is_quiet, 15)
    looker.page.run(hide % "false")
    wait_until("it asks again", lambda: '"GET /campaigns" 200' in stack.log_since("nginx", seen[0]), 3)


def test_where_it_is_stuck(looker, ana, stack):
    """R9.3, R3.7: the sentence of campaign_health(), for each server that stands still; it goes away with its cause. What
    does not move is asked about with its ETag, and answered with 304; its figures are not asked for."""
    campaign_id = campaign(ana, normal=2000, per_second=20)
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "publishing")
    looker.choose(campaign_id)
    with frozen(int((stack.directory / "run" / "mongod.pid").read_text().split()[0])):
        stuck = looker.waits_for_row(campaign_id, lambda row: "waiting for MongoDB since" in row["sentence"], STUCK_S)
        assert stuck["health"] == "degraded"
        looker.waits_for("it is read aloud", "#spoken", "Spring sale: waiting for MongoDB since ")
        assert " stuck - campaign" in looker.page.run("document.title")
        mark = stack.log_mark("nginx")
        wait_until("its status is asked for", lambda: asked(stack, campaign_id, mark).count(("run", "304")) >= 2)
        assert {answer for answer in asked(stack, campaign_id, mark) if answer[0] in ("run", "status")} == {("run", "304")}
    looker.waits_for_row(campaign_id, lambda row: row["health"] == "healthy")
    stack.part("stop", "consumer")
    looker.waits_for_row(campaign_id, lambda row: re.fullmatch(
        r"no consumer on campaign\.messages\.\d since \d+ s", row["sentence"]), STUCK_S)
    stack.part("start", "consumer")
    looker.waits_for_row(campaign_id, lambda row: row["health"] == "healthy")
    ana.api.post(f"/campaigns/{campaign_id}/cancel").expect(200)


def test_servers_that_are_away(looker, ana, stack):
    """R9.2: the last figures stay, it says since when, waits as long as Retry-After says, and goes on by itself."""
    campaign_id = campaign(ana, normal=50, per_second=25)
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "sent" and row["bars"] == ["NORMAL50 of 50"])
    stack.part("stop", "postgrest")
    mark = stack.log_mark("nginx")
    said = looker.waits_for("the API's own sentence", "#unanswered", "service unavailable")
    assert re.match(r"No new figures since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: ", said)
    assert looker.row(campaign_id)["bars"] == ["NORMAL50 of 50"]
    stack.part("start", "postgrest")
    times = r'\[(\S+)\] "GET /campaigns" '
    wait_until("it asks again", lambda: len(re.findall(times, stack.log_since("nginx", mark))) >= 2)
    first, second = (datetime.datetime.fromisoformat(at) for at in re.findall(times, stack.log_since("nginx", mark))[:2])
    assert (second - first).total_seconds() >= 4, "Retry-After is 5"
    wait_until("it goes on", lambda: looker.text("#unanswered") == "")
    stack.part("stop", "nginx")
    looker.waits_for("nobody is there", "#unanswered", "no connection")
    assert looker.row(campaign_id)["bars"] == ["NORMAL50 of 50"]
    stack.part("start", "nginx")
    wait_until("it goes on", lambda: looker.text("#unanswered") == "")


def test_a_hostile_name_stays_text(looker, ana):
    """R7.6: in the list, in the details, in the question and in what is said of an order."""
    campaign_id = campaign(ana, normal=500, per_second=5, name=HOSTILE)
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "publishing")
    looker.choose(campaign_id)
    looker.orders("pause")
    looker.waits_for("it is paused", "#notice", f"“{HOSTILE}”: paused.")
    looker.orders("cancel")
    assert HOSTILE in looker.text("#question-text")
    looker.click("#question [value=yes]")
    row = looker.waits_for_row(campaign_id, lambda row: row["status"] == "cancelled")
    assert row["name"] == looker.text("#detail-heading") == HOSTILE
    assert looker.page.run("document.querySelectorAll('img, script:not([src])').length") == 0
    assert "taken" not in looker.page.run("document.title")


def test_the_keyboard_is_enough(looker):
    """R9.2: from the list into a campaign and back, and whatever can be used has a name."""
    looker.page.run("document.getElementById('list-heading').focus()")
    looker.page.press(*TAB)
    name = looker.page.run("document.activeElement.matches('.name') && document.activeElement.textContent")
    assert name
    looker.page.press(*ENTER)
    wait_until("its details have the focus", lambda: looker.page.run("document.activeElement.id") == "detail-heading")
    assert looker.text("#detail-heading") == name
    tree = looker.page.command("Accessibility.getFullAXTree")["nodes"]
    used = [node for node in tree if not node["ignored"] and node["role"]["value"] in
            ("button", "textbox", "progressbar", "region", "table", "heading", "group", "dialog")]
    assert len(used) > 10
    assert [node["role"]["value"] for node in used if not node.get("name", {}).get("value")] == []


def test_it_fits_on_a_phone(looker):
    """R9.2: nothing is wider than the screen, whatever campaigns are called."""
    looker.page.command("Emulation.setDeviceMetricsOverride", width=360, height=640, deviceScaleFactor=2, mobile=True)
    try:
        assert looker.page.run("document.documentElement.scrollWidth") <= 360
        assert looker.text(".back") == "Back to the list"
    finally:
        looker.page.command("Emulation.clearDeviceMetricsOverride")


def test_a_wrong_password(browser, stack, ana):
    """R0.8: the API's own sentence; the right one works afterwards, and logging out ends the token."""
    looker = Looker(browser, stack.env["HTTP_URL"])
    looker.fill_in(ana.email, "not this one")
    looker.waits_for("it is refused", "#notice", "e-mail address or password is wrong.")
    assert looker.text("#campaigns") is None
    looker.log_in(ana)
    assert looker.page.run("[location.href, document.cookie, localStorage.length, sessionStorage.length]") == [
        f"{stack.env['HTTP_URL']}/page/", "", 0, 0]
    revoked = stack.one("SELECT count(*) FROM campaign.revoked_tokens")
    looker.click("#log-out")
    looker.waits_for("the form is back", "#log-in h2", "Log in")
    assert looker.text("#notice") == "You have logged out." and looker.text("#campaigns") is None
    wait_until("the token has ended", lambda: stack.one("SELECT count(*) FROM campaign.revoked_tokens") == revoked + 1)
    assert looker.refusals() == []


def test_too_many_wrong_passwords(browser, stack):
    """R7.3: the API says how long to wait, and the page says so."""
    looker = Looker(browser, stack.env["HTTP_URL"])
    for _ in range(7):
        looker.fill_in("nobody@example.com", "not this one")
        wait_until("it is answered", lambda: looker.text("#notice"))
    looker.waits_for("it has to wait", "#notice", "too many failed logins to this account")


def test_a_token_that_has_ended(browser, stack):
    """R7.1: back to the login, with the API's sentence; whoever logs in again sees the campaigns again."""
    eve = logged_in(stack.env["HTTP_URL"], company=True)
    campaign_id = campaign(eve, normal=10)
    looker = Looker(browser, stack.env["HTTP_URL"])
    looker.log_in(eve)
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "sent")
    looker.choose(campaign_id)
    wait_until("its events are there", lambda: eve.email in looker.text("#events"))
    changed = {"old_password": PASSWORD, "new_password": "another horse"}
    eve.api.post("/me/password", changed).expect(200)
    looker.waits_for("it is said", "#notice", "You are logged out: this token is no longer valid. Log in again.")
    assert looker.text("#campaigns") is None and looker.row(campaign_id) is None
    left = looker.page.run("document.body.textContent")
    assert [told for told in ("Spring sale", campaign_id, eve.email) if told in left] == []
    eve.password = changed["new_password"]
    looker.log_in(eve)
    looker.waits_for_row(campaign_id, lambda row: row["status"] == "sent")
    assert looker.refusals() == []


def test_the_policy_holds(browser, stack, origins):
    """R9.2: a script or a style that somebody gets into the page does not run, asks nobody, and is told of here."""
    looker = Looker(browser, stack.env["HTTP_URL"])
    tried = {
        "document.body.innerHTML = '<img src=x>'": "require-trusted-types-for",
        "document.body.append(Object.assign(document.createElement('style'), {textContent: '*{color:red}'}))": "style-src-elem",
        "document.body.append(Object.assign(document.createElement('img'), {src: 'x.png'}))": "img-src",
        f"fetch('{origins[0]}/page.html')": "connect-src",
    }
    for script, directive in tried.items():
        looker.page.run(f"(async () => {{ try {{ await ({script}) }} catch {{ }} }})()")
        wait_until(f"{directive} refuses", lambda directive=directive: [
            refusal for refusal in looker.refusals() if refusal.startswith(directive)])
    framed = browser.open(f"{origins[0]}/page.html")
    framed.run(f"document.body.append(Object.assign(document.createElement('iframe'), {{src: '{stack.env['HTTP_URL']}/page/'}}))")
    wait_until("no frame goes around it", lambda: framed.run("0") or [
        failed for failed in framed.seen("Network.loadingFailed") if failed["errorText"] == "net::ERR_BLOCKED_BY_RESPONSE"])
