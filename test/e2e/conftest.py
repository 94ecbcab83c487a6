"""conftest.py - functional tests on real servers.

    pytest test/e2e                        a stack of its own, taken away at the end
    CAMPAIGN_STACK=DIR pytest test/e2e     the stack of test/stack/up DIR, which stays

In test/support, stack.py is the servers, campaigns.py what the tests do with them, waiting.py the
patience.
"""
import pytest

from fixtures import no_dead_letters, no_store, stack, unhealed, unstored  # noqa: F401  pylint: disable=unused-import
from provider import gateway_driver  # noqa: F401  pylint: disable=unused-import


@pytest.fixture(autouse=True)
def _clean(no_dead_letters):  # noqa: F811
    """Every functional test, whether it asks for it or not."""
