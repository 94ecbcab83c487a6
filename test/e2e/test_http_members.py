"""test_http_members.py - who joins and leaves a company at the same moment. test/sql/63 has the rest."""
import concurrent.futures
import contextlib
import json

import psycopg2
import pytest

import jobs
from http_client import PASSWORD, logged_in, unique
from stack import execute
from waiting import wait_until

pytest_plugins = ["http_fixtures"]

WAITS = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


@pytest.fixture(name="two")
def fixture_two(stack):
    """Two members of a company, which has nobody else."""
    owner, guest = (logged_in(stack.env["HTTP_URL"], company=company) for company in (True, False))
    owner.api.invite(owner.company_id, guest)
    guest.company_id = owner.company_id
    return owner, guest


def invited(owner, person):
    """The id of an invitation to the owner's company."""
    answer = owner.api.post(f"/companies/{owner.company_id}/members", {"email": person.email})
    return answer.expect(201).json["id"]


@contextlib.contextmanager
def request(stack, person):
    """A connection in a transaction of a request of that person's, as PostgREST begins one."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        claims = {"role": "campaign_user", "user_id": person.user_id}
        execute(connection, "SELECT set_config('request.jwt.claims', %s, true)", json.dumps(claims))
        yield connection


def in_turn(stack, first, second, commit=True):
    """Runs a statement of two connections, the second one inside of the first, which then ends."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        execute(*first)
        later = threads.submit(execute, *second)
        wait_until("the second waits", lambda: later.done()
                   or stack.one(WAITS, second[0].info.backend_pid))
        if commit:
            first[0].commit()
        else:
            first[0].rollback()
        try:
            return later.result()
        finally:
            second[0].commit()


@pytest.mark.parametrize("leave", [
    "SELECT campaign_api.company_member_remove(%(company)s, %(member)s)",
    f"SELECT campaign_api.me_delete('{PASSWORD}', %(member)s)"])
def test_two_last_members_leave_at_once(stack, two, leave):
    """R7.1: one of them stays; if they delete their account, the company ends with it."""
    owner, guest = two
    with request(stack, owner) as one, request(stack, guest) as other:
        first, second = ((connection, leave.replace("%(company)s", f"'{owner.company_id}'")
                          .replace("%(member)s", f"'{person.user_id}'"))
                         for connection, person in ((one, owner), (other, guest)))
        if "company_member_remove" in leave:
            with pytest.raises(psycopg2.Error, match="the last member of a company cannot leave"):
                in_turn(stack, first, second)
        else:
            in_turn(stack, first, second)
    members, deleted = stack.sql(
        "SELECT (SELECT count(*) FROM campaign.company_members_live(c.id)), c.deleted"
        " FROM campaign.companies c WHERE c.id = %s", owner.company_id)[0]
    assert (members == 0) == deleted


def test_an_invitation_to_a_company_that_is_being_deleted(stack, two):
    """R7.1: nobody becomes a member of it."""
    owner, guest = two
    third = logged_in(stack.env["HTTP_URL"])
    invitation = invited(owner, third)
    with request(stack, guest) as deleting, request(stack, third) as accepting:
        with pytest.raises(psycopg2.Error, match="you have no such invitation"):
            in_turn(stack, (deleting, "DELETE FROM campaign_api.companies WHERE id = %s RETURNING 1",
                            owner.company_id),
                    (accepting, "SELECT campaign_api.invitation_accept(%s)", invitation))
    assert third.api.get("/me").json["companies"] == []


def test_the_inviter_ends_their_account_while_somebody_accepts(stack, two):
    """R7.2: both wait for the same company; the invitation is withdrawn, and nobody deadlocks."""
    owner, _ = two
    third = logged_in(stack.env["HTTP_URL"])
    invitation = invited(owner, third)
    with request(stack, owner) as holding, request(stack, owner) as ending, request(stack, third) as accepting:
        execute(holding, "SELECT FROM campaign.companies WHERE id = %s FOR UPDATE", owner.company_id)
        with concurrent.futures.ThreadPoolExecutor() as threads:
            waiting = []
            for connection, *statement in ((ending, "SELECT campaign_api.me_delete(%s)", PASSWORD),
                                           (accepting, "SELECT campaign_api.invitation_accept(%s)", invitation)):
                waiting.append(threads.submit(execute, connection, *statement))
                wait_until("it waits", lambda: stack.one(WAITS, connection.info.backend_pid))  # pylint: disable=cell-var-from-loop
            holding.rollback()
            waiting[0].result()
            ending.commit()
            with pytest.raises(psycopg2.Error, match="you have no such invitation"):
                waiting[1].result()
    assert third.api.get("/me").json["companies"] == []


def test_an_invitation_is_withdrawn_while_it_is_accepted(stack, two):
    """R7.1: whoever has accepted is a member, and the inviter is not told that nothing has come of it."""
    owner, _ = two
    third = logged_in(stack.env["HTTP_URL"])
    invitation = invited(owner, third)
    with request(stack, third) as accepting, request(stack, owner) as withdrawing:
        with pytest.raises(psycopg2.Error, match="has been answered"):
            in_turn(stack, (accepting, "SELECT campaign_api.invitation_accept(%s)", invitation),
                    (withdrawing, "DELETE FROM campaign_api.invitations WHERE id = %s RETURNING 1", invitation))
    assert owner.company_id in [one["id"] for one in third.api.get("/me").json["companies"]]


def test_an_application_is_taken_over_while_its_owner_is_removed(stack, two):
    """R7.6: whoever has its new secret keeps it."""
    owner, guest = two
    application = guest.api.post("/applications", {"name": "program", "company_id": owner.company_id}).expect(201).json
    with request(stack, owner) as taking, request(stack, owner) as removing:
        in_turn(stack, (taking, "SELECT campaign_api.application_rotate(%s)", application["id"]),
                (removing, "SELECT campaign_api.company_member_remove(%s, %s)", owner.company_id, guest.user_id))
    found = owner.api.get(f"/applications/{application['id']}").expect(200).json
    assert found["user_id"] == owner.user_id


def test_the_inviter_is_removed_at_that_moment(stack, two):
    """R7.1: who is no member any more invites nobody; what they had sent before is withdrawn."""
    owner, guest = two
    third = logged_in(stack.env["HTTP_URL"])
    remove = ("SELECT campaign_api.company_member_remove(%s, %s)", owner.company_id, guest.user_id)
    invite = ("SELECT campaign_api.company_member_invite(%s, %s)", owner.company_id, third.email)
    with request(stack, guest) as inviting, request(stack, owner) as removing:
        in_turn(stack, (inviting, *invite), (removing, *remove))
    assert third.api.get("/invitations").json == []
    owner.api.invite(owner.company_id, guest)
    with request(stack, owner) as removing, request(stack, guest) as inviting:
        with pytest.raises(psycopg2.Error, match="you are not a member"):
            in_turn(stack, (removing, *remove), (inviting, *invite))
    assert third.api.get("/invitations").json == []


def test_the_last_member_ends_their_account_while_somebody_accepts(stack):
    """R7.1: the company goes on with who has become a member of it."""
    url = stack.env["HTTP_URL"]
    owner, guest = logged_in(url, company=True), logged_in(url)
    invitation = invited(owner, guest)
    with request(stack, guest) as accepting, request(stack, owner) as ending:
        in_turn(stack, (accepting, "SELECT campaign_api.invitation_accept(%s)", invitation),
                (ending, "SELECT campaign_api.me_delete(%s, %s)", PASSWORD, owner.user_id))
    assert [company["id"] for company in guest.api.get("/companies").expect(200).json] == [owner.company_id]
    assert [one["user_id"] for one in guest.api.get(f"/companies/{owner.company_id}/members").json] == [guest.user_id]


@pytest.mark.parametrize("begins", ["company", "membership"])
@pytest.mark.parametrize("ends_first", [False, True])
def test_somebody_ends_their_account_while_they_become_a_member(stack, ana, begins, ends_first):
    """R7.1: no company has a member whose account has ended, and so none lives on with nobody in it."""
    person = logged_in(stack.env["HTTP_URL"])
    if begins == "company":
        begin = ("INSERT INTO campaign_api.companies (name, document) VALUES ('x', %s) RETURNING 1", unique())
    else:
        answer = ana.api.post(f"/companies/{ana.company_id}/members", {"email": person.email}).expect(201)
        begin = ("SELECT campaign_api.invitation_accept(%s)", answer.json["id"])
    with request(stack, person) as beginning, request(stack, person) as ending:
        steps = [(beginning, *begin), (ending, "SELECT campaign_api.me_delete(%s)", PASSWORD)]
        if ends_first:
            with pytest.raises(psycopg2.Error, match="this user is deleted"):
                in_turn(stack, *reversed(steps))
        else:
            in_turn(stack, *steps)
    assert stack.one("SELECT deleted FROM campaign.users WHERE id = %s", person.user_id)
    assert stack.one("SELECT count(*) FROM campaign.company_members m JOIN campaign.companies c ON c.id = m.company_id"
                     " WHERE m.user_id = %s AND NOT m.deleted AND NOT c.deleted", person.user_id) == 0


def test_a_dispatch_of_a_company_that_is_being_deleted(stack, two):
    """R7.1: a job that runs at that moment waits, and is refused."""
    owner, _ = two
    campaign_id = owner.api.create_campaign(owner.company_id)
    owner.api.upload(campaign_id, b"+5511955500101\n").expect(200)
    with request(stack, owner) as deleting:
        execute(deleting, "DELETE FROM campaign_api.companies WHERE id = %s RETURNING 1",
                owner.company_id)
        job_id = stack.one("SELECT job_create('dispatch', %s::jsonb)",
                           json.dumps({"campaign_id": campaign_id}))
        wait_until("the job waits for the deletion or is over", lambda: stack.one(
            "SELECT count(*) FROM pg_stat_activity a WHERE cardinality(pg_blocking_pids(a.pid)) > 0"
            " AND a.backend_type LIKE 'campaign job%%'")
            or jobs.get(stack, job_id)["status"] not in ("waiting", "running"))
        deleting.commit()
    wait_until("it was tried", lambda: jobs.get(stack, job_id)["error"]
               or jobs.get(stack, job_id)["status"] == "finished")
    stack.one("SELECT job_cancel(%s)", job_id)
    assert "is deleted" in jobs.get(stack, job_id)["error"]
    assert stack.one("SELECT status FROM campaign.campaigns WHERE id = %s", campaign_id) == "draft"


def test_a_stranger_takes_no_campaign(stack, eve):
    """R7.1: what somebody creates who was invited and has not answered goes nowhere."""
    person = logged_in(stack.env["HTTP_URL"])
    eve.api.post(f"/companies/{eve.company_id}/members", {"email": person.email}).expect(201)
    body = {"name": unique(), "message": "mine", "numbers": ["+5511955500101"]}
    person.api.post("/campaigns/send", body).refused(422)
    application = person.api.post("/applications", {"name": "my own"}).expect(201).json
    assert eve.api.get("/campaigns").json == [] == eve.api.get("/applications").json
    assert person.api.get(f"/applications/{application['id']}").json["company_id"] is None
