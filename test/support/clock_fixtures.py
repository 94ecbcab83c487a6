"""clock_fixtures.py - the fixtures of the tests that set the clock of the server's machine."""
import pytest

from stack import Stack, open_folder
from wall_clock import WallClock


@pytest.fixture(scope="module", name="clock")
def _clock():
    with open_folder() as folder:
        yield WallClock(folder)


@pytest.fixture(scope="module", name="server")
def _server(request, clock):
    """A stack that goes by the clock, with the SETTINGS of the test's module and without its PARTS."""
    running = Stack.up(settings=request.module.SETTINGS, without=request.module.PARTS,
                       environment=clock.environment)
    try:
        yield running
    finally:
        running.down()


@pytest.fixture(autouse=True)
def _clean():
    """Not that of conftest.py, which would start the stack of the other tests."""
