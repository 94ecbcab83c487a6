"""http_fixtures.py - people and addresses for the tests of the HTTP API."""
import pytest

from http_client import Api, logged_in, unique


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
