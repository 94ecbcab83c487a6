"""test_functions.py - the functions of the page that know of no page, tried by Node."""
import pathlib

import pytest

from stack import run

FILES = sorted(path.name for path in pathlib.Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("name", FILES)
def test_functions(name):
    """R9.2: what the page shows, in which order, and what it asks for next."""
    told = run(["node", "--test", "--test-reporter=tap", pathlib.Path(__file__).with_name(name)]).stdout
    assert "\n# fail 0\n" in told and "\n# pass 0\n" not in told
