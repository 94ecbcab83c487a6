"""mail_fixtures.py - the fixtures of the tests of the mailer."""
import pytest

import mailers
from smtp_server import Certificate


@pytest.fixture(name="certificate", scope="session")
def _certificate(tmp_path_factory):
    """One for 127.0.0.1 whose authority nobody else knows."""
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(name="no_mailer")
def _no_mailer(stack):
    """The stack's own mailer does not run: the test has others."""
    with mailers.stopped_mailer(stack):
        yield


@pytest.fixture(name="soon")
def _soon(stack):
    """The second attempt comes after a tenth of a second."""
    with mailers.attempts(stack, 4):
        yield
