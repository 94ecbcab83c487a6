"""http_fixtures.py - people and addresses for the tests of the HTTP API."""
import pytest

from http_client import Api, logged_in, token_of, unique

# What a client can write; the rest of a campaign changes while it is being sent.
WRITTEN = {"users": "email, password, deleted", "companies": "name, document, deleted",
           "company_members": "company_id, user_id, deleted",
           "campaigns": "name, message, ordered, company_id, user_id, deleted",
           "recipients": "campaign_id, phone_number", "uploads": "campaign_id",
           "progress": "campaign_id", "applications": "name, company_id, user_id, deleted",
           "application_tokens": "application_id, name, revoked_at",
           "jobs": "type, meta, user_id, application_id"}


@pytest.fixture(name="nobody")
def fixture_nobody(stack):
    """The API without a token."""
    return Api(stack.env["HTTP_URL"])


@pytest.fixture(name="postgrest")
def fixture_postgrest(stack):
    """PostgREST without nginx before it."""
    return stack.env["POSTGREST_URL"]


@pytest.fixture(name="ana", scope="module")
def fixture_ana(stack):
    """Somebody with a company."""
    return logged_in(stack.env["HTTP_URL"], company=True)


@pytest.fixture(name="eve", scope="module")
def fixture_eve(stack):
    """Somebody else, with another company."""
    return logged_in(stack.env["HTTP_URL"], company=True)


@pytest.fixture(name="target")
def fixture_target(ana):
    """A draft of Ana's with two recipients: what others must not reach."""
    campaign_id = ana.api.create_campaign(ana.company_id, name=unique())
    ana.api.upload(campaign_id, b"+5511955500101\n+12025550102\n").expect(200)
    return campaign_id


@pytest.fixture(name="application")
def fixture_application(ana):
    """A new application of Ana's company, with its secret."""
    return ana.api.post("/applications", {"name": f"biller {unique()}"}).expect(201).json


@pytest.fixture(name="app")
def fixture_app(nobody, application):
    """An application of Ana's company, with its token."""
    return nobody.with_token(token_of(nobody, application)["token"])


def rows(stack):
    return [stack.sql(f"SELECT count(*), sum(hashtextextended(ROW({columns})::text, 0)) "
                      f"FROM campaign.{table}") for table, columns in WRITTEN.items()]


@pytest.fixture(name="stored_nothing")
def fixture_stored_nothing(stack, ana, target):
    """Fails if a row more or less is there afterwards, or another, or the servers have gone."""
    started = stack.one("SELECT pg_postmaster_start_time()")
    before = rows(stack)
    yield
    assert rows(stack) == before
    assert stack.one("SELECT pg_postmaster_start_time()") == started
    ana.api.get(f"/campaigns/{target}").expect(200)


@pytest.fixture(name="no_job")
def fixture_no_job(stack):
    """Fails if a job more is there afterwards: quicker than to look at everything."""
    before = stack.one("SELECT count(*) FROM campaign.jobs")
    yield
    assert stack.one("SELECT count(*) FROM campaign.jobs") == before


@pytest.fixture(name="key")
def fixture_key(stack):
    """The key that signs tokens."""
    return stack.env["JWT_SECRET"].encode()
