"""conftest.py - what both pages are tried with: one browser, and one set of servers."""
import functools
import http.server
import pathlib
import threading

import pytest

from chromium import Chromium, program
from stack import Stack, open_folder

HERE = pathlib.Path(__file__).parent


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves this folder, without a log."""

    def log_message(self, *_):
        pass


@pytest.fixture(name="origins", scope="session")
def fixture_origins():
    """The origins of two pages."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=HERE))
               for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"http://127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(name="stack", scope="session")
def fixture_stack(origins):
    """All servers; the second origin is not listed."""
    stack = Stack.up(environment={"CAMPAIGN_ORIGINS": f"https://app.example.com {origins[0]}"})
    yield stack
    stack.down()


@pytest.fixture(name="browser", scope="session")
def fixture_browser():
    """A browser without pages."""
    assert program(), "no Chromium: test/stack/install browser"
    with open_folder() as folder:
        browser = Chromium(folder)
        yield browser
        browser.close()
