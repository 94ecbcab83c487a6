"""test_http_access.py - who sees and touches what: every verb, embed, upsert, column, filter.

Eve has an account and a company of her own; Ana's rows are what she tries to reach.
"""
import concurrent.futures
import contextlib
import http.client
import itertools

import pytest

import campaigns
from http_client import BYTES, JSON, TEXT, logged_in, unique
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

VIEWS = ("users", "companies", "company_members", "campaigns", "campaign_tests", "recipients",
         "applications", "tokens", "jobs")
EMPTY = ("campaigns", "campaign_tests", "recipients", "applications", "tokens")
VERBS = ("dispatch", "pause", "resume", "cancel", "reset")
FUNCTIONS = ("campaign_dispatch", "campaign_pause", "campaign_resume", "campaign_cancel",
             "campaign_status", "campaign_verify", "campaign_events", "campaign_receipt",
             "campaign_reset", "campaign_texts", "campaign_parts", "campaign_parts_pause", "campaign_parts_resume",
             "campaign_parts_cancel")
SECRETS = {"password": "users", "secret_hash": "applications", "hash": "tokens",
           "identifier_entropy": "campaigns", "identifier_time": "campaigns",
           "identifier_fingerprint": "campaigns"}
NUMBERS = b"+4930555010500\n"


def state(stack, ana, target):
    """Everything of Ana's that somebody could have changed."""
    return [stack.sql(query, value) for query, value in (
        ("SELECT * FROM campaign.users WHERE id = %s", ana.user_id),
        ("SELECT * FROM campaign.companies WHERE id = %s", ana.company_id),
        ("SELECT * FROM campaign.company_members WHERE company_id = %s", ana.company_id),
        ("SELECT * FROM campaign.campaigns WHERE id = %s", target),
        ("SELECT * FROM campaign.recipients WHERE campaign_id = %s ORDER BY seq", target),
        ("SELECT * FROM campaign.uploads WHERE campaign_id = %s", target))]


@pytest.fixture(name="untouched")
def fixture_untouched(stack, ana, target):
    """Fails if anything of Ana's is different afterwards."""
    before = state(stack, ana, target)
    yield
    assert state(stack, ana, target) == before


def reads(ana, target):
    """Addresses under which Ana's rows would be found."""
    return [f"/users/{ana.user_id}", f"/companies/{ana.company_id}", f"/campaigns/{target}",
            f"/users?id=eq.{ana.user_id}", f"/users?email=eq.{ana.email}",
            f"/users?or=(id.eq.{ana.user_id},email.is.null)",
            f"/companies?id=in.({ana.company_id})", f"/companies?id=eq.{ana.company_id}&select=id",
            f"/campaigns?id=eq.{target}", f"/campaigns?company_id=eq.{ana.company_id}",
            f"/campaigns?id=not.neq.{target}&order=created_at.desc",
            f"/recipients?campaign_id=eq.{target}", f"/campaigns/{target}/recipients",
            f"/companies/{ana.company_id}/members", f"/company_members?user_id=eq.{ana.user_id}",
            "/recipients?phone_number=like.*95550*", f"/campaigns/{target}/status",
            f"/campaigns/{target}/verify", f"/rpc/campaign_status?campaign_id={target}"]


def writes(ana, target):
    """(method, path, body, headers) that would change Ana's rows."""
    one = {"name": "taken"}
    upsert = {"Prefer": "resolution=merge-duplicates,return=representation"}
    yield "PATCH", f"/users/{ana.user_id}", {"email": f"{unique()}@example.com"}, {}
    yield "PATCH", f"/users/{ana.user_id}", {"password": "another password 1"}, {}
    yield "DELETE", f"/users/{ana.user_id}", None, {}
    for view, row_id in (("companies", ana.company_id), ("campaigns", target)):
        yield "PATCH", f"/{view}/{row_id}", one, {}
        yield "PATCH", f"/{view}?id=eq.{row_id}", one, {"Prefer": "return=representation"}
        yield "PATCH", f"/{view}?id=eq.{row_id}", {"deleted": True}, {}
        yield "DELETE", f"/{view}/{row_id}", None, {}
        yield "DELETE", f"/{view}?id=eq.{row_id}", None, {"Prefer": "return=representation"}
        yield "POST", f"/{view}?on_conflict=id", {"id": row_id, "message": "m", **one}, upsert
        yield "POST", f"/rpc/../{view}", {"id": row_id, **one}, upsert
    yield "PUT", f"/campaigns?id=eq.{target}", {"id": target, **one}, {}
    yield "POST", "/recipients", {"campaign_id": target, "phone_number": "+4930555010500"}, {}
    yield "DELETE", f"/recipients?campaign_id=eq.{target}", None, {}
    yield "PATCH", f"/recipients?campaign_id=eq.{target}", {"phone_number": "+493055501"}, {}
    yield "POST", "/campaigns", {"name": "n", "message": "m", "company_id": ana.company_id}, {}
    yield ("POST", "/campaigns/send", {"name": "n", "message": "m", "numbers": "+4930555010500\n",
                                       "company_id": ana.company_id}, {})
    yield "POST", f"/companies/{ana.company_id}/members", {"email": ana.email}, {}
    yield "DELETE", f"/companies/{ana.company_id}/members/{ana.user_id}", None, {}
    yield "POST", "/company_members", {"company_id": ana.company_id, "user_id": ana.user_id}, {}
    yield "DELETE", f"/company_members?company_id=eq.{ana.company_id}", None, {}
    for method, kind in itertools.product(("PUT", "POST"), (TEXT, BYTES, JSON)):
        body = b'{"numbers": ["+4930555010500"]}' if kind == JSON else NUMBERS
        yield method, f"/campaigns/{target}/numbers", body, {"Content-Type": kind}
    for verb in VERBS:
        yield "POST", f"/campaigns/{target}/{verb}", None, {}
    for name in FUNCTIONS:
        yield "POST", f"/rpc/{name}", {"campaign_id": target}, {}
    yield "POST", f"/campaigns/{target}/limit", {"per_second": 1}, {}
    yield "POST", f"/campaigns/{target}/canary", {"canary": 1}, {}
    yield "POST", f"/campaigns/{target}/dispatch_zones", {"hours": "09:00-18:00"}, {}
    yield "POST", f"/campaigns/{target}/parts/limit", {"per_second": 1}, {}
    raw = {"Content-Type": TEXT, "X-Campaign-Id": target}
    yield "POST", "/rpc/campaign_upload", NUMBERS, raw


def holds_nothing(answer):
    """Whether an answer of status 2xx gave no row away."""
    return answer.body in (b"", b"[]") or answer.body.strip() == b"[]"


def test_without_a_token(nobody, ana, target, untouched):
    """R0.8: 401 for everything but sign-up and login."""
    paths = [f"/{view}" for view in VIEWS] + ["/me"] + reads(ana, target)
    for path in paths:
        nobody.get(path).refused(401)
    for method, path, body, headers in writes(ana, target):
        answer = nobody.request(method, path, body, headers)
        # 400: PostgREST does not know the column, before it asks who wants to write it.
        assert answer.status in (400, 401, 404, 405), (method, path, answer)
    nobody.post("/logout").refused(401)


def test_reading_what_others_have(eve, ana, target, untouched):
    """R0.8: 403, 404 or no rows, whatever the filter."""
    for path in reads(ana, target):
        answer = eve.api.get(path, Prefer="count=exact")
        if answer.status < 300:
            assert holds_nothing(answer), (path, answer)
            assert answer.headers["Content-Range"] == "*/0", (path, answer)
        else:
            answer.refused(403, 404)
        assert ana.email.encode() not in answer.body


def test_one_thing_of_others_is_refused(eve, ana, target, untouched):
    """R0.8: a campaign or company of somebody else is 403, in whatever way; what is not there is 404."""
    for path in (f"/campaigns/{target}", f"/companies/{ana.company_id}"):
        for method, body in (("GET", None), ("PATCH", {"name": "mine"}), ("DELETE", None)):
            eve.api.request(method, path, body).refused(403)
            eve.api.request(method, path[:-4] + "0000", body).refused(404)
        assert eve.api.request("HEAD", path).status == 403
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        eve.api.request("PATCH", path, b"name=mine", form).refused(403)
        ana.api.get(path).expect(200)
    eve.api.get(f"/users/{ana.user_id}").refused(404)


def test_writing_what_others_have(eve, ana, target, untouched):
    """R0.8: every verb, upsert, RPC and upload leaves Ana's rows as they are."""
    for method, path, body, headers in writes(ana, target):
        answer = eve.api.request(method, path, body, headers)
        if answer.status < 300:
            assert holds_nothing(answer), (method, path, answer)
        else:
            assert answer.status in (400, 403, 404, 405, 409, 422), (method, path, answer)


def test_embedding_what_others_have(eve, ana, target, untouched):
    """R0.8: an embedded table is filtered as the table itself is."""
    for parent, child in itertools.permutations(VIEWS, 2):
        for inner in ("", "!inner"):
            answer = eve.api.get(f"/{parent}?select=*,{child}{inner}(*)")
            assert answer.status in (200, 400, 403), (parent, child, answer)
            for secret in (ana.email, ana.company_id, target, "95550"):
                assert secret.encode() not in answer.body, (parent, child, answer)


def test_no_count_gives_others_away(eve):
    """R0.8: a count is of one's own rows; the planner's estimates are of everybody's."""
    for view in VIEWS:
        answer = eve.api.get(f"/{view}?limit=1", Prefer="count=exact").expect(200, 206)
        total = int(answer.headers["Content-Range"].rpartition("/")[2])
        assert total == (0 if view in EMPTY else 1), (view, total)
        for kind in ("planned", "estimated", "Planned", "exact, count=planned"):
            eve.api.get(f"/{view}?limit=1", Prefer=f"count={kind}").refused(400)


def test_two_headers_do_not_get_an_estimate(eve):
    """R0.8: PostgREST would obey either."""
    for first, second in (("count=planned", "count=exact"), ("count=exact", "count=planned")):
        connection = http.client.HTTPConnection(eve.api.address, timeout=30)
        connection.putrequest("GET", "/recipients?limit=1")
        for name, value in (("Authorization", f"Bearer {eve.api.token}"), ("Prefer", first),
                            ("Prefer", second)):
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 400 or response.headers["Content-Range"] == "*/0"
        connection.close()


@pytest.mark.parametrize("column", SECRETS)
def test_secrets_are_no_columns(ana, column):
    """R0.1 R0.8: neither selected, filtered, ordered by nor embedded, even of one's own row."""
    view = SECRETS[column]
    for question in (f"select={column}", f"{column}=like.*", f"{column}=not.is.null",
                     f"order={column}", f"select=id&or=({column}.like.*,id.eq.x)",
                     f"select=x:{column}", f"columns={column}&select=secret:{column}::text"):
        answer = ana.api.get(f"/{view}?{question}").refused(400, 403)
        assert b"argon2" not in answer.body
    assert column not in ana.api.get(f"/{view}?limit=1").expect(200).body.decode()


def test_password_is_in_no_answer(nobody, ana):
    """R0.1: not in sign-up's, nor in a changed user's."""
    answers = [nobody.signup(f"{unique()}@example.com").expect(201),
               ana.api.get("/me"), ana.api.get(f"/users/{ana.user_id}"),
               ana.api.patch(f"/users/{ana.user_id}", {"email": ana.email, "password": ana.password},
                             headers={"Prefer": "return=representation"}).expect(200)]
    for answer in answers:
        assert b"argon2" not in answer.body and b"battery" not in answer.body, answer


def test_own_rows_only_are_listed(eve, ana, target):
    """R0.8: lists hold what is of one's companies; people of one's companies are seen."""
    assert [one["id"] for one in eve.api.get("/users").json] == [eve.user_id]
    assert [one["id"] for one in eve.api.get("/companies").json] == [eve.company_id]
    assert target not in [one["id"] for one in eve.api.get("/campaigns").json]
    assert target in [one["id"] for one in ana.api.get("/campaigns").json]


def test_members_share_a_company(stack):
    """R0.8: a member invites another, who then sees it all and can invite others."""
    url = stack.env["HTTP_URL"]
    owner, guest = logged_in(url, company=True), logged_in(url)
    campaign_id = owner.api.create_campaign(owner.company_id)
    members = f"/companies/{owner.company_id}/members"
    guest.api.post(members, {"email": guest.email}).refused(403, 404)
    guest.api.get(f"/campaigns/{campaign_id}").refused(403)
    owner.api.invite(owner.company_id, guest)

    guest.api.get(f"/campaigns/{campaign_id}").expect(200)
    guest.api.upload(campaign_id, NUMBERS).expect(200)
    assert {one["id"] for one in guest.api.get("/users").json} == {owner.user_id, guest.user_id}
    listed = guest.api.get(members).expect(200).json
    assert {one["user_id"] for one in listed} == {owner.user_id, guest.user_id}
    email = {"email": f"{unique()}@example.com"}
    guest.api.patch(f"/users/{owner.user_id}", email).refused(403, 404)
    guest.api.delete(f"/users/{owner.user_id}").refused(403, 404)
    owner.api.get("/me").expect(200)

    owner.api.delete(f"{members}/{guest.user_id}").expect(204)
    guest.api.get(f"/campaigns/{campaign_id}").refused(403)
    guest.api.get(f"/campaigns/{campaign_id}/status").refused(403)
    assert guest.api.get("/companies").json == []


def test_a_campaign_stays_in_its_company(ana, eve, target, untouched):
    """R0.8: it cannot be moved to, nor made in, a company of somebody else."""
    answer = ana.api.patch(f"/campaigns/{target}", {"company_id": eve.company_id})
    answer.refused(400, 403, 404, 409, 422)
    assert eve.api.get(f"/campaigns/{target}").status == 403


def test_progress_is_not_ours_to_write(ana, target, untouched):
    """R0.8: status, totals, times and ids of one's own campaign are read-only."""
    for field, value in (("status", "sent"), ("total", 0), ("sent_at", "2026-01-01T00:00:00Z"),
                         ("id", unique().lower()), ("created_at", "2000-01-01T00:00:00Z")):
        answer = ana.api.patch(f"/campaigns/{target}", {field: value})
        assert 400 <= answer.status < 500, (field, answer)


def test_tables_and_internals_are_not_served(ana):
    """R0.8: nothing but campaign_api is there, whatever schema is asked for."""
    for name in ("company_members", "uploads", "progress", "revoked_tokens", "outbox_active"):
        ana.api.get(f"/rpc/{name}").refused(404)
    for profile in ("campaign", "public", "pg_catalog"):
        answer = ana.api.get("/users", **{"Accept-Profile": profile})
        if answer.status < 300:
            assert b"argon2" not in answer.body
            continue
        answer.expect(406)
    for name in ("pg_sleep", "pg_read_file", "user_create", "password_hash", "jwt_sign",
                 "api_check", "report_stored"):
        ana.api.post(f"/rpc/{name}", {}).refused(404)


# Deleting ---------------------------------------------------------------------------------


def test_deleting_is_soft(stack, ana):
    """R0.9: 204; the row stays with deleted = true, hidden from every list, embed and verb."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    ana.api.upload(campaign_id, NUMBERS).expect(200)
    ana.api.delete(f"/campaigns/{campaign_id}").expect(204)
    assert stack.one("SELECT deleted FROM campaign.campaigns WHERE id = %s", campaign_id) is True
    assert stack.one("SELECT count(*) FROM campaign.recipients WHERE campaign_id = %s",
                     campaign_id) == 1

    ana.api.get(f"/campaigns/{campaign_id}").refused(404)
    for path in (f"/campaigns?id=eq.{campaign_id}", f"/campaigns/{campaign_id}/recipients"):
        assert ana.api.get(path).expect(200).json == []
    ana.api.get(f"/campaigns/{campaign_id}/status").refused(404)
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").refused(404)
    ana.api.upload(campaign_id, NUMBERS).refused(404)
    ana.api.patch(f"/campaigns/{campaign_id}", {"name": "back"}).refused(404)
    ana.api.delete(f"/campaigns/{campaign_id}").refused(404)


def test_a_deleted_company_is_hidden_with_its_campaigns(stack):
    """R0.9: what belongs to it stays in the tables and leaves the API."""
    owner = logged_in(stack.env["HTTP_URL"], company=True)
    campaign_id = owner.api.create_campaign(owner.company_id)
    owner.api.delete(f"/companies/{owner.company_id}").expect(204)
    assert stack.one("SELECT deleted FROM campaign.companies WHERE id = %s", owner.company_id)
    owner.api.get(f"/companies/{owner.company_id}").refused(404)
    owner.api.get(f"/campaigns/{campaign_id}").refused(404)
    assert stack.one("SELECT count(*) FROM campaign.campaigns WHERE id = %s", campaign_id) == 1


def test_nothing_is_deleted_without_a_filter(ana, target, untouched):
    """R0.9: PATCH and DELETE of a whole list are 400, however the list is spelled."""
    for view in VIEWS:
        for question in ("", "?select=id", "?limit=1&order=id", "?select=%22%20WHERE%20%22:id"):
            for method, body in (("DELETE", None), ("PATCH", {"name": "all"})):
                answer = ana.api.request(method, f"/{view}{question}", body)
                assert 400 <= answer.status < 500, (method, view, question, answer)


def test_api_roles_cannot_delete_rows(stack):
    """R0.9: no role that a request can have may delete from or empty a table."""
    rows = stack.sql("""
        SELECT role, c.oid::regclass::text, privilege
        FROM pg_class c,
            unnest(ARRAY['campaign_anon', 'campaign_user', 'campaign_app',
                         'campaign_authenticator']) AS role,
            unnest(ARRAY['DELETE', 'TRUNCATE', 'INSERT', 'UPDATE', 'TRIGGER']) AS privilege
        WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind IN ('r', 'p')
          AND has_table_privilege(role, c.oid, privilege)""")
    assert rows == []


def test_nobody_dispatches_in_a_company_that_is_being_deleted(stack):
    """A dispatch waits for a deletion that is not committed, and then is refused."""
    owner = logged_in(stack.env["HTTP_URL"], company=True)
    campaign_id = owner.api.create_campaign(owner.company_id)
    owner.api.upload(campaign_id, NUMBERS).expect(200)
    with contextlib.closing(stack.connect(autocommit=False)) as deleting, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        execute(deleting, "SELECT campaign.api_company_delete(%s)", owner.company_id)
        answer = pool.submit(owner.api.post, f"/campaigns/{campaign_id}/dispatch")
        pid = deleting.get_backend_pid()
        try:
            wait_until("the dispatch waits", lambda: answer.done() or stack.one(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)))",
                pid))
        finally:
            deleting.commit()
        answer.result().refused(404)
    assert campaigns.status(stack, campaign_id)["status"] == "draft"
