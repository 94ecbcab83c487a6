"""test_http_lists.py - lists whose pages fit together, and whether there is somebody to ask."""
import pytest

from http_client import LATER, logged_in, unique

pytest_plugins = ["http_fixtures"]


@pytest.fixture(name="owner", scope="module")
def fixture_owner(stack):
    """Somebody with several of everything, the first one changed last."""
    person = logged_in(stack.env["HTTP_URL"], company=True)
    campaigns = [person.api.create_campaign(person.company_id, name=unique()) for _ in range(5)]
    person.api.patch(f"/campaigns/{campaigns[0]}", {"name": "changed"}).expect(204)
    for _ in range(4):
        person.api.create_job("countdown", {"seconds": 1}, run_at=LATER)
        person.api.post("/applications", {"name": unique(), "company_id": person.company_id}).expect(201)
    for _ in range(3):
        person.api.create_company()
    return person


@pytest.mark.parametrize("route", ["/campaigns", "/companies", "/applications", "/job", "/jobs"])
def test_the_newest_comes_first(owner, route):
    """R7.4: without a question, and page by page; nothing comes twice or not at all."""
    rows = owner.api.get(route).expect(200).json
    assert len(rows) >= 4
    assert rows == sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    pages = [owner.api.get(f"{route}?limit=2&offset={start}").expect(200).json
             for start in range(0, len(rows), 2)]
    assert [row for page in pages for row in page] == rows


def test_the_order_of_the_client(owner):
    """R7.4: whoever names one gets it."""
    rows = owner.api.get("/campaigns?order=created_at.asc&select=name").expect(200).json
    assert rows[0] == {"name": "changed"}
    rows = owner.api.get("/companies?select=name,campaigns(name)&campaigns.order=created_at").json
    assert rows[-1]["campaigns"][0] == {"name": "changed"}
    answer = owner.api.get("/campaigns", Prefer="count=exact").expect(200, 206)
    assert answer.headers["Content-Range"] == "0-4/5"


def test_recipients_come_as_they_are_sent(owner):
    """R7.4: VIP before NORMAL, each in the order of its file."""
    campaign = owner.api.create_campaign(owner.company_id)
    owner.api.upload(campaign, b"+5511955500163\n+5511955500161\n").expect(200)
    owner.api.upload(campaign, b"+5511955500164\n+5511955500162\n", X_Class="VIP").expect(200)
    rows = owner.api.get(f"/campaigns/{campaign}/recipients").expect(200).json
    assert [row["phone_number"][-1] for row in rows] == ["4", "2", "3", "1"]


def test_health_needs_no_token(stack, nobody):
    """R7.4: nginx answers for itself, and for PostgreSQL only if that answers."""
    assert nobody.get("/health").expect(200).json == {"status": "ok"}
    for api in (nobody, nobody.with_token("x.y.z")):
        assert api.get("/ready").expect(200).json == {"status": "ok", "worker": True}
    for path in ("/health", "/ready"):
        assert nobody.request("HEAD", path).expect(200).body == b""
        nobody.post(path, {}).refused(405)
    stack.part("stop", "postgrest")
    try:
        assert nobody.get("/health").expect(200).json == {"status": "ok"}
        nobody.get("/ready").refused(503)
    finally:
        stack.part("start", "postgrest")
